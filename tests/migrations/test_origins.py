"""Each finding is sent to the line that created its object, or that declares it."""

from pathlib import Path

import pytest

from tests.fix_cli import SHOP_CONFIG, Terminal
from validate_schema.migrations import discover
from validate_schema.migrations.ddl.origins import find_origins
from validate_schema.model.finding import ObjectRef
from validate_schema.report import read_report
from validate_schema.run.locate import shown_path

FIRST = """-- The first tables.
create type mood as enum ('good');
create table shop (
    id int primary key,
    "é name" text not null,
    owner int references shop (id),
    constraint "Shop key" unique ("é name")
);

/* a comment; with a semicolon */ create index on shop (owner);
create policy p on shop using (true);
create function f(a int) returns int language sql as 'select 1;';
create trigger g before insert on shop for each row execute function f();
create view seen as select 1;
"""
SECOND = """alter table shop
    add column note text,
    add constraint late check (note <> '');
create table if not exists shop (id int);
create schema "Other";
set search_path to "Other", public;
create table shop (id int);
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "01_a.sql").write_text(FIRST, encoding="utf-8")
    (tmp_path / "02_b.sql").write_text(SECOND)
    return tmp_path


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        (ObjectRef("table", "public", "shop"), "01_a.sql:3"),
        (ObjectRef("column", "public", "shop", "é name"), "01_a.sql:5"),
        (ObjectRef("constraint", "public", "shop", "shop_pkey"), "01_a.sql:4"),
        (ObjectRef("constraint", "public", "shop", "shop_owner_fkey"), "01_a.sql:6"),
        (ObjectRef("index", "public", "shop", "Shop key"), "01_a.sql:7"),
        (ObjectRef("index", "public", "shop", "shop_owner_idx"), "01_a.sql:10"),
        (ObjectRef("policy", "public", "shop", "p"), "01_a.sql:11"),
        (ObjectRef("enum", "public", name="mood"), "01_a.sql:2"),
        (ObjectRef("function", "public", name="f(a integer)"), "01_a.sql:12"),
        (ObjectRef("trigger", "public", "shop", "g"), "01_a.sql:13"),
        (ObjectRef("view", "public", "seen"), "01_a.sql:14"),
        (ObjectRef("column", "public", "shop", "note"), "02_b.sql:2"),
        (ObjectRef("constraint", "public", "shop", "late"), "02_b.sql:3"),
        (ObjectRef("table", "Other", "shop"), "02_b.sql:7"),
        (ObjectRef("column", "public", "shop", "missing"), None),
        (ObjectRef("role", name="app"), None),
    ],
)
def test_an_object_is_found_on_the_line_that_creates_it(
    folder: Path, ref: ObjectRef, expected: str | None
) -> None:
    found = find_origins(discover(folder)).exact(ref)
    assert (f"{found.file}:{found.line}" if found else None) == expected


AGAIN = {
    "a table that was made anew": (
        "drop table shop; create table shop (id int);",
        ObjectRef("column", "public", "shop", "id"),
        "02_b.sql:1",
    ),
    "a column that went with its table": (
        "drop table shop; create table shop (id int);",
        ObjectRef("column", "public", "shop", "owner"),
        None,
    ),
    "a dropped column": (
        "alter table shop drop column owner;",
        ObjectRef("column", "public", "shop", "owner"),
        None,
    ),
    "a renamed table's column": (
        "alter table shop rename to store;",
        ObjectRef("column", "public", "store", "owner"),
        "01_a.sql:6",
    ),
    "a renamed column": (
        "alter table shop rename owner to boss;",
        ObjectRef("column", "public", "shop", "boss"),
        "01_a.sql:6",
    ),
    "a renamed index": (
        "alter index shop_owner_idx rename to i;",
        ObjectRef("index", "public", "shop", "i"),
        "01_a.sql:10",
    ),
    "an index made anew": (
        "drop index shop_owner_idx;\ncreate index if not exists shop_owner_idx on shop (owner);",
        ObjectRef("index", "public", "shop", "shop_owner_idx"),
        "02_b.sql:2",
    ),
    "an index that went with its column": (
        "alter table shop drop column owner;",
        ObjectRef("index", "public", "shop", "shop_owner_idx"),
        None,
    ),
    "a check without a name": (
        "\nalter table shop add check (id > 0);",
        ObjectRef("constraint", "public", "shop", "shop_id_check"),
        "02_b.sql:2",
    ),
    "a check of two columns": (
        "alter table shop add check (id > owner);",
        ObjectRef("constraint", "public", "shop", "shop_check"),
        "02_b.sql:1",
    ),
    "an exclusion without a name": (
        "alter table shop add exclude using btree (owner with =);",
        ObjectRef("constraint", "public", "shop", "shop_owner_excl"),
        "02_b.sql:1",
    ),
    "a renamed policy": (
        "alter policy p on shop rename to q;",
        ObjectRef("policy", "public", "shop", "q"),
        "01_a.sql:11",
    ),
    "a trigger that was dropped": (
        "drop trigger g on shop;",
        ObjectRef("trigger", "public", "shop", "g"),
        None,
    ),
    "a renamed view": ("alter view seen rename to saw;", ObjectRef("view", "public", "saw"), "01_a.sql:14"),
    "a view that was replaced": (
        "create or replace view seen as select 2;",
        ObjectRef("view", "public", "seen"),
        "02_b.sql:1",
    ),
    "a table that is there already": (
        "create table if not exists shop (id int);",
        ObjectRef("table", "public", "shop"),
        "01_a.sql:3",
    ),
    "what a schema took along": (
        "create schema s; alter table shop set schema s; drop schema s cascade;",
        ObjectRef("column", "s", "shop", "id"),
        None,
    ),
    "a function by the name of a table that was dropped": (
        "create function shop() returns int language sql as 'select 1';\ndrop table shop;",
        ObjectRef("function", "public", name="shop()"),
        "02_b.sql:1",
    ),
    "a policy made anew": (
        "drop policy p on shop;\ncreate policy p on shop using (id = 1);",
        ObjectRef("policy", "public", "shop", "p"),
        "02_b.sql:2",
    ),
    "a table that moved": (
        "create schema s; alter table shop set schema s;",
        ObjectRef("table", "s", "shop"),
        "01_a.sql:3",
    ),
    "a type made anew": (
        "drop type mood;\ncreate type mood as enum ('bad');",
        ObjectRef("enum", "public", name="mood"),
        "02_b.sql:2",
    ),
    "a table after a statement that nobody can parse": (
        "create nonsense;\ncreate table late (id int);",
        ObjectRef("table", "public", "late"),
        "02_b.sql:2",
    ),
}


@pytest.mark.parametrize("case", AGAIN)
def test_what_happened_to_an_object_later_is_followed(folder: Path, case: str) -> None:
    sql, ref, expected = AGAIN[case]
    (folder / "02_b.sql").write_text(sql)
    found = find_origins(discover(folder)).exact(ref)
    assert (f"{found.file}:{found.line}" if found else None) == expected


def test_the_lines_of_a_tools_up_section_are_those_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "001_a.sql").write_text(
        "-- about\n\n-- +goose Up\ncreate table t (\n  id int\n);\n-- +goose Down\ndrop table t;\n"
    )
    found = find_origins(discover(tmp_path))
    assert found.exact(ObjectRef("column", "public", "t", "id")) == ("001_a.sql", 5)


BROKEN = """create table organization (id uuid primary key);
create table invoice (
    id uuid primary key,
    org_id uuid not null references organization (id) on delete cascade,
    number text not null unique,
    key_version integer not null default 2
);
"""
DECLARED = """
[contract]
from = ["schema.prisma"]

