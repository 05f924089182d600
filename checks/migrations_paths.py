"""MIG: what becomes of the rows of every version on their way to the head."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, check
from validate_schema.pack.model import history as his

from ._migration import place


class Path(NamedTuple):
    """The way from one version to the head, and what was lost on it."""

    start: str
    loss: his.RowLoss | None = None

    @property
    def ref(self) -> ObjectRef:
        table = self.loss.table if self.loss else ""
        return ObjectRef("migration", name=self.start, table=table)


def upgrade_paths(facts: Facts) -> Iterator[Path]:
    """Every version that rows were put in at, and every loss on the way from there."""
    paths = facts.history.paths
    if not paths.examined:
        return
    lost = {loss.start for loss in paths.losses}
    yield from (Path(start) for start in paths.paths if start not in lost)
    yield from (Path(loss.start, loss) for loss in paths.losses)


@check(
    "MIG012",
    "Rows do not survive the way to the newest version",
    subjects=upgrade_paths,
    severity=Severity.ERROR,
    remediable=False,
    needs="fixtures",
    promise=Promise(figure="paths"),
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
def upgrade_path(subject: Path, facts: Facts) -> Flaw | None:
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
