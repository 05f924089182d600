"""Statements of a migration that concern the whole server, which a scratch database shares."""

import re
from typing import TYPE_CHECKING, Any

from ...sql import script
from ...sql.ident import quote_ident
from ...sql.parser import Unreadable
from ...sql.roles import read_create_role
from ...sql.script import Piece

if TYPE_CHECKING:
    import psycopg

_SUSPECT = re.compile(
    r"\b(?:create|drop|alter)\s+(?:database|tablespace|system|role|user|group)\b"
    r"|\bcreate\s+schema\s+\"?public\b|\bcomment\s+on\s+(?:extension|database)\b",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"(?:(?:create|drop|alter)\s+(?:database|tablespace)|alter\s+system|comment\s+on\s+database)\b",
    re.IGNORECASE,
)
_NEEDLESS = re.compile(r"(?:create\s+schema\s+\"?public\"?\s*$|comment\s+on\s+extension\b)", re.IGNORECASE)
_CREATE_ROLE = re.compile(r"create\s+(?:role|user|group)\s+(?!mapping\b)", re.IGNORECASE)
_NAMED_ROLE = re.compile(
    r"\bcreate\s+(?:role|user|group)\s+(?:\"((?:[^\"]|\"\")+)\"|([\w$]+))", re.IGNORECASE
)
_FRESH = (
    "nosuperuser nocreatedb nocreaterole inherit noreplication nobypassrls connection limit -1 password null"
)


def created_roles(sql: str) -> set[str]:
    """Return the roles that `sql` creates, also inside DO blocks: names as PostgreSQL stores them."""
    return {
        quoted.replace('""', '"') if quoted else bare.lower() for quoted, bare in _NAMED_ROLE.findall(sql)
    }


def spare_server(sql: str, roles: set[str]) -> tuple[str, list[Piece], list[str]]:
    """Take out of `sql` what would change the server beyond the scratch database.

    Returns the text with those statements blanked, the CREATE ROLE statements among them whose role
    is in `roles` (on the server already), and the first words of the statements that were left out.
    """
    creations: list[Piece] = []
    skipped: list[str] = []
    if not _SUSPECT.search(sql):
        return sql, creations, skipped
    for piece in script.pieces(sql):
        if piece.kind != "sql" or not _SUSPECT.match(piece.text):
            continue
        if _ELSEWHERE.match(piece.text):
            skipped.append(" ".join(piece.text.split()[:3]))
        elif _CREATE_ROLE.match(piece.text) and created_roles(piece.text) & roles and _is_readable(piece):
            creations.append(piece)
        elif not _NEEDLESS.match(piece.text):
            continue
        sql = script.blank(sql, piece)
    return sql, creations, skipped


def _is_readable(piece: Piece) -> bool:
    """Tell whether the role can be renewed in place of the statement; if not, the server says what is wrong
    with it."""
    try:
        return bool(read_create_role(piece.text))
    except Unreadable:
        return False


def renew_role(
    connection: "psycopg.Connection[Any]", statement: str, migrator: str | None = None
) -> list[str]:
    """Give a role that an earlier replay left on the server the attributes of this CREATE ROLE only. The
    session's own role and the `migrator` stay its members.

    Returns the grants that make its memberships, for when the other roles are there too.
    """
    created = read_create_role(statement)
    name = quote_ident(created.name)
    ordinary = connection.info.parameter_status("is_superuser") == "off"
    fresh = _FRESH.removeprefix("nosuperuser ") if ordinary else _FRESH
    login = "login" if re.match(r"create\s+user\b", statement, re.IGNORECASE) else "nologin"
    connection.execute(f"alter role {name} {login} {fresh}".encode())
    connection.execute(f"alter role {name} reset all".encode())
    for sql in _revocations(connection, created.name, migrator):
        connection.execute(sql.encode())
    if created.alter:
        connection.execute(created.alter.encode())
    return list(created.grants)


def _revocations(connection: "psycopg.Connection[Any]", role: str, migrator: str | None) -> list[str]:
    rows = connection.execute(
        "select g.rolname, m.rolname from pg_catalog.pg_auth_members a"
        " join pg_catalog.pg_roles g on g.oid = a.roleid join pg_catalog.pg_roles m on m.oid = a.member"
        " where %s in (g.rolname, m.rolname) and m.rolname <> all (array[session_user, %s])",
        [role, migrator or ""],
    )
    return [f"revoke {quote_ident(group)} from {quote_ident(member)}" for group, member in rows]
