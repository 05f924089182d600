"""The contract: what the config declares, what a snapshot holds, and both together."""

from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from validate_schema.catalog.reader import read_catalog
from validate_schema.catalog.snapshot import dump_snapshot
from validate_schema.config import parse_toml
from validate_schema.model.contract import (
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedGrant,
    ExpectedKey,
    ExpectedPolicy,
    ExpectedTable,
)
from validate_schema.model.errors import ConfigError, SnapshotError
from validate_schema.sources.build import build_contract

Connection = psycopg.Connection[Any]
FORMS = (
    "a Prisma schema (a .prisma file, or a folder of them), SQL (an .sql file, or a folder of them), SQLAlchemy models "
    "(models:module:Base), Django models (django:settings.module), a catalog snapshot (.json), a database (postgresql://… or sqlite:///…)"
)


def contract(text: str, base: Path = Path()) -> Contract:
    return build_contract(parse_toml(text, "test"), base)


def test_without_a_contract_nothing_is_expected() -> None:
    assert contract("") == Contract()


def test_everything_that_the_config_declares_is_expected() -> None:
    text = """
        [contract]
        closed = true
        enums.TaskStatus = ["TODO", "DONE"]
        enums."app.Mood" = ["sad"]
        [contract.tables.Task]
        tenant = true
        unique = [["orgId", "name"]]
        indexes = [["orgId"]]
        foreign_keys = [{ columns = ["orgId"], references = "Organization", on_delete = "cascade" }]
        columns.version = { type = "integer", nullable = false, default = 1 }
        columns.note = { default = false }
        columns.name = {}
        policies.own = { command = "SELECT", roles = ["app", "public"], using = "true" }
        grants.app = ["select", "INSERT"]
        [contract.tables."auth.users"]
    """
    origin = "[contract.tables.Task]"
    assert contract(text) == Contract(
        tables=(
            ExpectedTable(
                name="Task",
                tenant=True,
                origin=origin,
                columns=(
                    ExpectedColumn(
                        name="version",
                        type="integer",
                        nullable=False,
                        default="1",
                        default_declared=True,
                        origin=origin,
                    ),
                    ExpectedColumn(name="note", default_declared=True, origin=origin),
                    ExpectedColumn(name="name", origin=origin),
                ),
                uniques=(ExpectedKey(columns=("orgId", "name"), origin=origin),),
                indexes=(ExpectedKey(columns=("orgId",), origin=origin),),
                foreign_keys=(
                    ExpectedForeignKey(
                        columns=("orgId",), references="Organization", on_delete="cascade", origin=origin
                    ),
                ),
                policies=(
                    ExpectedPolicy(
                        name="own", command="SELECT", roles=("PUBLIC", "app"), using="true", origin=origin
                    ),
                ),
                grants=(ExpectedGrant(role="app", privileges=("INSERT", "SELECT"), origin=origin),),
            ),
            ExpectedTable(name="users", schema="auth", origin="[contract.tables.auth.users]"),
        ),
        enums=(
            ExpectedEnum(name="TaskStatus", labels=("TODO", "DONE"), origin="[contract] enums"),
            ExpectedEnum(name="Mood", schema="app", labels=("sad",), origin="[contract] enums"),
        ),
        closed=True,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[contract.tables.a]\ngrants.app = ["ALL"]',
            "[contract.tables.a] grants.app: ALL is not a privilege on tables; name them: DELETE, INSERT, "
            "MAINTAIN, REFERENCES, SELECT, TRIGGER, TRUNCATE, UPDATE",
        ),
        (
            '[contract.tables.a]\nforeign_keys = [{ columns = ["x", "y"], references = "b", referenced_columns = ["z"] }]',
            "[contract.tables.a] foreign_keys: 2 columns to b, but 1 in referenced_columns",
        ),
        (
            '[contract]\nfrom = ["models.xml"]',
            'contract source "models.xml" cannot be read; supported: ' + FORMS,
        ),
        (
            '[contract]\nfrom = ["oracle://me:secret@host/db.json"]',
            'contract source "oracle://…" cannot be read; supported: ' + FORMS,
        ),
        (
            '[contract]\nfrom = ["gone.json"]',
            'contract source "gone.json": there is no such file or folder in .',
        ),
        (
            '[contract]\nfrom = ["gone.prisma"]',
            'contract source "gone.prisma": there is no such file or folder in .',
        ),
    ],
)
def test_a_contract_that_cannot_be_used_says_why(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        contract(text)
    assert str(caught.value) == message


def test_a_file_that_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SnapshotError):
        contract('[contract]\nfrom = ["x.json"]', tmp_path)


SCHEMA = """
create schema app;
create type mood as enum ('sad', 'ok');
create table org (id int primary key);
create table task (
  id int generated always as identity primary key,
  org_id int not null references org on delete cascade,
  name text default 'x',
  mood mood not null,
  twice int generated always as (1 + 1) stored,
  unique (org_id, name)
);
create index on task (name);
create index on task (name) where mood = 'ok';
create unique index on task (lower(name));
create unique index on task (mood) where name is null;
create table app.part (id int not null) partition by range (id);
create table app.part1 partition of app.part default;
create table alembic_version (version_num varchar(32) primary key);
create role t_reader;
create policy own on task for select to t_reader using (org_id = 1);
grant select, insert on task to t_reader;
grant select on org to public
"""


