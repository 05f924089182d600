"""How a catalog is read: one read-only snapshot, the same number of queries, errors in one line."""

import threading
from typing import Any

import psycopg
import pytest

from validate_schema.catalog.queries import queries
from validate_schema.catalog.reader import read_catalog
from validate_schema.catalog.snapshot import fingerprint
from validate_schema.model.catalog import Catalog, ConnectedRole, Server, Unreadable
from validate_schema.model.errors import ConnectError, ReadError
from validate_schema.scratch import Database

pytestmark = pytest.mark.every_server

Connection = psycopg.Connection[Any]

SCHEMA = (
    "create table a (id int primary key, b text default 'x' unique)",
    "create table c (id int references a, check (id > 0))",
    "create index on c (id)",
    "create view v as select * from a",
    "create type mood as enum ('x')",
    "create policy p on a using (id = 1)",
)


def test_the_server_and_the_connected_role_are_named(any_conn: Connection) -> None:
    any_conn.execute("create role plain; set role plain")
    info = any_conn.info

    assert read_catalog(any_conn).server == Server(
        info.parameter_status("server_version") or "",
        info.server_version,
        info.dbname,
        ConnectedRole("plain"),
    )


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        pytest.param("app, public", None, "app", id="the connection's own"),
        pytest.param("''", None, "public", id="public when there is none"),
        pytest.param("app", "other", "other", id="as told"),
    ],
)
def test_default_schema(conn: Connection, path: str, given: str | None, expected: str) -> None:
    conn.execute(f"create schema app; set search_path = {path}")

    assert read_catalog(conn, default_schema=given).server.default_schema == expected


@pytest.mark.parametrize("autocommit", [True, False])
def test_reading_leaves_the_session_as_it_was(database: Database, autocommit: bool) -> None:
    with database.connect(autocommit=autocommit) as conn:
        before = conn.execute(
            "select current_setting('search_path'), current_setting('DateStyle')"
        ).fetchone()
        conn.rollback()
        read_catalog(conn)

        assert conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE
        after = conn.execute("select current_setting('search_path'), current_setting('DateStyle')").fetchone()
        assert after == before


