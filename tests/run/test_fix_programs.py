"""Corrective migrations of tools whose migrations are programs: written, applied and undone by the tool."""

import ast
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_cli import Terminal
from tests.fix_server import fresh
from tests.migrations.test_command import ALEMBIC, DJANGO
from tests.migrations.test_discovery import lay
from validate_schema.catalog.reader import read_catalog
from validate_schema.catalog.snapshot import fingerprint
from validate_schema.migrations.run.surroundings import environment
from validate_schema.migrations.writing import Part, python_literal, sql_of
from validate_schema.scratch import Database, Server

PYTHON = shlex.quote(sys.executable)
ODD = 'a"";\n%s %% :name \\: {x} $$ """" \'q\' --\r\n/*'
MADE = (
    "create table organization (id uuid primary key)",
    "create table invoice (id uuid primary key,"
    " org_id uuid not null references organization (id) on delete cascade,"
    f' "{ODD}" text not null unique)',
)
ODD_TABLE = ";\n".join(MADE) + ";\n"
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"

[migrations]
path = "{path}"
command = '''{command}'''
"""


def at(database: Database) -> dict[str, str]:
    """The environment in which a program finds the database."""
    (folder := Path("settings")).mkdir(exist_ok=True)
    return environment(database.parameters, folder, folder)


def call(folder: Path, database: Database, *command: str) -> str:
    """Run a tool on the database, as the project would."""
    ran = subprocess.run(command, cwd=folder, env=at(database), check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def state(database: Database) -> str:
    """What the database's schema is, whatever the tool recorded."""
    with database.connect() as connection:
        return fingerprint(read_catalog(connection))


def revision(statements: tuple[str, ...]) -> str:
    return (
        "from alembic import op\nfrom sqlalchemy import DDL\n\nrevision = 'aaa'\ndown_revision = None\n\n\n"
        f"def upgrade():\n    for text in {statements!r}:\n"
        "        op.execute(DDL(text.replace('%', '%%')))\n"
    )


@pytest.fixture
def alembic(terminal: Terminal) -> Terminal:
    pytest.importorskip("alembic")
    files = {name: text for name, text in ALEMBIC.items() if "versions" not in name}
    lay(terminal.folder, files | {"alembic/versions/aaa_first.py": revision(MADE)})
    command = f"{PYTHON} -m alembic upgrade head"
    terminal.write("validate-schema.toml", CONFIG.format(path="alembic/versions", command=command))
    return terminal


def test_alembic_applies_and_undoes_what_is_written(alembic: Terminal, server: Server) -> None:
    ran = alembic.run("fix", "--migrations", "alembic", "--select", "UNQ001,IDX,RLS")
    (written,) = set(Path("alembic/versions").glob("*.py")) - {Path("alembic/versions/aaa_first.py")}

    assert (ran.status, "now run `alembic upgrade head`" in ran.complaints[-1]) == (0, True), ran.err
    assert 'down_revision = "aaa"' in written.read_text().replace("'", '"')
    assert "Its down part was run as well: it leaves the schema as it was." in ran.err
    after = alembic.run("--migrations", "alembic", "--select", "UNQ001,IDX,RLS", "--fail-on", "warning")
    assert after.status == 0, after.out
    with fresh(server) as database:
        call(alembic.folder, database, sys.executable, "-m", "alembic", "upgrade", "aaa")
        before = state(database)
        call(alembic.folder, database, sys.executable, "-m", "alembic", "upgrade", "head")
        mended = state(database)
        call(alembic.folder, database, sys.executable, "-m", "alembic", "downgrade", "-1")
        assert (mended != before, state(database)) == (True, before)


def test_two_heads_of_alembic_are_merged_first(alembic: Terminal) -> None:
    for name in ("bbb", "ccc"):
        alembic.write(
            f"alembic/versions/{name}.py",
            f'revision = "{name}"\ndown_revision = "aaa"\n\n\ndef upgrade(): ...\n',
        )
    ran = alembic.run("fix", "--migrations", "alembic", "--select", "UNQ001")
    assert (ran.status, ran.complaint.endswith("or write the SQL with --output FILE")) == (2, True)
    assert "there are 2 heads: `alembic merge heads` first" in ran.complaint


def run_sql(*statements: str) -> str:
    return (
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f"    operations = [migrations.RunSQL({list(statements)!r}, migrations.RunSQL.noop)]\n"
    )


