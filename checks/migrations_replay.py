"""MIG: what the migrations do when they run: on a fresh database, on a copy of the live one, with data."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.api import (
    Facts,
    Flaw,
    NotExamined,
    ObjectRef,
    Remedy,
    Severity,
    Unexamined,
    Verdict,
    change_words,
    check,
)
from validate_schema.api import difference as dif
from validate_schema.api import history as his

from ._migration import Sound, files, place

_NOTE = "create table note (id integer primary key);"
_LONGEST = 200  # characters of a statement in a finding


class Repeat(NamedTuple):
    """An object that several migrations create."""

    repeat: his.RepeatedDdl

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("migration", name=self.repeat.object)


class Run(NamedTuple):
    """One file, and how it ran. `skipped` is why it did not."""

    name: str
    failure: his.Failure | None = None
    skipped: str = ""

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("migration", name=self.name)


class Drifted(NamedTuple):
    """An object that is not as the migrations make it; all its differences."""

    ref: ObjectRef
    changes: tuple[dif.Change, ...]


class Path(NamedTuple):
    """The way from one version to the head, and what was lost on it."""

    start: str
    loss: his.RowLoss | None = None

    @property
    def ref(self) -> ObjectRef:
        table = self.loss.table if self.loss else ""
        return ObjectRef("migration", name=self.start, table=table)


def statements(facts: Facts) -> Iterator[Repeat | Sound]:
    """Every statement of the migrations; those that repeat an earlier one stand for themselves."""
    yield from map(Repeat, facts.history.repeated)
    for _ in range(facts.history.statements - len(facts.history.repeated)):
        yield Sound()


def replayed(facts: Facts) -> Iterator[Run]:
    """Every file that was to run on a fresh database."""
    replay = facts.history.replay
    if not replay.attempted:
        if replay.wanted and facts.history.examined:
            raise NotExamined(replay.reason or "the migrations were not replayed")
        return
    yield from map(Run, replay.applied)
    failed = replay.failure.statement.file if replay.failure else ""
    if failed:
        yield Run(failed, replay.failure)
        for file in files(facts):
            if file.name not in (*replay.applied, failed) and not file.twin:
                yield Run(file.name, skipped=f"not run: {failed} fails before it")


def objects(facts: Facts) -> Iterator[Drifted | Sound]:
    """Every object of the replayed and the live schema; those that differ stand for themselves."""
    drift = facts.history.drift
    if not drift.examined:
        if drift.wanted and facts.history.examined:
            raise NotExamined(drift.reason or "the schemas were not compared")
        return
    by_object: dict[ObjectRef, list[dif.Change]] = defaultdict(list)
    for change in drift.changes:
        by_object[change.object].append(change)
    for ref, changes in by_object.items():
        yield Drifted(ref, tuple(changes))
    made = [ref for ref, changes in by_object.items() if all(c.kind != "added" for c in changes)]
    for _ in range(drift.objects - len(made)):
        yield Sound()


def tried(facts: Facts) -> Iterator[Run]:
    """Every pending file, in order."""
    dry = facts.history.dry_run
    if not dry.examined:
        if dry.wanted and facts.history.examined:
            raise NotExamined(dry.reason or "the pending migrations were not tried")
        return
    yield from (Run(r.file, r.failure) for r in dry.runs)
    done = {r.file for r in dry.runs}
    failed = next((r.file for r in dry.runs if r.failure), "")
    if failed:
        for entry in facts.history.entries:
            if entry.status in ("pending", "gap") and entry.file and entry.file not in done:
                yield Run(entry.file, skipped=f"not tried: {failed} fails before it")


def upgrade_paths(facts: Facts) -> Iterator[Path]:
    """Every version that rows were put in at, and every loss on the way from there."""
    paths = facts.history.paths
    if not paths.examined:
        return
    lost = {loss.start for loss in paths.losses}
    yield from (Path(start) for start in paths.paths if start not in lost)
    yield from (Path(loss.start, loss) for loss in paths.losses)


@check(
    "MIG009",
    "Two migrations create the same object",
    subjects=statements,
    severity=Severity.ERROR,
    remediable=False,
    needs="files",
    why="The second one fails, or does nothing because IF NOT EXISTS hides that the object differs.",
    bad=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0002_body.sql
    alter table note add column body text;
    -- file migrations/0003_body_again.sql
    alter table note add column if not exists body varchar(200);
    """,
    good=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0002_body.sql
    alter table note add column body text;
    -- file migrations/0003_longer.sql
    alter table note drop column body;
    alter table note add column body varchar(200);
    """,
)
def repeated_ddl(subject: Repeat | Sound, facts: Facts) -> Verdict:
    """Two migrations create the same table, type, index or constraint, or add the same column.

    Examined: statements of all migrations, parsed. Fails where an object is created again by another file
    without being dropped in between, also where IF NOT EXISTS keeps that from showing, and where two
    migrations in a row replace one primary key. Not covered: what DO blocks and called procedures run, which
    is counted beside the statements that were read, and migrations that are programs.
    """
    if isinstance(subject, Sound):
        return None
    repeat = subject.repeat
    first, *again = repeat.statements
    last = again[-1] if again else first
    places = ", ".join(f"{s.file}:{s.line}" for s in repeat.statements)
    hidden = "; IF NOT EXISTS hides it" if repeat.hidden else ""
    made = "replaced" if repeat.object.startswith("primary key of") else "created"
    return Flaw(
        message=f"{repeat.object} is {made} by {first.file} and again by {last.file}{hidden}",
        expected="one migration that creates it",
        observed=f"{len(repeat.statements)} statements: {places}",
        evidence=last.text,
        remedy=Remedy(
            note="Take it out of the later one if no database has applied that; otherwise let a new migration bring all databases to the same definition."
        ),
        location=place(facts, last.file, last.line),
    )


def _failure(name: str, failure: his.Failure, where: str, facts: Facts) -> Flaw:
    statement = failure.statement
    text = statement.text if len(statement.text) <= _LONGEST else f"{statement.text[:_LONGEST]} …"
    detail = f" ({failure.detail})" if failure.detail else ""
    return Flaw(
        message=f"{name} fails {where} on line {statement.line}: {failure.message}",
        expected="every statement runs",
        observed=f"PostgreSQL says: {failure.message}{detail}",
        evidence=text,
        remedy=Remedy(
            note="Mend the statement if no database has applied the file; otherwise find out what those databases had that a fresh one lacks."
        ),
        location=place(facts, statement.file or name, statement.line),
    )


@check(
    "MIG010",
    "A migration fails on a fresh database",
    subjects=replayed,
    severity=Severity.ERROR,
    remediable=False,
    needs="replay",
    why="No new environment, no test database and no restored system can be built from these files.",
    bad=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0002_body.sql
    alter table notes add column body text;
    """,
    good=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0002_body.sql
    alter table note add column body text;
    """,
)
def replay(subject: Run, facts: Facts) -> Verdict:
    """A file fails when all are run in order on an empty database.

    Examined: files, run on a throwaway PostgreSQL as their tool would run them (--migrations, --replay).
    Fails at the first one that PostgreSQL refuses; those after it are not run. Roles and extensions that the
    server lacks are made up, and the report names them.
    """
    if subject.skipped:
        return Unexamined(subject.skipped)
    if subject.failure is None:
        return None
    return _failure(subject.name, subject.failure, "on a fresh database", facts)


_KINDS = {
    "added": "{what} is in the database, and no migration makes it",
    "removed": "{what} is made by the migrations, and the database lacks it",
    "renamed": "{what} has another name than the migrations give it",
    "changed": "{what} is not as the migrations make it: {properties}",
}


@check(
    "MIG011",
    "The database is not what its migrations make",
    subjects=objects,
    severity=Severity.ERROR,
    remediable=False,
    needs="drift",
    why="The ledger says that all was applied, and yet the next migration meets a schema nobody tested it on.",
    bad=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- database
    create table applied_migrations (
        version text primary key, name text not null, applied_at timestamptz, checksum text
    );
    insert into applied_migrations values ('0001', 'note', '2026-01-01', null);
    """,
    good=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- database
    create table applied_migrations (
        version text primary key, name text not null, applied_at timestamptz, checksum text
    );
    insert into applied_migrations values ('0001', 'note', '2026-01-01', null);
    {_NOTE}
    """,
)
def drift(subject: Drifted | Sound, facts: Facts) -> Verdict:
    """An object differs between the database and a replay of the migrations that it has applied.

    Examined: objects of both schemas (tables, columns, keys, indexes, types, policies, functions …), the
    ledger itself left out. Fails for each that only one of them has, or that differs. Runs with --replay.
    """
    if isinstance(subject, Sound):
        return None
    said = [change_words(c, facts.default_schema) for c in subject.changes]
    whole = next((c for c in subject.changes if c.kind != "changed"), subject.changes[0])
    properties = ", ".join(w.what for w in said if w.what) or "another definition"
    return Flaw(
        message=_KINDS[whole.kind].format(what=said[0].object, properties=properties),
        expected="; ".join(s.sides[0] for s in said),
        observed="; ".join(s.sides[1] for s in said),
        remedy=Remedy(note=_DRIFTED[whole.kind]),
    )


_DRIFTED = {
    "added": "If it is wanted, write a migration that makes it and mark that as applied here; otherwise drop it.",
    "removed": "Find out whether a migration was marked as applied without being run, or somebody dropped the object; then make it as its migration does.",
    "renamed": "Rename it back, or write a migration that renames it and mark that as applied here.",
    "changed": "Find out who changed it; then change it back, or write a migration for it and mark that as applied here.",
}


@check(
    "MIG012",
    "Rows do not survive the way to the newest version",
    subjects=upgrade_paths,
    severity=Severity.ERROR,
    remediable=False,
    needs="fixtures",
    why="Whoever upgrades from that version loses data or finds it changed, and a deploy cannot be taken back.",
    bad="""
    -- file migrations/0001_note.sql
    create table note (id integer primary key, body text);
    -- file migrations/0002_drop_body.sql
    alter table note drop column body;
    alter table note add column body text;
    -- file fixtures/0001.sql
    insert into note values (1, 'kept');
    -- file fixtures/0001.json
    {"note": [{"id": 1, "body": "kept"}]}
    """,
    good="""
    -- file migrations/0001_note.sql
    create table note (id integer primary key, body text);
    -- file migrations/0002_author.sql
    alter table note add column author text;
    -- file fixtures/0001.sql
    insert into note values (1, 'kept');
    -- file fixtures/0001.json
    {"note": [{"id": 1, "body": "kept"}]}
    """,
)
def upgrade_path(subject: Path, facts: Facts) -> Verdict:
    """Rows that were put in at a version are not there, or are others, at the newest one.

    Examined: versions that have a fixture (`migrations test --fixtures DIR`): its rows are put in after the
    version was applied, then all later migrations run. Fails for each row that is not as expected
    at the head, and names the migration that broke it.
    """
    loss = subject.loss
    if loss is None:
        return None
    where = f"rows of {loss.table}" if loss.table else "rows"
    culprit = f", broken by {loss.culprit}" if loss.culprit else ""
    return Flaw(
        message=f"{where} put in at {loss.start} do not survive to the newest version{culprit}",
        expected="the rows that the fixture expects",
        observed=loss.difference,
        remedy=Remedy(
            note="Move the data in that migration before it drops or changes what holds it, or correct what the fixture expects."
        ),
        location=place(facts, loss.culprit),
    )


@check(
    "MIG013",
    "A pending migration fails on this schema",
    subjects=tried,
    severity=Severity.ERROR,
    remediable=False,
    needs="dry run",
    why="The deploy would stop in the middle, in production.",
    bad=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0002_body.sql
    alter table note add column body text;
    -- database
    create table applied_migrations (
        version text primary key, name text not null, applied_at timestamptz, checksum text
    );
    insert into applied_migrations values ('0001', 'note', '2026-01-01', null);
    create table note (id integer primary key, body text);
    """,
    good=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0002_body.sql
    alter table note add column body text;
    -- database
    create table applied_migrations (
        version text primary key, name text not null, applied_at timestamptz, checksum text
    );
    insert into applied_migrations values ('0001', 'note', '2026-01-01', null);
    {_NOTE}
    """,
)
def dry_run(subject: Run, facts: Facts) -> Verdict:
    """A file that is still to be applied fails on a copy of this database's schema.

    Examined: pending files and gaps, in order, on a copy of the schema that is dropped afterwards (--replay).
    Fails at the first one that PostgreSQL refuses; those after it are not tried. Not covered: what only rows can
    break, such as SET NOT NULL over a NULL.
    """
    if subject.skipped:
        return Unexamined(subject.skipped)
    if subject.failure is None:
        return None
    return _failure(subject.name, subject.failure, "on a copy of this schema", facts)
