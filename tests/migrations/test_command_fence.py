"""Programs that know a database of their own: they are stopped or led to the scratch one, and theirs stays as it was."""

import json
import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_cli import Terminal
from tests.fix_server import fresh
from tests.migrations.test_command import ALEMBIC as TERSE
from tests.migrations.test_command import PYTHON
from tests.migrations.test_discovery import lay
from validate_schema.migrations import MigrationSet
from validate_schema.migrations.run.command import UNFENCED, run_command, templated_by
from validate_schema.model.errors import MigrationError
from validate_schema.scratch import Database, Server
from validate_schema.scratch.door import opened

KEPT = "create table kept (id int primary key); insert into kept values (1)"
ALEMBIC = {
    name: re.sub(r"(?m)^revision, down_revision = (.*), (.*)$", r"revision = \1\ndown_revision = \2", text)
    for name, text in TERSE.items()
}
DJANGO = {
    "manage.py": """
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
""",
    "shop/__init__.py": "",
    "notes/__init__.py": "",
    "notes/models.py": "",
    "notes/migrations/__init__.py": "",
    "notes/migrations/0001_initial.py": """
from django.db import migrations, models

class Migration(migrations.Migration):
    operations = [migrations.CreateModel("Note", [("id", models.BigAutoField(primary_key=True))])]
""",
}
# What bin/rails does of it is to read the file and connect: Ruby is not to be had everywhere.
RAILS = {
    "bin/rails": """
import psycopg
lines = [line.strip().partition(": ") for line in open("config/database.yml") if ": " in line]
found = {name: value for name, _, value in lines}
with psycopg.connect(host=found["host"], port=found["port"], dbname=found["database"], user=found["username"],
                     password=found["password"]) as connection:
    connection.execute("create table note (id int primary key)")
    connection.execute("create table schema_migrations (version varchar primary key)")
    connection.execute("create table ar_internal_metadata (key varchar primary key, value varchar,"
                       " created_at timestamp(6) not null, updated_at timestamp(6) not null)")
""",
    "db/migrate/20240101000000_create_note.rb": "class CreateNote < ActiveRecord::Migration[7.1]\n  def change\n  end\nend\n",
}


@pytest.fixture
def theirs(server: Server) -> Iterator[dict[str, str]]:
    """A second database, with a row in it, that a port of this machine leads to; it is as it was afterwards."""
    with fresh(server) as database, opened(database) as door:
        with database.connect() as connection:
            connection.execute(KEPT)
        yield door.parameters
        with database.connect() as connection:
            assert contents(connection) == [("kept", 1)]


def contents(connection: "psycopg.Connection[Any]") -> list[tuple[str, int]]:
    names = connection.execute(
        "select c.relname from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'r'"
    ).fetchall()
    rows = [
        (name, connection.execute(f"select count(*) from {name}".encode()).fetchone()) for (name,) in names
    ]
    return [(name, row[0]) for name, row in rows if row]


def written(terminal: Terminal, files: dict[str, str], path: str, command: str) -> None:
    for name, text in files.items():
        terminal.write(name, text)
    terminal.write(
        "validate-schema.toml", f"[migrations]\npath = {json.dumps(path)}\ncommand = {json.dumps(command)}\n"
    )


def url(place: dict[str, str]) -> str:
    return (
        f"postgresql://{place['user']}:{place['password']}@{place['host']}:{place['port']}/{place['dbname']}"
    )


def django(place: dict[str, str]) -> str:
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": place["dbname"], "USER": place["user"],
                "PASSWORD": place["password"], "HOST": place["host"], "PORT": place["port"]}  # fmt: skip
    return f"SECRET_KEY = 'x'\nINSTALLED_APPS = ['notes']\nDATABASES = {{'default': {database!r}}}\nUSE_TZ = True\n"


def test_a_stock_django_project_is_led_to_the_scratch_database(
    terminal: Terminal, theirs: dict[str, str]
) -> None:
    pytest.importorskip("django")
    files = DJANGO | {"shop/settings.py": django(theirs)}
    written(terminal, files, ".", f"{PYTHON} manage.py migrate")
    ran = terminal.run("--migrations", ".", "--format", "json")
    assert (ran.status, ran.complaints) == (3, [])  # nothing here says whose the rows are
    assert '"notes_note"' in ran.out


