"""Whether a unique or a foreign key stays inside one tenant. Decides from the facts alone."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from ..model.catalog import Column, Constraint, Index, QName, Table
from ..model.tenancy import Ownership, TableClass
from ..sql import syntax
from ..sql.parser import Unreadable
from ..sql.predicates import (
    check_expression,
    conjuncts,
    equal_columns,
    fixed_columns,
    generates,
    not_null_columns,
)
from ..sql.reading import read_expression
from ..sql.words import reads_as_ticket
from .facts import Facts
from .membership import key_end, members_of_one
from .subjects import TableUnique as TableUnique
from .subjects import uniques_of as uniques_of


class Scope(StrEnum):
    """Why the values of a unique cannot meet those of another tenant, or that they can."""

    TENANT = "tenant column"
    SURROGATE = "surrogate key"
    PARENT = "through its parent"
    EQUIVALENT = "equivalent key"
    ONE_TENANT = "rows of one tenant"
    PERSON = "through a person of one tenant"
    OUTER = "outer level only"
    GLOBAL = "not scoped"

    @property
    def scoped(self) -> bool:
        return self not in (Scope.OUTER, Scope.GLOBAL)


class Tie(NamedTuple):
    """The column pair that a foreign key must hold to stay inside a tenant: the referencing table's
    tenant column and the referenced table's. None where that table does not have one."""

    column: str | None
    referenced: str | None


def is_scoped(unique: TableUnique, facts: Facts) -> bool:
    """Tell whether one tenant's values in this unique never meet another's."""
    return scope_of(unique, facts).scoped


def scope_of(unique: TableUnique, facts: Facts) -> Scope:
    """Return how a unique of a tenant (or inherited) table is scoped.

    `TENANT`: it holds the tenant column of the table's own level or a deeper one. `SURROGATE`: it
    holds a generated column, a token, or all of a surrogate primary key. `PARENT`: it holds a foreign
    key to a tenant-scoped table's own key, or to that of a table which only such a key owns.
    `EQUIVALENT`: it holds a column that a constraint ties to the tenant column. `ONE_TENANT`: its
    predicate leaves the rows of one tenant, or of none. `PERSON`: it holds the key of a person, who is
    a member of one tenant. `OUTER`: it is scoped by an outer level of
    tenancy, not by the table's own. Otherwise `GLOBAL`.
    """
    table, columns = unique.table, frozenset(c for c in unique.columns if c is not None)
    own = facts.tenant_column(table)
    if own is not None and (own in columns or any(_tells(e, own, table) for e in unique.expressions)):
        return Scope.TENANT
    if _holds_surrogate(table, columns):
        return Scope.SURROGATE
    if unique.predicate and own in fixed_columns(unique.predicate):
        return Scope.ONE_TENANT
    if own is not None and columns & _mirrors(table, own):
        return Scope.EQUIVALENT
    through = _through_keys(unique, columns, facts)
    if through is not None and through.scoped:
        return through
    if _of_one_persons(unique, columns, facts):
        return Scope.PERSON
    by_level = _scope_by_level(table, columns, facts)
    return by_level or through or Scope.GLOBAL


_TEXTS = {"text", "varchar"}  # without a length, they hold all of a key
_TOLD_BY_TEXT = {"uuid", "smallint", "integer", "bigint", "text", "character varying"}


def _tells(expression: str, own: str, table: Table) -> bool:
    """Tell whether an expression has another value for each tenant: it is the tenant column as text, or a
    text that begins with a uuid, which is as long as any other."""
    column = table.column(own)
    if column is None or column.base_type not in _TOLD_BY_TEXT:
        return False
    try:
        node: syntax.Node | None = read_expression(expression)
    except Unreadable:
        return False
    while column.base_type == "uuid" and isinstance(node, syntax.Operation) and node.operator == "||":
        node = node.left
    return (
        isinstance(node, syntax.Cast)
        and node.type.names[-1] in _TEXTS
        and not (node.type.modifiers or node.type.dimensions)
        and isinstance(node.arg, syntax.Column)
        and node.arg.name == own
    )


def _scope_by_level(table: Table, columns: frozenset[str], facts: Facts) -> Scope | None:
    standing = facts.standings.get(table.qname)
    held = [i for i, name in level_columns(table, facts).items() if name in columns]
    if standing is None or not held:
        return None
    deeper = any(is_within(i, standing.level, facts) for i in held)
    return Scope.TENANT if deeper else Scope.OUTER


def level_columns(table: Table, facts: Facts) -> Mapping[int, str]:
    """Return the tenant columns that a root or tenant table holds, by index of their level; those of
    any other table are none."""
    return facts.held_levels.get(table.qname, {})


def is_within(level: int, outer: int, facts: Facts) -> bool:
    """Tell whether one level of tenancy is the other, or lies inside it."""
    levels = facts.tenancy.levels
    for _ in levels:
        if level == outer:
            return True
        parent = levels[level].parent
        if parent is None or parent not in facts.level_of_root:
            return False
        level = facts.level_of_root[parent]
    return False


