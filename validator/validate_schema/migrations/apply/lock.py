"""One runner at a time: a session advisory lock."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...catalog.asking import catalog_rows
from ...model.errors import RunnerError

if TYPE_CHECKING:
    import psycopg

# The first eight bytes of the SHA-256 of "validate_schema.applied_migrations"; per database.
KEY = 5961384787557677795
_HOLDER = (
    "select l.pid, a.application_name, a.usename from pg_catalog.pg_locks l"
    " left join pg_catalog.pg_stat_activity a on a.pid = l.pid"
    " where l.locktype = 'advisory' and l.granted and l.objsubid = 1"
    " and l.database = (select oid from pg_catalog.pg_database where datname = current_database())"
    " and l.classid::bigint = (%(key)s::bigint >> 32) & 4294967295"
    " and l.objid::bigint = %(key)s::bigint & 4294967295"
)
_LONGEST_PAUSE = 1.0


def acquire(conn: "psycopg.Connection[Any]", wait_seconds: float, say: Callable[[str], None]) -> None:
    """Take the lock for the rest of the session, waiting up to `wait_seconds` for another runner.

    It is asked for again and again rather than waited for: a waiting statement has a snapshot, and the
    other runner's CREATE INDEX CONCURRENTLY would wait for that. Raises `RunnerError`.
    """
    deadline, pause, told = time.monotonic() + wait_seconds, 0.05, False
    while not _try(conn):
        if not told:
            say(f"another runner is at work ({_holder(conn)}); waiting")
            told = True
        left = deadline - time.monotonic()
        if left <= 0:
            raise RunnerError(
                f"another runner is still at work after {wait_seconds:g} s ({_holder(conn)}); run again later"
            )
        time.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def held(conn: "psycopg.Connection[Any]") -> bool:
    """Return whether the server session behind `conn` has the lock: behind a pooler that gives each
    transaction another session, or after DISCARD ALL, it has not."""
    return bool(catalog_rows(conn, f"{_HOLDER} and l.pid = pg_backend_pid()", {"key": KEY}))


def _try(conn: "psycopg.Connection[Any]") -> bool:
    row = conn.execute("select pg_catalog.pg_try_advisory_lock(%s)", [KEY]).fetchone()
    return bool(row and row[0])


def _holder(conn: "psycopg.Connection[Any]") -> str:
    found = catalog_rows(conn, _HOLDER, {"key": KEY})
    if not found:
        return "just ended"
    pid, application, user = found[0]
    return f"process {pid}, {application or 'unnamed'} as {user or '?'}"
