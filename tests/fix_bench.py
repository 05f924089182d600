"""A server to run SQL examples on: rolled back where possible, in a database of their own otherwise.

Inside one transaction an example is fast, and the roles it makes go away with it. What refuses a
transaction block (CONCURRENTLY, a new enum label that is used at once) needs autocommit.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakSet

import postgast
import psycopg
import pytest
from psycopg import sql

from tests.fix_server import fresh, server_versions
from validate_schema.catalog.reader import read_catalog
from validate_schema.model.catalog import Catalog
from validate_schema.scratch import Server

ROLES = {"app_user": "login", "app_owner": "nologin"}
PRELUDE = "create table organization (id uuid primary key default gen_random_uuid(), name text not null)"
_READ_AGAIN: WeakSet[psycopg.Connection] = WeakSet()
_REFUSES_TRANSACTION = re.compile(r"\b(concurrently|add\s+value|commit;)", re.IGNORECASE)


@dataclass(frozen=True)
class Bench:
    """One server with the roles of the examples, and an idle database for rolled-back work."""

    server: Server
    idle: psycopg.Connection

    @contextmanager
    def open(
        self, *scripts: str, schema: str = "public", committed: bool = False
    ) -> Iterator[psycopg.Connection]:
        """Yield a connection whose current schema is `schema` and holds the prelude alone.

        `scripts` are what will be run: they decide whether a transaction will do. `committed`: other
        connections must see what they make, and the app role must get at it.
        """
        if committed or any(_REFUSES_TRANSACTION.search(script) for script in scripts):
            with fresh(self.server) as database, database.connect(autocommit=True) as conn:
                _prepare(conn, schema)
                if committed:
                    conn.execute(
                        sql.SQL("grant usage on schema {} to app_user").format(sql.Identifier(schema))
                    )
                yield conn
        else:
            with self.idle.transaction(force_rollback=True):
                _prepare(self.idle, schema)
                yield self.idle


def _prepare(conn: psycopg.Connection, schema: str) -> None:
    name = sql.Identifier(schema)
    conn.execute(sql.SQL("create schema if not exists {}").format(name))
    conn.execute(sql.SQL("set search_path = {}").format(name))
    conn.execute(PRELUDE)


def read_again(conn: psycopg.Connection, schema: str) -> Catalog:
    """Read the catalog. To plan its queries is most of that: the bench's idle connection has it done once."""
    if conn not in _READ_AGAIN:
        return read_catalog(conn, default_schema=schema)
    conn.prepare_threshold = 0
    try:
        return read_catalog(conn, default_schema=schema)
    finally:
        conn.prepare_threshold = None


def execute(conn: psycopg.Connection, script: str) -> None:
    """Run the statements one by one, as a person with psql would."""
    for statement in postgast.split(script):
        conn.execute(statement)


@contextmanager
def open_bench(server: Server) -> Iterator[Bench]:
    """Create the roles once and keep one idle database open."""
    with open_idle(server) as bench:
        for role, login in ROLES.items():
            bench.idle.execute(sql.SQL("create role {} " + login).format(sql.Identifier(role)))
        yield bench


@contextmanager
def open_idle(server: Server) -> Iterator[Bench]:
    """Open an idle database on a server that has the roles. A session that rolled back thousands of schemas
    takes ever longer for the next one."""
    with fresh(server) as database, database.connect(autocommit=True, prepare_threshold=None) as conn:
        # psycopg forgets at every rollback what it has prepared: there may be a user's type in it. Here it is
        # the reader's queries alone, and each test is rolled back.
        conn._prepared.clear = lambda: False  # type: ignore[method-assign]
        _READ_AGAIN.add(conn)
        yield Bench(server, conn)


@pytest.fixture(scope="session", params=server_versions(), ids="pg{}".format)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench on each PostgreSQL at hand."""
    with open_bench(request.getfixturevalue("server_of")(request.param)) as bench:
        yield bench
