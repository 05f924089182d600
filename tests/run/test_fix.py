"""A corrective migration is tried before it is written, in the layout of the project's tool."""

import re
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.fix_bench import Bench
from tests.fix_cli import SHOP_CONFIG, Terminal
from tests.fix_examples import facts_of
from validate_schema.checking.declare import check
from validate_schema.checking.engine import run
from validate_schema.checking.remedy.steps import create_index, drop_index
from validate_schema.facts.facts import Facts
from validate_schema.facts.subjects import user_tables
from validate_schema.migrations import discover
from validate_schema.migrations.writing import Part, Script, Way, sql_of
from validate_schema.model.catalog import Table
from validate_schema.model.errors import UsageError
from validate_schema.model.finding import Flaw, Remedy, Severity, Step
from validate_schema.run.fix.layout import place, writing_of
from validate_schema.run.fix.plan import Aims, Plan, make_plan
from validate_schema.run.fix.script import Heading, write_script
from validate_schema.run.fix.undo import without_detours
from validate_schema.scratch import Database

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 7, 1, 12, 30, tzinfo=UTC)
TABLE = "create table organization (id uuid primary key);\n"

# By tool: the files of a folder with one migration, and what a second one is called.
FOLDERS = {
    "prisma": (
        {"migration_lock.toml": 'provider = "postgresql"', "20250101000000_a/migration.sql": TABLE},
        ["20260701123000_x/migration.sql"],
    ),
    "golang-migrate": (
        {"go.mod": "", "000001_a.up.sql": TABLE, "000001_a.down.sql": "drop table organization;"},
        ["000002_x.up.sql", "000002_x.down.sql"],
    ),
    "goose": ({"001_a.sql": f"-- +goose Up\n{TABLE}-- +goose Down\n"}, ["002_x.sql"]),
    "dbmate": ({"20990101000000_a.sql": f"-- migrate:up\n{TABLE}"}, ["20990101000001_x.sql"]),
    "flyway": ({"V1_2__a.sql": TABLE, "V1_10__b.sql": "", "V1_09__c.sql": ""}, ["V1_11__x.sql"]),
    "sqlx": ({"Cargo.toml": "", "1_a.sql": TABLE}, ["2_x.sql"]),
    "tern": ({"tern.conf": "", "001_a.sql": TABLE}, ["002_x.sql"]),
    "node-pg-migrate": ({"1700000000000_a.sql": f"-- Up Migration\n{TABLE}"}, ["1782909000000_x.sql"]),
    "atlas": ({"atlas.sum": "", "20250101000000_a.sql": TABLE}, ["20260701123000_x.sql"]),
    "diesel": (
        {"diesel.toml": "", "2025-01-01-000000-0000_a/up.sql": TABLE, "2025-01-01-000000-0000_a/down.sql": ""},
        ["2026-07-01-123000-0000_x/up.sql", "2026-07-01-123000-0000_x/down.sql"],
    ),
    "refinery": ({"Cargo.toml": "", "V1__a.sql": TABLE}, ["V2__x.sql"]),
    "supabase": ({"20250101000000_a.sql": TABLE}, ["20260701123000_x.sql"]),
    "pop": ({"20250101000000_a.postgres.up.sql": TABLE}, ["20260701123000_x.up.sql", "20260701123000_x.down.sql"]),
    "sql-migrate": ({"20250101000000-a.sql": f"-- +migrate Up\n{TABLE}"}, ["20260701123000_x.sql"]),
    "rambler": ({"01_a.sql": f"-- rambler up\n{TABLE}"}, ["02_x.sql"]),
    "micrate": ({"20250101000000_a.sql": f"-- +micrate Up\n{TABLE}"}, ["20260701123000_x.sql"]),
    "postgrator": ({"001.do.a.sql": TABLE, "001.undo.a.sql": "select 1;"}, ["002.do.x.sql", "002.undo.x.sql"]),
    "evolve": ({"App.csproj": "", "V1_2__a.sql": TABLE}, ["V1_3__x.sql"]),
    "yoyo": ({"yoyo.ini": "", "0001.a.sql": TABLE}, ["0002_x.sql", "0002_x.rollback.sql"]),
    "drizzle": (
        {"meta/_journal.json": '{"entries": [{"idx": 0, "when": 1900000000000, "tag": "0000_a"}]}', "0000_a.sql": TABLE},
        ["0001_x.sql", "meta/_journal.json"],
    ),
    "plain": ({"01_a.sql": TABLE}, ["02_x.sql"]),
}  # fmt: skip


