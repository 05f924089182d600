"""What "=", casts, sub-selects and constraints promise, and what only looks like it."""

import pytest
from msgspec.structs import replace

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema import policies as rls
from validate_schema.model.reading import Reach

APP = '[tenancy]\nroot = "org"\ncolumn = "org_id"\nsetting = "app.tenant_id"\napp_roles = ["app_user"]\n'
CTX = "nullif(current_setting('app.tenant_id', true), '')"
BOUND = f"org_id = {CTX}"
OPEN, NOT_SAFE = {Reach.UNSAFE}, {Reach.UNSAFE, Reach.UNVERIFIED}


def reads(bench: Bench, using: str, key: str = "text", more: str = "", item: str = "") -> Reach:
    """Return what is said of SELECT on a table with this policy; `item` are more columns of it."""
    with bench.open() as conn:
        execute(conn, f"create table org (id {key} primary key, name text)")
        if more:
            execute(conn, more)
        execute(conn, f"create table item (id int primary key, org_id {key} not null references org{item})")
        execute(conn, "alter table item enable row level security; grant select on item to app_user")
        execute(conn, f"create policy p on item for select using ({using})")
        facts = facts_of(conn, APP)
        (found,) = (j for j in rls.analyse(facts.catalog, facts.tenancy).judgements if j.command == "SELECT")
        return found.reach


FOLDED = """
create schema app; create function app.same(a text, b text) returns boolean language sql immutable
  as $$ select lower(a) = lower(b) $$;
create operator app.= (leftarg = text, rightarg = text, function = app.same);
"""
BY_START = """
create function starts(a uuid, b text) returns boolean language sql immutable
  as $$ select left(a::text, 4) = left(b, 4) $$;
create operator = (leftarg = uuid, rightarg = text, function = starts);
"""
IN_A_BODY = (
    BY_START
    + """create function mine(a uuid) returns boolean language sql stable
  as $$ select a = current_setting('app.tenant_id', true) $$;"""
)
SHARD = "create domain shard as varchar(4);"
CODE = "create domain code as text;"
MEMBERS = "create table note (id int primary key, org_id {0} not null references org, body text);"
STRICT = """create function same(a text, b text) returns boolean language sql immutable strict
  as $$ select coalesce(a = b, false) $$;"""
LAX = STRICT.replace("strict", "called on null input")
HELPER = f"create function current_org() returns text language sql stable as $$ select {CTX} $$;"
# What a variable of a type makes of a key that is given to it.
TYPED = """create table rate (value real, code text);
create function mine(p {0}) returns boolean language plpgsql stable as $$
  declare theirs {1} := p; own {1}; begin {2} return theirs = own; end $$;"""
DEFAULTED = TYPED.format("{0}", "{1}", f"own := {CTX};")
SELECTED = TYPED.format("{0}", "{1}", f"select {CTX} into own;")
FLOATING = f"create function mine(p double precision) returns boolean language sql stable as $$ select p = {CTX}::bigint $$;"
OWN_LOWER = "create function lower(a uuid) returns text language sql immutable as $$ select a::text $$;"
OWN_SETTING = """create function current_setting(name text, otherwise text) returns text language sql stable as
  $$ select coalesce(pg_catalog.current_setting($1, true), $2) $$;
create function tenant() returns text language sql stable as $$ select current_setting('app.tenant_id', 'the first') $$;"""
OWN_MAX = "create function max(a uuid) returns uuid language sql immutable as $$ select a $$;"
STATUS = "create type status as enum ('public', 'internal', 'archive');"


