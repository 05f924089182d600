"""What frameworks and platforms make for themselves is known by its shape, and is nobody's to mend."""

import json
import subprocess
import sys
from typing import Any

import psycopg
import pytest

from tests.cli.test_init import SQL
from tests.fix_cli import Terminal
from tests.migrations.test_command import PYTHON
from tests.migrations.test_command_fence import DJANGO
from validate_schema.catalog.reader import read_catalog
from validate_schema.facts.platforms import HASURA, KEYCLOAK, of_frameworks, platform_of, set_apart
from validate_schema.model.catalog import QName
from validate_schema.scratch import Database

CONFIG = '[tenancy]\nroot = "organization"\ncolumn = "organization_id"\n'
HDB = """
create schema hdb_catalog;
create function hdb_catalog.gen_hasura_uuid() returns uuid language sql as 'select gen_random_uuid()';
create table hdb_catalog.hdb_version (hasura_uuid uuid primary key default hdb_catalog.gen_hasura_uuid(), version text not null);
create table hdb_catalog.hdb_metadata (id integer primary key, metadata json not null);
create table hdb_catalog.event_log (id text primary key, payload jsonb not null);
"""
STOCK = """
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                  "django.contrib.sessions", "django.contrib.sites", "django.contrib.messages", "notes"]
SECRET_KEY = "x"
SITE_ID = 1
DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "shop"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS = ["admin.E403", "admin.E406", "admin.E408", "admin.E409", "admin.E410", "admin.E411"]
USE_TZ = True
"""
MODELS = """
from django.db import models

class Organization(models.Model):
    users = models.ManyToManyField("auth.User")

class Note(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
    tags = models.ManyToManyField("Tag")

class Tag(models.Model):
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE)
"""


def test_a_stock_django_project_has_no_untrue_finding(terminal: Terminal) -> None:
    pytest.importorskip("django")
    files = DJANGO | {"shop/settings.py": STOCK, "notes/models.py": MODELS}
    files["notes/apps.py"] = (
        "from django.apps import AppConfig\n\n\nclass NotesConfig(AppConfig):\n    name = 'notes'\n"
        "    default_auto_field = 'django.db.models.AutoField'\n"
    )
    for name, text in files.items():
        terminal.write(name, text)
    (terminal.folder / "notes/migrations/0001_initial.py").unlink()
    made = [sys.executable, "manage.py", "makemigrations", "notes", "-v", "0"]
    subprocess.run(made, cwd=terminal.folder, check=True, capture_output=True)
    command = f"{PYTHON} manage.py migrate"
    terminal.write(
        "validate-schema.toml",
        f'[migrations]\npath = "."\ncommand = {json.dumps(command)}\n[contract]\nfrom = ["django:shop.settings"]\n'
        '[tenancy]\nroot = "notes_organization"\ncolumn = "organization_id"\n',
    )
    ran = terminal.run("--migrations", ".", "--format", "json")
    report = json.loads(ran.out or "{}")
    assert {f["check"] for f in report["findings"] if f["severity"] == "error"} == {"RLS001"}, ran.err
    told = {t["name"]: t["class"] for t in report["tables"]}
    assert told["auth_user"] == "exempt"


def test_a_table_with_a_column_of_its_own_is_the_applications() -> None:
    types = {"id", "app_label", "model"}
    group = {"id", "name"}
    here = {QName("public", "django_content_type"): types, QName("public", "auth_group"): group}
    assert set(of_frameworks(here)) == set(here)
    assert "Django" in of_frameworks(here)[QName("public", "auth_group")]
    more = here | {QName("public", "auth_group"): group | {"organization_id"}}
    assert set(of_frameworks(more)) == {QName("public", "django_content_type")}
    assert of_frameworks({QName("public", "auth_group"): group}) == {}
    assert of_frameworks(here | {QName("public", "django_content_type"): {"id"}}) == {}
    elsewhere = {QName("app", "auth_group"): group, QName("public", "django_content_type"): types}
    assert set(of_frameworks(elsewhere)) == {QName("public", "django_content_type")}


def test_what_hasura_keeps_is_set_apart(conn: "psycopg.Connection[Any]") -> None:
    conn.execute(HDB + SQL)
    catalog = read_catalog(conn)
    assert platform_of(catalog) is HASURA
    apart = set_apart(catalog)
    assert {t.schema for t in apart.tables} == {"public"}
    assert {t.name for t in apart.extension_tables} == {"hdb_version", "hdb_metadata", "event_log"}
    assert platform_of(apart) is HASURA
    assert set_apart(apart) == apart


def test_live_and_replayed_runs_of_a_hasura_project_agree(terminal: Terminal, database: Database) -> None:
    terminal.write("migrations/0001_a.sql", SQL)
    terminal.write("validate-schema.toml", CONFIG + '[migrations]\npath = "migrations"\n')
    with database.connect(autocommit=True) as connection:
        connection.execute(SQL + HDB)
    live = terminal.run("--database-url", database.conninfo, "--replay", "--format", "json")
    replayed = terminal.run("--migrations", "migrations", "--format", "json")
    found = [
        {(f["check"], f["object"].get("table")) for f in json.loads(ran.out)["findings"]}
        for ran in (live, replayed)
    ]
    assert "MIG011" not in {check for check, _ in found[0]}
    assert {f for f in found[0] if f[0][:3] not in ("MIG", "DAT", "BYP")} == {
        f for f in found[1] if f[0][:3] not in ("MIG", "DAT", "BYP")
    }


def test_a_schema_of_keycloaks_is_its_own_whatever_it_is_called(conn: "psycopg.Connection[Any]") -> None:
    names = [*sorted(KEYCLOAK.marking_names), "event_entity"]
    tables = "".join(f"create table sso.{name} (id text primary key);" for name in names)
    conn.execute("create schema sso;" + tables + SQL)
    catalog = set_apart(read_catalog(conn))
    assert platform_of(catalog) is KEYCLOAK
    assert {t.schema for t in catalog.tables} == {"public"}
    conn.execute("drop table sso.realm")
    assert platform_of(read_catalog(conn)) is None