@pytest.mark.parametrize("tool", FOLDERS)
def test_the_new_migration_is_the_last_one_that_the_tool_would_run(tool: str, tmp_path: Path) -> None:
    files, expected = FOLDERS[tool]
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    migrations = discover(tmp_path, tool)
    written = place(migrations, migrations, "x", Script((Part("select 1;"),), (Part("select 2;"),)), NOW)
    assert [path.relative_to(tmp_path).as_posix() for path in written] == expected
    for path, text in written.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    last = discover(tmp_path, tool).files[-1]
    assert last.path.relative_to(tmp_path).as_posix() == expected[0]
    # A plain file is run by statements only where one of them asks for it.
    assert last.mode == ("message" if tool == "plain" else writing_of(migrations).way.mode)
    assert "select 1" in last.sql
    assert "select 2" not in last.sql


UP = {"dbmate": f"-- migrate:up\n{TABLE}", "rambler": f"-- rambler up\n{TABLE}"}


def test_where_flyways_files_have_no_letter_the_new_one_has_none(tmp_path: Path) -> None:
    _folder(tmp_path, "flyway", ["2__a.sql", "20260101000000__b.sql", "R__c.sql"])
    migrations = discover(tmp_path, "flyway")
    written = place(migrations, migrations, "x", Script((Part("select 1;"),)), NOW)
    assert [path.name for path in written] == ["20260701123000__x.sql"]


# Tools that sort names as text, with folders in which the next number would come first.
AS_TEXT = {
    "dbmate, a last one of fewer digits": ("dbmate", ["100_a.sql", "20_b.sql"], "21_x.sql"),
    "dbmate, names alone": ("dbmate", ["9.sql"], "91_x.sql"),
    "rambler, the same number": ("rambler", ["9_a.sql"], "9_x.sql"),
    "supabase": ("supabase", ["10_a.sql", "8_b.sql"], "9_x.sql"),
    "atlas": ("atlas", ["atlas.sum", "10_a.sql", "8_b.sql"], "9_x.sql"),
    "pop": ("pop", ["9_a.up.sql"], "91_x.up.sql"),
    "diesel": ("diesel", ["diesel.toml", "9_a/up.sql"], "91_x/up.sql"),
    "prisma": ("prisma", ["migration_lock.toml", "9_a/migration.sql"], "91_x/migration.sql"),
}


def _folder(path: Path, tool: str, names: list[str]) -> None:
    for name in names:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(UP.get(tool, TABLE) if name.endswith(".sql") else "")


@pytest.mark.parametrize(("tool", "names", "expected"), AS_TEXT.values(), ids=AS_TEXT)
def test_a_number_is_chosen_that_comes_last_where_names_are_sorted_as_text(
    tool: str, names: list[str], expected: str, tmp_path: Path
) -> None:
    _folder(tmp_path, tool, names)
    migrations = discover(tmp_path, tool)
    written = place(migrations, migrations, "x", Script((Part("select 1;"),)), NOW)
    assert next(iter(written)).relative_to(tmp_path).as_posix() == expected
    for path, text in written.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    files = discover(tmp_path, tool).files
    assert (len(files), files[-1].path) == (len(migrations.files) + 1, tmp_path / expected)


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        (
            "dbmate",
            "dbmate sorts names as text, and runs no x after 9_z.sql: give the files numbers of one length",
        ),
        ("rambler", "Rambler sorts names as text, and runs no x after 9_z.sql: choose another with --name"),
    ],
)
def test_where_no_name_comes_last_nothing_is_written(tool: str, said: str, tmp_path: Path) -> None:
    _folder(tmp_path, tool, ["9_z.sql"])
    migrations = discover(tmp_path, tool)
    with pytest.raises(UsageError, match="--output FILE") as refused:
        place(migrations, migrations, "x", Script((Part("select 1;"),)), NOW)
    assert said in str(refused.value)


