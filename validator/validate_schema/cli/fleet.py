"""`validate-schema fleet`: many members that should hold one schema."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options
from .lazy import LazyGroup, refuse_stray_options

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..config import LoadedConfig
    from ..config.shape import FleetConfig
    from ..fleets.request import FleetRequest, Outside, Target
    from ..model.fleet import Part
    from ..run.request import Request
    from ..run.source import Source


COMMANDS = {
    "fix": "Write what makes the members that differ like the reference, tried on copies.",
    "merge": "Put the parts of a fleet, read with --shard, together into one report.",
}

_GATES = ("error", "warning", "info", "never")

output = options.together(
    click.option(
        "--report", "reports", multiple=True, metavar="PATH", help="Write a report; - is stdout. Repeatable."
    ),
    click.option(
        "--format",
        "formats",
        multiple=True,
        metavar="FORMAT",
        help="Format of the --report at the same place: txt, json, md, html, csv, junit, sarif, openmetrics.",
    ),
    click.option(
        "--fail-on",
        type=click.Choice(_GATES),
        help="Lowest severity of a finding that fails the run; drift always does. Default: [report] fail_on,"
        " then error.",
    ),
    click.option("--quiet", "-q", is_flag=True, help="Only the verdict line on standard output."),
)


members = options.together(
    click.option(
        "--database-url",
        type=options.SECRET,
        metavar="URL",
        help="The database of the members, or that lists them. Default: DATABASE_URL, then PG*.",
    ),
    click.option(
        "--schemas",
        metavar="PATTERN",
        help="Members are these schemas: LIKE 'tenant_%', or a regex /^t\\d+$/.",
    ),
    click.option(
        "--schemas-query", metavar="SQL", help="Members are the schemas whose names this query gives."
    ),
    click.option("--databases", metavar="PATTERN", help="Databases of the server, LIKE or /regex/."),
    click.option("--targets", metavar="FILE", help="Databases: CSV rows of name,url; - is standard input."),
    click.option(
        "--targets-query", metavar="SQL", help="Databases: rows of name and url from --database-url."
    ),
    click.option("--expected", metavar="SQL", help="The names of the members that there should be."),
    click.option(
        "--exclude",
        "excluded",
        multiple=True,
        metavar="NAME=REASON",
        help="Leave these members out. Repeatable.",
    ),
    click.option(
        "--reference",
        metavar="NAME",
        help="What to measure against: a member, or a snapshot (default: the most common shape).",
    ),
    click.option(
        "--parallel", type=click.IntRange(min=1), metavar="N", help="Databases read at a time (default: 4)."
    ),
)


@click.group("fleet", cls=LazyGroup, lazy=COMMANDS, prefix="fleet_", invoke_without_command=True)
@members
@click.option(
    "--migrations",
    metavar="DIR",
    help="Measure against what these migrations make, and tell since which of them a member stands apart.",
)
@click.option("--shard", metavar="K/N", help="Read the K-th of N parts, and write it to --report PART.json.")
@click.option(
    "--resume",
    metavar="STATE",
    help="Do not read members again that have not changed since the run that wrote this file; write it.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Have the workers of this Dask cluster read the databases: tcp://host:8786.",
)
@click.option(
    "--prove",
    is_flag=True,
    help="Also try, on a copy, what the roles of one member can do to another's rows.",
)
@options.scratch
@options.statement_timeout
@options.timeout
@options.config
@options.selection_ids
@output
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int | None:
    """Tell which members of a fleet are not like the others, and what differs.

    \b
    validate-schema fleet --database-url URL --schemas 'tenant_%'
    validate-schema fleet --database-url URL --databases 'app_%' --report fleet.html
    validate-schema fleet --targets fleet.csv --shard 1/4 --report part-1.json

    A member is a schema in a database, or a database. Members that are alike are one shape; one of each shape
    is read in full, judged by the checks and compared with the reference. Nothing is written.

    Ends with 0 when all members are alike and nothing is found, 1 when one differs or is absent, or a check
    fails, 2 for what cannot be used, 3 when one could not be examined.
    """
    if ctx.invoked_subcommand is not None:
        refuse_stray_options(ctx)
        return None
    from ..fleets.job import read_part
    from ..model.progress import Progress
    from .inputs import STDOUT, refuse_inputs
    from .request import config_of

    pairs = destinations(given)
    told = options.Options(
        database_url=given["database_url"],
        scratch=given["scratch"],
        config_path=given["config_path"],
        statement_timeout=given["statement_timeout"],
        timeout=given["timeout"],
        select=given["select"],
        ignore=given["ignore"],
        packs=given["packs"],
        fail_on=given["fail_on"],
    )
    config = config_of(told)
    request = request_of(given, told, config)
    read = [Path(path) for path in (given["targets"], given["resume"]) if path and path != STDOUT]
    refuse_inputs((path for path, _ in pairs), read)
    part = read_part(request, Progress())
    if request.state is not None and not given["quiet"]:
        told_again = sum(len(one.readings) for one in part.surveyed)
        click.echo(
            f"{given['resume']}: {request.state.recalls:,} of {told_again:,} members had not changed",
            err=True,
        )
    if given["shard"]:
        return write_part(part, pairs)
    return conclude_to([part], request.run, pairs, quiet=given["quiet"])


def destinations(given: dict[str, Any]) -> list[tuple[str, str]]:
    """Return where each report goes and its format. Raises `UsageError` before any work is done."""
    from ..model.errors import UsageError
    from ..report.fleet import FLEET_FORMATS, fleet_format_of
    from .inputs import STDOUT
    from .output import require_folder

    reports, formats = given["reports"], given["formats"]
    pairs = [(p, formats[n] if n < len(formats) else fleet_format_of(p)) for n, p in enumerate(reports)]
    pairs += [(STDOUT, format) for format in formats[len(reports) :]]
    if sum(path == STDOUT for path, _ in pairs) > 1:
        raise UsageError("standard output can hold one report: give the others a path")
    for path, format in pairs:
        if format not in FLEET_FORMATS:
            raise UsageError(f"--format {format}: known are {', '.join(FLEET_FORMATS)}")
        require_folder(path)
    return pairs


def conclude_to(parts: "Sequence[Part]", run: "Request", pairs: list[tuple[str, str]], *, quiet: bool) -> int:
    """Make the report of a fleet, write it, and return the exit status."""
    from ..fleets.conclude import conclude
    from ..model.progress import Progress
    from ..report.fleet import render_fleet, verdict_line

    report = conclude(parts, run, Progress())
    put(pairs, lambda format: render_fleet(report, format))
    if all(path != "-" for path, _ in pairs):
        click.echo(verdict_line(report) if quiet else render_fleet(report, "txt").rstrip("\n"))
    return report.verdict.exit_status


def write_part(part: "Part", pairs: list[tuple[str, str]]) -> int:
    """Write what was read of a shard. Raises `UsageError` where it has nowhere to go."""
    import msgspec

    from ..model.errors import UsageError

    if not pairs or any(format != "json" for _, format in pairs):
        raise UsageError("--shard: a part is kept as JSON, for `fleet merge`: give --report PART.json")
    text = msgspec.json.encode(part, order="deterministic").decode() + "\n"
    put(pairs, lambda _: text)
    lost = len(part.lost) + sum(bool(one.reason) for one in part.surveyed)
    read = sum(len(one.readings) for one in part.surveyed) - len(part.lost)
    said = f"part {part.shard[0]}/{part.shard[1]}: {read:,} members read, {lost:,} not"
    click.echo(said, err=True)
    return 3 if lost or part.interrupted else 0


def put(pairs: list[tuple[str, str]], rendered: "Callable[[str], str]") -> None:
    """Write each report where it goes."""
    from ..report import write

    for path, format in pairs:
        if path == "-":
            click.echo(rendered(format), nl=False)
        else:
            write(rendered(format), Path(path))


def shard_of(text: str | None) -> tuple[int, int]:
    """Return K and N. Raises `UsageError` for what is not K/N."""
    from ..model.errors import UsageError

    if not text:
        return 1, 1
    k, _, n = text.partition("/")
    if not (k.isdecimal() and n.isdecimal()):
        raise UsageError(f"--shard {text}: write K/N, K from 1 to N")
    return int(k), int(n)


def request_of(given: dict[str, Any], told: options.Options, config: "LoadedConfig") -> "FleetRequest":
    """Return what the options ask for, the config's [fleet] where they do not say. Raises `UsageError`."""
    from ..fleets.request import FleetRequest, excluded_of, judging_proof
    from ..fleets.state import State
    from ..run.source import Source
    from .request import database_of

    named = config.config.fleet
    targets = _targets(given["targets"] or (named.targets and str(config.base / named.targets)))
    source = Source(
        database_url=None if targets else database_of(told),
        scratch=told.scratch,
        statement_timeout_ms=told.statement_timeout,
    )
    excluded = [(e.name, e.reason) for e in named.exclude]
    excluded += [(name, reason) for name, _, reason in (text.partition("=") for text in given["excluded"])]
    chosen = any(given[key] for key in ("databases", "targets", "targets_query"))
    reference, outside = _measure(given, named, config)
    run = run_of(source, told, config)
    return FleetRequest(
        run=judging_proof(run) if given["prove"] else run,
        shard=shard_of(given["shard"]),
        schemas=given["schemas"] or ("" if given["schemas_query"] else named.schemas or ""),
        schemas_query=given["schemas_query"] or ("" if given["schemas"] else named.query or ""),
        databases=given["databases"] or ("" if chosen else named.databases or ""),
        targets=targets,
        targets_query=given["targets_query"] or "",
        expected=given["expected"] or named.expected or "",
        reference="" if outside else reference,
        outside=outside,
        excluded=excluded_of(excluded),
        parallel=given["parallel"] or named.parallel,
        prove=given["prove"],
        scheduler=given["scheduler"] or named.scheduler or "",
        state=State(Path(given["resume"])) if given["resume"] else None,
    )


