"""What a role of one member of a fleet could do to the rows of another, on a copy, with real rows."""

from typing import Literal

import msgspec

from .catalog import QName

Crossed = Literal["reached", "held", "not tried"]
"""`held` is said of what a row met: whoever writes all rows reached it so, the role did not."""


class Attempted(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One verb on one table of the other member, or on its rows of a table that members share, as one role.

    `via` is the role that `role` becomes for its own member by SET ROLE, "" where it has the rights itself.
    `ways` are those that reached a row (by name, by search_path, by SET ROLE …); `why` explains the other
    outcomes. `statements` (without semicolons) reproduce in psql what was reached.
    """

    role: str
    table: QName
    verb: str
    outcome: Crossed
    via: str = ""
    ways: tuple[str, ...] = ()
    why: str = ""
    statements: tuple[str, ...] = ()


class MemberProof(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was tried as the roles of `member` on `other`, each named as members are. Where nothing could be
    tried `reason` says why; `notes` what a reader must know."""

    member: str
    other: str = ""
    attempted: tuple[Attempted, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""

    def count(self, outcome: Crossed) -> int:
        """Return how many verbs on tables came to that."""
        return sum(a.outcome == outcome for a in self.attempted)

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles as which something was tried, in order."""
        return tuple(dict.fromkeys(a.role for a in self.attempted))
