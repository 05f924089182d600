"""Packs of a user's own checks: found, run, told like ours, and refused in one line."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.fix_cli import SHOP_CONFIG, Terminal
from tests.fix_server import fresh
from tests.testing.test_plugin import LIGHT
from validate_schema import validate
from validate_schema.model.errors import PackError
from validate_schema.model.formats import FORMATS
from validate_schema.report import read_report
from validate_schema.scratch import Database, Server

STAMPED = '''
from validate_schema.pack import Facts, Family, Flaw, Remedy, Severity, check
from validate_schema.pack.model import catalog
from validate_schema.pack.sql import quote_qname
from validate_schema.pack.subjects import user_tables

ACME = Family("{family}", "Rules of Acme", fix=2)


@check(
    "{family}001",
    "A table without created_at",
    subjects=user_tables,
    severity=Severity.ERROR,
    promise="{{n}} tables say when a row came",
    why="Nobody can tell when a row came.",
    bad="create table job (id int primary key)",
    good="create table job (id int primary key, created_at timestamptz)",
)
def stamped(table: catalog.Table, facts: Facts) -> Flaw | None:
    """A table has no column created_at.

    Examined: user tables.
    """
    if table.column("created_at") is not None:
        return None
    sql = f"alter table {{quote_qname(table.qname)}} add column created_at timestamptz not null default now();"
    return Flaw(f"{{facts.show(table.qname)}} lacks created_at", "created_at", "no such column", Remedy((sql,)))
'''
PACK = STAMPED.format(family="ACM")
RULE = """
[[checks.sql]]
id = "ACM003"
title = "Purchase without a total"
severity = "warning"
why = "Nobody can be billed for it."
sql = "{sql}"
"""
CLEAN = RULE.format(sql="select 1 where false")


def judged(terminal: Terminal, database: Database, *arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Run the checks of a pack; return the exit status, and status and reason by check."""
    ran = terminal.run("--database-url", database.conninfo, *arguments, "--report", "out.json")
    assert ran.complaints == []
    report = read_report(terminal.folder / "out.json")
    return ran.status, {r.id: (r.status, r.reason) for r in report.checks}


def test_a_folder_is_a_pack_by_path_and_its_modules_import_one_another(terminal: Terminal) -> None:
    terminal.write("acme/_names.py", 'ID = "ACM001"')
    terminal.write("acme/stamps.py", "from ._names import ID\n" + PACK.replace('"ACM001"', "ID"))
    terminal.write("acme/checks.toml", CLEAN)

    listed = terminal.run("checks", "--pack", "acme", "--select", "ACM")

    assert (listed.status, listed.err) == (0, "")
    assert listed.out.splitlines()[:2] == [
        "ACM001  error    stamped                   A table without created_at (acme)",
        "ACM003  warning  purchase-without-a-total  Purchase without a total (acme)",
    ]


