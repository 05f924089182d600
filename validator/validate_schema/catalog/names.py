"""What the oids in catalog rows stand for."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from ..model.catalog import Enabled, Grant, QName, Routine
from .acl import Acls

T = TypeVar("T")
Row = tuple[Any, ...]
Named = tuple[str, str]  # schema or "", name
Fetch = Callable[[str], list[Row]]
# The superuser of a scratch server of ours. In what is read of such a server `postgres` stands for it: what
# it owns is postgres's, and postgres, an ordinary role there, is shown with its rights.
SCRATCH_SUPERUSER = "validate_schema_superuser"
# What the proof works as there, in sessions of the roles that it proves; who logs in for those that cannot.
SCRATCH_PROVER, SCRATCH_SESSION = "validate_schema_prover", "validate_schema_session"
_OTHERS = {SCRATCH_SUPERUSER: "postgres", SCRATCH_PROVER: None, SCRATCH_SESSION: None}
_BOOTSTRAP = 10  # BOOTSTRAP_SUPERUSERID of pg_authid.h
ENABLED: dict[str, Enabled] = {
    "O": "origin",
    "A": "always",
    "R": "replica",
    "D": "disabled",
}


class Names:
    """Dictionaries from oid to name, shared by all builders, and what is to be left out.

    `vanished` collects the oids of tables and domains that another session dropped while they were
    being read: they are left out, as if the reading had begun a moment later. `unproven` collects
    (table, column number) of NOT NULL constraints that are NOT VALID: rows may still hold NULL.
    """

    def __init__(self, fetch: Fetch, version: int) -> None:
        schemas = fetch("schemas")
        self.schema_rows = schemas
        self.schemas: dict[int, str] = {oid: name for oid, name, _, _ in schemas}
        all_roles = fetch("roles")
        self.role_rows, self.owner = _shown(all_roles)
        self.roles: dict[int, str] = {row[0]: row[1] for row in self.role_rows} | {0: "PUBLIC"}
        self.hidden = frozenset(row[0] for row in all_roles) - self.roles.keys()
        if self.owner:
            self.roles[_BOOTSTRAP] = "postgres"
        self.acls = Acls(version, _OTHERS if self.owner else {})
        self.version = version
        self.relations: dict[int, QName] = {}
        self.vanished: set[int] = set()
        self.unproven: set[tuple[int, int]] = set()
        self.shared: dict[Any, Any] = {}  # equal tuples seen before: most tables repeat the same few
        self.owned: dict[str, dict[int, int]] = {}
        self.extensions: dict[int, str] = {}
        self.qname = cache(self._qname)

    def take_members(self, rows: list[Row]) -> None:
        """Remember which whole objects belong to which extension (`objsubid` 0), by catalog."""
        for catalog, oid, sub, extension, _ in rows:
            if not sub:
                self.owned.setdefault(catalog, {})[oid] = extension

    def take_words(self, methods: list[Row], opclasses: list[Row], collations: list[Row]) -> None:
        """Remember the names that indexes refer to, with their schema where it is not pg_catalog."""
        self.methods: dict[int, str] = dict(methods)
        self.opclasses = {oid: self._qualified(schema, name) for oid, name, schema in opclasses}
        self.collations = {oid: self._qualified(schema, name) for oid, name, schema in collations}

    def share(self, value: T) -> T:
        """Return an equal value seen before."""
        return cast(T, self.shared.setdefault(value, value))

    def is_user(self, schema: int) -> bool:
        name = self.schemas.get(schema)
        return name is not None and is_user_schema(name)

    def belongs_to_extension(self, catalog: str, oid: int) -> bool:
        return oid in self.owned.get(catalog, ())

    def extension(self, catalog: str, oid: int) -> str | None:
        """Return the name of the extension that an object belongs to."""
        owner = self.owned.get(catalog, {}).get(oid)
        return None if owner is None else self.extensions.get(owner)

    def named(self, parts: list[str] | None) -> QName | None:
        """Return what a query gave as the oid of a schema, and a name."""
        return None if parts is None else self.qname(int(parts[0]), parts[1])

    def routine(self, parts: list[str] | None) -> Routine | None:
        """Return the function that a query gave as the oid of a schema, a name, and arguments."""
        return None if parts is None else Routine(self.schemas.get(int(parts[0]), ""), parts[1], parts[2])

    def role(self, oid: int) -> str:
        """Return a role's name; a dropped role's is its number, as PostgreSQL prints it."""
        return self.roles.get(oid) or str(oid)

    def _qualified(self, schema: int, name: str) -> str:
        """Return `name`, prefixed by its schema unless that is pg_catalog."""
        return name if self.schemas.get(schema) == "pg_catalog" else f"{self.schemas.get(schema, '')}.{name}"

    def grants(self, text: str | None, kind: str, owner: int) -> tuple[Grant, ...]:
        return self.acls.grants(text, kind, self.role(owner))

    def _qname(self, schema: int, name: str) -> QName:
        return QName(self.schemas.get(schema, ""), name)


def _shown(rows: list[Row]) -> tuple[list[Row], int]:
    """Return the roles that are shown, and on a scratch server of ours the oid of `postgres`, else 0."""
    own = next((row for row in rows if row[0] == _BOOTSTRAP and row[1] == SCRATCH_SUPERUSER), None)
    owner = next((row[0] for row in rows if row[1] == "postgres"), 0)
    if own is None or not owner:
        return rows, 0
    kept = [row for row in rows if row[1] not in (SCRATCH_SUPERUSER, SCRATCH_PROVER, SCRATCH_SESSION)]
    return [(owner, "postgres", *own[2:]) if row[0] == owner else row for row in kept], owner


def is_user_schema(name: str) -> bool:
    """Tell whether a schema may hold a user's objects: names in pg_ are PostgreSQL's own."""
    return not name.startswith("pg_") and name != "information_schema"


@cache
def numbers(text: str) -> tuple[int, ...]:
    """Return the integers of an array (``{1,2}``) or of an int2vector (``1 2``)."""
    return tuple(map(int, text.strip("{}").replace(",", " ").split()))
