"""DAT: keys that run out of numbers, as far as their sequences tell."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, NotExamined, ObjectRef, Remedy, Severity, Unexamined, check
from validate_schema.pack.model import evidence

_NEAR = 0.7  # of the numbers that fit: a busy table has months left, and the change takes planning


class Counted(NamedTuple):
    """A column that owns a sequence, used or unreadable."""

    counter: evidence.Counter

    @property
    def ref(self) -> ObjectRef:
        table = self.counter.table
        return ObjectRef("column", table.schema, table.name, self.counter.column)


def counted_keys(facts: Facts) -> Iterator[Counted]:
    """Smallint and integer columns of user tables that own a sequence, where rows were looked at."""
    if facts.evidence.counters_reason:
        raise NotExamined(facts.evidence.counters_reason)
    known = {table.qname for table in facts.tables}
    yield from (Counted(c) for c in facts.evidence.counters if c.table in known)


@check(
    "DAT007",
    "Integer key that runs out of numbers",
    subjects=counted_keys,
    severity=Severity.WARNING,
    remediable=False,
    needs="rows",
    why="When the last number is used every INSERT fails, for all tenants at once, and a wider type takes hours to write.",
    bad="""
        create table event (id serial primary key, org_id uuid not null references organization (id));
        select setval('event_id_seq', 2000000000);
    """,
    good="""
        create table event (id serial primary key, org_id uuid not null references organization (id));
        select setval('event_id_seq', 1000000000);
    """,
)
def key_overflow(subject: Counted, facts: Facts) -> Flaw | Unexamined | None:
    """The sequence of a smallint or integer column has used most of the numbers that fit.

    Examined: the sequences that such columns of user tables own, where rows were looked at; those that the connected
    role may not read are not examined. Fails from 70 % on of what the type and the sequence's own MAXVALUE leave. Sequences
    that count downwards, start again (CYCLE) or that nobody has used yet are left out.
    Source: PostgreSQL documentation, "Numeric Types", "Sequence Manipulation Functions".
    """
    counter = subject.counter
    name = f"{facts.show(counter.table)}.{counter.column}"
    if counter.last is None:
        return Unexamined(f"the sequence of {name} may not be read: GRANT SELECT ON SEQUENCE")
    if counter.last < _NEAR * counter.most:
        return None
    return Flaw(
        message=f"{name} has used {100 * counter.last // counter.most} % of its numbers",
        expected="bigint, or numbers left for years",
        observed=f"{counter.last} of {counter.most}",
        remedy=Remedy(
            note="Add a bigint column beside it, fill it in batches, exchange the two, and change the columns that "
            "reference it and the sequence (ALTER SEQUENCE … AS bigint) with it."
        ),
    )
