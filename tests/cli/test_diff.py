"""`validate-schema diff`: two schemas through the command line, whatever holds them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.catalog.test_piecewise import locked
from tests.fix_cli import Terminal
from tests.fix_server import DEFAULT, MATRIX, Opener, fresh
from validate_schema.scratch import Database, Server
from validate_schema.sql.ident import quote_ident

# Of every kind one object that goes, one that comes, one that changes and, where it can, one that is renamed.
BEFORE = """
create extension btree_gist; create schema old;
create type mood as enum ('low', 'high'); create type gone as enum ('x'); create type plan as enum ('free');
create domain code as text check (value <> ''); create domain old_code as text;
create table org (id int primary key, name text not null);
create table was (id int primary key); create table dropped (id int, n int);
create table task (
    id int constraint task_pk primary key, org_id int not null, title varchar(20) default 'new', old text, n int, span int4range,
    at timestamptz default now(),
    constraint u_old unique (title), constraint u_name unique (org_id, n), constraint u_same unique (org_id, title),
    constraint f_old foreign key (n) references org, constraint f_same foreign key (org_id) references org,
    constraint c_old check (n > 0), constraint c_same check (n < 9), constraint c_name check (n <> 5),
    constraint x_old exclude using gist (span with &&)
);
create index i_old on task (n); create index i_same on task (at); create index i_name on task (at, n);
alter table task enable row level security;
create policy p_old on task for select using (n = 1);
create policy p_same on task for select using (org_id = 7 and n = 2);
create policy p_name on task for update using (n = 3);
create function f_old() returns int language sql as 'select 1';
create function f_same() returns int language sql as 'select 1';
create function f_name() returns int language sql as 'select 3';
create procedure pr_old() language sql as 'select 1';
create function tick() returns trigger language plpgsql as 'begin return new; end';
create trigger t_old before insert on task for each row execute function tick();
create trigger t_same before insert on task for each row execute function tick();
create trigger t_name before delete on task for each row execute function tick();
create view v_old as select 1 as one; create view v_same as select id from org; create view v_name as select 2 as two;
create materialized view m_old as select 1 as one;
create sequence s_old; create sequence s_same;
create publication pub_old; create publication pub_same;
create function ddl() returns event_trigger language plpgsql as 'begin end';
create event trigger e_old on ddl_command_end execute function ddl();
grant select on org to diff_app;
"""
AFTER = """
create extension pgcrypto; create schema fresh;
create type mood as enum ('low', 'mid', 'high'); create type come as enum ('y'); create type tariff as enum ('free');
create domain code as text check (length(value) > 1); create domain new_code as int;
create table org (name text not null, id int4 not null, primary key (id));
create table now (id int primary key); create table made (id int);
create table task (
    id int constraint task_key primary key, org_id int, title text default 'old', fresh bool, n int, span int4range,
    at timestamptz default current_timestamp,
    constraint u_new unique (id, title), constraint u_other unique (org_id, n), constraint u_same unique (org_id, id),
    constraint f_new foreign key (id) references org, constraint f_same foreign key (org_id) references org on delete cascade,
    constraint c_new check (n > 1), constraint c_same check (n < 10), constraint c_other check (n <> 5),
    constraint x_new exclude using btree (id with =)
);
create index i_new on task (n, id); create index i_same on task (at desc); create index i_other on task (at, n);
alter table task enable row level security;
create policy p_new on task for insert with check (n = 1);
create policy p_same on task for select using (org_id = 7);
create policy p_other on task for update using (n = 3);
create function f_new(i int) returns int language sql as 'select 2';
create function f_same() returns int language sql security definer as 'select 1';
create function f_other() returns int language sql as 'select 3';
create procedure pr_new() language sql as 'select 2';
create function tick() returns trigger language plpgsql as 'begin return new; end';
create trigger t_new before update on task for each row execute function tick();
create trigger t_same after insert on task for each row execute function tick();
create trigger t_other before delete on task for each row execute function tick();
create view v_new as select 3 as three; create view v_same as select id from org where id > 0; create view v_other as select 2 as two;
create materialized view m_new as select 2 as two;
create sequence s_new as int; create sequence s_same as smallint;
create publication pub_new for all tables; create publication pub_same with (publish = 'insert');
create function ddl() returns event_trigger language plpgsql as 'begin end';
create event trigger e_new on ddl_command_end execute function ddl();
grant select, insert on org to diff_app;
"""


@pytest.fixture
def two(server: Server) -> Iterator[tuple[Database, Database]]:
    """Two empty databases of one server, with the role diff_app."""
    with fresh(server) as one, server.database() as other:
        with one.connect(autocommit=True) as connection:
            connection.execute("create role diff_app")
        yield one, other


def fill(database: Database, sql: str) -> str:
    with database.connect(autocommit=True) as connection:
        connection.execute(sql.encode())
    return url_of(database)


def url_of(database: Database) -> str:
    return f"url:{database.conninfo}" if "://" not in database.conninfo else database.conninfo


def body(out: str) -> str:
    """Return what stands below the heading, without the versions of the server's extensions."""
    return re.sub(r"(extension \w+ only in .): [\d.]+", r"\1: VERSION", out.split("\n\n", 1)[1])


