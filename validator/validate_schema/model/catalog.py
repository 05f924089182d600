"""The catalog of one database as an immutable snapshot.

Names are stored as PostgreSQL stores them: case-sensitive and unquoted. Types and expressions are
printed by the server under ``search_path = pg_catalog``, so user types are always schema-qualified
(``public."TaskStatus"``). Objects owned by extensions, system schemas and temporary objects are
left out; `Extension.members` lists the former.
"""

from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

POSTGRESQL = "PostgreSQL"


class QName(NamedTuple):
    """Schema and name of a relation, type or function."""

    schema: str
    name: str


class _Record(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Base of all catalog records. They cannot form cycles, so the collector need not watch them."""


class Grant(_Record, frozen=True):
    """Privileges of one grantee on one object; ``PUBLIC`` stands for everybody.

    `privileges` are the SQL words in alphabetical order (``SELECT``, ``UPDATE``); `grantable` are
    those held WITH GRANT OPTION.
    """

    grantee: str
    privileges: tuple[str, ...]
    grantable: tuple[str, ...] = ()


class Column(_Record, frozen=True):
    """A column; `type` as `format_type` displays it, `base_type` with domains resolved.

    `type_name` is set where the type (or array element type) is user-defined: an enum, a domain or
    a composite. `default` also holds the expression of a generated column.
    """

    name: str
    type: str
    not_null: bool = False
    default: str | None = None
    identity: Literal["always", "by default"] | None = None
    generated: Literal["stored", "virtual"] | None = None
    collation: str | None = None
    type_name: QName | None = None
    domain_base: str | None = None
    grants: tuple[Grant, ...] = ()

    @property
    def base_type(self) -> str:
        return self.domain_base or self.type


ConstraintKind = Literal["primary key", "unique", "foreign key", "check", "exclusion", "not null"]
Action = Literal["no action", "restrict", "cascade", "set null", "set default"]


class Constraint(_Record, frozen=True):
    """A table constraint of any kind; foreign-key fields are filled for foreign keys only.

    `columns` are in the order of the constraint. `definition` is `pg_get_constraintdef` for CHECK,
    EXCLUDE and temporal constraints, otherwise None. `set_columns` is the column list of
    ON DELETE SET NULL/DEFAULT (PostgreSQL 15+). `inherited` marks the copy that a partition or
    inheritance child holds of its parent's constraint.
    """

    name: str
    kind: ConstraintKind
    columns: tuple[str, ...]
    definition: str | None = None
    validated: bool = True
    enforced: bool = True
    deferrable: bool = False
    deferred: bool = False
    inherited: bool = False
    no_inherit: bool = False
    temporal: bool = False
    index: str | None = None
    references: QName | None = None
    referenced_columns: tuple[str, ...] = ()
    on_delete: Action = "no action"
    on_update: Action = "no action"
    match: Literal["simple", "full", "partial"] = "simple"
    set_columns: tuple[str, ...] = ()


class Index(_Record, frozen=True):
    """An index. `columns` holds None where the key is an expression; `expressions` in key order.

    `opclasses` names each key's operator class; `options` are the flag bits of `pg_index.indoption`
    (1 = DESC, 2 = NULLS FIRST). `constraint` is the constraint that it implements.
    """

    name: str
    columns: tuple[str | None, ...]
    method: str = "btree"
    unique: bool = False
    primary: bool = False
    valid: bool = True
    ready: bool = True
    nulls_not_distinct: bool = False
    expressions: tuple[str, ...] = ()
    predicate: str | None = None
    include: tuple[str, ...] = ()
    opclasses: tuple[str, ...] = ()
    collations: tuple[str, ...] = ()
    options: tuple[int, ...] = ()
    constraint: str | None = None
    inherited: bool = False


class Policy(_Record, frozen=True):
    """A row-level security policy; `roles` holds ``PUBLIC`` for everybody."""

    name: str
    command: Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"]
    roles: tuple[str, ...]
    permissive: bool = True
    using: str | None = None
    check: str | None = None


class Trigger(_Record, frozen=True):
    """A user trigger; `events` in the order INSERT, UPDATE, DELETE, TRUNCATE."""

    name: str
    timing: Literal["before", "after", "instead of"]
    events: tuple[str, ...]
    level: Literal["row", "statement"]
    function: QName
    enabled: Literal["origin", "always", "replica", "disabled"] = "origin"
    inherited: bool = False


class Table(_Record, frozen=True, dict=True, gc=True):
    """An ordinary, partitioned or foreign table with everything that hangs on it.

    `estimated_rows` is the planner's estimate, None when it was never analysed. `parent` is the
    partitioned table that this is a partition of; `inherits` lists plain inheritance parents.
    """

    schema: str
    name: str
    owner: str
    kind: Literal["table", "partitioned", "foreign"] = "table"
    unlogged: bool = False
    row_security: bool = False
    force_row_security: bool = False
    parent: QName | None = None
    partition_key: str | None = None
    partition_bound: str | None = None
    inherits: tuple[QName, ...] = ()
    options: tuple[str, ...] = ()
    estimated_rows: int | None = None
    columns: tuple[Column, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    indexes: tuple[Index, ...] = ()
    policies: tuple[Policy, ...] = ()
    grants: tuple[Grant, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    # Nearly every check asks for these, of every table. What is kept is no field: it takes no part in
    # comparisons, and stands in no file.
    @cached_property
    def qname(self) -> QName:
        return QName(self.schema, self.name)

    def column(self, name: str) -> Column | None:
        """Return the column of that exact name, or None."""
        return self._columns_by_name.get(name)

    @cached_property
    def _columns_by_name(self) -> dict[str, Column]:
        return {c.name: c for c in self.columns}

    @cached_property
    def primary_key(self) -> Constraint | None:
        return next((c for c in self.constraints if c.kind == "primary key"), None)

    @cached_property
    def foreign_keys(self) -> tuple[Constraint, ...]:
        return tuple(c for c in self.constraints if c.kind == "foreign key")

    @cached_property
    def checks(self) -> tuple[Constraint, ...]:
        return tuple(c for c in self.constraints if c.kind == "check")

    @cached_property
    def without_not_null(self) -> frozenset[str]:
        """The columns that are not NOT NULL; a CHECK may still keep NULL from them."""
        return frozenset(c.name for c in self.columns if not c.not_null)


class View(_Record, frozen=True):
    """A view or materialized view; `depends_on` lists the relations that its query names."""

    schema: str
    name: str
    owner: str
    kind: Literal["view", "materialized view"]
    definition: str
    security_invoker: bool = False
    security_barrier: bool = False
    columns: tuple[str, ...] = ()
    depends_on: tuple[QName, ...] = ()
    grants: tuple[Grant, ...] = ()
    triggers: tuple[Trigger, ...] = ()

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Function(_Record, frozen=True):
    """A function or procedure; `arguments` are the identity arguments that tell overloads apart.

    `touches` lists relations its body reads or writes, from recorded dependencies (SQL-standard
    bodies) or from parsing (SQL and PL/pgSQL); None when the body cannot be read.
    """

    schema: str
    name: str
    arguments: str
    owner: str
    language: str
    returns: str | None = None
    kind: Literal["function", "procedure", "aggregate", "window"] = "function"
    volatility: Literal["immutable", "stable", "volatile"] = "volatile"
    security_definer: bool = False
    leakproof: bool = False
    settings: tuple[str, ...] = ()
    body: str | None = None
    touches: tuple[QName, ...] | None = None
    grants: tuple[Grant, ...] = ()

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Membership(_Record, frozen=True):
    """Membership in `role`; `set_role` tells whether the member may SET ROLE to it (16+: SET option)."""

    role: str
    admin: bool = False
    inherit: bool = True
    set_role: bool = True


class Role(_Record, frozen=True):
    name: str
    superuser: bool = False
    bypassrls: bool = False
    login: bool = False
    inherit: bool = True
    createrole: bool = False
    createdb: bool = False
    replication: bool = False
    settings: tuple[str, ...] = ()
    member_of: tuple[Membership, ...] = ()


class Schema(_Record, frozen=True):
    name: str
    owner: str
    grants: tuple[Grant, ...] = ()


class Enum(_Record, frozen=True):
    """An enum type with its labels in sort order."""

    schema: str
    name: str
    owner: str
    labels: tuple[str, ...]

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Domain(_Record, frozen=True):
    """A domain; `type` may itself be a domain, `base_type` is what lies at the bottom."""

    schema: str
    name: str
    owner: str
    type: str
    base_type: str
    type_name: QName | None = None
    not_null: bool = False
    default: str | None = None
    checks: tuple[Constraint, ...] = ()

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Sequence(_Record, frozen=True):
    """A sequence; `owned_by` is (schema, table, column) where a column owns it."""

    schema: str
    name: str
    owner: str
    type: str
    owned_by: tuple[str, str, str] | None = None
    grants: tuple[Grant, ...] = ()


class Extension(_Record, frozen=True):
    """An installed extension; `members` are its objects as `pg_describe_object` words."""

    name: str
    version: str
    schema: str
    members: tuple[str, ...] = ()


class EventTrigger(_Record, frozen=True):
    name: str
    event: str
    function: QName
    enabled: Literal["origin", "always", "replica", "disabled"] = "origin"


class Publication(_Record, frozen=True):
    """A logical-replication publication; `schemas` are those published whole."""

    name: str
    all_tables: bool = False
    operations: tuple[str, ...] = ()
    tables: tuple[QName, ...] = ()
    schemas: tuple[str, ...] = ()


class DefaultPrivileges(_Record, frozen=True):
    """ALTER DEFAULT PRIVILEGES of `role`, in `schema` or everywhere (None).

    `object_type` is tables, sequences, functions, types, schemas or large objects.
    """

    role: str
    schema: str | None
    object_type: str
    grants: tuple[Grant, ...] = ()


class ConnectedRole(_Record, frozen=True):
    """The role that read the catalog; in a snapshot, the one that took it."""

    name: str
    superuser: bool = False
    bypassrls: bool = False


class Server(_Record, frozen=True):
    """Where the catalog was read. `version_num` is PostgreSQL's integer (180006), 0 for another `product`."""

    version: str
    version_num: int
    database: str
    role: ConnectedRole
    default_schema: str = "public"
    product: str = POSTGRESQL


class Unreadable(_Record, frozen=True):
    """Something that could not be read, and the grant that would allow it."""

    what: str
    reason: str


class Catalog(_Record, frozen=True):
    """Everything the checks may know about a database. Every list is sorted by name."""

    server: Server
    schemas: tuple[Schema, ...] = ()
    tables: tuple[Table, ...] = ()
    views: tuple[View, ...] = ()
    enums: tuple[Enum, ...] = ()
    domains: tuple[Domain, ...] = ()
    functions: tuple[Function, ...] = ()
    sequences: tuple[Sequence, ...] = ()
    extensions: tuple[Extension, ...] = ()
    roles: tuple[Role, ...] = ()
    event_triggers: tuple[EventTrigger, ...] = ()
    publications: tuple[Publication, ...] = ()
    default_privileges: tuple[DefaultPrivileges, ...] = ()
    unreadable: tuple[Unreadable, ...] = ()
