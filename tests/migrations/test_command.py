"""Migrations that are programs, run by their own tool on the scratch database."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.migrations.test_discovery import lay
from validate_schema.catalog.reader import read_catalog
from validate_schema.migrations import MigrationSet, discover
from validate_schema.migrations.run.command import digest, environment, run_command, templated_by
from validate_schema.model.catalog import Catalog
from validate_schema.model.errors import MigrationError
from validate_schema.run.history import replayed
from validate_schema.scratch import Database, Server

pytestmark = pytest.mark.every_server

PYTHON = shlex.quote(sys.executable)
MAKE = "import psycopg; psycopg.connect('', autocommit=True).execute('create table {} ()')"

ALEMBIC = {
    "alembic.ini": "[alembic]\nscript_location = %(here)s/alembic\n",
    "alembic/script.py.mako": "",
    "alembic/env.py": """
import os
from alembic import context
from sqlalchemy import create_engine

engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1))
with engine.connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
""",
    "alembic/versions/aaa_first.py": """
from alembic import op
import sqlalchemy as sa

revision, down_revision = "aaa", None

def upgrade():
    op.create_table("note", sa.Column("id", sa.Integer, primary_key=True), sa.Column("body", sa.Text))
""",
    "alembic/versions/bbb_second.py": """
from alembic import op

revision, down_revision = "bbb", "aaa"

def upgrade():
    op.create_unique_constraint("note_body_key", "note", ["body"])
""",
}
DJANGO = {
    "manage.py": """
import os, sys
from urllib.parse import parse_qsl, unquote, urlsplit
from django.conf import settings
from django.core.management import execute_from_command_line

url = urlsplit(os.environ["DATABASE_URL"])
place = dict(parse_qsl(url.query))
settings.configure(
    INSTALLED_APPS=["notes"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": unquote(url.path[1:]),
                           "USER": unquote(url.username), "PASSWORD": unquote(url.password or ""),
                           "HOST": url.hostname or place["host"], "PORT": url.port or place.get("port", "")}},
)
execute_from_command_line(sys.argv)
""",
    "notes/__init__.py": "",
    "notes/models.py": "",
    "notes/migrations/__init__.py": "",
    "notes/migrations/0001_initial.py": """
from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [migrations.CreateModel("Note", [
        ("id", models.BigAutoField(primary_key=True)), ("body", models.CharField(max_length=20, unique=True))])]