BROKEN = """
create table organization (id uuid primary key);
create table invoice (
    id uuid primary key,
    org_id uuid not null references organization (id) on delete cascade,
    number text not null unique
);
"""


@pytest.fixture
def project(terminal: Terminal) -> Terminal:
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    terminal.write("db/001_init.up.sql", BROKEN)
    terminal.write("db/001_init.down.sql", "drop table invoice; drop table organization;")
    terminal.write("db/go.mod", "")
    return terminal


def test_what_is_written_mends_what_was_found_and_can_be_taken_back(project: Terminal) -> None:
    before = project.run("--migrations", "db", "--select", "UNQ,IDX002")
    ran = project.run("fix", "--migrations", "db", "--select", "UNQ,IDX002")
    after = project.run("--migrations", "db", "--select", "UNQ,IDX002", "--fail-on", "info")
    up, down = (Path(f"db/002_mend_schema_findings.{way}.sql").read_text() for way in ("up", "down"))

    assert (before.status, ran.status, after.status) == (1, 0, 0)
    assert "-- UNQ001 invoice.invoice_number_key:" in up
    assert "CONCURRENTLY" not in up.replace("CONCURRENTLY, and run this afterwards", "")
    assert "SET LOCAL lock_timeout" in up
    assert 'ADD CONSTRAINT "invoice_number_key" UNIQUE (number);' in down
    assert "1 of 1 findings are gone" in ran.err
    assert "Its down part was run as well: it leaves the schema as it was." in ran.err
    assert "It causes no new one." in ran.err


def test_on_a_live_database_the_migration_is_tried_on_a_copy_alone(
    terminal: Terminal, shop: Database
) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    with shop.connect() as connection:
        before = connection.execute(
            "select indexdef from pg_indexes where schemaname = 'public' order by 1"
        ).fetchall()
    ran = terminal.run("fix", "--database-url", shop.conninfo, "--select", "UNQ001", "--output", "mend.sql")
    script = Path("mend.sql").read_text()
    with shop.connect() as connection:
        left = connection.execute(
            "select indexdef from pg_indexes where schemaname = 'public' order by 1"
        ).fetchall()
    assert (ran.status, left) == (0, before)
    assert "CREATE UNIQUE INDEX CONCURRENTLY" in script
    assert "RESET lock_timeout;" in script

    run_each(shop, script)
    assert terminal.run("--database-url", shop.conninfo, "--select", "UNQ001").status == 0


def run_each(shop: Database, script: str) -> None:
    """Run a script statement by statement, as psql does."""
    with shop.connect(autocommit=True) as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                connection.execute(statement.encode())


def test_what_a_stopped_run_left_behind_is_dropped_before_it_is_built_again(
    terminal: Terminal, shop: Database
) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    command = ("fix", "--database-url", shop.conninfo, "--select", "UNQ001", "--output", "-")
    named = re.search(r'CREATE UNIQUE INDEX CONCURRENTLY "([^"]+)"', terminal.run(*command).out)
    assert named is not None
    with shop.connect(autocommit=True) as connection:
        connection.execute("insert into organization (name) values ('a')")
        for email in "ab":
            connection.execute(
                "insert into customer (org_id, email) select id, %s from organization", [email]
            )
        stopped = f'create unique index concurrently "{named[1]}" on customer (org_id)'
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(stopped.encode())
    again = terminal.run(*command)
    assert f"-- IDX003 customer.{named[1]}: customer.{named[1]} is invalid" in again.out

    run_each(shop, again.out)
    assert terminal.run("--database-url", shop.conninfo, "--select", "UNQ001,IDX003").status == 0


