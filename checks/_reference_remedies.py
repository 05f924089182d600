"""How foreign keys are mended: the new one is added and validated before the old one goes."""

from validate_schema.pack import Facts, Remedy, Step, Tie
from validate_schema.pack.model import catalog, contract
from validate_schema.pack.remedies import (
    add_constraint,
    create_index,
    deferral,
    enforce_constraint,
    free_name,
    key_actions,
    replace_foreign_key,
    set_not_null,
    validate_constraint,
)
from validate_schema.pack.scoping import is_full, nullable_columns
from validate_schema.pack.sql import quote_idents

from ._expected import missing_columns
from ._references import referenced_columns, same_kind

_LOCK = "SHARE ROW EXCLUSIVE for a moment; the rows are checked under SHARE UPDATE EXCLUSIVE"
_NO_LIST = (
    "The action would also set the tenant column: ON DELETE takes a column list from PostgreSQL 15 on, "
    "ON UPDATE takes none. Choose another action."
)


def compose(table: catalog.Table, key: catalog.Constraint, tie: Tie, facts: Facts) -> Remedy:
    """Return the statements that add the tenant column to both sides of a foreign key."""
    target = facts.tables_by_name.get(key.references) if key.references else None
    if target is None or tie.column is None or tie.referenced is None:
        lacking = table if tie.column is None else target
        name = facts.show(lacking.qname) if lacking else "the referenced table"
        column = tie.column or tie.referenced or "the tenant column"
        return Remedy(note=f"Give {name} {column} first; then make the key composite.")
    if tie.column in key.columns or tie.referenced in key.referenced_columns:
        return Remedy(note="The key holds a tenant column for another one: decide which it is meant to be.")
    here, there = table.column(tie.column), target.column(tie.referenced)
    if here is None or there is None or not same_kind(here, there):
        return Remedy(note="Give the tenant column the same type in both tables first (TEN003).")
    actions = key_actions(key, frozenset((tie.column,)), facts.catalog.server.version_num)
    if actions is None:
        return Remedy(note=_NO_LIST)
    columns, referenced = (tie.column, *key.columns), (tie.referenced, *key.referenced_columns)
    escapes = tie.column in nullable_columns(table)
    note = (
        f"Rows that reference another tenant's row make it fail: mend them first. {_kept(key, tie, escapes)}"
    )
    add = replace_foreign_key(table, key, columns, referenced, actions=actions, facts=facts, keep=escapes)
    return Remedy(steps=(*_parent_key(target, referenced, facts), *add), note=note.rstrip(), lock=_LOCK)


def make_hold(table: catalog.Table, key: catalog.Constraint, facts: Facts, note: str) -> Remedy:
    """Return how a foreign key comes to hold for every row. One whose triggers are off is made anew: only a superuser
    switches them on, and then nobody has looked at the rows that came meanwhile."""
    if key.checked:
        step, lock = (
            validate_constraint(table.qname, key.name),
            "SHARE UPDATE EXCLUSIVE: reads and writes go on",
        )
        return Remedy(steps=(step,), note=note, lock=lock)
    if not key.enforced:
        lock = "SHARE ROW EXCLUSIVE on both tables while the rows are checked: writes wait"
        return Remedy(steps=(enforce_constraint(table.qname, key.name),), note=note, lock=lock)
    actions = key_actions(key, frozenset(), facts.catalog.server.version_num)
    if actions is None or key.inherited or key.temporal or key.match != "simple":
        return Remedy(
            note=f"Drop the key and add it again; or have a superuser ENABLE TRIGGER ALL on both tables. {note}"
        )
    columns, referenced = key.columns, key.referenced_columns
    steps = replace_foreign_key(table, key, columns, referenced, actions=actions, facts=facts)
    return Remedy(steps=steps, note=f"The key is made anew, with triggers that fire. {note}", lock=_LOCK)


def _kept(key: catalog.Constraint, tie: Tie, escapes: bool) -> str:
    if not escapes:
        return ""
    return f"Make {tie.column} NOT NULL (TEN002), then drop {key.name}: until then a NULL there escapes the new key."


def _parent_key(target: catalog.Table, columns: tuple[str, ...], facts: Facts) -> tuple[Step, ...]:
    """Return the step that gives the referenced table a unique to reference, unless it has one.

    Written so that it may be run for each of several keys to the same table.
    """
    deferrable = {c.name for c in target.constraints if c.deferrable}
    fit = (i for i in target.indexes if i.unique and is_full(i) and i.constraint not in deferrable)
    if any(set(index.columns) == set(columns) for index in fit):
        return ()
    name = free_name(facts, target.schema, target.name, *columns, "key")
    return (create_index(target, name, f"({quote_idents(columns)})", unique=True, if_missing=True),)


