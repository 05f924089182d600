"""The statements that remedies are made of, each with its lock and its way back.

Sources: PostgreSQL documentation, "Explicit Locking" and ALTER TABLE (the lock of each form), CREATE INDEX
and DROP INDEX (CONCURRENTLY, which no transaction block takes).
"""

from msgspec.structs import replace

from ...model.catalog import QName, Table
from ...model.finding import ObjectRef, Step
from ...sql.ident import quote_ident, quote_qname

ACCESS_EXCLUSIVE = "ACCESS EXCLUSIVE"
SHARE_ROW_EXCLUSIVE = "SHARE ROW EXCLUSIVE"
SHARE_UPDATE_EXCLUSIVE = "SHARE UPDATE EXCLUSIVE"
SHARE = "SHARE"
ROW_EXCLUSIVE = "ROW EXCLUSIVE"


def alter_table(table: QName, action: str, undo: str | None = None, *, lock: str = ACCESS_EXCLUSIVE) -> Step:
    """Return ALTER TABLE with this action; `undo` is the action that takes it back, None where that is not
    known."""
    target = f"ALTER TABLE {quote_qname(table)}"
    back = None if undo is None else (Step(f"{target} {undo};", lock=ACCESS_EXCLUSIVE),)
    return Step(f"{target} {action};", back, lock)


def add_constraint(
    table: QName, name: str, definition: str, *, lock: str = ACCESS_EXCLUSIVE, passing: bool = False
) -> Step:
    """Return ADD CONSTRAINT; a `passing` one is dropped again by the same remedy."""
    drop = f"ALTER TABLE {quote_qname(table)} DROP CONSTRAINT IF EXISTS {quote_ident(name)};"
    return Step(
        f"ALTER TABLE {quote_qname(table)} ADD CONSTRAINT {quote_ident(name)} {definition};",
        () if passing else (Step(drop, lock=ACCESS_EXCLUSIVE),),
        lock,
        makes=_constraint(table, name),
    )


def drop_constraint(table: QName, name: str, *, passing: bool = False) -> Step:
    """Return DROP CONSTRAINT, of one that was there before unless it is `passing`."""
    return Step(
        f"ALTER TABLE {quote_qname(table)} DROP CONSTRAINT {quote_ident(name)};",
        () if passing else None,
        ACCESS_EXCLUSIVE,
        drops=None if passing else _constraint(table, name),
    )


def rename_constraint(table: QName, name: str, to: str) -> Step:
    """Return RENAME CONSTRAINT."""

    def renamed(old: str, new: str) -> str:
        return f"ALTER TABLE {quote_qname(table)} RENAME CONSTRAINT {quote_ident(old)} TO {quote_ident(new)};"

    back = Step(renamed(to, name), lock=ACCESS_EXCLUSIVE)
    return Step(renamed(name, to), (back,), ACCESS_EXCLUSIVE, makes=_constraint(table, to))


def exchange_constraint(table: QName, old: str, new: str, definition: str) -> Step:
    """Return the one statement that drops a constraint and adds another in its place."""
    return Step(
        f"ALTER TABLE {quote_qname(table)} DROP CONSTRAINT {quote_ident(old)}, "
        f"ADD CONSTRAINT {quote_ident(new)} {definition};",
        lock=ACCESS_EXCLUSIVE,
        makes=_constraint(table, new),
        drops=_constraint(table, old),
    )


def adopt_index(table: QName, name: str, kind: str, index: str) -> Step:
    """Return ADD CONSTRAINT … USING INDEX, which takes over an index that was there before; `kind` is UNIQUE
    or PRIMARY KEY."""
    return Step(
        f"ALTER TABLE {quote_qname(table)} ADD CONSTRAINT {quote_ident(name)} "
        f"{kind} USING INDEX {quote_ident(index)};",
        lock=ACCESS_EXCLUSIVE,
        makes=_constraint(table, name),
        drops=ObjectRef.on_table("index", table, index),
    )


def validate_constraint(table: QName, name: str) -> Step:
    """Return VALIDATE CONSTRAINT, which changes no rule: nothing takes it back."""
    return Step(
        f"ALTER TABLE {quote_qname(table)} VALIDATE CONSTRAINT {quote_ident(name)};",
        (),
        SHARE_UPDATE_EXCLUSIVE,
    )


def enforce_constraint(table: QName, name: str) -> Step:
    """Return ALTER CONSTRAINT … ENFORCED (PostgreSQL 18)."""
    return alter_table(table, f"ALTER CONSTRAINT {quote_ident(name)} ENFORCED", lock=SHARE_ROW_EXCLUSIVE)


