"""SQLite: what exists there is examined, what does not is not applicable, and nothing is promised for it."""

import csv
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.fix_cli import Terminal
from tests.fix_pages import blocks
from validate_schema import render, validate
from validate_schema.catalog.snapshot import dump_snapshot
from validate_schema.catalog.sqlite.opening import memory_engine, opened
from validate_schema.catalog.sqlite.reader import read_sqlite
from validate_schema.model.catalog import Column, Constraint, Index, QName, Table
from validate_schema.model.errors import UsageError
from validate_schema.model.report import Report
from validate_schema.report.headline import figures
from validate_schema.report.promises import promises
from validate_schema.report.view import View

PROVIDERS = """
create table dns_providers (
    id integer primary key,
    name varchar(80) not null,
    key_version integer not null default 1
);
create index dns_providers_key_version on dns_providers (key_version);
"""
CONTRACT = """
[contract.tables.dns_providers]
primary_key = ["id"]
indexes = [["key_version"]]
[contract.tables.dns_providers.columns]
id = { type = "bigint" }
name = { type = "varchar(80)", nullable = false }
key_version = { type = "integer", nullable = false, default = 1 }
"""
TENANTS = """
create table organization (id char(32) primary key not null, name text not null);
create table task (
    id char(32) primary key not null,
    org_id char(32) not null references organization (id) on delete cascade,
    title TEXT not null,
    status varchar(9) not null check (status in ('open', 'it''s')),
    done boolean not null default 0,
    twice INTEGER generated always as (1 + 1) virtual,
    constraint task_title unique (org_id, title)
);
create index task_open on task (org_id, lower(title) desc) where done = 0 and title <> ')';
create view undone as select id, title from task where done = 0;
"""
TENANCY = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\n'


def make(path: Path, sql: str) -> str:
    connection = sqlite3.connect(path)
    connection.executescript(sql)
    connection.close()
    return f"sqlite:///{path}"


def found(report: Report) -> list[str]:
    return [f"{f.check} {f.message}" for f in report.findings]


@pytest.mark.parametrize(
    ("sql", "messages"),
    [
        (PROVIDERS, []),
        ("create table other (id integer primary key);", ["TBL001 Table dns_providers does not exist"]),
        (
            PROVIDERS.partition("create index")[0],
            ["IDX006 dns_providers has no index that starts with (key_version)"],
        ),
        (
            PROVIDERS.replace("default 1", "default 2"),
            ["COL004 Column dns_providers.key_version has another default than declared"],
        ),
        (PROVIDERS.replace("default 1", ""), ["COL004 Column dns_providers.key_version has no default"]),
        (
            PROVIDERS.replace("integer not null", "integer"),
            ["COL003 Column dns_providers.key_version is nullable, and declared NOT NULL"],
        ),
        (
            PROVIDERS.replace("(80)", "(60)"),
            ["COL002 Column dns_providers.name has another type than declared"],
        ),
        (
            PROVIDERS.replace("key_version integer", "key_version text"),
            ["COL002 Column dns_providers.key_version has another type than declared"],
        ),
    ],
)
def test_the_command_line_finds_what_the_migration_left_out(
    terminal: Terminal, sql: str, messages: list[str]
) -> None:
    url = make(terminal.folder / "app.db", sql)
    terminal.write("validate-schema.toml", CONTRACT)
    ran = terminal.run(
        "--database-url",
        url,
        "--select",
        "TBL001,TBL007,COL,IDX006,UNQ004",
        "--fail-on",
        "warning",
        "--report",
        "r.json",
    )
    report = json.loads((terminal.folder / "r.json").read_text())

    assert [f"{f['check']} {f['message']}" for f in report["findings"]] == messages
    assert ran.status == (1 if messages else 0)
    assert ran.out.splitlines()[2].startswith("app.db, SQLite 3.")


def test_what_sqlite_does_not_have_is_not_applicable_and_no_remedy_is_for_postgresql(tmp_path: Path) -> None:
    url = make(
        tmp_path / "app.db", TENANTS.replace("constraint task_title unique (org_id, title)", "unique (title)")
    )
    report = validate(database_url=url, config=TENANCY)
    judged = {c.id: c.status for c in report.checks}

    assert {c.status for c in report.checks if c.family in ("RLS", "BYP", "ISO", "DAT")} == {"not_applicable"}
    assert {judged[id] for id in ("TBL006", "IDX003", "FKY003", "TEN007")} == {"not_applicable"}
    assert [c.reason for c in report.checks if c.id == "RLS001"] == [
        "SQLite has nothing that it could examine"
    ]
    assert (judged["TEN002"], judged["UNQ001"], report.verdict) == ("passed", "failed", "FAIL")
    assert {(f.remedy.sql, f.remedy.lock) for f in report.findings} == {((), "")}
    assert all("SQLite" in f.remedy.note for f in report.findings)