""",
}


def tables(catalog: Catalog) -> dict[str, list[str]]:
    return {t.name: [c.name for c in t.columns] for t in catalog.tables}


def migrated(server: Server, folder: Path, command: str, migrations: str) -> dict[str, list[str]]:
    found = MigrationSet("program", folder / migrations, ())
    template, _ = templated_by(server, command, found, folder)
    with server.database(template) as database, database.connect() as connection:
        return tables(read_catalog(connection))


def test_alembic_migrates_the_scratch_database(tmp_path: Path, any_server: Server) -> None:
    pytest.importorskip("alembic")
    folder = lay(tmp_path, ALEMBIC)
    found = migrated(any_server, folder, f"{PYTHON} -m alembic upgrade head", "alembic/versions")
    assert found == {"alembic_version": ["version_num"], "note": ["id", "body"]}


def test_django_migrates_the_scratch_database(tmp_path: Path, any_server: Server) -> None:
    pytest.importorskip("django")
    folder = lay(tmp_path, DJANGO)
    found = migrated(any_server, folder, f"{PYTHON} manage.py migrate", "notes/migrations")
    assert found["notes_note"] == ["id", "body"]
    assert set(found) == {"django_migrations", "notes_note"}


def test_what_alembic_says_of_a_failure_is_shown_in_one_line(tmp_path: Path, database: Database) -> None:
    pytest.importorskip("alembic")
    broken = ALEMBIC["alembic/versions/bbb_second.py"].replace('"note",', '"nothing",')
    folder = lay(tmp_path, ALEMBIC | {"alembic/versions/bbb_second.py": broken})
    with pytest.raises(MigrationError) as failed:
        run_command(database, f"{PYTHON} -m alembic upgrade head", folder, 600)
    assert "failed with status 1: " in str(failed.value)
    assert 'relation "nothing" does not exist' in str(failed.value)
    assert "\n" not in str(failed.value)


def test_the_command_runs_once_until_it_or_a_file_changes(tmp_path: Path, server: Server) -> None:
    folder = lay(tmp_path, {"m/1.txt": "one", "m/__pycache__/x.pyc": "compiled"})
    found = MigrationSet("program", folder / "m", ())
    command = f"echo ran >> ran.log; {PYTHON} -c {shlex.quote(MAKE.format('made'))}"
    first = templated_by(server, command, found, folder)
    assert templated_by(server, command, found, folder) == first
    assert (folder / "ran.log").read_text() == "ran\n"
    key = digest(command, folder / "m")
    (folder / "m/__pycache__/x.pyc").write_text("again")
    assert digest(command, folder / "m") == key
    (folder / "m/1.txt").write_text("two")
    assert digest(command, folder / "m") != key
    assert digest("true", folder / "m") != digest("false", folder / "m")


def test_programs_find_the_database_by_url_and_by_variables(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGAPPNAME", "production")
    monkeypatch.setenv("PGDATABASE", "production")
    found = environment(database.parameters, tmp_path, tmp_path)
    assert "PGAPPNAME" not in found
    assert found["PGDATABASE"] == database.name
    with psycopg.connect(found["DATABASE_URL"]) as connection:
        assert connection.info.dbname == database.name
    run_command(database, f"{PYTHON} -c {shlex.quote(MAKE.format('by_variables'))}", tmp_path, 600)
    with database.connect() as connection:
        assert list(tables(read_catalog(connection))) == ["by_variables"]


FAILURES = {
    "exit 3": "`exit 3` failed with status 3, and wrote nothing",
    "echo first; echo ' ERROR:  no table'; echo hint >&2; false": "failed with status 1: ERROR:  no table",
    "echo only this; false": "failed with status 1: only this",
    "no-such-program-here": "failed with status 127: ",
    "echo Error at postgresql://me:secret@db/x; false": "Error at postgresql://me:***@db/x",
}


@pytest.mark.parametrize("command", FAILURES)
def test_a_command_that_fails_is_told_in_one_line(tmp_path: Path, database: Database, command: str) -> None:
    with pytest.raises(MigrationError) as failed:
        run_command(database, command, tmp_path, 600)
    assert FAILURES[command] in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path, database: Database) -> None:
    with pytest.raises(MigrationError, match=r"did not end within 0\.3 s .*: begun with an error"):
        run_command(database, "echo begun with an error; sleep 60 & echo $! > child; wait", tmp_path, 0.3)
    child = Path("/proc", (tmp_path / "child").read_text().strip())
    deadline = time.monotonic() + 5
    while child.exists() and "Z" not in (child / "stat").read_text().split()[2]:
        assert time.monotonic() < deadline


def test_what_a_command_leaves_in_a_session_of_its_own_holds_up_nobody(
    tmp_path: Path, database: Database
) -> None:
    orphan = "setsid sleep 600 & echo $! > orphan"
    orphans = []
    for _ in range(2):
        run_command(database, orphan, tmp_path, 600)
        orphans.append(int((tmp_path / "orphan").read_text()))
    for pid in orphans:
        os.kill(pid, signal.SIGKILL)  # both were there all the time


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, database: Database) -> None:
    with pytest.raises(MigrationError, match=r"`true` cannot be run in .*: No such file or directory"):
        run_command(database, "true", tmp_path / "none", 600)


def test_a_command_that_fails_is_a_result_of_the_run(tmp_path: Path, server: Server) -> None:
    folder = lay(
        tmp_path / "m", {"versions/a.py": 'revision = "a"\ndown_revision = None\n\n\ndef upgrade(): ...\n'}
    )

    ran = replayed(server, discover(folder, programs=True), "echo 'Error: no such table'; exit 3", tmp_path)

    assert ran.failure is not None
    assert ran.failure.statement.file == "`echo 'Error: no such table'; exit 3`"
    assert ran.failure.message == "failed with status 3: Error: no such table"
