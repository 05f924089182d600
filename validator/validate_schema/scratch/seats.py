"""Sessions of the proof: each logs in as a role that is proven, so that no code of the schema can become a
superuser in it.

`RESET ROLE` leads to that role and no further. What makes rows and looks at them is `validate_schema_prover`,
which sees and writes all rows; what owners do is done as them (`helpers.sql`).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ..catalog.names import SCRATCH_PROVER, SCRATCH_SESSION
from ..sql.ident import quote_ident, quote_literal
from .owner import FIRST_ORDINARY

if TYPE_CHECKING:
    import psycopg

    from .server import Database

    Connection = psycopg.Connection[Any]

# Whatever the role and the database are set to.
_OPTIONS = (
    "role=none", "local_preload_libraries=", "statement_timeout=0", "lock_timeout=0",
    "idle_in_transaction_session_timeout=0", "default_transaction_read_only=off",
)  # fmt: skip
_SETTINGS = """
select distinct pg_catalog.split_part(s, '=', 1)
from pg_catalog.pg_db_role_setting, unnest(setconfig) s
where setrole = %s::pg_catalog.regrole
  and setdatabase in (0, (select oid from pg_catalog.pg_database where datname = current_database()))
"""


@contextmanager
def seated(database: "Database", role: str, *, made_up: bool) -> "Iterator[tuple[Connection, str]]":
    """Yield a connection for the proof of `role`, and who logged in: the role itself, or for one that cannot
    a role without any rights. "": a superuser did, since the server is not ours, or knows no better.

    A role that is `made_up` is not there yet. Raises `psycopg.OperationalError` where the server refuses.
    """
    import psycopg

    server = database.server
    if not server.is_own or server.version_num < FIRST_ORDINARY:
        with database.admin() as conn:
            yield conn, ""
        return
    with database.admin(autocommit=True) as admin:
        login = SCRATCH_SESSION if made_up else _login(admin, database.name, role)
        admin.execute(
            f"grant temporary on database {quote_ident(database.name)} to {SCRATCH_PROVER}".encode()
        )
        settings = _neutral(admin, login)
    with database.session(login, _OPTIONS) as conn:
        conn.autocommit = True
        for name, value in settings.items():
            said = f"pg_catalog.set_config({quote_literal(name)}, {quote_literal(value)}, false)"
            with suppress(psycopg.Error):  # it is a superuser's
                conn.execute(f"select {said}".encode())
        conn.autocommit = False
        yield conn, login


def _login(admin: "Connection", database: str, role: str) -> str:
    """Return who logs in, having seen that he may, and may become whom he has to."""
    row = admin.execute(
        "select rolcanlogin and rolconnlimit <> 0 and pg_catalog.has_database_privilege(oid, %s, 'CONNECT')"
        " from pg_catalog.pg_roles where rolname = %s",
        [database, role],
    ).fetchone()
    if row and row[0]:
        _join(admin, SCRATCH_PROVER, role)
        return role
    _join(admin, role, SCRATCH_SESSION)
    may = admin.execute(
        "select pg_catalog.has_database_privilege(%s, %s, 'CONNECT')", [SCRATCH_SESSION, database]
    )
    if may.fetchone() != (True,):
        admin.execute(f"grant connect on database {quote_ident(database)} to {SCRATCH_SESSION}".encode())
    return SCRATCH_SESSION


def _join(admin: "Connection", role: str, member: str) -> None:
    """Let `member` become `role`, where it cannot yet."""
    can = admin.execute("select pg_catalog.pg_has_role(%s, %s, 'SET')", [member, role]).fetchone()
    if can != (True,):
        names = quote_ident(role), quote_ident(member)
        admin.execute(f"grant {names[0]} to {names[1]} with inherit false, set true".encode())


def _neutral(admin: "Connection", login: str) -> dict[str, str]:
    """Return what the settings that the role has of its own are for others: rows are made with those."""
    found = {}
    for (name,) in admin.execute(_SETTINGS.encode(), [quote_ident(login)]).fetchall():
        if "." not in name and name not in ("role", "session_authorization"):
            row = admin.execute("select pg_catalog.current_setting(%s)", [name]).fetchone()
            found[name] = row[0] if row else ""
    return found