def test_a_report_claims_nothing_of_what_sqlite_does_not_have(tmp_path: Path) -> None:
    report = validate(database_url=make(tmp_path / "app.db", TENANTS), config=TENANCY)
    lines = {line.text: (line.mark, line.note) for line in promises(report)}
    marks = {f.label: (f.mark, f.note) for f in figures(report)}
    (task,) = [row for row in csv.DictReader(StringIO(render(report, "csv"))) if row["table"] == "task"]

    assert {cell.text for row in View(report).rows for cell in row.cells[7:]} == {"n/a", "no"}
    assert (task["rls"], task["forced"], task["policies"]) == ("", "", "")
    assert lines["indexes are valid"] == ("none", "SQLite has nothing that it could examine")
    assert lines["isolation proven with rows"][1].startswith("SQLite has no roles")
    assert marks["tenant tables protected"] == ("none", "SQLite has no row-level security")
    assert "### Row-level security\n\nSQLite has none.\n" in render(report, "md")
    assert "- Tenant context and app roles: SQLite has none\n" in render(report, "md")
    assert render(report, "html").count("SQLite has none") >= 2


def test_the_tenancy_that_is_asked_for_has_no_setting_in_sqlite(tmp_path: Path) -> None:
    report = validate(database_url=make(tmp_path / "a.db", "create table a (b);"), config="")
    assert "setting =" not in render(report, "txt")
    assert 'root = "Organization"' in render(report, "txt")


def test_diff_says_that_it_is_sqlite(terminal: Terminal) -> None:
    url = make(terminal.folder / "a.db", "create table a (b integer);")
    ran = terminal.run("diff", url, make(terminal.folder / "b.db", "create table a (b text);"))
    assert ran.status == 1
    assert "- A: database a.db (SQLite 3." in ran.out
    assert "PostgreSQL" not in ran.out


def test_a_sound_tenant_schema_passes(tmp_path: Path) -> None:
    url = make(tmp_path / "app.db", TENANTS)
    contract = """
        [contract.enums]
        status = ["open", "it's"]
        [contract.tables.task]
        unique = [["org_id", "title"]]
        foreign_keys = [{ columns = ["org_id"], references = "organization", on_delete = "cascade" }]
        policies.own = { using = "true" }
        grants.app = ["SELECT"]
        [contract.tables.task.columns]
        id = { type = "uuid" }
        org_id = { type = "uuid", nullable = false }
        status = { type = "status", nullable = false }
        done = { type = "boolean", default = "false" }
        [contract.views]
        undone = ["id", "title"]
    """
    report = validate(database_url=url, config=TENANCY + contract)
    assert (found(report), report.verdict) == ([], "PASS")


@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("check (status in ('open'))", "ENU002 Enum status in task.task_check lacks done"),
        ("check (status in ('open', 'done', 'new'))", "ENU002 Enum status in task.task_check has new besides"),
        ("", "ENU001 Enum status does not exist"),
    ],
)  # fmt: skip
def test_a_check_that_lists_values_stands_for_an_enum(tmp_path: Path, check: str, message: str) -> None:
    url = make(tmp_path / "app.db", f"create table task (id integer primary key, status varchar(9) {check})")
    contract = '[contract.enums]\nstatus = ["open", "done"]\n[contract.tables.task.columns]\nstatus = { type = "status" }'
    assert found(validate(database_url=url, config=contract, select="ENU,COL")) == [message]


