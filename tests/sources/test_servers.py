"""Contracts that PostgreSQL itself reads: SQL files, Django models, another database."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.fix_cli import Terminal
from tests.fix_server import fresh
from tests.migrations.test_command_rights import HARM
from validate_schema.catalog.reader import read_catalog
from validate_schema.checking.engine import run, select_checks
from validate_schema.checking.packs import builtin_checks
from validate_schema.config import parse_toml
from validate_schema.model.contract import Contract
from validate_schema.model.errors import ConfigError, ConnectError, MigrationError
from validate_schema.model.progress import Progress
from validate_schema.run.examine import understand
from validate_schema.scratch import Database, Server
from validate_schema.sources import read_source
from validate_schema.sources.build import build_contract
from validate_schema.sources.context import SourceContext

SQL = """\
create type mood as enum ('sad', 'ok');
create table organization (
    id uuid primary key default gen_random_uuid(),
    name text not null
);
create table "Task" (
    id bigserial primary key,
    org_id uuid not null references organization (id) on delete cascade,
    mood mood not null default 'ok',
    title text,
    twice int generated always as (1 + 1) stored,
    constraint task_title unique (org_id, title)
);
create index task_lower on "Task" (lower(title), org_id desc);
create unique index task_ok on "Task" (org_id) where mood = 'ok';
create view unhappy as select id from "Task" where mood = 'sad';
alter table "Task" enable row level security;
create policy own on "Task"
    using (org_id = current_setting('app.tenant', true)::uuid);
"""
IDS = (
    "TBL",
    "COL",
    "UNQ004",
    "UNQ006",
    "IDX006",
    "IDX007",
    "FKY002",
    "FKY009",
    "ENU001",
    "ENU002",
    "ENU004",
    "RLS015",
)


def contract(entry: str, base: Path) -> Contract:
    return build_contract(parse_toml(f'[contract]\nfrom = ["{entry}"]\nclosed = true', "test"), base)


def findings(database: Database, declared: Contract) -> list[str]:
    config = parse_toml('[tenancy]\nroot = "organization"\ncolumn = "org_id"', "test")
    with database.connect() as connection:
        facts = understand(read_catalog(connection), config, declared, date(2026, 1, 1), Progress())
    return [
        f"{f.check} {f.message}"
        for f in run(select_checks(builtin_checks(), IDS, ("TBL003", "TBL004")), facts).findings
    ]


@pytest.fixture
def other(server: Server) -> Iterator[Database]:
    """The database that shall be as the contract says."""
    with fresh(server) as database:
        yield database


def execute(database: Database, sql: str) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(sql.encode())


def test_the_database_that_the_sql_makes_satisfies_it(other: Database, tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(SQL)
    execute(other, SQL)
    assert findings(other, contract("schema.sql", tmp_path)) == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("drop view unhappy", "TBL008 View unhappy does not exist"),
        ('alter table "Task" alter id drop default', "COL004 Column Task.id is not numbered by the database"),
        ("drop index task_lower", "IDX006 Task has no index that starts with (lower(title), org_id)"),
        ("drop index task_ok", "UNQ004 Task has no unique on (org_id)"),
        ("alter type mood rename value 'sad' to 'bad'", "ENU002 Enum mood lacks sad and has bad besides"),
        ('alter policy own on "Task" using (true)', "RLS015 Policy own on Task differs from the declared one in its USING expression, WITH CHECK expression"),
    ],
)  # fmt: skip
def test_a_change_from_the_sql_is_found(other: Database, tmp_path: Path, change: str, found: str) -> None:
    (tmp_path / "schema.sql").write_text(SQL)
    execute(other, SQL + change)
    assert found in findings(other, contract("schema.sql", tmp_path))


def test_expectations_of_sql_have_their_lines(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text(SQL)
    found = contract("schema.sql", tmp_path)
    task = next(t for t in found.tables if t.name == "Task")
    keys = (task.primary_key, *task.uniques, *task.indexes, *task.foreign_keys)
    assert {
        "mood": found.enums[0].where,
        "unhappy": found.views[0].where,
        "Task": task.where,
        "title": next(c.where for c in task.columns if c.name == "title"),
        "own": task.policies[0].where,
        **{str(key.name): key.where for key in keys if key},
    } == {
        "mood": "schema.sql:1",
        "Task": "schema.sql:6",
        "Task_pkey": "schema.sql:7",
        "Task_org_id_fkey": "schema.sql:8",
        "title": "schema.sql:10",
        "task_title": "schema.sql:12",
        "task_lower": "schema.sql:14",
        "task_ok": "schema.sql:15",
        "unhappy": "schema.sql:16",
        "own": "schema.sql:18",
    }


def test_a_folder_of_sql_is_run_by_path(tmp_path: Path) -> None:
    for name, text in {
        "schema/tables/b.sql": "\ncreate table b (id int references a);",
        "schema/tables/a.sql": "create table a (id int primary key);",
        "schema/views.sql": "create view c as select id from b;",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = contract("schema", tmp_path)
    assert [t.where for t in found.tables] == ["schema/tables/a.sql:1", "schema/tables/b.sql:2"]
    assert found.views[0].where == "schema/views.sql:1"


def test_a_folder_of_migrations_is_run_as_its_tool_would(tmp_path: Path) -> None:
    for name, text in {
        "m/1_a.up.sql": "create table a (id int);",
        "m/1_a.down.sql": "drop table a;",
        "m/10_c.up.sql": "drop table b;",
        "m/2_b.up.sql": "create table b (id int);",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [(t.name, t.where) for t in contract("m", tmp_path).tables] == [("a", "m/1_a.up.sql:1")]


def test_sql_that_fails_names_the_file_and_the_line(tmp_path: Path) -> None:
    (tmp_path / "schema.sql").write_text("create table a (id int);\ncreate table a (id int);")
    with pytest.raises(MigrationError) as caught:
        contract("schema.sql", tmp_path)
    assert str(caught.value) == (
        f'{tmp_path}/schema.sql:2: create table a (id int): relation "a" already exists'
    )


def test_another_database_is_a_contract(other: Database, database: Database) -> None:
    execute(other, SQL)
    declared = contract(other.conninfo, Path())
    assert findings(other, declared) == []
    execute(database, SQL.replace("title text,", "title varchar(10),"))
    assert findings(database, declared) == ["COL002 Column Task.title has another type than declared"]


def test_the_password_of_another_database_stands_nowhere(other: Database) -> None:
    execute(other, SQL)
    url = f"{other.conninfo}&password=s3cret&passfile=s3cret"
    assert "s3cret" not in repr(contract(url, Path()))
    with pytest.raises(ConnectError) as caught:
        contract("postgresql://me:s3cret@localhost:1/x", Path())
    assert str(caught.value).startswith("cannot connect to localhost:1/x")


SETTINGS = """\
import os
import subprocess
import sys

SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "real.db"}, "replica": {"ENGINE": "x"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
URL = os.environ["DATABASE_URL"]
print("settings are read")
"""
MODELS = """\
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


class Organization(models.Model):
    name = models.CharField(max_length=80, unique=True)

    class Meta:
        db_table = "organization"


class Task(models.Model):
    org = models.ForeignKey(Organization, on_delete=models.CASCADE)
    title = models.TextField(db_default="new")
    done = models.BooleanField(default=False)
    watchers = models.ManyToManyField("auth.User")

    class Meta:
        indexes = [
            models.Index(fields=["org", "-done"], name="task_done"),
            models.Index(Lower("title"), name="task_lower"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["org", "title"],
                name="task_title",
                condition=Q(done=False),
            ),
        ]


class Legacy(models.Model):
    class Meta:
        managed = False
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "shop" / "migrations").mkdir(parents=True)
    for name in ("shop/__init__.py", "shop/migrations/__init__.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "shop" / "settings.py").write_text(SETTINGS)
    (tmp_path / "shop" / "models.py").write_text(MODELS)
    (tmp_path / "shop" / "migrations" / "0001_initial.py").write_text(
        "from django.contrib.postgres.operations import TrigramExtension\n"
        "from django.db import migrations\n\n\n"
        "class Migration(migrations.Migration):\n"
        "    initial = True\n    dependencies = []\n    operations = [TrigramExtension()]\n"
    )
    return tmp_path


def test_django_models_are_a_contract_with_lines(project: Path) -> None:
    found = contract("django:shop.settings", project)
    tables = {t.name: t for t in found.tables}
    task = tables["shop_task"]
    keys = {key.name: (key.columns, key.where) for key in (*task.uniques, *task.indexes)}
    assert {name: t.where for name, t in tables.items() if name.startswith(("shop", "org"))} == {
        "organization": "shop/models.py:6",
        "shop_task": "shop/models.py:13",
        "shop_task_watchers": "shop/models.py:17",
    }
    assert ("auth_user" in tables, "django_migrations" in tables) == (True, False)
    columns = [(c.name, c.type, c.nullable, c.default, c.counter, c.where) for c in task.columns]
    assert sorted(columns) == [
        ("done", "boolean", False, None, False, "shop/models.py:16"),
        ("id", "bigint", False, None, True, "shop/models.py:13"),
        ("org_id", "bigint", False, None, False, "shop/models.py:14"),
        ("title", "text", False, "'new'::text", False, "shop/models.py:15"),
    ]
    assert {name: where for name, where in keys.items() if str(name).startswith("task_")} == {
        "task_done": (("org_id", "done"), "shop/models.py:21"),
        "task_lower": (("lower(title)",), "shop/models.py:22"),
        "task_title": (("org_id", "title"), "shop/models.py:25"),
    }
    assert {k.where for name, k in ((k.name, k) for k in task.indexes) if name and "org_id" in name} == {
        "shop/models.py:14"
    }
    assert not (project / "real.db").exists()


OPERATIONS = """
import psycopg
from django.contrib.postgres.operations import CreateExtension
from django.db import migrations

class Tried(CreateExtension):
    def database_forwards(self, label, editor, before, after):
        for harm in {harm!r}:
            try:
                editor.execute(harm)
            except Exception:
                continue
            open("reached", "a").write(harm)
        open("ran", "w").close()

class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [Tried("x"), CreateExtension("postgres_fdw"), CreateExtension("postgis")]
"""


@pytest.mark.pg(">= 18")
def test_django_is_no_superuser_and_has_the_extensions_that_it_wants(project: Path) -> None:
    (project / "shop/migrations/0001_initial.py").write_text(OPERATIONS.format(harm=HARM))
    found = contract("django:shop.settings", project)
    assert "shop_task" in {t.name for t in found.tables}
    assert ((project / "ran").exists(), (project / "reached").exists()) == (True, False)


def test_a_database_without_a_models_table_lacks_it(
    terminal: Terminal, project: Path, shop: Database
) -> None:
    os.chdir(project)
    ran = terminal.run(
        "--database-url", shop.conninfo, "--contract", "django:shop.settings", "--select", "TBL001"
    )  # fmt: skip
    assert ran.status == 1
    assert "organization" not in ran.out
    assert "auth_group_permissions" in ran.out
    assert ran.complaints == []


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("settings", "import not_there", "importing shop.settings failed: ModuleNotFoundError: No module named 'not_there'"),
        ("models", "1 / 0", "loading the apps of shop.settings failed: ZeroDivisionError: division by zero"),
        (
            "models",
            "from django.db import models\nclass A(models.Model):\n    class Meta:\n        db_table = 'auth_user'\n"
            "class B(models.Model):\n    class Meta:\n        db_table = 'auth_user'\n",
            'ProgrammingError: relation "auth_user" already exists',
        ),
    ],
)  # fmt: skip
def test_django_projects_that_cannot_be_read_are_one_line(
    project: Path, file: str, text: str, complaint: str
) -> None:
    (project / "shop" / f"{file}.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        contract("django:shop.settings", project)
    assert str(caught.value) == f'contract source "django:shop.settings": {complaint}'


def test_django_needs_a_module(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        contract("django:shop/settings.py", tmp_path)
    assert str(caught.value) == (
        'contract source "django:shop/settings.py" names no module; write django:project.settings'
    )


MIGRATED = """\
import os, urllib.parse
from validate_schema.catalog.connect import parse_url
from psycopg.conninfo import conninfo_to_dict
SECRET_KEY = "x"
INSTALLED_APPS = ["django.contrib.%s" % name for name in
                  ("contenttypes", "auth", "admin", "sessions", "sites", "flatpages", "redirects")]
SITE_ID = 1
URL = os.environ.get("MIGRATE_TO")
given = conninfo_to_dict(URL) if URL else {}
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": given.pop("dbname", "x"),
    "USER": given.pop("user", ""), "HOST": given.pop("host", ""), "PORT": given.pop("port", ""),
    "OPTIONS": {k: v for k, v in given.items() if v}}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""


def test_a_database_that_django_migrated_satisfies_its_models(other: Database, tmp_path: Path) -> None:
    """The tables of the models, and those that years of Django's own migrations led to, are the same."""
    (tmp_path / "contrib_settings.py").write_text(MIGRATED)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "django",
            "migrate",
            "--skip-checks",
            "--verbosity=0",
            "--settings=contrib_settings",
        ],
        cwd=tmp_path,
        env={**os.environ, "MIGRATE_TO": other.conninfo, "PYTHONPATH": str(tmp_path)},
        check=True,
    )
    assert findings(other, contract("django:contrib_settings", tmp_path)) == []
    execute(other, "drop index django_session_expire_date_a5c62663; alter table auth_user drop last_name")
    assert findings(other, contract("django:contrib_settings", tmp_path)) == [
        "COL001 Column auth_user.last_name does not exist",
        "IDX006 django_session has no index that starts with (expire_date)",
    ]


def test_two_contracts_do_not_meet_on_one_server(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("create role left_behind; create table a (id int);")
    (tmp_path / "b.sql").write_text(
        "do $$ begin if exists (select from pg_roles where rolname = 'left_behind')"
        " then raise 'they meet'; end if; end $$; create table b (id int);"
    )
    with SourceContext() as context:
        for name in ("a", "b"):
            read = read_source(f"{name}.sql", tmp_path, context)
            assert [t.name for t in read.tables] == [name]
