"""What only looks like a guard in a function with its owner's rights keeps to no tenant; its healthy twin does."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.policies.test_confinement import BY_P, CTX, HELPERS, KEPT, TABLES, TOML, UNCLEAR, created
from validate_schema.policies.confinement import confinement
from validate_schema.policies.settle import Keeps

MORE_HELPERS = """
create type pair as (org_id uuid, rank text);
create type short as (org_key varchar(8), day date);
create function any_pair(o uuid) returns setof pair language sql stable as $$ select o, 'x'::text $$;
create function find_jobs(o uuid, out title text) returns setof text language sql stable as $$ select title from job where org_id = o $$;
create function all_titles(o organization) returns text language sql stable as $$ select string_agg(title, ', ') from job $$;
create function load(o uuid) returns job language sql stable as $$ select j from job j where j.id = o $$;
create cast (uuid as job) with function load(uuid);
create function holds(asked text, o uuid default ctx()) returns boolean language sql stable as
  $$ select exists (select 1 from seat s where s.org_id = o and s.human_id = me() and s.rank = asked) $$;
create function near(o double precision) returns boolean language sql stable as $$ select o = 1 $$;
create function last_title() returns text language sql stable as $$ select max(title) from job $$;
create table sheet (org_id uuid not null references organization, no int not null, title text default last_title(), primary key (org_id, no));
create table remark (id uuid primary key, job_id uuid not null references job, above uuid references remark, body text);
create table handover (from_id uuid not null references job, to_id uuid not null references job, primary key (from_id, to_id));
create table blot (job_id uuid not null references job, place_id uuid not null references place, primary key (job_id, place_id));
create function count(t text) returns bigint language sql immutable as 'select null::bigint';
create function act_as(o uuid) returns void language sql as $$ select set_config('app.person', o::text, true) $$;
create function shown(t text, head text default last_title()) returns text language sql stable as 'select head || t';
create function of_any(o anyelement) returns text language sql stable as $$ select string_agg(title, ', ') from job $$;
create domain heading as text default last_title();
create table poster (org_id uuid not null references organization, no int not null, title heading, primary key (org_id, no));
create function mark(o uuid) returns boolean language sql as $$ update job set title = 'x' where id = o returning true $$;
create domain job_id as uuid check (mark(value));
create domain short_key as varchar(8);
create function short_ctx() returns short_key language sql stable as $$ select current_setting('app.tenant_id', true) $$;
create function cut_ctx() returns text language sql stable as $$ select current_setting('app.tenant_id', true)::varchar(8) $$;
create table audit (org_id uuid not null references organization, no int not null, about uuid check (mark(about)), primary key (org_id, no));
create view sheets as select org_id, no, label from crate; alter view sheets alter label set default last_title();
create table kind (ref_id uuid not null, org_id uuid not null references organization);
revoke all on all functions in schema public from public;
"""
_SEAT = "from seat s where s.org_id = p and s.human_id = me()"
_NONE = "if not found then raise exception 'no'; end if;"
NOT_KEPT = {
    "an aggregate that sorts": f"select 'x' into v {_SEAT} order by max(s.rank); if v is null then raise exception 'no'; end if; {BY_P} | v text;",
    "strict, and an aggregate that sorts": f"select true into strict v {_SEAT} order by max(s.rank); {BY_P} | v boolean;",
    "found, and an aggregate that sorts": f"perform 1 {_SEAT} order by max(s.rank); {_NONE} {BY_P}",
    "exists, and an aggregate that sorts": f"if not exists (select 1 {_SEAT} order by count(*)) then raise exception 'no'; end if; {BY_P}",
    "exists of a construct": f"if not exists (select json_arrayagg(1) {_SEAT}) then raise exception 'no'; end if; {BY_P}",
    "a count over windows": f"select count(*) over () into v {_SEAT}; if v = 0 then raise exception 'no'; end if; {BY_P} | v bigint;",
    "a count of no row": f"select count(*) into v {_SEAT} limit n; if v = 0 then raise exception 'no'; end if; {BY_P} | v bigint; n int := 0;",
    "a count of one's own": f"select public.count(s.rank) into v {_SEAT} group by s.rank; if v = 0 then raise exception 'no'; end if; {BY_P} | v bigint;",
    "an argument by its number": "if not exists (select 1 from seat s where s.org_id = $1 and s.human_id = me()) then raise exception 'no'; end if; p := q; perform 1 from job where org_id = $1;",
    "an alias": "if not exists (select 1 from seat s where s.org_id = v and s.human_id = me()) then raise exception 'no'; end if; v := q; perform 1 from job where org_id = v; | v alias for p;",
    "a field of a row that a function gives": f"select s.org_id as org_id into r {_SEAT}; select f.* into r.org_id, w from any_pair(q) f; perform 1 from job where org_id = r.org_id; | r record; w text;",
    "a row by the places of its columns": "select s.org_id as id, q as org_id into r from seat s where s.human_id = me() limit 1; perform 1 from job where org_id = r.org_id; | r job%rowtype;",
    "an inner join on the side that may lack rows": "perform 1 from job j left join (seat s join human h on h.id = s.human_id and h.id = me() and s.org_id = p) on s.org_id = j.org_id where j.org_id = p;",
    "an inner join on the other side": "perform 1 from (seat s join human h on h.id = s.human_id and h.id = me() and s.org_id = p) right join job j on s.org_id = j.org_id where j.org_id = p;",
    "found, and EXECUTE": f"perform 1 from human; execute 'select 1 from seat s where s.org_id = $1 and s.human_id = $2' into v using p, me(); {_NONE} {BY_P} | v int;",
    "the context in a shorter cast": "perform 1 from job where org_id::text = current_setting('app.tenant_id', true)::varchar(8);",
    "the context in a shorter field": "select left(ctx()::text, 8)::uuid into v; perform 1 from job where org_id = v; | v uuid;",
    "what answers a row": f"perform 1 from job j join step t on t.job_id = j.id join remark r on r.job_id = j.id join remark a on a.id = r.above where j.org_id = {CTX};",
    "a row of two parents": f"perform l.id from job j join blot b on b.job_id = j.id join place l on l.id = b.place_id where j.org_id = {CTX};",
    "the other of two references": f"perform b.title from job a join handover h on h.from_id = a.id join job b on b.id = h.to_id where a.org_id = {CTX};",
    "a function with OUT": "perform 1 from find_jobs(p);",
    "a field that is a function": f"perform o.all_titles from organization o where o.id = {CTX};",
    "a field in brackets that is a function": f"perform (o).all_titles from organization o where o.id = {CTX};",
    "a cast that is a function": "perform (p::job).title;",
    "another value that is NULL": f"select s.org_id into v from seat s where s.human_id = me() limit 1; if {CTX} is null or p <> v then raise exception 'no'; end if; {BY_P} | v uuid;",
    "a default in place of an argument": "if not holds('admin') then raise exception 'no'; end if; perform 1 from job where org_id = o; | o uuid := p;",
    "an aggregate beside what it counts": f"select p, count(*) into v, n {_SEAT}; perform 1 from job where org_id = v; | v uuid; n bigint;",
    "an aggregate in a WITH query": f"perform 1 from (select p as org_id, bool_or(s.rank = 'admin') {_SEAT}) me join job j on j.org_id = me.org_id;",
    "a set of groups that is empty": f"perform 1 from (select p as org_id, count(*) {_SEAT} group by rollup (s.rank)) me join job j on j.org_id = me.org_id;",
    "a HAVING without groups": f"select p into v {_SEAT} having true; perform 1 from job where org_id = v; | v uuid;",
    "a number that counts itself": "insert into crate (org_id, no) select p, coalesce(max(c.no), 0) + 1 from crate c where c.org_id = p and c.org_id in (select org_id from seat where human_id = me());",
    "a setting beside an aggregate": f"select set_config('app.tenant_id', p::text, true), max(s.rank) into w, v {_SEAT}; | v text; w text;",
    "a field that cuts it": "select ctx()::text into r.org_key; perform 1 from job where org_id::text = r.org_key; | r short;",
    "the context that NULLIF makes NULL": f"if current_setting('app.tenant_id', true) is null or p <> {CTX} then raise exception 'no'; end if; {BY_P}",
    "a cursor that is opened later": f"v := coalesce(p, v); for r in c loop perform r.title; end loop; | v uuid := {CTX}; c cursor for select title from job where org_id = v; r record;",
    "a field that was given a default": f"select s.org_id, s.rank into r {_SEAT}; if r.rank is null then r.rank := 'x'; end if; if r.rank is null then raise exception 'no'; end if; {BY_P} | r record;",
    "a helper that sets who asks": "perform act_as(q); perform 1 from job j join seat s on s.org_id = j.org_id where s.human_id = me();",
    "a default of an argument": f"perform shown(title) from job where org_id = {CTX};",
    "a field of a variable that is a function": f"select o.* into r from organization o where o.id = {CTX}; perform (r).all_titles; | r organization;",
    "a field that is a function of anything": f"perform o.of_any from organization o where o.id = {CTX};",
    "a default of a domain": f"insert into poster (org_id, no) values ({CTX}, 1);",
    "an aggregate of the query around": "insert into crate (org_id, no) select p, (select coalesce(max(c.no), 0) + 1 from human h limit 1) from crate c where c.org_id = p and c.org_id in (select org_id from seat where human_id = me());",
    "an aggregate in a window": "insert into crate (org_id, no) select p, row_number() over w from crate c where c.org_id = p and c.org_id in (select org_id from seat where human_id = me()) window w as (order by count(*));",
    "the person in a shorter cast": "perform 1 from job j join seat s on s.org_id = j.org_id where s.human_id::text = current_setting('app.person', true)::varchar(8);",
    "a star over a common column": f"select * into v, w from kind join (select p as ref_id) d using (ref_id) where org_id = {CTX}; perform 1 from job where org_id = w; | v uuid; w uuid;",
    "what a platform reads": "perform set_config('request.jwt.claims', json_build_object('sub', q)::text, true); perform 1 from job j join seat s on s.org_id = j.org_id where s.human_id = me();",
    "a default that hangs on a default": f"v := p; declare w uuid := v; x uuid := w; begin perform 1 from job where org_id = x; end; | v uuid := {CTX};",
    "a CHECK that writes": f"insert into audit (org_id, no, about) values ({CTX}, 1, p);",
    "the CHECK of a domain that writes": "perform p::job_id;",
    "the context in a shorter domain": "perform 1 from job where org_id::text = current_setting('app.tenant_id', true)::short_key;",
    "a helper that returns a shorter domain": "perform 1 from job where org_id::text = short_ctx();",
    "a helper that cuts the context": "perform 1 from job where org_id::text = cut_ctx();",
    "a default of a view": f"insert into sheets (org_id, no) values ({CTX}, 1);",
    "a setting that says who asks": "set local app.person = '11111111-1111-4111-8111-111111111111'; perform 1 from job j join seat s on s.org_id = j.org_id where s.human_id = me();",
    "a default of a column": f"insert into sheet (org_id, no) values ({CTX}, 1);",
}  # fmt: skip
KEPT_AS_WELL = {
    "a sorted row": f"select 'x' into v {_SEAT} order by s.rank desc limit 1 for update; if v is null then raise exception 'no'; end if; {BY_P} | v text;",
    "an argument by its number": "if not exists (select 1 from seat s where s.org_id = $1 and s.human_id = me()) then raise exception 'no'; end if; perform 1 from job where org_id = p;",
    "a row by the places of its columns": "select j.* into r from job j join seat s on s.org_id = j.org_id where s.human_id = me() limit 1; perform 1 from job where org_id = r.org_id; | r job%rowtype;",
    "an inner join on the side that has rows": "perform 1 from (seat s join human h on h.id = s.human_id and h.id = me()) left join job j on s.org_id = j.org_id;",
    "a row of its parent's": f"perform 1 from job j join remark r on r.job_id = j.id where j.org_id = {CTX};",
    "rows between a parent and its owner": f"perform 1 from remark r join job j on r.job_id = j.id where j.org_id = {CTX};",
    "the value that was found": f"if {CTX} is null or p <> {CTX} then raise exception 'no'; end if; {BY_P}",
    "a field of a record": "select ctx() as org_key into r; perform 1 from job where org_id = r.org_key; | r record;",
    "a field of a table's row": "select ctx() into r.org_id; perform 1 from job where org_id = r.org_id; | r job;",
    "groups beside what they count": f"select s.org_id, count(*) into v, n {_SEAT} group by s.org_id; perform 1 from job where org_id = v; | v uuid; n bigint;",
    "a number that a sub-select counts": f"insert into crate (org_id, no) select s.org_id, (select coalesce(max(c.no), 0) + 1 from crate c where c.org_id = s.org_id) {_SEAT};",
    "the context beside an aggregate": f"insert into crate (org_id, no) select {CTX}, coalesce(max(c.no), 0) + 1 from crate c where c.org_id = {CTX};",
    "a default of an argument that is given": f"perform shown(title, 'x') from job where org_id = {CTX};",
    "a cursor that is opened later": f"for r in c loop perform r.title; end loop; | v uuid := {CTX}; c cursor for select title from job where org_id = v; r record;",
    "a sub-select that counts its own": f"insert into crate (org_id, no) select s.org_id, (select count(*) from crate c where c.org_id = s.org_id) {_SEAT};",
    "a default that is given": f"if not holds('admin', p) then raise exception 'no'; end if; {BY_P}",
    "a default of a column that calls nothing": f"insert into tally (org_id, day) values ({CTX}, current_date);",
}  # fmt: skip


def test_a_column_that_a_variable_hides_is_no_column(bench: Bench) -> None:
    body = f"if not exists (select 1 from seat s where s.org_id = p and human_id = me()) then raise exception 'no'; end if; {BY_P}"
    by_set = "set plpgsql.variable_conflict = 'USE_variable'"
    for set_, option, expected in (
        ("", "", KEPT),
        ("", "#variable_conflict use_variable", UNCLEAR),
        ("", "#variable_conflict /* or not */ use_variable", UNCLEAR),
        (by_set, "", UNCLEAR),
    ):
        function = f"create function f(p uuid, human_id uuid) returns void language plpgsql {set_} as $$ {option} begin {body} end $$;"
        with bench.open() as conn:
            execute(conn, TABLES + HELPERS + function)
            facts = facts_of(conn, TOML)
            made = next(f for f in facts.catalog.functions if f.name == "f")
            assert confinement(made, facts) is expected


@pytest.fixture(scope="module")
def more_functions(bench: Bench) -> dict[str, Keeps]:
    bodies = {f"no: {n}": text for n, text in NOT_KEPT.items()} | {
        f"yes: {n}": text for n, text in KEPT_AS_WELL.items()
    }
    with bench.open() as conn:
        execute(conn, TABLES + HELPERS + MORE_HELPERS + "".join(map(created, bodies, bodies.values())))
        facts = facts_of(conn, TOML)
    return {f.name: confinement(f, facts) for f in facts.catalog.functions}


@pytest.mark.parametrize("name", NOT_KEPT)
def test_what_only_looks_like_a_guard_keeps_to_no_tenant(more_functions: dict[str, Keeps], name: str) -> None:
    assert more_functions[f"no: {name}"] is not KEPT


@pytest.mark.parametrize("name", KEPT_AS_WELL)
def test_what_looks_like_it_and_is_a_guard_keeps_to_the_tenant(
    more_functions: dict[str, Keeps], name: str
) -> None:
    assert more_functions[f"yes: {name}"] is KEPT
