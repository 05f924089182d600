"""What a role can really do with the rows of two tenants: the oracle for what is said of policies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import psycopg
import pytest

from tests.fix_server import DEFAULT, Opener, becomes, fresh, role_names
from validate_schema.scratch import Database

A = "11111111-1111-4111-8111-111111111111"
B = "11111111-1111-4111-8111-111111111112"
NAMED = "99999999-9999-4999-8999-999999999999"
KEYS = {"uuid": (A, B, NAMED), "bigint": ("1", "11", "7"), "text": ("acme", "acme2", "special")}
SETTINGS = ("app.is_admin", "app.user_id", "app.org")

_TRY_EACH = """
create function public.try_insert() returns setof text language plpgsql as $$
declare one staged; done text[] := '{}'; owner text;
begin
  for one in select * from staged loop
    owner := coalesce(one.org_id::text, 'nobody');
    continue when owner = any (done);
    begin
      insert into item values (one.*);
      done := done || owner;
    exception when others then null;
    end;
  end loop;
  return query select unnest(done);
end $$
"""


@dataclass(frozen=True)
class Seen:
    """Owners of the rows that were read or written, by the context: a key, None (unset) or ""."""

    read: dict[str | None, set[str]] = field(default_factory=dict)
    written: dict[str | None, set[str]] = field(default_factory=dict)

    @property
    def reads_leak(self) -> bool:
        return _leaks(self.read)

    @property
    def writes_leak(self) -> bool:
        return _leaks(self.written)


def _leaks(owners: dict[str | None, set[str]]) -> bool:
    return any(found - {context} for context, found in owners.items())


class Oracle:
    """One database with a table of many rows; policies come and go."""

    def __init__(
        self, database: Database, admin: psycopg.Connection[Any], kind: str, *, nullable: bool
    ) -> None:
        self.database, self.admin, self.kind = database, admin, kind
        self.keys = KEYS[kind]
        admin.execute(f"create table organization (id {kind} primary key, name text not null default 'n')")
        columns = f"org_id {kind} {'' if nullable else 'not null'} references organization"
        columns += f", other_id {kind}, is_public boolean, status text, level integer, owner_id text"
        admin.execute(f"create table item ({columns})")
        admin.execute("create table staged (like item)")
        admin.execute(
            "create table parent (id integer primary key, is_open boolean not null, "
            f"org_id {kind} not null references organization)"
        )
        admin.execute(
            "create table child (id integer primary key, parent_id integer references parent, n integer)"
        )
        admin.execute(_TRY_EACH)
        admin.execute(
            "grant select, insert, update, delete on all tables in schema public to app_user, auditor"
        )
        admin.execute("alter table item enable row level security")
        for key in self.keys:
            admin.execute("insert into organization (id) values (%s)", (key,))
        self._seed(nullable)

    def _seed(self, nullable: bool) -> None:
        with self.admin.cursor() as cursor:
            for table in ("item", "staged"):
                fill_item(cursor, table, self.keys, nullable=nullable)
            for n, key in enumerate(self.keys):
                for is_open in (True, False):
                    number = 2 * n + is_open
                    cursor.execute("insert into parent values (%s, %s, %s)", (number, is_open, key))
                    cursor.execute("insert into child values (%s, %s, %s)", (number, number, number))
            cursor.execute("insert into child values (100, null, 1)")

    @contextmanager
    def policies(self, *statements: str) -> Iterator[None]:
        """Run the statements; drop every policy of the tables afterwards."""
        try:
            for statement in statements:
                self.admin.execute(statement)
            yield
        finally:
            found = self.admin.execute("select tablename, policyname from pg_policies").fetchall()
            for table, policy in found:
                self.admin.execute(f'drop policy "{policy}" on {table}')

    def look(
        self,
        *,
        writes: bool = True,
        owner: str = "select org_id::text from item",
        roles: tuple[str, ...] = ("app_user",),
    ) -> Seen:
        """Try everything as the app role. `owner` selects the owners of the rows that are visible."""
        seen = Seen()
        bold = {"app.is_admin": "on", "app.user_id": "u1", "app.org": self.keys[1]}
        meek = {"app.is_admin": "off", "app.user_id": "u2", "app.org": self.keys[0]}
        mixed = {"app.is_admin": "off", "app.user_id": "u1", "app.org": self.keys[0]}
        texts = self.admin.execute("select concat(qual, with_check) from pg_policies").fetchall()
        matter = any(name in text for (text,) in texts for name in SETTINGS)
        several: tuple[dict[str, str], ...] = ({}, bold, meek, mixed) if matter else ({},)
        for role in roles:
            for others in several:
                self._as(role, others, seen, owner, writes)
            for context in ("", *self.keys):
                for others in several if context in ("", *self.keys[:2]) else several[:2]:
                    self._as(role, {"app.tenant_id": context, **others}, seen, owner, writes)
        return seen

    def _as(self, role: str, given: dict[str, str], seen: Seen, owner: str, writes: bool) -> None:
        context = given.get("app.tenant_id")
        conn = self._session(context)
        with conn.transaction(force_rollback=True):
            conn.execute("set local session authorization app_user")
            conn.execute(f"set local role {role}")
            for name, value in given.items():
                conn.execute("select set_config(%s, %s, true)", (name, value))
            seen.read.setdefault(context, set()).update(self._owners(conn, owner))
            if writes:
                written = self._owners(conn, "select try_insert()")
                seen.written.setdefault(context, set()).update(written)
        if context is None:
            conn.close()

    def _session(self, context: str | None) -> psycopg.Connection[Any]:
        if context is None:  # only a session that never set it has it unset
            return self.database.connect(autocommit=True)
        return self.admin

    def _owners(self, conn: psycopg.Connection[Any], statement: str) -> set[str]:
        try:
            with conn.transaction():
                return {
                    row[0] if row[0] is not None else "nobody" for row in conn.execute(statement).fetchall()
                }
        except psycopg.Error:
            return set()


def fill_item(cursor: psycopg.Cursor[Any], table: str, keys: tuple[str, ...], *, nullable: bool) -> None:
    """Fill a table of the shape of `item` with every combination of values that policies look at."""
    owners = [*keys, *([None] if nullable else [])]
    flags, states = (True, False, None), ("open", "shut", None)
    rest = ((*keys, None), flags, states, (1, 4, 5, None), ("u1", None))
    rows = [(owner, *values) for values in product(*rest) for owner in owners]
    # Every side of a limit that is compared with: 1, 3, 4, 5 and 9 in the generated policies.
    rows += [
        (owner, keys[0], *values, "u1")
        for values in product(flags, states, (0, 3, 9, 10))
        for owner in owners
    ]
    cursor.executemany(f"insert into {table} values (%s, %s, %s, %s, %s, %s)", rows)


@contextmanager
def open_oracle(server_of: Opener, kind: str, *, nullable: bool) -> Iterator[Oracle]:
    with fresh(server_of(DEFAULT)) as database, database.connect(autocommit=True) as admin:
        there = role_names(admin)  # the bench of the examples keeps an app_user on the same server
        for role, login in (("app_user", "login"), ("clerk", "nologin"), ("auditor", "nologin")):
            if role not in there:
                admin.execute(f"create role {role} {login}")
        with becomes(admin, "app_user", "auditor"):
            yield Oracle(database, admin, kind, nullable=nullable)


@pytest.fixture(scope="module")
def oracle(server_of: Opener) -> Iterator[Oracle]:
    """A table of text keys, NOT NULL."""
    with open_oracle(server_of, "text", nullable=False) as found:
        yield found
