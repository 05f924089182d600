"""MIG: what the migrations do when they run: on a fresh database, on a copy of the live one."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import (
    Facts,
    Flaw,
    NotExamined,
    ObjectRef,
    Promise,
    Remedy,
    Severity,
    Unexamined,
    check,
)
from validate_schema.pack.model import change_words
from validate_schema.pack.model import difference as dif
from validate_schema.pack.model import history as his

from ._migration import Sound, files, place

_NOTE = "create table note (id integer primary key);"
_LONGEST = 200  # characters of a statement in a finding


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
    promise=Promise(figure="replay"),
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
def replay(subject: Run, facts: Facts) -> Flaw | Unexamined | None:
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
    promise=Promise(figure="drift"),
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
def drift(subject: Drifted | Sound, facts: Facts) -> Flaw | None:
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
    "MIG013",
    "A pending migration fails on this schema",
    subjects=tried,
    severity=Severity.ERROR,
    remediable=False,
    needs="dry run",
    promise=Promise(figure="dry run"),
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
def dry_run(subject: Run, facts: Facts) -> Flaw | Unexamined | None:
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
