"""A statement that is tried as the app role, and what the server answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...model.catalog import QName
from ...model.wording import some

_IMPOSSIBLE = frozenset({"23502", "23514", "23P01", "22001"})  # no such row can be, whoever writes it


@dataclass(frozen=True)
class Attempt:
    """One statement as the app role. `before` runs as superuser with triggers and keys off.

    What it achieved is read in one of three ways: the rows that it returned are in `wanted`; rows that
    `present` lists are gone from `missing_from` (touched or deleted); the superuser's `count` grew.
    `shown` is the statement for a reproduction where it reads better; `again` replaces the attempt
    when a unique constraint was in the way. `copied` marks a COPY: what is fed to it, "" for COPY … TO.
    `values` are those of the row that it inserts. `base` is the statement without a condition, where one
    may follow.
    """

    statement: str
    label: str
    wanted: frozenset[str] = frozenset()
    present: str = ""
    count: str = ""
    before: tuple[str, ...] = ()
    shown: str = ""
    again: "Attempt | None" = None
    copied: str | None = None
    values: Mapping[str, str | None] = field(default_factory=dict)
    base: str = ""

    @property
    def by_another_way(self) -> bool:
        """Whether it takes another way to rows that a plainer statement reaches as well."""
        says = self.statement
        return self.copied is not None or " returning " in says or says.endswith(" on conflict do nothing")


@dataclass(frozen=True)
class Answer:
    """What the server did: nothing of the kind (`hits` 0), the other's rows (`hits`), or an error."""

    hits: int = 0
    state: str = ""
    message: str = ""
    source: str = ""
    rows: tuple[Any, ...] = ()

    @property
    def by_policy(self) -> bool:
        return self.state == "42501" and self.source == "ExecWithCheckOptions"

    @property
    def refused(self) -> bool:
        """Whether it is a refusal that does not hang on what the row holds: by a policy's check, or for lack
        of a privilege on anything that the statement needs."""
        return self.state == "42501"

    @property
    def impossible(self) -> bool:
        """Whether no such row can be: a CHECK, NOT NULL, an exclusion or a length forbids it."""
        return self.state in _IMPOSSIBLE

    def denied(self, name: QName) -> bool:
        """Tell whether the role lacks a privilege on this very object or its schema."""
        said = self.message.removeprefix("permission denied for ").partition(" ")[2]
        acl = self.state == "42501" and self.source.startswith("aclcheck_error")
        return acl and said in (name.name, name.schema)

    @property
    def said(self) -> str:
        return f"{self.state} {self.message}" if self.state else some(self.hits, "row")


def plain_ones(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the attempts without those that take another way to the same rows."""
    return [a for a in attempts if not a.by_another_way]


def most_telling(answers: Sequence[Answer]) -> Answer:
    """Return the answer that says most: one by a policy, then any other error."""
    return next((a for a in answers if a.by_policy), next((a for a in answers if a.state), answers[0]))


def how_it_held(answers: Sequence[Answer]) -> str:
    telling = most_telling(answers)
    if telling.state:
        return f"the policy held: {telling.message}"
    return "the policy held: no row was reached, and it is without row security"


def in_the_way(answers: Sequence[Answer]) -> str:
    telling = most_telling(answers)
    if telling.state:
        return f"the policy lets it through; stopped by {telling.said}"
    return "the policy lets it through; a trigger swallowed it"