def _measure(
    given: dict[str, Any], named: "FleetConfig", config: "LoadedConfig"
) -> "tuple[str, Outside | None]":
    """Return the member to measure against, or what is none. Raises `UsageError` for two of them."""
    from ..fleets.request import outside_of
    from ..model.errors import UsageError

    reference, migrations = given["reference"], given["migrations"]
    if reference and migrations:
        raise UsageError("--reference and --migrations both say what to measure against: give one")
    if migrations:
        return "", outside_of(f"migrations:{migrations}", Path())
    if reference:
        return reference, outside_of(reference, Path())
    return named.reference or "", outside_of(named.reference or "", config.base)


def run_of(source: "Source", told: options.Options, config: "LoadedConfig") -> "Request":
    """Return the checks that are run, and by what they fail."""
    from msgspec.structs import replace

    from ..run.request import request_for, split_ids
    from .request import shown_command

    run = request_for(
        source, config, select=split_ids(told.select), ignore=split_ids(told.ignore), packs=told.packs
    )
    gate = told.fail_on or config.config.report.fail_on
    return replace(run, command=shown_command(sys.argv[1:]), fail_on=gate if gate in _GATES else "error")


def _targets(path: str | None) -> "tuple[Target, ...]":
    from ..fleets.request import read_targets, targets_in

    if not path:
        return ()
    return read_targets(sys.stdin, "standard input") if path == "-" else targets_in(path)
