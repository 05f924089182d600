"""The history of the migrations as part of a run: the files, the ledger, and what running them shows."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..config import Config, MigrationsConfig
from ..migrations import MigrationSet, ReplayNotes, discover, templated
from ..migrations.records import FailedMigration, MigrationFile
from ..model.catalog import Catalog, QName
from ..model.deploy import Deploy
from ..model.errors import MigrationError, ScratchError, UsageError
from ..model.history import Drift, DryRuns, History, HistoryEntry, Ledger, Replay, UpgradePaths
from ..model.progress import Progress
from ..model.secret import Secret
from ..model.wording import some
from .opened import File, Live, Ran, Snapshot

if TYPE_CHECKING:
    from ..scratch import Database, Server

ONLY_FILES = "no ledger: the migrations ran on a scratch server, and no database was looked at"
NO_LEDGER_IN_SNAPSHOT = "no ledger: a snapshot holds the schema, not the rows of the ledger"
NO_LEDGER_ELSEWHERE = "no ledger: it is read in PostgreSQL alone, and this is {}"
NO_REPLAY_ELSEWHERE = "migrations are replayed on PostgreSQL, and this is {}"
NO_COPY = "a connection that is open already cannot be copied, and a dry run works on a copy"
NO_REPLAY = "not part of this run (--replay, or replay = true in [migrations])"
NOTHING_LIVE = "there is no database to compare with: only the files were given"
NOT_APPLIED = ("pending", "gap", "failed", "rolled_back", "on_disk")
NO_FOLDER = "--replay needs migrations: name their folder as `path` in [migrations]"


def configured(config: MigrationsConfig, base: Path, *, replay: bool | None) -> MigrationSet | None:
    """Return the migrations that the config names, relative to its own folder `base`; whose they are may
    be for the ledger to decide.

    Raises `MigrationError` when they cannot be read, and `UsageError` when a replay is asked for by
    option (`replay`) though nothing is named.
    """
    if config.path is not None:
        return discover(
            base / config.path,
            config.tool,
            programs=True,
            placeholders=config.placeholders,
            role=config.role,
            decided=False,
        )
    if replay:
        raise UsageError(NO_FOLDER)
    return None


def replayed(
    server: "Server", migrations: MigrationSet, command: str | None = None, base: Path = Path()
) -> Ran:
    """Run the migrations on `server`, or find that this was done before. `command` runs those that are
    programs, in the folder `base`. Raises what `templated` raises, but for a migration that fails: that
    is a result."""
    if command is not None and migrations.program:
        from ..migrations.run.command import templated_by

        try:
            template, notes = templated_by(server, command, migrations, base)
        except FailedMigration as failed:
            return Ran(ReplayNotes(), failure=failed.failure, error=str(failed))
        return Ran(notes, template)
    try:
        template, notes = templated(server, migrations)
    except FailedMigration as failed:
        return Ran(ReplayNotes(), failure=failed.failure, error=str(failed))
    return Ran(notes, template)


def history_of_files(migrations: MigrationSet, base: Path, ran: Ran | None = None) -> History:
    """Return what the files tell by themselves: order, versions that two claim, stray files, repeated DDL;
    and how they `ran` on a scratch server, if they did. `base` is the config's folder."""
    from ..migrations import tools
    from ..migrations.ddl.repeated import parse_ddl
    from ..migrations.history.compare import compare, shared
    from ..migrations.history.order import heads, stepping_back

    entries = compare(migrations, None)
    stray = tuple(migrations.label(path) for path in migrations.stray)
    ddl = parse_ddl(migrations)
    beside = tuple(r for r in ddl.repeated if r.statements[-1].file in stray)
    return History(
        examined=True,
        reason="",
        tool=migrations.tool,
        words=tools.find(migrations.tool).words,
        folder=shown_folder(migrations.folder, base),
        ledger_reason=ONLY_FILES,
        entries=_ran(_told(entries, ran.notes), _replay(migrations, ran)) if ran else entries,
        shared=shared(migrations),
        stray=stray,
        heads=heads(migrations),
        stepping_back=stepping_back(migrations),
        statements=ddl.statements,
        unseen=ddl.unseen + ddl.unparsed,
        repeated=tuple(r for r in ddl.repeated if r not in beside),
        stray_repeats=beside,
        replay=_replay(migrations, ran) if ran else Replay(reason=NO_REPLAY),
        drift=Drift(reason=NOTHING_LIVE if ran else NO_REPLAY),
        dry_run=DryRuns(reason=NOTHING_LIVE if ran else NO_REPLAY),
        notes=(*migrations.notes, *ddl.notes, *(_unread(ran.notes) if ran else ())),
    )