def test_what_could_not_be_looked_for_is_not_called_in_order(terminal: Terminal) -> None:
    terminal.write(
        "db/01_a.sql", "create table a (id integer primary key); create table b (id integer primary key);"
    )
    ran = terminal.run("fix", "--migrations", "db", "--select", "UNQ001,UNQ002", "--output", "-")
    assert (ran.status, ran.out) == (3, "")
    assert "could not run, so nothing of it is mended: UNQ001, UNQ002 (the tenant root" in ran.err


def test_only_what_is_as_grave_is_mended_and_what_that_brings(terminal: Terminal) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    own = "id uuid primary key, org_id uuid not null references organization (id)"
    line = f"create table line ({own}, invoice_id uuid references invoice (id)); create index on line (invoice_id);"
    terminal.write("db/01_a.sql", f"{BROKEN}{line}create table note ({own});")
    command = ("fix", "--migrations", "db", "--select", "FKY001,IDX001,IDX002", "--output", "-")
    errors, every = terminal.run(*command, "--severity", "error"), terminal.run(*command)
    brought, lesser = "-- IDX002 line.line_invoice_id_fkey", "-- IDX001 note"
    assert (brought in errors.out, lesser in errors.out) == (True, False)
    assert (brought in every.out, lesser in every.out) == (True, True)


def test_a_leak_that_no_remedy_closes_is_named(terminal: Terminal) -> None:
    terminal.write(
        "validate-schema.toml", SHOP_CONFIG + 'setting = "app.tenant_id"\napp_roles = ["app_user"]\n'
    )
    grants = "create role app_user login; grant select, insert, update, delete on invoice to app_user;"
    terminal.write("db/01_a.sql", BROKEN + grants)
    ran = terminal.run("fix", "--migrations", "db", "--prove", "--select", "TEN001", "--output", "-")
    assert ran.status == 1
    assert "Still a leak: read of invoice as app_user: tenant A reads rows of another tenant" in ran.err


def test_rows_are_given_their_tenant_in_batches_outside_a_transaction_alone(project: Terminal) -> None:
    project.write(
        "db/002_line.up.sql",
        "create table line (id uuid primary key, org_id uuid references organization (id) on delete cascade, "
        "invoice_id uuid not null references invoice (id));",
    )
    alone = project.run("fix", "--migrations", "db", "--select", "TEN002", "--output", "-").out
    inside = project.run("fix", "--migrations", "db", "--select", "TEN002")
    written = Path("db/003_mend_schema_findings.up.sql").read_text()
    assert inside.status == 0
    assert [text.count("UPDATE") for text in (alone, written)] == [2, 2]  # and FOR UPDATE
    assert [text.count("COMMIT;") for text in (alone, written)] == [1, 0]


def test_what_needs_a_decision_is_a_comment(project: Terminal) -> None:
    project.write("db/003_note.up.sql", "create table note (id uuid primary key, body text);")
    ran = project.run("fix", "--migrations", "db", "--output", "-")
    assert ran.status == 0
    decisions = ran.out.split("-- To decide, since no rule says which is right:\n")[1]
    assert "note" in decisions
    assert all(line.startswith("--") for line in decisions.splitlines() if line)
    assert "to decide: " not in ran.err


def test_what_needs_a_decision_is_said_where_no_file_can_say_it(project: Terminal) -> None:
    project.write("db/003_note.up.sql", "create table note (id uuid primary key, body text);")
    ran = project.run("fix", "--migrations", "db", "--select", "TBL003")
    assert (ran.status, ran.complaints) == (
        0,
        [
            "to decide: TBL003 note: Table note is neither root, tenant, inherited, global nor exempt",
            "nothing to mend; 1 finding needs a decision",
        ],
    )


