"""What a catalog holds beside tables and views: functions, types, roles, privileges and the rest."""

from typing import Literal

from .relations import Column, Constraint, Details, Enabled, Grant, QName, Record, Routine


class Aggregate(Record, frozen=True):
    """What makes an aggregate: its `functions` by their part (``transition``, ``final``, …), the type of
    its state, and what else CREATE AGGREGATE was told, by option."""

    functions: tuple[tuple[str, Routine], ...]
    state_type: str
    options: tuple[tuple[str, str], ...] = ()


class Function(Record, frozen=True):
    """A function or procedure; `arguments` are the identity arguments that tell overloads apart.

    `touches` lists relations its body reads or writes, from recorded dependencies (SQL-standard
    bodies) or from parsing (SQL and PL/pgSQL); None when the body cannot be read.

    `signature` are the arguments with their defaults, where there are any. `cost` and `rows` are
    estimates where somebody gave them, `support` the planner's support function, `transforms` the
    types of TRANSFORM FOR TYPE. `symbol` is what a C or internal function is called in its `library`.
    `extension` is the one that owns it. `overloads` where PostgreSQL has functions of that name too.
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
    signature: str | None = None
    strict: bool = False
    parallel: Literal["unsafe", "restricted", "safe"] = "unsafe"
    cost: float | None = None
    rows: float | None = None
    support: QName | None = None
    transforms: tuple[str, ...] = ()
    symbol: str | None = None
    library: str | None = None
    aggregate: Aggregate | None = None
    extension: str | None = None
    overloads: bool = False

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)

    @property
    def routine(self) -> Routine:
        return Routine(self.schema, self.name, self.arguments)


class Membership(Record, frozen=True):
    """Membership in `role`; `set_role` tells whether the member may SET ROLE to it (16+: SET option)."""

    role: str
    admin: bool = False
    inherit: bool = True
    set_role: bool = True


class Role(Record, frozen=True):
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


class Schema(Record, frozen=True):
    name: str
    owner: str
    grants: tuple[Grant, ...] = ()


class Enum(Record, frozen=True):
    """An enum type with its labels in sort order."""

    schema: str
    name: str
    owner: str
    labels: tuple[str, ...]
    grants: tuple[Grant, ...] = ()

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Domain(Record, frozen=True):
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
    grants: tuple[Grant, ...] = ()
    collation: str | None = None

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Composite(Record, frozen=True):
    """A composite type."""

    schema: str
    name: str
    owner: str
    attributes: tuple[Column, ...]
    grants: tuple[Grant, ...] = ()

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Definition(Record, frozen=True):
    """An object of a kind that is rarely seen, as the words of its definition: a range or base type,
    something of text search, of foreign data or of access methods, a conversion, a transform, statistics,
    a subscription. `schema` and `owner` are empty where its kind has none. No detail holds a password.
    """

    kind: str
    schema: str
    name: str
    owner: str
    details: Details
    grants: tuple[Grant, ...] = ()

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class SystemPrivileges(Record, frozen=True):
    """Privileges on something of the server's own, or of an extension, that are not the `initial` ones."""

    kind: str
    schema: str
    name: str
    owner: str
    grants: tuple[Grant, ...]
    initial: tuple[Grant, ...]


class Comment(Record, frozen=True):
    """A comment on an object of this kind; `name` is as people write it, quoted where it must be."""

    kind: str
    name: str
    text: str


class Sequence(Record, frozen=True):
    """A sequence; `owned_by` is (schema, table, column) where a column owns it, `identity` whether as its
    GENERATED AS IDENTITY. `details` are start, increment, bounds, cache and cycle."""

    schema: str
    name: str
    owner: str
    type: str
    owned_by: tuple[str, str, str] | None = None
    grants: tuple[Grant, ...] = ()
    identity: bool = False
    unlogged: bool = False
    details: Details = ()


class Extension(Record, frozen=True):
    """An installed extension; `members` are its objects as `pg_describe_object` words. `owner` is "" where a
    contract or an older snapshot does not tell."""

    name: str
    version: str
    schema: str
    members: tuple[str, ...] = ()
    owner: str = ""


class EventTrigger(Record, frozen=True):
    """An event trigger; `tags` are the commands that it is limited to."""

    name: str
    event: str
    function: QName
    enabled: Enabled = "origin"
    owner: str = ""
    tags: tuple[str, ...] = ()


class Published(Record, frozen=True):
    """What a publication holds back of a table: all `columns` but these, all rows but those that meet
    `condition`; without them, nothing."""

    table: QName
    columns: tuple[str, ...] = ()
    condition: str | None = None


class Publication(Record, frozen=True):
    """A logical-replication publication; `schemas` are those published whole. `narrowed` are those of its
    tables of which it publishes a part."""

    name: str
    all_tables: bool = False
    operations: tuple[str, ...] = ()
    tables: tuple[QName, ...] = ()
    schemas: tuple[str, ...] = ()
    owner: str = ""
    narrowed: tuple[Published, ...] = ()
    details: Details = ()


class DefaultPrivileges(Record, frozen=True):
    """ALTER DEFAULT PRIVILEGES of `role`, in `schema` or everywhere (None).

    `object_type` is tables, sequences, functions, types, schemas or large objects.
    """

    role: str
    schema: str | None
    object_type: str
    grants: tuple[Grant, ...] = ()


class Operator(Record, frozen=True):
    """An operator; a prefix operator has no `left` type. Types are as `format_type` displays them;
    `commutator` and `negator` name operators, `restrict` and `join` their estimators."""

    schema: str
    name: str
    owner: str
    left: str | None
    right: str | None
    result: str | None
    function: Routine | None
    commutator: QName | None = None
    negator: QName | None = None
    restrict: QName | None = None
    join: QName | None = None
    hashes: bool = False
    merges: bool = False

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Cast(Record, frozen=True):
    """A cast that somebody made, from one type to another. `context` tells where it is applied unasked:
    ``implicit`` everywhere, ``assignment`` on assignment, ``explicit`` nowhere."""

    source: str
    target: str
    context: Literal["implicit", "assignment", "explicit"]
    method: Literal["function", "inout", "binary"]
    function: Routine | None = None

    @property
    def name(self) -> str:
        return f"{self.source} as {self.target}"


class Language(Record, frozen=True):
    """A language of functions; anybody who may use a `trusted` one can create functions in it."""

    name: str
    owner: str
    trusted: bool = False
    handler: QName | None = None
    inline: QName | None = None
    validator: QName | None = None
    grants: tuple[Grant, ...] = ()
    extension: str | None = None


class Collation(Record, frozen=True):
    """A user's collation. Texts that are not the same bytes may be equal under one that is not
    `deterministic`."""

    schema: str
    name: str
    owner: str
    provider: str
    deterministic: bool = True
    locale: str = ""
    rules: str | None = None

    @property
    def qname(self) -> QName:
        return QName(self.schema, self.name)


class Database(Record, frozen=True):
    """The database itself. `settings` are those that hold for every role in it, unless the role has
    its own (ALTER DATABASE … SET, ALTER ROLE ALL SET)."""

    owner: str
    settings: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()


class LargeObjects(Record, frozen=True):
    """That `owner` has large objects with these privileges, however many."""

    owner: str
    grants: tuple[Grant, ...] = ()
