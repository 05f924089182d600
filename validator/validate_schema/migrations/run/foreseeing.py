"""What row security would keep from the role that migrates, told on a copy of a live schema, without rows."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...model.history import HiddenRows, Statement
from ...model.relations import QName
from ...sql.ident import quote_ident, quote_qname
from ...sql.script import Piece
from .hiding import CHANGES, Failed, filtered

if TYPE_CHECKING:
    import psycopg

_BLOCK = re.compile(r"(?:do|call|select|execute)\b", re.IGNORECASE)
_TABLE = r"\b(?:update|from|into|using|join|only)\s+(?:[\w$\"]+\.)?\"?{}(?![\w$])"
_WRITES = re.compile(r"\b(?:update|delete|insert|merge)\b", re.IGNORECASE)
_SETS = re.compile(r"\bset_config\b|\bset\s+(?:local\s+|session\s+)?[\w\"]+\.", re.IGNORECASE)
_POLICIES = """
select p.polpermissive, pg_catalog.pg_get_expr(p.polqual, p.polrelid) from pg_catalog.pg_policy p
where p.polrelid = %s::pg_catalog.regclass and (not p.polpermissive or p.polcmd = '*')
and (0 = any (p.polroles) or exists (
    select from unnest(p.polroles) r where pg_catalog.pg_has_role(current_user, r, 'usage')))
"""
_AFFECTED = re.compile(r'query would be affected by row-level security policy for table "(.*)"', re.DOTALL)
_PLACE = "savepoint validate_schema_foresees"


class Foreseeing:
    """Asks, before a statement of `role` runs, whether row security filters a table for it: PostgreSQL itself
    says so of a query with row_security off. A block of code is told by the names in its text.

    A table is not told of whose policies let every row pass: a row of NULLs, by the settings of the moment.
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
        """Run a statement by `send`, which returns what failed, and note what was foreseen if nothing did."""
        tables = filtered(connection) if CHANGES.match(piece.text) else set()
        hiding = {name for name in tables if not self._lets_all_pass(connection, name)}
        told = self._told(connection, at, piece.text, hiding) if hiding else None
        failed = send()
        if failed is None and told is not None:
            self.found.append(told)
        return failed

    def _told(
        self, connection: "psycopg.Connection[Any]", at: Statement, text: str, hiding: set[QName]
    ) -> HiddenRows | None:
        affected = _affected(connection, text)
        named = [name for name in sorted(hiding) if affected is not None and name.name == affected]
        if _BLOCK.match(text) and not named and _WRITES.search(text):
            named = [n for n in sorted(hiding) if re.search(_TABLE.format(re.escape(n.name)), text, re.I)]
            if named and _SETS.search(text):
                reason = "a block that sets something row security may read"
                return HiddenRows(statement=at, role=self._role, reason=reason)
        return HiddenRows(statement=at, role=self._role, table=named[0]) if named else None

    def _lets_all_pass(self, connection: "psycopg.Connection[Any]", table: QName) -> bool:
        import psycopg

        named = quote_qname(table)
        policies = connection.execute(_POLICIES, [named]).fetchall()
        passes: dict[bool, list[bool]] = {True: [], False: []}
        for permissive, condition in policies:
            row = f"select {condition} from (select (null::{named}).*) as {quote_ident(table.name)}"
            try:
                with _taken_back(connection):
                    answer = connection.execute(row.encode()).fetchone()
            except psycopg.Error:
                answer = None
            passes[permissive].append(answer == (True,))
        return any(passes[True]) and all(passes[False])


def _affected(connection: "psycopg.Connection[Any]", text: str) -> str | None:
    """Return the name of the table that row security filters in a query, if it does."""
    import psycopg

    try:
        with _taken_back(connection):
            connection.execute("set local row_security = off")
            connection.execute(b"explain " + text.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        found = _AFFECTED.fullmatch(error.diag.message_primary or "")
        return found[1] if found else None
    except psycopg.Error:
        return None  # it cannot be explained, or fails by itself
    return None


@contextmanager
def _taken_back(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    """Ask something within a transaction, of which nothing stays."""
    alone = connection.info.transaction_status == 0
    connection.execute("begin" if alone else _PLACE.encode())
    try:
        yield
    finally:
        undo = "rollback" if alone else f"rollback to {_PLACE}; release {_PLACE}"
        connection.execute(undo.encode())
