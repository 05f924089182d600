"""Expectations taken from a catalog: the target shall be as that database is."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from ..catalog.ledgers import ledgers
from ..model.catalog import (
    POSTGRESQL,
    Catalog,
    Column,
    Constraint,
    Function,
    Index,
    Policy,
    QName,
    Sequence,
    Table,
    View,
)
from ..model.contract import (
    AnyObject,
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedGrant,
    ExpectedKey,
    ExpectedObject,
    ExpectedPolicy,
    ExpectedTable,
    ExpectedView,
    ObjectKind,
)
from ..sql.ident import quote_ident
from ..sql.types import parse_type

_DESCENDING, _NULLS_FIRST = 1, 2  # the flags in pg_index.indoption
_OBJECTS_SINCE = 2  # the snapshot format
_Movable = TypeVar("_Movable", Function, Sequence)
Where = Callable[[str, QName, str], str]


def nowhere(_kind: str, _owner: QName, _name: str) -> str:
    """No place is known of anything."""
    return ""


class _Setting(NamedTuple):
    """What the records of one catalog share: its default schema, its name, where things were written,
    and whether owners mean something."""

    home: str
    origin: str
    where: Where
    owners: bool

    def object(self, kind: ObjectKind, owner: QName, record: AnyObject) -> ExpectedObject:
        """Return an object as it is expected; `owner` is the table that it is on, or itself."""
        where = self.where(kind, owner, record.name)
        return ExpectedObject.of(kind, record, origin=self.origin, where=where)

    def at_home(self, record: _Movable) -> _Movable:
        """Return a function or sequence in the default schema, where it is in this catalog's."""
        return replace(record, schema="") if record.schema == self.home else record

    def schema(self, name: QName) -> str | None:
        """Return a schema for the contract: none where the default one is meant."""
        return None if name.schema == self.home else name.schema


_ON_VIEWS = ("trigger", "rule")
_ON_TABLES = ("check", *_ON_VIEWS)
_ALONE = ("function", "procedure", "aggregate", "window", "sequence", "extension")


def observed_contract(
    catalog: Catalog, origin: str, where: Where = nowhere, *, owners: bool = False
) -> Contract:
    """Return what `catalog` holds as expectations; `origin` names the source, for people.

    `where(kind, owner, name)` says in which file and line something was written: kind is table, enum or
    view (of the name `owner`), or column, key or policy (`name`, of the table `owner`); empty if unknown.
    Objects of the catalog's default schema are expected in the target's default schema. Partitions and
    migration tools' own tables are left out, as are an owner's privileges on its own tables; who owns
    them is expected where `owners` mean something.
    """
    given = _Setting(catalog.server.default_schema, origin, where, owners)
    kept = ledgers(catalog)
    whole = catalog.server.product == POSTGRESQL and catalog.format >= _OBJECTS_SINCE
    tables = tuple(
        _table(table, given) for table in catalog.tables if table.parent is None and table.qname not in kept
    )
    enums = tuple(
        ExpectedEnum(
            name=e.name,
            schema=given.schema(e.qname),
            labels=e.labels,
            origin=origin,
            where=where("enum", e.qname, ""),
        )
        for e in catalog.enums
    )
    views = tuple(
        ExpectedView(
            name=v.name,
            schema=given.schema(v.qname),
            columns=v.columns,
            objects=tuple(_on_relation(v, given)) if whole else (),
            lists=_ON_VIEWS if whole else (),
            origin=origin,
            where=where("view", v.qname, ""),
        )
        for v in catalog.views
    )
    return Contract(
        tables,
        enums,
        views=views,
        objects=tuple(_alone(catalog, given)) if whole else (),
        lists=_ALONE if whole else (),
    )


def _alone(catalog: Catalog, given: _Setting) -> Iterator[ExpectedObject]:
    """Yield functions, sequences that no column owns, and extensions."""
    for function in catalog.functions:
        yield given.object(function.kind, function.qname, given.at_home(function))
    for sequence in catalog.sequences:
        if sequence.owned_by is None:
            name = QName(sequence.schema, sequence.name)
            yield given.object("sequence", name, given.at_home(sequence))
    for extension in catalog.extensions:
        yield given.object("extension", QName("", extension.name), replace(extension, members=()))


def _on_table(table: Table, given: _Setting) -> Iterator[ExpectedObject]:
    """Yield the checks, triggers and rules that the table does not have from its parent."""
    for constraint in table.checks:
        if not constraint.inherited:
            yield given.object("check", table.qname, constraint)
    yield from _on_relation(table, given)


def _on_relation(relation: Table | View, given: _Setting) -> Iterator[ExpectedObject]:
    """Yield the triggers and rules that a table or view does not have from a parent."""
    for trigger in relation.triggers:
        if not trigger.inherited:
            schema, name = trigger.function
            function = QName("" if schema == given.home else schema, name)
            yield given.object("trigger", relation.qname, replace(trigger, function=function))
    for rule in relation.rules:
        yield given.object("rule", relation.qname, rule)