def spare_tenant(
    table: catalog.Table, key: catalog.Constraint, tenant: frozenset[str], facts: Facts
) -> Remedy:
    """Return the statements that replace a key by one whose action spares the tenant columns."""
    actions = key_actions(key, tenant, facts.catalog.server.version_num)
    if actions is None:
        return Remedy(note=_NO_LIST)
    nullable = nullable_columns(table)
    stuck = [c for c in key.set_columns or key.columns if c not in tenant and c not in nullable]
    if stuck and key.on_delete == "set null":
        return Remedy(
            note=f"{', '.join(stuck)} is NOT NULL, so that SET NULL can never work: choose another action."
        )
    match = " MATCH FULL" if key.match == "full" else ""
    if match:
        return Remedy(
            note="MATCH FULL wants all columns NULL or none: choose another action, or MATCH SIMPLE."
        )
    steps = replace_foreign_key(table, key, key.columns, key.referenced_columns, actions=actions, facts=facts)
    return Remedy(steps=steps, lock=_LOCK)


def forbid_partial_null(
    table: catalog.Table, escape: tuple[str, ...], tenant: frozenset[str], facts: Facts
) -> Remedy:
    """Return the statements after which a NULL can no longer switch the key off."""
    if not tenant.isdisjoint(escape) and table.qname in facts.tenancy.null_means_global:
        return Remedy(
            note="Rows without a tenant are shared by design here: check their references in the application."
        )
    steps: list[Step] = []
    for column in (c for c in table.columns if c.name in escape and c.name in tenant):
        steps += set_not_null(table, column, free_name(facts, table.schema, table.name, column.name, "set"))
    others = tuple(c for c in escape if c not in tenant)
    if others:
        name = free_name(facts, table.schema, table.name, *others, "together")
        definition = f"CHECK (num_nulls({quote_idents(others)}) IN (0, {len(others)})) NOT VALID"
        steps += [add_constraint(table.qname, name, definition), validate_constraint(table.qname, name)]
    return Remedy(
        steps=tuple(steps),
        note="Rows without a tenant, or with only some of the others, make it fail: mend them first.",
        lock="ACCESS EXCLUSIVE for a moment; the rows are checked under SHARE UPDATE EXCLUSIVE",
    )


def add_expected(table: catalog.Table, expected: contract.ExpectedForeignKey, facts: Facts) -> Remedy:
    """Return the statements that add a declared foreign key."""
    return _declared(table, None, expected, facts)


def replace_expected(
    table: catalog.Table, key: catalog.Constraint, expected: contract.ExpectedForeignKey, facts: Facts
) -> Remedy:
    """Return the statements that put a declared foreign key in the place of the one found."""
    return _declared(table, key, expected, facts)


def _declared(
    table: catalog.Table,
    key: catalog.Constraint | None,
    expected: contract.ExpectedForeignKey,
    facts: Facts,
) -> Remedy:
    name = catalog.QName(expected.references_schema or facts.default_schema, expected.references)
    target = facts.tables_by_name.get(name)
    referenced = referenced_columns(expected, facts)
    if target is None or not referenced:
        return Remedy(
            note=f"{facts.show(name)} does not exist, or has no primary key to reference: add it first."
        )
    missing = missing_columns(table, expected.columns) or missing_columns(target, referenced)
    if missing:
        return Remedy(note=f"The column {missing} does not exist: add it first.")
    checked = expected.deferral or (key.deferral if key else "no")
    wanted = catalog.Constraint(
        key.name if key else "",
        "foreign key",
        expected.columns,
        references=name,
        referenced_columns=referenced,
        on_delete=expected.on_delete or (key.on_delete if key else "no action"),
        on_update=expected.on_update or (key.on_update if key else "no action"),
        match=expected.match or (key.match if key else "simple"),
        deferrable=checked != "no",
        deferred=checked == "initially deferred",
    )
    steps = replace_foreign_key(
        table,
        wanted,
        wanted.columns,
        referenced,
        actions=_plain_actions(wanted, key),
        facts=facts,
        keep=key is None,
    )
    note = "Rows that point at nothing make it fail: look for them first."
    return Remedy(steps=steps, note=note, lock=_LOCK)


def _plain_actions(wanted: catalog.Constraint, key: catalog.Constraint | None) -> str:
    text = "" if wanted.match == "simple" else f" MATCH {wanted.match.upper()}"
    text += "" if wanted.on_delete == "no action" else f" ON DELETE {wanted.on_delete.upper()}"
    if key is not None and key.set_columns and key.on_delete == wanted.on_delete:
        text += f" ({quote_idents(key.set_columns)})"
    text += "" if wanted.on_update == "no action" else f" ON UPDATE {wanted.on_update.upper()}"
    return text + deferral(wanted)