def set_default(table: QName, column: str, default: str | None, *, was: str | None) -> Step:
    """Return SET DEFAULT, or DROP DEFAULT where `default` is None."""

    def action(value: str | None) -> str:
        set_or_drop = "DROP DEFAULT" if value is None else f"SET DEFAULT {value}"
        return f"ALTER COLUMN {quote_ident(column)} {set_or_drop}"

    return alter_table(table, action(default), action(was))


def add_column(table: QName, name: str, definition: str) -> Step:
    """Return ADD COLUMN; what takes it back drops its values with it."""
    column = quote_ident(name)
    return alter_table(table, f"ADD COLUMN {column} {definition}", f"DROP COLUMN {column}")


def create_index(
    table: Table, name: str, rest: str, *, unique: bool = False, if_missing: bool = False
) -> Step:
    """Return CREATE INDEX, CONCURRENTLY where the table takes it (a partitioned one does not); `rest` is what
    follows the table's name. `if_missing`: it may be run once more."""
    kind = "UNIQUE INDEX" if unique else "INDEX"
    named = (
        f"{'IF NOT EXISTS ' if if_missing else ''}{quote_ident(name)} ON {quote_qname(table.qname)} {rest};"
    )
    ref = ObjectRef.on_table("unique index" if unique else "index", table.qname, name)
    undo = (_drop_index(table, name, "IF EXISTS "),)
    if table.kind == "partitioned":
        return Step(f"CREATE {kind} {named}", undo, SHARE, makes=ref)
    return Step(
        f"CREATE {kind} CONCURRENTLY {named}",
        undo,
        SHARE_UPDATE_EXCLUSIVE,
        f"CREATE {kind} {named}",
        makes=ref,
    )


def drop_leftover(table: Table, name: str) -> Step:
    """Return DROP INDEX for what a build that was stopped left behind, which nobody wants back."""
    return replace(_drop_index(table, name, "IF EXISTS "), undo=())


def drop_index(table: Table, name: str) -> Step:
    """Return DROP INDEX, CONCURRENTLY where the table takes it."""
    return _drop_index(table, name, drops=ObjectRef.on_table("index", table.qname, name))


def _drop_index(table: Table, name: str, condition: str = "", drops: ObjectRef | None = None) -> Step:
    target = f"{condition}{quote_qname(QName(table.schema, name))};"
    if table.kind == "partitioned":
        return Step(f"DROP INDEX {target}", lock=ACCESS_EXCLUSIVE, drops=drops)
    return Step(
        f"DROP INDEX CONCURRENTLY {target}",
        lock=SHARE_UPDATE_EXCLUSIVE,
        in_transaction=f"DROP INDEX {target}",
        drops=drops,
    )


def rebuild_index(table: Table, name: str) -> Step:
    """Return REINDEX CONCURRENTLY."""
    target = quote_qname(QName(table.schema, name))
    return Step(
        f"REINDEX INDEX CONCURRENTLY {target};",
        lock=SHARE_UPDATE_EXCLUSIVE,
        in_transaction=f"REINDEX INDEX {target};",
    )


def create_policy(table: QName, name: str, clauses: str) -> Step:
    """Return CREATE POLICY; `clauses` follow the table's name."""
    policy = f"{quote_ident(name)} ON {quote_qname(table)}"
    drop = Step(f"DROP POLICY IF EXISTS {policy};", lock=ACCESS_EXCLUSIVE)
    return Step(f"CREATE POLICY {policy} {clauses};", (drop,), ACCESS_EXCLUSIVE)


def drop_policy(table: QName, name: str) -> Step:
    """Return DROP POLICY."""
    return Step(f"DROP POLICY {quote_ident(name)} ON {quote_qname(table)};", lock=ACCESS_EXCLUSIVE)


def alter_policy(table: QName, name: str, clauses: str) -> Step:
    """Return ALTER POLICY with these clauses."""
    policy = f"{quote_ident(name)} ON {quote_qname(table)}"
    return Step(f"ALTER POLICY {policy} {clauses};", lock=ACCESS_EXCLUSIVE)


def create(kind: str, name: QName, definition: str) -> Step:
    """Return CREATE TABLE or CREATE TYPE; what takes it back drops its rows with it."""
    drop = Step(f"DROP {kind} {quote_qname(name)};")
    return Step(f"CREATE {kind} {quote_qname(name)} {definition};", (drop,))


def _constraint(table: QName, name: str) -> ObjectRef:
    return ObjectRef.on_table("constraint", table, name)
