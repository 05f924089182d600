"""Migrations that are programs: whom they are on the scratch server, and what is told of what that may not."""

from pathlib import Path
from uuid import uuid4

import pytest

from tests.fix_cli import Terminal
from tests.migrations.test_command import PYTHON
from tests.migrations.test_command_fence import ALEMBIC, written
from validate_schema.scratch import Database

pytestmark = pytest.mark.pg(">= 16")

HARM = (
    "alter role postgres superuser",
    "create role grabbed superuser",
    "grant validate_schema_superuser to postgres",
    "set role validate_schema_superuser",
    "set session authorization validate_schema_superuser",
    "update pg_catalog.pg_authid set rolsuper = true",
    "alter system set work_mem = '1GB'",
    "copy (select 1) to program 'true'",
    "select pg_read_file('PG_VERSION')",
    "select pg_ls_dir('.')",
    "select lo_import('/etc/passwd')",
    "grant pg_execute_server_program to postgres",
    "create function libc() returns int language c as '/lib/libc.so.6', 'getpid'",
    "do $$ begin if not (select rolsuper from pg_roles where rolname = current_user)"
    " then raise insufficient_privilege; end if; end $$",
)
ATTACK = f"""
import psycopg
from alembic import op

revision = "bbb"
down_revision = "aaa"

def upgrade():
    with psycopg.connect("", autocommit=True) as connection:
        for harm in {HARM!r}:
            try:
                connection.execute(harm)
            except psycopg.Error:
                continue
            open("reached", "a").write(harm + "\\n")
    open("ran", "w").close()
"""
UPGRADE = f"{PYTHON} -m alembic upgrade head"


def project(terminal: Terminal, second: str, more: str = "") -> None:
    pytest.importorskip("alembic")
    written(terminal, ALEMBIC | {"alembic/versions/bbb_second.py": second}, "alembic", UPGRADE)
    with Path("validate-schema.toml").open("a") as config:
        config.write(more)


def revision(statement: str) -> str:
    return f'from alembic import op\n\nrevision = "bbb"\ndown_revision = "aaa"\n\ndef upgrade():\n    op.execute("{statement}")\n'


def reached() -> str:
    assert Path("ran").exists()
    return Path("reached").read_text() if Path("reached").exists() else ""


def test_a_program_of_migrations_is_no_superuser(terminal: Terminal) -> None:
    project(terminal, f"{ATTACK}# {uuid4()}\n")  # or there is a template already, and nothing runs
    ran = terminal.run("--migrations", "alembic")
    assert (ran.status, ran.complaints) == (3, [])  # nothing says whose the rows are
    assert reached() == ""


def test_nor_is_one_that_is_pending_on_a_copy(terminal: Terminal, database: Database) -> None:
    project(terminal, revision("select 1"))
    with database.connect(autocommit=True) as connection:
        connection.execute("create table alembic_version (version_num varchar(32) primary key)")
        connection.execute(
            "insert into alembic_version values ('aaa'); create table note (id int primary key)"
        )
    terminal.write("alembic/versions/bbb_second.py", ATTACK)
    terminal.run("--database-url", database.conninfo, "--replay", "--format", "json")
    assert reached() == ""


@pytest.mark.pg(">= 18")
@pytest.mark.parametrize(
    "statement",
    [
        "create extension hstore; create table t (h hstore)",
        "create extension pgcrypto",
        "create role app_user login; grant select on note to app_user",
        "create schema own; create role o; alter schema own owner to o",
        "set session_replication_role = replica",
        "create policy own on note using (true); alter table note enable row level security",
    ],
)
def test_what_owners_may_works(terminal: Terminal, statement: str) -> None:
    project(terminal, revision(statement))
    ran = terminal.run("--migrations", "alembic")
    assert (ran.status, ran.complaints) == (3, [])


@pytest.mark.pg(">= 18")
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("create extension file_fdw", 'permission denied to create extension \\"file_fdw\\"'),
        ("create role o; alter table note owner to o", "permission denied for schema public"),
        ("create role strong superuser", "permission denied to create role"),
        ("alter role postgres set app.tenant = '1'", "permission denied to set parameter"),
        ("create publication p for all tables", "must be superuser to create FOR ALL TABLES publication"),
    ],
)
def test_what_takes_a_superuser_is_nobodys_fault_and_says_how_to_get_one(
    terminal: Terminal, statement: str, said: str
) -> None:
    project(terminal, revision(statement))
    ran = terminal.run("--migrations", "alembic")
    assert ran.status == 3
    assert said.replace("\\", "") in ran.complaint
    assert ran.complaint.endswith("[migrations] superuser = true makes it one")
    project(terminal, revision(statement), "superuser = true\n")
    ran = terminal.run("--migrations", "alembic")
    assert (ran.status, ran.complaints) == (3, [])


def test_a_program_that_is_at_fault_is(terminal: Terminal) -> None:
    project(terminal, revision("select nothing"))
    ran = terminal.run("--migrations", "alembic")
    assert ran.status != 0
    assert "superuser" not in ran.err
