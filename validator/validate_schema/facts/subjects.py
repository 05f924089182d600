"""Selectors: which objects a check examines. Shared by families; each yields in catalog order.

A subject is a model record or one of the pairs below; `ref_of` names it for the report.
"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Literal, NamedTuple, TypeVar

from ..model.catalog import Column, Constraint, Index, Policy, Table
from ..model.finding import ObjectRef
from ..model.tenancy import TableClass
from .facts import Facts

_S = TypeVar("_S")


def kept(select: Callable[[Facts], Iterator[_S]]) -> Callable[[Facts], tuple[_S, ...]]:
    """Make a selector that several checks share look once: its subjects are kept with the facts."""

    def listed(facts: Facts) -> tuple[_S, ...]:
        return tuple(select(facts))

    @wraps(select)
    def known(facts: Facts) -> tuple[_S, ...]:
        return facts.once(listed)

    return known


class TableColumn(NamedTuple):
    table: Table
    column: Column

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("column", self.table.qname, self.column.name)


class TableConstraint(NamedTuple):
    table: Table
    constraint: Constraint

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("constraint", self.table.qname, self.constraint.name)


class TableIndex(NamedTuple):
    table: Table
    idx: Index

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("index", self.table.qname, self.idx.name)


class TableUnique(NamedTuple):
    """What keeps rows apart: a primary key, a unique constraint or a unique index, all of which are
    a unique index of the table."""

    table: Table
    idx: Index

    @property
    def name(self) -> str:
        return self.idx.constraint or self.idx.name

    @property
    def kind(self) -> Literal["primary key", "unique", "index"]:
        """How it was declared; ``index`` is a bare unique index."""
        if self.idx.primary:
            return "primary key"
        return "unique" if self.idx.constraint else "index"

    @property
    def columns(self) -> tuple[str | None, ...]:
        """The key's columns, None where the key is an expression."""
        return self.idx.columns

    @property
    def expressions(self) -> tuple[str, ...]:
        return self.idx.expressions

    @property
    def predicate(self) -> str | None:
        return self.idx.predicate

    @property
    def nulls_not_distinct(self) -> bool:
        return self.idx.nulls_not_distinct

    @property
    def valid(self) -> bool:
        return self.idx.valid

    @property
    def constraint(self) -> Constraint | None:
        """The constraint that the index implements, None for a bare unique index."""
        name = self.idx.constraint
        return next((c for c in self.table.constraints if c.name == name), None) if name else None

    @property
    def ref(self) -> ObjectRef:
        kind = "constraint" if self.idx.constraint else "index"
        return ObjectRef.on_table(kind, self.table.qname, self.name)


class TablePolicy(NamedTuple):
    table: Table
    policy: Policy

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("policy", self.table.qname, self.policy.name)


class TableRole(NamedTuple):
    """A table as one role meets it."""

    table: Table
    role: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("privilege", self.table.qname, self.role)


def ref_of(subject: object) -> ObjectRef:
    """Return the reference of any subject: its own `ref`, or a table's."""
    if isinstance(subject, Table):
        return ObjectRef.of_table(subject.qname)
    ref = getattr(subject, "ref", None)
    if isinstance(ref, ObjectRef):
        return ref
    raise TypeError(f"{type(subject).__name__} has no ref: a subject must name itself")


def user_tables(facts: Facts) -> tuple[Table, ...]:
    """Every table but partitions and ledgers."""
    return facts.tables


def tenant_tables(facts: Facts) -> tuple[Table, ...]:
    """Tables that carry, or were declared to carry, the tenant column."""
    return facts.of_class(TableClass.TENANT)


@kept
def tenant_columns(facts: Facts) -> Iterator[TableColumn]:
    """Tenant columns of the tenant tables that have theirs."""
    for table in tenant_tables(facts):
        name = facts.tenant_column(table)
        column = table.column(name) if name is not None else None
        if column is not None:
            yield TableColumn(table, column)


def inherited_tables(facts: Facts) -> tuple[Table, ...]:
    """Tables owned through a foreign key."""
    return facts.of_class(TableClass.INHERITED)


def protected_tables(facts: Facts) -> tuple[Table, ...]:
    """Tenant and inherited tables."""
    return facts.protected_tables


@kept
def foreign_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of user tables."""
    for table in facts.tables:
        for key in table.foreign_keys:
            if not key.inherited:
                yield TableConstraint(table, key)


@kept
def tenant_foreign_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys from one tenant table to another (or to itself)."""
    facts.require_tenancy()
    for pair in foreign_keys(facts):
        target = pair.constraint.references
        if (
            facts.class_of(pair.table.qname) is TableClass.TENANT
            and target is not None
            and facts.class_of(target) is TableClass.TENANT
        ):
            yield pair


@kept
def indexes(facts: Facts) -> Iterator[TableIndex]:
    """Indexes of user tables, those of constraints included."""
    for table in facts.tables:
        for index in table.indexes:
            yield TableIndex(table, index)


def uniques_of(table: Table) -> Iterator[TableUnique]:
    """Every unique of one table, its primary key included."""
    for index in table.indexes:
        if index.unique and not index.inherited:
            yield TableUnique(table, index)


@kept
def tenant_uniques(facts: Facts) -> Iterator[TableUnique]:
    """Valid uniques of tenant tables that have their tenant column, but for primary keys."""
    return _uniques_of_tenant_tables(facts, primary=False)


@kept
def tenant_primary_keys(facts: Facts) -> Iterator[TableUnique]:
    """Primary keys of tenant tables that have their tenant column."""
    return _uniques_of_tenant_tables(facts, primary=True)


def _uniques_of_tenant_tables(facts: Facts, *, primary: bool) -> Iterator[TableUnique]:
    for table, _ in tenant_columns(facts):
        for unique in uniques_of(table):
            if unique.idx.valid and unique.idx.primary is primary:
                yield unique


@kept
def root_foreign_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys that tie a tenant table to its root."""
    for table in tenant_tables(facts):
        for key in facts.root_keys(table):
            yield TableConstraint(table, key)


def tenant_tables_by_app_role(facts: Facts) -> Iterator[TableRole]:
    """Tenant tables × existing app roles."""
    for table in tenant_tables(facts):
        for role in facts.app_roles:
            yield TableRole(table, role)


def keys_of(index: Index) -> tuple[str, ...]:
    """Return the keys of an index as people write them: column names and expressions."""
    expressions = iter(index.expressions)
    return tuple(c if c is not None else next(expressions, "(expression)") for c in index.columns)
