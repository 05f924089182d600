"""MIG: where the order of the files leads a tool astray."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import listed

from ._migration import RECORDED, File, Sound, files, place

_REVISION = """\
    revision = "{0}"
    down_revision = {1}


    def upgrade() -> None:
        pass


    def downgrade() -> None:
        pass
"""


def _revision(version: str, after: str) -> str:
    return f"    -- file migrations/versions/{version}.py\n{_REVISION.format(version, after)}"


_JOURNAL = """\
    -- file migrations/meta/_journal.json
    {"version": "7", "dialect": "postgresql", "entries": [
        {"idx": 0, "when": 1000, "tag": "0000_note"}, {"idx": 1, "when": %s, "tag": "0001_body"},
        {"idx": 2, "when": 3000, "tag": "0002_lost"}]}
    -- file migrations/0000_note.sql
    create table note (id integer primary key);
    -- file migrations/0001_body.sql
    alter table note add column body text;
    -- file migrations/0002_lost.sql
    create table lost (id integer primary key);
"""


class Heads(NamedTuple):
    """Files of one folder that nothing follows."""

    names: tuple[str, ...]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("migration", name=self.names[0])


def heads(facts: Facts) -> Iterator[Heads | Sound]:
    """The ends of a history that is a graph, and one for the rest of it."""
    yield from (Heads(names) for names in facts.history.heads)
    if facts.history.entries:
        yield Sound()


@check(
    "MIG014",
    "Two migrations are the last one",
    subjects=heads,
    severity=Severity.WARNING,
    remediable=False,
    needs="files",
    why="The tool does not know which of them to go to, and refuses to migrate at all.",
    bad=f"""
{_revision("aaa", "None")}{_revision("bbb", '"aaa"')}{_revision("ccc", '"aaa"')}""",
    good=f"""
{_revision("aaa", "None")}{_revision("bbb", '"aaa"')}{_revision("ccc", '"bbb"')}""",
)
def several_heads(subject: Heads | Sound, facts: Facts) -> Flaw | None:
    """Several files of a folder are followed by none, as after a merge of two branches.

    Examined: migrations that name the one before them (Alembic, Django), by folder, which is an app of Django's.
    Fails where more than one is named by no other. With branch labels Alembic goes to ``heads``: then it is meant so.
    """
    if isinstance(subject, Sound):
        return None
    names = listed(list(subject.names))
    return Flaw(
        message=f"{names} are heads: nothing follows any of them, and {facts.history.tool} refuses to choose",
        expected="one head",
        observed=f"{len(subject.names)} heads",
        remedy=Remedy(
            note="Merge them (alembic merge heads, manage.py makemigrations --merge), or have one follow the other."
        ),
        location=place(facts, subject.names[-1]),
    )


@check(
    "MIG015",
    "A migration that comes too late to run",
    subjects=files,
    severity=Severity.WARNING,
    remediable=False,
    needs="files",
    why="A database that has the one before it never gets this one, and nothing says so.",
    bad=f"""
{_JOURNAL % 5000}""",
    good=f"""
{_JOURNAL % 2000}""",
)
def stepping_back(subject: File, facts: Facts) -> Flaw | None:
    """A file stands after one with a later version, and its tool compares with the newest applied one alone.

    Examined: files, where the tool runs them in the order of a journal and passes over what is older than what
    it ran last (Drizzle). Passes where the ledger says that it was applied.
    """
    if subject.name not in facts.history.stepping_back:
        return None
    if any(e.file == subject.name and e.status in RECORDED for e in facts.history.entries):
        return None
    return Flaw(
        message=f"{subject.name} is older than one before it: {facts.history.tool} never runs it where that one ran",
        expected="each migration later than those before it",
        observed=f"version {subject.version}",
        remedy=Remedy(
            note=f"Give it a later time than all others; {facts.history.words.late or 'generate it again'}."
        ),
        location=place(facts, subject.name),
    )
