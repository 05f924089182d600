"""Pending migrations tried as the role that migrates, on a copy that has no rows: what row security would hide."""

from pathlib import Path

import pytest

from tests.fix_apply import Project
from tests.fix_server import fresh
from tests.migrations.test_discovery import lay
from validate_schema.migrations import discover
from validate_schema.migrations.run.rehearsal import rehearse
from validate_schema.model.deploy import Deploy
from validate_schema.model.history import DryRuns
from validate_schema.scratch import Server

SCHEMA = """
create table note (id int, org text, done boolean);
create table plain (id int, note int);
alter table note enable row level security;
alter table note force row level security;
create policy mine on note using (org = current_setting('app.org', true) or current_setting('app.every', true) = 'on');
"""


def rehearsed(
    server: Server, folder: Path, sql: str, more: str = "", role: str = "deployer"
) -> tuple[DryRuns, Deploy]:
    files = lay(folder / "m", {"1_a.sql": "select 1;", "2_b.sql": sql})
    found = discover(files, role=role)
    with fresh(server) as target, fresh(server) as copy, target.connect(autocommit=True) as live:
        live.execute("create role deployer createrole createdb; create role reader")
        try:
            owned = f"{SCHEMA}{more}; alter table note owner to deployer; alter table plain owner to deployer"
            live.execute(f'alter database "{target.name}" owner to deployer; {owned}'.encode())
            live.execute("insert into note values (1, 'a'), (2, 'b')")
            with copy.connect(autocommit=True) as made:
                made.execute(owned.encode())
            return rehearse(
                copy,
                found,
                found.files[1:],
                live,
                path=("public",),
                large=10,
                limited=False,
                timeout_ms=5_000,
            )
        finally:
            for database in (target, copy):
                with database.connect(autocommit=True) as connection:
                    connection.execute(f'alter database "{database.name}" owner to postgres'.encode())
                    connection.execute("drop owned by deployer, reader cascade")
            live.execute("drop role deployer; drop role reader")


@pytest.mark.every_server
@pytest.mark.parametrize(
    ("sql", "line"),
    [
        ("update note set done = true;", 1),
        ("-- filled\ndelete from note where id = 1;", 2),
        ("insert into plain select id from note;", 1),
        ("create table copied as select * from note;", 1),
        ("do $$ begin update note set done = true; end $$;", 1),
        ("do $$ begin loop update public.note set done = true; exit; end loop; commit; end $$;", 1),
        ("select 1;\nupdate plain set note = n.id from note n where n.id = plain.id;", 2),
    ],
)
def test_what_row_security_would_filter_is_foreseen(
    any_server: Server, tmp_path: Path, sql: str, line: int
) -> None:
    runs, _ = rehearsed(any_server, tmp_path, sql)
    assert [r.failure for r in runs.runs] == [None]
    assert [(h.statement.line, h.table.name, h.role, h.reason) for h in runs.hidden] == [
        (line, "note", "deployer", "")
    ]


@pytest.mark.parametrize(
    ("sql", "more"),
    [
        ("update plain set note = 1;", ""),
        ("alter table note no force row level security; update note set done = true;", ""),
        ("select set_config('app.every', 'on', false); update note set done = true;", ""),
        ("set app.every = 'on'; do $$ begin update note set done = true; end $$;", ""),
        ("update note set done = true;", "create policy all_of_it on note to deployer using (true)"),
        ("create table fresh (id int); insert into fresh values (1); update fresh set id = 2;", ""),
        ("insert into plain values (1);", ""),
        ("do $$ begin update plain set note = 1; end $$;", ""),
        ("alter table note add column more int;", ""),
    ],
)
def test_what_nothing_is_hidden_from_is_not_told(server: Server, tmp_path: Path, sql: str, more: str) -> None:
    runs, _ = rehearsed(server, tmp_path, sql, more)
    assert ([r.failure for r in runs.runs], runs.hidden) == ([None], ())


def test_a_restrictive_policy_still_hides(server: Server, tmp_path: Path) -> None:
    more = (
        "create policy all_of_it on note using (true);"
        "create policy few on note as restrictive using (org = current_setting('app.org', true))"
    )
    runs, _ = rehearsed(server, tmp_path, "update note set done = true;", more)
    assert [h.table.name for h in runs.hidden] == ["note"]


def test_a_block_that_says_which_tenant_it_is_for_is_not_known(server: Server, tmp_path: Path) -> None:
    sql = "do $$ begin perform set_config('app.org', 'a', true); update note set done = true; end $$;"
    runs, _ = rehearsed(server, tmp_path, sql)
    (hidden,) = runs.hidden
    assert "a block" in hidden.reason


def test_what_the_role_may_not_do_on_the_target_fails(server: Server, tmp_path: Path) -> None:
    runs, _ = rehearsed(server, tmp_path, "create table t (id int);", role="reader")
    (run,) = runs.runs
    assert run.failure is not None
    assert "permission denied for schema public" in run.failure.message


def test_a_role_that_the_target_lacks_is_said(server: Server, tmp_path: Path) -> None:
    runs, _ = rehearsed(server, tmp_path, "select 1;", role="nobody")
    assert not runs.examined
    assert runs.reason == "[migrations] role: the target has no role nobody"


@pytest.mark.parametrize(("rows", "status"), [(100_000, 1), (1, 0)])
def test_a_run_with_replay_tells_it_by_the_size_of_the_target(
    project: Project, rows: int, status: int
) -> None:
    project.lay({"0001_a.sql": SCHEMA, "0002_b.sql": "update note set done = true;"})
    project.terminal.write("validate-schema.toml", '[migrations]\npath = "m"\nrole = "deployer"\n')
    project.sql(
        "create role deployer createrole createdb",
        SCHEMA,
        "create table applied_migrations (version text primary key, name text not null,"
        " applied_at timestamptz, checksum text)",
        "insert into applied_migrations values ('0001', 'a', '2026-01-01', null)",
        f"insert into note select n, 'a' from generate_series(1, {rows}) n",
        "analyze note",
        "alter table note owner to deployer",
    )
    try:
        ran = project.terminal.run(
            "--replay", "--database-url", project.database.conninfo, "--select", "MIG016", "--format", "md"
        )
    finally:
        project.sql("drop owned by deployer cascade", "drop role deployer")
    assert "0002_b.sql changes rows behind row security: note, about" in ran.out
    assert ran.status == status