def test_every_kind_of_object_is_shown_as_it_came_went_and_changed(
    terminal: Terminal, two: tuple[Database, Database]
) -> None:
    ran = terminal.run("diff", fill(two[0], BEFORE), fill(two[1], AFTER))
    assert (ran.status, body(ran.out)) == (1, (Path(__file__).parents[1] / "data" / "diff.txt").read_text())


def test_the_json_has_every_field_of_every_change(terminal: Terminal, two: tuple[Database, Database]) -> None:
    first, second = fill(two[0], "create table t (a int)"), fill(two[1], "create table t (a bigint)")
    ran = terminal.run("diff", first, second, "--format", "json", "-o", "diff.json")
    document = json.loads((terminal.folder / "diff.json").read_text())
    sides = [document.pop("before"), document.pop("after")]
    assert (ran.status, ran.out, ran.err) == (1, "", "")
    assert [sorted(side) for side in sides] == [["kind", "name", "server"]] * 2
    assert document == {
        "format": "validate-schema-diff",
        "format_version": 1,
        "same": False,
        "compared": 4,
        "counts": {"added": 0, "removed": 0, "changed": 1, "renamed": 0, "widens": 0, "not_shown": 0},
        "notes": [],
        "unread": [],
        "changes": [
            {
                "kind": "changed",
                "object": {"kind": "column", "schema": "public", "table": "t", "name": "a", "label": "t.a"},
                "what": "type",
                "before": "integer",
                "after": "bigint",
                "widens": False,
                "perhaps": "",
            }
        ],
    }


def test_kinds_are_chosen_and_what_is_not_shown_is_counted(
    terminal: Terminal, two: tuple[Database, Database]
) -> None:
    sides = fill(two[0], BEFORE), fill(two[1], AFTER)
    ran = terminal.run("diff", *sides, "--only", "policy,enum", "--ignore", "name", "--ignore", "enum")
    changes = [line.strip() for line in ran.out.splitlines() if line.startswith("  ")]
    assert (ran.status, changes) == (
        1,
        [
            "! policy task.p_new only in B: permissive for INSERT to PUBLIC with check (n = 1)",
            "! policy task.p_same using: ((org_id = 7) AND (n = 2)) → (org_id = 7)",
            "- policy p_old only in A: permissive for SELECT to PUBLIC using (n = 1)",
        ],
    )
    assert "3 differences: 1 added, 1 removed, 1 changed, 2 of them wider" in ran.out
    same = terminal.run("diff", *sides, "--only", "default privileges")
    assert (same.status, body(same.out)[:14]) == (0, "no difference ")
    assert "more not shown)" in same.out
    wrong = terminal.run("diff", *sides, "--only", "polcy")
    assert wrong.status == 2
    assert 'unknown kind "polcy"; did you mean "policy"?' in wrong.complaint


HOSTILE = (
    "a|b",
    "`tick`",
    "<script>alert(1)</script>",
    "new\nline",
    'quo"te',
    "select",
    "☃" * 21,
    "# h",
    "\x1b[31m",
    "a*_b",
)


def test_hostile_names_are_shown_and_never_break_out(
    terminal: Terminal, two: tuple[Database, Database]
) -> None:
    tables = "".join(f"create table {quote_ident(n)} ({quote_ident(n)} int);" for n in HOSTILE)
    fuller = tables.replace(" int)", f" int, {quote_ident('more|<b>')} text)")
    sides = fill(two[0], tables), fill(two[1], fuller)
    text, markdown, document = (terminal.run("diff", *sides, "--format", f) for f in ("txt", "md", "json"))
    assert [r.status for r in (text, markdown, document)] == [1, 1, 1]
    assert {c["object"]["table"] for c in json.loads(document.out)["changes"]} == set(HOSTILE)
    assert "\x1b" not in text.out + markdown.out
    rows = [line for line in markdown.out.splitlines() if line.startswith("| `+`")]
    assert len(rows) == len(HOSTILE)
    assert {row.count("|") for row in rows} == {6}
    assert "<script>" not in markdown.out.replace("\\<script\\>", "").replace(
        "`column <script>alert(1)</script>", ""
    )


