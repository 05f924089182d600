"""A folder of migrations is read as its tool would read it, or refused with a reason."""

import os
from pathlib import Path

import pytest

from validate_schema.migrations import MigrationSet, discover, tools
from validate_schema.model.errors import MigrationError
from validate_schema.sql import script


def lay(folder: Path, files: dict[str, str]) -> Path:
    """Write files below `folder` and return it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return folder


def read(found: MigrationSet) -> tuple[str, list[tuple[str, str, str, str]]]:
    """Return the tool, and version, label, up section and mode of each file."""
    return found.tool, [(f.version, found.label(f.path), f.sql.strip(), f.mode) for f in found.files]


def lines(*parts: str) -> str:
    return "\n".join(parts) + "\n"


@pytest.mark.parametrize("layout", ["{}.sql", "{}/migration.sql", "V{}__x.sql"])
def test_a_link_out_of_the_folder_is_no_migration(tmp_path: Path, layout: str) -> None:
    (tmp_path / "secret").write_text("create table secret ();")
    folder = lay(tmp_path / "migrations", {layout.format("1"): "create table a ();"})
    link = folder / layout.format("2")
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "secret")
    with pytest.raises(MigrationError) as error:
        discover(folder)
    assert str(error.value) == f"{link}: a link out of {folder}; put the file itself there"


def test_a_link_within_the_folder_is_a_migration(tmp_path: Path) -> None:
    folder = lay(tmp_path, {"1_a.sql": "create table a ();"})
    (folder / "2_b.sql").symlink_to("1_a.sql")
    assert [f.sql for f in discover(folder).files] == ["create table a ();"] * 2


LAYOUTS: dict[str, tuple[dict[str, str], tuple[str, list[tuple[str, str, str, str]]]]] = {
    "prisma": (
        {
            "migration_lock.toml": 'provider = "postgresql"\n',
            "10_b/migration.sql": "b",
            "1_a/migration.sql": "a",
            "1_a/down.sql": "x",
        },
        # localeCompare puts "_" before digits, so 1_a is first; by bytes it would be last.
        ("prisma", [("1_a", "1_a/migration.sql", "a", "message"), ("10_b", "10_b/migration.sql", "b", "message")]),
    ),
    "drizzle 0.x": (
        {
            "meta/_journal.json": '{"dialect": "postgresql", "entries": [{"tag": "0001_z", "when": 5}, {"tag": "0000_a", "when": 9}]}',
            "0000_a.sql": "a;--> statement-breakpoint\nb",
            "0001_z.sql": "z",
        },
        (
            "drizzle",
            [
                ("5", "0001_z.sql", "z", "transaction"),
                ("9", "0000_a.sql", "a;--> statement-breakpoint\nb", "transaction"),
            ],
        ),
    ),
    "drizzle 1.x": (
        {"20240102000000_b/migration.sql": "b", "20240101000000_a/migration.sql": "a", "20240101000000_a/snapshot.json": "{}"},
        (
            "drizzle",
            [
                ("20240101000000_a", "20240101000000_a/migration.sql", "a", "transaction"),
                ("20240102000000_b", "20240102000000_b/migration.sql", "b", "transaction"),
            ],
        ),
    ),
    "supabase": (
        {
            "supabase/migrations/20210101000000_init.sql": "the platform's own",
            "supabase/migrations/20240102000000_b.sql": "create index concurrently i on t (a); b",
            "supabase/migrations/20240101000000_a.sql": "a",
            "supabase/seed.sql": "seed",
        },
        (
            "supabase",
            [
                ("20240101000000", "20240101000000_a.sql", "a", "transaction"),
                ("20240102000000", "20240102000000_b.sql", "create index concurrently i on t (a); b", "statements"),
            ],
        ),
    ),
    "flyway": (
        {
            "V10__c.sql": "c",
            "V2__b.sql": "create index concurrently i on t (a)",
            "sub/V1_1__a.sql": "set search_path = ${flyway:defaultSchema}",
            "V3__x.sql": "x",
            "V3__x.sql.conf": "executeInTransaction=false\n",
            "R__view.sql": "r",
            "U2__b.sql": "undo",
        },
        (
            "flyway",
            [
                ("1.1", "sub/V1_1__a.sql", "set search_path = public", "transaction"),
                ("2", "V2__b.sql", "create index concurrently i on t (a)", "statements"),
                ("3", "V3__x.sql", "x", "statements"),
                ("10", "V10__c.sql", "c", "transaction"),
                ("R:view", "R__view.sql", "r", "transaction"),
            ],
        ),
    ),
    "flyway from a baseline": (
        {"V1__a.sql": "a", "B2__base.sql": "base", "V2__b.sql": "b", "V3__c.sql": "c"},
        ("flyway", [("2", "B2__base.sql", "base", "transaction"), ("3", "V3__c.sql", "c", "transaction")]),
    ),
    "golang-migrate": (
        {"10_b.up.sql": "b", "2_a.up.sql": "a", "2_a.down.sql": "x", "10_b.down.sql": "x"},
        ("golang-migrate", [("2", "2_a.up.sql", "a", "message"), ("10", "10_b.up.sql", "b", "message")]),
    ),
    "goose": (
        {
            "00002_b.sql": lines("-- +goose NO TRANSACTION", "-- +goose Up", "b;", "-- +goose Down", "x;"),
            "00001_a.sql": lines("-- a comment", "-- +goose Up", "-- +goose StatementBegin", "a;", "-- +goose StatementEnd", "-- +goose Down", "x;"),
        },
        (
            "goose",
            [
                ("1", "00001_a.sql", "-- +goose StatementBegin\na;\n-- +goose StatementEnd", "transaction"),
                ("2", "00002_b.sql", "b;", "statements"),
            ],
        ),
    ),
    "dbmate": (
        {
            "2_b.sql": lines("-- migrate:up transaction:false", "b;", "-- migrate:down", "x;"),
            "10_a.sql": lines("-- migrate:up", "a;", "-- migrate:down", "x;", "-- migrate:up", "never;"),
        },
        ("dbmate", [("10", "10_a.sql", "a;", "transaction"), ("2", "2_b.sql", "b;", "message")]),
    ),
    "node-pg-migrate": (
        {
            "20240101000000000_b.sql": lines("-- Down Migration", "x;", "-- Up Migration", "b;"),
            "1600000000000_a.sql": lines("-- Up Migration", "a;", "-- Down Migration", "x;"),
        },
        (
            "node-pg-migrate",
            [
                ("1600000000000_a", "1600000000000_a.sql", "a;", "transaction"),
                ("20240101000000000_b", "20240101000000000_b.sql", "b;", "transaction"),
            ],
        ),
    ),
    "sqlx": (
        {"Cargo.toml": "", "migrations/2_b.sql": "-- no-transaction\nb", "migrations/1_a.sql": "a"},
        ("sqlx", [("1", "1_a.sql", "a", "transaction"), ("2", "2_b.sql", "-- no-transaction\nb", "message")]),
    ),
    "diesel": (
        {
            "migrations/2024-02-01-101500-0000_b/up.sql": "b",
            "migrations/2024-02-01-101500-0000_b/down.sql": "x",
            "migrations/2024-02-01-101500-0000_b/metadata.toml": "run_in_transaction = false",
            "migrations/00000000000000_diesel_initial_setup/up.sql": "a",
        },
        (
            "diesel",
            [
                ("00000000000000", "00000000000000_diesel_initial_setup/up.sql", "a", "transaction"),
                ("202402011015000000", "2024-02-01-101500-0000_b/up.sql", "b", "message"),
            ],
        ),
    ),
    "refinery": (
        {"Cargo.toml": "", "migrations/V2__b.sql": "b", "migrations/U1__a.sql": "a"},
        ("refinery", [("1", "U1__a.sql", "a", "transaction"), ("2", "V2__b.sql", "b", "transaction")]),
    ),
    "atlas": (
        {
            "atlas.sum": "h1:x\n",
            "10_a.sql": "-- atlas:txmode none\n\na",
            "2_b.sql": "b",
            "3_c.sql": lines("-- atlas:txtar", "", "-- checks.sql --", "x", "-- migration.sql --", "c", "-- down.sql --", "x"),
            "1_old.sql": "old",
            "1_z.sql": "-- atlas:checkpoint\n\nz",
        },
        (
            "atlas",
            [("1", "1_z.sql", "-- atlas:checkpoint\n\nz", "transaction"), ("2", "2_b.sql", "b", "transaction"),
             ("3", "3_c.sql", "c", "transaction")],
        ),
    ),
    "sqitch": (
        {
            "sqitch.plan": lines(
                "%syntax-version=1.0.0",
                "%project=shop",
                "",
                "schema 2024-01-01T00:00:00Z A <a@b> # first",
                "users [schema] 2024-01-02T00:00:00Z A <a@b> #",
                "@v1 2024-01-03T00:00:00Z A <a@b> #",
                "users [users@v1] 2024-01-04T00:00:00Z A <a@b> # again",
            ),
            "deploy/schema.sql": "s",
            "deploy/users.sql": "new",
            "deploy/users@v1.sql": "old",
            "revert/schema.sql": "x",
            "verify/schema.sql": "x",
        },
        (
            "sqitch",
            [
                ("schema", "deploy/schema.sql", "s", "statements"),
                ("users@v1", "deploy/users@v1.sql", "old", "statements"),
                ("users", "deploy/users.sql", "new", "statements"),
            ],
        ),
    ),
    "pop": (
        {"20240102_b.pg.up.sql": "pg", "20240102_b.up.sql": "all", "20240102_b.mysql.up.sql": "x", "20240101_a.autocommit.up.sql": "a"},
        (
            "pop",
            [
                ("20240101", "20240101_a.autocommit.up.sql", "a", "message"),
                ("20240102", "20240102_b.pg.up.sql", "pg", "transaction"),
            ],
        ),
    ),
    "tern": (
        {"tern.conf": "", "002_b.sql": "b\n---- create above / drop below ----\nx", "001_a.sql": "a"},
        ("tern", [("1", "001_a.sql", "a", "transaction"), ("2", "002_b.sql", "b", "transaction")]),
    ),
    "sql-migrate": (
        {
            "10-c.sql": lines("-- +migrate Up notransaction", "c;", "-- +migrate Down", "x;"),
            "2-b.sql": lines("x;", "-- +migrate Up", "b;", "-- +migrate Down", "x;", "-- +migrate Up", "more;"),
            "named.sql": lines("-- +migrate Up", "-- +migrate StatementBegin", "d;", "-- +migrate StatementEnd"),
        },
        (
            "sql-migrate",
            [
                # Several ways up are one; what stands between is left out, line by line.
                ("2-b.sql", "2-b.sql", "b;\n                \n  \n              \nmore;", "transaction"),
                ("10-c.sql", "10-c.sql", "c;", "statements"),
                ("named.sql", "named.sql", "-- +migrate StatementBegin\nd;\n-- +migrate StatementEnd", "transaction"),
            ],
        ),
    ),
    "rambler": (
        {
            "2_b.sql": lines("-- rambler up", "b;", "-- rambler down", "x;"),
            "10_a.sql": lines("-- rambler up", "a;", "-- rambler down", "x;", "-- rambler up", "more;"),
        },
        (
            "rambler",
            [
                ("10_a.sql", "10_a.sql", "a;\n               \n  \n             \nmore;", "statements"),
                ("2_b.sql", "2_b.sql", "b;", "message"),
            ],
        ),
    ),
    "micrate": (
        {
            "10_b.sql": lines("-- +micrate Up", "b;", "-- +micrate Down", "x;"),
            "2_a.sql": lines("x;", "-- +micrate Up", "a;"),
        },
        ("micrate", [("2", "2_a.sql", "a;", "statements"), ("10", "10_b.sql", "b;", "statements")]),
    ),
    "mybatis": (
        {
            "environments/development.properties": "",
            "scripts/10_b.sql": lines("-- // more", "b ${changelog};", "", "--// @UNDO", "x;"),
            "scripts/2_create_changelog.sql": lines("--// first", "a;", "-- //@UNDO", "x;"),
            "scripts/bootstrap.sql": "x;",
        },
        (
            "mybatis",
            [
                ("2", "2_create_changelog.sql", "--// first\na;", "transaction"),
                ("10", "10_b.sql", "-- // more\nb changelog;", "transaction"),
            ],
        ),
    ),
    "play": (
        {
            "conf/evolutions/default/1.sql": lines("# --- !Ups", "a ';;';", "", "# --- !Downs", "x;"),
            "conf/evolutions/default/2.sql": lines("-- !Downs", "x;", "-- !Ups", "b;"),
            "conf/evolutions/default/4.sql": lines("# --- !Ups", "never;"),
        },
        ("play", [("1", "1.sql", "a ';';", "statements"), ("2", "2.sql", "b;", "statements")]),
    ),
    "postgrator": (
        {"10.do.b.sql": "b", "2.do.a.sql": "a", "2.undo.a.sql": "x", "003.do.sql": "c"},
        ("postgrator", [("2", "2.do.a.sql", "a", "message"), ("3", "003.do.sql", "c", "message"), ("10", "10.do.b.sql", "b", "message")]),
    ),
    "graphile-migrate": (
        {
            "migrations/committed/000002-more.sql": lines("--! Previous: sha1:x", "--! Hash: sha1:y", "--! Message: more", "", "--! no-transaction", "b;"),
            "migrations/committed/000001.sql": lines("--! Previous: -", "--! Hash: sha1:x", "", "a;"),
            "migrations/current.sql": "not yet",
        },
        (
            "graphile-migrate",
            [
                ("1", "committed/000001.sql", "a;", "transaction"),
                ("2", "committed/000002-more.sql", "--! no-transaction\nb;", "statements"),
            ],
        ),
    ),
    "evolve": (
        {
            "App.csproj": "",
            "db/migrations/V10__c.sql": "c",
            "db/migrations/V2_1__b.sql": "-- evolve-tx-off\nb",
            "db/migrations/R__view.sql": "r",
        },
        (
            "evolve",
            [
                ("2.1", "V2_1__b.sql", "-- evolve-tx-off\nb", "statements"),
                ("10", "V10__c.sql", "c", "transaction"),
                ("R:view", "R__view.sql", "r", "transaction"),
            ],
        ),
    ),
    "plain": (
        {"10_c.sql": "c", "9_b.sql": "vacuum", "001-a.sql": "a", "001-a.rollback.sql": "x", "notes.txt": "x"},
        ("plain", [("1", "001-a.sql", "a", "message"), ("9", "9_b.sql", "vacuum", "statements"), ("10", "10_c.sql", "c", "message")]),
    ),
    "a structure dump": (
        {"db/migrate/20240101000000_a.rb": "class A", "db/structure.sql": "\\restrict x\nselect 1;"},
        ("plain", [("structure", "structure.sql", "\\restrict x\nselect 1;", "statements")]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_tools_layout_is_recognised_with_its_order_and_up_sections(tmp_path: Path, layout: str) -> None:
    files, expected = LAYOUTS[layout]
    assert read(discover(lay(tmp_path, files))) == expected


def test_every_tool_has_a_layout_in_this_file() -> None:
    chosen = {"applied-set", "yoyo"}
    programs = {"alembic", "django", "rails", "ecto", "typeorm", "sequelize", "knex", "kysely", "mikro-orm"}
    programs |= {"db-migrate", "umzug", "pgroll"}
    assert {expected[0] for _, expected in LAYOUTS.values()} == set(tools.names()) - chosen - programs


def test_the_first_line_says_where_the_up_section_begins(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.sql": lines("-- why", "", "-- +goose Up", "create table a ();")})
    (file,) = discover(tmp_path).files
    assert (file.first_line, file.sql) == (4, "create table a ();\n")


def test_crlf_and_a_byte_order_mark_hide_no_marker(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.sql": "\ufeff-- migrate:up\r\na;\r\n-- migrate:down\r\nx;\r\n"})
    assert read(discover(tmp_path)) == ("dbmate", [("1", "1_a.sql", "a;", "transaction")])


def test_a_named_tool_is_used_where_nothing_tells(tmp_path: Path) -> None:
    lay(tmp_path, {"20240101_a.sql": "a", "10_b.sql": "b"})
    by_text = [f.name for f in discover(tmp_path, "atlas").files]
    by_number = [f.name for f in discover(tmp_path, "plain").files]
    assert (by_text, by_number) == (["b", "a"], ["b", "a"])
    assert discover(tmp_path).tool == "plain"
    assert discover(tmp_path, "sqlx").tool == "sqlx"


def test_two_tools_that_would_do_the_same_are_no_question(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.up.sql": "create table a ();", "1_a.down.sql": "drop table a;"})
    assert discover(tmp_path).tool == "golang-migrate"


def test_a_mark_that_changes_nothing_is_no_question(tmp_path: Path) -> None:
    text = "-- Adds a.\n-- Up migration\ncreate table a ();\n-- Down migration\n{}drop table a;\n"
    lay(tmp_path, {"supabase/migrations/1_a.sql": text.format("-- ")})
    assert discover(tmp_path / "supabase/migrations").tool == "supabase"
    lay(tmp_path, {"supabase/migrations/1_a.sql": text.format("")})
    with pytest.raises(MigrationError, match="reads as supabase or node-pg-migrate"):
        discover(tmp_path / "supabase/migrations")


def test_two_tools_that_would_do_different_things_are_a_question(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.up.sql": "create index concurrently i on t (a);"})
    with pytest.raises(MigrationError, match=r"reads as golang-migrate or sqlx, .*--tool"):
        discover(tmp_path)
    assert discover(tmp_path, "sqlx").tool == "sqlx"


def test_the_project_around_a_folder_settles_which_tool(tmp_path: Path) -> None:
    lay(tmp_path, {"go.mod": "", "migrations/1_a.up.sql": "create index concurrently i on t (a);"})
    assert discover(tmp_path).tool == "golang-migrate"


def test_two_folders_in_one_project_are_a_question(tmp_path: Path) -> None:
    lay(tmp_path, {"prisma/migrations/1_a/migration.sql": "a", "supabase/migrations/1_b.sql": "b"})
    with pytest.raises(
        MigrationError, match=r"prisma/migrations \(prisma\), supabase/migrations \(supabase\); name one"
    ):
        discover(tmp_path)
    assert discover(tmp_path, "prisma").tool == "prisma"


@pytest.mark.parametrize("given", [".", "prisma", "prisma/migrations"])
def test_the_migrations_are_found_from_the_project_down(tmp_path: Path, given: str) -> None:
    lay(tmp_path, {"prisma/schema.prisma": "", "prisma/migrations/1_a/migration.sql": "a"})
    assert discover(tmp_path / given).folder.name == "migrations"


def test_stray_files_are_those_that_the_tool_never_runs(tmp_path: Path) -> None:
    files = {
        "1_a/migration.sql": "a",
        "1_a/down.sql": "x",
        "1_a/extra.sql": "x",
        "hand.sql": "x",
        "seed.sql": "x",
    }
    found = discover(lay(tmp_path, files))
    assert [found.label(p) for p in found.stray] == ["1_a/extra.sql", "hand.sql"]


@pytest.mark.parametrize(
    ("forth", "back"),
    [
        ("1_a.sql", "1_a_down.sql"),
        ("1_a-up.sql", "1_a-down.sql"),
        ("1_up.sql", "1_down.sql"),
        ("1_a.sql", "1_a.DOWN.sql"),
        ("1_a_Forward.sql", "1_A_backward.sql"),
        ("1_a.sql", "1_a-rollback.sql"),
        ("V1__a.sql", "V1__a_undo.sql"),
        ("V1__a.sql", "rollback/V1__a.sql"),
        ("001.DO.a.sql", "001.UNDO.a.sql"),
    ],
)
def test_a_file_that_leads_back_by_its_name_never_runs(tmp_path: Path, forth: str, back: str) -> None:
    found = discover(lay(tmp_path, {forth: "a", back: "x"}))
    assert ([f.sql for f in found.files], found.stray) == (["a"], ())


def test_a_name_that_only_ends_so_is_a_migration(tmp_path: Path) -> None:
    found = discover(lay(tmp_path, {"1_a.sql": "a", "2_a_rollback.sql": "b", "3_slow_down.sql": "c"}))
    assert [f.sql for f in found.files] == ["a", "b", "c"]


def test_what_lies_outside_the_tools_own_folders_is_not_stray(tmp_path: Path) -> None:
    plan = "a 2024-01-01T00:00:00Z A <a@b> #\n"
    files = {"sqitch.plan": plan, "deploy/a.sql": "a", "deploy/b.sql": "x", "reports/c.sql": "x"}
    found = discover(lay(tmp_path / "sqitch", files))
    assert [found.label(p) for p in found.stray] == ["deploy/b.sql"]
    assert discover(lay(tmp_path / "dump", {"schema.sql": "a", "reports/c.sql": "x"})).stray == ()
    assert discover(lay(tmp_path / "plain", {"1_a.sql": "a", "schema.sql": "x"})).stray == ()


def test_files_that_share_a_version_are_recorded(tmp_path: Path) -> None:
    found = discover(lay(tmp_path, {"1_a.up.sql": "a", "01_b.up.sql": "b", "2_c.up.sql": "c"}))
    assert [[found.label(f.path) for f in group] for group in found.duplicates] == [
        ["01_b.up.sql", "1_a.up.sql"]
    ]


def test_a_second_way_up_that_dbmate_never_runs_is_said(tmp_path: Path) -> None:
    text = "-- migrate:up\na;\n-- migrate:down\nb;\n\n-- migrate:up\nc;\n"
    found = discover(lay(tmp_path, {"1_a.sql": text}))
    assert found.files[0].sql.strip() == "a;"
    assert found.notes == ("1_a.sql:6: a second `-- migrate:up`, which dbmate never runs",)


def test_mybatis_may_name_another_delimiter(tmp_path: Path) -> None:
    text = lines(
        "-- // orgs", "-- @DELIMITER !", "create function f() returns int language sql as 'select 1;'", "!",
        "create table orgs (note text default '!')! and this is not run", "-- ! of old",
        "-- //@DELIMITER ;", "select 1;", "-- //@UNDO", "-- @DELIMITER /", "drop table orgs", "/",
    )  # fmt: skip
    found = discover(lay(tmp_path, {"1_a.sql": text}), "mybatis")
    assert [p.text for p in script.pieces(found.files[0].sql)] == [
        "create function f() returns int language sql as 'select 1;'",
        "create table orgs (note text default '!')",
        "select 1",
    ]
    assert [p.text for p in script.pieces(found.files[0].undo_sql)] == ["drop table orgs"]


def test_sqlx_looks_for_its_directive_at_the_very_first_byte(tmp_path: Path) -> None:
    text = "-- no-transaction\ncreate index concurrently i on t (a);\n"
    folder = lay(
        tmp_path, {"Cargo.toml": "", "migrations/1_a.sql": text, "migrations/2_b.sql": "\ufeff" + text}
    )
    assert [f.mode for f in discover(folder).files] == ["message", "transaction"]


def test_flyways_files_have_no_letter_where_it_is_named_and_they_begin_with_numbers(tmp_path: Path) -> None:
    files = {
        "10__c.sql": "c",
        "2__b.sql": "b",
        "sub/1_1__a.sql": "a",
        "R__view.sql": "r",
        "U2__b.sql": "undo",
    }
    found = discover(lay(tmp_path / "bare", files), "flyway")
    assert [(f.version, f.name) for f in found.files] == [
        ("1.1", "a"), ("2", "b"), ("10", "c"), ("R:view", "view"),
    ]  # fmt: skip
    assert [file.undo and file.undo.name for file in found.files] == [None, "U2__b.sql", None, None]
    mixed = discover(lay(tmp_path / "mixed", files | {"V3__d.sql": "d"}), "flyway")
    assert [f.version for f in mixed.files] == ["3", "R:view"]


def test_flyway_leaves_out_what_its_own_settings_switch_off(tmp_path: Path) -> None:
    files = {f"V{n}__a.sql": f"select {n};" for n in (1, 2, 3)}
    off = {"V2__a.sql.conf": "executeInTransaction=false\n shouldExecute = FALSE\n"}
    found = discover(lay(tmp_path / "off", files | off | {"V3__a.sql.conf": "shouldExecute=true"}))
    assert [f.version for f in found.files] == ["1", "3"]
    assert found.notes == ("V2__a.sql: Flyway does not run it: shouldExecute=FALSE in V2__a.sql.conf",)
    assert found.stray == ()

    asked = lay(tmp_path / "asked", files | {"V2__a.sql.conf": "\nshouldExecute=${env}==production\n"})
    refused = r"V2__a\.sql\.conf:2: shouldExecute=\$\{env\}==production is worked out by Flyway"
    with pytest.raises(MigrationError, match=refused):
        discover(asked)
    assert [f.program for f in discover(asked, programs=True).files] == [False, True, False]


@pytest.mark.parametrize("imported", ["from yoyo import step", "import yoyo", "from yoyo import group, step"])
def test_python_that_is_yoyos_is_not_called_djangos(tmp_path: Path, imported: str) -> None:
    text = f"# first\n{imported}\n\nsteps = [step('create table orgs (id int)', 'drop table orgs')]\n"
    folder = lay(tmp_path / "a", {"0001_orgs.py": text, "0002_more.py": text})
    assert [f.version for f in discover(folder, "yoyo", programs=True).files] == ["0001_orgs", "0002_more"]
    assert discover(folder, programs=True).tool == "yoyo"
    with pytest.raises(MigrationError, match=r"0001_orgs\.py.*yoyo"):
        discover(folder)
    deeper = lay(tmp_path / "b", {"app/migrations/0001_orgs.py": text})
    with pytest.raises(MigrationError, match="no migrations found"):
        discover(deeper)


def test_dbmate_never_runs_the_second_file_of_a_version(tmp_path: Path) -> None:
    up = "-- migrate:up\nselect 1;\n-- migrate:down\n"
    found = discover(lay(tmp_path, {"1_a.sql": up, "1_b.sql": up}))
    assert ([f.name for f in found.files], [f.name for f in found.shadowed]) == (["a"], ["b"])
    assert [[f.name for f in group] for group in found.duplicates] == [["a", "b"]]


def test_what_a_tool_does_with_files_that_run_nothing_is_said(tmp_path: Path) -> None:
    up = "# --- !Ups\nselect 1;\n"
    played = discover(lay(tmp_path / "play", {"1.sql": up, "3.sql": up}))
    assert played.notes == (f"{tmp_path}/play/3.sql: Play does not read it, as there is no 2.sql",)
    assert played.stray == (tmp_path / "play" / "3.sql",)
    rambled = discover(
        lay(tmp_path / "rambler", {"1.sql": "-- rambler up\nselect 1;\n", "2.sql": "select 2;\n"})
    )
    assert rambled.notes == (
        f"{tmp_path}/rambler/2.sql: has no `-- rambler up`: Rambler takes it for applied without running any of it",
    )
    scripts = {"1_a.sql": "a;\n-- //@UNDO\nx;\n", "bootstrap.sql": "b"}
    mine = discover(lay(tmp_path / "scripts", scripts))
    assert (mine.notes, mine.stray) == (("bootstrap.sql: what `migrate bootstrap` runs; it was not run",), ())


def test_numbers_that_sort_otherwise_as_text_are_noted(tmp_path: Path) -> None:
    assert discover(lay(tmp_path, {"10_b.sql": "b", "2_a.sql": "a"})).notes == (
        "The order by number is not the order by name: psql loops and shells run it otherwise.",
    )


def test_the_digest_changes_with_content_name_and_tool_and_with_nothing_else(tmp_path: Path) -> None:
    first = discover(lay(tmp_path / "a", {"1_a.sql": "a"})).digest
    assert discover(lay(tmp_path / "b", {"1_a.sql": "a", "notes.txt": "x"})).digest == first
    others = {
        discover(lay(tmp_path / "c", {"1_a.sql": "b"})).digest,
        discover(lay(tmp_path / "d", {"1_b.sql": "a"})).digest,
        discover(tmp_path / "a", "sqlx").digest,
    }
    assert len(others | {first}) == 4


REFUSED = {
    "an empty folder": ({".keep": ""}, r"no migrations found; looked for SQL files with numbers, or the layout of prisma"),
    "files without numbers": ({"a.sql": "a", "b.sql": "b"}, r"nothing tells the order of a\.sql, b\.sql"),
    "Alembic": ({"env.py": "", "versions/1a_x.py": ""}, "Alembic, which are programs"),
    "Django": ({"0001_initial.py": ""}, "Django, which are programs"),
    "Knex": ({"20240101000000_a.js": ""}, r"JavaScript tool, which are programs; name it in \[migrations\] \(tool = …\)"),
    "Liquibase": ({"1_a.sql": "--liquibase formatted sql\n"}, "Liquibase changelog; .*update-sql"),
    "Liquibase as people write it": (
        {"2_a.sql": "a", "3_b.sql": "\ufeff\n  -- LiquiBase Formatted SQL\n--changeset ann:1\nselect 1;"},
        r"3_b\.sql: a Liquibase changelog",
    ),
    "Liquibase under names of Flyway": (
        {"V1__a.sql": "-- liquibase formatted sql\n-- changeset a:1\nselect 1;"}, r"V1__a\.sql: a Liquibase changelog"
    ),
    "Liquibase in folders": (
        {"releases/1/a.sql": "-- liquibase formatted sql\n"}, r"releases/1/a\.sql: a Liquibase changelog"
    ),
    "another database": (
        {"migration_lock.toml": 'provider = "mysql"\n', "1_a/migration.sql": "a"},
        r"migration_lock\.toml: the migrations are for mysql",
    ),
    "a Prisma folder without its script": (
        {"migration_lock.toml": "", "1_a/migration.sql": "a", "2_b/README.md": ""},
        r"2_b: holds no migration\.sql",
    ),
    "a journal entry without its file": ({"meta/_journal.json": '{"entries": [{"tag": "0000_a"}]}'}, r"lists 0000_a, but there is no"),
    "a journal that is none": ({"meta/_journal.json": "[]"}, "not a Drizzle journal"),
    "a goose migration in Go": ({"1_a.sql": "-- +goose Up\n", "2_b.go": ""}, r"2_b\.go: only goose itself can run it"),
    "a second way up of goose": (
        {"1_a.sql": "-- +goose Up\na;\n-- +goose Up\nb;\n"},
        r"1_a\.sql:3: a second `-- \+goose Up`; goose stops there",
    ),
    "statements above the way up": (
        {"1_a.sql": "-- why\na;\n-- migrate:up\nb;\n"},
        r"1_a\.sql:2: stands above `-- migrate:up`; dbmate stops there",
    ),
    "a way down above the way up": (
        {"1_a.sql": "-- +goose Down\na;\n-- +goose Up\nb;\n"},
        r"1_a\.sql:2: stands above `-- \+goose Up`; goose stops there",
    ),
    "a goose file without Up": ({"1_a.sql": "-- +goose Up\n", "2_b.sql": "b"}, r"2_b\.sql: has no `-- \+goose Up`"),
    "fizz": ({"1_a.up.fizz": "create_table"}, r"1_a\.up\.fizz: fizz is not SQL"),
    "a Go template": ({"1_a.pg.up.sql": "a;\n{{ .Parameters }}"}, r"1_a\.pg\.up\.sql:2: a Go template"),
    "a planned change without its script": (
        {"sqitch.plan": "a 2024-01-01T00:00:00Z A <a@b> #\n"},
        r"deploy/a\.sql: No such file",
    ),
    "a NUL": ({"1_a.sql": "select 1;\n\0"}, r"1_a\.sql:2: holds a NUL"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(tmp_path: Path, case: str) -> None:
    files, message = REFUSED[case]
    with pytest.raises(MigrationError, match=message) as refused:
        discover(lay(tmp_path, files))
    assert "\n" not in str(refused.value)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="nowhere: no such folder"):
        discover(tmp_path / "nowhere")


def test_an_unknown_tool_is_refused_with_those_known(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="unknown migration tool 'gose'; known are prisma, drizzle"):
        discover(tmp_path, "gose")


def test_a_named_tool_without_migrations_says_what_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match=r"no migrations found; looked for V<version>__<name>\.sql"):
        discover(lay(tmp_path, {"1_a.sql": "a"}), "flyway")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"select 1;\nselect 'caf\xe9';", r"1_a\.sql:2: byte 0xe9 is not UTF-8"),
        ("select 1;".encode("utf-16"), r"1_a\.sql: encoded as UTF-16"),
    ],
)
def test_other_encodings_are_refused_with_the_line(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "1_a.sql").write_bytes(raw)
    with pytest.raises(MigrationError, match=message):
        discover(tmp_path)


def test_one_sql_file_is_a_history_of_one(tmp_path: Path) -> None:
    lay(tmp_path, {"dump.sql": "-- PostgreSQL database dump\nselect 1;", "other.sql": "x"})
    found = discover(tmp_path / "dump.sql")
    assert (found.tool, [f.name for f in found.files], found.files[0].mode) == (
        "plain",
        ["dump"],
        "statements",
    )


def test_a_relative_folder_is_read_like_an_absolute_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(tmp_path / "m", {"V1__a.sql": "a", "deep/V2__b.sql": "b", "R__c.sql": "c"})
    monkeypatch.chdir(tmp_path)

    assert read(discover(Path("m"))) == read(discover(tmp_path / "m"))


def test_an_sql_file_whose_name_is_no_text_is_refused_and_another_is_not_looked_at(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.sql": "a;"})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/notes\xff.txt")).write_text("")
    assert [f.name for f in discover(tmp_path).files] == ["a"]
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/2_\xff.sql")).write_text("select 1;")
    with pytest.raises(MigrationError, match=r"the file name '2_\\udcff\.sql' is not UTF-8; rename it"):
        discover(tmp_path)


@pytest.mark.parametrize("name", ["2_a\nb.sql", "2_a\tb.sql", "V2__a\r.SQL", "deep/2_\x7f.sql"])
def test_an_sql_file_with_a_control_character_in_its_name_is_refused_and_never_passed_over(
    tmp_path: Path, name: str
) -> None:
    lay(tmp_path, {"1_a.sql": "a;", name: "b;"})
    with pytest.raises(MigrationError, match=r"the file name '.*' has a control character; rename it$"):
        discover(tmp_path)


def test_quotes_and_pictures_in_a_name_are_kept(tmp_path: Path) -> None:
    lay(tmp_path, {"1_a.sql": "a;", "2_we\"ird \U0001f680 'n.sql": "b;"})

    assert [f.name for f in discover(tmp_path).files] == ["a", "we\"ird \U0001f680 'n"]