def test_tables_are_read_with_everything_on_them(tmp_path: Path) -> None:
    with opened(make(tmp_path / "app.db", TENANTS)) as connection:
        catalog = read_sqlite(connection, "app.db")
    task = catalog.tables[1]

    assert (catalog.server.product, catalog.server.database, catalog.server.default_schema) == (
        "SQLite",
        "app.db",
        "main",
    )
    assert task == Table(
        "main",
        "task",
        owner="",
        columns=(
            Column("id", "char(32)", not_null=True),
            Column("org_id", "char(32)", not_null=True),
            Column("title", "TEXT", not_null=True),
            Column("status", "varchar(9)", not_null=True),
            Column("done", "boolean", not_null=True, default="0"),
            Column("twice", "INTEGER", default="1 + 1", generated="virtual"),
        ),
        constraints=(
            Constraint("task_pkey", "primary key", ("id",), index="task_pkey"),
            Constraint("task_title", "unique", ("org_id", "title"), index="task_title"),
            Constraint(
                "task_org_id_fkey",
                "foreign key",
                ("org_id",),
                references=QName("main", "organization"),
                referenced_columns=("id",),
                on_delete="cascade",
            ),
            Constraint(
                "task_check",
                "check",
                ("status",),
                definition="CHECK ((\"status\" = ANY (ARRAY['open'::text, 'it''s'::text])))",
            ),
        ),
        indexes=(
            Index(
                "task_open",
                ("org_id", None),
                expressions=("lower(title)",),
                predicate="done = 0 and title <> ')'",
                options=(0, 1),
            ),
            Index("task_pkey", ("id",), unique=True, primary=True, constraint="task_pkey"),
            Index("task_title", ("org_id", "title"), unique=True, constraint="task_title"),
        ),
    )
    assert [(v.name, v.columns) for v in catalog.views] == [("undone", ("id", "title"))]


def test_hostile_names_are_read_as_they_are(tmp_path: Path) -> None:
    name = "we\"ird; -- ' [`<b>"
    quoted = '"' + name.replace('"', '""') + '"'
    sql = f"create table {quoted} ({quoted} text check ({quoted} in ('a'))); create index {quoted[:-1]}x\" on {quoted} ({quoted} desc)"
    with opened(make(tmp_path / "app.db", sql)) as connection:
        (table,) = read_sqlite(connection, "app.db").tables
    assert (table.name, table.columns[0].name) == (name, name)
    assert table.indexes == (Index(f"{name}x", (name,), options=(1,)),)


MODELS = """
import enum, uuid
from datetime import datetime
from sqlalchemy import DateTime, Enum, ForeignKey, Index, JSON, LargeBinary, Numeric, String, UniqueConstraint, func, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Status(enum.Enum):
    open = 1
    done = 2


class Base(DeclarativeBase):
    pass


class Organization(Base):
    __tablename__ = "organization"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Task(Base):
    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("org_id", "title", name="task_title"),
        Index("task_late", func.lower(text("title")), sqlite_where=text("status = 'open'"),
              postgresql_where=text("status = 'open'")),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organization.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(80))
    status: Mapped[Status] = mapped_column(Enum(Status, create_constraint=True), server_default="open")
    price: Mapped[float] = mapped_column(Numeric(10, 2))
    rate: Mapped[float]
    data: Mapped[dict] = mapped_column(JSON, server_default="{}")
    raw: Mapped[bytes | None]
    active: Mapped[bool] = mapped_column(server_default=text("true"))
"""


def models(folder: Path, engine: "sqlalchemy.Engine") -> None:
    (folder / "models.py").write_text(MODELS)
    namespace: dict[str, Any] = {"__name__": "models_of_sqlite"}
    exec(compile(MODELS, "models_of_sqlite", "exec", dont_inherit=True), namespace)
    namespace["Base"].metadata.create_all(engine)


def test_models_are_satisfied_by_the_sqlite_database_that_they_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    engine = memory_engine()
    models(tmp_path, engine)
    config = TENANCY + "[contract]\nclosed = true\n"
    given: dict[str, Any] = {
        "engine": engine,
        "config": config,
        "contract": ["models:models:Base"],
        "select": "TBL,COL,ENU,FKY002,FKY009,UNQ004,UNQ006,IDX006,IDX007",
    }

    assert found(validate(**given)) == []
    with engine.begin() as connection:
        connection.exec_driver_sql("drop index task_late")
        connection.exec_driver_sql("alter table task drop column raw")
    assert found(validate(**given)) == [
        "COL001 Column task.raw does not exist",
        "IDX006 task has no index that starts with (lower(title)) WHERE status = 'open'",
    ]
    engine.dispose()


def test_an_in_memory_database_keeps_one_connection_that_all_threads_see() -> None:
    engine = memory_engine()
    with engine.begin() as connection:
        connection.connection.executescript(PROVIDERS)
    with ThreadPoolExecutor(4) as pool:
        reports = list(
            pool.map(lambda _: validate(engine=engine, config=CONTRACT, select="TBL001"), range(8))
        )

    assert [(r.verdict, r.checks[0].examined, r.target.server) for r in reports] == [
        ("PASS", 1, "in memory")
    ] * 8
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from dns_providers").scalar_one() == 0
    engine.dispose()