def test_a_hostile_name_stays_inside_its_quotes_and_comments(terminal: Terminal) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    odd = 'a"";\n-- drop table organization; */ x'
    terminal.write("db/01_a.sql", BROKEN.replace("number", f'"{odd}"'))
    ran = terminal.run("fix", "--migrations", "db", "--select", "UNQ001")
    assert (ran.status, ran.err.count("1 of 1 findings are gone")) == (0, 1)
    assert terminal.run("--migrations", "db", "--select", "UNQ001").status == 0


def test_a_hostile_name_is_shown_on_the_terminal_and_commands_nothing_there(terminal: Terminal) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    terminal.write(
        "db/01_a.sql", BROKEN.replace("text not null unique", "text unique").replace("number", '"\x1b[2J\n"')
    )
    ran = terminal.run("fix", "--migrations", "db", "--select", "UNQ")
    assert any(
        line.startswith("It causes 1 new: UNQ003 invoice.invoice_org_id_␛[2J␊_key") for line in ran.complaints
    )
    assert "\x1b" not in ran.err


@pytest.mark.parametrize(("name", "marked"), [("01_a.sql", False), ("001_a.sql", True)])
def test_only_goose_is_told_where_a_statement_ends(terminal: Terminal, name: str, marked: bool) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    terminal.write(f"db/{name}", ("-- +goose Up\n" if marked else "") + BROKEN.replace("number", '"a;b"'))
    ran = terminal.run("fix", "--migrations", "db", "--select", "UNQ001")
    (written,) = [path for path in Path("db").iterdir() if path.name != name]
    assert ran.status == 0
    assert ("-- +goose StatementBegin\nCREATE UNIQUE INDEX" in written.read_text()) == marked
    assert ("goose" in written.read_text()) == marked


def test_with_proof_the_leaks_before_and_after_are_counted(terminal: Terminal) -> None:
    terminal.write(
        "validate-schema.toml", SHOP_CONFIG + 'setting = "app.tenant_id"\napp_roles = ["app_user"]\n'
    )
    grants = "create role app_user login; grant select, insert, update, delete on invoice to app_user;"
    terminal.write("db/01_a.sql", BROKEN + grants)
    ran = terminal.run("fix", "--migrations", "db", "--prove", "--output", "-")
    (leaks,) = [line for line in ran.out.splitlines() if "Leaks that rows" in line]
    words = leaks.replace(",", "").split()
    before, after = int(words[words.index("before") - 1]), int(words[words.index("after.") - 1])
    assert before > 0
    assert after == 0
    assert "No leak any more: " in ran.err
    assert "read of invoice as app_user" in ran.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--database-url", "postgresql://h/d"), "nowhere to write: give --output FILE, --into DIR"),
        (("--migrations", "db", "--name", "!!"), "--name !!: give at least one letter or digit"),
        (("--snapshot", "x.json", "--output", "-"), "a snapshot holds no database"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    project: Terminal, arguments: tuple[str, ...], complaint: str
) -> None:
    ran = project.run("fix", *arguments)
    assert ran.status == 2
    assert complaint in ran.complaint


def test_nothing_is_overwritten(project: Terminal) -> None:
    project.write("mend.sql", "precious")
    ran = project.run("fix", "--migrations", "db", "--select", "UNQ001", "--output", "mend.sql")
    assert (ran.status, Path("mend.sql").read_text()) == (2, "precious")
    assert ran.complaints[-1] == "error: mend.sql: exists already; choose another name"


