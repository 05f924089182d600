"""What foreign keys say, compared and put into words."""

from typing import NamedTuple

from validate_schema.pack import Facts, ObjectRef, Tie
from validate_schema.pack.model import TableClass, catalog, contract
from validate_schema.pack.scoping import judged_name, nullable_columns
from validate_schema.pack.sql import Unreadable, check_expression, read_expression, syntax
from validate_schema.pack.subjects import TableConstraint


class TiedKey(NamedTuple):
    """A foreign key between two tables whose rows have tenants, and what it must hold."""

    table: catalog.Table
    constraint: catalog.Constraint
    tie: Tie

    @property
    def ref(self) -> ObjectRef:
        return TableConstraint(self.table, self.constraint).ref


def name_of(subject: TableConstraint | TiedKey, facts: Facts) -> str:
    """Return a foreign key's name after its table's."""
    return f"{facts.show(subject.table.qname)}.{subject.constraint.name}"


def words(key: catalog.Constraint, facts: Facts) -> str:
    """Return a foreign key as people would write it, without the clauses that are the default."""
    target = facts.show(key.references) if key.references else "?"
    text = f"FOREIGN KEY ({', '.join(key.columns)}) REFERENCES {target} ({', '.join(key.referenced_columns)})"
    if key.match == "full":
        text += " MATCH FULL"
    if key.on_delete != "no action":
        text += f" ON DELETE {key.on_delete.upper()}"
        text += f" ({', '.join(key.set_columns)})" if key.set_columns else ""
    if key.on_update != "no action":
        text += f" ON UPDATE {key.on_update.upper()}"
    return f"{text} {'' if key.checked or not key.enforced else 'but '}{key.state}".rstrip()


def differences(
    key: catalog.Constraint, expected: contract.ExpectedForeignKey, facts: Facts
) -> tuple[str, ...]:
    """Return in words how a foreign key on the expected columns differs from what was declared."""
    found = []
    target = catalog.QName(expected.references_schema or facts.default_schema, expected.references)
    if key.references != target:
        there = facts.show(key.references) if key.references else "nothing"
        found.append(f"references {there} instead of {facts.show(target)}")
    else:
        wanted = referenced_columns(expected, facts)
        actual = dict(zip(key.columns, key.referenced_columns, strict=False))
        if wanted and actual != dict(zip(expected.columns, wanted, strict=False)):
            found.append(f"references ({', '.join(key.referenced_columns)}) instead of ({', '.join(wanted)})")
    if expected.on_delete is not None and key.on_delete != expected.on_delete:
        found.append(f"ON DELETE {key.on_delete.upper()} instead of {expected.on_delete.upper()}")
    if expected.on_update is not None and key.on_update != expected.on_update:
        found.append(f"ON UPDATE {key.on_update.upper()} instead of {expected.on_update.upper()}")
    if expected.match is not None and key.match != expected.match:
        found.append(f"MATCH {key.match.upper()} instead of {expected.match.upper()}")
    if expected.deferral is not None and key.deferral != expected.deferral:
        found.append(f"{deferral_words(key.deferral)} instead of {deferral_words(expected.deferral)}")
    if expected.enforced and not key.enforced:
        found.append("NOT ENFORCED")
    return tuple(found)


def deferral_words(deferral: str) -> str:
    return "NOT DEFERRABLE" if deferral == "no" else f"DEFERRABLE {deferral.upper()}"


def referenced_columns(expected: contract.ExpectedForeignKey, facts: Facts) -> tuple[str, ...]:
    """Return the declared referenced columns, else the target's primary key, as in SQL."""
    if expected.referenced_columns:
        return expected.referenced_columns
    target = catalog.QName(expected.references_schema or facts.default_schema, expected.references)
    table = facts.tables_by_name.get(target)
    key = table.primary_key if table is not None else None
    return key.columns if key is not None else ()


def same_kind(one: catalog.Column, other: catalog.Column) -> bool:
    """Tell whether two columns have one type, domains resolved and varchar without length as text."""
    return _plain(one) == _plain(other)


def _plain(column: catalog.Column) -> str:
    return "text" if column.base_type == "character varying" else column.base_type


def null_escape(key: catalog.Constraint, table: catalog.Table, tenant: frozenset[str]) -> tuple[str, ...]:
    """Return the members whose NULL is no mere absence of the reference: the tenant column, and all
    others that may be NULL where there are several and nothing ties them together."""
    nullable = nullable_columns(table)
    others = tuple(c for c in key.columns if c in nullable and c not in tenant)
    loose = len(others) > 1 and not tied_together(table, others)
    return tuple(c for c in key.columns if c in nullable and (c in tenant or loose))


def tied_together(table: catalog.Table, columns: tuple[str, ...]) -> bool:
    """Tell whether a validated CHECK speaks of the NULLs of all these columns at once."""
    return any(
        constraint.holds and _speaks_of_nulls(constraint.definition or "", columns)
        for constraint in table.checks
    )


def _speaks_of_nulls(definition: str, columns: tuple[str, ...]) -> bool:
    try:
        nodes = list(syntax.walk(read_expression(check_expression(definition))))
    except Unreadable:
        return False
    counted = any(isinstance(n, syntax.Call) and n.name in ("num_nulls", "num_nonnulls") for n in nodes)
    tested = [syntax.uncast(n.arg) for n in nodes if isinstance(n, syntax.NullTest)]
    named = {n.name for n in (nodes if counted else tested) if isinstance(n, syntax.Column)}
    return named.issuperset(columns)


def blocks_delete(key: catalog.Constraint) -> bool:
    return key.on_delete in ("no action", "restrict") and key.checked


def has_cascade(table: catalog.Table, facts: Facts) -> bool:
    """Tell whether rows of an owned table go with another of its owners."""
    return any(
        key.on_delete == "cascade"
        and facts.class_of(judged_name(key.references, facts)) in (TableClass.TENANT, TableClass.INHERITED)
        for key in table.foreign_keys
        if key.references is not None
    )
