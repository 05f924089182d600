"""Migrations run on a scratch database as their tool would run them."""

import json
import re
from pathlib import Path

import psycopg
import pytest

from tests.fix_cli import Terminal
from tests.fix_server import fresh
from tests.migrations.test_discovery import lay, lines
from validate_schema.catalog.reader import read_catalog
from validate_schema.migrations import ReplayNotes, discover, replay, templated
from validate_schema.model.errors import MigrationError, ScratchError
from validate_schema.scratch import Database, Server, launcher
from validate_schema.scratch.standins import missing_extension


def run(folder: Path, database: Database, files: dict[str, str], tool: str | None = None) -> ReplayNotes:
    return replay(database, discover(lay(folder, files), tool))


def ask(database: Database, query: str) -> list[tuple[object, ...]]:
    with database.connect() as connection:
        return connection.execute(query.encode()).fetchall()


def test_files_are_applied_in_order_and_progress_names_them(tmp_path: Path, any_database: Database) -> None:
    said: list[str] = []
    found = discover(lay(tmp_path, {"2_b.sql": "alter table a add b int;", "1_a.sql": "create table a ();"}))
    notes = replay(any_database, found, progress=said.append)
    assert notes == ReplayNotes(applied=("1_a.sql", "2_b.sql"))
    assert said == ["replaying 1/2 a", "replaying 2/2 b"]
    assert ask(any_database, "select b from a") == []


def test_a_new_enum_label_can_be_used_in_the_next_file(tmp_path: Path, any_database: Database) -> None:
    files = {
        "1_a.up.sql": "create type mood as enum ('low'); create table day (mood mood);",
        "2_b.up.sql": "alter type mood add value 'high';",
        "3_c.up.sql": "insert into day values ('high');",
    }
    run(tmp_path, any_database, files)
    assert ask(any_database, "select mood::text from day") == [("high",)]


CONCURRENTLY = "create index concurrently i on a (b);"


@pytest.mark.parametrize(
    ("tool", "files"),
    [
        ("prisma", {"1_a/migration.sql": "create table a (b int);", "2_b/migration.sql": f"-- alone\n{CONCURRENTLY}"}),
        ("goose", {"1_a.sql": f"-- +goose NO TRANSACTION\n-- +goose Up\ncreate table a (b int);\n{CONCURRENTLY}"}),
        ("flyway", {"V1__a.sql": f"create table a (b int); {CONCURRENTLY}"}),
        ("dbmate", {"1_a.sql": "-- migrate:up\ncreate table a (b int);", "2_b.sql": f"-- migrate:up transaction:false\n{CONCURRENTLY}"}),
        ("sqlx", {"1_a.sql": "create table a (b int);", "2_b.sql": f"-- no-transaction\n{CONCURRENTLY}"}),
        ("atlas", {"1_a.sql": f"-- atlas:txmode none\n\ncreate table a (b int);\n{CONCURRENTLY}"}),
        ("plain", {"1_a.sql": f"create table a (b int); {CONCURRENTLY}"}),
    ],
)  # fmt: skip
def test_concurrent_indexes_are_built_where_the_tool_can(
    tmp_path: Path, database: Database, tool: str, files: dict[str, str]
) -> None:
    run(tmp_path, database, files, tool)
    assert ask(database, "select indisvalid from pg_index where indexrelid = 'i'::regclass") == [(True,)]


@pytest.mark.parametrize(
    ("tool", "name"), [("prisma", "1_a/migration.sql"), ("sqlx", "1_a.sql"), ("golang-migrate", "1_a.up.sql")]
)
def test_concurrent_indexes_fail_where_the_tool_would(
    tmp_path: Path, database: Database, tool: str, name: str
) -> None:
    with pytest.raises(
        MigrationError, match=r":2: create index concurrently i .* cannot .*transaction block"
    ):
        run(tmp_path, database, {name: f"create table a (b int);\n{CONCURRENTLY}"}, tool)
    assert ask(database, "select count(*) from pg_class where relname = 'a'") == [(0,)]