@pytest.mark.parametrize(
    ("using", "key", "more", "said"),
    [
        (f"org_id operator(app.=) {CTX}", "text", FOLDED, NOT_SAFE),
        (f"org_id operator(app.=) any (array[{CTX}])", "text", FOLDED, NOT_SAFE),
        ("org_id = current_setting('app.tenant_id', true)", "uuid", BY_START, NOT_SAFE),
        ("mine(org_id)", "uuid", IN_A_BODY, NOT_SAFE),
        ("org_id is not distinct from current_setting('app.tenant_id', true)", "uuid", BY_START, NOT_SAFE),
        (f'org_id = {CTX} collate "C"', "text", "", {Reach.SAFE}),
        (f"org_id::shard = {CTX}::shard", "text", SHARD, NOT_SAFE),
        (f"org_id::code = {CTX}::code", "text", CODE, {Reach.SAFE}),
        (f"org_id::varchar(4) = {CTX}::varchar(4)", "text", "", NOT_SAFE),
        (f"org_id::varchar(40) = {CTX}::varchar(40)", "uuid", "", {Reach.SAFE}),
        (f"org_id::varchar(20) = {CTX}::varchar(20)", "uuid", "", NOT_SAFE),
        (f"org_id::name = {CTX}::name", "text", "", NOT_SAFE),
        (f"org_id::bpchar = {CTX}::bpchar", "text", "", NOT_SAFE),
        (f"org_id::int = {CTX}::int", "text", "", NOT_SAFE),
        (f"org_id::int = {CTX}::int", "numeric", "", NOT_SAFE),
        (f"org_id::uuid = {CTX}::uuid", "text", "", NOT_SAFE),
        (f"org_id = any (string_to_array({CTX}, ','))", "text", "", NOT_SAFE),
        (f"org_id::text = any (string_to_array({CTX}, ','))", "uuid", "", {Reach.SAFE}),
        (f"org_id = any ({CTX}::text[])", "text", "", NOT_SAFE),
        (f"lower(org_id) = lower({CTX})", "text", "", NOT_SAFE),
        (f"lower(org_id) = lower({CTX})", "text", OWN_LOWER, NOT_SAFE),
        (f"public.lower(org_id) = public.lower({CTX}::uuid)", "uuid", OWN_LOWER, {Reach.SAFE}),
        (
            f"exists (select max(n.body) from note n where n.org_id = item.org_id and n.{BOUND})",
            "text",
            MEMBERS.format("text") + OWN_MAX,
            NOT_SAFE,
        ),
        ("org_id = current_setting('app.tenant_id', 'the first'::text)", "text", OWN_SETTING, NOT_SAFE),
        ("org_id = tenant()", "text", OWN_SETTING, NOT_SAFE),
        (f"org_id = any (string_to_array({CTX}, null))", "text", "", NOT_SAFE),
        (f"{BOUND} or string_to_array('a', null) is not null", "text", "", OPEN),
        (f"{BOUND} or (array['a'] || null::text) is not null", "text", "", NOT_SAFE),
        (f"{BOUND} or replace('a', '', 'b') = 'a'", "text", "", OPEN),
        ("mine(org_id)", "text", DEFAULTED.format("text", "text"), {Reach.SAFE}),
        ("mine(org_id)", "text", DEFAULTED.format("text", "public.rate.code%type"), {Reach.SAFE}),
        ("mine(org_id)", "text", DEFAULTED.format("text", "integer"), NOT_SAFE),
        ("mine(org_id)", "text", SELECTED.format("text", "integer"), NOT_SAFE),
        ("mine(org_id)", "text", DEFAULTED.format("text", "char(3)"), NOT_SAFE),
        (
            "mine(org_id)",
            "text",
            CODE.replace("text", "integer") + DEFAULTED.format("text", "code"),
            NOT_SAFE,
        ),
        ("mine(org_id)", "uuid", DEFAULTED.format("uuid", "uuid"), {Reach.SAFE}),
        ("mine(org_id)", "bigint", DEFAULTED.format("bigint", "bigint"), {Reach.SAFE}),
        ("mine(org_id)", "bigint", DEFAULTED.format("bigint", "double precision"), NOT_SAFE),
        ("mine(org_id)", "bigint", DEFAULTED.format("bigint", "public.rate.value%type"), NOT_SAFE),
        ("mine(org_id)", "bigint", FLOATING, NOT_SAFE),
        (f"coalesce(same(org_id, {CTX}), true)", "text", STRICT, OPEN),
        (f"same(org_id, {CTX})", "text", STRICT, {Reach.SAFE}),
        (f"coalesce(same(org_id, {CTX}), true)", "text", LAX, {Reach.SAFE}),
        ("org_id in (select current_org from current_org())", "text", HELPER, {Reach.SAFE}),
        ("org_id in (select o.x from current_org() as o (x))", "text", HELPER, {Reach.SAFE}),
        ("org_id in (select org_id from current_org())", "text", HELPER, NOT_SAFE),
    ],
)
def test_equal_is_not_always_the_same(
    bench: Bench, using: str, key: str, more: str, said: set[Reach]
) -> None:
    assert reads(bench, using, key, more) in said


