"""Other ways to give a row to another tenant than an UPDATE of what says whose it is.

A row that is deleted and written again under its key is, to whatever refers to it, the row that it was: a key
with NO ACTION is looked at when the statement ends. And a BEFORE trigger may make a key of what another
column holds. Sources: PostgreSQL documentation, CREATE TABLE (NO ACTION), "Overview of Trigger Behavior".
"""

import json
from collections.abc import Iterable

from ...facts.roles import closure
from ...model.catalog import QName
from ...sql.ident import quote_ident, quote_idents
from .attempt import Attempt
from .met_table import MetTable
from .rows import A, B, literal
from .variety import Variant

_MOST_TEXTS = 3
_TEXTS = ("text", "character varying", "json", "jsonb")


def replaced(target: MetTable, moved: Variant) -> list[Attempt]:
    """Return what deletes a row of A and writes it again, under its key, as one of B: where others refer to
    it, and the role may do both. `moved` is what makes a row B's."""
    held, rows, key = target.rights, target.rows.of(A)[:1], target.table.primary_key
    keyed = {*key.columns} if key is not None else set()
    if not rows or not keyed or not keyed.isdisjoint(moved) or not _may_leave(target):
        return []
    generated = {c.name for c in target.rows.columns if c.generated}
    values = {c: v for c, v in (rows[0].values | moved).items() if c in held.insert and c not in generated}
    if not values.keys() >= {*keyed, *moved}:
        return []
    said = (
        f"with gone as (delete from {target.sql} where {target.condition(rows)} returning 1)"
        f" insert into {target.sql} ({quote_idents(tuple(values))}) overriding system value"
        f" select {', '.join(map(literal, values.values()))} from gone"
    )
    return _counted(target, [said])


def _may_leave(target: MetTable) -> bool:
    """Tell whether the role may delete rows that others refer to, and no key refuses that at once."""
    held, name = target.rights, target.table.qname
    referred = [key for _, key in target.seeder.facts.referrers.get(name, ())]
    at_once = any(key.on_delete == "restrict" for key in referred)
    return held.delete and bool(held.select) and bool(referred) and not at_once


def by_triggers(target: MetTable, moved: Variant, updatable: list[str]) -> list[Attempt]:
    """Return UPDATEs of A's rows that put B's key into a text, by itself and as JSON, where a BEFORE trigger
    of the table, or of a partition, may make more of it."""
    rows = target.rows.of(A)[:1]
    if not rows or not moved or not _fires(target):
        return []
    kinds = {c.name: c.base_type for c in target.table.columns}
    texts = [c for c in updatable if kinds.get(c) in _TEXTS and c not in moved][:_MOST_TEXTS]
    values = (next(iter(moved.values())), json.dumps(moved))
    one = f" where {target.condition(rows)}"  # what reads a column is held to the policies for SELECT as well
    return _counted(
        target,
        [
            f"update {target.sql} set {quote_ident(column)} = {literal(value)}{which} returning 1"
            for column in texts
            for value in values
            for which in (one, "")
        ],
    )


def _counted(target: MetTable, statements: Iterable[str]) -> list[Attempt]:
    owned = target.seeder.owned_by(target.table.qname, B)
    count = f"select count(*) from {target.sql} where {owned}"
    return [Attempt(said, "gives away", count=count) for said in statements] if owned else []


def _fires(target: MetTable) -> bool:
    facts = target.seeder.facts

    def below(name: QName) -> Iterable[QName]:
        return (child.qname for child in facts.children.get(name, ()))

    tables = [facts.tables_by_name[name] for name in closure((target.table.qname,), below)]
    rows = [t for table in tables for t in table.triggers if t.timing == "before" and t.level == "row"]
    return any("UPDATE" in t.events and t.enabled in ("origin", "always") for t in rows)