FAILURES = {
    "at execution, without a position": (
        {"1_a.sql": "create table a ();\n\n-- again\ncreate table\n  a ();\nselect 1;"},
        "1_a.sql:4: create table a (): relation \"a\" already exists",
    ),
    "at analysis, with a position": (
        {"1_a.sql": "select 1;\nselect\n  missing;"},
        '1_a.sql:3: select missing: column "missing" does not exist',
    ),
    "at parsing": (
        {"1_a.sql": "select 1;\nselekt 'é';"},
        "1_a.sql:2: selekt 'é': syntax error at or near \"selekt\"",
    ),
    "past characters of several bytes": (
        {"1_a.sql": "-- ééé 🐘\nselect '🐘',\n nope;"},
        "1_a.sql:3: select '🐘', nope: column \"nope\" does not exist",
    ),
    "inside an up section": (
        {"1_a.sql": "-- x\n-- +goose Up\ncreate table a ();\ncreate table a ();\n-- +goose Down\n"},
        '1_a.sql:4: create table a (): relation "a" already exists',
    ),
    "in a later file": (
        {"1_a.sql": "create table a ();", "2_b.sql": "drop table b;"},
        '2_b.sql:1: drop table b: table "b" does not exist',
    ),
    "in a dump, run piece by piece": (
        {"1_a.sql": "\\restrict k\nselect 1;\nselect nope;"},
        '1_a.sql:3: select nope: column "nope" does not exist',
    ),
    "when it commits, for a deferred constraint": (
        {"1_a.sql": "create table a (b int unique deferrable initially deferred);", "2_b.sql": "begin;\ninsert into a values (1), (1);\ncommit;"},
        '2_b.sql:3: commit: duplicate key value violates unique constraint "a_b_key"',
    ),
    "in the statement of a function": (
        {"1_a.sql": "select 1;\ndo $$ begin\n  raise 'no; not $ this';\nend $$;"},
        "1_a.sql:2: do $$ begin raise 'no; not $ this'; end $$: no; not $ this",
    ),
    "a long statement": (
        {"1_a.sql": "select " + ", ".join(map(str, range(40))) + ", nope;"},
        '1_a.sql:1: select 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,…: column "nope" does not exist',
    ),
    "an open end": (
        {"1_a.sql": "begin;\ncreate table a ();\n"},
        "1_a.sql:2: leaves a transaction open",
    ),
    "a psql command": (
        {"1_a.sql": "select 1;\n\\i other.sql\n"},
        "1_a.sql:2: \\i other.sql: \\i is a psql command that is not supported here",
    ),
    "COPY data": (
        {"1_a.sql": "create table a (b int);\ncopy a from stdin;\nx\n\\.\n"},
        '1_a.sql:2: copy a from stdin: invalid input syntax for type integer: "x"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_names_file_line_statement_and_reason(
    tmp_path: Path, any_database: Database, case: str
) -> None:
    files, message = FAILURES[case]
    with pytest.raises(MigrationError) as failed:
        run(tmp_path, any_database, files)
    assert str(failed.value) == f"{tmp_path}/{message}"


def test_a_deferred_constraint_that_fails_at_the_tools_commit_is_reported(
    tmp_path: Path, database: Database
) -> None:
    files = {
        "1_a.sql": "-- migrate:up\ncreate table a (b int unique deferrable initially deferred); insert into a values (1), (1);\n",
    }
    with pytest.raises(MigrationError, match=r"1_a\.sql:1: COMMIT: duplicate key"):
        run(tmp_path, database, files)


def test_quotes_and_comments_do_not_split_statements(tmp_path: Path, any_database: Database) -> None:
    script = r"""
        -- psql reads this: \restrict
        /* outer /* inner; */ still; */
        create table "a;b" (c text default 'x;y', d text default E'it\'s; fine', e text default $q$;$$;$q$);
        create function f() returns int language plpgsql as $body$
        begin
            return 1; -- the end;
        end $body$;
        create function g(i int) returns int language sql
        begin atomic
            select case when i > 0 then 1 else 2 end;
            select 3;
        end;
        create rule r as on insert to "a;b" do also (select 1; select 2);
        insert into "a;b" default values;
    """
    run(tmp_path, any_database, {"1_a.sql": "\\echo go\n" + script})
    assert ask(any_database, 'select c, d, e, f(), g(1) from "a;b"') == [("x;y", "it's; fine", ";$$;", 1, 3)]


def test_a_dump_runs_as_psql_runs_it(tmp_path: Path, any_database: Database) -> None:
    dump = lines(
        "-- PostgreSQL database dump",
        "\\restrict abc",
        "SET statement_timeout = 0;",
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "CREATE SCHEMA public;",
        "CREATE TABLE public.t (id integer, note text);",
        "COPY public.t (id, note) FROM stdin;",
        "1\tfirst; 'not SQL",
        "2\t\\N",
        "\\.",
        "",
        "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);",
        "\\unrestrict abc",
    )
    run(tmp_path, any_database, {"1_dump.sql": dump, "2_more.sql": "create table u (id int references t);"})
    assert ask(any_database, "select * from t order by id") == [(1, "first; 'not SQL"), (2, None)]


def test_crlf_copy_data_and_a_byte_order_mark_are_read(tmp_path: Path, database: Database) -> None:
    dump = "\ufeffcreate table t (a int, b text);\ncopy t from stdin;\n1\tx\n\\.\n".replace("\n", "\r\n")
    run(tmp_path, database, {"1_a.sql": dump})
    assert ask(database, "select a, b from t") == [(1, "x")]


def test_a_migration_may_set_the_isolation_of_its_own_transaction(
    tmp_path: Path, any_database: Database
) -> None:
    sql = "begin;\n-- one snapshot\nset transaction isolation level repeatable read;\ncreate table a ();\ncommit;"
    run(tmp_path, any_database, {"1_a/migration.sql": sql}, "prisma")
    assert ask(any_database, "select from a") == []


def test_a_files_settings_end_with_it(tmp_path: Path, any_database: Database) -> None:
    files = {
        "1_a.sql": "create schema s; create role replay_owner; set search_path = s; set role replay_owner;",
        "2_b.sql": "create table t ();",
    }
    run(tmp_path, any_database, files)
    assert ask(any_database, "select schemaname, tableowner from pg_tables where tablename = 't'") == [
        ("public", "postgres")
    ]


def test_a_role_that_no_migration_creates_is_made_up(tmp_path: Path, any_database: Database) -> None:
    files = {
        "1_a.up.sql": 'create table a (); alter table a owner to "Some One"; grant select on a to reader;',
        "2_b.up.sql": "begin; create table b (); grant select on b to replay_app; commit;",
        "3_c.up.sql": "do $$ begin create role replay_made; grant replay_made to reader; end $$;",
        "4_d.up.sql": "create policy p on a to replay_made, replay_other using (true);",
    }
    notes = run(tmp_path, any_database, files)
    assert notes.stand_in_roles == ("Some One", "reader", "replay_app", "replay_other")
    assert ask(any_database, "select rolcanlogin from pg_roles where rolname = 'reader'") == [(False,)]
    assert ask(any_database, "select tableowner from pg_tables where tablename = 'a'") == [("Some One",)]


def test_a_role_that_a_later_migration_creates_is_an_error(tmp_path: Path, any_database: Database) -> None:
    files = {
        "1_a.sql": "create table a (); grant select on a to replay_late;",
        "2_b.sql": "create role replay_late;",
    }
    with pytest.raises(MigrationError, match=r'1_a\.sql:1: grant .*role "replay_late" does not exist'):
        run(tmp_path, any_database, files)


def test_a_role_left_by_an_earlier_replay_gets_this_histories_attributes(
    tmp_path: Path, any_server: Server
) -> None:
    query = "select rolcanlogin, rolbypassrls, rolconnlimit from pg_roles where rolname = 'replay_again'"
    members = "select roleid::regrole::text from pg_auth_members where member = 'replay_again'::regrole"
    with fresh(any_server) as first:
        run(
            tmp_path / "1",
            first,
            {"1_a.sql": "create role r1; create role replay_again bypassrls in role r1;"},
        )
        assert ask(first, query) == [(False, True, -1)]
        with any_server.database() as second:
            sql = "create role r1; create role r2;\ncreate user replay_again with connection limit 3 in role r2;"
            run(tmp_path / "2", second, {"1_a.sql": sql})
            assert ask(second, query) == [(True, False, 3)]
            assert ask(second, members) == [("r2",)]


def test_a_role_that_is_created_in_a_way_that_nobody_can_read_is_the_servers_to_refuse(
    tmp_path: Path, any_server: Server
) -> None:
    with fresh(any_server) as first:
        run(tmp_path / "1", first, {"1_a.sql": "create role replay_again;"})
        with (
            any_server.database() as second,
            pytest.raises(MigrationError, match=r"1_a\.sql:1: .*unrecognized role option"),
        ):
            run(tmp_path / "2", second, {"1_a.sql": "create role replay_again nologin nonsense;"})


def test_what_concerns_the_whole_server_is_left_out_and_said(tmp_path: Path, database: Database) -> None:
    sql = "create table if not exists a ();\nalter database postgres set timezone = 'UTC';\ncreate database other;\nselect nope;"
    with pytest.raises(MigrationError, match=r"1_a\.sql:4: select nope"):
        run(tmp_path, database, {"1_a.sql": sql})
    notes = run(tmp_path / "b", database, {"1_a.sql": sql.rsplit("\n", 1)[0]})
    assert notes.notes == (
        "1_a.sql: alter database postgres … concerns the whole server and was left out",
        "1_a.sql: create database other … concerns the whole server and was left out",
    )
    assert ask(database, "select count(*) from pg_database where datname = 'other'") == [(0,)]


@pytest.mark.skipif(not launcher.has_seccomp(), reason="system calls cannot be filtered here")
@pytest.mark.parametrize(
    "statement",
    [
        "copy a from program 'cat /etc/hostname'",
        "copy a to program 'cat'",
        "do $$ begin execute 'copy a to program ''cat'' '; end $$",
        "copy a to '/root/a'",
        "select pg_ls_dir('/root')",
    ],
)
def test_what_a_server_of_ours_is_kept_from_is_said_as_that(
    tmp_path: Path, any_database: Database, statement: str
) -> None:
    with pytest.raises(ScratchError) as raised:
        run(tmp_path, any_database, {"1_a.sql": f"create table a (b text);\n{statement};"})
    said = str(raised.value)
    assert "1_a.sql:2: " in said
    assert "could not go on" not in said
    assert ": a scratch server starts no program and sees no file but its own; take the statement out" in said


def test_a_tablespace_is_left_out_and_said(terminal: Terminal) -> None:
    terminal.write("m/1_a.sql", "create tablespace t location '/t'; create table a (b int primary key);")
    ran = terminal.run("--migrations", "m", "--format", "json")
    assert ran.complaints == []
    assert [t["name"] for t in json.loads(ran.out)["tables"]] == ["a"]


@pytest.mark.pg(">= 18")
def test_a_missing_extension_is_stood_in_and_reported(
    tmp_path: Path, server: Server, database: Database
) -> None:
    files = {
        "1_a.sql": "create table a (); create extension if not exists replay_geo with schema public version '1.5';",
        "2_b.sql": "comment on extension replay_geo is 'as pg_dump writes it'; select geo_version();",
    }
    with pytest.raises(
        MigrationError, match=r"geo_version\(\) does not exist \(stand-ins without content: replay_geo\)"
    ):
        run(tmp_path, database, files)
    (tmp_path / "2_b.sql").write_text("comment on extension replay_geo is 'as pg_dump writes it';")
    with fresh(server) as another:
        notes = replay(another, discover(tmp_path))
        assert notes.stand_in_extensions == notes.stand_ins == ("replay_geo",)


@pytest.mark.pg("< 18")
def test_a_server_that_cannot_stand_in_says_so(tmp_path: Path, any_database: Database) -> None:
    with pytest.raises(ScratchError, match="lacks the extension replay_geo and cannot be given a stand-in"):
        run(tmp_path, any_database, {"1_a.sql": "create extension replay_geo;"})


SUPABASE = {
    "supabase/migrations/20240101000000_a.sql": """
        create extension if not exists pg_net with schema extensions;
        create table public.notes (
            id uuid primary key default extensions.uuid_generate_v4(),
            owner uuid not null default auth.uid() references auth.users (id)
        );
        alter table public.notes enable row level security;
        create policy mine on public.notes to authenticated using (owner = (select auth.uid()));
        create policy files on storage.objects for select using ((storage.foldername(name))[1] = auth.uid()::text);
        insert into storage.buckets (id, name) values ('avatars', 'avatars');
        alter publication supabase_realtime add table public.notes;
        select cron.schedule('nightly', '0 3 * * *', 'select 1');
        create function public.on_user() returns trigger language plpgsql security definer set search_path = ''
            as $$ begin return new; end $$;
        create trigger on_user after insert on auth.users for each row execute function public.on_user();
        select uuid_generate_v4();
    """
}


@pytest.mark.pg(">= 18")
def test_supabase_finds_its_platform_and_only_its_own_tables_are_judged(
    tmp_path: Path, server: Server, database: Database
) -> None:
    notes = replay(database, discover(lay(tmp_path, SUPABASE)))
    assert {"anon", "authenticated", "service_role"} <= set(notes.stand_in_roles)
    assert set(notes.stand_in_extensions) >= {"pg_net", "supabase_platform"}
    assert notes.notes == ("Supabase's own schemas, roles and functions are stand-ins",)
    with database.connect() as connection:
        catalog = read_catalog(connection)
    assert [t.qname for t in catalog.tables] == [("public", "notes")]
    assert [f.name for f in catalog.functions] == ["on_user"]
    assert not [v.qname for v in catalog.views]
    (notes_table,) = catalog.tables
    assert {g.grantee for g in notes_table.grants} >= {"anon", "authenticated", "service_role"}


QUEUES = {
    "supabase/migrations/20240101000000_queues.sql": """
        create extension if not exists pgmq version '1.4.4';
        select pgmq.create('mail');
        alter table pgmq.q_mail enable row level security;
        select pgmq.send('mail', '{"to": "ann"}'), pgmq.send('mail', '{"to": "bob"}', 30);
        do $$
        declare
            got pgmq.message_record;
        begin
            select * into strict got from pgmq.read('mail', 30, 5);
            if got.message ->> 'to' <> 'ann' or got.read_ct <> 1 then raise exception '%', got; end if;
            if not pgmq.archive('mail', got.msg_id) then raise exception 'not archived'; end if;
            if (select count(*) from pgmq.a_mail) <> 1 then raise exception 'archive'; end if;
            if (select queue_length from pgmq.metrics('mail')) <> 1 then raise exception 'metrics'; end if;
            if pgmq.purge_queue('mail') <> 1 then raise exception 'purged'; end if;
        end $$;
        create function public.later() returns trigger language plpgsql security definer set search_path = ''
            as $$ begin perform pgmq.send('mail', to_jsonb(new)); return new; end $$;
        grant select on table storage.s3_multipart_uploads, storage.s3_multipart_uploads_parts to postgres;
        create function public.sweep() returns void language sql begin atomic
            delete from cron.job_run_details where end_time < now() - interval '7 days';
            delete from net._http_response where created < now() - interval '1 day';
        end;
        create policy two_factors on storage.objects as restrictive for update to authenticated using (
            exists (select from auth.mfa_factors f where f.user_id = auth.uid() and f.status = 'verified'));
    """
}


@pytest.mark.pg(">= 18")
def test_queues_and_what_dumps_of_the_platform_name_are_there(tmp_path: Path, database: Database) -> None:
    notes = replay(database, discover(lay(tmp_path, QUEUES)))

    assert {"pgmq", "supabase_platform"} <= set(notes.stand_in_extensions)
    assert ask(database, "select queue_name from pgmq.list_queues()") == [("mail",)]
    assert ask(database, "select count(*) from pgmq.q_mail") == [(0,)]


def test_the_platform_comes_with_its_functions_on_every_server(
    tmp_path: Path, any_database: Database
) -> None:
    files = {"1_a/migration.sql": "create table t (id uuid default auth.uid());", "migration_lock.toml": ""}
    run(tmp_path, any_database, files)
    assert ask(any_database, "select auth.uid(), auth.jwt(), auth.role(), auth.email()") == [(None,) * 4]


def test_a_template_is_built_once_and_keeps_its_notes(tmp_path: Path, server: Server) -> None:
    files = {"1_a.up.sql": 'create table a (); grant select on a to "replay \'kept\\ role";'}
    found = discover(lay(tmp_path, files))
    said: list[str] = []
    first = templated(server, found, progress=said.append)
    assert templated(server, found, progress=said.append) == first
    assert said == ["replaying 1/1 a"]
    assert (first[1].applied, first[1].stand_in_roles) == (("1_a.up.sql",), ("replay 'kept\\ role",))
    assert first[1].purposes == (('creates table "a"',),)
    with server.database(first[0]) as clone:
        assert ask(clone, "select count(*) from a") == [(0,)]


def test_a_failed_replay_leaves_no_template(tmp_path: Path, server: Server) -> None:
    found = discover(lay(tmp_path, {"1_a.sql": "select nope;"}))
    for _ in range(2):
        with pytest.raises(MigrationError, match="nope"):
            templated(server, found)


def test_five_hundred_files_are_all_applied(tmp_path: Path, database: Database) -> None:
    files = {f"{n:04}_t/migration.sql": f'create table "t{n}" (id int primary key);' for n in range(500)}
    notes = run(tmp_path, database, files)
    assert len(notes.applied) == 500
    assert ask(database, "select count(*) from pg_tables where schemaname = 'public'") == [(500,)]


def test_a_lost_connection_is_an_error_of_one_line(tmp_path: Path, database: Database) -> None:
    files = {"1_a.sql": "select pg_terminate_backend(pg_backend_pid());"}
    with pytest.raises((MigrationError, psycopg.OperationalError)) as failed:
        run(tmp_path, database, files)
    assert re.match(r".*1_a\.sql:1: select pg_terminate_backend.*: terminating connection", str(failed.value))


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ('extension "uuid-ossp" is not available', "uuid-ossp"),
        ('extension "x" has no installation script nor update path for version "2"', "x"),
        (
            'could not open extension control file "/s/extension/uuid-ossp.control": No such file or directory',
            "uuid-ossp",
        ),
        ('extension "x" already exists', None),
    ],
)
def test_each_server_has_its_words_for_a_missing_extension(message: str, name: str | None) -> None:
    assert missing_extension(message) == name