def test_flakeguard_is_mended_in_one_file_but_for_what_needs_a_decision(terminal: Terminal) -> None:
    import shutil

    shutil.copytree(ROOT / "examples/flakeguard", "fg", ignore=shutil.ignore_patterns("broken"))
    config = Path("fg/validate-schema.toml")
    config.write_text(config.read_text().replace('from = ["schema.prisma"]', ""))
    ran = terminal.run("fix", "--config", "fg/validate-schema.toml", "--migrations", "fg/prisma")
    assert (ran.status, "It causes no new one." in ran.err, "could not be mended" in ran.err) == (
        0,
        True,
        False,
    )
    assert len(list(Path("fg/prisma/migrations").glob("*_mend_schema_findings/migration.sql"))) == 1
    again = terminal.run("fix", "--config", "fg/validate-schema.toml", "--migrations", "fg/prisma")
    assert again.complaints[-1] == "nothing to mend; 4 findings need a decision"


def test_an_index_that_a_later_remedy_drops_is_not_built_at_all() -> None:
    table, elsewhere = Table("s", "t", "o"), Table("other", "t", "o")
    build = create_index(table, 'a"b CONCURRENTLY', "(x)", if_missing=True)
    other = create_index(table, "c", "(x, y)")
    unique = create_index(table, "u", "(x)", unique=True)
    drop = drop_index(table, 'a"b CONCURRENTLY')
    drop_other, drop_unique = drop_index(elsewhere, "c"), drop_index(table, "u")
    stays = Step("SELECT 1;")
    assert without_detours([(build, stays), (other, unique), (drop, drop_other), (drop_unique,)]) == [
        (stays,),
        (other, unique),
        (drop_other,),
        (drop_unique,),
    ]


def test_an_index_for_the_tenant_is_left_out_where_a_composite_one_serves_it(terminal: Terminal) -> None:
    """FKY001 makes the key composite, whose own index begins with the tenant column."""
    Path("m").mkdir()
    Path("m/1_a.sql").write_text(
        "create table organization (id uuid primary key);\n"
        "create table app (id uuid primary key, org_id uuid not null references organization);\n"
        "create table message (id uuid primary key, org_id uuid not null references organization,\n"
        "  app_id uuid not null references app (id));\n"
    )
    ran = terminal.run("fix", "--migrations", "m", "--output", "-", "--select", "FKY001,IDX")
    statements = [line for line in ran.out.splitlines() if "INDEX CONCURRENTLY" in line]
    assert [line.split('"')[1] for line in statements] == ["app_org_id_id_key", "message_org_id_app_id_idx"]
    assert "IDX001 message: message has no index that starts with org_id (mended by" in ran.out
    assert "DROP INDEX" not in ran.out


def test_policies_of_supabase_are_tried_on_a_copy_that_has_its_platform(terminal: Terminal) -> None:
    folder = Path("supabase/migrations")
    folder.mkdir(parents=True)
    (folder / "20260101000000_a.sql").write_text(
        "create table notes (id uuid primary key, user_id uuid not null references auth.users (id));\n"
        "alter table notes enable row level security;\n"
        "create policy mine on notes using (user_id = auth.uid());\n"
    )
    ran = terminal.run("fix", "--migrations", "supabase/migrations", "--select", "RLS,IDX")
    assert (ran.status, "Tried on a copy of the schema: " in ran.err) == (0, True), ran.err
    assert len(list(folder.iterdir())) == 2


def test_with_a_baseline_only_what_is_new_is_mended(project: Terminal) -> None:
    project.run("--migrations", "db", "--baseline", "base.json", "--update-baseline")
    project.write(
        "db/002_note.up.sql", BROKEN.partition("create table invoice")[2].join(("create table note", ""))
    )
    ran = project.run("fix", "--migrations", "db", "--baseline", "base.json", "--select", "UNQ001")
    up = Path("db/003_mend_schema_findings.up.sql").read_text()

    assert ran.status == 0
    assert "-- UNQ001 note.note_number_key:" in up
    assert "invoice" not in up
    assert (
        project.run(
            "--migrations", "db", "--baseline", "base.json", "--select", "UNQ001", "--fail-on", "new"
        ).status
        == 0
    )