def test_a_django_project_that_insists_is_stopped(terminal: Terminal, theirs: dict[str, str]) -> None:
    pytest.importorskip("django")
    insists = DJANGO["manage.py"].replace(
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")',
        "import shop.settings as own; from django.conf import settings\n"
        "settings.configure(**{n: getattr(own, n) for n in dir(own) if n.isupper()})",
    )
    files = DJANGO | {"shop/settings.py": django(theirs), "manage.py": insists}
    written(terminal, files, ".", f"{PYTHON} manage.py migrate")
    expect_stopped(terminal, theirs, ".")


def test_an_alembic_environment_with_its_own_url_is_stopped(
    terminal: Terminal, theirs: dict[str, str]
) -> None:
    pytest.importorskip("alembic")
    own = url(theirs).replace("postgresql://", "postgresql+psycopg://")
    env = ALEMBIC["alembic/env.py"].replace('os.environ["DATABASE_URL"]', repr(own))
    written(terminal, ALEMBIC | {"alembic/env.py": env}, "alembic", f"{PYTHON} -m alembic upgrade head")
    expect_stopped(terminal, theirs, "alembic")


def test_a_rails_configuration_with_a_literal_is_stopped(terminal: Terminal, theirs: dict[str, str]) -> None:
    yml = "development:\n  adapter: postgresql\n" + "".join(
        f"  {name}: {theirs[key]}\n"
        for name, key in {"host": "host", "port": "port", "database": "dbname", "username": "user",
                          "password": "password"}.items()
    )  # fmt: skip
    written(terminal, RAILS | {"config/database.yml": yml}, "db/migrate", f"{PYTHON} bin/rails db:migrate")
    expect_stopped(terminal, theirs, "db/migrate")


def expect_stopped(terminal: Terminal, theirs: dict[str, str], path: str) -> None:
    ran = terminal.run("--migrations", path)
    assert (ran.status, ran.out) == (2, "")
    assert (
        f"it was kept from {theirs['host']}:{theirs['port']}: only the scratch database can be"
        in ran.complaint
    )
    assert theirs["password"] not in ran.complaint


def test_a_program_that_asks_for_another_database_of_the_same_server_is_turned_away(
    tmp_path: Path, database: Database
) -> None:
    script = "import psycopg; psycopg.connect('dbname=shop')"
    with pytest.raises(MigrationError, match='it was kept from the database "shop": only the scratch'):
        run_command(database, f"{PYTHON} -c {shlex.quote(script)}", tmp_path, 600)


def test_a_socket_that_was_there_before_is_not_reached(tmp_path: Path, database: Database) -> None:
    given = database.parameters
    script = f"import psycopg; psycopg.connect(host={given['host']!r}, port=5432, user='postgres', dbname='postgres')"
    with pytest.raises(MigrationError, match=r"it was kept from /.*/\.s\.PGSQL\.5432: only the scratch"):
        run_command(database, f"{PYTHON} -c {shlex.quote(script)}", tmp_path, 600)


def test_sockets_that_the_command_makes_for_itself_are_its_own(tmp_path: Path, database: Database) -> None:
    script = (
        "import os, socket; s = socket.socket(socket.AF_UNIX); s.bind('own'); s.listen();"
        " socket.socket(socket.AF_UNIX).connect('own'); socket.socket(socket.AF_UNIX).connect(os.getcwd() + '/own')"
    )
    kept = run_command(database, f"{PYTHON} -c {shlex.quote(script)}", tmp_path, 600)
    assert (kept.fenced, kept.wanted) == (True, ())


def test_what_it_starts_is_behind_the_fence_too(tmp_path: Path, database: Database) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        tries = [("127.0.0.1", listening.getsockname()[1]), ("::ffff:127.0.0.1", listening.getsockname()[1])]
        tries.append(("::1", six.getsockname()[1]))
        script = (
            "import socket, sys\nfor place in eval(sys.argv[1]):\n  try: socket.create_connection(place)\n"
            "  except PermissionError: continue\n  sys.exit(1)\n"
        )
        command = (
            f"sh -c {shlex.quote(f'{PYTHON} -c {shlex.quote(script)} {shlex.quote(repr(tries))}')} & wait $!"
        )
        kept = run_command(database, command, tmp_path, 600)
        assert kept.wanted == (f"127.0.0.1:{tries[0][1]}", f"::1:{tries[2][1]}")