@pytest.mark.parametrize("prepared_after", [5, 0])
def test_inside_an_open_transaction_its_own_changes_are_read_and_kept(
    any_conn: Connection, prepared_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(any_conn, "prepare_threshold", prepared_after)
    with any_conn.transaction(force_rollback=True):
        any_conn.execute("set local search_path = public")
        any_conn.execute("create table t (a int)")
        catalog = read_catalog(any_conn)

        assert [t.name for t in catalog.tables] == ["t"]
        assert any_conn.execute("show search_path").fetchone() == ("public",)
        assert any_conn.execute("select count(*) from t").fetchone() == (0,)


def test_a_connection_that_prepares_everything_plans_the_queries_once(any_database: Database) -> None:
    asked = "select statement, prepare_time from pg_prepared_statements where statement like '%%pg_class%%'"
    with any_database.connect(autocommit=True, prepare_threshold=0) as conn:
        read_catalog(conn)
        before = set(conn.execute(asked).fetchall())
        read_catalog(conn)
        after = set(conn.execute(asked).fetchall())

    assert len(before) > 10
    assert before <= after


def statements(conn: Connection, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect what is sent over `conn` from now on."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def spy(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        sent.append(str(query))
        return execute(cursor, query, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", spy)
    return sent


def test_the_number_of_statements_does_not_grow_with_the_schema(
    any_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = statements(any_conn, monkeypatch)
    read_catalog(any_conn)
    small, _ = list(sent), sent.clear()
    for statement in SCHEMA:
        any_conn.execute(statement)
    for number in range(30):
        any_conn.execute(f"create table t{number} (id int primary key, a int references a default {number})")
    sent.clear()
    read_catalog(any_conn)

    assert sent == small
    assert len(sent) == len(queries(any_conn.info.server_version)) + 4


def test_the_transaction_refuses_writes_and_sees_one_snapshot(
    any_conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = statements(any_conn, monkeypatch)
    read_catalog(any_conn)
    begin, end = sent[0], sent[-1]

    any_conn.execute(begin)
    assert any_conn.execute("show transaction_isolation").fetchone() == ("repeatable read",)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        any_conn.execute("create table t (a int)")
    any_conn.execute(end)
    assert any_conn.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


def test_two_readings_are_equal(any_conn: Connection) -> None:
    for statement in SCHEMA:
        any_conn.execute(statement)

    assert read_catalog(any_conn) == read_catalog(any_conn)


def test_the_order_of_ddl_does_not_show(any_conn: Connection) -> None:
    for statement in SCHEMA:
        any_conn.execute(statement)
    first = read_catalog(any_conn)
    any_conn.execute("drop schema public cascade; create schema public")
    for position in (4, 0, 5, 3, 1, 2):
        any_conn.execute(SCHEMA[position])

    second = read_catalog(any_conn)
    assert (second.tables, second.views, second.enums) == (first.tables, first.views, first.enums)


def test_settings_of_the_session_do_not_change_what_is_printed(any_conn: Connection) -> None:
    any_conn.execute(
        "create table t (a date default '2020-02-01', b interval default '1 day', c timestamptz)"
    )
    any_conn.execute("alter table t alter c set default '2020-02-01 00:00:00Z'")
    first = read_catalog(any_conn)
    any_conn.execute("set datestyle = 'German'; set intervalstyle = 'iso_8601'; set timezone = 'Asia/Tokyo'")
    any_conn.execute("set quote_all_identifiers = on; set search_path = pg_catalog")

    assert read_catalog(any_conn).tables == first.tables


def as_reader(conn: Connection, sql: str = "") -> Catalog:
    conn.execute(f"create role reader; {sql}; set role reader")
    return read_catalog(conn)


def test_a_role_without_any_privilege_on_the_schema_reads_all_of_it(any_conn: Connection) -> None:
    for statement in SCHEMA:
        any_conn.execute(statement)
    full = read_catalog(any_conn)
    limited = as_reader(any_conn, "revoke all on schema public from public")

    assert (limited.tables, limited.views, limited.unreadable) == (full.tables, full.views, ())


def test_a_catalog_that_may_not_be_read_is_named_with_the_grant(any_conn: Connection) -> None:
    catalog = as_reader(any_conn, "revoke select on pg_catalog.pg_policy from public; create table t (a int)")

    assert catalog.unreadable == (
        Unreadable(
            "policies",
            'permission denied for table pg_policy; GRANT SELECT ON pg_catalog.pg_policy TO "reader" would allow it',
        ),
    )
    assert [t.name for t in catalog.tables] == ["t"]


def test_without_the_essential_catalogs_nothing_is_read(any_conn: Connection) -> None:
    with pytest.raises(ReadError) as caught:
        as_reader(any_conn, "revoke select on pg_catalog.pg_class from public")

    assert str(caught.value) == (
        "types may not be read: permission denied for table pg_class; "
        'GRANT SELECT ON pg_catalog.pg_class TO "reader" would allow it'
    )


@pytest.mark.parametrize(
    ("session", "given", "named"), [("1ms", None, "1ms"), ("0", 1, "1 ms")], ids=["the session's", "as told"]
)
def test_a_statement_timeout_is_named_with_the_way_to_raise_it(
    database: Database, session: str, given: int | None, named: str
) -> None:
    with database.connect(autocommit=True) as conn:
        for start in range(0, 2000, 200):
            conn.execute(
                "".join(f"create table t{n} (a int default {n});" for n in range(start, start + 200))
            )
        conn.execute(f"set statement_timeout = '{session}'")
        with pytest.raises(ReadError) as caught:
            read_catalog(conn, statement_timeout_ms=given)

    assert str(caught.value) == (
        "reading the catalog was cut short: canceling statement due to statement timeout "
        f"(statement_timeout is {named}); raise it with --statement-timeout"
    )


def test_a_server_that_goes_away_is_one_line(database: Database) -> None:
    with database.connect(autocommit=True) as conn, database.connect(autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s, 5000)", [conn.info.backend_pid])
        with pytest.raises(ConnectError) as caught:
            read_catalog(conn)

    assert str(caught.value).startswith("the server went away while the catalog was read: ")
    assert "\n" not in str(caught.value)


def test_ddl_at_the_same_time_does_not_disturb_the_reading(any_database: Database) -> None:
    """Two sessions create and drop while forty catalogs are read; what stands still is in each."""
    stop, failures = threading.Event(), []

    def churn(name: str) -> None:
        try:
            with any_database.connect(autocommit=True) as conn:
                while not stop.is_set():
                    conn.execute(
                        f"create table {name} (id int primary key, b text default 'x' check (b <> ''))"
                    )
                    conn.execute(f"create policy p on {name} using (id = 1)")
                    conn.execute(f"create view {name}_v as select id from {name}")
                    conn.execute(
                        f"create index on {name} (lower(b)) where id > 0; create type {name}_e as enum ('a')"
                    )
                    conn.execute(f"drop view {name}_v; drop type {name}_e; drop table {name}")
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(f"churn{number}",)) for number in range(2)]
    with any_database.connect(autocommit=True) as conn:
        conn.execute("create table still (a int primary key)")
        for thread in threads:
            thread.start()
        try:
            seen = [read_catalog(conn) for _ in range(40)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    assert failures == []
    assert all("still" in [t.name for t in catalog.tables] for catalog in seen)
    assert all(t.columns for catalog in seen for t in catalog.tables)


def test_the_fingerprint_follows_the_schema_and_nothing_else(any_conn: Connection) -> None:
    for statement in SCHEMA:
        any_conn.execute(statement)
    any_conn.execute("create role somebody")
    first = fingerprint(read_catalog(any_conn))
    any_conn.execute("insert into a values (1); analyze a; set role somebody")
    same = fingerprint(read_catalog(any_conn, default_schema="elsewhere"))
    any_conn.execute("reset role; alter table a alter b drop default")

    assert same == first
    assert fingerprint(read_catalog(any_conn)) != first
    assert len(first) == 64