CONTRADICTED = """
[contract.tables.invoice]
unique = [["number"]]
"""


def test_what_the_contract_declares_is_not_taken_away_by_another_rule(project: Terminal) -> None:
    project.write("validate-schema.toml", SHOP_CONFIG + CONTRADICTED)
    ran = project.run("fix", "--migrations", "db", "--select", "UNQ")
    assert (ran.status, ran.complaints) == (
        1,
        [
            "not mended: UNQ001 invoice.invoice_number_key: invoice.invoice_number_key is unique across all"
            " tenants: it does not hold org_id (it would cause UNQ004, which wants the opposite: invoice has no unique"
            " on (number))",
            "nothing to mend; 0 findings need a decision, 1 could not be mended",
        ],
    )


def test_an_index_that_the_contract_declares_is_not_dropped(project: Terminal) -> None:
    declared = "create index invoice_org on invoice (org_id);"
    project.write("db/002_index.up.sql", declared + "create index on invoice (org_id, number);")
    project.write("schema.sql", BROKEN + declared)
    project.write("validate-schema.toml", SHOP_CONFIG + '[contract]\nfrom = ["schema.sql"]\n')
    ran = project.run("fix", "--migrations", "db", "--select", "IDX005")
    assert ran.status == 1
    assert "not mended: IDX005 invoice.invoice_org: " in ran.err
    assert "(it would cause IDX006, which wants the opposite: " in ran.err


def test_flakeguards_contract_keeps_the_uniques_that_it_declares(terminal: Terminal) -> None:
    import shutil

    shutil.copytree(ROOT / "examples/flakeguard", "fg", ignore=shutil.ignore_patterns("broken"))
    ran = terminal.run(
        "fix",
        "--config",
        "fg/validate-schema.toml",
        "--migrations",
        "fg/prisma",
        "--output",
        "-",
        "--select",
        "UNQ",
    )
    assert ran.status == 0
    assert "It causes no new one." in ran.err
    assert "-- Not mended: UNQ001 Repository.Repository_githubId_key" in ran.out
    assert "(it would cause UNQ004, which wants the" in " ".join(ran.out.replace("\n--", "").split())


def planned(bench: Bench, *sql: str) -> tuple[Plan, str]:
    """Plan for a check whose remedy is text alone; return what came of it, and its down part."""

    @check("NOTE001", "Not noted", subjects=user_tables, severity=Severity.WARNING, why="", bad="", good="")
    def noted(table: Table, _facts: Facts) -> Flaw | None:
        """A table without a column called noted."""
        return None if table.column("noted") else Flaw("not noted", "noted", "not", Remedy(sql=sql))

    with bench.open(*sql) as conn, conn.transaction(force_rollback=True):
        plan = make_plan(conn, lambda c: run((noted,), facts_of(c)), Aims(frozenset({"NOTE001"})))
    script = write_script(plan, Way("transaction"), Heading("1", "today"), "public")
    return plan, sql_of(script.down)


def test_a_remedy_that_is_text_alone_is_run_and_left_to_a_person_to_undo(bench: Bench) -> None:
    plan, down = planned(bench, "ALTER TABLE organization ADD COLUMN noted boolean;")
    assert [m.finding.message for m in plan.mended] == ["not noted"]
    assert down == "-- Not undone: NOTE001 organization: not noted\n"


def test_text_that_no_transaction_takes_is_refused_with_the_servers_words(bench: Bench) -> None:
    plan, _ = planned(bench, "CREATE INDEX CONCURRENTLY noted ON organization (name);")
    assert [(r.reason, plan.mended) for r in plan.refused] == [
        (
            "CREATE INDEX CONCURRENTLY noted ON organization (name);: CREATE INDEX CONCURRENTLY cannot run"
            " inside a transaction block",
            [],
        )
    ]