@pytest.mark.skipif(len(MATRIX) < 2, reason="one server only")
def test_the_same_schema_on_two_versions_is_no_difference(terminal: Terminal, server_of: Opener) -> None:
    schema = BEFORE.replace("grant select on org to diff_app;", "").replace(
        "create extension btree_gist;", ""
    )
    names = [DEFAULT, [name for name in MATRIX if name != DEFAULT][-1]]
    with server_of(names[0]).database() as new, server_of(names[1]).database() as old:
        sides = fill(new, schema), fill(old, schema)
        forth = terminal.run("diff", *sides, "--ignore", "extension")
        saved = terminal.run("snapshot", "--database-url", sides[1].removeprefix("url:"), "-o", "old.json")
        back = terminal.run("diff", "old.json", sides[0], "--ignore", "extension")
    assert saved.status == 0
    assert [(r.status, body(r.out).splitlines()[0][:13]) for r in (forth, back)] == [(0, "no difference")] * 2


MIGRATIONS = {
    "1_a.sql": "create table a (id int primary key, b text); create index a_b on a (b);",
    "2_b.sql": "create table b (id int primary key, a int references a);",
}


def test_migrations_are_compared_with_a_database_both_ways(
    terminal: Terminal, two: tuple[Database, Database]
) -> None:
    for name, sql in MIGRATIONS.items():
        terminal.write(f"migrations/{name}", sql)
    ledger = "create table schema_migrations (version bigint primary key, dirty boolean not null);"
    live = fill(
        two[0],
        ledger + "create table a (id int primary key, b varchar(9)); create table x (n int);"
        " create index other on a (b)",
    )
    forth, back = terminal.run("diff", "migrations", live), terminal.run("diff", live, "migrations")
    assert (forth.status, body(forth.out).split("\n\nnote")[0].splitlines()[:9]) == (
        1,
        [
            "a",
            "  ~ column b type: text → character varying(9)",
            "  ~ index other renamed, was a_b",
            "",
            "b",
            "  - table only in A: 2 columns, primary key (id), 1 foreign key",
            "",
            "x",
            "  + table only in B: 1 column, no primary key",
        ],
    )
    assert "schema_migrations" not in forth.out + back.out
    assert "owners" in forth.out
    turned = {"+": "-", "-": "+", "~": "~"}
    signs = [
        [line[2] for line in r.out.splitlines() if line[2:3] in turned and line[:2] == "  "]
        for r in (forth, back)
    ]
    assert signs[1] == [turned[sign] for sign in signs[0]]
    terminal.write(
        "migrations/3_c.sql",
        "alter table a alter b type varchar(9); alter index a_b rename to other;"
        " drop table b; create table x (n int);",
    )
    assert terminal.run("diff", "migrations", live).status == 0


PRISMA = """
model Customer {
  id    Int    @id @default(autoincrement())
  email String @unique
  name  String?
  @@index([name])
}
"""
DECLARED = """
create table "Customer" (id serial, email text not null, name text, constraint "Customer_pkey" primary key (id));
create unique index "Customer_email_key" on "Customer" (email);
create index "Customer_name_idx" on "Customer" (name);
"""


def test_a_declaration_is_compared_with_what_is_there(
    terminal: Terminal, two: tuple[Database, Database]
) -> None:
    terminal.write("schema.prisma", PRISMA)
    live = fill(two[0], DECLARED + "create table beside (id int)")
    same = terminal.run("diff", "schema.prisma", live)
    assert (same.status, body(same.out).splitlines()[0]) == (0, "no difference (7 objects compared)")
    assert "1 table is not declared in schema.prisma, and not compared (--closed does): beside" in same.out
    closed = terminal.run("diff", "schema.prisma", live, "--closed")
    assert (closed.status, body(closed.out).splitlines()[:2]) == (
        1,
        ["beside", "  + table only in B: 1 column"],
    )
    fill(
        two[0],
        'alter table "Customer" alter name set not null, add extra int; drop index "Customer_name_idx"',
    )
    other = terminal.run("diff", "schema.prisma", live)
    assert (other.status, body(other.out).splitlines()[:4]) == (
        1,
        [
            "Customer",
            "  + column extra only in B: integer",
            "  ~ column name nullable: yes → no",
            "  - index Customer_name_idx only in A: (name)",
        ],
    )


