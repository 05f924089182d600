"""Columns that read like the tenant column and are not."""

from validate_schema.pack import Facts
from validate_schema.pack.model import TableClass, catalog
from validate_schema.pack.sql import key_name


def look_alikes(table: catalog.Table, facts: Facts) -> tuple[str, ...]:
    """Return the columns of a table that read like its tenant column, in catalog order.

    A column reads like it when its name means the same (``org_id``, ``orgId``, ``organization_id``)
    or says no more than "tenant". The tenant columns of other levels, keys of other tables and the
    table's own key are what they are, and left out.
    """
    own, standing = facts.tenant_column(table), facts.standings.get(table.qname)
    levels = facts.tenancy.levels
    others = [
        level for i, level in enumerate(levels) if own is None or standing is None or i != standing.level
    ]
    known = {own, *(name for level in others for name in level.columns)}
    meanings = {_meaning(name) for level in levels for name in level.columns} - {""} | {"tenant"}
    names = [c.name for c in table.columns if c.name not in known]
    return tuple(n for n in names if _meaning(n) in meanings and not _is_key(table, n, facts))


def _meaning(column: str) -> str:
    """Return what a key column is the key of, in one word; empty where it does not read like a key."""
    read = key_name(column)
    return (read.family or read.stem) if read.keyed else ""


def _is_key(table: catalog.Table, column: str, facts: Facts) -> bool:
    """Tell whether a column is a key of a table that is no root, or the only key of its own."""
    roots = {level.root for level in facts.tenancy.levels}
    keys = [k for k in table.foreign_keys if column in k.columns]
    if any(k.references not in roots for k in keys):
        return True
    root_key = facts.class_of(table.qname) is TableClass.ROOT and (
        facts.level(table).key == column or _names_the_row(table, column, facts)
    )
    own = table.primary_key is not None and table.primary_key.columns == (column,) and not keys
    return root_key or own


def _names_the_row(table: catalog.Table, column: str, facts: Facts) -> bool:
    """Tell whether a column of a root is another name of the tenant itself, such as the ``team_code`` by which
    people join: a code by its name, or of another type than the tenant's key."""
    mine, key = table.column(column), table.column(facts.level(table).key or "")
    coded = column.lower().endswith(("code", "slug", "_ref", "_no", "number"))
    return coded or (mine is not None and key is not None and mine.base_type != key.base_type)
