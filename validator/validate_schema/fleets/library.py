"""`from validate_schema import fleet`: the command line's job as a function."""

from collections.abc import Mapping
from pathlib import Path

from ..model.errors import UsageError
from ..model.fleet import FleetReport
from ..model.progress import Silence
from ..model.secret import Secret
from ..run.arguments import Asked, asked
from .job import examine_fleet
from .request import FleetRequest, Target, distinct, excluded_of, judging_proof, outside_of, targets_in
from .state import State


def fleet(
    *,
    database_url: str | None = None,
    schemas: str = "",
    schemas_query: str = "",
    databases: str = "",
    targets: Mapping[str, str] | str | Path | None = None,
    targets_query: str = "",
    expected: str = "",
    exclude: Mapping[str, str] | None = None,
    reference: str = "",
    migrations: str | Path | None = None,
    resume: str | Path | None = None,
    parallel: int = 4,
    prove: bool = False,
    scheduler: str = "",
    config: str | Path | None = None,
    select: str = "",
    ignore: str = "",
    fail_on: str = "error",
    statement_timeout_ms: int = 30_000,
) -> FleetReport:
    """Examine many schemas or databases that should be alike, and return the report.

    The arguments are the command line's. `targets` are URLs by name, or a CSV file of them; `exclude` gives
    the reason by name or pattern; `reference` names a member or a snapshot's file, and `migrations` a folder
    to measure against; `resume` is the file of what an earlier run knew; `prove` tries on a copy what the
    roles of one member reach in another. What the config's [fleet] says is for the command line alone.

    Raises `UsageError` for a wrong argument, `ConnectError` and `ReadError` where the members cannot be
    listed; a member that cannot be examined is in the report.
    """
    named: tuple[Target, ...] = ()
    if isinstance(targets, Mapping):
        named = distinct([Target(name, Secret(url)) for name, url in targets.items()], "targets")
    elif targets is not None:
        named = targets_in(targets)
    given: Asked = {
        "database_url": database_url or "dbname=postgres",
        "select": select,
        "ignore": ignore,
        "fail_on": fail_on,
        "statement_timeout_ms": statement_timeout_ms,
        "config": config,
    }
    if not (named or database_url):
        raise UsageError("no database: give database_url or targets")
    if reference and migrations is not None:
        raise UsageError("reference and migrations both say what to measure against: give one")
    measure = reference if migrations is None else f"migrations:{migrations}"
    outside = outside_of(measure, Path())
    request = FleetRequest(
        run=judging_proof(asked(given)) if prove else asked(given),
        schemas=schemas,
        schemas_query=schemas_query,
        databases=databases,
        targets=named,
        targets_query=targets_query,
        expected=expected,
        reference="" if outside else reference,
        outside=outside,
        state=State(Path(resume)) if resume is not None else None,
        excluded=excluded_of((exclude or {}).items()),
        parallel=parallel,
        prove=prove,
        scheduler=scheduler,
    )
    return examine_fleet(request, Silence())
