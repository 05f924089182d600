"""Who asks: what a session says of itself, and which rows say to which tenants a person belongs."""

from enum import StrEnum

import msgspec

from .catalog import QName, Routine

# Roles that a gateway gives to those who ask. Source: Supabase's documentation, "Postgres Roles".
ANONYMOUS = "anon"
PLATFORM_ROLES = (ANONYMOUS, "authenticated", "service_role")


class Kind(StrEnum):
    """What a context variable says. `CLIENT`: something that whoever asks writes himself, such as his own
    metadata or a header of his request, and that nothing vouches for."""

    TENANT = "tenant"
    PERSON = "person"
    SWITCH = "switch"
    CLIENT = "client"
    OTHER = "other"


class Variable(msgspec.Struct, frozen=True, order=True):
    """A setting, or one claim of a setting that holds JSON: the claim's `path`, from the outside in."""

    setting: str
    path: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """As people write it: ``request.jwt.claims ->> 'sub'``."""
        if not self.path:
            return self.setting
        inner = "".join(f" -> '{key}'" for key in self.path[:-1])
        return f"{self.setting}{inner} ->> '{self.path[-1]}'"


ROLE_CLAIM = Variable("request.jwt.claims", ("role",))  # the database's role, as PostgREST knows it


class ContextVariable(msgspec.Struct, frozen=True):
    """What a variable of the session stands for, and the reason in a sentence. `words` are the constants
    that policies compare it with."""

    variable: Variable
    kind: Kind
    why: str
    words: tuple[str, ...] = ()


class Trusted(msgspec.Struct, frozen=True):
    """A way past the tenant that the config accepts: a setting, a claim by its path with dots, or a table of
    people; of the first two only some `values`, where there are any."""

    reason: str
    setting: str = ""
    claim: str = ""
    table: QName | None = None
    values: tuple[str, ...] = ()

    def covers(self, variable: "Variable") -> bool:
        """Tell whether it is about that variable."""
        if self.claim:
            return ".".join(variable.path) == self.claim
        return bool(self.setting) and variable == Variable(self.setting.lower())


class Membership(msgspec.Struct, frozen=True):
    """A table whose rows say that a person belongs to a tenant: the columns that hold them, and the
    variable that policies compare the person with. `tenant` leads to the tenant where the table carries no
    tenant column itself. `why` is the reason in a sentence. Where no policy has `asked` it for the tenants of
    a person, it ties people to tenants and lets nobody in."""

    table: QName
    tenant: str
    person: str
    variable: Variable
    why: str
    asked: bool = True


class Filler(msgspec.Struct, frozen=True):
    """A function that writes the tenant of a membership as the user gives it; not `certain`: looks it up by
    what he gives."""

    function: Routine
    table: QName
    tenant: str
    certain: bool = True


class Principals(msgspec.Struct, frozen=True):
    """Who asks. `people` is the table that people are rows of, by `people_key`, where there is one.

    `gateway`: requests come through a gateway that signs what it says of them, so that nobody sets a
    setting himself; otherwise whoever holds the connection of an app role sets any. `threat` says why.
    """

    variables: tuple[ContextVariable, ...] = ()
    memberships: tuple[Membership, ...] = ()
    people: QName | None = None
    people_key: str | None = None
    gateway: bool = False
    threat: str = ""
    fillers: tuple[Filler, ...] = ()

    def of_kind(self, *kinds: Kind) -> tuple[ContextVariable, ...]:
        """Return the variables of these kinds."""
        return tuple(v for v in self.variables if v.kind in kinds)

    def is_nobody(self, role: str) -> bool:
        """Tell whether who asks with that role is no person: a gateway gives it to those who are not logged
        in."""
        return self.gateway and role == ANONYMOUS