def shown_folder(folder: Path, base: Path) -> str:
    """Return a folder relative to the config's, which is how annotations name files; of one that lies
    elsewhere the last two names: enough to know it, nothing of the machine."""
    place, home = folder.resolve(), base.resolve()
    if place.is_relative_to(home):
        return place.relative_to(home).as_posix()
    return "/".join(place.parts[-2:]).lstrip("/")


def _replay(migrations: MigrationSet, ran: Ran) -> Replay:
    labels = tuple(migrations.label(f.path) for f in migrations.files)
    failed = ran.failure.statement.file if ran.failure else ""
    before = labels[: labels.index(failed)] if failed in labels else ()  # a command tells of none
    return Replay(
        wanted=True,
        attempted=True,
        applied=before if failed else labels,
        failure=ran.failure,
        stand_ins=ran.notes.stand_ins,
        role="" if migrations.program else migrations.role or "",
        hidden=ran.notes.hidden,
    )


def _told(entries: tuple[HistoryEntry, ...], notes: ReplayNotes) -> tuple[HistoryEntry, ...]:
    """Return the entries with what the replay of their files did."""
    purposes = dict(zip(notes.applied, notes.purposes, strict=False))
    losses = dict(zip(notes.applied, notes.losses, strict=False))
    return tuple(
        msgspec.structs.replace(e, creates=purposes.get(e.file), loses=losses.get(e.file, ()))
        for e in entries
    )


def _unread(notes: ReplayNotes) -> tuple[str, ...]:
    """Return which files ran without a look at what they changed, in a sentence."""
    number = sum(purpose is None for purpose in notes.purposes)
    if number == 0:
        return ()
    if notes.at_once:
        return notes.notes
    first = "the first migration" if number == 1 else f"each of the first {number} migrations"
    return (
        f"What {first} did, and would lose if undone, was not computed:"
        " reading the catalog after every one of so long a history would take minutes",
    )


def _ran(entries: tuple[HistoryEntry, ...], replay: Replay) -> tuple[HistoryEntry, ...]:
    """Return the entries of files without a ledger, those that ran marked so."""
    done = set(replay.applied)
    return tuple(
        msgspec.structs.replace(e, status="replayed", why="") if e.file in done else e for e in entries
    )


def without_files(beside: Live) -> History:
    """Return what a ledger says where no migrations were given: the versions that failed, of the first ledger
    that has any."""
    from ..migrations import tools
    from ..migrations.history.compare import stuck

    ledgers, _ = _ledgers(beside)
    for ledger in ledgers:
        if not ledger.reason and (found := stuck(ledger)):
            words = tools.find(ledger.tool).words
            return History(tool=ledger.tool, words=words, ledger=ledger, entries=found)
    return History()


def vouch(
    migrations: MigrationSet,
    beside: Live | Snapshot | File,
    config: Config,
    base: Path,
    *,
    replay: bool,
    scratch: Secret,
    progress: Progress,
) -> History:
    """Return what the files tell beside a database; with `replay` also what a server from `scratch` tells.

    Raises `MigrationError` where it is ambiguous which ledger is that of the files.
    """
    from ..migrations.history.compare import compare, notes

    with progress.step("comparing the migrations with their ledger"):
        ledgers, reason = _ledgers(beside)
        migrations = _of_the_ledger(migrations, ledgers, config.migrations, base)
        ledger, reason = (None, reason) if reason else _ledger(migrations, ledgers, config.migrations.ledger)
    found = history_of_files(migrations, base)
    history = msgspec.structs.replace(
        found,
        ledger=ledger,
        ledger_reason=reason,
        ledger_expected=isinstance(beside, Live),
        entries=compare(migrations, ledger),
        notes=(*found.notes, *notes(migrations, ledger)),
    )
    if not replay:
        return history
    if isinstance(beside, File):
        reason = NO_REPLAY_ELSEWHERE.format(beside.catalog.server.product)
        return msgspec.structs.replace(
            history,
            replay=Replay(wanted=True, reason=reason),
            drift=Drift(wanted=True, reason=reason),
            dry_run=DryRuns(wanted=True, reason=reason),
        )
    history = _run(
        migrations, beside.catalog, history, config.migrations, base, scratch=scratch, progress=progress
    )
    with progress.step("trying the pending migrations"):
        return _try_pending(migrations, beside, history, config, base=base, progress=progress)


