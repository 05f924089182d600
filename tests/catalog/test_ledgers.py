"""Tracker tables are known by their shape in every schema, and read for what is in force."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from validate_schema.migrations.ledger import ledger_for, read_ledgers
from validate_schema.migrations.records import MigrationSet
from validate_schema.model.errors import MigrationError
from validate_schema.model.history import Ledger
from validate_schema.scratch import Server, open_server

DATA = Path(__file__).parents[1] / "data" / "ledgers"
Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server(key="ledgers") as opened:
        yield opened


@pytest.fixture(scope="module")
def session(server: Server) -> Iterator[Connection]:
    with server.database() as database, database.connect(autocommit=True) as opened:
        yield opened


@pytest.fixture
def connection(session: Connection) -> Iterator[Connection]:
    """Give a transaction that ends in nothing."""
    with session.transaction(force_rollback=True):
        yield session


def states(ledger: Ledger) -> list[tuple[str, str]]:
    return [(entry.version, entry.state) for entry in ledger.entries]


def only(connection: Connection) -> Ledger:
    (ledger,) = read_ledgers(connection)
    return ledger


def migrations(tool: str) -> MigrationSet:
    return MigrationSet(tool, Path("migrations"), ())


TABLES = sorted(path.stem for path in DATA.glob("*.sql"))


@pytest.mark.parametrize("tool", TABLES)
def test_each_tools_own_table_is_its_ledger(connection: Connection, tool: str) -> None:
    connection.execute((DATA / f"{tool}.sql").read_text().encode())
    ledger = only(connection)
    assert (ledger.tool, ledger.reason, ledger.lock) == (tool, "", "")
    assert ledger.complete == (tool not in ("golang-migrate", "tern"))
    assert len(ledger.entries) == {"golang-migrate": 1, "tern": 1, "flyway": 4}.get(tool, 3)


OTHERS = {
    "alembic": "create table alembic_version (version_num varchar(32) not null primary key)",
    "django": "create table django_migrations (id bigint primary key, app varchar(255), name varchar(255), applied timestamptz)",
    "yoyo": "create table _yoyo_migration (migration_hash varchar(64) primary key, migration_id varchar(255), applied_at_utc timestamp)",
    "liquibase": "create table databasechangelog (id varchar(255) not null, author varchar(255), filename varchar(255), dateexecuted timestamp,"
    " orderexecuted int, exectype varchar(10), md5sum varchar(35), description varchar(255), comments varchar(255), tag varchar(255),"
    " liquibase varchar(20), contexts varchar(255), labels varchar(255), deployment_id varchar(10))",
    "pop": "create table schema_migration (version varchar(48) not null, version_self int not null default 0)",
    "applied-set": "create table anything (version int primary key, name text, applied_at timestamp, checksum bytea)",
    "drizzle": "create table __drizzle_migrations (id serial primary key, hash text, created_at bigint, name text, applied_at timestamptz)",
    "goose": "create table goose_db_version (id serial primary key, version_id bigint, is_applied boolean, tstamp timestamp)",
    "dbmate": "create table schema_migrations (version varchar(255) primary key)",
}  # fmt: skip


@pytest.mark.parametrize("tool", OTHERS)
def test_other_forms_of_a_table_are_known_too(connection: Connection, tool: str) -> None:
    connection.execute(OTHERS[tool].encode())
    assert (only(connection).tool, only(connection).entries) == (tool, ())


@pytest.mark.parametrize(
    "sql",
    [
        "create table schema_migrations (version bigint primary key, dirty text)",
        "create table migrations (id int primary key, name text)",
        "create table name (name text primary key)",
        "create table audit (version text, applied_at timestamptz)",
        "create table schema_migrations (version varchar primary key, tenant_id uuid)",
        "create view alembic_version as select 'a'::text as version_num",
    ],
)
def test_a_users_own_table_with_such_a_name_is_none(connection: Connection, sql: str) -> None:
    connection.execute(sql.encode())
    assert read_ledgers(connection) == ()


def test_prismas_attempts_come_to_the_one_in_force(connection: Connection) -> None:
    connection.execute((DATA / "prisma.sql").read_text().encode())
    connection.execute(
        """
        delete from _prisma_migrations;
        insert into _prisma_migrations (id, checksum, finished_at, migration_name, logs, rolled_back_at, started_at, applied_steps_count) values
            ('1', 'c', null, 'retried', 'boom', '2026-01-02Z', '2026-01-01Z', 0),
            ('2', 'd', '2026-01-03Z', 'retried', null, null, '2026-01-02Z', 1),
            ('3', 'c', null, 'given up', 'boom', '2026-01-05Z', '2026-01-04Z', 0),
            ('4', 'c', null, 'failed', E'\\n  ERROR: no such table\\nmore', null, '2026-01-06Z', 0),
            ('5', 'c', null, 'running', null, null, '2026-01-07Z', 0),
            ('6', 'c', '2026-01-08Z', 'by hand', '', null, '2026-01-08Z', 0)
        """
    )
    ledger = only(connection)
    assert states(ledger) == [
        ("retried", "applied"),
        ("given up", "rolled_back"),
        ("failed", "failed"),
        ("running", "running"),
        ("by hand", "applied"),
    ]
    assert [e.checksum for e in ledger.entries] == ["d", "c", "c", "c", "c"]
    assert ledger.entries[0].applied_at == "2026-01-03T00:00:00Z"
    assert [e.message for e in ledger.entries[2:]] == [
        "ERROR: no such table",
        "",
        "marked as applied by hand",
    ]


def test_flyways_events_come_to_the_last_of_each_version(connection: Connection) -> None:
    connection.execute((DATA / "flyway.sql").read_text().encode())
    rows = [
        (0, None, "<< Flyway Schema Creation >>", "SCHEMA", None, True),
        (1, "1", "<< Flyway Baseline >>", "BASELINE", None, True),
        (2, "2.0", "a", "SQL", 5, True),
        (3, "2.0", "a", "UNDO_SQL", 5, True),
        (4, "03", "b", "SQL", 6, True),
        (5, "4", "c", "SQL", 7, True),
        (6, "4", "c", "DELETE", 7, True),
        (7, "5_1", "d", "SQL", 8, False),
        (8, None, "view", "SQL", 1, True),
        (9, None, "view", "SQL", 2, True),
    ]
    connection.execute("delete from flyway_schema_history")
    connection.cursor().executemany(
        "insert into flyway_schema_history values (%s, %s, %s, %s, 'x', %s, 'app', '2026-01-01', 1, %s)", rows
    )
    ledger = only(connection)
    assert states(ledger) == [
        ("1", "baseline"),
        ("2", "rolled_back"),
        ("3", "applied"),
        ("4", "superseded"),
        ("5.1", "failed"),
        ("R:view", "applied"),
    ]
    assert ledger.entries[-1].checksum == "2"


def test_gooses_newest_row_of_a_version_decides(connection: Connection) -> None:
    connection.execute((DATA / "goose.sql").read_text().encode())
    connection.execute(
        "insert into goose_db_version values (5, 20240103000000, false, now()), (6, 20240102000000, false, now()),"
        " (7, 20240102000000, true, now())"
    )
    assert states(only(connection)) == [
        ("20240101000000", "applied"),
        ("20240103000000", "rolled_back"),
        ("20240102000000", "applied"),
    ]


def test_sqitchs_last_event_of_a_change_that_is_not_deployed_decides(connection: Connection) -> None:
    connection.execute((DATA / "sqitch.sql").read_text().encode())
    connection.execute(
        "insert into sqitch.events values ('revert', 'r', 'gone', 'shop', '', '2027-01-01'),"
        " ('fail', 'f', 'broken', 'shop', '', '2027-01-01'), ('fail', 'id0', 'accounts', 'shop', '', '2020-01-01')"
    )
    assert sorted(states(only(connection))) == [
        ("accounts", "applied"),
        ("broken", "failed"),
        ("gone", "rolled_back"),
        ("projects", "applied"),
        ("tasks", "applied"),
    ]


def test_atlas_tells_partial_and_baseline_rows_apart(connection: Connection) -> None:
    connection.execute((DATA / "atlas.sql").read_text().encode())
    table = "atlas_schema_revisions.atlas_schema_revisions"
    connection.execute(f"update {table} set type = 1 where description = 'accounts'".encode())
    connection.execute(f"update {table} set applied = 0 where description = 'projects'".encode())
    connection.execute(f"update {table} set applied = 0, type = 6 where description = 'tasks'".encode())
    assert [state for _, state in states(only(connection))] == ["baseline", "failed", "applied"]


@pytest.mark.parametrize(
    ("tool", "sql"),
    [
        ("knex", "update knex_migrations_lock set is_locked = 1"),
        ("liquibase", "create table databasechangeloglock (id int, locked boolean, lockgranted timestamp, lockedby text); insert into databasechangeloglock values (1, true)"),
    ],
)  # fmt: skip
def test_a_lock_that_was_left_is_said(connection: Connection, tool: str, sql: str) -> None:
    connection.execute((OTHERS[tool] if tool in OTHERS else (DATA / f"{tool}.sql").read_text()).encode())
    connection.execute(sql.encode())
    assert only(connection).lock.endswith("is taken: a run is going on, or it died")


def test_versions_of_a_table_without_times_have_none(connection: Connection) -> None:
    connection.execute((DATA / "dbmate.sql").read_text().encode())
    assert [(e.applied_at, e.rank) for e in only(connection).entries] == [("", None)] * 3


def test_times_are_utc_where_the_column_has_a_zone_and_bare_where_not(connection: Connection) -> None:
    connection.execute("set local timezone to 'Asia/Tokyo'")
    for tool in ("applied-set", "goose"):
        connection.execute((DATA / f"{tool}.sql").read_text().encode())
    connection.execute("update applied_migrations set applied_at = 'infinity' where name = 'tasks'")
    found = {ledger.tool: [e.applied_at for e in ledger.entries] for ledger in read_ledgers(connection)}
    assert found["applied-set"][:2] == ["2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z"]
    assert found["goose"][0] == "2026-01-01T10:00:01"


def test_hostile_names_are_read(connection: Connection) -> None:
    schema = 'Te"nant\n|`<script>%s'
    quoted = '"' + schema.replace('"', '""') + '"'
    connection.execute(f"create schema {quoted}; set local search_path to {quoted}".encode())
    connection.execute((DATA / "dbmate.sql").read_text().replace("public.", quoted + ".").encode())
    connection.execute("set local search_path to public")
    ledger = only(connection)
    assert (ledger.schema, ledger.relation, len(ledger.entries)) == (schema, "schema_migrations", 3)


@pytest.mark.parametrize("columns", ["", ", name text", ", name text, statements text[]"])
def test_an_older_ledger_of_supabase_is_its_own(connection: Connection, columns: str) -> None:
    connection.execute(
        "create schema supabase_migrations;"
        f" create table supabase_migrations.schema_migrations (version text primary key{columns});"
        " insert into supabase_migrations.schema_migrations values ('20240101000000')".encode()
    )
    ledger = only(connection)
    assert (ledger.tool, states(ledger)) == ("supabase", [("20240101000000", "applied")])


def test_supabases_own_trackers_are_left_out_on_its_platform_only(connection: Connection) -> None:
    connection.execute(
        "create schema auth; create table auth.schema_migrations (version varchar(255) primary key)"
    )
    assert [ledger.table for ledger in read_ledgers(connection)] == ["auth.schema_migrations"]
    connection.execute("create table auth.users (id uuid primary key)")
    assert read_ledgers(connection) == ()


def test_rows_that_may_not_be_read_are_a_reason_and_not_an_empty_ledger(
    server: Server, connection: Connection
) -> None:
    connection.execute("create role ledger_reader")
    connection.execute((DATA / "goose.sql").read_text().encode())
    connection.execute("create schema closed; create table closed.alembic_version (version_num varchar(32))")
    connection.execute((DATA / "applied-set.sql").read_text().encode())
    connection.execute("alter table applied_migrations enable row level security")
    connection.execute("grant select on applied_migrations to ledger_reader")
    connection.execute("set local role ledger_reader")
    assert [(ledger.tool, ledger.entries, ledger.reason) for ledger in read_ledgers(connection)] == [
        ("alembic", (), "closed.alembic_version could not be read: this role has no USAGE on its schema"),
        (
            "applied-set",
            (),
            "applied_migrations could not be read: row-level security may hide rows of it from this role",
        ),
        ("goose", (), "goose_db_version could not be read: this role has no SELECT on it"),
    ]


def test_reading_writes_nothing(connection: Connection) -> None:
    connection.execute((DATA / "goose.sql").read_text().encode())
    connection.execute("set transaction read only")
    assert len(read_ledgers(connection)) == 1


def test_the_ledger_of_other_tools_is_not_that_of_the_files(connection: Connection) -> None:
    connection.execute((DATA / "goose.sql").read_text().encode())
    ledgers = read_ledgers(connection)
    assert ledger_for(ledgers, migrations("prisma"), None) is None
    with pytest.raises(
        MigrationError, match="goose_db_version is a ledger of goose, but the migrations are of"
    ):
        ledger_for(ledgers, migrations("prisma"), "goose_db_version")
    with pytest.raises(MigrationError, match=r"no ledger other in this database; it has: goose_db_version"):
        ledger_for(ledgers, migrations("goose"), "other")


def test_two_ledgers_of_one_tool_are_a_question_that_the_config_answers(connection: Connection) -> None:
    sql = (DATA / "dbmate.sql").read_text()
    connection.execute(sql.encode())
    connection.execute("create schema tenant")
    connection.execute(sql.replace("public.", "tenant.").encode())
    ledgers = read_ledgers(connection)
    with pytest.raises(
        MigrationError, match=r"2 ledgers fit .*: schema_migrations, tenant\.schema_migrations; name one"
    ):
        ledger_for(ledgers, migrations("dbmate"), None)
    for named, schema in (("tenant.schema_migrations", "tenant"), ("public.schema_migrations", "public")):
        chosen = ledger_for(ledgers, migrations("dbmate"), named)
        assert chosen is not None
        assert chosen.schema == schema


def test_a_table_that_two_tools_share_is_that_of_the_files(connection: Connection) -> None:
    connection.execute((DATA / "dbmate.sql").read_text().encode())
    ledger = ledger_for(read_ledgers(connection), migrations("rails"), None)
    assert ledger is not None
    assert ledger.tool == "rails"
    connection.execute("drop table schema_migrations")
    connection.execute((DATA / "applied-set.sql").read_text().encode())
    ledger = ledger_for(read_ledgers(connection), migrations("plain"), None)
    assert ledger is not None
    assert ledger.tool == "applied-set"