def _table(table: Table, given: _Setting) -> ExpectedTable:
    key = table.primary_key
    indexes = [i for i in table.indexes if i.valid and not i.primary]
    return ExpectedTable(
        name=table.name,
        schema=given.schema(table.qname),
        columns=tuple(_column(column, table, given) for column in table.columns),
        primary_key=_primary_key(key, table, given) if key is not None else None,
        uniques=tuple(_key(index, table, given) for index in indexes if index.unique),
        indexes=tuple(_key(index, table, given) for index in indexes if not index.unique),
        foreign_keys=tuple(_foreign_key(key, table, given) for key in table.foreign_keys),
        policies=tuple(_policy(policy, table, given) for policy in table.policies),
        grants=tuple(
            ExpectedGrant(role=grant.grantee, privileges=grant.privileges, origin=given.origin)
            for grant in table.grants
            if grant.grantee != table.owner
        ),
        complete=True,
        objects=tuple(_on_table(table, given)),
        lists=_ON_TABLES,
        owner=table.owner if given.owners else None,
        origin=given.origin,
        where=given.where("table", table.qname, ""),
    )


def _column(column: Column, table: Table, given: _Setting) -> ExpectedColumn:
    """A column that the database numbers may be numbered in any way; a generated one has no default."""
    counter = column.identity is not None or (column.default or "").startswith("nextval(")
    made = counter or column.generated is not None
    return ExpectedColumn(
        name=column.name,
        type=_type(column, given.home),
        nullable=not column.not_null,
        default=None if made else column.default,
        default_declared=column.generated is None,
        counter=counter,
        origin=given.origin,
        where=given.where("column", table.qname, column.name),
    )


def _type(column: Column, home: str) -> str:
    """Return the type, without the schema where that is the default one: the target's may be called
    otherwise."""
    plain = column.type.removeprefix(f"{home}.").removeprefix(f"{quote_ident(home)}.")
    return plain if column.type_name is not None and parse_type(plain).schema else column.type


def _primary_key(key: Constraint, table: Table, given: _Setting) -> ExpectedKey:
    return ExpectedKey(
        columns=key.columns,
        name=key.name,
        deferral=key.deferral,
        temporal=key.temporal,
        origin=given.origin,
        where=given.where("key", table.qname, key.name),
    )


def _key(index: Index, table: Table, given: _Setting) -> ExpectedKey:
    """Return a unique or an index; where a key is an expression, its text stands among the columns."""
    columns = tuple(_keys(index))
    options = index.options or (0,) * len(columns)
    constraint = next((c for c in table.constraints if c.index == index.name and index.unique), None)
    return ExpectedKey(
        columns=columns,
        expressions=index.expressions,
        name=index.name,
        method=index.method,
        ordered=True,
        descending=tuple(c for c, flags in zip(columns, options, strict=False) if flags & _DESCENDING),
        opclasses=tuple(_telling(name, index.method) for name in index.opclasses),
        predicate=index.predicate,
        nulls_distinct=not index.nulls_not_distinct,
        include=index.include,
        deferral=constraint.deferral if constraint is not None else "no",
        nulls=tuple(
            c for c, flags in zip(columns, options, strict=False) if flags in (_DESCENDING, _NULLS_FIRST)
        ),
        collations=index.collations or ("",) * len(columns),
        temporal=constraint is not None and constraint.temporal,
        origin=given.origin,
        where=given.where("key", table.qname, index.name),
    )


def _telling(opclass: str, method: str) -> str:
    """Return an operator class where it was chosen: a B-tree's follows from the type, but for patterns."""
    name = opclass.rpartition(".")[2]
    return "" if method == "btree" and "pattern" not in name else name


def _keys(index: Index) -> Iterator[str]:
    expressions = iter(index.expressions)
    for column in index.columns:
        yield column if column is not None else next(expressions)


def _foreign_key(key: Constraint, table: Table, given: _Setting) -> ExpectedForeignKey:
    target = key.references or QName(given.home, "")
    return ExpectedForeignKey(
        columns=key.columns,
        references=target.name,
        references_schema=given.schema(target),
        referenced_columns=key.referenced_columns,
        on_delete=key.on_delete,
        on_update=key.on_update,
        name=key.name,
        match=key.match,
        deferral=key.deferral,
        enforced=key.enforced,
        origin=given.origin,
        where=given.where("key", table.qname, key.name),
    )


def _policy(policy: Policy, table: Table, given: _Setting) -> ExpectedPolicy:
    return ExpectedPolicy(
        name=policy.name,
        command=policy.command,
        permissive=policy.permissive,
        roles=tuple(sorted(policy.roles)),
        using=policy.using,
        check=policy.check,
        origin=given.origin,
        where=given.where("policy", table.qname, policy.name),
    )