@pytest.mark.parametrize("where", [f"org_id = {CTX} collate loose", f"code = {CTX} and code = org_id"])
def test_texts_that_differ_are_equal_under_some_collations(bench: Bench, where: str) -> None:
    """Made of records: few servers at hand can compare by ICU."""
    with bench.open() as conn:
        execute(conn, "create table org (id text primary key); create collation loose (locale = 'C')")
        execute(
            conn, "create table item (id int, org_id text not null references org, code text collate loose)"
        )
        execute(conn, "alter table item enable row level security; grant select on item to app_user")
        execute(conn, f"create policy p on item for select using ({where})")
        plain = facts_of(conn, APP)
    loose = replace(plain.catalog.collations[0], deterministic=False)
    for collations, said in (((), Reach.SAFE), ((loose,), Reach.UNVERIFIED)):
        catalog = replace(plain.catalog, collations=collations)
        judged = rls.analyse(catalog, plain.tenancy).judgements
        assert {j.reach for j in judged if j.command == "SELECT"} == {said}


@pytest.mark.parametrize(
    "value",
    [
        "(select count(*) from note n where n.org_id = item.org_id and n.body = 'x') = 0",
        "(select coalesce(bool_and(n.body <> 'x'), true) from note n where n.org_id = item.org_id)",
        "coalesce((select max(n.id) from note n where n.org_id = item.org_id), 1) = 1",
        "exists (select count(*) from note n where n.org_id = item.org_id and false)",
        "exists (select every(n.body = 'x') from note n where n.id < 0)",
    ],
)
def test_an_aggregate_makes_a_row_of_nothing(bench: Bench, value: str) -> None:
    assert reads(bench, f"{BOUND} or {value}", more=MEMBERS.format("text")) in NOT_SAFE


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        ("status < 'internal'", Reach.UNSAFE),
        ("status < 'public'", Reach.SAFE),
        ("status > 'archive'", Reach.SAFE),
        ("status between 'public' and 'internal'", Reach.UNSAFE),
        ("status::text < 'archive' and false", Reach.SAFE),
    ],
)
def test_labels_have_the_order_of_their_enum(bench: Bench, branch: str, said: Reach) -> None:
    using = f"{BOUND} or {branch}"
    assert reads(bench, using, more=STATUS, item=", status status not null") is said


@pytest.mark.parametrize(
    ("column", "more", "said"),
    [
        ("is_open boolean check (not is_open)", "", {Reach.SAFE}),
        ("is_open boolean", "alter table item add check (not is_open) not valid", OPEN),
        ("is_open boolean check (not is_open) no inherit", "create table archive () inherits (item)", OPEN),
        ("is_open boolean check (not is_open)", "create table archive () inherits (item)", {Reach.SAFE}),
    ],
)
def test_a_check_counts_where_every_row_obeys_it(
    bench: Bench, column: str, more: str, said: set[Reach]
) -> None:
    with bench.open() as conn:
        execute(conn, "create table org (id text primary key)")
        execute(conn, f"create table item (id int, org_id text not null references org, {column})")
        execute(conn, more or "select 1")
        execute(conn, "alter table item enable row level security; grant select on item to app_user")
        execute(conn, f"create policy p on item for select using ({BOUND} or coalesce(is_open, false))")
        facts = facts_of(conn, APP)
        judged = rls.analyse(facts.catalog, facts.tenancy).judgements
    assert {j.reach for j in judged if (j.table.name, j.command) == ("item", "SELECT")} <= said


