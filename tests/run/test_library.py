"""`from validate_schema import validate`: the page's examples as they stand, threads, connections."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from psycopg.rows import dict_row

import validate_schema
from tests.fix_cli import SHOP, SHOP_CONFIG, Terminal
from tests.fix_pages import DOCS, blocks
from validate_schema import Config, Request, UsageError, diff, fix, pack, prove, render, validate
from validate_schema.cli import run
from validate_schema.scratch import Database

TABLES = SHOP.strip().split("create table purchase")
PAGE = "library.md"


@pytest.fixture
def project(terminal: Terminal, shop: Database, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """The folder that the page speaks of."""
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    terminal.write("db/migrations/001_shop.sql", TABLES[0])
    terminal.write("db/migrations/002_purchase.sql", "create table purchase" + TABLES[1])
    monkeypatch.setenv("DATABASE_URL", shop.conninfo)
    return terminal


def test_the_first_example_prints_what_the_page_shows(
    project: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(blocks(PAGE, "python")[0], {})
    assert capsys.readouterr().out == blocks(PAGE, "text")[0]


@pytest.mark.parametrize("block", blocks(PAGE, "python")[1:])
def test_the_pages_examples_run_as_they_stand(
    project: Terminal, block: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, object] = {}
    exec(block, names)
    for name, value in names.items():
        if name.startswith("test_") and callable(value):
            value()
    assert capsys.readouterr() == ("", "")


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = (
        "import sys, validate_schema; print([m for m in sys.modules if m.startswith('validate_schema.')],"
        " 'psycopg' in sys.modules, sorted(set(validate_schema.__all__) - set(dir(validate_schema))))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[] False []\n"


def test_the_public_names_are_these_and_each_is_told_of() -> None:
    assert sorted(validate_schema.__all__) == [
        "Config",
        "ConfigError",
        "ConnectError",
        "Finding",
        "FleetReport",
        "MigrationError",
        "PackError",
        "ReadError",
        "ReplayError",
        "Report",
        "Request",
        "ScratchError",
        "Severity",
        "SnapshotError",
        "UsageError",
        "ValidateSchemaError",
        "__version__",
        "diff",
        "fix",
        "fleet",
        "memory_engine",
        "prove",
        "read_report",
        "render",
        "validate",
        "write",
    ]
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    assert [name for name in validate_schema.__all__ if f"`{name}`" not in page] == []


def test_what_is_offered_for_checks_is_this() -> None:
    offered = {name for name in vars(pack) if not name.startswith("_")}
    assert offered == {
        "Check", "Evidence", "Facts", "Family", "Flaw", "NotExamined", "ObjectRef", "Promise", "Remedy", "Scope",
        "Severity", "Step", "Tie", "Undecided", "Unexamined", "check",
        "model", "remedies", "rights", "roles", "scoping", "sql", "subjects",
    }  # fmt: skip
    page = (DOCS / "packs.md").read_text(encoding="utf-8")
    assert [name for name in offered if f"`{name}`" not in page] == []


def test_every_name_that_is_offered_is_there() -> None:
    assert [name for name in validate_schema.__all__ if getattr(validate_schema, name, None) is None] == []
    with pytest.raises(AttributeError):
        _ = validate_schema.nonsense  # type: ignore[attr-defined]


def test_function_and_command_line_make_the_same_report(
    project: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    run(["--migrations", "db/migrations", "--report", "r.json"])
    mine = render(validate(migrations=Path("db/migrations")), "json")
    theirs = (project.folder / "r.json").read_text()

    def lines(text: str) -> list[str]:
        return [line for line in text.splitlines() if '"command"' not in line]

    assert lines(mine) == lines(theirs)


def test_threads_at_once_do_not_disturb_each_other(project: Terminal, shop: Database) -> None:
    calls = [{"migrations": "db/migrations"}, {"database_url": shop.conninfo}] * 4
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda given: validate(**given, select="UNQ", now=moment).findings, calls))
    assert [made[n] == made[n % 2] for n in range(8)] == [True] * 8
    assert [(f.check, f.location) for f in (*made[0], *made[1])] == [
        ("UNQ001", "db/migrations/002_purchase.sql:4"),
        ("UNQ001", None),
    ]


def test_a_callers_connection_is_left_as_it_was(shop: Database) -> None:
    with psycopg.connect(shop.conninfo, row_factory=dict_row) as connection:
        connection.execute("create table draft (id int)")
        report = validate(connection=connection, config=Config())
        status, factory = connection.info.transaction_status, connection.row_factory
        row = connection.execute("select count(*) as n from draft").fetchone()
        path = connection.execute("show search_path").fetchone()
        connection.execute("insert into draft values (1)")
        connection.rollback()

    assert "draft" in {t.name for t in report.tables}
    assert status is psycopg.pq.TransactionStatus.INTRANS
    assert factory is dict_row
    assert row == {"n": 0}
    assert path == {"search_path": '"$user", public'}
    assert shop.conninfo not in render(report, "json")


def test_an_idle_connection_stays_idle(shop: Database) -> None:
    for autocommit in (True, False):
        with psycopg.connect(shop.conninfo, autocommit=autocommit) as connection:
            assert validate(connection=connection, config=SHOP_CONFIG).verdict == "FAIL"
            assert connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE


def test_sqlalchemys_connection_shows_what_its_transaction_did(shop: Database) -> None:
    engine = sqlalchemy.create_engine(shop.conninfo.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("alter table purchase drop constraint purchase_number_key"))
        within = validate(connection=connection, select="UNQ001", config=SHOP_CONFIG)
        connection.rollback()
    outside = validate(engine=engine, select="UNQ001", config=SHOP_CONFIG)
    engine.dispose()

    assert (within.verdict, outside.verdict) == ("PASS", "FAIL")


REFUSED = {
    "no target": ({}, "no target"),
    "two targets": ({"database_url": "postgresql://x/y", "snapshot": "a.json"}, "database_url and snapshot"),
    "a gate that there is not": ({"snapshot": "a.json", "fail_on": "bad"}, "fail_on='bad'"),
    "new without a baseline": ({"snapshot": "a.json", "fail_on": "new"}, "needs a baseline"),
    "a connection of something else": ({"connection": object()}, "connection=object"),
    "a wrong key of the config": ({"snapshot": "a.json", "config": "[tenancy]\nrot = 'x'"}, 'did you mean "root"'),
    "a config that is not there": ({"snapshot": "a.json", "config": "none.toml"}, "none.toml"),
    "a snapshot that is not there": ({"snapshot": "a.json"}, "a.json"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_argument_is_one_line_for_people(
    terminal: Terminal, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, said = REFUSED[case]
    with pytest.raises(UsageError) as raised:
        validate(**arguments)  # type: ignore[arg-type]
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert capsys.readouterr() == ("", "")


def test_a_request_is_the_same_as_its_arguments(project: Terminal) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    given = {"migrations": "db/migrations", "select": "UNQ", "now": moment}
    by_request, by_arguments = validate(Request.of(**given)), validate(**given)  # type: ignore[arg-type]
    assert by_request.findings == by_arguments.findings
    with pytest.raises(UsageError, match=r"select: say it to Request\.of"):
        validate(Request.of(**given), select="TEN")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected argument 'selct'"):
        validate(selct="TEN")  # type: ignore[call-arg]


def test_fix_writes_a_migration_as_the_folders_tool_wants_it_but_not_to_the_disk(project: Terminal) -> None:
    before = sorted(project.folder.rglob("*"))
    baseline = validate(migrations="db/migrations", select="UNQ001")
    mended = fix(migrations="db/migrations", select="UNQ001", name="Mend it!")
    known = fix(migrations="db/migrations", select="UNQ001", baseline=baseline)

    (path,) = mended.files
    assert path.as_posix() == "db/migrations/003_mend_it.sql"
    assert (mended.verified.failure, mended.verified.left, len(mended.plan.mended)) == ("", (), 1)
    assert (known.files, known.plan.mended) == ({}, [])
    assert sorted(project.folder.rglob("*")) == before
    with pytest.raises(UsageError, match="nowhere to write"):
        fix(snapshot="none.json")


def test_prove_runs_the_checks_on_the_proof_whatever_was_selected(shop: Database) -> None:
    report = prove(database_url=shop.conninfo, config=SHOP_CONFIG, select="UNQ")
    live = prove(database_url=shop.conninfo, config=SHOP_CONFIG, prove="live")

    # and the checks on what no row shows: policies left open, roles that need none
    assert {c.family for c in (*report.checks, *live.checks)} == {"BYP", "DAT", "EFF", "ISO", "RLS"}
    assert not any(c.family == "UNQ" for c in report.checks)
    assert (report.isolation.attempted, report.isolation.live, live.isolation.live) == (True, False, True)


def test_the_sides_of_a_difference_are_what_the_command_line_takes_or_a_connection(
    project: Terminal, shop: Database
) -> None:
    engine = sqlalchemy.create_engine(shop.conninfo.replace("postgresql://", "postgresql+psycopg://"))
    with psycopg.connect(shop.conninfo, row_factory=dict_row) as connection:
        connection.execute("alter table purchase add column draft int")
        here = Request.of(connection=connection, config=Config())
        found = diff(Request.of(engine=engine, config=Config()), here, only=["column"])
        against = diff(Path("db/migrations"), here)
        connection.rollback()
    engine.dispose()

    assert [(c.kind, c.object.name) for c in found.changes] == [("added", "draft")]
    assert [c.object.name for c in against.changes] == ["draft"]
    with pytest.raises(UsageError, match='unknown kind "colunm"; did you mean "column"'):
        diff("db/migrations", here, only="colunm")


def test_a_proof_is_not_made_on_a_connection_that_is_open(shop: Database) -> None:
    with psycopg.connect(shop.conninfo) as connection, pytest.raises(UsageError, match="copy"):
        validate(connection=connection, config=SHOP_CONFIG, prove=True)