def test_an_open_connection_is_read_as_it_is() -> None:
    own = sqlite3.connect(":memory:")
    own.executescript(PROVIDERS)
    own.execute("insert into dns_providers (name) values ('a')")
    assert validate(connection=own, config=CONTRACT, select="TBL001").verdict == "PASS"
    assert (own.in_transaction, own.execute("select count(*) from dns_providers").fetchone()) == (True, (1,))
    own.close()

    engine = memory_engine()
    with engine.connect() as connection:
        connection.exec_driver_sql("create table dns_providers (id integer)")
        assert validate(connection=connection, config=CONTRACT, select="TBL001").verdict == "PASS"
    engine.dispose()


def test_an_engine_whose_memory_nobody_else_sees_is_refused() -> None:
    engine = sqlalchemy.create_engine("sqlite://")
    with pytest.raises(UsageError) as caught:
        validate(engine=engine)
    assert str(caught.value) == (
        "the in-memory database has no tables; each connection to one has its own, unless its engine keeps a single "
        "one: make it with validate_schema.memory_engine() or poolclass=StaticPool"
    )
    engine.dispose()


def test_a_snapshot_of_sqlite_is_still_one_of_sqlite(tmp_path: Path) -> None:
    with opened(make(tmp_path / "app.db", TENANTS)) as connection:
        (tmp_path / "s.json").write_bytes(dump_snapshot(read_sqlite(connection, "app.db")))
    report = validate(snapshot=tmp_path / "s.json", config=TENANCY)
    assert {c.status for c in report.checks if c.family == "RLS"} == {"not_applicable"}


def test_another_sqlite_database_is_a_contract(tmp_path: Path) -> None:
    make(tmp_path / "good.db", PROVIDERS)
    url = make(tmp_path / "app.db", PROVIDERS.replace("default 1", "default 2"))
    report = validate(
        database_url=url,
        contract=[f"sqlite:///{tmp_path}/good.db"],
        select="COL,IDX006,TBL001",
        fail_on="warning",
    )
    assert found(report) == ["COL004 Column dns_providers.key_version has another default than declared"]


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (("--database-url", "sqlite:///gone.db"), 3, "gone.db: there is no such SQLite database"),
        (("--database-url", "sqlite:///text.db"), 3, "text.db cannot be read: file is not a database"),
        (
            ("--database-url", "sqlite:///:memory:"),
            2,
            "an in-memory database lives in the process that opened it: give its engine to "
            "validate_schema.validate(engine=…)",
        ),
        (
            ("--database-url", "sqlite:///app.db", "--prove"),
            2,
            "SQLite has no roles and no row-level security: there is no isolation to prove",
        ),
        (
            ("prove", "--database-url", "sqlite:///app.db"),
            2,
            "SQLite has no roles and no row-level security: there is no isolation to prove",
        ),
        (
            ("fix", "--database-url", "sqlite:///app.db", "--output", "-"),
            2,
            "fix writes and tries PostgreSQL's SQL: a database of SQLite is mended by its own migration tool",
        ),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    terminal: Terminal, arguments: tuple[str, ...], status: int, complaint: str
) -> None:
    make(terminal.folder / "app.db", PROVIDERS)
    terminal.write("text.db", "this is no database, only some text that is long enough for a header")
    ran = terminal.run(*arguments)
    assert (ran.status, ran.complaint) == (status, f"error: {complaint}")
    assert not (terminal.folder / "gone.db").exists()


def test_the_example_of_the_documentation_runs() -> None:
    (example,) = blocks("sqlite.md", "python")
    namespace: dict[str, Any] = {}
    exec(compile(example, "docs/sqlite.md", "exec", dont_inherit=True), namespace)
    namespace["engine"].dispose()
    assert namespace["report"].verdict == "PASS"


def test_the_documented_contract_is_the_one_that_is_tested(tmp_path: Path) -> None:
    (contract,) = blocks("sqlite.md", "toml")
    url = make(tmp_path / "app.db", PROVIDERS.replace("default 1", "default 2"))
    report = validate(database_url=url, config=contract, select="TBL,COL,IDX")
    assert found(report) == ["COL004 Column dns_providers.key_version has another default than declared"]


def test_the_doctor_looks_at_sqlite_too(terminal: Terminal) -> None:
    make(terminal.folder / "app.db", PROVIDERS)
    ran = terminal.run("doctor", "--database-url", "sqlite:///app.db")
    assert (ran.status, ": 1 table\n" in ran.out) == (0, True)
