"""MIG: what two migrations both create, as their statements say."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, check
from validate_schema.pack.model import history as his
from validate_schema.pack.model import some

from ._migration import Sound, place

_NOTE = "create table note (id integer primary key);"


class Repeat(NamedTuple):
    """An object that several migrations create."""

    repeat: his.RepeatedDdl

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("migration", name=self.repeat.object)


def statements(facts: Facts) -> Iterator[Repeat | Sound]:
    """Every statement of the migrations; those that repeat an earlier one stand for themselves."""
    yield from map(Repeat, facts.history.repeated)
    for _ in range(facts.history.statements - len(facts.history.repeated)):
        yield Sound()


@check(
    "MIG009",
    "Two migrations create the same object",
    subjects=statements,
    severity=Severity.ERROR,
    remediable=False,
    needs="files",
    promise=Promise(figure="statements"),
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
def repeated_ddl(subject: Repeat | Sound, facts: Facts) -> Flaw | None:
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
        observed=f"{some(len(repeat.statements), 'statement')}: {places}",
        evidence=last.text,
        remedy=Remedy(
            note="Take it out of the later one if no database has applied that; otherwise let a new migration bring all databases to the same definition."
        ),
        location=place(facts, last.file, last.line),
    )