def test_a_pack_is_named_by_option_or_config_as_folder_file_or_module(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for family, place in (("AAA", "one/stamps.py"), ("BBB", "two.py"), ("CCC", "lib/own_pack/stamps.py")):
        terminal.write(place, STAMPED.format(family=family))
    terminal.write("lib/own_pack/__init__.py", "")
    terminal.write("rules.toml", CLEAN)
    monkeypatch.syspath_prepend(str(terminal.folder / "lib"))
    # The config's packs are relative to the config, wherever the command is given.
    terminal.write(
        "validate-schema.toml", '[checks]\npacks = ["one", "two.py"]\n' + CLEAN.replace("003", "004")
    )
    terminal.write("below/here/readme", "")
    monkeypatch.chdir(terminal.folder / "below")

    listed = terminal.run(
        "checks", "--pack", "own_pack", "--pack", "../rules.toml", "--pack", "../one",
        "--select", "AAA,BBB,CCC,ACM", "--format", "json",
    )  # fmt: skip

    assert [(c["id"], c["pack"]) for c in json.loads(listed.out)] == [
        ("AAA001", "one"),
        ("ACM003", "../rules.toml"),
        ("ACM004", "validate-schema.toml"),
        ("BBB001", "two.py"),
        ("CCC001", "own_pack"),
    ]


def test_the_pytest_plugin_has_an_item_for_a_packs_check(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    terminal.write("acme/stamps.py", PACK)
    terminal.write("db/001_t.sql", "create table t (id int primary key);")
    terminal.write(
        "validate-schema.toml", '[migrations]\npath = "db"\n[checks]\npacks = ["acme"]\nselect = ["ACM"]'
    )
    command = [sys.executable, "-m", "pytest", *LIGHT, "-q", "--validate-schema"]
    ran = subprocess.run(command, cwd=terminal.folder, capture_output=True, text=True, check=False)

    assert "error ACM001 t: t lacks created_at" in ran.stdout, ran.stderr
    assert ran.stdout.splitlines()[-1].startswith("1 failed")


def test_what_a_pack_prints_does_not_get_into_a_report(terminal: Terminal) -> None:
    terminal.write("acme.py", "print('hello')\n" + PACK)

    listed = terminal.run("checks", "--pack", "acme.py", "--select", "ACM", "--format", "json")

    assert json.loads(listed.out)[0]["id"] == "ACM001"


def test_a_check_of_a_pack_is_explained_like_ours(terminal: Terminal) -> None:
    terminal.write("acme/stamps.py", PACK)
    terminal.write("acme/checks.toml", RULE.format(sql="select 'purchase' as object"))
    ours = terminal.run("explain", "--all").out

    page = terminal.run("explain", "--pack", "acme", "stamped", "acm003").out
    everything = terminal.run("explain", "--pack", "acme", "--all").out

    assert "# ACM001 stamped\n\n**A table without created_at** · default severity: error · from acme" in page
    assert (
        "Every row that this query returns is a finding:\n\n```sql\nselect 'purchase' as object\n```" in page
    )
    assert "## ACM Rules of Acme\n" in everything.removeprefix(ours[:200])
    assert everything.index("## SUP Suppressions") < everything.index("## ACM Rules of Acme")


def test_every_format_tells_a_packs_findings(terminal: Terminal, shop: Database) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG + '[checks]\npacks = ["acme"]\n')
    terminal.write("acme/stamps.py", PACK)
    terminal.write("acme/checks.toml", RULE.format(sql="select 'purchase' as object, 'is free' as message"))
    terminal.run("--database-url", shop.conninfo, "--report", "out.json", "--report", "out.xml")
    # A report is shown as it was made, also where the pack is not at hand.
    terminal.write("validate-schema.toml", "")
    (terminal.folder / "acme").rename(terminal.folder / "gone")

    shown = {format: terminal.run("render", "out.json", "--format", format) for format in FORMATS}

    assert {format: ran.err for format, ran in shown.items() if ran.err} == {}
    without = [f for f, ran in shown.items() if "ACM001" not in ran.out or "ACM003" not in ran.out]
    assert without == ["csv"]  # the matrix of tables, which names no check
    cases = (terminal.folder / "out.xml").read_text()
    assert '<testcase classname="ACM001" name="customer" time="0">' in cases
    assert '<testcase classname="ACM003" name="purchase"' in cases
    assert "✗ 0 of 3 tables say when a row came" in shown["txt"].out
    assert "| Packs of checks | `acme` |" in shown["md"].out
    assert '<option value="ACM">ACM rules of Acme</option>' in shown["html"].out


def test_selection_severity_suppression_and_baseline_reach_a_packs_checks(
    terminal: Terminal, shop: Database
) -> None:
    terminal.write("acme/stamps.py", PACK)
    terminal.write("acme/checks.toml", RULE.format(sql="select 'purchase' as object, 'number' as name"))
    terminal.write("validate-schema.toml", SHOP_CONFIG + """
        [checks]
        packs = ["acme"]
        select = ["ACM", "SUP"]
        severity = { ACM001 = "info", ACM003 = "error" }
        [[checks.suppress]]
        check = "ACM003"
        object = "purchase.number"
        reason = "billed elsewhere"
        [[checks.suppress]]
        check = "ACM001"
        object = "nothing"
        reason = "nothing"
    """)  # fmt: skip
    ran = terminal.run("--database-url", shop.conninfo, "--report", "out.json", "--fail-on", "warning")
    report = read_report(terminal.folder / "out.json")

    assert (ran.status, report.gate) == (1, "1 finding at or above warning")
    assert [(f.check, f.severity.value, f.object.label()) for f in report.findings] == [
        ("SUP002", "warning", "ACM001 nothing"),
        ("ACM001", "info", "customer"),
        ("ACM001", "info", "organization"),
        ("ACM001", "info", "purchase"),
    ]
    assert [(s.check, s.object.kind, s.reason) for s in report.suppressed] == [
        ("ACM003", "column", "billed elsewhere")
    ]
    again = terminal.run("--database-url", shop.conninfo, "--baseline", "out.json", "--fail-on", "new")
    assert again.status == 0


def test_fix_mends_a_packs_findings_in_its_familys_place(terminal: Terminal, shop: Database) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG + '[checks]\npacks = ["acme"]\n')
    terminal.write("acme/stamps.py", PACK)
    terminal.write("acme/checks.toml", RULE.format(sql="select 'purchase' as object"))

    ran = terminal.run("fix", "--database-url", shop.conninfo, "--select", "ACM,UNQ", "-o", "-")

    assert ran.status == 0, ran.err
    assert 'alter table "public"."purchase" add column created_at' in ran.out
    assert ran.out.index("-- ACM001") < ran.out.index("-- UNQ001")  # its family says: second
    assert "-- - ACM003 purchase: purchase: Purchase without a total" in ran.out


