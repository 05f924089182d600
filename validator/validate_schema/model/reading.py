"""What the static analysis says of row-level security, table by table, role by role."""

from enum import StrEnum

import msgspec

from .catalog import QName
from .principals import Principals


class Reach(StrEnum):
    """Whether a role can reach another tenant's rows through the policies, as far as they tell.

    `SAFE`: every branch binds the tenant. `UNSAFE`: a branch demonstrably does not. `UNVERIFIED`: the
    text does not decide it. `CLOSED`: no policy lets the role in at all. `TESTED`: safe, given what rows
    showed of a function that could not be read.
    """

    SAFE = "safe"
    TESTED = "tested"
    UNSAFE = "unsafe"
    UNVERIFIED = "unverified"
    CLOSED = "closed"


HELD = frozenset({Reach.SAFE, Reach.TESTED, Reach.CLOSED})


class Flow(StrEnum):
    """What makes an unsafe branch unsafe; each belongs to one check. `JOIN`: whoever asks can make himself
    a member. `ANYWHERE`: it is enough to be a member, or an administrator, of some tenant."""

    READ = "read"
    WRITE = "write"
    FAIL_OPEN = "fail open"
    NULL_TENANT = "null tenant"
    JOIN = "join"
    ANYWHERE = "anywhere"


class Judgement(msgspec.Struct, frozen=True):
    """One table × role × command. `half` is "using" (rows seen or touched) or "check" (rows written).

    `policy` and `branch` name what opens or hides the answer: the policy and the branch in SQL.
    `reason` is one sentence. `flow` is set for UNSAFE, as is `example`: what columns of the row may hold
    where the branch is open, as text. `user` is who CURRENT_USER is, where that is not the role: a view is
    read under the policies of its owner, and its reader stays the user.
    """

    table: QName
    role: str
    command: str
    half: str
    reach: Reach
    reason: str
    policy: str | None = None
    branch: str = ""
    flow: Flow | None = None
    example: tuple[tuple[str, str | None], ...] = ()
    user: str = ""


class PolicyReading(msgspec.Struct, frozen=True):
    """One policy by itself. `settings` are the settings it reads, with whether `missing_ok` is given.

    `undecided` names what stopped the analysis (an opaque function, a construct). `unwrapped` lists
    stable function calls that are evaluated once per row. `brittle` says why a fresh or a pooled
    session gets an error from it. `lone` are the tables of memberships that it asks for the one tenant of a
    person who may have several.
    """

    table: QName
    policy: str
    settings: tuple[tuple[str, bool], ...] = ()
    undecided: tuple[str, ...] = ()
    unwrapped: tuple[str, ...] = ()
    brittle: tuple[str, ...] = ()
    lone: tuple[QName, ...] = ()


class Analysis(msgspec.Struct, frozen=True):
    """All judgements, sorted by table, role, command, half; each policy's reading; and who asks.
    `owners` are those of the roles with whose rights views, functions, triggers and rules act, as these roles
    alone. `loose` are the tables of memberships into which a person may write rows of any tenant, though none
    that policies count. `unread` is the reason why nothing could be judged: what a policy needs may not be
    read."""

    judgements: tuple[Judgement, ...] = ()
    policies: tuple[PolicyReading, ...] = ()
    owners: tuple[Judgement, ...] = ()
    principals: Principals = Principals()
    unread: str = ""
    loose: tuple[QName, ...] = ()