def test_without_a_fence_the_report_says_so(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("validate_schema.scratch.fence.has_seccomp", lambda: False)
    lay(tmp_path, {"m/unfenced.txt": "a"})
    script = "import psycopg; psycopg.connect('', autocommit=True).execute('create table made ()')"
    found = MigrationSet("program", tmp_path / "m", ())
    _, notes = templated_by(server, f"{PYTHON} -c {shlex.quote(script)}", found, tmp_path)
    assert UNFENCED in notes.notes


def test_a_command_that_does_nothing_is_found_out(terminal: Terminal) -> None:
    written(terminal, RAILS, "db/migrate", "true")
    ran = terminal.run("--migrations", "db/migrate")
    assert ran.status == 2
    assert "`true` did not touch the scratch database: let it read DATABASE_URL" in ran.complaint


def test_a_command_that_stops_half_way_is_found_out(terminal: Terminal) -> None:
    pytest.importorskip("alembic")
    written(terminal, ALEMBIC, "alembic", f"{PYTHON} -m alembic upgrade aaa")
    ran = terminal.run("--migrations", "alembic")
    assert ran.status == 2
    assert "did not apply versions/bbb_second.py of 2 migrations" in ran.complaint


def test_every_variable_with_a_database_in_it_leads_to_the_scratch_one(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_DB", "postgresql+asyncpg://app:secret@prod.example/shop")
    monkeypatch.setenv("REPORTS_DB", "jdbc:postgresql://prod.example/shop?user=app")
    monkeypatch.setenv("SHOP_DSN", "host=prod.example dbname=shop")
    monkeypatch.setenv("PGSERVICEFILE", "/etc/services.of.production")
    with opened(database) as door:
        place = f"127.0.0.1:{door.parameters['port']}/{database.name}"
    script = (
        "import os, json; json.dump({n: v for n, v in os.environ.items() if n.startswith(('PG', 'SHOP', 'REPORTS',"
        " 'DATABASE', 'JDBC'))}, open('found', 'w'))"
    )
    run_command(database, f"{PYTHON} -c {shlex.quote(script)}", tmp_path, 600)
    found = json.loads((tmp_path / "found").read_text())
    assert "prod" not in json.dumps(found)
    assert found["SHOP_DB"].startswith("postgresql+asyncpg://postgres:")
    assert found["DATABASE_URL"].startswith("postgresql://postgres:")
    assert found["JDBC_DATABASE_URL"].startswith("jdbc:postgresql://127.0.0.1:")
    assert f"dbname='{database.name}'" in found["SHOP_DSN"]
    assert place.startswith("127.0.0.1:")
    assert not Path(found["PGSERVICEFILE"]).exists()


def test_the_door_is_closed_to_whoever_has_no_password(database: Database) -> None:
    with opened(database) as door:
        with suppress(KeyError):
            assert door.parameters["host"] == "127.0.0.1"
        with psycopg.connect(**door.parameters) as connection:
            assert connection.info.dbname == database.name
        for wrong in ({"password": "x"}, {"user": "app"}, {"dbname": "postgres"}):
            with pytest.raises(
                psycopg.OperationalError, match="this is the scratch database of validate-schema"
            ):
                psycopg.connect(**door.parameters | wrong)
        assert len(door.turned_away) == 3
        with socket.create_connection(("127.0.0.1", int(door.parameters["port"]))) as rude:
            rude.sendall(b"\xff" * 8)
            assert rude.recv(1) == b""


def test_much_goes_through_the_door_both_ways_at_once(database: Database) -> None:
    text = "x" * 1_000_000
    with opened(database) as door, psycopg.connect(**door.parameters) as connection, connection.pipeline():
        cursors = [connection.execute("select %s::text", [text]) for _ in range(20)]
        assert all(cursor.fetchone() == (text,) for cursor in cursors)
