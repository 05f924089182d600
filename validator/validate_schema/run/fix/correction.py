"""From a target to a migration that was tried: plan, write, run it on a fresh copy, judge again."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from ...catalog.reader import read_catalog
from ...catalog.snapshot import fingerprint
from ...checking.engine import Outcome, run, select_checks
from ...checking.remedy.steps import drop_leftover
from ...facts.facts import Facts
from ...facts.platforms import set_apart
from ...facts.subjects import TableIndex
from ...migrations import MigrationFile, MigrationSet, discover, replay
from ...migrations.run.migrator import keep_owner
from ...migrations.writing import ONE_BY_ONE, Script, Way, sql_of
from ...model.contract import Contract
from ...model.errors import MigrationError, UsageError
from ...model.evidence import Evidence
from ...model.finding import Finding, ObjectRef, Severity
from ...model.history import HiddenRows
from ...model.isolation import Cell, Isolation
from ...model.isolation import Outcome as Probed
from ...model.progress import Progress
from ...model.version import __version__
from ...model.wording import first_of
from ...sources import SourceContext
from ...sources.build import build_contract
from ...sql.patterns import write_name
from ..examine import rows, severities, understand, with_rules
from ..opened import Live, Replayed
from ..proof import Proving, context_of
from ..request import Request
from ..source import open_source
from .layout import place, writing_of
from .plan import Aims, Mended, Plan, make_plan
from .script import Heading, write_script

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

NO_COPY = "a snapshot holds no database to try a migration on: give --migrations or --database-url"
NO_SECOND_CONNECTION = "a connection that is open already cannot be copied: give database_url or migrations"
NOT_OURS = "fix writes and tries PostgreSQL's SQL: a database of {} is mended by its own migration tool"
NAME = "mend_schema_findings"
_SHOWN = 10


@dataclass(frozen=True)
class Verified:
    """What was seen when the finished migration ran on a fresh copy of the schema.

    `left` are findings that it should have mended, `new` those that it causes, of which the plan did not
    foresee `worse`. `undone`: its down part left the schema as it was; None where the tool has
    none. `proofs` are those before and after, the same twice where nothing was mended; None where none was
    asked for.
    """

    failure: str = ""
    left: tuple[Finding, ...] = ()
    new: tuple[Finding, ...] = ()
    worse: tuple[Finding, ...] = ()
    undone: bool | None = None
    proofs: tuple[Isolation, Isolation] | None = None

    @property
    def good(self) -> bool:
        """Whether it may be handed over: it runs, mends what it says, and makes nothing worse."""
        before, after = map(_leaks, self.proofs or (Isolation(), Isolation()))
        return not (self.failure or self.left or self.worse or len(after) > len(before))

    @property
    def leaks(self) -> tuple[Cell, ...]:
        """Leaks that the proof finds, and that stay."""
        return _leaks(self.proofs[1]) if self.proofs else ()


@dataclass(frozen=True)
class Correction:
    """The plan, the files that would be written by their path, and what was seen when they ran. The
    `amended` ones are there already, and hold what they held and more."""

    plan: Plan
    files: dict[Path, str] = field(default_factory=dict)
    verified: Verified = Verified()
    notes: tuple[str, ...] = ()
    then: str = ""
    amended: frozenset[Path] = frozenset()


@dataclass(frozen=True)
class Wanted:
    """What to write: `output` is one SQL file, else a migration in the folder `migrations`, which comes after
    those of the project `around` it. Only what the `aims` concern is mended, though every check is asked
    whether anything became worse."""

    aims: Aims
    output: Path | None = None
    migrations: MigrationSet | None = None
    around: MigrationSet | None = None
    name: str = NAME
    prove: bool = False


def corrected(
    request: Request,
    output: Path | None,
    into: Path | None,
    *,
    name: str,
    progress: Progress,
    least: Severity = Severity.INFO,
) -> Correction:
    """Return the correction of what the request's checks find, at least as grave as `least`, but for what its
    baseline knows: one SQL file `output`, else a migration called `name` in the folder `into`, that of the
    request or that of its config.

    Raises `UsageError` for no place and for a name that is none, and the errors of `correct`.
    """
    configured = request.config.config.migrations.path
    folder = into or request.source.migrations or (request.base / configured if configured else None)
    if folder is None and output is None:
        raise UsageError("nowhere to write: give --output FILE, --into DIR, or path in [migrations]")
    into_set, around = (None, None) if output or folder is None else _written_into(request, folder)
    known = request.baseline.report.findings if request.baseline else ()
    wanted = Wanted(
        Aims(frozenset(c.id for c in request.checks), frozenset(f.fingerprint for f in known), least),
        output=output,
        migrations=into_set,
        around=around,
        name=_slug(name),
        prove=request.proving is Proving.COPY,
    )
    every = select_checks(request.known, (), request.ignored)
    return correct(replace(request, checks=every), wanted, progress)


def _written_into(request: Request, folder: Path) -> tuple[MigrationSet, MigrationSet]:
    """Return the migrations that the new one comes after, and those of the project around them: of the
    request's own folder, where `folder` is a part of it.

    Raises `UsageError` where nothing can be added: a file is what a dump or a person wrote as a whole.
    """
    if folder.is_file():
        raise UsageError(
            f"{folder}: is one file, to which no migration is added: give --into DIR, the folder of the"
            " migrations that make it, or --output FILE"
        )
    migrations = _addable(folder, request.source.tool)
    whole = request.source.migrations
    if whole is None or whole.is_file() or not folder.resolve().is_relative_to(whole.resolve()):
        return migrations, migrations
    around = discover(whole, request.source.tool, programs=migrations.program)
    return migrations, around if around.tool == migrations.tool else migrations


def _addable(folder: Path, tool: str | None) -> MigrationSet:
    """Return the migrations of the folder to which one can be added: SQL files, for those are what a replay
    runs, else programs, of which such a file may be the dump."""
    with suppress(MigrationError, UsageError):
        found = discover(folder, tool)
        writing_of(found)
        return found
    found = discover(folder, tool, programs=True)
    writing_of(found)
    return found


def _slug(name: str) -> str:
    """Return `name` as a part of a file name, in the letters that every tool takes."""
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if not slug:
        raise UsageError(f"--name {name}: give at least one letter or digit")
    return slug


@dataclass(frozen=True)
class _Bench:
    """The opened target, and how a copy of it is looked at: with its own rows' counts, which a copy
    lacks."""

    request: Request
    opened: Live | Replayed
    contract: Contract
    evidence: Evidence
    progress: Progress

    def facts(self, connection: "psycopg.Connection") -> Facts:
        default = self.opened.catalog.server.default_schema
        catalog = set_apart(read_catalog(connection, default_schema=default))
        config = self.request.config.config
        facts = understand(catalog, config, self.contract, self.request.now.date(), self.progress)
        return replace(facts, evidence=self.evidence)

    def judge(self, connection: "psycopg.Connection") -> Outcome:
        chosen = severities(self.request.config.config)
        return run(self.request.checks, self.facts(connection), severities=chosen)

    def copy(self) -> "AbstractContextManager[tuple[Database, tuple[str, ...]]]":
        assert self.opened.copy is not None, "a caller's connection was refused"
        return self.opened.copy()

    def proof(self, database: "Database", connection: "psycopg.Connection") -> Isolation:
        from ...evidence.isolation import prove

        facts = self.facts(connection)
        context = context_of(self.request.config.config.prove, facts)
        return prove(database, facts, context=context, progress=self.progress)


def correct(request: Request, wanted: Wanted, progress: Progress) -> Correction:
    """Return the corrective migration of the request's target, tried but not written.

    Raises `UsageError` for what cannot be copied, and the errors of `examine`.
    """
    _require_copyable(request)
    config = request.config.config
    context = SourceContext(request.source.scratch, progress)
    contract = build_contract(config, request.base, context, named=request.contracts)
    with open_source(request.source, progress) as opened:
        assert isinstance(opened, Live | Replayed), "what cannot be copied was refused"
        facts = understand(opened.catalog, config, contract, request.now.date(), progress)
        facts = replace(facts, evidence=rows(opened, facts, config, request))
        evidence = with_rules(facts, opened, request, progress)
        bench = _Bench(request, opened, contract, evidence, progress)
        with (
            progress.step("looking for remedies on a copy"),
            bench.copy() as (database, lacks),
            database.connect(autocommit=True) as connection,
        ):
            plan = make_plan(connection, bench.judge, wanted.aims)
        plan.mended[:0] = _left_behind(request, facts, plan)
        if not plan.mended:
            return Correction(plan, verified=_as_it_is(bench, wanted), notes=lacks)
        with progress.step("trying the migration on a fresh copy"):
            verified = _tried(bench, plan, wanted, _script(plan, wanted, bench))
        script = _script(plan, wanted, bench, tuple(sentences(plan, verified)))
    return _correction(Correction(plan, {}, verified, lacks), script, wanted, request)


def _left_behind(request: Request, facts: Facts, plan: Plan) -> list[Mended]:
    """Return what takes away the invalid indexes that the copy lacks, since pg_dump leaves them out: a name
    that is taken stops the migration, or has it pass over what it should build."""
    tables = facts.catalog.tables
    broken = {TableIndex(t, i).ref: t for t in tables for i in t.indexes if not (i.valid and i.ready)}
    if not broken:
        return []
    there = {f.fingerprint for f in plan.before}
    made = {s.makes.name for m in plan.mended for s in m.steps if s.makes}
    found: dict[ObjectRef, Finding] = {}
    for finding in run(request.checks, facts).findings:
        ref = finding.object
        wanted = finding.check in plan.aims.ids or ref.name in made
        if ref in broken and wanted and finding.fingerprint not in there:
            found.setdefault(ref, finding)
    return [Mended(f, (drop_leftover(broken[ref], ref.name),)) for ref, f in found.items()]


def _require_copyable(request: Request) -> None:
    if request.source.kind == "snapshot":
        raise UsageError(NO_COPY)
    if (engine := request.source.foreign) is not None:
        raise UsageError(NOT_OURS.format(engine.product))
    if request.source.connection is not None or request.source.engine is not None:
        raise UsageError(NO_SECOND_CONNECTION)


def _has_down(wanted: Wanted) -> bool:
    return wanted.migrations is not None and writing_of(wanted.migrations).down


def _way(wanted: Wanted) -> Way:
    return writing_of(wanted.migrations).way if wanted.migrations else ONE_BY_ONE


def _script(plan: Plan, wanted: Wanted, bench: _Bench, verified: tuple[str, ...] = ()) -> Script:
    heading = Heading(__version__, bench.request.now.strftime("%Y-%m-%d %H:%M UTC"), verified)
    default_schema = bench.opened.catalog.server.default_schema
    return write_script(plan, _way(wanted), heading, default_schema)


def _correction(found: Correction, script: Script, wanted: Wanted, request: Request) -> Correction:
    """Return what was found, with the files of the script."""
    if wanted.migrations is None:
        assert wanted.output is not None, "a place is always wanted"
        return dataclasses.replace(found, files={wanted.output: sql_of(script.up)})
    writing = writing_of(wanted.migrations)
    around = wanted.around or wanted.migrations
    files = place(wanted.migrations, around, wanted.name, script, request.now)
    amended = frozenset(wanted.migrations.folder / name for name in writing.amends)
    return dataclasses.replace(found, files=files, then=writing.then, amended=amended)


def _as_it_is(bench: _Bench, wanted: Wanted) -> Verified:
    """Return what the proof finds where nothing is to be mended."""
    if not wanted.prove:
        return Verified()
    with bench.copy() as (database, _), database.connect(autocommit=True) as connection:
        found = bench.proof(database, connection)
    return Verified(proofs=(found, found))


def _tried(bench: _Bench, plan: Plan, wanted: Wanted, script: Script) -> Verified:
    """Run the migration as its tool would, on a copy that nothing was tried on before."""
    with bench.copy() as (database, _), database.connect(autocommit=True) as connection:
        start = fingerprint(read_catalog(connection))
        before = bench.proof(database, connection) if wanted.prove else None
        try:
            hidden = _run(bench, database, sql_of(script.up), wanted)
        except MigrationError as error:
            return Verified(failure=str(error))
        if hidden:
            return Verified(failure=_behind(hidden[0]))
        after = bench.judge(connection).findings
        proofs = (before, bench.proof(database, connection)) if before is not None else None
        undone = None
        if script.down and _has_down(wanted):
            try:
                _run(bench, database, sql_of(script.down), wanted)
                undone = fingerprint(read_catalog(connection)) == start
            except MigrationError:
                undone = False
    aims, known = {m.finding.fingerprint for m in plan.mended}, {f.fingerprint for f in plan.before}
    new = tuple(f for f in after if f.fingerprint not in known)
    planned = {f.fingerprint for f in plan.after}
    return Verified(
        left=tuple(f for f in after if f.fingerprint in aims),
        new=new,
        worse=tuple(f for f in new if f.fingerprint not in planned),
        undone=undone,
        proofs=proofs,
    )


def _run(bench: _Bench, database: "Database", sql: str, wanted: Wanted) -> tuple[HiddenRows, ...]:
    """Run a script on the copy in the way of the tool that it is written for, as the role that migrates;
    return what row security would keep from it."""
    role, opened = bench.request.config.config.migrations.role, bench.opened
    live = isinstance(opened, Live)
    if role is not None and isinstance(opened, Live):
        with database.admin(autocommit=True) as admin:
            keep_owner(opened.connection, admin, database.name)
    folder = wanted.migrations.folder if wanted.migrations else Path()
    file = MigrationFile("1", wanted.name, folder / f"{wanted.name}.sql", sql, 1, _way(wanted).mode)
    found = MigrationSet("plain", folder, (file,), role=role)
    return replay(database, found, made_up_roles=role is None or not live, foresee=True).hidden


def _behind(hidden: HiddenRows) -> str:
    table = write_name(hidden.table, "public")
    said = hidden.reason or f"row security hides rows of {table} from {hidden.role}"
    return f"line {hidden.statement.line}: {said}: {hidden.statement.text}"


def sentences(plan: Plan, verified: Verified) -> Iterator[str]:
    """Yield what was seen when the migration was tried, for its heading and for the terminal."""
    if verified.failure:
        yield f"It failed on a copy of the schema: {verified.failure}"
        return
    gone = len(plan.mended) - len(verified.left)
    yield f"Tried on a copy of the schema: {gone} of {len(plan.mended)} findings are gone."
    if verified.left:
        yield f"It leaves {_names(verified.left)}."
    if verified.new:
        yield f"It causes {len(verified.new)} new: {_names(verified.new)}."
    else:
        yield "It causes no new one."
    yield from proof_sentences(verified)
    if verified.undone is not None:
        words = "leaves the schema as it was" if verified.undone else "does not undo all of it"
        yield f"Its down part was run as well: it {words}."


def proof_sentences(verified: Verified) -> Iterator[str]:
    """Yield what the proof found before and after, with every leak that stays; nothing where none was asked
    for."""
    if verified.proofs is None:
        return
    reasons = [p.reason for p in verified.proofs if not p.attempted]
    if reasons:
        yield f"Isolation could not be proven: {reasons[0]}"
        return
    before, after = map(_leaks, verified.proofs)
    yield f"Leaks that rows of two tenants show: {len(before)} before, {len(after)} after."
    left = {*map(_leak, after)}
    if gone := [leak for leak in dict.fromkeys(map(_leak, before)) if leak not in left]:
        yield f"No leak any more: {first_of(gone, _SHOWN)}."
    yield from (f"Still a leak: {_leak(cell)}: {cell.why}" for cell in after)


def _leaks(proof: Isolation) -> tuple[Cell, ...]:
    return tuple(cell for cell in proof.cells if cell.outcome is Probed.LEAK)


def _leak(cell: Cell) -> str:
    detail = f" ({cell.detail})" if cell.detail else ""
    return f"{cell.probe} of {ObjectRef.of_table(cell.table).label()}{detail} as {cell.role}"


def _names(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{f.check} {f.object.label()}" for f in findings)
