"""For a history, migrations are found that no SQL can be had of, with what takes them back."""

from pathlib import Path

import pytest

from validate_schema.migrations import MigrationSet, discover
from validate_schema.model.errors import MigrationError


def lay(folder: Path, files: dict[str, str]) -> Path:
    """Write files below `folder` and return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


def read(found: MigrationSet) -> tuple[str, list[tuple[str, str]]]:
    return found.tool, [(file.version, found.label(file.path)) for file in found.files]


CLASS = "from django.db import migrations\nclass Migration(migrations.Migration):\n    dependencies = {}\n"
PROGRAMS = {
    "alembic": (
        {
            "alembic.ini": "",
            "alembic/versions/zz.py": "revision = 'a'\ndown_revision = None\n",
            "alembic/versions/b_first.py": "revision: str = 'b'\ndown_revision: str = 'a'\ndepends_on = ('c',)\n",
            "alembic/versions/c.py": "revision = 'c'\ndown_revision = None\n",
        },
        # b comes after both, whatever the files are called.
        ("alembic", [("c", "alembic/versions/c.py"), ("a", "alembic/versions/zz.py"), ("b", "alembic/versions/b_first.py")]),
    ),
    "django": (
        {
            "manage.py": "",
            "shop/apps.py": "class ShopConfig:\n    label = 'store'\n",
            "shop/migrations/__init__.py": "",
            "shop/migrations/0001_initial.py": CLASS.format("[migrations.swappable_dependency('x'), ('auth', '__first__')]"),
            "blog/migrations/0001_initial.py": CLASS.format("[('store', '__latest__')]"),
        },
        (
            "django",
            [
                ("store.0001_initial", "shop/migrations/0001_initial.py"),
                ("blog.0001_initial", "blog/migrations/0001_initial.py"),
            ],
        ),
    ),
    "rails": (
        {"db/migrate/10_b.rb": "", "db/migrate/002_a.rb": "", "db/migrate/more/3_c.blorgh.rb": "", "db/structure.sql": "x"},
        ("rails", [("2", "002_a.rb"), ("3", "more/3_c.blorgh.rb"), ("10", "10_b.rb")]),
    ),
    "ecto": (
        {"priv/repo/migrations/10_b.exs": "", "priv/repo/migrations/2_a.exs": ""},
        ("ecto", [("2", "2_a.exs"), ("10", "10_b.exs")]),
    ),
    "knex": (
        {"knexfile.js": "", "migrations/2_b.js": "exports.up = (knex) => 1", "migrations/10_a.ts": ""},
        ("knex", [("10_a.ts", "10_a.ts"), ("2_b.js", "2_b.js")]),
    ),
    "sequelize": (
        {"migrations/1-a.js": "up: (queryInterface) => 1", "migrations/2-b.d.ts": ""},
        ("sequelize", [("1-a.js", "1-a.js")]),
    ),
    "typeorm": (
        {
            "src/migrations/x.ts": "export class Zoo1704101600000 implements MigrationInterface { }",
            "src/migrations/y.ts": "export class Abc1 {\n  name = 'Named1704101500000' }",
            "src/migrations/a.ts": "export class Ant1704101700000 implements MigrationInterface { }",
        },
        ("typeorm", [("Named1704101500000", "y.ts"), ("Zoo1704101600000", "x.ts"), ("Ant1704101700000", "a.ts")]),
    ),
    "kysely": (
        {"migrations/b.ts": "import { Kysely } from 'kysely'", "migrations/1_a.ts": "import { sql } from 'kysely'"},
        ("kysely", [("1_a", "1_a.ts"), ("b", "b.ts")]),
    ),
    "mikro-orm": (
        {
            "src/migrations/Migration20240102000000.ts": "import { Migration } from '@mikro-orm/migrations';",
            "src/migrations/Migration20240101000000_a.ts": "import { Migration } from '@mikro-orm/migrations';\nexport class Migration20240101000000_a extends Migration {}",
            "src/migrations/helpers.ts": "export const x = 1",
        },
        (
            "mikro-orm",
            [
                ("Migration20240101000000_a", "Migration20240101000000_a.ts"),
                ("Migration20240102000000", "Migration20240102000000.ts"),
            ],
        ),
    ),
    "db-migrate": (
        {
            "migrations/20240101000000-a.js": "var dbm;\nexports.setup = function(options) { dbm = options.dbmigrate; };",
            "migrations/sqls/20240101000000-a-up.sql": "a",
            "migrations/sqls/20240101000000-a-down.sql": "x",
        },
        ("db-migrate", [("20240101000000-a", "20240101000000-a.js")]),
    ),
    "umzug": (
        {"migrations/1_a.ts": "import { Migration } from '../umzug'", "migrations/2_b.ts": ""},
        ("umzug", [("1_a.ts", "1_a.ts"), ("2_b.ts", "2_b.ts")]),
    ),
    "pgroll": (
        {"migrations/02_b.json": '{"operations": []}', "migrations/01_a.yaml": "operations:\n  - sql:\n", "migrations/other.yaml": "a: 1\n"},
        ("pgroll", [("01_a", "01_a.yaml"), ("02_b", "02_b.json")]),
    ),
    "postgrator": (
        {"1.do.a.sql": "a", "2.do.b.mjs": "", "10.do.c.sql": "c"},
        ("postgrator", [("1", "1.do.a.sql"), ("2", "2.do.b.mjs"), ("10", "10.do.c.sql")]),
    ),
    "mybatis": (
        {"1_a.sql": "a;\n-- //@UNDO\nx;\n", "2_b.sql": "b ${driver};\n"},
        ("mybatis", [("1", "1_a.sql"), ("2", "2_b.sql")]),
    ),
    "play": (
        {"1.sql": "# --- !Ups\na;\n", "2.sql": "# --- !Ups\nset role $evolutions{{{owner}}};\n"},
        ("play", [("1", "1.sql"), ("2", "2.sql")]),
    ),
    "graphile-migrate": (
        {"committed/000001.sql": "--! Previous: -\n--! Hash: sha1:x\n\ngrant usage on schema public to :DATABASE_VISITOR;\n"},
        ("graphile-migrate", [("1", "committed/000001.sql")]),
    ),
    "evolve": (
        {"evolve.json": "{}", "V1__a.sql": "create table ${schema}.a ();", "V2__b.sql": "b"},
        ("evolve", [("1", "V1__a.sql"), ("2", "V2__b.sql")]),
    ),
    "node-pg-migrate": (
        {"migrations/1_a.js": "exports.up = (pgm) => pgm.sql('select 1')"},
        ("node-pg-migrate", [("1_a", "1_a.js")]),
    ),
    "goose": (
        {"2_b.go": "", "2_b_test.go": "", "10_c.sql": "-- +goose Up\nc;\n", "1_a.sql": "-- +goose Up\na;\n"},
        ("goose", [("1", "1_a.sql"), ("2", "2_b.go"), ("10", "10_c.sql")]),
    ),
    "goose, from the environment": (
        {"1_a.sql": "-- +goose Up\na;\n", "2_b.sql": "-- +goose Up\n-- +goose ENVSUB ON\nb '${TENANT}';\n-- +goose ENVSUB OFF\n"},
        ("goose", [("1", "1_a.sql"), ("2", "2_b.sql")]),
    ),
    "tern": (
        {"001_a.sql": "a;\n---- create above / drop below ----\nx;", "002_b.sql": "b '{{.tenant}}';\n"},
        ("tern", [("1", "001_a.sql"), ("2", "002_b.sql")]),
    ),
    "flyway": (
        {"V1__a.sql": "a", "V2__b.java": "", "V3__c.sql": "c"},
        ("flyway", [("1", "V1__a.sql"), ("2", "V2__b.java"), ("3", "V3__c.sql")]),
    ),
    "yoyo": (
        {"2.b.py": "__depends__ = {'1.a'}\nsteps = []\n", "1.a.sql": "-- depends:\na", "1.a.rollback.sql": "x", "post-apply.sql": "x"},
        ("yoyo", [("1.a", "1.a.sql"), ("2.b", "2.b.py")]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROGRAMS)
def test_programs_are_found_for_a_history(tmp_path: Path, case: str) -> None:
    files, expected = PROGRAMS[case]
    found = discover(lay(tmp_path, files), programs=True)
    assert read(found) == expected
    assert found.program
    assert {file.sql for file in found.files if file.program} == {""}


@pytest.mark.parametrize("case", [c for c in PROGRAMS if c != "rails"])
def test_programs_are_refused_to_who_needs_sql(tmp_path: Path, case: str) -> None:
    lay(tmp_path, PROGRAMS[case][0])
    with pytest.raises(MigrationError):
        discover(tmp_path)
    with pytest.raises(
        MigrationError,
        match=r"only .* itself can run it|is filled in by .* from (?:the project's settings|the environment|its data)",
    ):
        discover(tmp_path, programs=True).require_sql()


GOOSE, SUBSTITUTED = "-- +goose Up\n", "-- +goose ENVSUB ON\n"
FILLED_IN = {
    "a line of the way up": (f"{GOOSE}{SUBSTITUTED}a $NAME;\n", 3, "$NAME"),
    "switched on above it": (f"{SUBSTITUTED}{GOOSE}a '${{NAME:-x}}';\n", 3, "${NAME:-x}"),
    "to the end": (f"{GOOSE}a;\n-- +goose envsub on\n\nb;\nc $name;\n", 6, "$name"),
    "the way down": (f"{GOOSE}a;\n-- +goose Down\n{SUBSTITUTED}b $NAME;\n", 5, "$NAME"),
}
LEFT_ALONE = {
    "off": f"{GOOSE}a '${{NAME}}';\n",
    "off again": f"{GOOSE}{SUBSTITUTED}a;\n-- +goose ENVSUB OFF\nb '$NAME';\n",
    "a comment": f"{GOOSE}{SUBSTITUTED}-- ${{NAME}} it was\na;\n",
    "no name": f"{GOOSE}{SUBSTITUTED}do $$ a $1 $$;\n",
}


@pytest.mark.parametrize("case", FILLED_IN)
def test_what_goose_takes_from_the_environment_is_not_run_as_it_stands(tmp_path: Path, case: str) -> None:
    text, line, used = FILLED_IN[case]
    lay(tmp_path, {"1_a.sql": text})
    with pytest.raises(MigrationError) as refused:
        discover(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / '1_a.sql'}:{line}: {used} is filled in by goose")


@pytest.mark.parametrize("case", LEFT_ALONE)
def test_what_goose_leaves_as_it_stands_is_run(tmp_path: Path, case: str) -> None:
    assert discover(lay(tmp_path, {"1_a.sql": LEFT_ALONE[case]})).tool == "goose"


@pytest.mark.parametrize("action", ["{{.tenant}}", '{{ template "shared/v1.sql" . }}', "{{- if .x }}"])
def test_terns_templates_are_not_run_as_they_stand(tmp_path: Path, action: str) -> None:
    lay(tmp_path, {"tern.conf": "", "1_a.sql": f"a;\n{action}\n", "shared/v1.sql": "b;"})
    with pytest.raises(MigrationError) as refused:
        discover(tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / '1_a.sql'}:2: {action} is filled in by tern")


def test_a_structure_dump_stands_for_programs_where_sql_is_needed(tmp_path: Path) -> None:
    lay(tmp_path, PROGRAMS["rails"][0])
    assert discover(tmp_path).tool == "plain"


def test_scripts_that_several_tools_could_run_are_a_question(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.js": "exports.up = (knex, pgm) => 1"})
    with pytest.raises(MigrationError, match=r"reads as node-pg-migrate or knex; say which"):
        discover(tmp_path, programs=True)
    assert discover(tmp_path, "knex", programs=True).tool == "knex"


def test_scripts_of_no_tool_are_refused(tmp_path: Path) -> None:
    lay(tmp_path, {"20240101000000_a.js": "exports.up = () => 1"})
    with pytest.raises(MigrationError, match="JavaScript tool"):
        discover(tmp_path, programs=True)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"versions/a.py": "revision = 'a'\ndown_revision = 'lost'\n"}, "comes after lost, of which there is no file"),
        (
            {"versions/a.py": "revision = 'a'\ndown_revision = 'b'\n", "versions/b.py": "revision = 'b'\ndown_revision = 'a'\n"},
            "after each other in a circle: a, b",
        ),
        ({"versions/a.py": "revision = 'a'\ndown_revision = (\n"}, "not readable as Python"),
    ],
)  # fmt: skip
def test_a_graph_that_does_not_hold_is_refused(tmp_path: Path, files: dict[str, str], message: str) -> None:
    with pytest.raises(MigrationError, match=message):
        discover(lay(tmp_path, files), programs=True)


UNDONE = {
    "golang-migrate": ({"1_a.up.sql": "a;", "1_a.down.sql": "x;"}, ("1_a.down.sql", "x;")),
    "golang-migrate without": ({"1_a.up.sql": "a;", "2_a.down.sql": "x;"}, None),
    "an empty down file": ({"1_a.up.sql": "a;", "1_a.down.sql": "-- nothing\n"}, None),
    "goose": ({"1_a.sql": "-- +goose Up\na;\n-- +goose Down\nx;\n"}, ("1_a.sql", "x;\n")),
    "goose without": ({"1_a.sql": "-- +goose Up\na;\n"}, None),
    "dbmate": ({"1_a.sql": "-- migrate:up\na;\n-- migrate:down\nx;\n"}, ("1_a.sql", "\nx;\n")),
    "node-pg-migrate": ({"1_a.sql": "-- Down Migration\nx;\n-- Up Migration\na;\n"}, ("1_a.sql", "x;\n")),
    "tern": ({"001_a.sql": "a;\n---- create above / drop below ----\nx;"}, ("001_a.sql", "\nx;")),
    "sql-migrate": ({"1.sql": "-- +migrate Up\na;\n-- +migrate Down\nx;\n"}, ("1.sql", "x;\n")),
    "rambler": ({"1.sql": "-- rambler down\nx;\n-- rambler up\na;\n-- rambler down\ny;\n"}, ("1.sql", "x;\n             \n  \n               \ny;\n")),
    "micrate": ({"1_a.sql": "-- +micrate Up\na;\n-- +micrate Down\nx;\n"}, ("1_a.sql", "x;\n")),
    "mybatis": ({"1_a.sql": "a;\n--//@UNDO\nx;\n"}, ("1_a.sql", "x;\n")),
    "play": ({"1.sql": "# --- !Downs\nx;\n# --- !Ups\na;\n"}, ("1.sql", "x;\n")),
    "postgrator": ({"1.do.a.sql": "a;", "001.undo.b.sql": "x;"}, ("001.undo.b.sql", "x;")),
    "graphile-migrate": ({"committed/000001.sql": "--! Previous: -\n--! Hash: sha1:x\n\na;\n"}, None),
    "prisma": ({"1_a/migration.sql": "a;", "1_a/down.sql": "x;"}, ("1_a/down.sql", "x;")),
    "flyway": ({"V1_0__a.sql": "a;", "undo/U1__a.sql": "x;"}, ("undo/U1__a.sql", "x;")),
    "sqitch": (
        {"sqitch.plan": "d/a 2024-01-01T00:00:00Z A <a@b> #\n", "deploy/d/a.sql": "a;", "revert/d/a.sql": "x;"},
        ("revert/d/a.sql", "x;"),
    ),
    "plain": ({"1_a.sql": "a;", "1_a.rollback.sql": "x;"}, ("1_a.rollback.sql", "x;")),
    "yoyo": ({"1.sql": "-- depends:\na;", "1.rollback.sql": "x;"}, ("1.rollback.sql", "x;")),
    "atlas": ({"atlas.sum": "", "1_a.sql": "a;"}, None),
    "alembic": (
        {"versions/a.py": "revision = 'a'\ndown_revision = None\ndef downgrade():\n    '''x'''\n    op.drop_table('t')\n"},
        ("versions/a.py", ""),
    ),
    "alembic without": (
        {"versions/a.py": "revision = 'a'\ndown_revision = None\ndef downgrade():\n    '''x'''\n    pass\n"},
        None,
    ),
    "knex": ({"1_a.js": "exports.up = (knex) => 1\nexports.down = (knex) => 1"}, ("1_a.js", "")),
}  # fmt: skip


@pytest.mark.parametrize("case", UNDONE)
def test_what_takes_a_migration_back_is_known(tmp_path: Path, case: str) -> None:
    files, expected = UNDONE[case]
    found = discover(lay(tmp_path, files), programs=True)
    (file,) = found.files
    assert (None if file.undo is None else (found.label(file.undo), file.undo_sql)) == expected


def test_an_undo_file_that_cannot_be_read_is_there_all_the_same(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.up.sql": "a;"})
    (tmp_path / "1_a.down.sql").write_bytes(b"\xff")
    (file,) = discover(tmp_path).files
    assert (file.undo, file.undo_sql) == (tmp_path / "1_a.down.sql", "")


def test_the_ledger_settles_what_the_names_leave_open(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.up.sql": "create index concurrently i on t (a);"})
    assert discover(tmp_path, ledgers=["sqlx"]).tool == "sqlx"
    assert discover(tmp_path, ledgers=["golang-migrate", "goose"]).tool == "golang-migrate"
    with pytest.raises(
        MigrationError, match="the database has ledgers of golang-migrate or sqlx, and the files"
    ):
        discover(tmp_path, ledgers=["golang-migrate", "sqlx"])
    with pytest.raises(MigrationError, match="reads as golang-migrate or sqlx"):
        discover(tmp_path, ledgers=["prisma"])


def test_plain_files_take_the_tool_of_the_ledger_and_marked_ones_do_not(tmp_path: Path) -> None:
    plain = lay(tmp_path / "plain", {"1_a.sql": "a;"})
    assert [discover(plain, ledgers=[tool]).tool for tool in ("applied-set", "sqlx", "prisma")] == [
        "applied-set",
        "sqlx",
        "plain",
    ]
    marked = lay(tmp_path / "marked", {"1_a.sql": "-- migrate:up\na;\n-- migrate:down\n"})
    assert discover(marked, ledgers=["applied-set"]).tool == "dbmate"


def test_files_before_a_baseline_are_kept_apart(tmp_path: Path) -> None:
    lay(tmp_path, {"V1__a.sql": "a;", "V2__b.sql": "b;", "B2__base.sql": "c;", "V3__d.sql": "d;"})
    found = discover(tmp_path)
    assert [file.path.name for file in found.files] == ["B2__base.sql", "V3__d.sql"]
    assert [file.path.name for file in found.superseded] == ["V1__a.sql", "V2__b.sql"]
    assert (found.stray, found.duplicates) == ((), ())


def test_the_tool_that_the_ledger_settled_is_said(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.sql": "a;"})
    assert discover(tmp_path, ledgers=["sqlx"]).notes == (
        "The files were read as those of sqlx, whose ledger the database has.",
    )
    assert discover(tmp_path, "sqlx", ledgers=["sqlx"]).notes == ()


def test_the_digest_of_programs_is_one_of_their_content(tmp_path: Path) -> None:
    digests = {
        discover(lay(tmp_path, {"1_a.js": f"exports.up = (knex) => {n}"}), programs=True).digest
        for n in (1, 2)
    }
    assert len(digests) == 2
