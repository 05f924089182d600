"""What members are measured against when it is no member: a snapshot, or migrations that are replayed."""

import json
from typing import Any

import pytest

from tests.fix_cli import Ran, Terminal
from tests.fix_server import fresh
from validate_schema import UsageError
from validate_schema import fleet as examine
from validate_schema.scratch import Database

STEPS = {
    "V1__begin.sql": "create table account (id bigint primary key, name text not null);"
    " create index account_name on account (name);",
    "V2__invoice.sql": "create table invoice (id bigint primary key, account_id bigint references account (id));",
    "V3__rows.sql": "insert into account values (1, 'first');",
    "V4__note.sql": "alter table account add column note text;",
    "V5__total.sql": "alter table invoice add column total numeric not null default 0; drop index account_name;",
}
NAMES = ("tenant_1", "tenant_2", "tenant_3", "tenant_4", "tenant_5")


def migrate(database: Database, schema: str, *left_out: str) -> None:
    with database.connect(autocommit=True) as conn:
        conn.execute(f'create schema "{schema}"'.encode())
        conn.execute(f'set search_path = "{schema}", public'.encode())
        for name, sql in STEPS.items():
            if name[:2] not in left_out:
                conn.execute(sql.encode())


@pytest.fixture
def fleet(database: Database, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Three members behind in their own ways, one by hand, one as it should be."""
    monkeypatch.setenv("DATABASE_URL", database.conninfo)
    for name, sql in STEPS.items():
        terminal.write(f"migrations/{name}", sql)
    migrate(database, "tenant_1")
    migrate(database, "tenant_2", "V5")
    migrate(database, "tenant_3", "V4", "V5")
    migrate(database, "tenant_4", "V4")
    migrate(database, "tenant_5")
    with database.connect(autocommit=True) as conn:
        conn.execute("alter table tenant_5.account add column odd integer")
        conn.execute("create table public.plan (name text)")
    return database


def run(terminal: Terminal, *arguments: str) -> tuple[Ran, dict[str, Any]]:
    ran = terminal.run("fleet", "--schemas", "tenant_%", "--select", "TBL001", "--format", "json", *arguments)
    return ran, json.loads(ran.out) if ran.status != 2 else {}


def states(report: dict[str, Any]) -> dict[str, str]:
    return {row["name"]: row["state"] for row in report["members"]}


def shapes(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {shape["sample"]: shape for shape in report["shapes"]}


def test_members_are_measured_against_migrations_and_stand_apart_since_one(
    fleet: Database, terminal: Terminal
) -> None:
    ran, report = run(terminal, "--migrations", "migrations")
    assert ran.status == 1, ran.err
    assert report["reference"]["name"] == "migrations"
    assert states(report) == {
        "tenant_1": "alike", "tenant_2": "differs", "tenant_3": "differs", "tenant_4": "differs",
        "tenant_5": "differs",
    }  # fmt: skip
    of = shapes(report)
    told = {name: (of[name].get("since", ""), of[name].get("after", "")) for name in NAMES}
    assert told == {
        "tenant_1": ("", ""),
        "tenant_2": ("V5__total.sql", "V4__note.sql"),
        "tenant_3": ("V4__note.sql", "V3__rows.sql"),
        "tenant_4": ("V4__note.sql", ""),
        "tenant_5": ("", ""),
    }
    assert [c["object"]["name"] for c in of["tenant_5"]["changes"]] == ["odd"]
    for format in ("txt", "md", "html", "junit", "sarif"):
        shown = terminal.run(
            "fleet",
            "--schemas",
            "tenant_%",
            "--migrations",
            "migrations",
            "--select",
            "TBL001",
            "--format",
            format,
        )
        text = shown.out.replace("\\", "")
        assert "stands apart since V4__note.sql: it is as after V3__rows.sql" in text, format


def test_a_member_that_is_as_nothing_else_leaves_the_reference_without_members(
    fleet: Database, terminal: Terminal
) -> None:
    terminal.write("migrations/V6__more.sql", "create table more (id bigint primary key);")
    ran, report = run(terminal, "--migrations", "migrations")
    assert ran.status == 1
    assert set(states(report).values()) == {"differs"}
    (reference,) = [shape for shape in report["shapes"] if shape.get("reference")]
    assert (reference["members"], reference["sample"]) == (0, "")
    assert shapes(report)["tenant_1"]["since"] == "V6__more.sql"
    for format in ("txt", "md", "html", "csv", "junit", "sarif", "openmetrics"):
        asked = ("fleet", "--schemas", "tenant_%", "--migrations", "migrations", "--format", format)
        assert terminal.run(*asked).status in (1, 3)


def test_members_are_measured_against_a_snapshot(fleet: Database, terminal: Terminal) -> None:
    assert terminal.run("snapshot", "--output", "then.json").status == 0
    unsure, _ = run(terminal, "--reference", "then.json")
    assert (unsure.status, "add #schema=NAME" in unsure.complaint) == (2, True)
    wrong, _ = run(terminal, "--reference", "then.json#schema=tenant_9")
    assert (wrong.status, "there is no schema tenant_9" in wrong.complaint) == (2, True)
    with fleet.connect(autocommit=True) as conn:
        conn.execute("alter table tenant_1.account drop column note")
    ran, report = run(terminal, "--reference", "then.json#schema=tenant_5")
    assert ran.status == 1
    assert report["reference"]["why"] == "the snapshot that was named"
    assert states(report)["tenant_5"] == "alike"
    told = {c["object"]["name"] for c in shapes(report)["tenant_1"]["changes"]}
    assert told == {"note", "odd"}


def test_the_config_may_name_a_snapshot_or_migrations(fleet: Database, terminal: Terminal) -> None:
    terminal.write("conf/validate-schema.toml", '[fleet]\nreference = "migrations:../migrations"\n')
    ran, report = run(terminal, "--config", "conf/validate-schema.toml")
    assert (ran.status, states(report)["tenant_1"]) == (1, "alike")
    assert shapes(report)["tenant_2"]["since"] == "V5__total.sql"


def test_databases_are_measured_against_migrations(fleet: Database, terminal: Terminal) -> None:
    with fresh(fleet.server) as one, fresh(fleet.server) as two:
        for database, steps in ((one, 5), (two, 4)):
            with database.connect(autocommit=True) as conn:
                for sql in list(STEPS.values())[:steps]:
                    conn.execute(sql.encode())
        terminal.write("fleet.csv", f'one,"{one.conninfo}"\ntwo,"{two.conninfo}"\n')
        ran = terminal.run(
            "fleet",
            "--targets",
            "fleet.csv",
            "--migrations",
            "migrations",
            "--select",
            "TBL001",
            "--format",
            "json",
        )
    report = json.loads(ran.out)
    assert states(report) == {"one": "alike", "two": "differs"}
    assert shapes(report)["two"]["after"] == "V4__note.sql"


def test_a_library_caller_measures_against_what_the_command_line_does(
    fleet: Database, terminal: Terminal
) -> None:
    for _ in range(2):
        report = examine(
            database_url=fleet.conninfo,
            schemas="tenant_%",
            migrations="migrations",
            resume="state",
            select="TBL001",
        )
        assert [m.name for m in report.of_state("alike")] == ["tenant_1"]
    assert terminal.folder.joinpath("state").exists()
    with pytest.raises(UsageError, match="give one"):
        examine(database_url=fleet.conninfo, schemas="t%", migrations="migrations", reference="tenant_1")


def test_parts_carry_what_they_are_measured_against(fleet: Database, terminal: Terminal) -> None:
    asked = ("fleet", "--schemas", "tenant_%", "--migrations", "migrations", "--select", "TBL001")
    whole = terminal.run(*asked, "--format", "json")
    for k in (1, 2):
        assert terminal.run(*asked, "--shard", f"{k}/2", "--report", f"part-{k}.json").status == 0
    merged = terminal.run(
        "fleet", "merge", "part-1.json", "part-2.json", "--select", "TBL001", "--format", "json"
    )
    ignored = {"generated_at"}
    one, other = (
        {k: v for k, v in json.loads(ran.out).items() if k not in ignored} for ran in (whole, merged)
    )
    assert one == other


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("--migrations", "absent"), 2, "absent"),
        (("--reference", "snapshot:absent.json"), 2, "absent.json"),
        (("--reference", "snapshot:migrations/V1__begin.sql"), 2, "V1__begin.sql"),
        (("--reference", "tenant_1", "--migrations", "migrations"), 2, "give one"),
        (("--migrations", "broken"), 3, "V1__begin.sql"),
        (("--migrations", "strong"), 3, "[migrations] superuser = true"),
    ],
)
def test_what_cannot_be_measured_against_is_one_line(
    fleet: Database, terminal: Terminal, arguments: tuple[str, ...], status: int, said: str
) -> None:
    terminal.write("broken/V1__begin.sql", "create table account (id bigint primary key, nope nope);")
    terminal.write("strong/V1__begin.sql", "alter role postgres superuser;")
    ran = terminal.run("fleet", "--schemas", "tenant_%", "--format", "json", *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert said in ran.complaint
