"""Objects that two migrations create, found by parsing."""

from pathlib import Path

import pytest

from tests.migrations.test_discovery import lay
from validate_schema.migrations import discover
from validate_schema.migrations.ddl.repeated import Ddl, parse_ddl, repeated_ddl
from validate_schema.model.history import RepeatedDdl, Statement

EXAMPLE = Path(__file__).parents[2] / "examples" / "flakeguard"
TABLE = "create table t (id int primary key, a text);"


def parse(folder: Path, *files: str) -> Ddl:
    return parse_ddl(discover(lay(folder, {f"{n}_x.sql": sql for n, sql in enumerate(files, 1)}), "plain"))


REPEATED = {
    "a table": ([TABLE, "create table if not exists t (id int)"], 'table "t"', True),
    "a table from a query": ([TABLE, "create table t as select 1"], 'table "t"', False),
    "a column of the table": ([TABLE, "alter table t add a int"], 'column "t"."a"', False),
    "a hidden column": ([TABLE, "alter table t add if not exists a int"], 'column "t"."a"', True),
    "in another spelling": ([TABLE, 'alter table only public.T add column "a" int'], 'column "t"."a"', False),
    "a type": (["create type m as enum ('a')", "create domain m as int"], 'type "m"', False),
    "an index": ([TABLE, "create index i on t (a)", "create unique index concurrently if not exists i on t (id)"],
                 'index "i" on "t"', True),
    "an index without a name": ([TABLE, "create index on t (a)", "create index on t (a)"],
                                'index "t_a_idx" on "t"', True),
    "a constraint": ([TABLE, "alter table t add constraint c check (id > 0)",
                      "alter table t add constraint c unique (a)"], 'constraint "c" on "t"', False),
    "a constraint without a name": ([TABLE, "alter table t add unique (a)", "alter table t add unique (a)"],
                                    'constraint "t_a_key" on "t"', True),
    "an exclusion without a name": ([TABLE, "alter table t add exclude using btree (a with =)",
                                     "alter table t add exclude using btree (a with =)"],
                                    'constraint "t_a_excl" on "t"', True),
    "a second primary key": ([TABLE, "alter table t add primary key (a)"], 'constraint "t_pkey" on "t"', False),
    "under its new name": ([TABLE, "alter table t rename to u", "create table u ()"], 'table "u"', False),
    "a renamed column": ([TABLE, "alter table t rename a to b", "alter table t add b int"], 'column "t"."b"', False),
    "in another schema": (["create table s.t (a int)", "set search_path = s, public; create table t ()"],
                          'table "s"."t"', False),
    "after a dump's search path": (["create table s.t ()", "select pg_catalog.set_config('search_path', 's', false);"
                                    " create table t ()"], 'table "s"."t"', False),
    "moved to another schema": ([TABLE, "alter table t set schema s", "create table s.t ()"], 'table "s"."t"', False),
    "a moved type": (["create type m as enum ()", "alter type m rename to n; alter type n set schema s",
                      "create type s.n as (a int)"], 'type "s"."n"', False),
    "a renamed constraint": ([TABLE, "alter table t rename constraint t_pkey to k",
                              "alter table t add constraint k unique (a)"], 'constraint "k" on "t"', False),
    "a key replaced in a row": ([TABLE, "alter table t drop constraint t_pkey, add primary key (a)",
                                 "alter table t drop constraint t_pkey, add primary key (id, a)"],
                                'primary key of "t"', False),
}  # fmt: skip


@pytest.mark.parametrize("case", REPEATED)
def test_what_is_created_again_is_found(tmp_path: Path, case: str) -> None:
    files, name, hidden = REPEATED[case]
    found = parse(tmp_path, *files)
    assert [(r.object, r.hidden) for r in found.repeated] == [(name, hidden)]
    assert found.repeated[0].statements[-1].file == f"{len(files)}_x.sql"


