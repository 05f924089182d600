"""Scratch servers as their callers see them."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from tests.fix_server import fresh
from validate_schema.model.errors import ScratchError
from validate_schema.scratch import Database, Server, ledger, open_server

pytestmark = pytest.mark.every_server

ROLES = (
    "select array_agg(rolname::text order by rolname) from pg_roles"
    " where oid >= 16384 and rolname <> 'postgres' and rolname !~ '^validate_schema_'"
)


def databases(server: Server) -> set[str]:
    with server.connect() as conn:
        return {name for (name,) in conn.execute("select datname from pg_database")}


def value(conn: "psycopg.Connection[Any]", query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_a_database_starts_empty(any_database: Database) -> None:
    query = "select relname from pg_class where relnamespace = 'public'::regnamespace"
    with any_database.connect() as conn:
        assert conn.execute(query).fetchall() == []


def test_a_database_is_gone_after_its_block_with_whoever_is_connected(any_server: Server) -> None:
    with any_server.database() as database:
        lingering = database.connect()
        assert database.name in databases(any_server)
    assert database.name not in databases(any_server)
    with pytest.raises(psycopg.OperationalError):
        lingering.execute("select 1")
    lingering.close()


def test_a_database_is_gone_when_its_block_raises(server: Server) -> None:
    before = databases(server)
    with suppress(ZeroDivisionError), server.database():
        raise ZeroDivisionError
    assert databases(server) == before


def test_databases_speak_utf8_and_sort_by_code_point(any_database: Database) -> None:
    query = "select string_agg(c, '' order by c), upper('é') = 'É' from unnest(array['b','B','a','Z','é']) c"
    with any_database.connect() as conn:
        assert value(conn, "show server_encoding") == "UTF8"
        row = conn.execute(query).fetchone()
        assert row is not None
        assert row[0] == "BZabé"
        if conn.info.server_version >= 170000:
            assert row[1] is True


def test_the_server_listens_on_a_private_socket_alone(any_database: Database) -> None:
    host = Path(parse_qs(urlsplit(any_database.conninfo).query)["host"][0])
    with any_database.connect() as conn:
        assert value(conn, "show listen_addresses") == ""
        assert value(conn, "show unix_socket_directories") == str(host)
        assert value(conn, "show fsync") == "off"
        data = Path(value(conn, "show data_directory"))
    assert {host.stat().st_mode & 0o777, data.stat().st_mode & 0o777} == {0o700}


def test_a_server_says_what_it_is(server: Server) -> None:
    with server.connect() as conn:
        assert server.version_num == conn.info.server_version
        assert server.label == f"PostgreSQL {value(conn, 'show server_version')} (embedded)"
    assert server.bin_dir is not None
    assert (server.bin_dir / "pg_dump").exists()


def test_a_conninfo_serves_sqlalchemy_too(database: Database) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(database.conninfo.replace("postgresql:", "postgresql+psycopg:", 1))
    with engine.connect() as conn:
        assert conn.execute(text("select current_database()")).scalar() == database.name
    engine.dispose()


def test_variables_about_another_server_change_nothing(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    elsewhere = {
        "PGHOST": "elsewhere.invalid",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "nobody",
        "PGPASSWORD": "x",
        "PGDATABASE": "elsewhere",
        "PGSSLMODE": "verify-full",
        "PGGSSENCMODE": "require",
        "PGCHANNELBINDING": "require",
        "PGOPTIONS": "-c default_transaction_read_only=on",
        "PGTARGETSESSIONATTRS": "read-only",
        "PGCLIENTENCODING": "LATIN1",
    }
    for name, text in elsewhere.items():
        monkeypatch.setenv(name, text)
    with server.database() as database, database.connect() as conn:
        assert value(conn, "show transaction_read_only") == "off"
        assert value(conn, "show client_encoding") == "UTF8"


def test_a_template_is_built_once_and_cloned(any_server: Server, request: pytest.FixtureRequest) -> None:
    built = []

    def build(database: Database) -> None:
        built.append(database.name)
        with database.connect() as conn:
            conn.execute("create table kept as select 1 as n")

    names = {any_server.template(request.node.name, build) for _ in range(3)}
    assert len(names) == len(built) == 1
    for _ in range(2):
        with any_server.database(names.copy().pop()) as clone, clone.connect() as conn:
            assert value(conn, "select n from kept") == 1
            conn.execute("drop table kept")


def test_keys_of_templates_are_told_apart(server: Server, request: pytest.FixtureRequest) -> None:
    key = request.node.name
    assert server.template(f"{key} 1", lambda _: None) != server.template(f"{key} 2", lambda _: None)


def test_a_template_whose_build_fails_is_not_there(server: Server, request: pytest.FixtureRequest) -> None:
    key, before = request.node.name, databases(server)

    def fail(database: Database) -> None:
        with database.connect() as conn:
            conn.execute("create table half (id int)")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        server.template(key, fail)
    assert databases(server) == before
    with server.database(server.template(key, lambda _: None)) as clone, clone.connect() as conn:
        assert value(conn, "select to_regclass('half')") is None


def test_a_clone_has_the_settings_and_privileges_of_its_template(any_server: Server) -> None:
    def build(database: Database) -> None:
        with database.connect() as conn:
            conn.execute(f"alter database {database.name} set app.tenant_id = 'none'".encode())
            conn.execute(f"alter database {database.name} set validate_schema.note = 'ours'".encode())
            conn.execute(f"revoke all on database {database.name} from public".encode())

    name = any_server.template("settings", build)
    with any_server.database(name) as clone, clone.connect() as conn:
        query = "select s.setconfig, d.datacl::text[] from pg_database d join pg_db_role_setting s on s.setdatabase = d.oid where datname = %s"
        assert conn.execute(query, [clone.name]).fetchall() == [
            (["app.tenant_id=none"], ["postgres=CTc/postgres"])
        ]


@pytest.mark.usefixtures("prepared_home")
def test_only_the_templates_used_last_are_kept(key: str) -> None:
    with open_server(key=key) as server:
        names = [server.template(str(n), lambda _: None) for n in range(9)]
        server.template("1", lambda _: None)
        names.append(server.template("9", lambda _: None))
        kept = {name for name in databases(server) if name.startswith("vs_template_")}
    assert kept == set(names) - {names[0], names[2]}


@pytest.mark.usefixtures("prepared_home")
def test_roles_last_as_long_as_the_template_that_brought_them(key: str) -> None:
    def build(database: Database) -> None:
        with database.connect() as conn:
            conn.execute("create role brought")

    with open_server(key=key) as server:
        server.template("a", build)
        with server.connect(autocommit=True) as conn:
            conn.execute("create role stray")
            conn.execute("grant connect on database postgres to stray")
            assert value(conn, ROLES) == ["brought", "stray"]
    with open_server(key=key) as server, server.connect() as conn:
        assert value(conn, ROLES) == ["brought"]


@pytest.mark.usefixtures("prepared_home")
def test_alter_system_does_not_outlive_the_server(key: str) -> None:
    with open_server(key=key) as server, server.connect(autocommit=True) as conn:
        conn.execute("alter system set shared_preload_libraries = 'nothing_like_it'")
    with open_server(key=key) as server, server.connect() as conn:
        assert value(conn, "show shared_preload_libraries") == ""


def test_an_error_of_the_server_is_one_line(server: Server) -> None:
    with pytest.raises(ScratchError) as error, server.database("no such template"):
        pass
    assert str(error.value) == f'{server.label}: template database "no such template" does not exist'


def test_fixtures_leave_no_roles_behind(any_server: Server) -> None:
    for _ in range(2):
        with fresh(any_server) as database, database.connect(autocommit=True) as conn:
            conn.execute("create role app_user login")
            conn.execute("grant create on schema public to app_user")


@pytest.mark.usefixtures("prepared_home")
def test_progress_names_the_slow_steps(key: str) -> None:
    lines: list[str] = []
    with open_server(key=key, progress=lines.append):
        pass
    assert lines[0] == "starting PostgreSQL (embedded)"


def test_each_purpose_has_a_lock_of_its_own() -> None:
    name = ledger.template_name("0" * 64)
    locks = (
        ledger.owner_lock(0),
        ledger.template_lock("0" * 64),
        ledger.user_lock(name),
        ledger.roles_lock(),
    )
    assert len({lock.partition(",")[0] for lock in locks}) == len(locks)
