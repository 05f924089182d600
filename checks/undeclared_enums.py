"""ENU: enums that nobody declared."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import catalog


class EnumCandidate(NamedTuple):
    """An enum type, where the contract is closed and declares enums."""

    enum: catalog.Enum

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("enum", self.enum.schema, name=self.enum.name)


def candidates(facts: Facts) -> Iterator[EnumCandidate]:
    """Enum types, when the contract is closed and lists enums or holds whole tables."""
    listed = facts.contract.enums or any(t.complete for t in facts.contract.tables)
    if facts.contract.closed and listed:
        yield from map(EnumCandidate, facts.catalog.enums)


@check(
    "ENU004",
    "An enum is not in the closed contract",
    subjects=candidates,
    severity=Severity.INFO,
    needs="contract",
    why="It is left over from a change, or a column has values that the application does not know.",
    bad="create type mood as enum ('sad', 'ok');",
    good="create type task_status as enum ('open', 'done');",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"

        [contract]
        closed = true
        [contract.enums]
        task_status = ["open", "done"]
        [contract.tables.organization]
    """,
    remediable=False,
)
def unexpected_enum(subject: EnumCandidate, facts: Facts) -> Flaw | None:
    """An enum type exists that the closed contract does not declare.

    Examined: every enum type, if the contract says ``closed = true`` and lists enums.
    """
    name = subject.enum.qname
    if any(name == (e.schema or facts.default_schema, e.name) for e in facts.contract.enums):
        return None
    return Flaw(
        message=f"Enum {facts.show(name)} is not in the contract",
        expected="only enums that the contract declares",
        observed=f"an undeclared enum; labels: {', '.join(subject.enum.labels)}",
        remedy=Remedy(note="Declare it in the contract, or drop it once no column uses it."),
    )
