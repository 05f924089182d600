"""What pending migrations do to live tables, seen on a copy: locks, rewrites, scans, and rows in the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fix_server import fresh
from tests.migrations.test_discovery import lay
from validate_schema.migrations import discover
from validate_schema.migrations.run.rehearsal import rehearse
from validate_schema.model.deploy import Deploy, Observed
from validate_schema.scratch import Database, Server

pytestmark = pytest.mark.every_server

SCHEMA = """
create type mood as enum ('calm', 'glad');
create domain plain as numeric;
create domain pos as int check (value > 0);
create domain must as int not null;
create table org (id int primary key);
create table leaf (org int references org);
create table item (
    id int not null, org int, name varchar(20), price numeric, span int4range, at timestamp, state mood,
    old text, constraint item_old check (old is not null), twice int
);
create unique index item_twice on item (twice);
create index item_org on item (org);
create table part (d int not null) partition by list (d);
create table loose (d int not null);
create table short (c varchar(5) unique);
create materialized view busy as select id from org;
create table parted (d int) partition by list (d);
create table parted_1 partition of parted for values in (1);
create index parted_d on parted (d);
create table year (d date not null, n int) partition by range (d);
create table year_24 partition of year for values from ('2024-01-01') to ('2025-01-01');
create table year_rest partition of year default;
create table late (d date not null, n int);
create table pairs (a int, b text) partition by range (a, b);
create table pair (a int, b text);
create table hashed (id int) partition by hash (id);
create table hash_0 (id int);
create table base (id int);
create table heir () inherits (base);
"""
ROWS = """
insert into org select n from generate_series(1, 3) n;
insert into item (id, org, name, price, old, twice)
    select n, n % 3 + 1, 'x', n + 0.5, 'y', n from generate_series(1, 50) n;