def test_declarations_are_compared_as_far_as_both_speak_and_never_said_to_be_equal_beyond(
    terminal: Terminal,
) -> None:
    terminal.write("a.prisma", PRISMA + "model Task { id Int @id }")
    terminal.write("b.prisma", PRISMA)
    terminal.write("c.prisma", "model Note { id Int @id }")
    some = terminal.run("diff", "a.prisma", "b.prisma")
    none = terminal.run("diff", "b.prisma", "c.prisma")
    closed = terminal.run("diff", "b.prisma", "c.prisma", "--closed")
    assert (some.status, body(some.out).splitlines()[0]) == (0, "no difference (7 objects compared)")
    assert (none.status, none.out) == (3, "")
    assert none.complaint.startswith(
        "error: nothing to compare: b.prisma and c.prisma name no object in common"
    )
    assert closed.status == 1


def test_what_a_side_is_must_be_plain(terminal: Terminal) -> None:
    for name in ("both/schema.prisma", "both/1_a.sql", "notes.txt", "empty/readme.md", "ok/1_a.sql"):
        terminal.write(name, "create table a ();" if name.endswith(".sql") else "model A { id Int @id }")
    said = {
        "both": "both: holds migrations and a Prisma schema; write migrations:both or contract:both",
        "notes.txt": "notes.txt: cannot tell what it is; write snapshot:notes.txt, migrations:notes.txt or"
        " contract:notes.txt",
        "missing": "missing: there is no such file or folder, and it is no URL",
        "migrations:": "migrations:: what follows the colon is missing",
        "mysql://u:secret@h/d": "mysql is not supported",
        "postgresql:/u:secret@h/d": "there is no such file or folder, and it is no URL",
    }
    for entry, words in said.items():
        ran = terminal.run("diff", entry, "ok")
        assert (ran.status, ran.out, words in ran.complaint) == (2, "", True), ran.complaint
        assert "secret" not in ran.err
    assert terminal.run("diff", "empty", "ok").status == 2
    assert terminal.run("diff", "migrations:both", "ok").status == 0
    assert terminal.run("diff", "contract:both", "both/schema.prisma").status == 0


def test_a_side_that_cannot_be_read_is_no_verdict(terminal: Terminal) -> None:
    terminal.write("ok/1_a.sql", "create table a ();")
    terminal.write("bad/1_a.sql", "create table a ();\nalter table nowhere add b int;")
    failed = terminal.run("diff", "ok", "bad")
    assert (failed.status, failed.out) == (3, "")
    assert "nowhere" in failed.complaint
    for url in ("postgresql://me:secret@127.0.0.1:1/x", "host=127.0.0.1 port=1 password=secret dbname=x"):
        closed = terminal.run("diff", "ok", url)
        assert (closed.status, closed.out, "secret" in closed.err) == (3, "", False)


def test_colour_is_for_those_who_want_it(terminal: Terminal) -> None:
    terminal.write("one.sql", "create table a ();")
    terminal.write("two.sql", "create table b ();")
    assert "\x1b[32m  + table only in B" in terminal.run("diff", "one.sql", "two.sql", "--color").out
    assert "\x1b" not in terminal.run("diff", "one.sql", "two.sql").out


_HOUSE = """
create schema {s}; set search_path = {s};
create type mood as enum ('low'); create domain code as text check (value <> '');
create table org (id int primary key, m mood default 'low', c code);
create table task (id serial primary key, org_id int references org, n int, check (n > 0));
create index on task (lower(n::text)) where n > 1;
create function f(o org) returns int language sql set search_path = {s}, pg_temp as 'select count(*) from {s}.task';
create view v as select t.id, o.m from task t join org o on o.id = t.org_id where o.m = 'low';
create trigger g before insert on task for each row when (new.n > 0) execute function suppress_redundant_updates_trigger();
create policy p on task using (org_id in (select id from org)); alter table task enable row level security;
comment on table task is 'work'; comment on column org.m is 'mood'; comment on schema {s} is 'one tenant';
grant usage on schema {s} to public; alter default privileges in schema {s} grant select on tables to public;
"""


