"""Which relations a function's body reads or writes, told by parsing it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from ..sql.parser import Unreadable, parse_messages
from ..sql.routines import sql_statements
from .names import Named


@cache
def mentioned(language: str, body: str, arguments: str, returns: str) -> frozenset[Named] | None:
    """Return (schema or "", name) of every relation that the body names; None if it cannot be read.

    `arguments` and `returns` are as `pg_get_function_arguments` and `pg_get_function_result` print
    them. Only SQL and PL/pgSQL can be parsed. A body that builds statements at run time (EXECUTE)
    could touch anything, so it is None as well.
    """
    try:
        found: set[Named] = set()
        for statement in sql_statements(language, body, arguments, returns):
            for parsed in parse_messages(statement):
                found.update(_relations(parsed, frozenset()))
        return frozenset(found)
    except (Unreadable, RecursionError):
        return None


def _relations(node: Any, hidden: frozenset[str]) -> Iterator[Named]:
    """Yield the relations named under a parse node, but for names of WITH queries in their scope."""
    name = node.DESCRIPTOR.name
    if name == "RangeVar":
        if node.schemaname or node.relname not in hidden:
            yield node.schemaname, node.relname
        return
    fields = [(field.name, value) for field, value in node.ListFields() if field.message_type]
    scope = hidden
    for field, value in fields:
        if field == "with_clause":
            queries = [item.common_table_expr for item in value.ctes]
            every = hidden | {query.ctename for query in queries}
            for query in queries:
                yield from _relations(query, every if value.recursive else scope)
                scope |= {query.ctename}
    for field, value in fields:
        if field == "with_clause":
            continue
        for child in [value] if hasattr(value, "ListFields") else value:
            yield from _relations(child, scope)