def snapshot(conn: Connection, folder: Path) -> None:
    conn.execute(SCHEMA)
    (folder / "known-good.json").write_bytes(dump_snapshot(read_catalog(conn)))


def expected_task(**changes: Any) -> ExpectedTable:
    origin = "known-good.json"

    def column(
        name: str, type: str, nullable: bool, default: str | None = None, declared: bool = True, **more: Any
    ) -> ExpectedColumn:
        return ExpectedColumn(
            name=name,
            type=type,
            nullable=nullable,
            default=default,
            default_declared=declared,
            origin=origin,
            **more,
        )

    def key(name: str, columns: tuple[str, ...], **details: Any) -> ExpectedKey:
        return ExpectedKey(
            columns=columns, name=name, method="btree", ordered=True, nulls_distinct=True, include=(),
            deferral="no", nulls=(), collations=("",) * len(columns), temporal=False, origin=origin, **details,
        )  # fmt: skip

    fields: dict[str, Any] = {
        "name": "task",
        "origin": origin,
        "columns": (
            column("id", "integer", False, counter=True),
            column("org_id", "integer", False),
            column("name", "text", True, "'x'::text"),
            column("mood", "mood", False),
            column("twice", "integer", True, declared=False),
        ),
        "primary_key": ExpectedKey(
            columns=("id",), name="task_pkey", deferral="no", temporal=False, origin=origin
        ),
        "uniques": (
            key("task_lower_idx", ("lower(name)",), opclasses=("",), expressions=("lower(name)",)),
            key("task_mood_idx", ("mood",), opclasses=("",), predicate="(name IS NULL)"),
            key("task_org_id_name_key", ("org_id", "name"), opclasses=("", "")),
        ),
        "indexes": (
            key("task_name_idx", ("name",), opclasses=("",)),
            key("task_name_idx1", ("name",), opclasses=("",), predicate="(mood = 'ok'::public.mood)"),
        ),
        "complete": True,
        "lists": ("check", "trigger", "rule"),
        "owner": "postgres",
        "foreign_keys": (
            ExpectedForeignKey(
                columns=("org_id",),
                references="org",
                referenced_columns=("id",),
                on_delete="cascade",
                on_update="no action",
                name="task_org_id_fkey",
                match="simple",
                deferral="no",
                enforced=True,
                origin=origin,
            ),
        ),
        "policies": (
            ExpectedPolicy(
                name="own", command="SELECT", roles=("t_reader",), using="(org_id = 1)", origin=origin
            ),
        ),
        "grants": (ExpectedGrant(role="t_reader", privileges=("INSERT", "SELECT"), origin=origin),),
    }
    return ExpectedTable(**fields | changes)


def test_a_snapshot_is_a_contract(conn: Connection, tmp_path: Path) -> None:
    snapshot(conn, tmp_path)
    found = contract('[contract]\nfrom = ["known-good.json"]', tmp_path)
    tables = {(t.schema, t.name): t for t in found.tables}
    assert set(tables) == {(None, "org"), (None, "task"), ("app", "part")}
    task = tables[None, "task"]
    assert task == expected_task()
    assert tables[None, "org"].grants == (
        ExpectedGrant(role="PUBLIC", privileges=("SELECT",), origin="known-good.json"),
    )
    assert (found.enums, found.sources) == (
        (ExpectedEnum(name="mood", labels=("sad", "ok"), origin="known-good.json"),),
        ("known-good.json",),
    )


def test_the_config_adds_to_a_snapshot_and_replaces_what_both_name(conn: Connection, tmp_path: Path) -> None:
    snapshot(conn, tmp_path)
    text = """
        [contract]
        from = ["known-good.json"]
        enums.mood = ["sad", "ok", "glad"]
        [contract.tables.task]
        columns.name = { default = false }
        columns.mood = { type = "text" }
        columns.extra = { type = "text" }
        indexes = [["org_id", "mood"]]
        grants.t_reader = ["SELECT"]
        [contract.tables.more]
    """
    found = contract(text, tmp_path)
    task = next(t for t in found.tables if t.name == "task")
    before = expected_task()
    origin = "[contract.tables.task]"
    name = ExpectedColumn(name="name", type="text", nullable=True, default_declared=True, origin=origin)
    assert [t.name for t in found.tables] == ["more", "org", "task", "part"]
    assert task == expected_task(
        origin=origin,
        columns=(
            *before.columns[:2],
            name,
            msgspec.structs.replace(before.columns[3], type="text", origin=origin),
            before.columns[4],
            ExpectedColumn(name="extra", type="text", origin=origin),
        ),
        indexes=(*before.indexes, ExpectedKey(columns=("org_id", "mood"), origin=origin)),
        grants=(ExpectedGrant(role="t_reader", privileges=("SELECT",), origin=origin),),
    )
    assert found.enums == (
        ExpectedEnum(name="mood", labels=("sad", "ok", "glad"), origin="[contract] enums"),
    )
