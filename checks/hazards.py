"""HAZ: what a pending migration does to live tables, watched on a copy and weighed by what the target holds."""

from validate_schema.pack import Facts, Flaw, Remedy, Severity, Unexamined, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import deploy as dep
from validate_schema.pack.model import listed, some

from ._hazards import Touched, Waiting, flaw, is_large, size, touched, unseen, waiting, weight, where
from ._migration import Sound

_LEDGER = """\
    -- database
    create table applied_migrations (
        version text primary key, name text not null, applied_at timestamptz, checksum text
    );
    insert into applied_migrations values ('0001', 'note', '2026-01-01', null);
"""
_MADE = """\
create table note (id integer primary key, body text, pages integer);
    insert into note select n, 'text', n from generate_series(1, 50) n;
"""
_FIRST = """\
    -- file migrations/0001_note.sql
    create table note (id integer primary key, body text, pages integer);
"""


def example(*files: str) -> str:
    """Return an example: a table with rows, and pending files."""
    pending = "".join(
        f"    -- file migrations/{number:04}_change.sql\n    {text}\n" for number, text in enumerate(files, 2)
    )
    return f"\n{_FIRST}{pending}{_LEDGER}    {_MADE}    analyze note;\n"


@check(
    "HAZ001",
    "A pending migration writes a live table anew",
    subjects=touched,
    severity=Severity.WARNING,
    remediable=False,
    needs="dry run",
    why="Nobody can read or write the table until all of it has been copied.",
    bad=example("alter table note alter column pages type bigint;"),
    good=example("alter table note add column size bigint;"),
)
def rewrite(subject: Touched | Sound, facts: Facts) -> Flaw | None:
    """A pending file makes PostgreSQL write a table that the target has into a new file.

    Examined: tables that pending files lock or work on, on a copy of the schema (--replay). Fails where the table's file
    is another one afterwards: a column's type that is stored differently, a default that is no constant, a stored
    generated column, VACUUM FULL, CLUSTER, SET UNLOGGED. Info where the target's table is small ([hazards] rows).
    """
    if isinstance(subject, Sound):
        return None
    found = [s for s in subject.statements if subject.table in s.rewrites]
    if not found:
        return None
    return flaw(
        subject,
        found[0],
        facts,
        does="writes {} anew",
        expected="no table that is in use is rewritten under a lock",
        observed="{} has another file after: ",
        note="Add a new column beside the old one, fill it in batches, keep both in step by a trigger, then switch. "
        "A default that is no constant: add the column without it, SET DEFAULT, fill in batches.",
    )


@check(
    "HAZ002",
    "A pending migration builds an index while writers wait",
    subjects=touched,
    severity=Severity.WARNING,
    remediable=False,
    needs="dry run",
    why="Every INSERT, UPDATE and DELETE of the table waits until the whole index is there.",
    bad=example("create index on note (body);"),
    good=example("create index concurrently note_body on note (body);"),
)
def index_build(subject: Touched | Sound, facts: Facts) -> Flaw | None:
    """A pending file builds an index on a table that the target has, without CONCURRENTLY.

    Examined: tables that pending files lock or work on. Fails where an index on one of them appears or is built anew while
    the transaction holds a lock that keeps writers out: CREATE INDEX, REINDEX, and a PRIMARY KEY, UNIQUE or EXCLUDE
    that is not made of an index that is there. Info where the table is small ([hazards] rows).
    """
    if isinstance(subject, Sound):
        return None
    found = [s for s in subject.statements if subject.table in s.builds and subject.held(s)]
    if not found:
        return None
    return flaw(
        subject,
        found[0],
        facts,
        does="builds an index on {}",
        expected="CREATE INDEX CONCURRENTLY",
        note="CREATE INDEX CONCURRENTLY in a file of its own, outside of a transaction; a constraint then takes it: "
        "ALTER TABLE … ADD CONSTRAINT … UNIQUE USING INDEX …. An exclusion constraint has no such way: a new table.",
    )


@check(
    "HAZ003",
    "A pending migration checks all rows while writers wait",
    subjects=touched,
    severity=Severity.WARNING,
    remediable=False,
    needs="dry run",
    why="The table is read from end to end under a lock, and everybody who writes to it waits for that.",
    bad=example("alter table note add constraint pages_positive check (pages > 0);"),
    good=example(
        "alter table note add constraint pages_positive check (pages > 0) not valid;",
        "alter table note validate constraint pages_positive;",
    ),
)
def validation(subject: Touched | Sound, facts: Facts) -> Flaw | Unexamined | None:
    """A pending file has PostgreSQL read all of a table that the target has, under a lock that keeps writers out.

    Examined: tables that pending files lock or work on. Fails where one is scanned while the transaction holds
    SHARE or more on it, and neither rewritten nor indexed: SET NOT NULL, a CHECK or foreign key that is valid from the
    start, ATTACH PARTITION, VALIDATE in the transaction that added the constraint. Info where the table is small.
    """
    if isinstance(subject, Sound):
        return None
    found = [
        s
        for s in subject.statements
        if subject.table in s.scans
        and subject.held(s)
        and not {subject.table} & {*s.rewrites, *s.builds, *s.writes}
    ]
    if not found:
        return unseen(subject, facts)
    return flaw(
        subject,
        found[0],
        facts,
        does="reads all of {}",
        expected="a validation that lets writers work: SHARE UPDATE EXCLUSIVE",
        note="Add the constraint NOT VALID, and VALIDATE CONSTRAINT in a later migration. NOT NULL: a CHECK (… IS NOT "
        "NULL) so, and SET NOT NULL when it is valid reads nothing; then drop the CHECK.",
    )


