"""Selectors: which objects a check examines. Shared by families; each yields in catalog order.

A subject is a model record or one of the pairs below; `ref_of` names it for the report.
"""

from collections.abc import Iterator
from typing import NamedTuple

from .facts import Facts
from .model.catalog import Column, Constraint, Index, Policy, Table
from .model.finding import ObjectRef
from .model.tenancy import TableClass


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


def inherited_tables(facts: Facts) -> tuple[Table, ...]:
    """Tables owned through a foreign key."""
    return facts.of_class(TableClass.INHERITED)


def protected_tables(facts: Facts) -> tuple[Table, ...]:
    """Tenant and inherited tables."""
    return facts.protected_tables


def foreign_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of user tables."""
    for table in facts.tables:
        for constraint in table.constraints:
            if constraint.kind == "foreign key" and not constraint.inherited:
                yield TableConstraint(table, constraint)


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


def indexes(facts: Facts) -> Iterator[TableIndex]:
    """Indexes of user tables, those of constraints included."""
    for table in facts.tables:
        for index in table.indexes:
            yield TableIndex(table, index)


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