def test_one_schema_beside_another(terminal: Terminal, server: Server) -> None:
    with fresh(server) as database, database.connect(autocommit=True) as connection:
        for schema in ("tenant_1", '"Ten ant"', "tenant_2"):
            connection.execute(_HOUSE.replace("{s}", schema).encode())
        connection.execute(
            "create extension citext; create cast (bigint as uuid) with inout; create table public.x ()"
        )
        connection.execute("alter table tenant_2.task drop constraint task_org_id_fkey,"
                           " add constraint task_org_id_fkey foreign key (org_id) references tenant_1.org")  # fmt: skip

        def sides(a: str, b: str) -> tuple[int, list[str]]:
            ran = terminal.run("diff", f"{database.conninfo}{a}", f"{database.conninfo}{b}", "--comments")
            return ran.status, [
                line.strip() for line in ran.out.splitlines() if line.lstrip()[:2] in ("~ ", "+ ", "- ", "! ")
            ]

        _, named, *found = sides("#schema=tenant_1", "#schema=tenant_2")[1]
        assert sides("#schema=tenant_1", "#schema=Ten ant")[0] == 0
        assert sides("#schema=Ten ant", "#schema=tenant_1")[0] == 0
        assert re.fullmatch(r"\+ B: database .*#schema=tenant_2 .*", named)
        assert found == ['~ foreign key task_org_id_fkey references: "org" (id) → "tenant_1"."org" (id)']
        assert sides("#schema=nowhere", "#schema=tenant_1")[0] == 2
        assert terminal.run("diff", "contract:x.prisma#schema=a", database.conninfo).status == 2


@pytest.fixture
def weak(two: tuple[Database, Database]) -> tuple[Database, str]:
    """The second of the databases, and its URL as a role without rights of its own."""
    with two[1].connect(autocommit=True) as admin:
        admin.execute("create role diff_weak login")
    return two[1], make_conninfo(two[1].conninfo, user="diff_weak")


POLICED = "create table t (a int); create policy p on t using (a > 0); create table u (a int, check (a > 0));"


def test_what_one_side_could_not_read_is_no_difference_and_no_sameness(
    terminal: Terminal, two: tuple[Database, Database], weak: tuple[Database, str]
) -> None:
    hidden = f"{POLICED} revoke select on pg_catalog.pg_policy from public"  # a privilege is compared as well
    whole = fill(two[0], hidden)
    fill(weak[0], hidden)
    text, document = (terminal.run("diff", whole, weak[1], "--format", f) for f in ("txt", "json"))
    found = json.loads(document.out)
    assert (text.status, document.status) == (3, 3)
    assert body(text.out).splitlines()[0].startswith("no difference in what could be read (")
    assert "  not read: policies: permission denied for table pg_policy; GRANT SELECT" in text.out
    assert (found["same"], found["changes"], len(found["unread"])) == (False, [], 1)
    assert "## Not read\n\n- policies" in terminal.run("diff", weak[1], whole, "--format", "md").out

    fill(weak[0], "alter table u add b int; drop policy p on t")
    other = terminal.run("diff", whole, weak[1], "--format", "json")
    assert other.status == 1
    assert [c["object"]["label"] for c in json.loads(other.out)["changes"]] == ["u.b"]


def test_what_is_compared_by_nobody_may_be_hidden(
    terminal: Terminal, two: tuple[Database, Database], weak: tuple[Database, str]
) -> None:
    hidden = f"{POLICED} revoke select on pg_catalog.pg_description from public"
    whole = fill(two[0], hidden)
    fill(weak[0], hidden)
    assert [terminal.run("diff", whole, weak[1], *more).status for more in ([], ["--comments"])] == [0, 3]


def test_nothing_is_compared_where_what_stands_behind_everything_is_hidden(
    terminal: Terminal, two: tuple[Database, Database], weak: tuple[Database, str]
) -> None:
    whole = fill(two[0], POLICED)
    fill(weak[0], f"{POLICED} revoke select on pg_catalog.pg_attribute from public")
    ran = terminal.run("diff", whole, weak[1])
    assert (ran.status, ran.out) == (3, "")
    assert "GRANT SELECT ON pg_catalog.pg_attribute" in ran.complaint


def test_a_table_that_is_locked_is_left_out(terminal: Terminal, two: tuple[Database, Database]) -> None:
    sides = fill(two[0], POLICED), fill(two[1], POLICED)
    with locked(two[1], "u"):
        ran = terminal.run("diff", *sides)
    assert ran.status == 3
    assert body(ran.out).startswith("no difference in what could be read (")
    assert " of public.u: process " in ran.out


def test_a_declaration_is_not_held_against_what_could_not_be_read(
    terminal: Terminal, two: tuple[Database, Database], weak: tuple[Database, str]
) -> None:
    terminal.write("schema.prisma", PRISMA)
    fill(weak[0], f"{DECLARED} revoke select on pg_catalog.pg_index from public")
    ran = terminal.run("diff", "schema.prisma", weak[1])
    assert (ran.status, ran.out) == (3, "")
    assert "GRANT SELECT ON pg_catalog.pg_index" in ran.complaint