def _run(
    migrations: MigrationSet,
    catalog: Catalog,
    history: History,
    config: MigrationsConfig,
    base: Path,
    *,
    scratch: Secret,
    progress: Progress,
) -> History:
    """Return the history with what a scratch server tells: the replay, drift, and fixtures if there are any.

    What cannot be done is said in the history: the rest of the report does not depend on it.
    """
    from ..scratch import open_server

    try:
        with (
            progress.step(f"replaying {some(len(migrations.files), 'migration')}"),
            open_server(
                scratch,
                key=migrations.digest,
                progress=progress,
                superuser=config.superuser,
            ) as server,
        ):
            ran = replayed(server, migrations, config.command, base)
            fixtures = base / config.fixtures if config.fixtures else None
            return msgspec.structs.replace(
                history,
                entries=_told(history.entries, ran.notes),
                notes=(*history.notes, *_unread(ran.notes)),
                replay=_replay(migrations, ran),
                drift=drift(server, migrations, ran, catalog, history),
                paths=_paths(server, migrations, ran, fixtures, progress),
            )
    except (ScratchError, MigrationError) as error:
        return msgspec.structs.replace(
            history,
            replay=Replay(wanted=True, reason=str(error)),
            drift=Drift(wanted=True, reason=str(error)),
        )


def drift(server: "Server", migrations: MigrationSet, ran: Ran, catalog: Catalog, history: History) -> Drift:
    """Compare a live schema with a replay of what the ledger says is applied; of all files without one.
    Names without a schema are those of the live side's own, as its tool would have run the files."""
    from ..catalog.reader import read_catalog
    from ..migrations.run.drift import drift as difference
    from ..migrations.run.home import move_home

    if any(e.unsure for e in history.entries):
        return Drift(wanted=True, reason="which migrations are applied here cannot be told")
    waiting = {e.file for e in history.entries if e.status in NOT_APPLIED} if history.ledger else set()
    applied = tuple(f for f in migrations.files if migrations.label(f.path) not in waiting)
    if len(applied) < len(migrations.files) and migrations.program:
        return Drift(wanted=True, reason="the command runs all migrations, and some are not applied here")
    if len(applied) < len(migrations.files):
        ran = replayed(server, replace(migrations, files=applied))
    if ran.failure:
        return Drift(wanted=True, reason=f"what is applied does not run through: {ran.error}")
    home = catalog.server.default_schema
    with server.database(ran.template) as database, database.connect(autocommit=True) as connection:
        if apart := move_home(connection, home, migrations, catalog.extensions):
            return Drift(wanted=True, reason=apart)
        with database.admin() as reader:
            made = read_catalog(reader, default_schema=home)
    ledgers = [QName(history.ledger.schema, history.ledger.relation)] if history.ledger else []
    return difference(made, catalog, ledgers)


def _paths(
    server: "Server", migrations: MigrationSet, ran: Ran, fixtures: Path | None, progress: Progress
) -> UpgradePaths:
    if fixtures is None or ran.failure:
        return UpgradePaths()
    from ..migrations.fixtures import upgrade_paths

    return upgrade_paths(server, migrations, fixtures, progress=progress)