@pytest.fixture
def django(terminal: Terminal) -> Terminal:
    pytest.importorskip("django")
    files = DJANGO | {
        "manage.py": DJANGO["manage.py"].replace('["notes"]', '["notes", "billing"]'),
        "notes/migrations/0001_initial.py": run_sql(*MADE),
        "billing/__init__.py": "",
        "billing/models.py": "",
        "billing/migrations/__init__.py": "",
        "billing/migrations/0001_initial.py": run_sql("create table price (id int primary key)"),
    }
    lay(terminal.folder, files)
    command = f"{PYTHON} manage.py migrate"
    terminal.write("validate-schema.toml", CONFIG.format(path=".", command=command))
    return terminal


def test_django_applies_and_undoes_what_is_written(django: Terminal, server: Server) -> None:
    ran = django.run(
        "fix",
        "--migrations",
        ".",
        "--into",
        "billing/migrations",
        "--select",
        "UNQ001,IDX,RLS",
        "--name",
        "x",
    )
    written = Path("billing/migrations/0002_x.py")

    assert (ran.status, "now run `python manage.py migrate`" in ran.complaints[-1]) == (0, True), ran.err
    assert "('billing', '0001_initial'),\n        ('notes', '0001_initial')," in written.read_text()
    after = django.run("--migrations", ".", "--select", "UNQ001,IDX,RLS", "--fail-on", "warning")
    assert after.status == 0, after.out
    with fresh(server) as database:
        manage = (sys.executable, "manage.py", "migrate")
        call(django.folder, database, *manage, "notes")
        call(django.folder, database, *manage, "billing", "0001")
        before = state(database)
        call(django.folder, database, *manage)
        mended = state(database)
        call(django.folder, database, *manage, "billing", "0001")
        assert (mended != before, state(database)) == (True, before)


def test_whose_migration_of_django_it_is_to_be_is_not_guessed(django: Terminal) -> None:
    ran = django.run("fix", "--migrations", ".", "--select", "UNQ001")
    assert ran.status == 2
    assert "holds the apps billing, notes: say whose migration it is to be with --into APP/migrations" in (
        ran.complaint
    )
    django.write("billing/migrations/0001_other.py", run_sql("select 1"))
    ran = django.run("fix", "--migrations", ".", "--into", "billing/migrations", "--select", "UNQ001")
    assert ran.status == 2
    assert "billing.0001_initial and billing.0001_other both come last" in ran.complaint


def test_yoyo_applies_and_undoes_what_is_written(terminal: Terminal, server: Server) -> None:
    pytest.importorskip("yoyo")
    terminal.write("validate-schema.toml", CONFIG.partition("[migrations]")[0])
    terminal.write("m/yoyo.ini", "")
    terminal.write("m/0001.first.sql", ODD_TABLE.replace(ODD, "number"))
    ran = terminal.run("fix", "--migrations", "m", "--select", "UNQ001,IDX,RLS", "--name", "x")
    assert (ran.status, Path("m/0002_x.sql").read_text().partition("\n")[0]) == (0, "-- depends: 0001.first")
    with fresh(server) as database:
        url = at(database)["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:")
        yoyo = str(Path(sys.executable).with_name("yoyo"))
        where = ("--batch", "--no-config-file", "--database", url)
        call(terminal.folder, database, yoyo, "apply", *where, "--revision", "0001.first", "m")
        before = state(database)
        call(terminal.folder, database, yoyo, "apply", *where, "m")
        mended = state(database)
        call(terminal.folder, database, yoyo, "rollback", *where, "--revision", "0002_x", "m")
        assert (mended != before, state(database)) == (True, before)


RAILS = "class CreateAll < ActiveRecord::Migration[7.1]\n  def change\n  end\nend\n"


def test_a_migration_of_rails_executes_each_statement_as_it_is(terminal: Terminal) -> None:
    terminal.write("validate-schema.toml", CONFIG.partition("[migrations]")[0])
    terminal.write("db/migrate/20240101000000_create_all.rb", RAILS)
    terminal.write("db/structure.sql", ODD_TABLE)
    ran = terminal.run("fix", "--migrations", ".", "--select", "UNQ001", "--name", "mend_uniques")
    (written,) = Path("db/migrate").glob("*_mend_uniques.rb")
    text = written.read_text()

    assert (ran.status, "now run `bin/rails db:migrate`" in ran.complaints[-1]) == (0, True), ran.err
    assert text.startswith(
        "class MendUniques < ActiveRecord::Migration[7.1]\n  def up\n    # Mends 1 finding"
    )
    assert text.count("    execute <<'SQL'\n") == text.count("\nSQL\n") > 4
    assert "\n  def down\n    execute <<'SQL'\n" in text
    assert list(Path("db").glob("*.sql")) == [Path("db/structure.sql")]
    ran = terminal.run("fix", "--migrations", ".", "--select", "UNQ001", "--name", "2fa")
    assert ran.complaints[-1] == "error: --name 2fa: a class of Ruby cannot begin with a digit"