def nullable_columns(table: Table) -> frozenset[str]:
    """Return the columns that may hold NULL: neither NOT NULL nor kept from it by a valid CHECK."""
    nullable = table.without_not_null
    for constraint in table.checks if nullable else ():
        if constraint.holds:
            nullable -= never_null(constraint)
    return nullable


def never_null(constraint: Constraint) -> frozenset[str]:
    """Return the columns that a CHECK of the form ``col IS NOT NULL`` (with ANDs) keeps from NULL.

    A comparison does not: a CHECK is satisfied by NULL.
    """
    expression = check_expression(constraint.definition or "")
    if " IS NOT NULL" not in expression:
        return frozenset()
    tests = (part for part in conjuncts(expression) if part.endswith(" IS NOT NULL"))
    return frozenset(name for part in tests for name in not_null_columns(part))


def _holds_surrogate(table: Table, columns: frozenset[str]) -> bool:
    if any(
        c.name in columns and (is_generated(c) or (c.default is None and reads_as_ticket(c.name, table.name)))
        for c in table.columns
    ):
        return True
    key = table.primary_key
    if key is None:  # a row is known by the one column that is called as its key would be
        return len(columns) == 1 and all(_names_own_key(c, table.name) for c in columns)
    return columns.issuperset(key.columns) and is_surrogate(table, key)


def is_generated(column: Column) -> bool:
    """Tell whether the database itself makes the column's values: identity, or a default that calls
    a generator. A uuid is random or made elsewhere from something unique."""
    if column.identity is not None:
        return True
    if column.default is None or column.generated is not None:
        return False
    if re.match("date|time|interval|bool", column.base_type):
        return False
    return generates(column.default)


_KEY_WORDS = ("id", "uuid", "guid", "ulid", "cuid", "ksuid", "nanoid", "uid", "sid", "pk", "token")


def is_surrogate(table: Table, key: Constraint) -> bool:
    """Tell whether a primary key means nothing outside the database, so that tenants never compete
    for its values.

    It does when a column of it is generated or a uuid. Keys that an application makes (cuid, ULID,
    snowflake) have no default, so a column called ``id``, or named after the table (``user_id`` of
    users), is one too; ``github_id`` or ``code`` is not. In a key of several columns, a column that
    references another table is not counted: a pair of references is a natural key.
    """
    columns = [c for c in table.columns if c.name in key.columns]
    if len(key.columns) > 1:
        references = {name for k in table.foreign_keys for name in k.columns}
        columns = [c for c in columns if c.name not in references or is_generated(c)]
    return any(
        is_generated(c) or c.base_type == "uuid" or _names_own_key(c.name, table.name) for c in columns
    )


def _names_own_key(column: str, table: str) -> bool:
    name, of = (re.sub(r"[\W_]", "", text).lower() for text in (column, table))
    owners = (of, of.removesuffix("s"), of.removesuffix("es"), re.sub("ies$", "y", of))
    stems = [name.removesuffix(word) for word in _KEY_WORDS if name.endswith(word)]
    return any(not stem or any(owner.endswith(stem) for owner in owners) for stem in stems)


def _mirrors(table: Table, own: str) -> set[str]:
    """Return the columns that always equal the tenant column: by CHECK, or generated from it."""
    found = set()
    for constraint in table.checks:
        if constraint.definition and constraint.holds:
            pair = equal_columns(check_expression(constraint.definition))
            if pair is not None and own in pair:
                found |= set(pair) - {own}
    for column in table.columns:
        pair = equal_columns(f"{column.default} = _") if column.generated and column.default else None
        if pair is not None and pair[0] == own:
            found.add(column.name)
    return found


def _through_keys(unique: TableUnique, columns: frozenset[str], facts: Facts) -> Scope | None:
    """Return the scope that the foreign keys within a unique give it.

    Where NULLs are not distinct, rows without a parent meet whatever their tenant, so that an
    optional key scopes nothing.
    """
    best: Scope | None = None
    for key in unique.table.foreign_keys:
        pairs = {a: b for a, b in zip(key.columns, key.referenced_columns, strict=False) if a in columns}
        if not pairs or not key.checked or key.references is None:
            continue
        if unique.nulls_not_distinct and not nullable_columns(unique.table).isdisjoint(pairs):
            continue
        target = facts.tables_by_name.get(judged_name(key.references, facts))
        if target is None or not _identifies(target, frozenset(pairs.values())):
            continue
        scope = _scope_of_target(unique.table, key, target, facts)
        if scope is not None and scope.scoped:
            return scope
        best = scope or best
    return best


def _of_one_persons(unique: TableUnique, columns: frozenset[str], facts: Facts) -> bool:
    """Tell whether a unique holds the key of a person of one tenant alone. Where NULLs are not distinct, the
    rows of nobody meet."""
    if unique.nulls_not_distinct and not nullable_columns(unique.table).isdisjoint(columns):
        return False
    return any(
        len(key.columns) == 1
        and columns.issuperset(key.columns)
        and key.checked
        and key_end(key) in members_of_one(facts)
        for key in unique.table.foreign_keys
    )


