"""Give rows without a tenant the tenant of the row that they belong to."""

from validate_schema.pack import Facts, Step
from validate_schema.pack.model import TableClass, catalog
from validate_schema.pack.remedies import ROW_EXCLUSIVE
from validate_schema.pack.sql import quote_ident, quote_qname

BATCH = 10_000


def backfill(table: catalog.Table, column: catalog.Column, facts: Facts) -> tuple[Step, ...]:
    """Return the step that fills `column` from the one row whose tenant a row can only share, or
    nothing where no key or several lead to such a row: then a person has to say which.

    It goes in batches of `BATCH` rows, each committed, so that no lock is held for long; a transaction takes
    no COMMIT. Rows that were given their tenant keep it. Source: PostgreSQL documentation, "Transaction
    Management" of PL/pgSQL: COMMIT in a DO block.
    """
    sources = [key for key in table.constraints if _leads_to_tenant(table, key, facts)]
    if len(sources) != 1:
        return ()
    (key,) = sources
    parent = facts.tables_by_name[key.references]  # type: ignore[index]
    theirs = facts.tenant_column(parent)
    assert theirs is not None, "a tenant table has a tenant column"
    child, owner = quote_qname(table.qname), quote_qname(parent.qname)
    mine, given = quote_ident(column.name), f"p.{quote_ident(theirs)}"
    pairs = zip(key.columns, key.referenced_columns, strict=True)
    tie = " AND ".join(f"p.{quote_ident(there)} = c.{quote_ident(here)}" for here, there in pairs)
    fill = (
        f"DO $backfill$ DECLARE filled bigint; BEGIN LOOP "
        f"UPDATE {child} AS t SET {mine} = found.tenant FROM (SELECT c.ctid AS place, {given} AS tenant "
        f"FROM {child} AS c JOIN {owner} AS p ON {tie} "
        f"WHERE c.{mine} IS NULL AND {given} IS NOT NULL LIMIT {BATCH} FOR UPDATE OF c) AS found "
        f"WHERE t.ctid = found.place; "
        f"GET DIAGNOSTICS filled = ROW_COUNT; EXIT WHEN filled = 0;"
    )
    end = "END LOOP; END $backfill$;"
    return (Step(f"{fill} COMMIT; {end}", (), ROW_EXCLUSIVE, f"{fill} {end}"),)


def _leads_to_tenant(table: catalog.Table, key: catalog.Constraint, facts: Facts) -> bool:
    """Tell whether the key leads to another table of the same level's tenants, past the tenant column."""
    parent = facts.tables_by_name.get(key.references) if key.references else None
    return (
        parent is not None
        and parent is not table
        and table.kind == "table"
        and key.kind == "foreign key"
        and facts.class_of(parent.qname) is TableClass.TENANT
        and facts.standings[parent.qname].level == facts.standings[table.qname].level
        and facts.tenant_column(table) not in key.columns
    )
