"""Which relations a function's body reads or writes, told by parsing it."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any

from .names import Named

_ROUTINE = (
    "create function f({}) returns {} language plpgsql as $validate_schema_body${}$validate_schema_body$"
)
# libpg_query prints broken JSON for the variables of a trigger, so they are given to it as arguments.
_TRIGGER_ARGUMENTS = (
    "new record, old record, tg_name name, tg_when text, tg_level text, tg_op text, tg_relid oid,"
    " tg_relname name, tg_table_name name, tg_table_schema name, tg_nargs int, tg_argv text,"
    " tg_event text, tg_tag text"
)
_DYNAMIC = frozenset({"PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"})
_EXPRESSION, _ASSIGNMENT = 2, 3


@cache
def mentioned(language: str, body: str, arguments: str, returns: str) -> frozenset[Named] | None:
    """Return (schema or "", name) of every relation that the body names; None if it cannot be read.

    `arguments` and `returns` are as `pg_get_function_arguments` and `pg_get_function_result` print
    them. Only SQL and PL/pgSQL can be parsed. A body that builds statements at run time (EXECUTE)
    could touch anything, so it is None as well.
    """
    postgast: Any = import_module("postgast")
    try:
        if language == "sql":
            return frozenset(_relations(postgast.parse(body), frozenset()))
        found: set[Named] = set()
        for statement in _statements(postgast.parse_plpgsql(_routine(body, arguments, returns))):
            found.update(_relations(postgast.parse(statement), frozenset()))
        return frozenset(found)
    except (postgast.PgQueryError, ValueError, RecursionError):
        return None


def _routine(body: str, arguments: str, returns: str) -> str:
    if returns in ("trigger", "event_trigger"):
        return _ROUTINE.format(_TRIGGER_ARGUMENTS, "record", body)
    plain = re.sub(r"(^|, )VARIADIC ", r"\1", arguments)
    return _ROUTINE.format(plain, returns or "void", body)


def _statements(node: Any) -> Iterator[str]:
    """Yield each SQL statement of a parsed PL/pgSQL function; ValueError where it is dynamic."""
    if isinstance(node, list):
        for item in node:
            yield from _statements(item)
    elif isinstance(node, dict):
        if "dynquery" in node or not _DYNAMIC.isdisjoint(node):
            raise ValueError("statement built at run time")
        if "query" in node and "parseMode" in node:
            yield _as_statement(node["query"], node["parseMode"])
        for value in node.values():
            yield from _statements(value)


def _as_statement(text: str, mode: int) -> str:
    """Return what PL/pgSQL would hand to the SQL parser. Source: RawParseMode in PostgreSQL's parser.h."""
    if mode == _EXPRESSION:
        return "select " + text
    if mode >= _ASSIGNMENT:
        return "select " + text.partition("=")[2]
    return text


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
