"""The SQL statements that the body of a function holds, and what its variables are given."""

import re
from collections.abc import Iterator
from typing import Any

from .parser import Unreadable, parse_plpgsql

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
_ATOMIC = re.compile(r"\s*BEGIN ATOMIC\b(.*)\bEND\s*", re.DOTALL | re.IGNORECASE)
_RETURN = re.compile(r"\s*RETURN\b(.*)", re.DOTALL | re.IGNORECASE)
_ASSIGNED = re.compile(r'\s*("(?:[^"]|"")+"|[\w$]+)\s*:?=(.*)', re.DOTALL)


def sql_statements(language: str, body: str, arguments: str, returns: str) -> tuple[str, ...]:
    """Return each SQL statement and expression of a body; an expression as ``select expression``.

    `arguments` and `returns` are as `pg_get_function_arguments` and `pg_get_function_result` print
    them. Raises `Unreadable` where it cannot be parsed, where a statement is built at run time, and where
    the language is neither SQL nor PL/pgSQL.
    """
    if language == "sql":
        return (_plain_sql(body),)
    if language != "plpgsql":
        raise Unreadable(f"the language {language}")
    return tuple(_statements(_parsed(body, arguments, returns)))


def given_values(language: str, body: str, arguments: str, returns: str) -> dict[str, list[str | None]]:
    """Return what each PL/pgSQL variable is given: the expressions, None for a query's result."""
    found: dict[str, list[str | None]] = {}
    if language == "plpgsql":
        for name, value in _given(_parsed(body, arguments, returns)):
            found.setdefault(name, []).append(value)
    return found


def _plain_sql(body: str) -> str:
    """Return a body as statements; a SQL-standard one without the words around it."""
    atomic = _ATOMIC.fullmatch(body)
    if atomic is not None:
        return atomic[1]
    returned = _RETURN.fullmatch(body)
    return f"select {returned[1]}" if returned is not None else body


def _parsed(body: str, arguments: str, returns: str) -> Any:
    return parse_plpgsql(_routine(body, arguments, returns))


def _routine(body: str, arguments: str, returns: str) -> str:
    if returns in ("trigger", "event_trigger"):
        return _ROUTINE.format(_TRIGGER_ARGUMENTS, "record", body)
    plain = re.sub(r"(^|, )VARIADIC ", r"\1", arguments)
    return _ROUTINE.format(plain, returns or "void", body)


def _statements(node: Any) -> Iterator[str]:
    """Yield each SQL statement of a parsed PL/pgSQL function; `Unreadable` where it is dynamic."""
    if isinstance(node, list):
        for item in node:
            yield from _statements(item)
    elif isinstance(node, dict):
        if "dynquery" in node or not _DYNAMIC.isdisjoint(node):
            raise Unreadable("a statement built at run time")
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


def _given(node: Any) -> Iterator[tuple[str, str | None]]:
    if isinstance(node, list):
        for item in node:
            yield from _given(item)
        return
    if not isinstance(node, dict):
        return
    if "refname" in node and "default_val" in node:
        yield node["refname"], node["default_val"]["PLpgSQL_expr"]["query"]
    if node.get("parseMode", 0) >= _ASSIGNMENT:
        target = _ASSIGNED.fullmatch(node["query"])
        if target is not None:
            yield target[1].strip('"'), target[2]
    for field in node.get("fields", ()):
        if "name" in field:
            yield field["name"], None
    for key, value in node.items():
        if key in ("var", "target") and isinstance(value, dict):
            yield from ((v["refname"], None) for v in value.values() if "refname" in v)
        yield from _given(value)
