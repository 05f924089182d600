"""What row security keeps from the statements of the role that migrates."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ...model.history import HiddenRows, Statement
from ...model.relations import QName
from ...sql.ident import quote_qname
from ...sql.script import Piece

if TYPE_CHECKING:
    import psycopg

Failed = TypeVar("Failed")
Rows = dict[QName, int]

CHANGES = re.compile(
    r"(?:update|delete|insert|merge|with|do|call|select|execute|refresh"
    r"|create\s+(?:\w+\s+){0,2}(?:table|view)\b.*\bas)\b",
    re.IGNORECASE | re.DOTALL,
)
_FILTERED = """
select n.nspname, c.relname from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relrowsecurity and pg_catalog.row_security_active(c.oid)
"""
_CHANGED = (
    "select schemaname, relname, n_tup_ins + n_tup_upd + n_tup_del from pg_catalog.pg_stat_xact_user_tables"
)
_NUMBERED = "select schemaname, sequencename, last_value, start_value from pg_catalog.pg_sequences"
_RENUMBER = "select pg_catalog.setval(%s::pg_catalog.regclass, %s, %s)"
_COUNTS = "select pg_catalog.current_setting('track_counts')::bool"
# "$user" in the search path is another one for another role.
_KEEP_PATH = """
select pg_catalog.set_config('search_path', coalesce(
    (select pg_catalog.string_agg(pg_catalog.quote_ident(s), ', ')
     from pg_catalog.unnest(pg_catalog.current_schemas(false)) s), ''), true)
"""
_ALSO_BOUND = (
    "row security binds whoever logs in to the scratch server too: that takes BYPASSRLS or a superuser"
)
_FAILS = "it fails as a role that sees all rows"
_TWICE = "savepoint validate_schema_twice"


class Hiding:
    """Runs statements of `role` that change rows twice, where row security filters a table for it: first as
    whoever logged in, whom it does not filter, which is taken back. `found` tells where that changed more.

    Rows are counted by the server, per table: what triggers and functions do counts too. Sequences get their
    numbers back, which no ROLLBACK does.
    """

    def __init__(self, role: str) -> None:
        self.found: list[HiddenRows] = []
        self._role = role

    def run(
        self,
        connection: "psycopg.Connection[Any]",
        at: Statement,
        piece: Piece,
        send: Callable[[], Failed | None],
    ) -> Failed | None:
        """Run a statement by `send`, which returns what failed; inside a transaction, it is tried first."""
        tables = filtered(connection) if CHANGES.match(piece.text) else set()
        if not tables:
            return send()
        there = self._reason(connection) or self._tried(connection, send)
        before = _changed(connection)
        failed = send()
        if failed is not None:
            return failed
        if isinstance(there, str):
            self.found.append(HiddenRows(statement=at, role=self._role, reason=there))
        else:
            self._compare(at, there, _since(before, _changed(connection)), tables)
        return None

    def _reason(self, connection: "psycopg.Connection[Any]") -> str:
        """Return why a statement cannot be tried first; "" where it can."""
        if connection.info.transaction_status == 0:
            return "it ends transactions by itself, and cannot be tried first"
        row = connection.execute(_COUNTS).fetchone()
        if not (row and row[0]):
            return "this server counts no changed rows (before PostgreSQL 15 it needs a socket for that)"
        return ""

    def _tried(self, connection: "psycopg.Connection[Any]", send: Callable[[], Failed | None]) -> Rows | str:
        """Return the rows that the statement changes where none is hidden; why, where that cannot be told."""
        connection.execute(_TWICE.encode())
        connection.execute(_KEEP_PATH.encode())
        connection.execute("set local role none")
        numbers = _numbers(connection)
        before = _changed(connection)
        there: Rows | str = _ALSO_BOUND if filtered(connection) else _FAILS
        if there == _FAILS and send() is None:
            there = _since(before, _changed(connection))
            for sequence, (last, start) in _numbers(connection).items():
                known, _ = numbers.get(sequence, (last, start))
                if known != last:
                    words = [quote_qname(sequence), known if known is not None else start, known is not None]
                    connection.execute(_RENUMBER, words)
        connection.execute(f"rollback to {_TWICE}; release {_TWICE}".encode())
        return there

    def _compare(self, at: Statement, there: Rows, changed: Rows, tables: set[QName]) -> None:
        """Note the table of which the most rows were hidden, of those that are filtered if there is one."""
        short = [name for name, rows in there.items() if changed.get(name, 0) < rows]
        if not short:
            return
        most = min(short, key=lambda name: (name not in tables, changed.get(name, 0) - there[name], name))
        self.found.append(
            HiddenRows(
                statement=at, role=self._role, table=most, changed=changed.get(most, 0), there=there[most]
            )
        )


def filtered(connection: "psycopg.Connection[Any]") -> set[QName]:
    """Return the tables of which row security filters the rows for who is asking."""
    return {QName(*row) for row in connection.execute(_FILTERED)}


def _changed(connection: "psycopg.Connection[Any]") -> Rows:
    return {QName(schema, name): rows for schema, name, rows in connection.execute(_CHANGED.encode())}


def _since(before: Rows, after: Rows) -> Rows:
    return {name: rows - before.get(name, 0) for name, rows in after.items()}


def _numbers(connection: "psycopg.Connection[Any]") -> dict[QName, tuple[int | None, int]]:
    found = connection.execute(_NUMBERED.encode())
    return {QName(schema, name): (last, start) for schema, name, last, start in found}
