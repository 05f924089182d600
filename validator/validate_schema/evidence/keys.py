"""Counts about keys: references into another tenant, and duplicates that a NULL hides."""

from collections.abc import Iterator
from typing import Any

from ..facts.facts import Facts
from ..facts.null_gaps import is_optional, open_columns
from ..facts.scoping import Scope, Tie, scope_of, stays_in_tenant, tie_of
from ..facts.subjects import TableUnique, foreign_keys, keys_of, tenant_uniques
from ..model.catalog import Constraint, Table
from ..model.evidence import HiddenDuplicates, StrayReferences
from ..sql.ident import quote_ident, quote_qname
from .counting import Count, Plan, Read, bounded, differs, source

STRAYS, GROUPS = "strays", "groups"


def loose_references(facts: Facts) -> Iterator[tuple[Table, Constraint, Tie]]:
    """Foreign keys between tables of the tenants that PostgreSQL does not keep to one tenant, where
    both have a tenant column."""
    for table, key in foreign_keys(facts):
        tie = tie_of(table, key, facts)
        if tie is None or tie.column is None or tie.referenced is None:
            continue
        if not stays_in_tenant(table, key, tie):
            yield table, key, tie


def gaps(facts: Facts) -> Iterator[TableUnique]:
    """Uniques of tenant tables that let a duplicate in where a NULL stands that is no absent value."""
    for unique in tenant_uniques(facts):
        column = facts.tenant_column(unique.table) or ""
        alone = len(unique.columns) == 1 and column not in unique.columns
        if unique.nulls_not_distinct or alone or scope_of(unique, facts) is Scope.GLOBAL:
            continue
        if open_columns(unique) and not is_optional(unique, column):
            yield unique


def reference_plans(facts: Facts, limit: int) -> list[Plan]:
    """Return a plan for each loose reference."""
    plans = (_reference(table, key, tie, facts, limit) for table, key, tie in loose_references(facts))
    return [p for p in plans if p is not None]


def gap_plans(facts: Facts, limit: int) -> list[Plan]:
    """Return a plan for each unique with a gap."""
    return [_gap(unique, facts, limit) for unique in gaps(facts)]


def strays(plan: Plan, result: tuple[Any, ...] | str) -> StrayReferences:
    """Return what was counted by a plan of `reference_plans`."""
    count, sample, why = _read(plan, result)
    return StrayReferences(plan.table, plan.name, count, sample, why)


def duplicates(plan: Plan, result: tuple[Any, ...] | str) -> HiddenDuplicates:
    """Return what was counted by a plan of `gap_plans`."""
    count, sample, why = _read(plan, result)
    return HiddenDuplicates(plan.table, plan.name, count, sample, why)


def _read(plan: Plan, result: tuple[Any, ...] | str) -> tuple[int | None, tuple[str, ...], str]:
    if isinstance(result, str) or not result:
        why = result if isinstance(result, str) else ""
        return None, (), "; ".join(filter(None, (plan.refused, why)))
    return result[0], tuple(result[1] or ()), plan.refused


def _reference(table: Table, key: Constraint, tie: Tie, facts: Facts, limit: int) -> Plan | None:
    parent = facts.tables_by_name.get(key.references) if key.references else None
    own, theirs = table.column(tie.column or ""), parent.column(tie.referenced or "") if parent else None
    if parent is None or own is None or theirs is None:
        return None
    pairs = list(zip(key.columns, key.referenced_columns, strict=False))
    joined = " and ".join(f"t.{quote_ident(c)} = p.{quote_ident(r)}" for c, r in pairs)
    apart = differs(f"t.{quote_ident(own.name)}", own, f"p.{quote_ident(theirs.name)}", theirs)
    values = f"concat_ws(', ', {', '.join(f't.{quote_ident(c)}::text' for c in key.columns)})"
    found = (
        f"select {values} as v from {source(table)} join {quote_qname(parent.qname)} p on {joined} "
        f"where {apart} limit {limit}"
    )
    reads = [Read(table.qname, c) for c in (own.name, *key.columns)]
    reads += [Read(parent.qname, c) for c in (theirs.name, *key.referenced_columns)]
    return Plan(table.qname, own.name, {STRAYS: Count(bounded(found), tuple(reads))}, {}, name=key.name)


def _gap(unique: TableUnique, facts: Facts, limit: int) -> Plan:
    """Rows without a NULL cannot be duplicates: only those with one are grouped."""
    table = unique.table
    keys = [
        f"t.{quote_ident(column)}" if column is not None else f"({text})"
        for column, text in zip(unique.columns, keys_of(unique.idx), strict=True)
    ]
    absent = " or ".join(f"t.{quote_ident(c)} is null" for c in open_columns(unique))
    where = f"({absent}) and ({unique.predicate})" if unique.predicate else absent
    values = ", ".join(f"coalesce(({key})::text, 'NULL')" for key in keys)
    found = (
        f"select concat_ws(', ', {values}) as v from {source(table)} where {where} "
        f"group by {', '.join(keys)} having count(*) > 1 limit {limit}"
    )
    count = Count(bounded(found), tuple(Read(table.qname, c) for c in _columns(unique)))
    column = facts.tenant_column(table) or ""
    return Plan(table.qname, column, {GROUPS: count}, {}, name=unique.name)


def _columns(unique: TableUnique) -> list[str]:
    """Return the columns that the count reads; all of the table's where an expression may name any."""
    if None in unique.columns or unique.predicate:
        return [c.name for c in unique.table.columns]
    return [c for c in unique.columns if c is not None]