SOUND = {
    "dropped between": [TABLE, "drop table t", TABLE],
    "dropped by the same file": [TABLE, "drop table if exists t cascade;" + TABLE],
    "a dropped column": [TABLE, "alter table t drop a", "alter table t add a int"],
    "a dropped index": [TABLE, "create index i on t (a)", "drop index i", "create index i on t (a)"],
    "a dropped type": ["create type m as enum ()", "drop type m; create type m as enum ('x')"],
    "a dropped constraint": [TABLE, "alter table t drop constraint t_pkey", "alter table t add primary key (a)"],
    "with its column": [TABLE, "create index i on t (lower(a)); alter table t add constraint c check (a <> '')",
                        "alter table t drop a", "alter table t add a int; create index i on t (a);"
                        " alter table t add constraint c check (a > 0)"],
    "with its table": [TABLE, "create index i on t (a)", "drop table t", "create table u (a int); create index i on u (a)"],
    "with what it refers to": [TABLE, "create table u (t int constraint c references t)", "drop table t cascade;" + TABLE,
                               "alter table u add constraint c foreign key (t) references t"],
    "with its schema": ["create table s.t ()", "drop schema s cascade; create schema s; create table s.t ()"],
    "renamed away": [TABLE, "alter table t rename to old;" + TABLE, "drop table old"],
    "a column renamed away": [TABLE, "alter table t rename a to b", "alter table t add a int"],
    "an index renamed away": [TABLE, "create index i on t (a)", "alter index i rename to j", "create index i on t (id)"],
    "in two schemas": [TABLE, "create table s.t ()", "create index i on t (a); create index i on s.t (a)"],
    "a temporary table": ["create temp table x ()", "create temporary table x ()", "create table pg_temp.x ()"],
    "within one file": ["create table if not exists t (); create table if not exists t ()"],
    "different indexes without a name": [TABLE, "create index on t (a) where id > 0", "create index on t (a) where id > 9"],
    "checks without a name": [TABLE, "alter table t add check (id > 0)", "alter table t add check (id > 0)"],
    "a materialized view": ["create materialized view if not exists m as select 1"] * 2,
    "an index of a view that went with what it is of": [
        "create view v as select 1 as a; create materialized view m as select * from v; create index i on m (a)",
        "drop view v cascade; create view v as select 2 as a; create materialized view m as select * from v;"
        " create index i on m (a)",
    ],
    "a key of a column that was renamed away": [
        TABLE, "create table u (t int references t)",
        "alter table u rename t to old; alter table u add t int references t",
    ],
    "a view": ["create view v as select 1", "drop view v; create view v as select 2", "create or replace view v as select 3"],
    "a key replaced at different times": [TABLE, "alter table t drop constraint t_pkey, add primary key (a)",
                                          "select 1", "alter table t drop constraint t_pkey, add primary key (id, a)"],
    "in strings and comments": [TABLE, "-- create table t ()\nselect 'create table t ()';"],
    "inside a transaction of its own": [TABLE, "begin; drop table t; commit; begin;" + TABLE + "commit;"],
}  # fmt: skip


@pytest.mark.parametrize("case", SOUND)
def test_what_was_dropped_or_renamed_may_come_again(tmp_path: Path, case: str) -> None:
    assert parse(tmp_path, *SOUND[case]).repeated == ()


def test_places_are_the_statements_own(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "1_a.sql": "-- +goose Up\n" + TABLE,
            "2_b.sql": "-- +goose Up\n\nselect 1;\n-- why\ncreate table\n  if not exists t ();",
        },
    )
    assert repeated_ddl(discover(tmp_path)) == (
        3,
        (
            RepeatedDdl(
                object='table "t"',
                statements=(
                    Statement(file="1_a.sql", line=2, text="create table t (id int primary key, a text)"),
                    Statement(file="2_b.sql", line=5, text="create table if not exists t ()"),
                ),
                hidden=True,
            ),
        ),
    )


def test_what_was_not_looked_into_is_said(tmp_path: Path) -> None:
    found = parse(tmp_path, "do $$ begin create table t (); end $$; do 'x';", "create tabel t;", TABLE)
    assert (found.statements, found.unseen, found.unparsed, found.repeated) == (1, 2, 1, ())
    assert found.notes == (
        "repeated DDL: 2 statements with dynamic SQL (DO) not looked into",
        "repeated DDL: 1 statement could not be parsed",
    )


def test_copy_data_and_psql_commands_are_passed_over(tmp_path: Path) -> None:
    dump = "\\connect x\ncreate table t (a text);\ncopy t from stdin;\ncreate table t ();\n\\.\n"
    found = parse(tmp_path, dump, "create table u ();")
    assert (found.statements, found.repeated) == (3, ())


def test_the_broken_example_repeats_itself_and_the_mended_one_does_not() -> None:
    broken = parse_ddl(discover(EXAMPLE / "broken" / "prisma"))
    names = [r.object for r in broken.repeated]
    assert len([n for n in names if n.endswith('."orgId"')]) == 14
    assert names[14:] == ['primary key of "FGFlakeScore"', 'table "Organization"']
    assert [s.file for s in broken.repeated[-1].statements] == [
        "20240826000000_add_organization_tables/migration.sql",
        "add-multi-tenant-support.sql",
    ]
    assert {r.hidden for r in broken.repeated[:14]} == {True}
    assert parse_ddl(discover(EXAMPLE / "prisma")).repeated == ()
