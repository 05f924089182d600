"""A project whose migrations are programs, from the first command on: what is proposed, status, verify, the dry run, fix."""

import json
from pathlib import Path

import pytest

from tests.fix_cli import Terminal
from tests.migrations.test_command import PYTHON
from tests.migrations.test_command_fence import ALEMBIC, DJANGO, url, written
from validate_schema.migrations.run.command import run_command
from validate_schema.scratch import Database
from validate_schema.scratch.door import opened

UPGRADE = f"{PYTHON} -m alembic upgrade head"
RUBY = "class A < ActiveRecord::Migration[7.1]\n  def change\n  end\nend\n"
PROPOSED: dict[str, tuple[dict[str, str], str, str]] = {
    "django": (DJANGO, ".", "python manage.py migrate"),
    "alembic": (ALEMBIC, "alembic", "alembic upgrade head"),
    "rails": ({"db/migrate/20240101000000_a.rb": RUBY, "bin/rails": ""}, "db/migrate", "bin/rails db:migrate"),
    "rails with a schema": (
        {"db/migrate/20240101000000_a.rb": RUBY, "db/schema.rb": ""}, "db/migrate", "bin/rails db:schema:load"
    ),
    "knex": (
        {"migrations/20240101000000_a.js": "exports.up = (knex) => knex.schema.createTable('a');", "knexfile.js": ""},
        "migrations",
        "npx knex migrate:latest",
    ),
}  # fmt: skip


@pytest.mark.parametrize("project", PROPOSED)
def test_the_command_of_a_project_is_proposed(terminal: Terminal, project: str) -> None:
    files, path, command = PROPOSED[project]
    for name, text in files.items():
        terminal.write(name, text)
    ran = terminal.run("--migrations", path)
    assert ran.status == 2
    assert f'say how they are run, command = "{command}" in [migrations], or' in ran.complaint


def test_what_can_only_be_given_as_sql_has_no_command_proposed(terminal: Terminal) -> None:
    terminal.write("db/changelog.xml", "<databaseChangeLog/>")
    ran = terminal.run("--migrations", "db")
    assert "in [migrations]" not in ran.complaint


@pytest.fixture
def half(terminal: Terminal, database: Database) -> Database:
    """An Alembic project, and its database, which has the first of two revisions."""
    pytest.importorskip("alembic")
    written(terminal, ALEMBIC, "alembic", UPGRADE)
    run_command(database, f"{PYTHON} -m alembic upgrade aaa", terminal.folder, 600)
    return database


def test_status_and_verify_tell_of_programs(terminal: Terminal, half: Database) -> None:
    status = terminal.run("migrations", "status", "--database-url", half.conninfo)
    assert status.status == 0
    assert [line.split()[:3] for line in status.out.splitlines()[2:]] == [
        ["aaa", "first", "applied"],
        ["bbb", "second", "pending"],
    ]
    verify = terminal.run("migrations", "verify", "--database-url", half.conninfo)
    assert (verify.status, verify.complaints) == (1, [])
    assert "✗ bbb second: not applied" in verify.out
    run_command(half, UPGRADE, terminal.folder, 600)
    verify = terminal.run("migrations", "verify", "--database-url", half.conninfo)
    assert (verify.status, verify.complaints) == (0, [])


def outcome(terminal: Terminal, database: Database) -> dict[str, dict[str, object]]:
    ran = terminal.run("--database-url", database.conninfo, "--replay", "--format", "json")
    report = json.loads(ran.out)
    return {check["id"]: check for check in report["checks"]}


def test_what_is_pending_is_tried_by_the_command_on_a_copy(terminal: Terminal, half: Database) -> None:
    with half.connect(autocommit=True) as connection:
        connection.execute("insert into note (id, body) values (1, 'a')")
    tried = outcome(terminal, half)["MIG013"]
    assert (tried["status"], tried["examined"]) == ("passed", 1)
    with half.connect() as connection:
        assert connection.execute("select version_num from alembic_version").fetchall() == [("aaa",)]
        assert connection.execute("select count(*) from note").fetchone() == (1,)


def test_what_fails_on_the_copy_is_a_finding(terminal: Terminal, half: Database) -> None:
    broken = ALEMBIC["alembic/versions/bbb_second.py"].replace('"note",', '"nothing",')
    terminal.write("alembic/versions/bbb_second.py", broken)
    ran = terminal.run("--database-url", half.conninfo, "--replay", "--format", "json")
    found = [f for f in json.loads(ran.out)["findings"] if f["check"] == "MIG013"]
    assert [f["object"]["name"] for f in found] == ["versions/bbb_second.py"]
    assert 'relation "nothing" does not exist' in found[0]["observed"]


def test_rows_of_a_numbered_ledger_go_along(terminal: Terminal, database: Database) -> None:
    pytest.importorskip("django")
    with opened(database) as door:
        settings = "SECRET_KEY = 'x'\nINSTALLED_APPS = ['notes']\nDATABASES = {}\nUSE_TZ = True\n"
        command = f"{PYTHON} manage.py migrate"
        written(terminal, DJANGO | {"shop/settings.py": settings}, ".", command)
        assert url(door.parameters)
    first = terminal.run("--migrations", ".")
    assert first.status == 3
    applied(terminal.folder, database, command)
    terminal.write(
        "notes/migrations/0002_more.py",
        "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
        '    dependencies = [("notes", "0001_initial")]\n'
        '    operations = [migrations.AddField("Note", "body", models.TextField(default=""))]\n',
    )
    tried = outcome(terminal, database)["MIG013"]
    assert (tried["status"], tried["examined"]) == ("passed", 1)


def applied(folder: Path, database: Database, command: str) -> None:
    from validate_schema.migrations import tools

    run_command(database, command, folder, 600, tools.find("django"))


def test_a_history_with_two_heads_is_a_finding(terminal: Terminal) -> None:
    files = ALEMBIC | {
        "alembic/versions/ccc_other.py": ALEMBIC["alembic/versions/bbb_second.py"].replace('"bbb"', '"ccc"')
    }
    written(terminal, files, "alembic", f"{PYTHON} -m alembic upgrade head")
    ran = terminal.run("--migrations", "alembic", "--format", "json")
    found = [f for f in json.loads(ran.out or "{}").get("findings", []) if f["check"] == "MIG014"]
    assert found, ran.err


def test_fix_takes_programs_by_their_command(terminal: Terminal) -> None:
    pytest.importorskip("alembic")
    first = ALEMBIC["alembic/versions/aaa_first.py"].replace(
        'op.create_table("note", ', 'op.create_table("org", sa.Column("id", sa.Integer, primary_key=True))\n'
        '    op.create_table("note", sa.Column("org_id", sa.Integer, sa.ForeignKey("org.id"), nullable=False), ',
    )  # fmt: skip
    written(terminal, ALEMBIC | {"alembic/versions/aaa_first.py": first}, "alembic", UPGRADE)
    with (terminal.folder / "validate-schema.toml").open("a") as config:
        config.write('[tenancy]\nroot = "org"\ncolumn = "org_id"\n')
    ran = terminal.run("fix", "--migrations", "alembic", "-o", "-")
    assert ran.status == 0, ran.err
    assert "1 of 1 findings are gone" in ran.out