@pytest.mark.parametrize("given", ["db/structure.sql", "db"])
def test_nothing_is_added_to_a_dump(terminal: Terminal, given: str) -> None:
    terminal.write("validate-schema.toml", CONFIG.partition("[migrations]")[0])
    terminal.write("db/structure.sql", ODD_TABLE)
    terminal.write("db/migrate/20240101000000_create_all.rb", RAILS)
    ran = terminal.run("fix", "--migrations", given, "--select", "UNQ001")
    assert (ran.status, "--into DIR" in ran.complaint, "--output FILE" in ran.complaint) == (2, True, True)
    assert sorted(p.name for p in Path("db").iterdir()) == ["migrate", "structure.sql"]
    assert terminal.run("fix", "--migrations", given, "--select", "UNQ001", "--output", "-").status == 0
    ran = terminal.run("fix", "--migrations", given, "--select", "UNQ001", "--into", "db/migrate")
    assert (ran.status, len(list(Path("db/migrate").iterdir()))) == (0, 2)


JOURNAL = {
    "version": "7",
    "dialect": "postgresql",
    "entries": [{"idx": 0, "version": "7", "when": 32503680000000, "tag": "0000_first", "breakpoints": True}],
}


def test_a_migration_of_drizzle_stands_in_its_journal(terminal: Terminal) -> None:
    terminal.write("validate-schema.toml", CONFIG.partition("[migrations]")[0])
    terminal.write("drizzle/0000_first.sql", ODD_TABLE)
    terminal.write("drizzle/meta/_journal.json", json.dumps(JOURNAL))
    terminal.write("drizzle/meta/0000_snapshot.json", '{"id": "one", "prevId": "none", "tables": {"ü": 1}}')
    ran = terminal.run("fix", "--migrations", "drizzle", "--select", "UNQ001,RLS001", "--name", "x")
    journal = json.loads(Path("drizzle/meta/_journal.json").read_text())
    snapshot = json.loads(Path("drizzle/meta/0001_snapshot.json").read_text())
    text = Path("drizzle/0001_x.sql").read_text()

    assert ran.status == 0, ran.err
    assert journal["entries"][0] == JOURNAL["entries"][0]  # type: ignore[index]
    assert journal["entries"][1] == {
        "idx": 1, "version": "7", "when": 32503680000001, "tag": "0001_x", "breakpoints": True
    }  # fmt: skip
    assert (snapshot.pop("id") != "one", snapshot) == (True, {"prevId": "one", "tables": {"ü": 1}})
    assert not text.rstrip().endswith("--> statement-breakpoint")
    pieces = text.split("--> statement-breakpoint\n")
    assert all(piece.count(";\n") == 1 for piece in pieces[:-1])
    after = terminal.run("--migrations", "drizzle", "--select", "UNQ001,RLS001", "--fail-on", "warning")
    assert after.status == 0, after.out


def test_directories_of_drizzle_have_their_snapshot(terminal: Terminal) -> None:
    terminal.write("validate-schema.toml", CONFIG.partition("[migrations]")[0])
    terminal.write("drizzle/20250101000000_a/migration.sql", ODD_TABLE)
    terminal.write("drizzle/20250101000000_a/snapshot.json", '{"id": "one", "prevIds": ["none"]}')
    ran = terminal.run("fix", "--migrations", "drizzle", "--select", "UNQ001", "--name", "x")
    (folder,) = Path("drizzle").glob("*_x")
    assert ran.status == 0, ran.err
    assert sorted(p.name for p in folder.iterdir()) == ["migration.sql", "snapshot.json"]
    assert json.loads((folder / "snapshot.json").read_text())["prevIds"] == ["one"]


@pytest.mark.parametrize("text", [ODD, "", '"', "a\\", "\r", "line\nline", '"""', "\x00é\u2028"])
def test_a_literal_of_python_is_the_text(text: str) -> None:
    assert ast.literal_eval(python_literal(text)) == text


def test_what_stands_between_statements_stands_behind_each_but_the_last() -> None:
    parts = (Part("a;"), Part("about b", comment=True), Part("b;"), Part(""), Part("the end", comment=True))
    assert sql_of(parts, between="|") == "a;\n|\n-- about b\nb;\n\n-- the end\n"
    assert sql_of(()) == ""
