"""Alembic, Django and yoyo apply migrations themselves; their ledgers are judged afterwards."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from validate_schema.migrations import MigrationSet, discover
from validate_schema.migrations.history.compare import compare, notes
from validate_schema.migrations.ledger import ledger_for, read_ledgers
from validate_schema.scratch import Database, Server, open_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server(key="ledgers") as opened:
        yield opened


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    with server.database() as opened:
        yield opened


def run(database: Database, folder: Path, *command: str) -> None:
    """Run a tool's program in `folder` with the connection in PG* variables."""
    given = psycopg.conninfo.conninfo_to_dict(database.conninfo)
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    environment = {**os.environ, **{names[k]: str(v) for k, v in given.items() if k in names and v}}
    environment.pop("PYTHONWARNINGS", None)
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout


def judge(
    database: Database, folder: Path, tool: str | None = None
) -> tuple[MigrationSet, list[tuple[str, str]]]:
    found = discover(folder, tool, programs=True)
    with database.connect(autocommit=True) as connection:
        ledger = ledger_for(read_ledgers(connection), found, None)
    assert ledger is not None
    return found, [(entry.version, entry.status) for entry in compare(found, ledger)]


def revision(folder: Path, number: str, parents: str, depends: str = "None") -> None:
    (folder / "versions").mkdir(exist_ok=True)
    (folder / "versions" / f"{number}_table.py").write_text(
        f"from alembic import op\nrevision: str = 'r{number}'\ndown_revision = {parents}\nbranch_labels = None\n"
        f"depends_on: str | None = {depends}\n"
        f"def upgrade():\n    op.execute('create table t{number} (id int)')\n"
        f"def downgrade():\n    op.execute('drop table t{number}')\n"
    )


ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine
with create_engine("postgresql+psycopg://").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
"""


@pytest.fixture
def alembic(database: Database, tmp_path: Path) -> Path:
    """Give an Alembic folder whose first two revisions were applied by Alembic."""
    (tmp_path / "env.py").write_text(ENVIRONMENT)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = %(here)s\n")
    revision(tmp_path, "1", "None")
    revision(tmp_path, "2", "'r1'")
    run(database, tmp_path, "-m", "alembic", "upgrade", "heads")
    return tmp_path


def test_alembics_ancestors_are_applied_with_its_head(database: Database, alembic: Path) -> None:
    assert judge(database, alembic)[1] == [("r1", "unverifiable"), ("r2", "unverifiable")]


def test_an_alembic_revision_above_the_head_is_pending(database: Database, alembic: Path) -> None:
    revision(alembic, "3", "'r2'")
    assert judge(database, alembic)[1][2] == ("r3", "pending")


def test_alembics_second_head_is_pending_and_said(database: Database, alembic: Path) -> None:
    revision(alembic, "0", "'r1'")
    found, judged = judge(database, alembic)
    assert dict(judged) == {"r1": "unverifiable", "r0": "pending", "r2": "unverifiable"}
    assert found.notes == ("There are 2 heads: r0, r2.",)


def test_a_revision_put_below_alembics_head_counts_as_applied_there_and_cannot_be_proven(
    database: Database, alembic: Path
) -> None:
    revision(alembic, "0", "'r1'")
    revision(alembic, "2", "'r0'")
    assert dict(judge(database, alembic)[1])["r0"] == "unverifiable"


def test_alembics_recorded_head_without_its_file_is_missing(database: Database, alembic: Path) -> None:
    (alembic / "versions" / "2_table.py").unlink()
    assert judge(database, alembic)[1] == [("r1", "unverifiable"), ("r2", "missing")]


def test_two_alembic_files_of_one_revision_share_it(database: Database, alembic: Path) -> None:
    text = (alembic / "versions" / "2_table.py").read_text()
    (alembic / "versions" / "9_other.py").write_text(text)
    found, judged = judge(database, alembic)
    assert judged == [("r1", "unverifiable"), ("r2", "unverifiable"), ("r2", "unverifiable")]
    assert [[f.path.name for f in group] for group in found.duplicates] == [["9_other.py", "2_table.py"]]


def test_alembics_two_branches_are_both_applied(database: Database, alembic: Path) -> None:
    revision(alembic, "5", "None")
    run(database, alembic, "-m", "alembic", "upgrade", "heads")
    assert {status for _, status in judge(database, alembic)[1]} == {"unverifiable"}
    revision(alembic, "6", "('r2', 'r5')")
    run(database, alembic, "-m", "alembic", "upgrade", "heads")
    assert {status for _, status in judge(database, alembic)[1]} == {"unverifiable"}


def operation(folder: Path, name: str, dependencies: str, replaces: str = "[]") -> None:
    table = name.replace("_", "")
    (folder / "shop" / "migrations" / f"{name}.py").write_text(
        "from django.db import migrations\nclass Migration(migrations.Migration):\n"
        f"    replaces = {replaces}\n    dependencies = {dependencies}\n"
        f"    operations = [migrations.RunSQL('create table t{table} (id int)', 'drop table t{table}')]\n"
    )


@pytest.fixture
def django(database: Database, tmp_path: Path) -> Path:
    """Give a Django project whose two migrations, and those of an app of Django's, were applied by Django."""
    (tmp_path / "settings.py").write_text(
        "import os\nINSTALLED_APPS = ['django.contrib.contenttypes', 'shop']\nSECRET_KEY = 'x'\nUSE_TZ = True\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': os.environ['PGDATABASE'],"
        " 'USER': os.environ['PGUSER'], 'HOST': os.environ['PGHOST'], 'PORT': os.environ.get('PGPORT', '')}}\n"
    )
    (tmp_path / "shop" / "migrations").mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "migrations" / "__init__.py").write_text("")
    operation(tmp_path, "0001_initial", "[('contenttypes', '0001_initial')]")
    operation(tmp_path, "0002_more", "[('shop', '0001_initial')]")
    migrate(database, tmp_path)
    return tmp_path