@check(
    "HAZ004",
    "A pending migration keeps a lock while it works",
    subjects=touched,
    severity=Severity.WARNING,
    remediable=False,
    needs="dry run",
    why="A lock is kept to the end of the transaction: what takes a moment by itself blocks for as long as the rest takes.",
    bad=example(
        "begin; alter table note add column size integer; update note set size = pages; commit;",
    ),
    good=example("alter table note add column size integer;", "update note set size = pages;"),
)
def kept_lock(subject: Touched | Sound, facts: Facts) -> Flaw | Unexamined | None:
    """A pending file locks a table against readers or writers, and then works on rows in the same transaction.

    Examined: tables that pending files lock. Fails where a later statement of the transaction rewrites, indexes, reads
    through or changes rows of a table that the target has (large ones alone count, this one too). A validation of the
    same table is HAZ003's.
    """
    if isinstance(subject, Sound):
        return None
    for first in subject.statements:
        modes = [lock.mode for lock in first.locks if lock.table == subject.table]
        if not modes:
            continue
        for seen in subject.after(first):
            tables = [t for t in _worked_on(seen) if t != subject.table or t in seen.writes]
            if not tables:
                continue
            name = facts.show(subject.table)
            what = listed([facts.show(t) for t in tables])
            return Flaw(
                message=f"{subject.file} keeps {modes[0]} on {name} while it works on {what}: {size(facts, tables[0])}",
                expected="what takes a strong lock ends its transaction at once",
                observed=f"after {first.text} comes {seen.text}",
                evidence=seen.text,
                severity=weight(facts, *tables),
                remedy=Remedy(
                    note="Two migrations: one with the change of the schema, one with the work, in batches where it is long."
                ),
                location=where(facts, seen),
            )
    return unseen(subject, facts)


def _worked_on(seen: dep.Observed) -> list[cat.QName]:
    return sorted({*seen.rewrites, *seen.builds, *seen.scans, *seen.writes})


@check(
    "HAZ005",
    "A pending migration waits for a lock without limit",
    subjects=waiting,
    severity=Severity.WARNING,
    remediable=False,
    needs="dry run",
    why="While it waits behind one long transaction, everybody else who wants the table queues up behind it.",
    bad=example("alter table note add column size integer;"),
    good=example("set lock_timeout = '5s'; alter table note add column size integer;"),
)
def lock_timeout(subject: Waiting, facts: Facts) -> Flaw | None:
    """A pending file takes a lock that others wait behind, while lock_timeout is 0.

    Examined: pending files. Fails where a statement locks a table of the target in SHARE or a stronger mode and the
    session has no lock_timeout. Passes where `validate-schema migrations apply` runs the files, which sets one. What
    the role or the tool that deploys sets is not seen. Info where all these tables are small.
    """
    if not subject.statements:
        return None
    tables = sorted({lock.table for s in subject.statements for lock in s.locks})
    first = next((s for s in subject.statements if any(is_large(facts, k.table) for k in s.locks)), None)
    seen = first or subject.statements[0]
    return Flaw(
        message=f"{subject.file} waits without limit for locks on {some(len(tables), 'table')}: {listed([facts.show(t) for t in tables])}",
        expected="lock_timeout is set",
        observed=f"lock_timeout is 0 at: {seen.text}",
        evidence=seen.text,
        severity=weight(facts, *tables),
        remedy=Remedy(
            note="Begin the file with SET lock_timeout = '5s' (SET LOCAL inside a transaction), and run it again when it runs out."
        ),
        location=where(facts, seen),
    )


@check(
    "HAZ009",
    "A pending migration drops an index while readers wait",
    subjects=touched,
    severity=Severity.WARNING,
    remediable=False,
    needs="dry run",
    why="It waits for every query of the table to end, and all that come later wait behind it.",
    bad=example("create index note_body on note (body);", "drop index note_body;"),
    good=example("create index note_body on note (body);", "drop index concurrently note_body;"),
)
def index_drop(subject: Touched | Sound, facts: Facts) -> Flaw | None:
    """A pending file drops an index of a table that the target has, without CONCURRENTLY.

    Examined: tables that pending files lock or work on. Fails where an index that could go alone is gone from one of
    them afterwards, whatever dropped it, and the transaction holds ACCESS EXCLUSIVE on the table. What goes with a
    column or a constraint has no other way, and is not told. Info where the table is small ([hazards] rows).
    """
    if isinstance(subject, Sound):
        return None
    found = [s for s in subject.statements if subject.table in s.drops]
    if not found:
        return None
    return flaw(
        subject,
        found[0],
        facts,
        does="drops an index of {}",
        expected="DROP INDEX CONCURRENTLY",
        note="DROP INDEX CONCURRENTLY in a file of its own, outside of a transaction. An index of a partitioned table has "
        "no such way: SET lock_timeout, and try again when it runs out.",
    )
