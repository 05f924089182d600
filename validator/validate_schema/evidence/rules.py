"""Ask the target what the checks that are queries want to know: read only, within limits, rolled back.

A query is the query of a cursor: PostgreSQL takes nothing there but one SELECT or VALUES without parts that
write, and so no COMMIT, COPY, CALL or DO. Row security is switched off, which makes PostgreSQL refuse what a
policy would filter: an answer is whole or there is none. What a function that it calls does outside of
transactions (end another session, write a file) is up to the role. Sources: PostgreSQL documentation,
DECLARE, SET TRANSACTION, `row_security`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..facts.facts import Facts
from ..model.catalog import QName
from ..model.evidence import RuleRow, RuleRows
from ..model.finding import ObjectRef
from ..sql.ident import quote_ident
from ..sql.patterns import parse_pattern
from .rows import LOCK_TIMEOUT_MS

if TYPE_CHECKING:
    import psycopg

    from ..config import DataConfig

MOST_ROWS = 1_000
_SETTINGS = """
select pg_catalog.set_config('statement_timeout', %s, true), pg_catalog.set_config('lock_timeout', %s, true),
       pg_catalog.set_config('search_path', %s, true), pg_catalog.set_config('row_security', 'off', true),
       pg_catalog.set_config('TimeZone', 'UTC', true), pg_catalog.set_config('DateStyle', 'ISO, YMD', true)
"""
_CURSOR = "validate_schema_rule"
_SAID = ("message", "expected", "observed", "note")
_NAMED = ("object", "name", "kind")


def ask(
    conn: "psycopg.Connection[Any]", rules: Mapping[str, str], facts: Facts, bounds: "DataConfig"
) -> tuple[RuleRows, ...]:
    """Return what the query of each rule, by its check's id, returns: at most `MOST_ROWS` rows.

    Unqualified names are looked for in the default schema. One that fails, would write, meets a lock or row
    security, or takes longer than `bounds.statement_timeout_ms` says so in `unreadable`.
    """
    return tuple(_answer(conn, id, sql, facts, bounds) for id, sql in rules.items())


def _answer(
    conn: "psycopg.Connection[Any]", id: str, sql: str, facts: Facts, bounds: "DataConfig"
) -> RuleRows:
    from psycopg import Error

    if conn.closed:
        return RuleRows(id, unreadable="the connection was lost")
    try:
        names, rows = _fetched(conn, sql, facts.default_schema, bounds)
    except Error as error:
        return RuleRows(id, unreadable=_reason(error, bounds))
    except ValueError as error:  # what the connection's encoding, or no text at all, can hold
        return RuleRows(id, unreadable=f"its query cannot be sent: {error}")
    read = (dict(zip(names, row, strict=True)) for row in rows[:MOST_ROWS])
    return RuleRows(id, tuple(_row(id, row, facts) for row in read), more=len(rows) > MOST_ROWS)


def _fetched(
    conn: "psycopg.Connection[Any]", sql: str, default_schema: str, bounds: "DataConfig"
) -> tuple[list[str], list[list[str]]]:
    """Return the names of the columns, and the rows as the server writes them as text."""
    lock_ms = min(LOCK_TIMEOUT_MS, max(1, bounds.statement_timeout_ms // 2))
    timeouts = [f"{bounds.statement_timeout_ms}ms", f"{lock_ms}ms"]
    encoding = conn.info.encoding
    with conn.transaction(force_rollback=True):
        conn.execute("set transaction read only")
        conn.execute(_SETTINGS, [*timeouts, quote_ident(default_schema)])
        # Binary, so that it goes by the protocol that takes one statement.
        conn.execute(f"declare {_CURSOR} no scroll cursor for {sql}".encode(encoding), binary=True)
        cursor = conn.execute(f"fetch {MOST_ROWS + 1} from {_CURSOR}".encode())
        result = cursor.pgresult
        assert result is not None, "FETCH has a result"
        columns = range(result.nfields)
        names = [(result.fname(c) or b"").decode(encoding) for c in columns]
        rows = [
            [(result.get_value(row, c) or b"").decode(encoding) for c in columns]
            for row in range(result.ntuples)
        ]
    return names, rows


def _reason(error: "psycopg.Error", bounds: "DataConfig") -> str:
    from psycopg import errors

    if isinstance(error, errors.LockNotAvailable):
        return "another session holds a lock on what its query reads"
    if isinstance(error, errors.QueryCanceled):
        return f"its query took longer than {bounds.statement_timeout_ms} ms (data.statement_timeout_ms)"
    said = error.diag.message_primary or (str(error).splitlines() or [type(error).__name__])[0]
    return f"its query fails: {said}"


def _row(id: str, row: Mapping[str, str], facts: Facts) -> RuleRow:
    said = {name: row.get(name, "") for name in _SAID}
    others = [f"{name}={value}" for name, value in row.items() if name not in (*_SAID, *_NAMED)]
    said["observed"] = ", ".join(filter(None, (said["observed"], *others)))
    return RuleRow(_object(id, row, facts), **said)


def _object(id: str, row: Mapping[str, str], facts: Facts) -> ObjectRef:
    """Return what a row is about: a table, or what is `name`d of one or by itself; else the rule."""
    table, name, kind = (row.get(column, "") for column in _NAMED)
    if table:
        try:
            qname = parse_pattern(table).qname(facts.default_schema)
        except ValueError:
            qname = QName(facts.default_schema, table)
        return ObjectRef(kind or _kind(qname, name, facts), qname.schema, qname.name, name)
    return ObjectRef(kind or "object", name=name) if name else ObjectRef("rule", name=id)


def _kind(qname: QName, name: str, facts: Facts) -> str:
    table = facts.tables_by_name.get(qname)
    if not name or table is None:
        return "object" if name else "table"
    parts: Sequence[tuple[str, Sequence[Any]]] = (
        ("column", table.columns),
        ("constraint", table.constraints),
        ("index", table.indexes),
        ("policy", table.policies),
    )
    return next((kind for kind, members in parts if any(m.name == name for m in members)), "object")