def migrate(database: Database, folder: Path) -> None:
    run(database, folder, "-m", "django", "migrate", "--settings", "settings", "--pythonpath", ".")


def test_djangos_apps_from_packages_are_left_out_and_said(database: Database, django: Path) -> None:
    found, judged = judge(database, django)
    assert judged == [("shop.0001_initial", "unverifiable"), ("shop.0002_more", "unverifiable")]
    with database.connect(autocommit=True) as connection:
        ledger = ledger_for(read_ledgers(connection), found, None)
    assert notes(found, ledger) == ("The ledger also has the apps contenttypes, whose files are not here.",)


def test_a_django_migration_that_nothing_applied_needs_is_pending(database: Database, django: Path) -> None:
    operation(django, "0003_later", "[('shop', '0002_more')]")
    operation(django, "0002_branch", "[('shop', '0001_initial')]")
    judged = dict(judge(database, django)[1])
    assert (judged["shop.0003_later"], judged["shop.0002_branch"]) == ("pending", "pending")


def test_a_django_migration_that_an_applied_one_needs_is_a_gap(database: Database, django: Path) -> None:
    operation(django, "0001_between", "[('shop', '0001_initial')]")
    operation(django, "0002_more", "[('shop', '0001_between')]")
    assert dict(judge(database, django)[1])["shop.0001_between"] == "gap"


def test_a_django_migration_without_its_file_is_missing(database: Database, django: Path) -> None:
    (django / "shop" / "migrations" / "0002_more.py").unlink()
    assert judge(database, django)[1][1] == ("shop.0002_more", "missing")


def test_a_django_migration_under_another_name_with_its_number_is_renamed(
    database: Database, django: Path
) -> None:
    path = django / "shop" / "migrations" / "0002_more.py"
    path.rename(path.with_name("0002_other.py"))
    assert judge(database, django)[1][1] == ("shop.0002_other", "renamed")


def test_what_a_django_squash_stands_for_is_not_missing(database: Database, django: Path) -> None:
    for name in ("0001_initial", "0002_more"):
        (django / "shop" / "migrations" / f"{name}.py").unlink()
    operation(django, "0001_squashed", "[]", "[('shop', '0001_initial'), ('shop', '0002_more')]")
    expected = [("shop.0001_squashed", "unverifiable")]
    assert judge(database, django)[1] == expected
    migrate(database, django)
    assert judge(database, django)[1] == expected


@pytest.fixture
def yoyo(database: Database, tmp_path: Path) -> Path:
    """Give a folder whose two migrations were applied by yoyo."""
    (tmp_path / "0001.a.sql").write_text("create table a (id int);\n")
    (tmp_path / "0001.a.rollback.sql").write_text("drop table a;\n")
    (tmp_path / "0002.b.sql").write_text("-- depends: 0001.a\ncreate table b (id int);\n")
    apply(database, tmp_path)
    return tmp_path


def apply(database: Database, folder: Path) -> None:
    program = (
        "import yoyo\nbackend = yoyo.get_backend('postgresql+psycopg://')\n"
        "with backend.lock():\n    backend.apply_migrations(backend.to_apply(yoyo.read_migrations('.')))\n"
    )
    run(database, folder, "-c", program)


def test_yoyos_history_is_judged_by_ids(database: Database, yoyo: Path) -> None:
    found, judged = judge(database, yoyo)
    assert (found.tool, judged) == ("yoyo", [("0001.a", "unverifiable"), ("0002.b", "unverifiable")])
    assert [file.undo and file.undo.name for file in found.files] == ["0001.a.rollback.sql", None]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda f: (f / "0003.c.sql").write_text("-- depends: 0002.b\n"), {"0003.c": "pending"}),
        (lambda f: (f / "0001.b.sql").write_text("select 1;\n"), {"0001.b": "gap"}),
        (lambda f: (f / "0002.b.sql").unlink() or (f / "yoyo.ini").write_text(""), {"0002.b": "missing"}),
        (lambda f: (f / "0002.b.sql").rename(f / "0002.x.sql"), {"0002.x": "renamed"}),
        (
            lambda f: (f / "0002.b.sql").write_text("-- depends: 0001.a\nselect 2;\n"),
            {"0002.b": "unverifiable"},
        ),
    ],
    ids=["pending", "gap", "missing", "renamed", "edited"],
)
def test_yoyos_situations_are_told_apart(
    database: Database, yoyo: Path, change: Callable[[Path], object], expected: dict[str, str]
) -> None:
    change(yoyo)
    judged = dict(judge(database, yoyo)[1])
    assert {version: judged[version] for version in expected} == expected


def test_yoyos_leftover_lock_is_a_failed_run(database: Database, yoyo: Path) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute("insert into yoyo_lock values (1, now(), 7)")
    assert judge(database, yoyo)[1][-1] == ("lock", "failed")


def test_what_yoyo_applies_late_is_late(database: Database, yoyo: Path) -> None:
    (yoyo / "0001.b.sql").write_text("create table late (id int);\n")
    apply(database, yoyo)
    found = discover(yoyo)
    with database.connect(autocommit=True) as connection:
        ledger: Any = ledger_for(read_ledgers(connection), found, None)
    assert [(e.version, e.late) for e in compare(found, ledger)] == [
        ("0001.a", False),
        ("0001.b", True),
        ("0002.b", False),
    ]