[contract.tables.invoice]
columns.key_version = { type = "integer", default = "1" }
"""
PRISMA = """datasource db {
  provider = "postgresql"
}

model invoice {
  id      String @id @db.Uuid
  missing String
}
"""


def test_findings_name_the_migration_then_the_declaration_relative_to_the_repository(
    terminal: Terminal,
) -> None:
    (terminal.folder / ".git").mkdir()
    terminal.write("backend/db/01_a.sql", BROKEN)
    terminal.write("backend/schema.prisma", PRISMA)
    config = terminal.write("backend/validate-schema.toml", SHOP_CONFIG + DECLARED)
    terminal.run(
        "--migrations", "backend/db", "--config", str(config), "--select", "UNQ001,COL,TBL,RLS001",
        "--report", "r.json",
    )  # fmt: skip
    report = read_report(terminal.folder / "r.json")
    found = {(f.check, f.object.label()): f.location for f in report.findings}

    assert found[("UNQ001", "invoice.invoice_number_key")] == "backend/db/01_a.sql:5"
    assert found[("RLS001", "invoice")] == "backend/db/01_a.sql:2"
    assert {place for (_, label), place in found.items() if label == "invoice.key_version"} == {
        "backend/db/01_a.sql:6"
    }
    assert {place for (_, label), place in found.items() if label == "invoice.missing"} == {
        "backend/schema.prisma:7"
    }
    assert report.provenance.config_path == "backend/validate-schema.toml"


def test_a_database_has_the_lines_of_the_migrations_that_the_config_names(
    terminal: Terminal, shop: object
) -> None:
    conninfo: str = shop.conninfo  # type: ignore[attr-defined]
    terminal.write(
        "db/01_a.sql",
        "create table organization (id uuid);\n\ncreate table purchase (\n  id uuid,\n  number text unique);",
    )
    terminal.write(
        "validate-schema.toml",
        SHOP_CONFIG
        + '[migrations]\npath = "db"\n[[checks.suppress]]\ncheck = "UNQ001"\nobject = "customer.gone"\nreason = "x"\n',
    )
    terminal.run("--database-url", conninfo, "--select", "UNQ001,SUP", "--report", "r.json")
    report = read_report(terminal.folder / "r.json")

    assert [(f.check, f.location) for f in report.findings] == [
        ("UNQ001", "db/01_a.sql:5"),
        ("SUP002", "validate-schema.toml:9"),
    ]


def test_no_path_of_the_machine_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project" / "db").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "project" / "db" / "a.sql"
    monkeypatch.chdir(tmp_path / "project")
    assert shown_path(file) == "db/a.sql"
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert shown_path(file) == "project/db/a.sql"
    assert shown_path(file, tmp_path / "project" / "db") == "a.sql"
    (tmp_path / ".git").mkdir()
    assert shown_path(file) == "project/db/a.sql"
