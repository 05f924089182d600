"""MIG: what row security keeps from the role that migrates."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import (
    Facts,
    Flaw,
    NotExamined,
    ObjectRef,
    Remedy,
    Severity,
    Unexamined,
    check,
)
from validate_schema.pack.model import history as his
from validate_schema.pack.model import some

from ._hazards import is_large, size
from ._migration import place

_LONGEST = 200  # characters of a statement in a finding
_FORCED = """\
create table note (id integer primary key, org text, done boolean);
    insert into note values (1, 'a', false), (2, 'b', false);
    alter table note enable row level security;
    alter table note force row level security;
    create policy mine on note using (org = current_setting('app.org', true));"""


_REMEDY = Remedy(
    note="Let it run where no row is hidden: between ALTER TABLE … NO FORCE ROW LEVEL SECURITY and FORCE, in one transaction, by the owner; as a role with BYPASSRLS; or under a policy for the role that migrates."
)


class Seen(NamedTuple):
    """A file that the role which migrates ran, or a statement of it that row security kept rows from."""

    name: str
    hidden: his.HiddenRows | None = None

    @property
    def ref(self) -> ObjectRef:
        if self.hidden is None or self.hidden.reason:
            return ObjectRef("migration", name=self.name)
        return ObjectRef.on_table("migration", self.hidden.table, self.name)


def seen(facts: Facts) -> Iterator[Seen]:
    """Every statement that row security kept rows from, and every other file that the role ran."""
    replay, paths, dry_run = facts.history.replay, facts.history.paths, facts.history.dry_run
    if not replay.attempted and replay.wanted and facts.history.examined:
        raise NotExamined(replay.reason or "the migrations were not replayed")
    if not replay.role:
        return
    # A table that only pending files make has no rows on the target; those of the files are the replay's.
    live = [h for h in dry_run.hidden if h.reason or h.table in facts.tables_by_name]
    found = {(h.statement.file, h.statement.line): h for h in (*live, *paths.hidden, *replay.hidden)}
    yield from (Seen(h.statement.file, h) for h in found.values())
    told = {file for file, _ in found}
    yield from (Seen(file) for file in replay.applied if file not in told)


@check(
    "MIG016",
    "Row security hides rows from a migration",
    subjects=seen,
    severity=Severity.ERROR,
    remediable=False,
    needs="replay",
    why="The backfill succeeds, changes nothing, and is recorded as applied; what is built on it fails later.",
    config='[migrations]\nrole = "migrator"',
    bad=f"""
    -- file migrations/0001_note.sql
    {_FORCED}
    -- file migrations/0002_done.sql
    update note set done = true;
    """,
    good=f"""
    -- file migrations/0001_note.sql
    {_FORCED}
    -- file migrations/0002_done.sql
    alter table note no force row level security;
    update note set done = true;
    alter table note force row level security;
    """,
)
def hidden_rows(subject: Seen, facts: Facts) -> Flaw | Unexamined | None:
    """A statement changes fewer rows as the role that migrates than are there for it.

    Examined: files, where `role` in [migrations] says who runs them. Each statement that may change rows runs as a role
    that sees all rows, which is taken back, and then as that role. Fails where the first changes more rows of a
    table, those of fixtures among them. A statement that ends transactions by itself cannot be tried twice: skipped.
    Of pending files, on a copy without rows: where row security filters a table of the target for the role, a warning
    where that is small ([hazards] rows).
    """
    hidden = subject.hidden
    if hidden is None:
        return None
    statement = hidden.statement
    if hidden.reason:
        return Unexamined(f"line {statement.line} of {subject.name}: {hidden.reason}")
    table = facts.show(hidden.table)
    text = statement.text if len(statement.text) <= _LONGEST else f"{statement.text[:_LONGEST]} …"
    if not hidden.there:
        return Flaw(
            message=f"{subject.name} changes rows behind row security: {table}, {size(facts, hidden.table)}",
            expected="row security hides no row from a migration",
            observed=f"it filters {table} for {hidden.role}: what no policy shows stays as it is",
            evidence=text,
            severity=None if is_large(facts, hidden.table) else Severity.WARNING,
            remedy=_REMEDY,
            location=place(facts, statement.file, statement.line),
        )
    beside = f", those put in at {hidden.start} among them" if hidden.start else ""
    return Flaw(
        message=f"{subject.name} changes {hidden.changed} of {some(hidden.there, 'row')} of {table}",
        expected="row security hides no row from a migration",
        observed=f"{hidden.role} changes {hidden.changed}, a role that sees all rows {hidden.there}{beside}",
        evidence=text,
        remedy=_REMEDY,
        location=place(facts, statement.file, statement.line),
    )
