"""What two tenants could do to each other on a copy of the schema, with real rows as the app role."""

from enum import StrEnum

import msgspec

from .catalog import QName


class Probe(StrEnum):
    """What was tried as tenant A. `NO_CONTEXT`: any verb with the context unset, empty or malformed.
    `EFFECT`: what A may do, and what that sets off."""

    READ = "read"
    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"
    REHOME = "re-home"
    NO_CONTEXT = "no context"
    OWN = "own rows"
    REFERENCE = "references"
    SURFACE = "surface"
    EFFECT = "effects"


class Outcome(StrEnum):
    """`ISOLATED`: the policy held. `DENIED`: the role lacks the privilege, so it held too. `LEAK`: it
    did not. `BLOCKED`: a tenant cannot use its own rows. `INCONCLUSIVE`: something else got in the way, or
    the self-check failed: never a pass."""

    ISOLATED = "isolated"
    BLOCKED = "blocked"
    DENIED = "denied"
    LEAK = "leak"
    INCONCLUSIVE = "inconclusive"


class Cell(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One probe of one object as one role. `object` is the table, or for a surface the view or the
    function (with its arguments); `detail` the foreign key of a reference. `statements` (without
    semicolons) reproduce the outcome in psql; `observed` is what the server answered; `why` explains it
    in a sentence."""

    role: str
    table: QName
    probe: Probe
    outcome: Outcome
    why: str
    detail: str = ""
    kind: str = "table"
    observed: str = ""
    statements: tuple[str, ...] = ()


def psql_script(statements: tuple[str, ...]) -> str:
    """Return the statements as psql takes them: each ended by a semicolon, on lines of its own; the rows
    that follow a COPY … FROM end themselves."""
    return "\n".join(s if s.endswith("\n\\.") else f"{s.rstrip().removesuffix(';')};" for s in statements)


def essence(statements: tuple[str, ...]) -> tuple[str, ...]:
    """Return what the role itself did: the statements after those that made the rows and became it."""
    become = [n for n, s in enumerate(statements) if "session authorization" in s.lower()]
    return statements[become[0] :] if become else statements


class Tested(msgspec.Struct, frozen=True):
    """A function of which reading said nothing, and which rows decided: it says yes to the key of the
    session's tenant alone, its parameter number `place`; 0 where it returns that key. `type` is the key's."""

    function: QName
    place: int
    type: str


class Unmet(msgspec.Struct, frozen=True):
    """A branch of the policies of a table, in SQL, that no row of another tenant met for the role, by the
    command and the half of the policies."""

    table: QName
    role: str
    command: str
    half: str
    branch: str


class AppRole(msgspec.Struct, frozen=True):
    """A role that was probed, and how it was chosen: configured, inferred, or made up on the copy."""

    name: str
    how: str
    made_up: bool = False


class Isolation(msgspec.Struct, frozen=True, omit_defaults=True):
    """The proof. Not `attempted`: `reason` says why there is none.

    `tables` are those that were to be proven; `relaxed` says what was dropped or changed on the copy so
    that rows could be made (a CHECK, an exclusion constraint); `notes` what a reader must know (missing
    extensions, stand-in roles). `live` marks the read-only count among real rows. `wanted`: a proof was
    asked for, so that none is no pass. `tested` are functions that keys decided. `people` says in words how
    many people of which tenants there were; "" for none. `preset` is the gateway whose sessions they had.
    `unmet` are ways in that were not met, where reading left one.
    """

    attempted: bool = False
    reason: str = ""
    live: bool = False
    roles: tuple[AppRole, ...] = ()
    tables: tuple[QName, ...] = ()
    cells: tuple[Cell, ...] = ()
    relaxed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    wanted: bool = False
    tested: tuple[Tested, ...] = ()
    people: str = ""
    preset: str = ""
    unmet: tuple[Unmet, ...] = ()
