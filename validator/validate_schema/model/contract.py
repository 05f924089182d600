"""What a schema was declared to be, whatever the declaration was written in.

`schema` is None where the declaration did not name one: the database's default schema is meant.
`origin` says which source holds an expectation, for people (``prisma/schema.prisma``), `where` the
file and line in it, where there is one (``prisma/schema.prisma:42``).
"""

from typing import Any, Literal, TypeAlias

import msgspec

from .catalog import Action, Constraint, Extension, Function, Match, Rule, Sequence, Trigger

Deferral = Literal["no", "initially immediate", "initially deferred"]


class _Expected(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    origin: str = ""
    where: str = ""


class ExpectedColumn(_Expected, frozen=True, kw_only=True):
    """None means "not declared": only what was declared is compared.

    `default` is compared when `default_declared`; then None means "no default". A `counter` is
    numbered by the database: an identity, or a default of `nextval`, whichever.
    """

    name: str
    type: str | None = None
    nullable: bool | None = None
    default: str | None = None
    default_declared: bool = False
    counter: bool = False


class ExpectedKey(_Expected, frozen=True, kw_only=True):
    """A primary key, unique or index on exactly these columns in this order.

    What is None or empty was not declared; `expressions` are those of `columns` that are SQL expressions
    (``lower(email)``) and no columns. An index with a `name` was declared as one object:
    a longer index that starts with its columns is another one. `method` is an access method
    (``gin``), `opclasses` name each column's operator class (empty: not declared), `descending` the
    columns that are sorted so, compared when `ordered`; `nulls` those whose NULLs stand at the other end
    than that puts them, `collations` each column's, empty for the database's own. `predicate` is the SQL
    expression of a partial one. Of a unique, `nulls_distinct` and `deferral`, and `include`, the columns
    that it only carries along; `temporal` is one WITHOUT OVERLAPS.
    """

    columns: tuple[str, ...]
    name: str | None = None
    method: str | None = None
    opclasses: tuple[str, ...] = ()
    ordered: bool = False
    descending: tuple[str, ...] = ()
    predicate: str | None = None
    expressions: tuple[str, ...] = ()
    nulls_distinct: bool | None = None
    include: tuple[str, ...] | None = None
    deferral: Deferral | None = None
    nulls: tuple[str, ...] | None = None
    collations: tuple[str, ...] | None = None
    temporal: bool | None = None


class ExpectedForeignKey(_Expected, frozen=True, kw_only=True):
    columns: tuple[str, ...]
    references: str
    references_schema: str | None = None
    referenced_columns: tuple[str, ...] = ()
    on_delete: Action | None = None
    on_update: Action | None = None
    name: str | None = None
    match: Match | None = None
    deferral: Deferral | None = None
    enforced: bool | None = None


class ExpectedPolicy(_Expected, frozen=True, kw_only=True):
    name: str
    command: Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"] = "ALL"
    permissive: bool = True
    roles: tuple[str, ...] = ("PUBLIC",)
    using: str | None = None
    check: str | None = None


class ExpectedGrant(_Expected, frozen=True, kw_only=True):
    """Exactly these privileges of `role` on the table, no more and no fewer."""

    role: str
    privileges: tuple[str, ...]


ObjectKind = Literal[
    "check", "trigger", "rule", "function", "procedure", "aggregate", "window", "sequence", "extension"
]
AnyObject: TypeAlias = Constraint | Trigger | Rule | Function | Sequence | Extension


class ExpectedObject(_Expected, frozen=True, kw_only=True):
    """A check, trigger or rule of a table or view, or an object of its own, as a catalog would hold it in the
    field of its kind. `said` names the attributes that were declared; None: all of them, but for owner,
    privileges and an extension's version, which differ from server to server. An empty schema in the
    record is the default one."""

    kind: ObjectKind
    check: Constraint | None = None
    trigger: Trigger | None = None
    rule: Rule | None = None
    function: Function | None = None
    sequence: Sequence | None = None
    extension: Extension | None = None
    said: tuple[str, ...] | None = None

    @classmethod
    def of(
        cls,
        kind: ObjectKind,
        record: AnyObject,
        said: tuple[str, ...] | None = None,
        *,
        origin: str = "",
        where: str = "",
    ) -> "ExpectedObject":
        """Return the expectation that there is such an object."""
        field: Any = {type(record).__name__.lower().replace("constraint", "check"): record}
        return cls(kind=kind, said=said, origin=origin, where=where, **field)

    @property
    def record(self) -> AnyObject:
        fields = (self.check, self.trigger, self.rule, self.function, self.sequence, self.extension)
        return next(record for record in fields if record is not None)

    @property
    def schema(self) -> str:
        record = self.function or self.sequence
        return record.schema if record is not None else ""

    @property
    def label(self) -> str:
        name = self.record.name
        return f"{name}({self.function.arguments})" if self.function is not None else name


class ExpectedTable(_Expected, frozen=True, kw_only=True):
    """A table. `primary_key` is None where the declaration does not speak of one. The declaration is
    `complete` where it is the whole table: a key or index that it does not list is not meant to be.
    `objects` are its checks, triggers and rules, and `lists` names the kinds of which it has all.
    """

    name: str
    schema: str | None = None
    columns: tuple[ExpectedColumn, ...] = ()
    uniques: tuple[ExpectedKey, ...] = ()
    indexes: tuple[ExpectedKey, ...] = ()
    foreign_keys: tuple[ExpectedForeignKey, ...] = ()
    policies: tuple[ExpectedPolicy, ...] = ()
    grants: tuple[ExpectedGrant, ...] = ()
    tenant: bool | None = None
    primary_key: ExpectedKey | None = None
    complete: bool = False
    objects: tuple[ExpectedObject, ...] = ()
    lists: tuple[str, ...] = ()
    owner: str | None = None


class ExpectedEnum(_Expected, frozen=True, kw_only=True):
    """An enum. Its labels are `ordered` unless what declares it does not care for their order."""

    name: str
    labels: tuple[str, ...]
    schema: str | None = None
    ordered: bool = True


class ExpectedView(_Expected, frozen=True, kw_only=True):
    """A view or materialized view with at least these columns. `objects` are its triggers and rules, and
    `lists` names the kinds of which it has all."""

    name: str
    schema: str | None = None
    columns: tuple[str, ...] = ()
    objects: tuple[ExpectedObject, ...] = ()
    lists: tuple[str, ...] = ()


class Contract(msgspec.Struct, frozen=True, omit_defaults=True):
    """All expectations. `closed` makes every undeclared table and column a finding. `objects` are functions,
    sequences and extensions, and `lists` names the kinds of which it has all."""

    tables: tuple[ExpectedTable, ...] = ()
    enums: tuple[ExpectedEnum, ...] = ()
    closed: bool = False
    sources: tuple[str, ...] = ()
    views: tuple[ExpectedView, ...] = ()
    objects: tuple[ExpectedObject, ...] = ()
    lists: tuple[str, ...] = ()
