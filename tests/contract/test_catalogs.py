"""What differs between two databases, and what only looks different."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from tests.fix_dumps import release
from tests.fix_server import MATRIX, Opener, fresh
from validate_schema.catalog.reader import read_catalog
from validate_schema.catalog.snapshot import dump_snapshot
from validate_schema.contract.diff.catalogs import compare, count_objects
from validate_schema.contract.diff.purposes import purpose
from validate_schema.model.catalog import Catalog
from validate_schema.model.catalog import Server as CatalogServer
from validate_schema.model.difference import Change
from validate_schema.scratch import Database, Server

BASE = """
create table organization (id int primary key, name text not null);
create table task (
    id int primary key, org_id int not null references organization (id), title varchar(20) default 'new',
    done boolean not null default false, at timestamptz default now()
);
create index task_org on task (org_id);
alter table task enable row level security, force row level security;
create policy mine on task using (org_id = current_setting('app.org')::int);
create type mood as enum ('low', 'high');
create view open_task with (security_invoker) as select id, title from task where not done;
create function f(i int) returns int language sql stable as 'select i';
create sequence counter;
"""


def read(database: Database, sql: str) -> Catalog:
    with database.connect() as connection:
        connection.execute(sql.encode())
        return read_catalog(connection)


@pytest.fixture(scope="module")
def template(server: Server) -> tuple[Server, str]:
    def build(database: Database) -> None:
        with database.connect() as connection:
            connection.execute(BASE.encode())

    return server, server.template("test_difference", build)


@pytest.fixture
def base(template: tuple[Server, str]) -> Iterator[Database]:
    with fresh(*template) as database:
        yield database


def line(change: Change) -> str:
    ref = change.object
    words = f"{change.kind} {ref.kind} {ref.label()}"
    words += f" {change.what}: {change.before} → {change.after}" if change.what else ""
    return words + (" (wider)" if change.widens else "")


def altered(database: Database, sql: str) -> list[str]:
    """Return what `sql` changes; comparing the other way must find the same objects."""
    before = read(database, "select 1")
    after = read(database, sql)
    forth, back = compare(before, after), compare(after, before)
    turned = {"added": "removed", "removed": "added", "changed": "changed", "renamed": "renamed"}
    renamed = {c.object for c in (*forth, *back) if c.kind == "renamed"}
    assert sorted(turned[c.kind] for c in forth) == sorted(c.kind for c in back)
    if not any(c.what == "arguments" for c in forth):
        assert {c.object for c in forth} - renamed == {c.object for c in back} - renamed
    return [line(c) for c in forth]


CHANGES = {
    "alter table task alter at type timestamp": [
        "changed column task.at type: timestamp with time zone → timestamp without time zone"
    ],
    "alter table task alter done drop not null": ["changed column task.done nullable: no → yes"],
    "alter table task alter at drop default": ["changed column task.at default: now() → none"],
    "alter table task alter at set default current_timestamp": [],
    "alter table task alter title set default 'old'": [
        "changed column task.title default: 'new'::character varying → 'old'::character varying"
    ],
    "alter table task drop title cascade": [
        "removed column task.title",
        "removed view open_task",
    ],
    "alter table task add n serial": ["added column task.n"],
    "alter table task alter id add generated always as identity": [
        "changed column task.id identity: no → always",
    ],
    "alter table task add twice int generated always as (id * 2) stored": ["added column task.twice"],
    "alter table task rename constraint task_org_id_fkey to other": [
        "renamed foreign key task.other name: task_org_id_fkey → other"
    ],
    "alter index task_org rename to other": ["renamed index task.other name: task_org → other"],
    "alter index task_pkey rename to other": ["renamed primary key task.other name: task_pkey → other"],
    "drop index task_org; create index task_org on task (org_id desc, id)": [
        "changed index task.task_org columns: org_id → org_id desc, id"
    ],
    "drop index task_org; create unique index task_org on task (org_id) where done": [
        "changed index task.task_org predicate: none → done",
        "changed index task.task_org unique: no → yes",
    ],
    "drop index task_org; create index task_org on task (lower(title))": [
        "changed index task.task_org columns: org_id → lower((title)::text)"
    ],
    "alter table task drop constraint task_pkey, add constraint task_pkey primary key (id, org_id)": [
        "changed primary key task.task_pkey columns: id → id, org_id"
    ],
    "alter table task drop constraint task_org_id_fkey, add constraint task_org_id_fkey foreign key (org_id)"
    " references organization on delete cascade not valid": [
        "changed foreign key task.task_org_id_fkey on delete: no action → cascade",
        "changed foreign key task.task_org_id_fkey validated: yes → no",
    ],
    "alter table task add constraint long check (length(title) > 3), add unique (title)": [
        "added check task.long",
        "added unique task.task_title_key",
    ],
    "alter table task add constraint c exclude (org_id with =)": ["added exclusion task.c"],
    "alter type mood add value 'mid' before 'high'": ["changed enum mood label:  → mid"],
    "alter type mood rename value 'low' to 'down'": [
        "changed enum mood label:  → down",
        "changed enum mood label: low → ",
    ],
    "alter type mood rename to humour": ["renamed enum humour name: mood → humour"],
    "drop type mood; create type mood as enum ('high', 'low')": [
        "changed enum mood order of labels: low, high → high, low"
    ],
    "create or replace view open_task as select id, title from task where not done and id > 0": [
        "changed view open_task definition: SELECT id, title FROM public.task WHERE (NOT done);"
        " → SELECT id, title FROM public.task WHERE ((NOT done) AND (id > 0));",
        "changed view open_task security invoker: yes → no (wider)",
    ],
    "create or replace function f(i int) returns int language sql security definer as 'select i + 1'": [
        "changed function f(i integer) body: select i → select i + 1",
        "changed function f(i integer) security: invoker → definer (wider)",
        "changed function f(i integer) volatility: stable → volatile",
    ],
    "drop function f; create function f(i bigint) returns int language sql stable as 'select i'": [
        "changed function f(i bigint) arguments: i integer → i bigint"
    ],
    "create function tick() returns trigger language plpgsql as 'begin end';"
    " create trigger tick before insert or update on task for each row execute function tick()": [
        "added trigger task.tick",
        "added function tick()",
    ],
    "create schema s; create extension pgcrypto schema s": ["added extension pgcrypto", "added schema s"],
    "drop sequence counter; create table other (id bigserial)": [
        "added table other",
        "removed sequence counter",
    ],
    "alter table task rename to job": ["renamed table job name: task → job"],
    "alter table organization rename to company": ["renamed table company name: organization → company"],
    "create role difference_app; grant select on task to difference_app;"
    " grant update (title) on task to difference_app": [
        "changed table task privileges of difference_app: none → SELECT (wider)",
        "changed column task.title privileges of difference_app: none → UPDATE (wider)",
    ],
    "create role difference_app; alter table task owner to difference_app": [
        "changed table task owner: postgres → difference_app"
    ],
    "comment on table task is 'x'": [],
}  # fmt: skip


@pytest.mark.parametrize("sql", CHANGES)
def test_a_change_is_found_and_named(base: Database, sql: str) -> None:
    assert altered(base, sql) == CHANGES[sql]


def policy(sql: str) -> str:
    return f"drop policy mine on task; create policy mine on task {sql}"


MINE = "org_id = current_setting('app.org')::int"
WIDER = {
    "alter table task disable row level security": ["row-level security"],
    "alter table task no force row level security": ["forced row-level security"],
    "create policy all_of_it on task using (true)": [""],
    policy(f"using ({MINE} or done)"): ["using"],
    policy("using (true)"): ["using"],
    policy(f"using ({MINE}) with check (true)"): ["check"],
    policy(f"as restrictive using ({MINE}); create policy two on task for select using (false)"): [],
}
GUARDS = """
create function guard() returns trigger language plpgsql as 'begin return new; end';
create trigger g before update on task for each row when (new.id > 1 or new.done) execute function guard();
create function watch() returns event_trigger language plpgsql as 'begin end';
create event trigger w on ddl_command_end execute function watch();
create view checked with (security_barrier) as select id from task where done with check option;
create view own as select id from task; create role difference_app; create role difference_root bypassrls;
alter view own owner to difference_app;
create publication p for table task where (done); create type pair as (a int);
alter table task add constraint positive check (id > 0);
"""
WEAKER = {
    "alter table task disable trigger g": ["enabled"],
    "alter table task enable replica trigger g": ["enabled"],
    "drop trigger g on task; create trigger g before update on task for each row when (new.id > 1)"
    " execute function guard()": ["condition"],
    "drop trigger g on task; create trigger g before update of id on task for each row"
    " when (new.id > 1 or new.done) execute function guard()": ["columns"],
    "alter event trigger w disable": ["enabled"],
    "alter view checked reset (check_option)": ["check option"],
    "alter view checked reset (security_barrier)": ["security barrier"],
    "create rule r as on delete to task do instead nothing": [""],
    "alter view own owner to difference_root": ["owner"],
    "alter view own owner to current_user": ["owner"],
    "alter view checked owner to difference_app": [],
    "alter function f leakproof": ["leakproof"],
    "grant usage on type pair to difference_app": ["privileges of difference_app"],
    "grant execute on function pg_catalog.pg_ls_dir(text) to difference_app": [
        "privileges of difference_app"
    ],
    "alter default privileges grant select on tables to public": ["privileges of PUBLIC"],
    "alter publication p set table task": ["row filter"],
    "alter publication p add table organization": ["tables"],
    "revoke usage on language sql from public": [],
    "alter table task disable trigger all": ["enabled", "enabled"],
    "alter table task alter constraint task_org_id_fkey not enforced": ["enforced"],
}


@pytest.mark.parametrize("sql", WEAKER)
def test_a_guard_that_holds_less_is_called_out(base: Database, sql: str) -> None:
    before = read(base, GUARDS)
    found = compare(before, read(base, sql))
    assert [c.what for c in found if c.widens] == WEAKER[sql]
    assert found
    assert not [c for c in compare(before, before) if c.widens]


def test_a_foreign_key_whose_triggers_are_off_is_no_longer_the_same(base: Database) -> None:
    before = read(base, "select 1")
    assert [line(c) for c in compare(before, read(base, "alter table task disable trigger all"))] == [
        "changed foreign key task.task_org_id_fkey enabled: origin → disabled (wider)"
    ]


@pytest.mark.pg(">= 18")
def test_a_not_null_that_children_do_not_inherit_is_another(base: Database) -> None:
    before = read(base, "select 1")
    after = read(base, "alter table task alter constraint task_done_not_null no inherit")
    assert [line(c) for c in compare(before, after)] == [
        "changed column task.done not null inherited by children: yes → no"
    ]
    assert [line(c) for c in compare(after, before)] == [
        "changed column task.done not null inherited by children: no → yes"
    ]


def test_the_pairs_of_a_composite_key_have_no_order(server: Server) -> None:
    common = (
        "create table p (o int, id int, primary key (o, id), unique (id, o)); create table k (o int, p int"
    )
    keys = (
        ", constraint f foreign key (o, p) references p (o, id))",
        ", constraint f foreign key (p, o) references p (id, o))",
        ", constraint g foreign key (p, o) references p (id, o))",
        ", constraint f foreign key (o, p) references p (id, o))",
    )
    catalogs = []
    for key in keys:
        with server.database() as database:
            catalogs.append(read(database, common + key))
    assert [[line(c) for c in compare(catalogs[0], other)] for other in catalogs] == [
        [],
        [],
        ["renamed foreign key k.g name: f → g"],
        ['changed foreign key k.f references: "p" (o, id) → "p" (id, o)'],
    ]


def test_what_an_older_snapshot_does_not_know_is_no_difference(base: Database) -> None:
    old = read(base, "select 1")
    new = read(
        base,
        GUARDS
        + """
        create rule r as on delete to task do instead nothing; alter type mood owner to difference_app;
        grant usage on type mood to difference_app; alter table task alter title set storage external;
        create cast (bigint as timestamp) without function; create operator === (function = int4eq, leftarg = int);
        """.replace("leftarg = int)", "leftarg = int, rightarg = int)"),
    )
    told = {c.object.kind for c in compare(replace(old, format=1), new)}
    assert told == {"trigger", "function", "event trigger", "view", "publication", "check", "enum"}
    assert {"rule", "cast", "operator", "composite type", "column"} <= {
        c.object.kind for c in compare(old, new)
    }


def test_no_secret_is_read(base: Database) -> None:
    sql = """
        create foreign data wrapper w options (api_key 'hush'); create role difference_app;
        create server s foreign data wrapper w options (host 'h', "passWord" 'hush');
        create user mapping for difference_app server s options (password 'hush', "user" 'u');
        create foreign table t (a int options (token 'hush')) server s options (secret 'hush');
        create subscription u connection 'host=h password=hush' publication p with (connect = false);
    """
    assert b"hush" not in dump_snapshot(read(base, sql))
    release(base)


NOT_WIDER = {
    "create policy none on task using (false)": ["added"],
    "create policy less on task as restrictive using (done)": ["added"],
    policy(f"using ({MINE} and done)"): ["using"],
    policy("using (org_id = 7)"): ["using"],
    policy(f"for select using ({MINE})"): ["command"],
    policy(f"to pg_monitor using ({MINE})"): ["roles"],
    "alter table task disable row level security; create policy two on task using (true)": None,
}


@pytest.mark.parametrize("sql", WIDER)
def test_what_lets_more_in_is_called_out(base: Database, sql: str) -> None:
    before = read(base, "select 1")
    assert [c.what for c in compare(before, read(base, sql)) if c.widens] == WIDER[sql]


@pytest.mark.parametrize("sql", NOT_WIDER)
def test_what_may_not_let_more_in_is_a_change_only(base: Database, sql: str) -> None:
    before = read(base, "select 1")
    found = [c for c in compare(before, read(base, sql)) if c.object.kind == "policy"]
    assert found
    assert not [c for c in found if c.widens]


STRICT = "alter table task enable row level security;" + policy(
    f"for select to pg_monitor using ({MINE} and done)"
)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (policy(f"for select to pg_monitor using ({MINE})"), "using"),
        (policy(f"for all to pg_monitor using ({MINE} and done)"), "command"),
        (policy(f"for select to pg_monitor, pg_signal_backend using (done and {MINE})"), "roles"),
        (policy(f"for select using ({MINE} and done)"), "roles"),
    ],
)
def test_a_policy_that_held_more_back_got_wider(base: Database, sql: str, what: str) -> None:
    before = read(base, STRICT)
    assert [c.what for c in compare(before, read(base, sql)) if c.widens] == [what]


def test_a_restrictive_policy_widens_when_it_goes_and_when_it_loses_a_condition(base: Database) -> None:
    held = read(base, "create policy also on task as restrictive for all using (done) with check (done)")
    gone = read(
        base,
        "drop policy also on task; create policy also on task as restrictive for insert with check (done)",
    )
    assert [(c.what, c.widens) for c in compare(held, gone)] == [("command", True), ("using", False)]
    nothing = read(base, "drop policy also on task")
    assert [line(c) for c in compare(gone, nothing)] == ["removed policy task.also (wider)"]


def test_the_same_schema_on_another_version_is_no_difference(server_of: Opener) -> None:
    catalogs = []
    for name in MATRIX:
        with server_of(name).database() as database:
            catalogs.append(
                read(
                    database,
                    BASE
                    + """
                create view v as select t.id, o.name from task t join organization o on o.id = t.org_id
                    where t.title in ('a', 'b') and exists (select from task u where u.id = t.id);
                alter table task add check (title in ('a', 'b')), add check (id between 1 and 9);
            """,
                )
            )
    assert [[line(c) for c in compare(catalogs[0], other)] for other in catalogs[1:]] == [[]] * (
        len(catalogs) - 1
    )


def test_the_order_of_columns_is_no_difference(server: Server) -> None:
    with server.database() as one, server.database() as two:
        first = read(one, "create table t (a int, b text, check (a > 0 and b <> ''))")
        second = read(two, "create table t (b text, a int, check (b <> '' and a > 0))")
    assert compare(first, second) == ()


def test_a_table_is_renamed_only_when_there_is_one_candidate(server: Server) -> None:
    with server.database() as one, server.database() as two, server.database() as three:
        old = read(one, "create table a (id int primary key)")
        single = read(two, "create table b (id int primary key)")
        several = read(three, "create table b (id int primary key); create table c (id int primary key)")
    assert [line(c) for c in compare(old, single)] == [
        "renamed table b name: a → b",
        "renamed primary key b.b_pkey name: a_pkey → b_pkey",
    ]
    assert [line(c) for c in compare(old, several)] == ["removed table a", "added table b", "added table c"]


@pytest.mark.parametrize(
    ("columns", "suspicion"),
    [
        (
            "amount_cents bigint, note text",
            "renamed to amount_cents: in the same place, after id, integer → bigint",
        ),
        ("note text, amount_cents bigint", ""),
        ("amount_cents bigint, tax bigint, note text", ""),
        ("due date, note text", ""),
        ("price bigint, note text", "renamed to price: in the same place, after id, integer → bigint"),
    ],
)
def test_a_column_of_another_name_and_type_is_suspected_on_grounds(
    server: Server, columns: str, suspicion: str
) -> None:
    with fresh(server) as a, fresh(server) as b:
        before = read(a, "create table t (id integer, amount integer, note text)")
        after = read(b, f"create table t (id integer, {columns})")
    (gone,) = [c for c in compare(before, after) if c.kind == "removed"]
    assert (gone.object.name, gone.perhaps) == ("amount", suspicion)


def test_at_the_end_where_new_columns_come_the_names_must_be_alike(server: Server) -> None:
    with fresh(server) as a, fresh(server) as b, fresh(server) as c:
        before = read(a, "create table t (id integer, total numeric)")
        alike = read(b, 'create table t (id integer, "totalCents" bigint)')
        other = read(c, "create table t (id integer, weight bigint)")
    told = [[x.perhaps for x in compare(before, after) if x.kind == "removed"] for after in (alike, other)]
    assert told == [["renamed to totalCents: in the same place, after id, numeric → bigint"], [""]]


def test_hostile_names_are_carried_as_they_are(server: Server) -> None:
    with server.database() as one:
        before = read(one, "select 1")
        after = read(one, 'create schema "a.b"; create table "a.b"."x""\n|<script>" (")" int)')
    found = compare(before, after)
    assert [(c.object.kind, c.object.schema, c.object.table) for c in found] == [
        ("schema", "", ""),
        ("table", "a.b", 'x"\n|<script>'),
    ]
    assert purpose(found) == ('creates schema "a.b"', 'creates table "a.b"."x""\n|<script>"')


PURPOSES = {
    "select 1": (),
    "create table a (); create table b (); create table c (); create table d ()": (
        'creates tables "a", "b" and 2 more',
    ),
    "alter table task add orgs int; alter table organization add orgs int, add x int": (
        'adds column "orgs" to "organization" and "task"',
        'adds column "x" to "organization"',
    ),
    "alter table task drop at, alter done drop not null, alter title set not null": (
        'drops column "at" from "task"',
        'makes NOT NULL column "task"."title"',
        'allows NULL in column "task"."done"',
    ),
    "alter table organization enable row level security, force row level security;"
    " create policy p on organization using (true)": (
        'adds policy "p" on "organization"',
        'enables and forces row-level security on "organization"',
    ),
    "alter table task disable row level security": ('disables row-level security on "task"',),
    "alter type mood add value 'x'; alter table task rename to job": (
        'renames table "task" to "job"',
        'adds label "x" to enum "mood"',
    ),
    "create index i on task (at); create unique index j on task (title); drop index task_org": (
        'adds indexes "i" and "j" on "task"',
        'drops index "task_org" on "task"',
    ),
    "create or replace function f(i int) returns int language sql stable as 'select 2'": (
        'changes body of function "f(i integer)"',
    ),
}  # fmt: skip


@pytest.mark.parametrize("sql", PURPOSES)
def test_the_purpose_says_what_was_done(base: Database, sql: str) -> None:
    before = read(base, "select 1")
    found = compare(before, read(base, sql))
    assert sorted(purpose(found)) == sorted(PURPOSES[sql])
    assert purpose(found)[:1] == tuple(PURPOSES[sql][:1])


def test_a_long_purpose_counts_the_rest(base: Database) -> None:
    before = read(base, "select 1")
    sql = """
        create schema s; create type t as enum ('a'); create table a (); create view v as select 1 as x;
        alter table task add b int, drop at, alter done drop not null, add check (id > 0);
        create index i on task (title); create sequence q; drop index task_org;
    """
    found = purpose(compare(before, read(base, sql)))
    assert len(found) == 8
    assert found[-1] == "makes 4 other changes"


def test_objects_are_counted(base: Database) -> None:
    found = read(base, "select 1")
    # 2 tables, 7 columns, 2 primary keys, a foreign key, an index, a policy; schema, enum, view, function,
    # sequence, and the extension that every database has.
    assert count_objects(found) == 14 + 5 + 1
    empty = Catalog(CatalogServer("18", 180000, "x", found.server.role))
    assert count_objects(empty) == 0
    assert compare(empty, empty) == ()
