"""The roles of a server of ours: its superuser, whom we alone are, `postgres`, which owns databases, and the
role that the proof works as.

Migrations are run by `postgres`. It is a superuser as well, unless the server was opened for strangers' SQL:
then it may what managed services give to the role of that name, and what they do on its behalf is done here
by functions (`helpers.sql`) that every database has.
"""

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalog.names import SCRATCH_PROVER, SCRATCH_SESSION
from ..catalog.names import SCRATCH_SUPERUSER as SCRATCH_SUPERUSER
from ..model.errors import ScratchError
from ..sql.ident import quote_ident
from . import home
from .sources import Install, one_line

if TYPE_CHECKING:
    import psycopg

OWNER = "postgres"
# Before PostgreSQL 16 a role with CREATEROLE may join pg_write_server_files: a superuser in all but name.
# Source: release notes of PostgreSQL 16, "Restrict the privileges of CREATEROLE".
FIRST_ORDINARY = 160000
# A setting that no library has claimed is the application's own. Those of languages stay the superuser's:
# they say what code means, and libraries that are loaded later claim them.
_OF_LANGUAGE = re.compile(r"pl(?:pgsql|perlu?|tclu?|python\w*|java|v8|r|rust|sh|lua|proxy)\.", re.IGNORECASE)
HELPERS = Path(__file__).with_name("helpers.sql")
_ATTRIBUTES = "login inherit createrole createdb bypassrls replication connection limit -1 password null"
# Roles that say what somebody may do with files and programs of the server's machine stay out.
_LENT = (
    "pg_checkpoint", "pg_create_subscription", "pg_maintain", "pg_monitor", "pg_read_all_data",
    "pg_read_all_settings", "pg_read_all_stats", "pg_signal_backend", "pg_stat_scan_tables",
    "pg_use_reserved_connections", "pg_write_all_data",
)  # fmt: skip
# Settings of a superuser that say what is logged, counted or printed.
_PARAMETERS = (
    "session_replication_role", "lc_messages", "deadlock_timeout", "lo_compat_privileges",
    "log_duration", "log_error_verbosity", "log_lock_waits", "log_min_duration_statement",
    "log_min_error_statement", "log_min_messages", "log_statement", "log_temp_files",
    "track_functions", "track_io_timing",
)  # fmt: skip


def prepare(conn: "psycopg.Connection[Any]", *, superuser: bool) -> None:
    """See that `postgres` is there with the rights that it should have, whatever became of it before."""
    there = conn.execute("select from pg_catalog.pg_roles where rolname = %s", [OWNER]).fetchone()
    rights = f"{'superuser' if superuser else 'nosuperuser'} {_ATTRIBUTES}"
    if there is None:
        conn.execute(f"create role {OWNER} {rights}".encode())
    else:
        conn.execute(f"alter role {OWNER} {rights}; alter role {OWNER} reset all".encode())
    if not superuser:
        _lend(conn)
    if conn.info.server_version >= FIRST_ORDINARY:
        _prepare_proof(conn)


def _prepare_proof(conn: "psycopg.Connection[Any]") -> None:
    """See that the role is there that sees and writes all rows, and is no superuser, and the one that logs in
    for roles that cannot."""
    for name, rights in ((SCRATCH_PROVER, "bypassrls nologin"), (SCRATCH_SESSION, "nobypassrls login")):
        there = conn.execute("select from pg_catalog.pg_roles where rolname = %s", [name]).fetchone()
        rest = "nosuperuser nocreaterole nocreatedb noreplication inherit connection limit -1"
        conn.execute(f"{'create' if there is None else 'alter'} role {name} {rights} {rest}".encode())
    rows = "pg_read_all_data, pg_write_all_data"
    conn.execute(f"grant {rows} to {SCRATCH_PROVER} with inherit true, set false".encode())
    conn.execute(f"grant set on parameter session_replication_role, lc_messages to {SCRATCH_PROVER}".encode())
    conn.execute(f"grant {SCRATCH_PROVER} to {SCRATCH_SESSION} with inherit false, set true".encode())


def _lend(conn: "psycopg.Connection[Any]") -> None:
    known = {name for (name,) in conn.execute("select rolname from pg_catalog.pg_roles where oid < 16384")}
    lent = ", ".join(name for name in _LENT if name in known)
    conn.execute(f"grant {lent} to {OWNER} with admin option".encode())
    conn.execute(f"grant set on parameter {', '.join(_PARAMETERS)} to {OWNER}".encode())


def lend_setting(conn: "psycopg.Connection[Any]", name: str) -> bool:
    """Let `postgres` attach a setting of an application's own, such as app.tenant, to roles, functions and
    the database; return whether it is one. What everybody may SET takes a superuser there.

    Source: PostgreSQL 15's validate_option_array_item, "we cannot do any meaningful check on the value".
    """
    known = conn.execute(
        "select from pg_catalog.pg_settings where lower(name) = lower(%s)", [name]
    ).fetchone()
    if known is not None or "." not in name or _OF_LANGUAGE.match(name):
        return False
    parts = ".".join(quote_ident(part) for part in name.split("."))
    conn.execute(f"grant set on parameter {parts} to {OWNER}".encode())
    return True


def put_helpers(install: Install, data: Path, account: home.Account, environ: dict[str, str]) -> None:
    """Put the functions that act on behalf of `postgres` into the database from which all others are made.

    Raises `ScratchError` where PostgreSQL refuses.
    """
    command = [str(install.bin_dir / "postgres"), "--single", "-j", "-D", str(data), "template0"]
    said = subprocess.run(
        command,
        input=HELPERS.read_text(),
        capture_output=True,
        text=True,
        errors="replace",
        cwd="/",
        env=environ,
        check=False,
        **account.child,
    )
    if said.returncode != 0 or "ERROR:" in said.stderr or "FATAL:" in said.stderr:
        raise ScratchError(f"{install.bin_dir} cannot be prepared: {one_line(said.stderr)}")
