"""The replayed schema against the live one, and pending migrations tried on a copy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.contract.test_catalogs import line
from tests.fix_server import fresh
from tests.migrations.test_discovery import lay
from validate_schema.catalog.reader import read_catalog
from validate_schema.migrations import MigrationSet, discover, replay
from validate_schema.migrations.run.drift import drift
from validate_schema.migrations.run.dry_run import dry_run
from validate_schema.model.catalog import Catalog, QName, Unreadable
from validate_schema.model.history import Drift, DryRun, DryRuns, Failure, History, Replay, Statement
from validate_schema.run.history import drift as drift_of
from validate_schema.run.history import replayed
from validate_schema.scratch import Database, Server
from validate_schema.sql.ident import quote_ident

pytestmark = pytest.mark.every_server

FILES = {
    "1_a.sql": "create table a (id int primary key, b text); create index a_b on a (b);",
    "2_b.sql": "create schema s; create table s.p (d date) partition by range (d); create role drift_app;"
    " grant select on a to drift_app;",
}


@pytest.fixture
def live(server: Server, tmp_path: Path) -> Iterator[tuple[Database, Catalog]]:
    """A database that the migrations made, and the catalog that they made elsewhere."""
    with fresh(server) as database:
        replay(database, discover(lay(tmp_path / "m", FILES)))
        with database.connect() as connection:
            yield database, read_catalog(connection)


def found(live: tuple[Database, Catalog], sql: str) -> list[str]:
    database, replayed = live
    with database.connect() as connection:
        connection.execute(sql.encode())
        result = drift(replayed, read_catalog(connection))
    assert (result.wanted, result.examined, result.reason) == (True, True, "")
    return [line(c) for c in result.changes]


DRIFTED = {
    "drop table a": ["removed table a"],
    "alter table a drop b": ["removed column a.b", "removed index a.a_b"],
    "alter table a alter b set not null": ["changed column a.b nullable: yes → no"],
    "drop index a_b": ["removed index a.a_b"],
    "create table by_hand ()": ["added table by_hand"],
    "create table s.by_hand ()": ["added table s.by_hand"],
    "revoke select on a from drift_app": ["changed table a privileges of drift_app: SELECT → none"],
    "alter table a enable row level security": ["changed table a row-level security: off → on"],
}
NO_DRIFT = [
    "create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null, finished_at"
    " timestamptz, migration_name varchar(255) not null, logs text, rolled_back_at timestamptz, started_at"
    " timestamptz not null default now(), applied_steps_count integer not null default 0)",
    "create table schema_migrations (version bigint primary key, dirty boolean not null)",
    "create table schema_migrations (version varchar primary key); create table ar_internal_metadata (key varchar"
    " primary key, value varchar, created_at timestamp(6) not null, updated_at timestamp(6) not null)",
    "create table goose_db_version (id serial primary key, version_id bigint not null, is_applied boolean not"
    " null, tstamp timestamp default now())",
    "create table knex_migrations (id serial primary key, name varchar(255), batch int, migration_time"
    " timestamptz); create table knex_migrations_lock (index serial primary key, is_locked int)",
    "create schema drizzle; create table drizzle.__drizzle_migrations (id serial primary key, hash text not"
    " null, created_at bigint)",
    "create extension pgcrypto",
    "create role drift_owner; alter table a owner to drift_owner; grant insert on a to drift_owner",
    "grant insert on a to drift_app",
    "alter table a set (fillfactor = 50)",
    "create table s.p1 partition of s.p for values from ('2026-01-01') to ('2026-02-01')",
    "create schema other; create table other.t (); create view other.v as select 1 as x",
    "create publication p for all tables",
]


@pytest.mark.parametrize("sql", DRIFTED)
def test_what_somebody_changed_by_hand_is_drift(live: tuple[Database, Catalog], sql: str) -> None:
    assert found(live, sql) == DRIFTED[sql]


@pytest.mark.parametrize("sql", NO_DRIFT)
def test_what_two_servers_always_differ_in_is_none(live: tuple[Database, Catalog], sql: str) -> None:
    assert found(live, sql) == []


GUARDS = {
    "1_a.sql": """
        create table a (id int primary key, org int not null);
        create function keep() returns trigger language plpgsql as 'begin return new; end';
        create trigger keep before update on a for each row execute function keep();
        create view v as select id from a where org > 0 with check option;
        create materialized view m as select id from a; create unique index m_id on m (id);
        create sequence s; create publication p for table a where (org > 0);
        create function watch() returns event_trigger language plpgsql as 'begin end';
        create event trigger watch on ddl_command_end execute function watch();
        create text search dictionary d (template = snowball, language = english);
    """,
}
SWITCHED_OFF = {
    "drop trigger keep on a; create trigger keep before update on a for each row when (false) execute function keep()":
        ["changed trigger a.keep condition: none → false (wider)"],
    "alter table a disable trigger keep": ["changed trigger a.keep enabled: origin → disabled (wider)"],
    "create or replace view v as select id from a where org > 0":
        ["changed view v check option: cascaded → none (wider)"],
    "drop index m_id": ["removed index m.m_id"],
    "create rule r as on delete to a do instead nothing": [
        "added rule a.r (wider)"
    ],
    "alter sequence s increment 7 cycle": ["changed sequence s cycle: none → yes", "changed sequence s increment: none → 7"],
    "alter publication p set table a": ["changed publication p row filter: public.a: (org > 0) → public.a: none (wider)"],
    "alter event trigger watch disable": ["changed event trigger watch enabled: origin → disabled (wider)"],
    "alter text search dictionary d (language = german)":
        ["changed text search dictionary d options: language = 'english' → language = 'german'"],
    "create cast (bigint as timestamp) without function": ["added cast bigint as timestamp without time zone"],
    "create operator === (function = int4eq, leftarg = int, rightarg = int)": ["added operator === (integer, integer)"],
    "create collation c (locale = 'C'); create statistics t on id, org from a":
        ["added collation c", "added statistics t"],
    "create foreign data wrapper w": ["added foreign-data wrapper w"],
    "create type c as (x int)": ["added composite type c"],
    "alter table a alter org set statistics 9; alter table a cluster on a_pkey": [],
}  # fmt: skip


@pytest.mark.parametrize("sql", SWITCHED_OFF)
def test_a_guard_that_was_switched_off_is_drift(server: Server, tmp_path: Path, sql: str) -> None:
    with fresh(server) as database:
        replay(database, discover(lay(tmp_path / "m", GUARDS)))
        with database.connect() as connection:
            replayed = read_catalog(connection)
            assert found((database, replayed), sql) == SWITCHED_OFF[sql]


def test_what_hangs_on_a_missing_table_is_not_counted_as_there(live: tuple[Database, Catalog]) -> None:
    database, replayed = live
    with database.connect() as connection:
        whole = drift(replayed, read_catalog(connection))
        connection.execute("drop table a; drop table s.p; drop schema s")
        empty = drift(replayed, read_catalog(connection))
    assert [line(c) for c in empty.changes] == ["removed schema s", "removed table a", "removed table s.p"]
    # Beside the three, only the schema public and plpgsql are left to compare; on the tables are 3 columns,
    # a constraint and an index.
    assert (whole.objects - empty.objects, empty.objects) == (5, 5)


def test_a_ledger_of_another_shape_is_left_out_by_name(live: tuple[Database, Catalog]) -> None:
    database, replayed = live
    with database.connect() as connection:
        connection.execute("create table ran (what text, colour text)")
        catalog = read_catalog(connection)
    assert [line(c) for c in drift(replayed, catalog).changes] == ["added table ran"]
    assert drift(replayed, catalog, [QName("public", "ran")]).changes == ()


def test_what_cannot_be_compared_is_not_examined(live: tuple[Database, Catalog]) -> None:
    _, replayed = live
    hidden = replace(replayed, unreadable=(Unreadable("functions", "denied"),))
    assert drift(replayed, hidden).reason == "this role may not read all of the catalog: functions"
    moved = replace(replayed, server=replace(replayed.server, default_schema="app"))
    assert drift(replayed, moved).reason == "the migrations ran in public, the database's schema is app"
    assert not drift(replayed, moved).examined


PENDING = {
    "3_c.sql": "alter table a add c int not null default 1;",
    "4_d.sql": "create index concurrently a_c on a (c);",
    "5_e.sql": "begin; insert into a values (1); commit;",
    "6_f.sql": "select 1;\ncreate table a ();",
    "7_g.sql": "create table later ();",
}


def tried(tmp_path: Path, database: Database, files: dict[str, str]) -> tuple[MigrationSet, DryRuns]:
    found = discover(lay(tmp_path / "m", FILES | files))
    replay(database, found, stop=2)
    return found, dry_run(database, found, found.files[2:])


def test_pending_files_run_in_order_on_the_copy_up_to_the_one_that_fails(
    tmp_path: Path, any_database: Database
) -> None:
    _, runs = tried(tmp_path, any_database, PENDING)
    assert runs == DryRuns(
        wanted=True,
        examined=True,
        runs=(
            DryRun(file="3_c.sql"),
            DryRun(file="4_d.sql", transactional=False),
            DryRun(file="5_e.sql", transactional=False),
            DryRun(
                file="6_f.sql",
                failure=Failure(
                    statement=Statement(file="6_f.sql", line=2, text="create table a ()"),
                    message='relation "a" already exists',
                ),
            ),
        ),
    )


def test_a_gap_is_tried_after_what_was_applied(tmp_path: Path, database: Database) -> None:
    found = discover(lay(tmp_path / "m", {"1_a.sql": "create table a ();", "2_gap.sql": "alter table a add b int;",
                                          "3_c.sql": "create table c ();"}))  # fmt: skip
    with database.connect() as connection:
        connection.execute("create table a (); create table c ()")
    assert dry_run(database, found, found.files[1:2]).runs == (DryRun(file="2_gap.sql"),)
    assert dry_run(database, found, ()).runs == ()


def test_roles_are_the_targets_own(tmp_path: Path, database: Database) -> None:
    missing = {"3_c.sql": "grant select on a to drift_nobody;"}
    _, runs = tried(tmp_path / "1", database, missing)
    assert runs.runs[0].failure is not None
    assert runs.runs[0].failure.message == 'role "drift_nobody" does not exist'
    found = discover(lay(tmp_path / "2", {"1_a.sql": "create role drift_app;"}))
    (again,) = dry_run(database, found, found.files).runs
    assert again.failure is not None
    assert again.failure.message == 'role "drift_app" already exists'


# Unqualified, as tools write it: all of it goes to the schema of whoever connects.
ANYWHERE = {
    "1_a.sql": "create type mood as enum ('a'); create table a (id serial primary key, m mood default 'a');",
    "2_b.sql": "create table b (id int primary key, a int references a); create view v as select id from b;"
    " create function f(a) returns int language sql as 'select $1.id'; alter table b enable row level security;"
    " create policy p on b using (f(null::a) is null); create index on b (a) where a > 0;",
}


@contextmanager
def in_schema(server: Server, files: MigrationSet, home: str, first: str = "") -> Iterator[Database]:
    """A database that the migrations made, after `first`, for a connection whose schema is `home`."""
    with fresh(server) as database:
        with database.connect(autocommit=True) as connection:
            connection.execute(f"{first}; create schema {quote_ident(home)}".encode())
            connection.execute(f"set search_path = {quote_ident(home)}".encode())
            for file in files.files:
                connection.execute(file.sql.encode())
        yield database


def drift_from(database: Database, server: Server, files: MigrationSet, home: str) -> Drift:
    with database.connect() as connection:
        catalog = read_catalog(connection, default_schema=home)
    history = History(examined=True, replay=Replay())
    ran = replayed(server, files)
    return drift_of(server, files, ran, catalog, history)


@pytest.mark.parametrize("home", ["app", 'Ten"ant 7'])
def test_a_schema_of_another_name_is_compared_as_if_the_replay_had_run_there(
    server: Server, tmp_path: Path, home: str
) -> None:
    files = discover(lay(tmp_path / "m", ANYWHERE))
    with in_schema(server, files, home) as database:
        sound = drift_from(database, server, files, home)
        with database.connect(autocommit=True) as connection:
            connection.execute("create table public.of_others ()")
            connection.execute(f"set search_path = {quote_ident(home)}".encode())
            connection.execute("alter table a drop m; alter policy p on b using (true)")
        changed = drift_from(database, server, files, home)

    assert (sound.examined, sound.reason, sound.changes) == (True, "", ())
    assert sound.objects > 10
    assert [(c.kind, c.object.schema, c.object.label(home)) for c in changed.changes] == [
        ("removed", home, "a.m"),
        ("changed", home, "b.p"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("create table public.c ();", "3_c.sql names public"),
        ('create table "public" . "c" ();', "3_c.sql names public"),
        ("set search_path = app, public; create table c ();", "3_c.sql names public"),
        ("create schema if not exists app; create table app.c ();", "they make both"),
    ],
)
def test_what_names_its_schema_is_not_moved_and_nothing_is_claimed(
    server: Server, tmp_path: Path, text: str, why: str
) -> None:
    files = discover(lay(tmp_path / "m", ANYWHERE | {"3_c.sql": text}))
    with in_schema(server, files, "app") as database:
        found = drift_from(database, server, files, "app")

    said = f"the migrations ran in public, the database's schema is app, and {why}"
    assert (found.examined, found.reason) == (False, said)


def test_migrations_that_put_all_into_a_schema_of_their_own_need_no_moving(
    server: Server, tmp_path: Path
) -> None:
    text = "create schema if not exists app; create table app.c (id int);"
    files = discover(lay(tmp_path / "m", {"1_c.sql": text}))
    with in_schema(server, files, "app") as database:
        found = drift_from(database, server, files, "app")

    assert (found.examined, found.changes) == (True, ())


def test_an_extension_in_another_schema_is_said(server: Server, tmp_path: Path) -> None:
    text = "create extension if not exists pgcrypto;"
    files = discover(lay(tmp_path / "m", ANYWHERE | {"3_c.sql": text}))
    with in_schema(server, files, "app", "create extension pgcrypto schema public") as database:
        found = drift_from(database, server, files, "app")

    assert found.reason.endswith("and the extension pgcrypto is in public")


PLATFORM_FILES = {"1_a.sql": "create table a (id uuid primary key, person uuid default auth.uid());"}
PLATFORM = (
    "create schema auth; create function auth.uid() returns uuid language sql stable as 'select null::uuid';"
)


def test_what_a_replay_makes_up_for_the_platform_is_no_difference(server: Server, tmp_path: Path) -> None:
    files = discover(lay(tmp_path / "m", PLATFORM_FILES))
    with fresh(server) as database, database.connect() as connection:
        connection.execute(PLATFORM + PLATFORM_FILES["1_a.sql"])
        live = read_catalog(connection, default_schema="public")
    with fresh(server) as database:
        replay(database, files)
        with database.connect() as connection:
            made = read_catalog(connection, default_schema="public")

    removed = [line(c) for c in drift(made, live).changes if c.kind == "removed"]

    assert {e.name for e in made.extensions} >= {"supabase_platform"}
    assert removed == []
