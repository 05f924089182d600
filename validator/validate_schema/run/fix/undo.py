"""What only the database can say of a remedy's step before it runs, and steps that are detours."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, LiteralString

from ...model.catalog import QName
from ...model.finding import ObjectRef, Step
from ...sql.ident import quote_ident, quote_qname

if TYPE_CHECKING:
    import psycopg

_CONSTRAINT = (
    "select pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and conname = %s"
)
_INDEX = "select pg_get_indexdef(%s::regclass)"


def undo_of(connection: "psycopg.Connection", step: Step) -> tuple[Step, ...] | None:
    """Return what undoes a step that does not say it itself, and that `connection` has yet to run; None where
    that is not known.

    What it drops is made again as the server describes it. It must be called inside a transaction.
    """
    if step.drops is None:
        return None
    table = quote_qname(QName(step.drops.schema, step.drops.table))
    made = f"DROP CONSTRAINT {quote_ident(step.makes.name)}" if step.makes else ""
    if step.drops.kind == "constraint":
        was = _told(connection, _CONSTRAINT, table, step.drops.name)
        actions = [made] if made else []
        actions.append(f"ADD CONSTRAINT {quote_ident(step.drops.name)} {was}")
        return (Step(f"ALTER TABLE {table} {', '.join(actions)};"),) if was else None
    was = _told(connection, _INDEX, quote_qname(QName(step.drops.schema, step.drops.name)))
    if was is None:
        return None
    if made:
        return (Step(f"ALTER TABLE {table} {made};"), Step(f"{was};"))
    if not step.in_transaction:
        return (Step(f"{was};"),)
    return (Step(was.replace(" INDEX ", " INDEX CONCURRENTLY ", 1) + ";", in_transaction=f"{was};"),)


def _told(connection: "psycopg.Connection", query: LiteralString, *values: str) -> str | None:
    """Return the one value of a query, with every name in it qualified: the migration may run under
    another search_path."""
    path = connection.execute("select pg_catalog.current_setting('search_path')").fetchone()
    connection.execute("set local search_path to ''")
    row = connection.execute(query, values).fetchone()
    connection.execute("select pg_catalog.set_config('search_path', %s, true)", path)
    return row[0] if row else None


def without_detours(remedies: Sequence[tuple[Step, ...]]) -> list[tuple[Step, ...]]:
    """Return the steps of each remedy without the pairs that build a plain index and drop it again.

    Unique ones stay: a foreign key may have been made on them in between.
    """
    built: set[ObjectRef] = set()
    undone: set[ObjectRef] = set()
    for step in (s for remedy in remedies for s in remedy):
        if step.makes is not None and step.makes.kind == "index":
            built.add(step.makes)
        elif step.drops in built:
            undone.add(step.drops)
    return [tuple(s for s in remedy if undone.isdisjoint((s.makes, s.drops))) for remedy in remedies]