update item set org = 99, name = null where id in (1, 2);
insert into year values ('2024-05-01', 1), ('2026-05-01', 2);
insert into late values ('2025-05-01', 1);
insert into pair values (1, 'k');
insert into loose values (7);
analyze;
"""


def made(server: Server, script: str) -> str:
    """Return the template of what the script makes."""

    def build(database: Database) -> None:
        with database.connect(autocommit=True) as connection:
            connection.execute(script.encode())

    return server.template(script, build)


@contextmanager
def rehearsed(server: Server, folder: Path, *files: str, rows: str = ROWS) -> Iterator[Deploy]:
    """The files after the first, which made the schema, as they would meet a database that holds `rows`."""
    named = {f"{number}_f.sql": sql for number, sql in enumerate(("select 1;", *files), 1)}
    found = discover(lay(folder / "m", named))
    with fresh(server, made(server, SCHEMA + rows)) as target, fresh(server, made(server, SCHEMA)) as copy:
        with target.connect(autocommit=True) as connection:
            runs, deploy = rehearse(
                copy,
                found,
                found.files[1:],
                connection,
                path=("public",),
                large=10,
                limited=False,
                timeout_ms=5_000,
            )
        assert [r.failure for r in runs.runs] == [None] * len(files)
        yield deploy


def told(seen: Observed) -> str:
    """One statement in words: locks, then what was done to which tables."""
    done = [f"{lock.mode} {lock.table.name}" for lock in seen.locks]
    for word in ("rewrites", "truncates", "scans", "builds", "drops", "writes"):
        done += [f"{word} {table.name}" for table in getattr(seen, word)]
    return ", ".join(done)


EXCLUSIVE = "ACCESS EXCLUSIVE item"
OBSERVED = {
    "alter table item add u uuid default gen_random_uuid()": f"{EXCLUSIVE}, rewrites item",
    "alter table item add s serial": f"{EXCLUSIVE}, rewrites item",
    "alter table item add g int generated always as (id + 1) stored": f"{EXCLUSIVE}, rewrites item",
    "alter table item alter id type bigint": f"{EXCLUSIVE}, rewrites item",
    "alter table item alter name type varchar(10)": f"{EXCLUSIVE}, rewrites item",
    "alter table item set unlogged": f"{EXCLUSIVE}, rewrites item",
    "cluster item using item_org": f"{EXCLUSIVE}, rewrites item",
    "vacuum full item": f"{EXCLUSIVE}, rewrites item",
    "truncate item": f"{EXCLUSIVE}, truncates item",
    "refresh materialized view busy": "ACCESS EXCLUSIVE busy, rewrites busy, scans org",
    "alter table item alter name set not null": f"{EXCLUSIVE}, scans item",
    "alter table item add check (id > 0)": f"{EXCLUSIVE}, scans item",
    "alter table item add foreign key (org) references org": (
        "SHARE ROW EXCLUSIVE item, SHARE ROW EXCLUSIVE org, scans item"
    ),
    "alter table part attach partition loose for values in (1)": "ACCESS EXCLUSIVE loose, scans loose",
    "create index on item (name)": "SHARE item, scans item, builds item",
    "reindex index item_org": "SHARE item, scans item, builds item",
    "reindex schema public": (
        "SHARE item, SHARE org, SHARE parted_1, SHARE short, builds item, builds org, builds parted_1, builds short"
    ),
    "reindex index parted_d": "SHARE parted_1, builds parted_1",
    "alter table item add unique (name)": f"{EXCLUSIVE}, scans item, builds item",
    "alter table item add primary key (id)": f"{EXCLUSIVE}, scans item, builds item",
    "alter table item add exclude using gist (span with &&)": f"{EXCLUSIVE}, scans item, builds item",
    "alter table item drop column old": EXCLUSIVE,
    "alter table item rename name to title": EXCLUSIVE,
    "alter table item alter twice type bigint": f"{EXCLUSIVE}, rewrites item",
    "drop index item_org": f"{EXCLUSIVE}, drops item",
    "do $$ begin drop index item_org; end $$": f"{EXCLUSIVE}, drops item",
    "drop index parted_d": (
        "ACCESS EXCLUSIVE parted, ACCESS EXCLUSIVE parted_1, drops parted, drops parted_1"
    ),
    "create trigger t before insert on item for each row"
    " execute function suppress_redundant_updates_trigger()": "SHARE ROW EXCLUSIVE item",
    "do $$ begin lock table item in exclusive mode; end $$": "EXCLUSIVE item",
    "update item set name = 'z'": "scans item, writes item",
    "delete from only public.item i": "truncates item, scans item, writes item",
    "delete from item where id > 0": "scans item, writes item",
    "delete from item where true": "truncates item, scans item, writes item",
    "delete from item where 1 = 1 and not false or id = 4": "truncates item, scans item, writes item",
    "delete from item where id = 4 and true": "scans item, writes item",
    "delete from item where 1 = 2": "writes item",
    'delete from public."item" returning *': "truncates item, scans item, writes item",
    "with gone as (delete from item returning *) select from gone": "truncates item, scans item, writes item",
    "do $$ begin delete from item; end $$": "truncates item, scans item, writes item",
    "do $$ begin delete from item where id = 1; end $$": "scans item, writes item",
    "do $$ begin execute 'delete from item'; end $$": "truncates item, scans item, writes item",
    "do $$ begin if false then delete from item; end if; end $$": "",
    "drop table leaf": "ACCESS EXCLUSIVE leaf, ACCESS EXCLUSIVE org",
    "do $$ begin drop table leaf; end $$": "ACCESS EXCLUSIVE leaf, ACCESS EXCLUSIVE org",
    "drop materialized view busy": "ACCESS EXCLUSIVE busy",
}
HARMLESS = {
    "create table fresh (id int primary key, org int)": "",
    "create index concurrently item_name on item (name)": "",
    "drop index concurrently item_org": "",
    "alter table item validate constraint item_old": "",
    "alter type mood add value 'wild'": "",
    "create function f() returns int language sql as 'select 1'": "",
    "comment on table item is 'x'": "",
    "vacuum item": "",
    "insert into fresh_too select 1": "",
    # A strong lock for a moment, and no work under it.
    "alter table item add n int": EXCLUSIVE,
    "alter table item add n int default 5": EXCLUSIVE,
    "alter table item alter name type varchar(40)": EXCLUSIVE,
    "alter table short alter c type varchar(9)": "ACCESS EXCLUSIVE short",
    "alter table item alter old set not null": EXCLUSIVE,
    "alter table item add check (id > 0) not valid": EXCLUSIVE,
    "alter table item add unique using index item_twice": EXCLUSIVE,
    # An index that went with something else.
    "alter table short drop constraint short_c_key": "ACCESS EXCLUSIVE short",
    "do $$ begin alter table short drop constraint short_c_key; end $$": "ACCESS EXCLUSIVE short",
    "do $$ begin alter table item drop column org; end $$": EXCLUSIVE,
    "drop table parted": "ACCESS EXCLUSIVE parted, ACCESS EXCLUSIVE parted_1",
    "reindex index concurrently item_org": "",
    "alter table item add foreign key (org) references org not valid": (
        "SHARE ROW EXCLUSIVE item, SHARE ROW EXCLUSIVE org"
    ),
}


@pytest.mark.parametrize(("sql", "expected"), [*OBSERVED.items(), *HARMLESS.items()])
def test_what_a_statement_does_to_a_table_is_asked_of_the_server(
    any_server: Server, tmp_path: Path, sql: str, expected: str
) -> None:
    before = "create table fresh_too (id int);"
    with rehearsed(any_server, tmp_path, before, f"{sql};") as deploy:
        assert deploy.examined
        if deploy.uncounted:  # before 15 it takes a socket to count scans, and a scratch server has none
            assert any_server.version_num < 150000
            expected = ", ".join(part for part in expected.split(", ") if not part.startswith("scans "))
        assert [told(s) for s in deploy.statements] == ["", expected]
        assert [(s.file, s.line) for s in deploy.statements] == [("2_f.sql", 1), ("3_f.sql", 1)]


def test_a_lock_is_told_where_it_is_first_taken_and_its_transaction_is_known(
    server: Server, tmp_path: Path
) -> None:
    one = "begin;\nalter table item add n int;\nalter table item add m int;\ncommit;\nalter table item add o int;"
    with rehearsed(
        server, tmp_path, one, "alter table item add p int;\nalter table org add p int;"
    ) as deploy:
        seen = [(s.line, s.transaction, told(s)) for s in deploy.statements]
    assert seen == [
        (2, seen[0][1], EXCLUSIVE),
        (3, seen[0][1], ""),
        (5, seen[2][1], EXCLUSIVE),
        (1, seen[3][1], EXCLUSIVE),
        (2, seen[3][1], "ACCESS EXCLUSIVE org"),
    ]
    assert len({transaction for _, transaction, _ in seen}) == 3


def test_an_index_is_dropped_of_tables_that_are_there_and_once(server: Server, tmp_path: Path) -> None:
    one = "create table made (id int); create index made_id on made (id); drop index made_id;"
    two = "create index item_at on item (at); drop index item_at; drop index item_org; alter table item add n int;"
    with rehearsed(server, tmp_path, one, two) as deploy:
        dropped = [s.text for s in deploy.statements if s.drops]
    assert dropped == ["drop index item_at", "drop index item_org"]


@pytest.mark.pg(">= 15")
def test_scans_of_one_transaction_are_not_told_of_the_next(server: Server, tmp_path: Path) -> None:
    files = ["alter table item add check (id > 0);", "alter table item add n int;", "vacuum item;"]
    with rehearsed(server, tmp_path, *files, "alter table item add o int;") as deploy:
        assert [told(s) for s in deploy.statements] == [f"{EXCLUSIVE}, scans item", EXCLUSIVE, "", EXCLUSIVE]


def test_the_targets_time_zone_decides_whether_a_time_is_another(server: Server, tmp_path: Path) -> None:
    change = "alter table item alter at type timestamptz;"
    zone = "do $$ begin execute format('alter database %I set timezone to %L', current_database(), 'Etc/GMT+5'); end $$"
    rewritten = []
    for number, rows in enumerate((ROWS, ROWS + zone)):
        with rehearsed(server, tmp_path / str(number), change, rows=rows) as deploy:
            rewritten.append(len(deploy.statements[-1].rewrites))
    assert rewritten == [0, 1]


def test_a_lock_timeout_is_one_that_is_set(server: Server, tmp_path: Path) -> None:
    files = ["alter table item add n int;", "set lock_timeout = '2s';\nalter table item add o int;"]
    with rehearsed(server, tmp_path, *files, "alter table item add p int;") as deploy:
        assert [s.unlimited for s in deploy.statements] == [True, False, False, True]


def test_sizes_are_those_of_the_target(server: Server, tmp_path: Path) -> None:
    with rehearsed(server, tmp_path, "alter table item add n int; alter table org add n int;") as deploy:
        sizes = {s.table.name: (s.rows, bool(s.bytes)) for s in deploy.sizes}
    assert sizes == {"item": (50, True), "org": (3, True)}
    with rehearsed(server, tmp_path / "2", "alter table item add n int;", rows="") as deploy:
        assert [(s.rows, s.bytes is None) for s in deploy.sizes] == [(None, False)]


ASKED = {
    "drop table item;": ["rows item: True"],
    "truncate item;": ["rows item truncate: True"],
    "delete from item;": ["rows item truncate: True"],
    "alter table item drop old;": ["values item.old: True"],
    "alter table item drop span;": ["values item.span: False"],
    "alter table item alter name set not null;": ["null item.name: True"],
    "alter table item alter org set not null;": ["null item.org: False"],
    "alter table item add n int not null;": ["null item.n new column: True"],
    "alter table item add n int not null default 0;": [],
    "alter table item add n int generated always as identity;": [],
    "alter table item add unique (org);": ["duplicate item.org item_org_key: True"],
    "create unique index u on item (id);": ["duplicate item.id u: False"],
    "create unique index u on item (lower(name));": [],
    "create unique index u on item (name) where id > 0;": [
        "duplicate item.name u: None an expression of the migration is not run on the target"
    ],
    "alter table item add constraint k foreign key (org) references org;": ["orphan item.org k: True"],
    "alter table item add constraint k foreign key (twice) references org;": ["orphan item.twice k: True"],
    "alter table item add constraint k foreign key (org) references org not valid;": [],
    "alter table item add constraint k check (id > 0);": [
        "check item.id k: None an expression of the migration is not run on the target"
    ],
    "alter table item add constraint k check (id > 0) not valid;": [],
    "alter table item add n int constraint k check (n > 0);": [],
    "alter table item alter price type int;": ["altered item.price numeric → integer: True"],
    "alter table item alter id type bigint;": ["altered item.id integer → bigint: False"],
    "alter table item alter name type varchar(1);": [
        "unfit item.name character varying(20) → character varying(1): False"
    ],
    "alter table item alter old type int using old::int;": [
        'unfit item.old text → integer: True invalid input syntax for type integer: "y"'
    ],
    "alter table item alter price type int using (price * 100)::int;": [
        "altered item.price numeric → integer: None its USING clause says what becomes of the values"
    ],
    "alter table item rename name to title; alter table item alter title set not null;": [
        "null item.name: True"
    ],
    "update item set name = '-'; alter table item alter name set not null;": [
        "null item.name: None 2_f.sql changes rows of the table first"
    ],
    "alter table item drop name; alter table item add name int not null default 0;": [
        "values item.name: True"
    ],
    "create table n (id int not null unique); drop table n;": [],
    "do $$ begin delete from item; end $$;": ["rows item truncate: True"],
    "alter table item alter price type plain;": [],
    "alter table item alter id type pos;": [
        "unfit item.id integer → public.pos: None an expression of the migration is not run on the target"
    ],
    "alter table item alter id type pos using abs(id);": [
        "altered item.id integer → public.pos: None its USING clause says what becomes of the values",
        "unfit item.id integer → public.pos: None an expression of the migration is not run on the target",
    ],
    "alter table item alter twice type must;": ["null item.twice: False"],
    "alter table item alter price type pos;": [
        "altered item.price numeric → public.pos: True",
        "unfit item.price numeric → public.pos: None an expression of the migration is not run on the target",
    ],
    "alter table item alter old type mood using 'calm'::mood;": [
        "altered item.old text → public.mood: None its USING clause says what becomes of the values"
    ],
    "alter table year attach partition late for values from ('2025-01-01') to ('2026-01-01');": [
        "bound late public.year FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'): False",
        "sibling year_rest public.late FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'): False",
    ],
    "alter table year attach partition late for values from ('2026-01-01') to ('2027-01-01');": [
        "bound late public.year FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'): True",
        "sibling year_rest public.late FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'): True",
    ],
    "create table year_26 partition of year for values from ('2026-01-01') to ('2027-01-01');": [
        "sibling year_rest public.year_26 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'): True"
    ],
    "alter table year detach partition year_24;": [],
    "alter table part attach partition loose default;": [],
    "alter table year detach partition year_rest; alter table year attach partition late default;": [
        "bound late public.year DEFAULT: False"
    ],
    "alter table year rename d to day; alter table late rename d to day;"
    " alter table year attach partition late for values from ('2025-01-01') to ('2026-01-01');": [
        "bound late public.year FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'): None "
        "the columns of its bound are not those of the target",
        "sibling year_rest public.late FOR VALUES FROM ('2025-01-01') TO ('2026-01-01'): None "
        "the columns of its bound are not those of the target",
    ],
    "alter table part attach partition loose for values in (1, null);": [
        "bound loose public.part FOR VALUES IN (1, NULL): True"
    ],
    "alter table pairs attach partition pair for values from (1, 'a') to (1, 'f');": [
        "bound pair public.pairs FOR VALUES FROM (1, 'a') TO (1, 'f'): True"
    ],
    "alter table pairs attach partition pair for values from (1, minvalue) to (2, maxvalue);": [
        "bound pair public.pairs FOR VALUES FROM (1, MINVALUE) TO (2, MAXVALUE): False"
    ],
    "delete from late; alter table year attach partition late for values from ('2026-01-01') to ('2027-01-01');": [
        "bound late public.year FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'): None "
        "2_f.sql changes rows of the table first",
        "sibling year_rest public.late FOR VALUES FROM ('2026-01-01') TO ('2027-01-01'): True",
        "rows late truncate: True",
    ],
    "alter table hashed attach partition hash_0 for values with (modulus 2, remainder 0);": [
        "bound hash_0 public.hashed FOR VALUES WITH (modulus 2, remainder 0): None "
        "its bound is more than columns and constants"
    ],
    "create table more (d date not null, n int); alter table year detach partition year_rest;"
    " alter table year attach partition more default;": [],
}


@pytest.mark.parametrize("sql", ASKED)
def test_what_a_migration_asks_of_rows_is_asked_of_the_target(
    server: Server, tmp_path: Path, sql: str
) -> None:
    with rehearsed(server, tmp_path, sql) as deploy:
        found = [
            f"{a.question} {'.'.join((a.table.name, *a.columns))}{f' {a.detail}' if a.detail else ''}: {a.found}"
            f"{f' {a.reason}' if a.reason else ''}"
            for a in deploy.asked
        ]
    assert found == ASKED[sql]


TAKEN = {
    "drop table item;": ["table item dropped"],
    "alter table item rename to thing;": ["table item renamed thing"],
    "alter table item rename to thing; create view item as select * from thing;": [],
    "alter table item rename name to title;": ["column item.name renamed title"],
    "alter table item drop old, add old int;": [],
    "alter table item drop old;": ["column item.old dropped"],
    "alter table item add n int not null;": ["column item.n required"],
    "alter table item alter name set not null;": ["column item.name required"],
    "alter table item alter name set default 'x', alter name set not null;": [],
    "drop materialized view busy;": ["materialized view busy dropped"],
    "create table n (id int not null);": [],
    "alter table item add n int;": [],
    "alter table parted detach partition parted_1 concurrently;": ["table parted_1 detached parted"],
    "alter table parted detach partition parted_1;": ["table parted_1 detached parted"],
    "alter table parted detach partition parted_1; drop table parted_1;": ["table parted_1 dropped"],
    "alter table parted rename to gone; alter table gone detach partition parted_1;": [
        "table parted renamed gone"
    ],
    "alter table parted rename to gone; alter table gone detach partition parted_1;"
    " create table parted (d int) partition by list (d);"
    " alter table parted attach partition parted_1 for values in (1);": [],
    "alter table heir no inherit base;": ["table heir detached base"],
    "alter type mood rename value 'calm' to 'quiet';": ["enum value mood.calm renamed quiet"],
    "alter type mood rename to state;": ["enum mood renamed state"],
    "alter materialized view busy rename to idle;": ["materialized view busy renamed idle"],
    "alter type mood add value 'wild' before 'calm';": [],
    "create type other as enum ('glad'); alter table item alter state type other using state::text::other;"
    " drop type mood; alter type other rename to mood;": ["enum value mood.calm dropped"],
    "alter table org drop constraint org_pkey cascade;": ["constraint org.org_pkey unkeyed id"],
    "drop index item_twice;": ["index item.item_twice unkeyed twice"],
    "alter table item drop twice;": ["column item.twice dropped"],
    "create unique index n on item (twice); drop index item_twice;": [],
    "drop index item_twice; create unique index n on item (twice) where twice > 0;": [
        "index item.item_twice unkeyed twice"
    ],
    "drop index item_twice; create unique index n on item (twice, org);": [
        "index item.item_twice unkeyed twice"
    ],
    "drop index item_twice; alter table item add unique (twice) deferrable;": [
        "index item.item_twice unkeyed twice"
    ],
    "alter table item rename twice to again;": ["column item.twice renamed again"],
}


@pytest.mark.parametrize("sql", TAKEN)
def test_what_the_version_before_may_use_is_told_where_it_goes(
    server: Server, tmp_path: Path, sql: str
) -> None:
    rows = "" if "not null" in sql else ROWS
    with rehearsed(server, tmp_path, sql, rows=rows) as deploy:
        found = [
            " ".join(filter(None, (t.object.kind, t.object.label(), t.how, t.now))) for t in deploy.taken
        ]
    assert found == TAKEN[sql]


def test_what_a_pending_file_made_itself_is_nobodys_yet(server: Server, tmp_path: Path) -> None:
    one = "create view v as select 1 as a; alter type mood add value 'wild'; create unique index u on item (id);"
    two = "drop view v; alter type mood rename value 'wild' to 'mild'; drop index u;"
    three = "create table parted_2 partition of parted for values in (2);"
    four = "alter table parted detach partition parted_2;"
    with rehearsed(server, tmp_path, one, two, three, four) as deploy:
        assert deploy.taken == ()


@pytest.mark.parametrize(("value", "lost"), [("12345678.91", True), ("0.1", False), ("1234.5", False)])
def test_a_number_that_a_binary_type_does_not_give_back_is_lost(
    server: Server, tmp_path: Path, value: str, lost: bool
) -> None:
    rows = f"insert into item (id, price, old) values (1, {value}, 'x');"
    with rehearsed(server, tmp_path, "alter table item alter price type real;", rows=rows) as deploy:
        assert [(a.question, a.found) for a in deploy.asked] == [("altered", lost)]


def test_the_target_is_only_read(server: Server, tmp_path: Path) -> None:
    """A question cannot run what a migration wrote: names alone come from it, quoted."""
    evil = 'alter table item add "a"" or (select pg_sleep(9)) is null --" int not null;'
    with rehearsed(server, tmp_path, evil) as deploy:
        assert [a.found for a in deploy.asked] == [True]