def _scope_of_target(table: Table, key: Constraint, target: Table, facts: Facts) -> Scope | None:
    mine, theirs = facts.standings.get(table.qname), facts.standings.get(target.qname)
    if theirs is None:
        return None
    if theirs.table_class is TableClass.INHERITED:
        return Scope.PARENT
    if theirs.table_class is TableClass.UNCLASSIFIED and theirs.ownership is Ownership.REVERSE:
        return Scope.PARENT
    if mine is None or theirs.table_class not in (TableClass.TENANT, TableClass.ROOT):
        return None
    if theirs.table_class is TableClass.ROOT and theirs.level == mine.level:
        return Scope.EQUIVALENT if facts.tenant_column(table) in key.columns else None
    if is_within(theirs.level, mine.level, facts):
        return Scope.PARENT
    return Scope.OUTER if theirs.table_class is TableClass.TENANT else None


def _identifies(table: Table, columns: frozenset[str]) -> bool:
    """Tell whether these columns hold a key of the table, so that they name one of its rows."""
    return any(is_full(i) and columns.issuperset(i.columns) for i in table.indexes if i.unique)


def is_full(index: Index) -> bool:
    """Tell whether an index holds every row under plain columns, and can be relied on."""
    return index.valid and index.predicate is None and None not in index.columns


def judged_name(name: QName, facts: Facts) -> QName:
    """Return the table under which a partition is judged: the partitioned table at its top."""
    table = facts.tables_by_name.get(name)
    while table is not None and table.parent is not None:
        name = table.parent
        table = facts.tables_by_name.get(name)
    return name


def tie_of(table: Table, key: Constraint, facts: Facts) -> Tie | None:
    """Return the column pair that keeps a foreign key between two tenant tables in one tenant.

    None where the question does not arise: one of the two is no tenant table, or they belong to
    unrelated tenancies, or the key is the one that ties the table to its own root. Across levels the
    pair is the one of the outer level. The root of a deeper level is a tenant table of the level above.
    """
    if key.references is None:
        return None
    target = facts.tables_by_name.get(judged_name(key.references, facts))
    if target is None:
        return None
    here, there = _home_level(table, facts), _home_level(target, facts)
    if here is None or there is None:
        return None
    mine, theirs = level_columns(table, facts), level_columns(target, facts)
    if _ties_to_root(table, key, target, facts):
        return None
    if is_within(here, there, facts):
        level = there
    elif is_within(there, here, facts):
        level = here
    else:
        return None
    return Tie(mine.get(level), theirs.get(level))


def holds_tie(key: Constraint, tie: Tie) -> bool:
    """Tell whether a foreign key holds the tenant column on both sides."""
    return tie in list(zip(key.columns, key.referenced_columns, strict=False))


def refers_to_itself(table: Table, key: Constraint) -> bool:
    """Tell whether a row can only reference itself by the key: its columns are those that it references."""
    return key.references == table.qname and key.columns == key.referenced_columns


def stays_in_tenant(table: Table, key: Constraint, tie: Tie) -> bool:
    """Tell whether the rows that a foreign key references are always of the same tenant: it holds the
    tenant column itself, or a companion beside it does, or it leads from a row to itself."""
    return (
        refers_to_itself(table, key)
        or holds_tie(key, tie)
        or any(_is_companion(other, key, tie, table) for other in table.foreign_keys)
    )


def _is_companion(other: Constraint, key: Constraint, tie: Tie, table: Table) -> bool:
    """Tell whether another key makes the same reference with the tenant column on both sides, is
    enforced, and is never switched off by a NULL."""
    pairs = set(zip(other.columns, other.referenced_columns, strict=False))
    return (
        other.references == key.references
        and pairs.issuperset(zip(key.columns, key.referenced_columns, strict=False))
        and holds_tie(other, tie)
        and other.holds
        and nullable_columns(table).isdisjoint(set(other.columns) - set(key.columns))
    )


def _home_level(table: Table, facts: Facts) -> int | None:
    """Return the level whose tenants own the rows of a table; None for no tenant table."""
    standing = facts.standings.get(table.qname)
    if standing is None:
        return None
    if standing.table_class is TableClass.TENANT:
        return standing.level
    if standing.table_class is TableClass.ROOT:
        parent = facts.tenancy.levels[standing.level].parent
        return next(
            (i for i, entry in enumerate(facts.tenancy.levels) if parent and entry.root == parent), None
        )
    return None


def _ties_to_root(table: Table, key: Constraint, target: Table, facts: Facts) -> bool:
    """Tell whether the key leads from a table's tenant column to the root of that level."""
    if target.qname not in facts.level_of_root or target.qname == table.qname:
        return False
    mine = level_columns(table, facts)
    return any(
        entry.root == target.qname and holds_tie(key, Tie(mine.get(i), entry.key))
        for i, entry in enumerate(facts.tenancy.levels)
    )
