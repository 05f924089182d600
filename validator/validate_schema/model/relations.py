"""Tables and views with everything that hangs on them, as the catalog holds them.

Names are stored as PostgreSQL stores them: case-sensitive and unquoted. Types and expressions are
printed by the server under ``search_path = pg_catalog``, so user types are always schema-qualified
(``public."TaskStatus"``).
"""

from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias

import msgspec

Enabled = Literal["origin", "always", "replica", "disabled"]
# What else was said of an object, each with the word that SQL has for it; a default is left out.
Details: TypeAlias = tuple[tuple[str, str], ...]


class QName(NamedTuple):
    """Schema and name of a relation, type or function."""

    schema: str
    name: str


class Routine(NamedTuple):
    """A function by all that identifies it; `arguments` as in `Function.arguments`."""

    schema: str
    name: str
    arguments: str


class Record(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Base of all catalog records. They cannot form cycles, so the collector need not watch them."""


class Grant(Record, frozen=True):
    """Privileges of one grantee on one object; ``PUBLIC`` stands for everybody.

    `privileges` are the SQL words in alphabetical order (``SELECT``, ``UPDATE``); `grantable` are
    those held WITH GRANT OPTION.
    """

    grantee: str
    privileges: tuple[str, ...]
    grantable: tuple[str, ...] = ()


class Column(Record, frozen=True):
    """A column; `type` as `format_type` displays it, `base_type` with domains resolved.

    `type_name` is set where the type (or array element type) is user-defined: an enum, a domain or
    a composite. `default` also holds the expression of a generated column. `details` are storage,
    compression, statistics, options.
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
    details: Details = ()

    @property
    def base_type(self) -> str:
        return self.domain_base or self.type


ConstraintKind = Literal["primary key", "unique", "foreign key", "check", "exclusion", "not null"]
Action = Literal["no action", "restrict", "cascade", "set null", "set default"]
Match = Literal["simple", "full", "partial"]


class Constraint(Record, frozen=True):
    """A table constraint of any kind; foreign-key fields are filled for foreign keys only.

    `columns` are in the order of the constraint. `definition` is `pg_get_constraintdef` for CHECK,
    EXCLUDE and temporal constraints, otherwise None. `set_columns` is the column list of
    ON DELETE SET NULL/DEFAULT (PostgreSQL 15+). `inherited` marks the copy that a partition or
    inheritance child holds of its parent's constraint. A NOT NULL (18) has a record where it says more than
    its column: a name that somebody chose, rows or children that it does not hold for. `enabled` tells of a
    foreign key whether the triggers that enforce it fire.
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
    match: Match = "simple"
    set_columns: tuple[str, ...] = ()
    enabled: Enabled = "origin"

    @property
    def checked(self) -> bool:
        """Whether what is written is held to it: it is enforced, and the triggers of a foreign key fire in
        usual sessions."""
        return self.enforced and self.enabled in ("origin", "always")

    @property
    def holds(self) -> bool:
        """Whether every row obeys it: it is checked, and was when the rows that are there were written."""
        return self.validated and self.checked

    @property
    def state(self) -> str:
        """Why it does not hold, "" where it does: NOT ENFORCED, NOT VALID, or switched off."""
        if not self.enforced:
            return "NOT ENFORCED"
        if not self.checked:
            return "switched off: its triggers do not fire"
        return "" if self.validated else "NOT VALID"

    @property
    def deferral(self) -> Literal["no", "initially immediate", "initially deferred"]:
        if not self.deferrable:
            return "no"
        return "initially deferred" if self.deferred else "initially immediate"


class Index(Record, frozen=True):
    """An index. `columns` holds None where the key is an expression; `expressions` in key order.

    `opclasses` names each key's operator class; `options` are the flag bits of `pg_index.indoption`
    (1 = DESC, 2 = NULLS FIRST). `constraint` is the constraint that it implements. `details` are
    storage parameters, parameters of operator classes, statistics, whether rows are clustered by it or
    identified to a replica.
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
    details: Details = ()


class Policy(Record, frozen=True):
    """A row-level security policy; `roles` holds ``PUBLIC`` for everybody."""

    name: str
    command: Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"]
    roles: tuple[str, ...]
    permissive: bool = True
    using: str | None = None
    check: str | None = None


class Trigger(Record, frozen=True):
    """A user trigger; `events` in the order INSERT, UPDATE, DELETE, TRUNCATE.

    `columns` are those of UPDATE OF, `condition` is that of WHEN. `old_table` and `new_table` are the
    transition tables of REFERENCING; a `constraint` trigger may be deferrable, and names its other
    table in `references`.
    """

    name: str
    timing: Literal["before", "after", "instead of"]
    events: tuple[str, ...]
    level: Literal["row", "statement"]
    function: QName
    enabled: Enabled = "origin"
    inherited: bool = False
    columns: tuple[str, ...] = ()
    condition: str | None = None
    arguments: tuple[str, ...] = ()
    old_table: str | None = None
    new_table: str | None = None
    constraint: bool = False
    deferrable: bool = False
    deferred: bool = False
    references: QName | None = None


class Rule(Record, frozen=True):
    """A rewrite rule but for the one that makes a view; `definition` is the whole of CREATE RULE,
    `condition` its WHERE."""

    name: str
    event: Literal["SELECT", "INSERT", "UPDATE", "DELETE"]
    definition: str
    instead: bool = False
    condition: str | None = None
    enabled: Enabled = "origin"


class Table(Record, frozen=True, dict=True, gc=True):
    """An ordinary, partitioned or foreign table with everything that hangs on it.

    `estimated_rows` is the planner's estimate, None when it was never analysed. `parent` is the
    partitioned table that this is a partition of; `inherits` lists plain inheritance parents.
    `extension` is the one that owns it. `details` are replica identity, access method, tablespace, the
    type that it is OF, parameters of its TOAST table, foreign server.
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
    rules: tuple[Rule, ...] = ()
    extension: str | None = None
    details: Details = ()

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


class View(Record, frozen=True):
    """A view or materialized view; `depends_on` lists the relations that its query names.

    `check_option` is its WITH CHECK OPTION. `extension` is the one that owns it. `altered` are the columns
    with a default, privileges or storage of their own; `details` other options, access method, tablespace.
    """

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
    rules: tuple[Rule, ...] = ()
    check_option: Literal["local", "cascaded"] | None = None
    extension: str | None = None
    indexes: tuple[Index, ...] = ()
    altered: tuple[Column, ...] = ()
    details: Details = ()

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)