def test_the_library_and_doctor_take_packs(terminal: Terminal, shop: Database) -> None:
    folder = terminal.write("acme/stamps.py", PACK).parent
    terminal.write("validate-schema.toml", '[checks]\npacks = ["acme"]\n' + CLEAN)

    report = validate(database_url=shop.conninfo, config=SHOP_CONFIG, packs=[folder], select="ACM")
    told = terminal.run("doctor").out

    assert [(r.id, r.failed) for r in report.checks] == [("ACM001", 3)]
    assert [pack.name for pack in report.packs or ()] == ["/".join(folder.parts[-2:])]
    assert "✓ 1 check of acme\n" in told
    assert "✓ 1 check of validate-schema.toml\n" in told
    with pytest.raises(PackError, match="no such"):
        validate(snapshot="none.json", packs=["nowhere"])


BAD = {
    "nothing of that name": ({}, 'pack "acme": there is no such folder, file or module'),
    "no name at all": ({"--pack": "./a-b/c"}, 'pack "./a-b/c": there is no such folder or file'),
    "no check": ({"acme/stamps.py": "x = 1"}, 'pack "acme": it holds no check'),
    "an empty folder": ({"acme/readme.txt": "x"}, 'pack "acme": it holds no check'),
    "two in one pack": (
        {"acme/a.py": PACK, "acme/b.py": PACK},
        "two checks are called ACM001: in acme/a.py and in acme/b.py",
    ),
    "two packs": (
        {"acme/a.py": PACK, "other/b.py": PACK, "validate-schema.toml": '[checks]\npacks = ["other"]'},
        "two checks are called ACM001: in other/b.py and in acme/a.py",
    ),
    "one of ours": (
        {"acme/a.py": PACK.replace('"ACM001"', '"UNQ001"')},
        "two checks are called UNQ001: in checks/uniqueness.py and in acme/a.py",
    ),
    "a rule and a check": (
        {"acme/a.py": PACK, "acme/checks.toml": CLEAN.replace("003", "001")},
        "two checks are called ACM001: in acme/a.py and in acme/checks.toml",
    ),
    "two families": (
        {"acme/a.py": PACK.replace('Family("ACM"', 'Family("UNQ"')},
        "two families are called UNQ: in checks/families.py and in acme/a.py",
    ),
    "an import that fails": (
        {"acme/a.py": "x = 1\nimport no_such_module"},
        'pack "acme": ModuleNotFoundError: No module named \'no_such_module\' (a.py, line 2)',
    ),
    "a module that raises": (
        {"acme/_b.py": "def f():\n    return 1 / 0", "acme/a.py": "from ._b import f\nf()"},
        'pack "acme": ZeroDivisionError: division by zero (_b.py, line 2)',
    ),
    "a module that exits": ({"acme/a.py": "import sys\nsys.exit(0)"}, 'pack "acme": SystemExit: 0 (a.py, line 2)'),
    "no Python": ({"acme/a.py": "def f(:"}, 'pack "acme": SyntaxError: invalid syntax (a.py, line 1)'),
    "no docstring": (
        {"acme/a.py": PACK.replace('"""A table has', 'f"""A table has')},
        'pack "acme": TypeError: check ACM001 has no docstring (a.py, line',
    ),
    "no id": (
        {"acme/a.py": PACK.replace('"ACM001"', '"acme-1"')},
        "'acme-1' is no check id: write capital letters and three digits, like ACM001",
    ),
    "a promise that cannot be filled in": ({"acme/a.py": PACK.replace("{n} tables", "{m} tables")}, "may hold {n}"),
    "a rule without an id": ({"acme/checks.toml": CLEAN.replace("ACM003", "acm")}, "'acm' is no check id"),
    "a key that there is not": (
        {"acme/checks.toml": CLEAN.replace("severity", "severty")},
        'acme/checks.toml: checks.sql[0].severty: unknown key; did you mean "severity"?',
    ),
    "no TOML": ({"acme/checks.toml": "[["}, "acme/checks.toml:1:3:"),
    "more than rules": (
        {"acme/checks.toml": CLEAN + SHOP_CONFIG},
        "acme/checks.toml: a pack holds [[checks.sql]] and nothing else",
    ),
    "two rules of one id": (
        {"acme/a.py": PACK, "validate-schema.toml": CLEAN + CLEAN},
        "two checks are called ACM003: in validate-schema.toml and in validate-schema.toml",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_pack_that_cannot_be_used_is_one_line(terminal: Terminal, case: str) -> None:
    files, said = BAD[case]
    for name, text in files.items():
        if name != "--pack":
            terminal.write(name, text)
    terminal.write("s.json", "{}")

    for command in (["checks"], ["explain", "UNQ001"], ["--snapshot", "s.json", "--report", "out.md"]):
        ran = terminal.run(*command, "--pack", str(files.get("--pack", "acme")))
        assert ran.status == 2
        assert said in ran.complaint
    assert not (terminal.folder / "out.md").exists()


def test_a_pack_that_was_mended_is_read_again(terminal: Terminal) -> None:
    terminal.write("acme/a.py", "1 / 0")
    assert terminal.run("checks", "--pack", "acme").status == 2
    terminal.write("acme/a.py", PACK + "\n# another size, so that no stale bytecode is taken\n")
    assert terminal.run("checks", "--pack", "acme").status == 0


@pytest.fixture
def rows(server: Server) -> Iterator[Database]:
    """A table with a row, a sequence, and one whose rows are hidden from the role that looks."""
    with fresh(server) as database:
        with database.connect(autocommit=True) as connection:
            connection.execute(
                "create table kept (id int primary key, note text); insert into kept values (1, 'one');"
                " create sequence s; create table hidden (id int primary key);"
                " alter table hidden enable row level security; create policy p on hidden using (false);"
                " grant select, insert, update, delete on kept, hidden to public;"
                " create function wakes() returns int language plpgsql as"
                " $$ begin perform set_config('transaction_read_only', 'off', false);"
                " insert into kept values (2, 'two'); return 1; end $$;"
            )
        yield database


FAILS = {
    "no SQL": ("selec 1", "its query fails: syntax error"),
    "no such table": ("select * from nowhere", 'its query fails: relation "nowhere" does not exist'),
    "an insert": ("insert into kept values (2) returning 'x' as object", "its query fails: syntax error"),
    "a part that writes": ("with w as (delete from kept returning id) select * from w", "data-modifying"),
    "a sequence": ("select nextval('s')", "its query fails: cannot execute nextval() in a read-only transaction"),
    "a function that writes": ("select wakes()", "its query fails:"),
    "several statements": ("select 1; drop table kept", "its query fails:"),
    "an end of the transaction": ("select 1; commit; drop table kept", "its query fails:"),
    "no query": ("do $$ begin end $$", "its query fails: syntax error"),
    "a program": ("copy kept to program 'true'", "its query fails: syntax error"),
    "one that never ends": ("select pg_sleep(600)", "its query took longer than 300 ms (data.statement_timeout_ms)"),
    "one that never ends to count": (
        "select count(*) from generate_series(1, 1000000000000)",
        "its query took longer than 300 ms",
    ),
    "no text that PostgreSQL holds": ("select '\\u0000'", "its query"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILS)
def test_a_rule_that_fails_writes_or_never_ends_leaves_the_run_incomplete(
    terminal: Terminal, rows: Database, case: str
) -> None:
    sql, reason = FAILS[case]
    terminal.write("validate-schema.toml", "[data]\nstatement_timeout_ms = 300\n" + RULE.format(sql=sql)
                   + CLEAN.replace("003", "004"))  # fmt: skip
    terminal.write("acme.py", PACK)

    status, found = judged(
        terminal, rows, "--pack", "acme.py", "--select", "ACM003,ACM004,ACM001", "--fail-on", "never"
    )

    assert status == 3
    assert (found["ACM003"][0], reason in found["ACM003"][1]) == ("skipped", True), found["ACM003"]
    assert (found["ACM004"][0], found["ACM001"][0]) == ("passed", "failed")
    with rows.connect() as connection:
        kept = connection.execute("select id from kept").fetchall()
        (last,) = connection.execute("select last_value from s where not is_called").fetchall()
    assert (kept, last) == ([(1,)], (1,))


def test_what_a_lock_or_a_policy_hides_is_no_answer(terminal: Terminal, rows: Database) -> None:
    with rows.connect(autocommit=True) as connection:
        connection.execute("create role looks_on login")
        name = connection.info.dbname
    limited = psycopg.conninfo.make_conninfo(rows.conninfo, user="looks_on")
    terminal.write("validate-schema.toml", "[data]\nstatement_timeout_ms = 500\n"
                   + RULE.format(sql="select 1 from hidden") + RULE.format(sql="select 1 from kept where false").replace("003", "004"))  # fmt: skip
    try:
        with rows.connect() as other:
            other.execute("lock table kept in access exclusive mode")
            ran = terminal.run("--database-url", limited, "--select", "ACM", "--report", "out.json")
    finally:
        with rows.connect(autocommit=True) as connection:
            connection.execute("drop role looks_on")
    report = read_report(terminal.folder / "out.json")

    assert (ran.status, report.target.database) == (3, name)
    assert [r.reason for r in report.checks] == [
        'its query fails: query would be affected by row-level security policy for table "hidden"',
        "another session holds a lock on what its query reads",
    ]


@pytest.mark.parametrize("kind", ["snapshot", "sqlite", "broken migrations"])
def test_where_nobody_can_be_asked_a_rule_could_not_run(
    terminal: Terminal, shop: Database, kind: str
) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG + CLEAN)
    target = {
        "snapshot": ["--snapshot", "s.json"],
        "sqlite": ["--database-url", "sqlite:///s.db"],
        "broken migrations": ["--migrations", "m"],
    }[kind]
    terminal.run("snapshot", "--database-url", shop.conninfo, "-o", "s.json")
    sqlite3.connect(terminal.folder / "s.db").execute("create table t (id integer primary key)")
    terminal.write("m/001_a.sql", "create table t (id int); create table t (id int);")

    ran = terminal.run(*target, "--select", "ACM", "--report", "out.json")
    (result,) = read_report(terminal.folder / "out.json").checks

    reasons = {"broken migrations": "there is no schema to judge: 001_a.sql fails"}
    assert (ran.status, result.status) == (3, "skipped")
    assert result.reason == reasons.get(kind, "its query needs a PostgreSQL that answers")


def test_the_columns_of_a_row_say_what_is_wrong_and_where(terminal: Terminal, rows: Database) -> None:
    queries = {
        "ACM101": "select 'kept'::regclass as object, 'note' as name, 'odd' as message, id, note as said from kept",
        "ACM102": "select 'public.kept' as object, 'kept_pkey' as name, 'a' as expected, 'b' as observed, 'c' as note",
        "ACM103": "select 'wakes' as name, 'function' as kind",
        "ACM104": "select 7 as number, true as yes",
        "ACM105": "select null as object, null as message",
        "ACM106": "values ('x')",
        "ACM107": "select 'no.such.name' as object",
    }
    rules = "".join(RULE.format(sql=sql).replace("ACM003", id) for id, sql in queries.items())
    terminal.write("validate-schema.toml", rules)
    ran = terminal.run("--database-url", rows.conninfo, "--select", "ACM", "--report", "out.json")
    report = read_report(terminal.folder / "out.json")

    title = "Purchase without a total"
    assert ran.status == 0
    assert [(f.object.kind, f.object.label(), f.message, f.expected, f.observed, f.remedy.note) for f in report.findings] == [
        ("column", "kept.note", "odd", "no such row", "id=1, said=one", ""),
        ("constraint", "kept.kept_pkey", f"kept.kept_pkey: {title}", "a", "b", "c"),
        ("function", "wakes", f"wakes: {title}", "no such row", "a row of the rule's query", ""),
        ("rule", "ACM104", title, "no such row", "number=7, yes=t", ""),
        ("rule", "ACM105", title, "no such row", "a row of the rule's query", ""),
        ("rule", "ACM106", title, "no such row", "column1=x", ""),
        ("table", "no.such.name", f"no.such.name: {title}", "no such row", "a row of the rule's query", ""),
    ]  # fmt: skip
    assert [(r.examined, r.failed) for r in report.checks] == [(1, 1)] * len(queries)


def test_more_rows_than_are_read_are_not_taken_for_all(terminal: Terminal, rows: Database) -> None:
    terminal.write(
        "validate-schema.toml", RULE.format(sql="select n::text as object from generate_series(1, 1001) n")
    )
    ran = terminal.run("--database-url", rows.conninfo, "--select", "ACM", "--report", "out.json")
    (result,) = read_report(terminal.folder / "out.json").checks

    assert ran.status == 3
    assert (result.failed, result.skipped, result.reason) == (1000, 1, "it returns more rows than are read")


def test_a_rule_that_is_not_selected_is_not_run(terminal: Terminal, rows: Database) -> None:
    terminal.write("validate-schema.toml", CLEAN + RULE.format(sql="select 1 / 0").replace("003", "004"))
    status, found = judged(terminal, rows, "--select", "ACM", "--ignore", "ACM004")

    assert (status, found) == (0, {"ACM003": ("passed", "")})


def test_a_rule_sees_the_callers_transaction_and_leaves_it_as_it_was(rows: Database) -> None:
    config = RULE.format(sql="select id::text as object from kept where id = 2")
    with rows.connect() as connection:
        connection.execute("insert into kept values (2)")
        report = validate(connection=connection, config=config, select="ACM")
        connection.execute("insert into kept values (3)")  # still writable, still open
        connection.rollback()

    assert [f.object.table for f in report.findings] == ["2"]


def test_a_rule_writes_nothing_where_the_connection_may(rows: Database) -> None:
    config = RULE.format(sql="select nextval('s')") + RULE.format(sql="select wakes()").replace("003", "004")
    with rows.connect() as connection:
        report = validate(connection=connection, config=config, select="ACM")
        last, kept = (
            connection.execute("select is_called, (select count(*) from kept) from s").fetchone() or ()
        )

    assert [(r.status, r.reason) for r in report.checks] == [
        ("skipped", "its query fails: cannot execute nextval() in a read-only transaction"),
        ("skipped", "its query fails: transaction read-write mode must be set before any query"),
    ]
    assert (report.verdict, last, kept) == ("INCOMPLETE", False, 1)


def test_a_rule_finds_unqualified_names_in_the_default_schema(terminal: Terminal, server: Server) -> None:
    with fresh(server) as database:
        with database.connect(autocommit=True) as connection:
            connection.execute('create schema "Own"; create table "Own"."odd ""t" (id int primary key)')
        terminal.write("validate-schema.toml", RULE.format(
            sql="select 'odd \\\\\"\\\\\"t' as x, '\\\\\"odd \\\\\"\\\\\"t\\\\\"'::regclass as object").replace("\\\\", "\\"))  # fmt: skip
        url = database.conninfo + ("&" if "?" in database.conninfo else "?") + "schema=Own"
        terminal.run("--database-url", url, "--select", "ACM", "--report", "out.json")
    (finding,) = read_report(Path("out.json")).findings

    assert (finding.object.schema, finding.object.table) == ("Own", 'odd "t')