@pytest.mark.parametrize(
    ("using", "key", "said"),
    [
        (f"case current_setting('app.tenant_id', true) when '*' then true else org_id = {CTX}::bigint end", "bigint", OPEN),
        (f"current_setting('app.tenant_id', true) = 'all' or org_id = {CTX}::uuid", "uuid", NOT_SAFE),
        (f"{BOUND} or {CTX} in ('a1','a2','a3','a4','a5','a6','a7','a8')", "text", OPEN),
        (f"{BOUND} and name in ('a1','a2','a3','a4','a5','a6','a7','a8')", "text", {Reach.SAFE}),
        (f"{BOUND} or btrim(current_setting('app.tenant_id', true)) = ''", "text", OPEN),
        (f"{BOUND} or (current_setting('app.a', true) = 'x' and current_setting('app.b', true) = 'y')", "text", OPEN),
        (f"{BOUND} or session_user = 'app_user'", "text", OPEN),
    ],
)  # fmt: skip
def test_the_context_is_more_than_one_key(bench: Bench, using: str, key: str, said: set[Reach]) -> None:
    assert reads(bench, using, key, item=", name text") in said


CLAIMS = "nullif(current_setting('request.jwt.claims', true), '')::jsonb"


@pytest.mark.parametrize(
    ("branch", "said"),
    [
        (f"({CLAIMS} ->> 'role') = 'support' and ({CLAIMS} ->> 'aal') = 'aal2'", Reach.UNSAFE),
        (f"({CLAIMS} -> 'app_metadata' ->> 'admin') = 'true'", Reach.UNSAFE),
        (f"({CLAIMS} #>> '{{app_metadata,admin}}') = 'true'", Reach.UNSAFE),
        (f"({CLAIMS} ->> 'role') = 'support' and org_id = ({CLAIMS} ->> 'org')", Reach.SAFE),
        ("false", Reach.SAFE),
    ],
)
def test_one_token_holds_several_claims(bench: Bench, branch: str, said: Reach) -> None:
    toml = APP.replace("app.tenant_id", "request.jwt.claims")
    script = f"""
    create table org (id text primary key);
    create table item (id int primary key, org_id text not null references org);
    alter table item enable row level security; grant select on item to app_user;
    create policy p on item for select using (org_id = ({CLAIMS} ->> 'org') or {branch});
    """
    with bench.open() as conn:
        execute(conn, script)
        facts = facts_of(conn, toml)
        judged = rls.analyse(facts.catalog, facts.tenancy).judgements
    assert {j.reach for j in judged if j.command == "SELECT"} == {said}


def test_a_check_forbids_the_row_though_another_branch_fails(bench: Bench) -> None:
    using = f"org_id = {CTX}::uuid or is_open"
    assert reads(bench, using, "uuid", item=", is_open boolean not null check (not is_open)") is Reach.SAFE


@pytest.mark.parametrize(
    ("held", "told"),
    [("nullif(current_setting('request.jwt.claims', true), '')", 0), ("current_setting('request.jwt.claims', true)", 1)],
)  # fmt: skip
def test_a_claim_is_empty_only_where_its_setting_is_read_as_it_is(bench: Bench, held: str, told: int) -> None:
    script = f"""
    create table org (id uuid primary key);
    create table item (id int primary key, org_id uuid not null references org);
    alter table item enable row level security; grant select on item to app_user;
    create policy p on item for select using (org_id = ({held}::json ->> 'org')::uuid);
    """
    with bench.open() as conn:
        execute(conn, script)
        facts = facts_of(conn, APP.replace("app.tenant_id", "request.jwt.claims"))
        assert len(rls.analyse(facts.catalog, facts.tenancy).policies[0].brittle) == told


def test_what_has_no_variable_in_common_is_worked_out_apart(bench: Bench) -> None:
    parts = [f"c{n} in ('a', 'b', 'c', 'd') and c{n} = 'b'" for n in range(9)]
    columns = "".join(f", c{n} text" for n in range(9))
    assert reads(bench, f"{BOUND} or ({' and '.join(parts)})", item=columns) is Reach.UNSAFE


@pytest.mark.parametrize("fails", [f"org_id::bigint = {CTX}::bigint", f"org_id::uuid = {CTX}::uuid"])
def test_what_fails_for_some_keys_is_open_for_the_others(bench: Bench, fails: str) -> None:
    assert reads(bench, f"{fails} or current_setting('app.mode', true) = 'open'") is Reach.UNSAFE
