"""The main job: open the target, read it, judge it, report. Everything the CLI's bare run does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from .baseline import Baseline, measured
from .catalog import read_catalog
from .catalog.snapshot import fingerprint, load_snapshot
from .config import Config, LoadedConfig, config_names, suppression_uses
from .contract import build_contract
from .contract.merge import settled
from .contract.sources import SourceContext
from .declare import Check
from .evidence import gather
from .facts import Facts
from .judging import judge
from .locating import Whereabouts, located, shown_path
from .model.catalog import Catalog
from .model.contract import Contract
from .model.evidence import Evidence
from .model.finding import Severity
from .model.history import History
from .model.isolation import Isolation
from .model.report import Provenance, Report, RoleFacts, Target
from .progress import Progress
from .proving import Copy, Proving, prove_isolation, require_provable
from .report.build import Circumstances, build_report
from .rls import analyse
from .sqlite import SQLITE, fitted, is_sqlite
from .tenancy import identify

if TYPE_CHECKING:
    import psycopg

    from .migrations import MigrationSet
    from .scratch import Database, Server
    from .target import Destination
    from .vouching import Replayed

NO_ROWS_IN_SQLITE = "rows are counted in PostgreSQL alone"
NO_ROWS_IN_SNAPSHOT = "a snapshot holds no rows"
ROWS_NOT_WANTED = "row counts are switched off"


@dataclass(frozen=True)
class Source:
    """Where the catalog comes from: one of these, or libpq's environment when none is set. A `connection`
    belongs to the caller: it is read, and left open as it was. `sqlite` is an engine or connection of
    SQLAlchemy, or a connection of sqlite3, to an SQLite database; a URL may lead to one as well.

    `scratch` names the scratch server for `migrations`; `tool` the migration tool where the folder
    does not tell, and `command` runs migrations that are programs, in the folder `base`.
    """

    database_url: str | None = None
    migrations: Path | None = None
    snapshot: Path | None = None
    connection: "psycopg.Connection | None" = None
    sqlite: Any = None
    tool: str | None = None
    command: str | None = None
    base: Path = Path()
    scratch: str = "embedded"
    statement_timeout_ms: int = 30_000

    @property
    def kind(self) -> str:
        if self.snapshot is not None:
            return "snapshot"
        if self.sqlite is not None or is_sqlite(self.database_url):
            return "sqlite"
        return "migrations" if self.migrations is not None else "database"


@dataclass(frozen=True)
class Request:
    """One run, as the command line or a library caller asks for it.

    `now` is in UTC. `replay` None leaves it to the config whether its migrations are replayed.
    `list_subjects` keeps in the report what each check examined, by name. `baseline` is what the findings
    are measured against. `contracts` are sources of the contract besides the config's, relative to the
    working directory. `root` is the folder that the places of findings are relative to; None: that of
    the repository.
    """

    source: Source
    config: LoadedConfig
    checks: tuple[Check, ...]
    now: datetime
    fail_on: str = "error"
    rows: bool = True
    proving: Proving = Proving.NO
    replay: bool | None = None
    list_subjects: bool = False
    baseline: Baseline | None = None
    command: str = ""
    contracts: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    root: Path | None = None

    @property
    def base(self) -> Path:
        """The folder that paths in the config are relative to."""
        return self.config.path.parent if self.config.path else Path()


@dataclass(frozen=True)
class Opened:
    """An opened source: its catalog, the connection while it lasts, and how to call it. `copy` opens
    a throwaway database with the same schema. `ran` are migrations that are the source, and how they ran;
    if they failed, `no_catalog` says so, and the catalog is empty."""

    catalog: Catalog
    kind: str
    server: str
    connection: "psycopg.Connection | None" = None
    stand_ins: tuple[str, ...] = ()
    copy: Copy | None = None
    ran: "tuple[MigrationSet, Replayed] | None" = None
    no_catalog: str = ""


def examine(request: Request, progress: Progress) -> Report:
    """Examine the source and return the report.

    Raises the errors of its parts: `UsageError` for bad input, `ConnectError`, `ReadError` and
    `ScratchError` when it could not be completed.
    """
    started = monotonic()
    config = request.config.config
    require_provable(request.proving, request.source.kind)
    files = _configured(request)
    context = SourceContext(request.source.scratch, progress)
    contract = build_contract(config, request.base, context, named=request.contracts)
    with open_source(replace(request.source, base=request.base), progress, broken=True) as opened:
        facts = understand(opened.catalog, config, contract, request.now.date(), progress)
        facts = replace(facts, no_catalog=opened.no_catalog)
        facts = replace(facts, history=_history(request, files, opened, progress))
        with progress.step("counting rows in tenant tables"):
            facts = replace(facts, evidence=rows(opened, facts, config, request))
        facts = replace(facts, isolation=_proof(opened, facts, config, request, progress))
    with progress.step("running the checks"):
        outcome = judge(
            request.checks, facts, severities=severities(config), list_subjects=request.list_subjects
        )
    outcome = located(outcome, _whereabouts(request))
    compared = None
    if request.baseline is not None:
        outcome, compared = measured(outcome, request.baseline)
    given = Circumstances(
        target=_target(opened),
        provenance=_provenance(request, contract),
        generated_at=request.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_ms=_duration(started, request.environ),
        title=config.report.title or "",
        groups=config.report.groups,
        baseline=compared,
    )
    return build_report(facts, outcome, request.fail_on, given)


def _whereabouts(request: Request) -> Whereabouts:
    source, config = request.source, request.config
    named = config.config.migrations.path
    return Whereabouts(
        migrations=source.migrations or (request.base / named if named else None),
        tool=source.tool,
        config=config.path,
        base=request.base,
        root=request.root,
    )


def understand(
    catalog: Catalog, config: Config, contract: Contract, today: date, progress: Progress
) -> Facts:
    """Return what a catalog says by itself: tenancy, policies as read, the contract in its terms."""
    contract, names = settled(contract, catalog.server.default_schema), config_names(config)
    if catalog.server.product == SQLITE:
        catalog, contract = fitted(catalog, contract)
        names = tuple(name for name in names if name.kind != "role")
    with progress.step("identifying the tenancy"):
        tenancy = identify(catalog, config.tenancy, today=today)
    with progress.step("reading the policies"):
        analysis = analyse(catalog, tenancy)
    return Facts(
        catalog,
        tenancy,
        contract,
        analysis=analysis,
        suppressions=suppression_uses(config),
        config_names=names,
        today=today,
    )


def run_time(environ: Mapping[str, str]) -> datetime:
    """Return the time of the run in UTC; SOURCE_DATE_EPOCH (seconds) fixes it.

    Source: reproducible-builds.org, SOURCE_DATE_EPOCH specification.
    """
    fixed = environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(fixed), UTC) if fixed.isdigit() else datetime.now(UTC)


def _duration(started: float, environ: Mapping[str, str]) -> int:
    return 0 if environ.get("SOURCE_DATE_EPOCH", "").isdigit() else round((monotonic() - started) * 1000)


def severities(config: Config) -> dict[str, Severity]:
    """Return the severities that the config sets, by check."""
    return {id: Severity(name) for id, name in config.checks.severity.items()}


def _configured(request: Request) -> "MigrationSet | None":
    """Return the migrations that the config names for a database or a snapshot, if anything is to judge
    them. What cannot be read is said before anything is opened."""
    named, judged = request.config.config.migrations, any(c.on_migrations for c in request.checks)
    if request.source.kind == "migrations" or not (request.replay or (named.path and judged)):
        return None
    from .vouching import configured

    return configured(named, request.base, replay=request.replay)


def _history(request: Request, files: "MigrationSet | None", opened: Opened, progress: Progress) -> History:
    if opened.ran is not None:
        from .vouching import history_of_files

        return history_of_files(opened.ran[0], request.base, opened.ran[1])
    if files is None:
        return History()
    from .vouching import Live, vouch

    source, named = request.source, request.config.config.migrations
    live = Live(
        catalog=opened.catalog, connection=opened.connection, copy=opened.copy, scratch=source.scratch
    )
    wanted = named.replay if request.replay is None else request.replay
    return vouch(files, live, named, request.base, replay=wanted, progress=progress)


def rows(opened: Opened, facts: Facts, config: Config, request: Request) -> Evidence:
    """Return the bounded row counts of the target, or why there are none."""
    if opened.no_catalog:
        return Evidence(reason=opened.no_catalog)
    if opened.catalog.server.product == SQLITE:
        return Evidence(reason=NO_ROWS_IN_SQLITE)
    if opened.connection is None:
        return Evidence(reason=NO_ROWS_IN_SNAPSHOT)
    if not (request.rows and config.data.enabled):
        return Evidence(reason=ROWS_NOT_WANTED)
    return gather(opened.connection, facts, config.data)


def _proof(opened: Opened, facts: Facts, config: Config, request: Request, progress: Progress) -> Isolation:
    if opened.no_catalog:
        return Isolation(wanted=request.proving is not Proving.NO, reason=opened.no_catalog)
    return prove_isolation(
        request.proving,
        facts,
        config.prove,
        copy=opened.copy,
        connection=opened.connection,
        progress=progress,
        beside=tuple(c.id for c in request.checks),
    )


@contextmanager
def open_source(source: Source, progress: Progress, *, broken: bool = False) -> Iterator[Opened]:
    """Open the source and read its catalog; what was started for it ends with the block.

    Migrations that fail raise `MigrationError`, unless `broken` ones are wanted too.
    """
    if source.snapshot is not None:
        yield Opened(load_snapshot(source.snapshot), "snapshot", source.snapshot.name)
    elif source.kind == "sqlite":
        with _open_sqlite(source, progress) as opened:
            yield opened
    elif source.migrations is not None:
        with _open_migrations(source, source.migrations, progress, broken=broken) as opened:
            yield opened
    elif source.connection is not None:
        yield _read_connection(source.connection, progress)
    else:
        with _open_database(source, progress) as opened:
            yield opened


def _read_connection(connection: "psycopg.Connection", progress: Progress) -> Opened:
    from .target import parse_url

    with progress.step("reading the catalog"):
        catalog = read_catalog(connection)
    return Opened(catalog, "database", parse_url(connection.info.dsn).shown, connection)


@contextmanager
def _open_database(source: Source, progress: Progress) -> Iterator[Opened]:
    from .target import connect, parse_url

    destination = parse_url(source.database_url)
    with progress.step(f"connecting to {destination.shown}"):
        connection = connect(source.database_url, statement_timeout_ms=source.statement_timeout_ms)
    with connection:
        with progress.step("reading the catalog"):
            catalog = read_catalog(connection, default_schema=destination.default_schema)
        copy = partial(_copy, source, destination, catalog, progress)
        yield Opened(catalog, "database", destination.shown, connection, copy=copy)


@contextmanager
def _open_sqlite(source: Source, progress: Progress) -> Iterator[Opened]:
    from .sqlite import opened, read_sqlite
    from .sqlite.opening import shown

    given = source.sqlite if source.sqlite is not None else source.database_url
    name = shown(given)
    with progress.step("reading the catalog"), opened(given) as connection:
        catalog = read_sqlite(connection, name)
    yield Opened(catalog, "database", name)


@contextmanager
def _copy(
    source: Source, destination: "Destination", catalog: Catalog, progress: Progress
) -> Iterator[tuple["Database", tuple[str, ...]]]:
    """Open a database on a scratch server with the schema of a live one, without its rows."""
    from .isolation import copy_schema
    from .scratch import open_server

    with (
        open_server(source.scratch, key=fingerprint(catalog), progress=progress) as server,
        copy_schema(server, destination, catalog, progress) as copied,
    ):
        yield copied


@contextmanager
def _clone(server: "Server", template: str) -> Iterator[tuple["Database", tuple[str, ...]]]:
    with server.database(template) as database:
        yield database, ()


@contextmanager
def _open_migrations(source: Source, folder: Path, progress: Progress, *, broken: bool) -> Iterator[Opened]:
    from .errors import MigrationError
    from .migrations import discover
    from .scratch import open_server
    from .vouching import replayed

    migrations = discover(folder, source.tool, programs=source.command is not None)
    with (
        progress.step("starting the scratch PostgreSQL"),
        open_server(source.scratch, key=migrations.digest, progress=progress) as server,
    ):
        with progress.step(f"applying {len(migrations.files)} migrations"):
            ran = replayed(server, migrations, source.command, source.base)
        if ran.failure and not broken:
            raise MigrationError(ran.error)
        template = None if ran.failure else ran.template
        with server.database(template) as database, database.connect() as connection:
            with progress.step("reading the catalog"):
                catalog = read_catalog(connection, default_schema="public")
            opened = Opened(
                replace_database(catalog, _shown_folder(folder)),
                "migrations",
                f"scratch PostgreSQL ({source.scratch})",
                stand_ins=ran.notes.stand_ins,
                ran=(migrations, ran),
            )
            if ran.failure:
                yield replace(
                    opened, no_catalog=f"there is no schema to judge: {ran.failure.statement.file} fails"
                )
            else:
                yield replace(opened, connection=connection, copy=lambda: _clone(server, ran.template))


def _shown_folder(folder: Path) -> str:
    """Return the last two names of the folder: enough to know it, nothing of the machine."""
    return "/".join(folder.resolve().parts[-2:]).lstrip("/")


def replace_database(catalog: Catalog, name: str) -> Catalog:
    """Return the catalog under the name that stands in the report: a throwaway database's own
    name differs with every run."""
    import msgspec

    return msgspec.structs.replace(catalog, server=msgspec.structs.replace(catalog.server, database=name))


def _target(opened: Opened) -> Target:
    server = opened.catalog.server
    return Target(
        kind=opened.kind,
        server=opened.server,
        server_version=server.version,
        product=server.product,
        database=server.database,
        role=RoleFacts(
            name=server.role.name, superuser=server.role.superuser, bypassrls=server.role.bypassrls
        ),
        fingerprint=fingerprint(opened.catalog),
        stand_ins=opened.stand_ins,
        unreadable=tuple(f"{u.what}: {u.reason}" for u in opened.catalog.unreadable),
    )


def _provenance(request: Request, contract: Contract) -> Provenance:
    import hashlib

    import msgspec

    env = request.environ
    declared = msgspec.json.encode(request.config.config.contract)
    if contract.sources:
        declared += msgspec.json.encode(contract)
    return Provenance(
        config_path=shown_path(request.config.path, request.root) if request.config.path else "",
        config_sha256=request.config.text_sha256,
        contract_sha256=hashlib.sha256(declared).hexdigest(),
        git_commit=env.get("GITHUB_SHA") or env.get("CI_COMMIT_SHA") or env.get("GIT_COMMIT", ""),
        ci_url=_ci_url(env),
        command=request.command,
    )


def _ci_url(env: Mapping[str, str]) -> str:
    if env.get("GITHUB_RUN_ID"):
        repository = f"{env.get('GITHUB_SERVER_URL', '')}/{env.get('GITHUB_REPOSITORY', '')}"
        return f"{repository}/actions/runs/{env['GITHUB_RUN_ID']}"
    return env.get("CI_JOB_URL") or env.get("BUILD_URL", "")
