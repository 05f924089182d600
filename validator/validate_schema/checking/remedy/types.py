"""SQL about column types: what can be written into a statement, and which change is safe.

Source: PostgreSQL documentation, ALTER TABLE ("Notes": a change between binary coercible types needs
no rewrite) and "Data Types".
"""

from ...facts.facts import Facts
from ...model.catalog import Column, Domain, Enum, Table
from ...model.finding import Remedy
from ...sql.ident import quote_ident, quote_qname
from ...sql.types import TypeName, parse_type
from .steps import alter_table

_TEXTS = frozenset({"text", "character varying"})
_WIDER = {
    "smallint": {"integer", "bigint", "numeric"},
    "integer": {"bigint", "numeric"},
    "bigint": {"numeric"},
    "real": {"double precision"},
    "date": {"timestamp without time zone"},
}
_REWRITE = "ACCESS EXCLUSIVE while the table and its indexes are rewritten: choose a quiet hour"
_IN_PLACE = "ACCESS EXCLUSIVE for a moment: the rows stay as they are"


def type_sql(text: str, facts: Facts) -> str | None:
    """Return a declared type as it can be written into a statement, a user type qualified.

    None where it is neither built in nor an enum or domain of this database.
    """
    wanted = parse_type(text, facts.default_schema)
    if not wanted.schema:
        return text.strip()
    types: list[Enum | Domain] = [*facts.catalog.enums, *facts.catalog.domains]
    for known in types:
        if known.schema == wanted.schema and known.name in (wanted.name, wanted.folded):
            return quote_qname(known.qname) + ("[]" if wanted.array else "")
    return None


def change_type(table: Table, column: Column, wanted: str, facts: Facts) -> Remedy:
    """Return how to give a column the type `wanted`: SQL where no value can be lost, else a note.

    No SQL either where something rests on the column that would make the statement fail: a policy,
    a view, the partition key, a generated column, an inherited definition.
    """
    target = type_sql(wanted, facts)
    if target is None:
        return Remedy(note=f"Create the type {wanted} first, then change the column in a migration.")
    rests = _resting_on(table, column, facts)
    if rests:
        return Remedy(
            note=f"PostgreSQL refuses to change the type under {rests}: a migration must take them away, "
            "change it, and make them again, in one transaction."
        )
    how = _conversion(column.base_type, wanted, facts.default_schema)
    if how is None:
        return Remedy(
            note=f"Not every value of {column.type} is one of {wanted}: add a column of the right type, "
            "fill it in batches, and swap the two."
        )
    using, lock = how
    name = quote_ident(column.name)
    return Remedy(
        steps=(
            alter_table(
                table.qname,
                f"ALTER COLUMN {name} TYPE {target}" + (f" USING {name}::{target}" if using else ""),
            ),
        ),
        note="Columns that reference it, or that it references, must fit the new type too.",
        lock=lock,
    )


def _conversion(now: str, wanted: str, default_schema: str) -> tuple[bool, str] | None:
    """Return (whether USING is needed, the lock), or None where a value could be lost."""
    old, new = parse_type(now, default_schema), parse_type(wanted, default_schema)
    if old.array or new.array:
        return None
    if {old.name, new.name} <= _TEXTS:
        return (False, _IN_PLACE) if _no_shorter(old, new) else None
    if old == new:
        return False, _IN_PLACE
    if new.name in _WIDER.get(old.name, ()) and not new.modifiers:
        return False, _REWRITE
    if {old.name, new.name} <= {*_TEXTS, "uuid"} and not new.modifiers:
        return True, _REWRITE
    return None


def _no_shorter(old: TypeName, new: TypeName) -> bool:
    """Tell whether every text of the old length limit fits the new one."""
    if not new.modifiers:
        return True
    return bool(old.modifiers) and int(old.modifiers[0]) <= int(new.modifiers[0])


def _resting_on(table: Table, column: Column, facts: Facts) -> str:
    """Return in words what PostgreSQL would refuse to change the type under."""
    found = []
    if any(_mentions(p.using, column.name) or _mentions(p.check, column.name) for p in table.policies):
        found.append("its policies")
    if any(table.qname in view.depends_on for view in facts.catalog.views):
        found.append("views over the table")
    if _mentions(table.partition_key, column.name):
        found.append("its partition key")
    if any(c.generated and _mentions(c.default, column.name) for c in table.columns):
        found.append("generated columns")
    if table.inherits:
        found.append("the table it inherits from")
    return " and ".join(found)


def _mentions(expression: str | None, name: str) -> bool:
    return expression is not None and name.replace('"', '""') in expression