def _try_pending(
    migrations: MigrationSet,
    beside: Live | Snapshot,
    history: History,
    config: Config,
    *,
    base: Path,
    progress: Progress,
) -> History:
    """Return the history with the dry run of what the ledger says is pending, on a copy of the schema, and
    what that would do to the live one."""
    if isinstance(beside, Snapshot):
        return msgspec.structs.replace(history, dry_run=DryRuns(reason=NO_LEDGER_IN_SNAPSHOT))
    if history.ledger is None:
        reason = f"which migrations are pending is not known: {history.ledger_reason}"
        return msgspec.structs.replace(history, dry_run=DryRuns(wanted=True, reason=reason))
    waiting = {e.file for e in history.entries if e.status in ("pending", "gap")}
    pending = [f for f in migrations.files if migrations.label(f.path) in waiting]
    if not pending:
        return msgspec.structs.replace(
            history, dry_run=DryRuns(wanted=True, examined=True), deploy=Deploy(examined=True)
        )
    if migrations.program and config.migrations.command is None:
        reason = f"{migrations.tool} migrations are programs, and no command in [migrations] runs them"
        return msgspec.structs.replace(history, dry_run=DryRuns(wanted=True, reason=reason))
    if beside.copy is None:
        return msgspec.structs.replace(history, dry_run=DryRuns(wanted=True, reason=NO_COPY))
    try:
        with beside.copy(superuser=config.migrations.superuser) as (database, lacks):
            runs, deploy = _rehearsed(
                database,
                migrations,
                pending,
                beside,
                ledger=history.ledger,
                config=config,
                base=base,
                progress=progress,
            )
    except ScratchError as error:
        return msgspec.structs.replace(history, dry_run=DryRuns(wanted=True, reason=str(error)))
    return msgspec.structs.replace(history, dry_run=runs, deploy=deploy, notes=(*history.notes, *lacks))


def _rehearsed(
    database: "Database",
    migrations: MigrationSet,
    pending: Sequence[MigrationFile],
    beside: Live,
    *,
    ledger: Ledger,
    config: Config,
    base: Path,
    progress: Progress,
) -> tuple[DryRuns, Deploy]:
    """Run what is pending on `database`, a copy: programs by the command that the config has for them."""
    from ..migrations.ledger import is_own
    from ..migrations.run.rehearsal import rehearse
    from ..migrations.run.trial import tried

    limit = config.data.statement_timeout_ms
    if migrations.program:
        command = config.migrations.command or ""
        runs = tried(
            database,
            beside.connection,
            migrations,
            pending,
            command=command,
            folder=base,
            timeout_ms=limit,
        )
        return runs, Deploy(reason="a command runs the migrations, whose statements are not seen")
    return rehearse(
        database,
        migrations,
        pending,
        beside.connection,
        path=_search_path(beside),
        large=config.hazards.rows,
        limited=is_own(ledger),
        timeout_ms=limit,
        progress=progress,
    )


def _search_path(live: Live) -> Sequence[str]:
    """Return the schemas in which the live side looks for a name: what its session says, unless the URL
    names another schema, which then is the only one."""
    home = live.catalog.server.default_schema
    row = live.connection.execute("select pg_catalog.current_schemas(false)").fetchone()
    names: list[str] = row[0] if row else []
    return names if names[:1] == [home] else [home]


def _ledgers(beside: Live | Snapshot | File) -> tuple[tuple[Ledger, ...], str]:
    """Return the database's ledgers, or why they are not known."""
    if isinstance(beside, Snapshot):
        return (), NO_LEDGER_IN_SNAPSHOT
    if isinstance(beside, File):
        return (), NO_LEDGER_ELSEWHERE.format(beside.catalog.server.product)
    import psycopg

    from ..migrations.ledger import read_ledgers

    try:
        return read_ledgers(beside.connection), ""
    except psycopg.Error as error:
        return (), f"the ledger could not be read: {error.diag.message_primary or type(error).__name__}"


def _of_the_ledger(
    migrations: MigrationSet, ledgers: tuple[Ledger, ...], config: MigrationsConfig, base: Path
) -> MigrationSet:
    """Return the migrations as the tool reads them whose ledger there is, where the files leave that open."""
    from ..migrations.ledger import deciding

    tools = deciding(ledgers, config.ledger)
    if config.path is None or config.tool is not None or not tools:
        return migrations.require_decided()
    return discover(
        base / config.path,
        programs=True,
        ledgers=tools,
        placeholders=config.placeholders,
        role=config.role,
    )


def _ledger(
    migrations: MigrationSet, ledgers: tuple[Ledger, ...], named: str | None
) -> tuple[Ledger | None, str]:
    """Return the ledger, or why there is none that could be read."""
    from ..migrations.ledger import ledger_for

    ledger = ledger_for(ledgers, migrations, named)
    if ledger is None:
        others = ", ".join(f"{other.table} of {other.tool}" for other in ledgers)
        found = f"; it has {others}" if others else ""
        return None, f"no ledger of {migrations.tool} in this database{found}"
    return (None, ledger.reason) if ledger.reason else (ledger, "")
