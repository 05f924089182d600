"""Whether functions and views keep to the tenant of the session by their own conditions: shown, refuted, open."""

from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema.policies.confinement import confinement
from validate_schema.policies.settle import Keeps

KEPT, UNCLEAR, OPEN = Keeps.KEPT, Keeps.UNCLEAR, Keeps.OPEN
CTX = "nullif(current_setting('app.tenant_id', true), '')::uuid"
ME = "nullif(current_setting('app.person', true), '')::uuid"
TOML = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
global = ["region", "human", "news", "label"]
"""
TABLES = f"""
create table region (code text primary key);
create table human (id uuid primary key);
create table news (body text);
create table seat (org_id uuid not null references organization, human_id uuid not null references human, rank text not null, primary key (org_id, human_id));
create table job (id uuid primary key, org_id uuid not null references organization, title text not null, region text references region, lead uuid references human, cost int not null default 0, invite_token text unique, device_token text);
create table step (id uuid primary key, job_id uuid not null references job, note text);
create table crate (org_id uuid not null references organization, no int not null, label text, primary key (org_id, no));
create table lot (org_id uuid not null, crate_no int not null, no int not null, primary key (org_id, crate_no, no), foreign key (org_id, crate_no) references crate);
create table place (id uuid primary key, org_id uuid not null references organization, above uuid references place);
create table tally (org_id uuid not null references organization, day date not null, n int not null default 0, primary key (org_id, day));
create function loud(t text) returns boolean language plpgsql cost 0.1 as $$ begin raise notice '%', t; return true; end $$;
create function slow(t text) returns boolean language plpgsql as $$ begin raise notice '%', t; return true; end $$;
create table tag (code varchar(40) primary key, org_id uuid not null references organization);
alter table job enable row level security;
alter table seat enable row level security;
alter table seat force row level security;
create policy seats on seat using (org_id = {CTX});
grant select on seat to app_user;
create view own_job as select * from job where org_id = {CTX};
create view every_job as select id, org_id as owner, title from job;
create view job_count as select org_id, count(*) as n, max(title) as last from job group by org_id;
create view ranked_job as select id, org_id, rank() over (order by cost) as place from job;
create table deal (org_id uuid not null references organization, partner uuid not null references organization, terms text, primary key (org_id, partner));
create table label (short char(3));
create table hint (org_id uuid not null references organization, about uuid, primary key (org_id, about));
create materialized view stored_job as select id, org_id, title from job where org_id = {CTX};
"""
VIEWS: Mapping[str, tuple[Keeps, str]] = {
    "condition": (KEPT, f"select id from job where org_id = {CTX}"),
    "cast of the column": (
        KEPT,
        "select id from job where org_id::text = current_setting('app.tenant_id', true)",
    ),
    "the tenant of another tenant's row": (OPEN, f"select terms from deal where partner = {CTX}"),
    "another tenant that a row names": (
        OPEN,
        f"select d.terms from deal d join organization o on o.id = d.partner where o.id = {CTX}",
    ),
    "rows of whoever names one": (
        OPEN,
        f"select j.title from hint h join job j on j.org_id = h.org_id where h.about = {CTX}",
    ),
    "rows of whoever names one who asks": (
        KEPT,
        f"select j.title from seat s join job j on j.org_id = s.org_id where s.human_id = {ME}",
    ),
    "rows of a partner": (
        OPEN,
        f"select j.title from deal d join job j on j.org_id = d.partner where d.org_id = {CTX}",
    ),
    "a natural join": (KEPT, f"select c.label from crate c natural join lot l where l.org_id = {CTX}"),
    "a natural join by something else": (
        OPEN,
        f"select j.title from job j natural join (select title, cost from job where org_id = {CTX}) mine",
    ),
    "a natural join of nothing": (OPEN, "select c.label from crate c natural join news n"),
    "a natural left join": (
        OPEN,
        f"select c.label from crate c natural left join lot l where l.org_id = {CTX} or true",
    ),
    "rows beside a partner": (
        KEPT,
        f"select j.title from deal d join job j on j.org_id = d.org_id where d.org_id = {CTX}",
    ),
    "a cast that fails before": (UNCLEAR, f"select id from job where title::date > now() and org_id = {CTX}"),
    "a cast that fails after": (
        KEPT,
        f"select id from job where title::date > now() and org_id = (select {CTX})",
    ),
    "a cast that never fails": (KEPT, f"select id from job where cost::text > '1' and org_id = {CTX}"),
    "a division before": (UNCLEAR, f"select id from job where 9 / cost > 1 and org_id = {CTX}"),
    "a division by a number": (KEPT, f"select id from job where cost / 9 > 1 and org_id = {CTX}"),
    "told of before": (UNCLEAR, f"select id from job where loud(title) and org_id = {CTX}"),
    "told of after": (KEPT, f"select id from job where slow(title) and org_id = {CTX}"),
    "shortened": (OPEN, f"select id from job where org_id::varchar(8) = ({CTX})::varchar(8)"),
    "another operator": (OPEN, f"select id from job where org_id >= {CTX}"),
    "either way": (
        KEPT,
        f"select id from job where (org_id = {CTX} and cost > 1) or (cost < 0 and org_id = {CTX})",
    ),
    "one way": (OPEN, f"select id from job where org_id = {CTX} or cost < 0"),
    "not other": (KEPT, f"select id from job where not (org_id <> {CTX})"),
    "not null-safe other": (KEPT, f"select id from job where not (org_id is distinct from {CTX})"),
    "through the root": (
        KEPT,
        f"select j.id from organization o join job j on j.org_id = o.id where o.id = {CTX}",
    ),
    "through a shared table": (
        OPEN,
        f"select j.id from crate c join region r on r.code = c.label join job j on j.region = r.code where c.org_id = {CTX}",
    ),
    "through a shared value": (
        OPEN,
        f"select j.id from job i join job j on j.region = i.region where i.org_id = {CTX}",
    ),
    "through people": (
        OPEN,
        f"select b.rank from seat a join human h on h.id = a.human_id join seat b on b.human_id = h.id where a.org_id = {CTX}",
    ),
    "through people and the tenant": (
        KEPT,
        f"select b.rank from seat a join seat b on b.human_id = a.human_id and b.org_id = a.org_id where a.org_id = {CTX}",
    ),
    "a detail by its key": (
        KEPT,
        f"select s.note from step s join job j on j.id = s.job_id where j.org_id = {CTX}",
    ),
    "a detail by half of a key": (
        OPEN,
        f"select l.no from crate c join lot l on l.crate_no = c.no where c.org_id = {CTX}",
    ),
    "a detail by a whole key": (
        KEPT,
        f"select l.no from crate c join lot l using (org_id, crate_no) where c.org_id = {CTX}".replace(
            "crate c", "(select org_id, no as crate_no from crate) c"
        ),
    ),
    "left join of the tied": (
        KEPT,
        f"select j.id, s.note from job j left join step s on s.job_id = j.id where j.org_id = {CTX}",
    ),
    "left join that ties the left": (
        OPEN,
        f"select j.id from job j left join organization o on o.id = j.org_id and o.id = {CTX}",
    ),
    "right join that ties the left": (
        OPEN,
        f"select j.id from crate c right join job j on j.org_id = c.org_id and c.org_id = {CTX}",
    ),
    "full join": (
        OPEN,
        f"select j.id from job j full join crate c on c.org_id = j.org_id and j.org_id = {CTX}",
    ),
    "a lent column": (
        OPEN,
        f"select x.id from (select j.id, o.id as org_id from job j cross join organization o) x where x.org_id = {CTX}",
    ),
    "a column handed on": (
        KEPT,
        f"select x.id from (select id, org_id as whose from job) x where x.whose = {CTX}",
    ),
    "a column after a limit": (
        OPEN,
        f"select x.id from (select id, org_id from job order by cost limit 1) x where x.org_id = {CTX}",
    ),
    "a column after a window": (OPEN, f"select id, place from ranked_job where org_id = {CTX}"),
    "a column that divides the window": (
        KEPT,
        f"select id, place from (select id, org_id, lag(title) over (partition by org_id order by cost) as place from job) x where org_id = {CTX}",
    ),
    "a column that divides one of two windows": (
        OPEN,
        f"select id, place from (select id, org_id, lag(title) over (partition by org_id order by cost) as place, max(title) over () as top from job) x where org_id = {CTX}",
    ),
    "another column divides the window": (
        OPEN,
        f"select id, place from (select id, org_id, lag(title) over (partition by region order by cost) as place from job) x where org_id = {CTX}",
    ),
    "a sample": (OPEN, "select id from job tablesample system (100)"),
    "a sample of one's own": (KEPT, f"select id from job tablesample system (100) where org_id = {CTX}"),
    "a sample beside": (
        OPEN,
        f"select c.no from crate c, job j tablesample bernoulli (50) repeatable (1) where c.org_id = {CTX}",
    ),
    "a lock": (KEPT, f"select id from job where org_id = {CTX} for update of job"),
    "a column of a group": (KEPT, f"select n, last from job_count where org_id = {CTX}"),
    "a count beside the tenant": (
        OPEN,
        f"select (select count(*) from job) as n, o.name from organization o where o.id = {CTX}",
    ),
    "a count of the tenant's": (
        KEPT,
        f"select o.name, (select count(*) from job j where j.org_id = o.id) as n from organization o where o.id = {CTX}",
    ),
    "a count of details": (
        KEPT,
        f"select j.id, (select count(*) from step s where s.job_id = j.id) as n from job j where j.org_id = {CTX}",
    ),
    "lateral": (
        KEPT,
        f"select j.id, x.note from job j cross join lateral (select note from step s where s.job_id = j.id limit 1) x where j.org_id = {CTX}",
    ),
    "a view of one's own": (KEPT, "select id from own_job"),
    "a view by its column": (KEPT, f"select id from every_job where owner = {CTX}"),
    "a view by nothing": (OPEN, "select id from every_job"),
    "stored long ago": (OPEN, "select id from stored_job"),
    "stored, by its column": (KEPT, f"select id from stored_job where org_id = {CTX}"),
    "both of a union": (
        KEPT,
        f"select id from job where org_id = {CTX} union all select id from place where org_id = {CTX}",
    ),
    "one of a union": (OPEN, f"select id from job where org_id = {CTX} union all select id from place"),
    "a union by its column": (
        KEPT,
        f"select id from (select id, org_id from job union all select id, org_id from place) x where org_id = {CTX}",
    ),
    "a tree": (
        KEPT,
        f"with recursive t as (select id from place where org_id = {CTX} union all select p.id from place p join t on p.above = t.id) select id from t",
    ),
    "a tree by another value": (
        OPEN,
        f"with recursive t as (select id, org_id from place where org_id = {CTX} union all select p.id, p.org_id from place p join t on p.id <> t.id) select id from t",
    ),
    "with query": (KEPT, f"with own as (select * from job where org_id = {CTX}) select id from own"),
    "with query, filtered": (
        KEPT,
        f"with every as (select * from job) select id from every where org_id = {CTX}",
    ),
    "named as a table": (
        OPEN,
        f"with crate as (select * from job) select c.id from crate c where {CTX} is not null",
    ),
    "in the tenant's": (
        KEPT,
        f"select note from step where job_id in (select id from job where org_id = {CTX})",
    ),
    "in its context": (KEPT, f"select id from job where org_id in (select {CTX})"),
    "among more": (
        OPEN,
        f"select id from job where org_id in ({CTX}, '00000000-0000-0000-0000-000000000000')",
    ),
    "any of one": (KEPT, f"select id from job where org_id = any (array[{CTX}])"),
    "exists of one's own": (
        KEPT,
        f"select note from step s where exists (select 1 from job j where j.id = s.job_id and j.org_id = {CTX})",
    ),
    "exists of a count": (
        OPEN,
        f"select note from step s where exists (select count(*) from job j where j.id = s.job_id and j.org_id = {CTX})",
    ),
    "exists of anything": (
        OPEN,
        f"select note from step where exists (select 1 from job where org_id = {CTX})",
    ),
    "not exists": (
        OPEN,
        f"select id from job j where not exists (select 1 from job i where i.id = j.id and i.org_id = {CTX})",
    ),
    "equal to a sub-select": (
        KEPT,
        f"select id from job where org_id = (select id from organization where id = {CTX})",
    ),
    "a sub-select that may have no row": (
        OPEN,
        f"select j.id, (select 1 from organization o where o.id = j.org_id and o.id = {CTX}) as own from job j",
    ),
    "of the person": (
        KEPT,
        f"select j.id from job j join seat s on s.org_id = j.org_id where s.human_id = {ME}",
    ),
    "of the person's rank": (
        UNCLEAR,
        "select j.id from job j join seat s on s.org_id = j.org_id where s.rank = current_setting('app.rank', true)",
    ),
    "by a code that is unique": (
        UNCLEAR,
        "select code from tag where code = current_setting('app.code', true)",
    ),
    "among a list of the session": (
        UNCLEAR,
        "select id from job where org_id = any (string_to_array(current_setting('app.tenant_id', true), ',')::uuid[])",
    ),
    "led by the person": (UNCLEAR, f"select id from job where lead = {ME}"),
    "the setting of another": (
        OPEN,
        "select id from job where org_id = nullif(current_setting('app.other', true), '')::uuid",
    ),
    "a switch": (
        OPEN,
        f"select id from job where org_id = {CTX} or current_setting('app.admin', true) = 'on'",
    ),
    "coalesced": (OPEN, f"select id from job where coalesce(org_id, {CTX}) is not null"),
    "a value that may be something else": (OPEN, f"select id from job where org_id = coalesce({CTX}, lead)"),
}


@pytest.fixture(scope="module")
def views(bench: Bench) -> dict[str, Keeps]:
    created = [f'create view "{name}" as {query};' for name, (_, query) in VIEWS.items()]
    with bench.open() as conn:
        execute(conn, TABLES + "".join(created))
        facts = facts_of(conn, TOML)
    return {view.name: confinement(view, facts) for view in facts.catalog.views}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_keeps_to_the_tenant_by_its_conditions(views: dict[str, Keeps], name: str) -> None:
    assert views[name] is VIEWS[name][0]


@pytest.mark.pg(">= 16")
@pytest.mark.parametrize(
    ("where", "expected"), [("", OPEN), (f" where org_id = {CTX}", KEPT)], ids=["of all", "of one's own"]
)
def test_a_query_in_a_constructor_is_a_query(bench: Bench, where: str, expected: Keeps) -> None:
    with bench.open() as conn:
        execute(conn, TABLES + f"create view v as select json_array(select title from job{where}) as listed;")
        facts = facts_of(conn, TOML)
        assert confinement(next(v for v in facts.catalog.views if v.name == "v"), facts) is expected


HELPERS = f"""
create function me() returns uuid language sql stable as $$ select {ME} $$;
create function ctx() returns uuid language plpgsql stable as $$ begin return {CTX}; end $$;
create function is_mine(o uuid) returns boolean language sql stable as $$ select exists (select 1 from seat where org_id = o and human_id = me()) $$;
create function my_orgs() returns setof uuid language sql stable as $$ select org_id from seat where human_id = me() $$;
create function every_org() returns setof uuid language sql stable as $$ select id from organization $$;
create function demand(o uuid) returns void language plpgsql as $$ begin
    if o is distinct from {CTX} then raise exception 'no'; end if; end $$;
create function wish(o uuid) returns void language plpgsql as $$ begin
    if o is distinct from {CTX} then raise notice 'no'; end if; end $$;
create function enter(o uuid) returns void language plpgsql as $$ begin perform SET_CONFIG('app.tenant_id', o::text, true); end $$;
create function role_in(o uuid) returns jsonb language plpgsql as $$ declare told jsonb; begin
    select jsonb_build_object('rank', rank) into told from seat where org_id = o and human_id = me();
    if told ->> 'rank' is null then raise exception 'not found'; end if; return told; end $$;
create function rank_in(o uuid) returns text language plpgsql as $$ declare told text; begin
    select rank into told from seat where org_id = o and human_id = me(); return told; end $$;
create function demand_why(o uuid, why text default '') returns void language plpgsql strict as $$ begin perform demand(o); end $$;
create function ranked(o uuid, asked text) returns boolean language sql stable strict as $$
    select exists (select 1 from seat where org_id = o and human_id = me() and rank = asked) $$;
create function use_mine(o uuid) returns uuid language plpgsql as $$ begin o := ctx(); return o; end $$;
create procedure choose(inout o uuid) language plpgsql as $$ begin o := gen_random_uuid(); end $$;
create function count_of(o uuid) returns bigint language sql stable as $$ select count(*) from job where org_id = o $$;
"""
RANK = "select s.rank into v from seat s where s.org_id = p and s.human_id = me();"
BY_P = "perform 1 from job where org_id = p;"
# What stands between BEGIN and END of a function f(p uuid, q uuid), after "|" what is declared.
BODIES: Mapping[str, tuple[Keeps, str]] = {
    "a tenant that is founded": (
        KEPT,
        "insert into organization (id, name) values (v, 'new'); insert into seat values (v, q, 'owner');"
        "|v uuid := gen_random_uuid();",
    ),
    "a tenant that is founded by a key that is given": (
        KEPT,
        "insert into organization (id, name) values (p, 'new'); insert into seat values (p, q, 'owner');",
    ),
    "one that may be there": (
        OPEN,
        "insert into organization (id, name) values (p, 'new') on conflict do nothing; insert into seat values (p, q, 'owner');",
    ),
    "one that a query may not found": (
        OPEN,
        "insert into organization (id, name) select p, 'new' where random() > 1; insert into seat values (p, q, 'owner');",
    ),
    "one whose founding failed": (
        OPEN,
        "begin insert into organization (id, name) values (p, 'new'); exception when unique_violation then null; end;"
        " insert into seat values (p, q, 'owner');",
    ),
    "one that was another by then": (
        OPEN,
        "insert into organization (id, name) values (v, 'new'); v := p; insert into seat values (v, q, 'owner');"
        "|v uuid := gen_random_uuid();",
    ),
    "one that is founded in a branch": (
        OPEN,
        "if q is null then insert into organization (id, name) values (p, 'new'); end if; insert into seat values (p, q, 'owner');",
    ),
    "one whose key the server makes": (
        OPEN,
        "insert into organization (id, name) overriding user value values (p, 'new'); insert into seat values (p, q, 'owner');",
    ),
    "one whose key a call gave away": (
        OPEN,
        "insert into organization (id, name) values (v, 'new'); call choose(o => v); insert into seat values (v, q, 'owner');"
        "|v uuid := gen_random_uuid();",
    ),
    "the context that a call gave away": (
        OPEN,
        f"v := {CTX}; call choose(o => v); perform 1 from job where org_id = v;|v uuid;",
    ),
    "the context in a type that cuts it": (
        OPEN,
        f"v := {CTX}; perform 1 from job where org_id::text = v;|v varchar(8);",
    ),
    "the context in a type that holds it": (
        KEPT,
        f"v := {CTX}; perform 1 from job where org_id::text = v;|v varchar(36);",
    ),
    "a row of no tenant's table": (
        OPEN,
        "insert into human (id) values (p); insert into seat values (p, q, 'owner');",
    ),
    "the caller's": (OPEN, BY_P),
    "tied to the context": (KEPT, f"perform 1 from job where org_id = p and p = {CTX};"),
    "tied through a with query": (
        KEPT,
        f"perform 1 from (with mine as (select {CTX} as o) select j.id from job j join mine on mine.o = j.org_id) x;",
    ),
    "a statement of statements": (UNCLEAR, "execute 'do $x$ begin perform 1 from job; end $x$';"),
    "rights given away": (UNCLEAR, "grant select on job to public;"),
    "row security switched off": (UNCLEAR, "alter table job disable row level security;"),
    "a guard taken down": (UNCLEAR, "drop policy if exists seats on seat;"),
    "a table of tenants dropped": (UNCLEAR, "drop table job;"),
    "a table of its own dropped": (KEPT, "drop table if exists pg_temp.mine, news;"),
    "another function": (
        UNCLEAR,
        "create or replace function me() returns uuid language sql as 'select null::uuid';",
    ),
    "somebody else": (UNCLEAR, "set local role postgres;"),
    "a default": (OPEN, f"if p is null then p := {CTX}; end if; {BY_P}"),
    "overwritten": (KEPT, f"p := {CTX}; {BY_P}"),
    "overwritten in a branch": (
        UNCLEAR,
        f"if p is distinct from {CTX} and current_setting('app.role', true) <> 'x' then p := {CTX}; end if; {BY_P}",
    ),
    "given back": (OPEN, f"p := {CTX}; p := q; {BY_P}"),
    "given back in a loop": (
        OPEN,
        f"p := {CTX}; for i in 1..2 loop perform 1 from job where org_id = p; p := q; end loop;",
    ),
    "a variable": (KEPT, f"v := {CTX}; perform 1 from job where org_id = v; | v uuid;"),
    "a variable of two blocks": (
        OPEN,
        f"declare v uuid := {CTX}; begin null; end; perform 1 from job where org_id = v; | v uuid := q;",
    ),
    "a guarded name that an inner block hides": (
        UNCLEAR,
        f"if p is distinct from {CTX} then raise exception 'no'; end if; declare p uuid := q; begin {BY_P} end;",
    ),
    "a flag that an inner block hides": (
        UNCLEAR,
        f"ok := p = {CTX}; declare ok boolean := true; begin if ok is not true then return; end if; {BY_P} end;"
        " | ok boolean;",
    ),
    "a loop variable of that name": (
        UNCLEAR,
        f"if p is distinct from {CTX} then return; end if; for p in select id from organization loop {BY_P} end loop;"
        " | p_ record;",
    ),
    "a default that is worked out late": (
        OPEN,
        f"v := {CTX}; v := q; declare w uuid := v; begin perform 1 from job where org_id = w; end; | v uuid := {CTX};",
    ),
    "an inner variable of its own": (
        UNCLEAR,  # when its block is entered is not known: what a test showed then is not
        f"if p is distinct from {CTX} then return; end if; declare w uuid := p; begin perform 1 from job where org_id = w;"
        " end;",
    ),
    "told while a row is written": (
        OPEN,
        f"insert into job (id, org_id, title) values (q, {CTX}, '') returning (select max(title) from job) into r;"
        " | r text;",
    ),
    "told of a shared row": (
        OPEN,
        "insert into region (code) values ('x') returning (select max(title) from job) into r; | r text;",
    ),
    "told of its own": (
        KEPT,
        f"insert into job (id, org_id, title) values (q, {CTX}, '')"
        f" returning (select max(title) from job where org_id = {CTX}) into r; | r text;",
    ),
    "both branches": (KEPT, f"if q is null then p := {CTX}; else p := (select {CTX}); end if; {BY_P}"),
    "guarded": (KEPT, f"if p is distinct from {CTX} then raise exception 'no'; end if; {BY_P}"),
    "guarded by a return": (KEPT, f"if p is distinct from {CTX} then return; end if; {BY_P}"),
    "guarded by a notice": (UNCLEAR, f"if p is distinct from {CTX} then raise notice 'no'; end if; {BY_P}"),
    "guarded where there is a context": (UNCLEAR, f"if p <> {CTX} then raise exception 'no'; end if; {BY_P}"),
    "guarded, and the context": (
        KEPT,
        f"if {CTX} is null or p <> {CTX} then raise exception 'no'; end if; {BY_P}",
    ),
    "inside of a test": (KEPT, f"if p = {CTX} then {BY_P} end if;"),
    "outside of a test": (UNCLEAR, f"if p = {CTX} then null; end if; {BY_P}"),
    "a guard that is caught": (
        UNCLEAR,
        f"begin if p is distinct from {CTX} then raise exception 'no'; end if; exception when others then null; end; {BY_P}",
    ),
    "a member": (
        KEPT,
        f"if not exists (select 1 from seat where org_id = p and human_id = me()) then raise exception 'no'; end if; {BY_P}",
    ),
    "a member of another": (
        UNCLEAR,
        f"if not exists (select 1 from seat where org_id = q and human_id = me()) then raise exception 'no'; end if; {BY_P}",
    ),
    "a member by a helper": (KEPT, f"if not is_mine(p) then raise exception 'no'; end if; {BY_P}"),
    "a member where the rows are": (KEPT, "perform 1 from job j where is_mine(j.org_id);"),
    "a member, and what is looked up beside it": (
        KEPT,
        f"if is_mine(p) and exists (select 1 from job where org_id = p and title = 'a') then {BY_P} else raise exception 'no'; end if;",
    ),
    "a member, and what is looked up of others beside it": (
        UNCLEAR,
        f"if is_mine(p) and exists (select 1 from job where lead = q) then {BY_P} else raise exception 'no'; end if;",
    ),
    "looked up before it is known whose it is": (
        OPEN,
        f"if exists (select 1 from job where org_id = p) and is_mine(p) then {BY_P} end if;",
    ),
    "a member or what is looked up": (
        OPEN,
        f"if is_mine(p) or exists (select 1 from job where org_id = p) then {BY_P} end if;",
    ),
    "asked in a way that may say NULL": (
        UNCLEAR,
        f"if p = {CTX} and exists (select 1 from job where org_id = p) then null; end if;",
    ),
    "among one's own": (KEPT, "perform 1 from job where org_id in (select my_orgs());"),
    "among everybody's": (OPEN, "perform 1 from job where org_id in (select every_org());"),
    "a member that was found": (
        KEPT,
        f"perform 1 from seat where org_id = p and human_id = me(); if not found then raise exception 'no'; end if; {BY_P}",
    ),
    "another was found": (
        UNCLEAR,
        f"perform 1 from seat where org_id = p and human_id = me(); perform 1 from seat where org_id = {CTX};"
        f" if not found then raise exception 'no'; end if; {BY_P}",
    ),
    "among the members of whoever there is": (
        UNCLEAR,
        "if not (p in (select s.org_id from human h left join seat s on s.human_id = h.id where h.id = me())) then"
        f" raise exception 'no'; end if; {BY_P}",
    ),
    "among the members": (
        KEPT,
        "if not (p in (select s.org_id from human h join seat s on s.human_id = h.id where h.id = me())) then"
        f" raise exception 'no'; end if; {BY_P}",
    ),
    "among groups of members": (
        UNCLEAR,
        "if not (p in (select s.org_id from seat s where s.human_id = me() group by rollup (s.org_id))) then"
        f" raise exception 'no'; end if; {BY_P}",
    ),
    "a flag of what a call chose anew": (
        UNCLEAR,
        "v := p; ok := exists (select 1 from seat where org_id = v and human_id = me()); call choose(v);"
        " if not ok then raise exception 'no'; end if; perform 1 from job where org_id = v; | v uuid; ok boolean;",
    ),
    "no rank but one": (
        KEPT,
        f"{RANK} if v is distinct from 'x' then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "none of the ranks": (
        KEPT,
        f"{RANK} if coalesce(v, '') not in ('x', 'y') then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "none but one, or the one that stands for none": (
        UNCLEAR,
        f"{RANK} if coalesce(v, 'x') <> 'x' then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "a number that stands for none": (
        UNCLEAR,
        f"{RANK} if coalesce(v, '0') <> '0.0' then raise exception 'no'; end if; {BY_P} | v numeric;",
    ),
    "a rank beside none at all": (
        UNCLEAR,
        f"{RANK} if v not in ('x', 'y') then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "no rank at all, or another": (
        KEPT,
        f"{RANK} if v is null or v not in ('x', 'y') then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "no region at all": (
        KEPT,
        "select j.region into v from seat s left join job j on j.lead = s.human_id and j.org_id = s.org_id"
        f" where s.org_id = p and s.human_id = me(); if v is null then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "by the rank": (KEPT, f"{RANK} if v = 'x' then {BY_P} end if; | v text;"),
    "by no rank": (UNCLEAR, f"{RANK} if v <> 'x' then null; else {BY_P} end if; | v text;"),
    "by the context or a rank that may be NULL": (
        UNCLEAR,
        f"{RANK} if {CTX} is null or v <> 'x' then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "by a rank that was given": (
        KEPT,
        "v := (select s.rank from seat s where s.org_id = p and s.human_id = me());"
        f" if v is distinct from 'x' then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "by the highest rank of none": (
        UNCLEAR,
        "v := (select count(s.rank)::text from seat s where s.org_id = p and s.human_id = me());"
        f" if v is distinct from '0' then raise exception 'no'; end if; {BY_P} | v text;",
    ),
    "by a field of the row": (
        KEPT,
        "select * into r from seat s where s.org_id = p and s.human_id = me();"
        f" if r.rank is distinct from 'x' then raise exception 'no'; end if; {BY_P} | r record;",
    ),
    "by a field of another row": (
        OPEN,
        "select * into r from seat s where s.org_id = p and s.human_id = me(); select * into r from seat limit 1;"
        f" if r.rank is distinct from 'x' then raise exception 'no'; end if; {BY_P} | r record;",
    ),
    "a row that must be there": (
        KEPT,
        f"select s.rank into strict v from seat s where s.org_id = p and s.human_id = me(); {BY_P} | v text;",
    ),
    "a row that must be there, or is caught": (
        OPEN,
        "begin select s.rank into strict v from seat s where s.org_id = p and s.human_id = me();"
        f" exception when no_data_found then null; end; {BY_P} | v text;",
    ),
    "a row that must be there of another": (
        OPEN,
        f"select q into strict p from seat s where s.org_id = p and s.human_id = me(); {BY_P}",
    ),
    "a row that was found of another": (
        UNCLEAR,
        "select q into p from seat s where s.org_id = p and s.human_id = me();"
        f" if not found then raise exception 'no'; end if; {BY_P}",
    ),
    "the context in a column's type": (
        KEPT,
        f"v := {CTX}; perform 1 from job where org_id = v; | v job.org_id%type;",
    ),
    "the context in the type of a column that cuts it": (
        OPEN,
        f"v := {CTX}; perform 1 from job where org_id::text = v; | v public.label.short%type;",
    ),
    "something else was returned": (
        UNCLEAR,
        "perform 1 from seat where org_id = p and human_id = me(); return query select 'x'::text;"
        f" if not found then raise exception 'no'; end if; {BY_P}",
    ),
    "something else was fetched": (
        UNCLEAR,
        "perform 1 from seat where org_id = p and human_id = me(); fetch c into n;"
        f" if not found then raise exception 'no'; end if; {BY_P} | c refcursor; n int;",
    ),
    "a cursor was moved": (
        UNCLEAR,
        "perform 1 from seat where org_id = p and human_id = me(); move next from c;"
        f" if not found then raise exception 'no'; end if; {BY_P} | c refcursor;",
    ),
    "a value was given meanwhile": (
        KEPT,
        "perform 1 from seat where org_id = p and human_id = me(); n := 1; raise notice 'x';"
        f" if not found then raise exception 'no'; end if; {BY_P} | n int;",
    ),
    "found before the parameter was another": (
        UNCLEAR,
        f"perform 1 from seat where org_id = p and human_id = me(); p := q; if not found then raise exception 'no'; end if; {BY_P}",
    ),
    "found in a branch": (
        UNCLEAR,
        "if q is null then perform 1 from seat where org_id = p and human_id = me(); end if;"
        f" if not found then raise exception 'no'; end if; {BY_P}",
    ),
    "a flag": (
        KEPT,
        f"ok := exists (select 1 from seat where org_id = p and human_id = me()); if not ok then raise exception 'no'; end if; {BY_P} | ok boolean;",
    ),
    "a flag of a helper": (
        KEPT,
        f"select is_mine(p) into ok; if not ok then raise exception 'no'; end if; {BY_P} | ok boolean;",
    ),
    "a flag that was set again": (
        UNCLEAR,
        f"select is_mine(p) into ok; ok := true; if not ok then raise exception 'no'; end if; {BY_P} | ok boolean;",
    ),
    "a flag in a loop": (
        UNCLEAR,
        f"ok := is_mine(p); loop if not ok then raise exception 'no'; end if; {BY_P} p := q; end loop; | ok boolean;",
    ),
    "a count": (
        KEPT,
        f"select count(*) into n from seat where org_id = p and human_id = me(); if n = 0 then raise exception 'no'; end if; {BY_P} | n int;",
    ),
    "a count of something": (
        UNCLEAR,
        f"select count(*) into n from seat where org_id = p and human_id = me(); if n > 9 then raise exception 'no'; end if; {BY_P} | n int;",
    ),
    "a rank that is there": (
        KEPT,
        f"select rank into t from seat where org_id = p and human_id = me(); if t is null then raise exception 'no'; end if; {BY_P} | t text;",
    ),
    "demanded": (KEPT, f"perform demand(p); {BY_P}"),
    "demanded where the caller says so": (OPEN, f"perform demand(p) where q is null; {BY_P}"),
    "demanded of a copy": (OPEN, f"perform use_mine(p); {BY_P}"),
    "taken from the copy": (KEPT, f"p := use_mine(p); {BY_P}"),
    "deleted by the name of a query": (
        OPEN,
        f"with job as (select * from public.job j where j.org_id = {CTX}) delete from job where cost = 1;",
    ),
    "updated by the name of a query": (
        OPEN,
        f"with job as (select * from public.job j where j.org_id = {CTX}) update job set title = 'x' where cost = 1;",
    ),
    "deleted in a query beside one of its name": (
        UNCLEAR,
        f"with job as (select * from public.job j where j.org_id = {CTX}), gone as (delete from job where cost = 1"
        " returning 1) select count(*) into n from gone; | n int;",
    ),
    "deleted by what a query found": (
        KEPT,
        f"with mine as (select j.id from job j where j.org_id = {CTX}) delete from job using mine"
        " where mine.id = job.id;",
    ),
    "demanded in no row": (OPEN, f"perform demand(p) limit 0; {BY_P}"),
    "demanded with a reason": (KEPT, f"perform demand_why(p, 'because'); {BY_P}"),
    "demanded where there is a reason": (OPEN, f"perform demand_why(p, q::text); {BY_P}"),
    "demanded without a reason": (OPEN, f"perform demand_why(p, null); {BY_P}"),
    "demanded with a reason that is left out": (OPEN, f"perform demand_why(p); {BY_P}"),
    "refused unless ranked, NULL where no rank is asked for": (
        UNCLEAR,
        f"if not ranked(p, q::text) then raise exception 'no'; end if; {BY_P}",
    ),
    "refused unless it is true that he is ranked": (
        KEPT,
        f"if ranked(p, q::text) is not true then raise exception 'no'; end if; {BY_P}",
    ),
    "demanded of another": (OPEN, f"perform demand(q); {BY_P}"),
    "wished for": (OPEN, f"perform wish(p); {BY_P}"),
    "demanded for a value": (KEPT, f"select demand(p) into v; {BY_P} | v text;"),
    "who is asking looked up, or refused": (UNCLEAR, f"select role_in(p) into v; {BY_P} | v text;"),
    "and refused of another": (UNCLEAR, f"v := 'x'; perform role_in(q); {BY_P} | v text;"),
    "looked up, and never refused": (OPEN, f"select rank_in(p) into v; {BY_P} | v text;"),
    "by a ticket": (UNCLEAR, "perform 1 from job where invite_token = q::text;"),
    "by the hash of a ticket": (
        UNCLEAR,
        "perform 1 from job where invite_token = encode(sha256(q::text::bytea), 'hex');",
    ),
    "by the hash of another thing": (OPEN, "perform 1 from job where device_token = md5(q::text);"),
    "by the hash of its own": (OPEN, "perform 1 from job where invite_token = md5(invite_token);"),
    "by a ticket of its own choosing": (OPEN, "perform 1 from job where invite_token = invite_token;"),
    "by another thing that is known": (OPEN, "perform 1 from job where device_token = q::text;"),
    "entered": (OPEN, f"perform enter(p); perform 1 from job where org_id = {CTX};"),
    "entered where one is": (KEPT, f"perform enter({CTX}); perform 1 from job where org_id = {CTX};"),
    "chosen by a procedure": (OPEN, f"p := {CTX}; call choose(p); {BY_P}"),
    "counted by a function": (OPEN, "perform count_of(p);"),
    "counted of the context": (KEPT, f"perform count_of({CTX});"),
    "the organization of the person": (
        KEPT,
        "select org_id into v from seat where human_id = me() limit 1; perform 1 from job where org_id = v; | v uuid;",
    ),
    "of a row in a loop": (
        KEPT,
        "for r in select * from seat where human_id = me() loop perform 1 from job where org_id = r.org_id; end loop; | r record;",
    ),
    "another value of a row": (
        OPEN,
        "for r in select * from seat where human_id = me() loop perform 1 from job where org_id = r.human_id; end loop; | r record;",
    ),
    "of an open cursor": (OPEN, "open c for select title from job where org_id = p; | c refcursor;"),
    "of a cursor": (OPEN, "open c; | c cursor for select title from job;"),
    "of a cursor of one's own": (
        KEPT,
        f"open c for select title from job where org_id = {CTX}; | c refcursor;",
    ),
    "into a variable": (OPEN, "select title into v from job where id = p; | v text;"),
    "a value of a condition": (OPEN, "if (select cost from job where id = p) > 1 then null; end if;"),
    "written for the caller": (OPEN, "insert into job (id, org_id, title) values (q, p, 'x');"),
    "written for the context": (KEPT, f"insert into job (id, org_id, title) values (q, {CTX}, 'x');"),
    "copied from a tied row": (
        KEPT,
        f"insert into job (id, org_id, title) select q, org_id, title from job where id = p and org_id = {CTX};",
    ),
    "copied from any row": (
        OPEN,
        "insert into job (id, org_id, title) select q, org_id, title from job where id = p;",
    ),
    "a detail of the caller's choice": (OPEN, "insert into step (id, job_id) values (q, p);"),
    "a detail of a tied row": (
        KEPT,
        f"insert into step (id, job_id) select q, id from job where id = p and org_id = {CTX};",
    ),
    "a new tenant": (
        KEPT,
        "insert into organization (name) values ('x') returning id into v; insert into seat values (v, me(), 'x'); | v uuid;",
    ),
    "a counter": (
        KEPT,
        f"insert into tally (org_id, day, n) values ({CTX}, current_date, 1) on conflict (org_id, day) do update set n = tally.n + excluded.n;",
    ),
    "an upsert by a code that tenants share": (
        OPEN,
        f"insert into tag values ('x', {CTX}) on conflict (code) do update set org_id = excluded.org_id;",
    ),
    "an upsert that looks": (
        KEPT,
        f"insert into tag values ('x', {CTX}) on conflict (code) do update set code = 'x' where tag.org_id = {CTX};",
    ),
    "an upsert that gives up": (KEPT, f"insert into tag values ('x', {CTX}) on conflict do nothing;"),
    "given away": (OPEN, f"update job set org_id = p where org_id = {CTX};"),
    "a detail given away": (
        OPEN,
        f"update step set job_id = p from job j where j.id = step.job_id and j.org_id = {CTX};",
    ),
    "from another's": (
        OPEN,
        f"update job set title = (select title from job where id = p) where org_id = {CTX};",
    ),
    "deleted": (KEPT, f"delete from step using job j where j.id = step.job_id and j.org_id = {CTX};"),
    "deleted by half of a key": (
        OPEN,
        f"delete from lot using crate c where c.no = lot.crate_no and c.org_id = {CTX};",
    ),
    "changed and handed on": (
        KEPT,
        f"with gone as (delete from job where org_id = {CTX} returning id) insert into news select id::text from gone;",
    ),
    "emptied": (OPEN, "truncate job cascade;"),
    "merged": (UNCLEAR, "merge into job using region r on r.code = job.region when matched then delete;"),
    "in an old record": (
        OPEN,
        "select * into r from job where id = p; perform 1 from job where org_id = r.org_id; | r record;",
    ),
    "itself": (KEPT, f"perform f(p, q); perform 1 from job where org_id = {CTX};"),
    "a number": (KEPT, "perform 1;"),
}


def created(name: str, text: str) -> str:
    body, _, declared = text.partition("|")
    declare = f"declare {declared}" if declared else ""
    returned = "setof text" if "return query" in body else "void"
    head = f'create function "{name}"(p uuid default null, q uuid default null) returns {returned}'
    return f"{head} language plpgsql security definer as $f$ {declare} begin {body.replace('f(p, q)', f'{chr(34)}{name}{chr(34)}(p, q)')} end $f$;"


@pytest.fixture(scope="module")
def functions(bench: Bench) -> dict[str, Keeps]:
    with bench.open() as conn:
        execute(conn, TABLES + HELPERS + "".join(created(n, text) for n, (_, text) in BODIES.items()))
        facts = facts_of(conn, TOML)
    return {f.name: confinement(f, facts) for f in facts.catalog.functions}


@pytest.mark.parametrize("name", BODIES)
def test_a_function_keeps_to_the_tenant_by_what_it_tests(functions: dict[str, Keeps], name: str) -> None:
    assert functions[name] is BODIES[name][0]


@pytest.mark.parametrize(
    "beside",
    [
        "create function keep() returns trigger language plpgsql as 'begin return null; end';"
        " create trigger keep before insert on organization for each row execute function keep();",
        "create rule keep as on insert to organization do instead nothing;",
        "alter table organization drop constraint organization_pkey cascade,"
        " add constraint later primary key (id) deferrable;",
        "create schema staging; create table staging.organization (id uuid primary key, name text);",
    ],
    ids=["a trigger that drops the row", "a rule", "a key that is looked at later", "another of that name"],
)
def test_a_tenant_that_may_not_be_new_is_not_founded(bench: Bench, beside: str) -> None:
    body = (
        "insert into organization (id, name) values (p, 'new'); insert into seat values (p, null, 'owner');"
    )
    with bench.open() as conn:
        execute(conn, TABLES + beside)
        execute(conn, f"create function f(p uuid) returns void language plpgsql as $$ begin {body} end $$;")
        facts = facts_of(conn, TOML)
        made = next(f for f in facts.catalog.functions if f.name == "f")
        assert confinement(made, facts) is OPEN


def test_a_key_that_is_looked_at_later_is_no_new_tenants_when_it_is_returned(bench: Bench) -> None:
    later = (
        "alter table organization drop constraint organization_pkey cascade,"
        " add constraint later primary key (id) deferrable;"
    )
    body = "insert into organization (id, name) values (p, 'new') returning id into v; insert into seat values (v, null, 'owner');"
    for beside, expected in (("", KEPT), (later, OPEN)):
        with bench.open() as conn:
            execute(conn, TABLES + beside)
            execute(
                conn,
                f"create function f(p uuid) returns void language plpgsql as $$ declare v uuid; begin {body} end $$;",
            )
            facts = facts_of(conn, TOML)
            made = next(f for f in facts.catalog.functions if f.name == "f")
            assert confinement(made, facts) is expected


@pytest.mark.pg(">= 16")
@pytest.mark.parametrize("into", ["into v", "into strict v"])
def test_an_aggregate_of_nothing_is_a_row(bench: Bench, into: str) -> None:
    listed = f"select json_arrayagg(s.rank) {into} from seat s where s.org_id = p and s.human_id = me();"
    body = f"{listed} if not found then raise exception 'no'; end if; {BY_P} | v json;"
    with bench.open() as conn:
        execute(conn, TABLES + HELPERS + created("f", body))
        facts = facts_of(conn, TOML)
        made = next(f for f in facts.catalog.functions if f.name == "f")
        assert confinement(made, facts) is not KEPT


def test_a_view_is_tied_by_no_key_whose_triggers_are_off(bench: Bench) -> None:
    tied = f"select l.no from lot l join crate c on c.org_id = l.org_id and c.no = l.crate_no where c.org_id = {CTX}"
    by_parent = f"select s.note from step s join job j on j.id = s.job_id where j.org_id = {CTX}"
    for query, off, expected in (
        (by_parent, "", KEPT),
        (by_parent, "alter table step disable trigger all;", OPEN),
        (tied, "alter table lot disable trigger all;", KEPT),
    ):
        with bench.open() as conn:
            execute(conn, f"{TABLES} create view v as {query}; {off}")
            facts = facts_of(conn, TOML)
            assert confinement(next(v for v in facts.catalog.views if v.name == "v"), facts) is expected


FIRMS = """
create table firm (id text primary key);
create table bill (firm_id text not null references firm, note text);
create function number_of(key text) returns integer language sql immutable as $$ select key::integer $$;
"""
FIRM = "current_setting('app.tenant_id', true)"


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"nullif(firm_id, '') = nullif({FIRM}, '')", KEPT),
        (f"nullif(firm_id, '')::integer = nullif({FIRM}, '')::integer", OPEN),
        (f"coalesce(firm_id, firm_id)::integer = {FIRM}::integer", OPEN),
        (f"coalesce(firm_id, firm_id)::text = {FIRM}", KEPT),
        (f"(select f.id from firm f where f.id = firm_id)::integer = {FIRM}::integer", OPEN),
        (f"(select f.id from firm f where f.id = firm_id) = {FIRM}", KEPT),
        (f"(case when true then firm_id else firm_id end)::integer = {FIRM}::integer", OPEN),
        (f"number_of(firm_id) = number_of({FIRM})", UNCLEAR),
        (f"nullif(firm_id, '')::integer in (select f.id::integer from firm f where f.id = {FIRM})", OPEN),
    ],
)
def test_a_cast_of_a_text_makes_two_tenants_one(bench: Bench, condition: str, expected: Keeps) -> None:
    toml = TOML.replace("organization", "firm").replace("org_id", "firm_id")
    with bench.open() as conn:
        execute(conn, f"{FIRMS} create view v as select note from bill where {condition};")
        facts = facts_of(conn, toml.replace("global =", "# global ="))
        assert confinement(next(v for v in facts.catalog.views if v.name == "v"), facts) is expected


def test_a_parameter_that_was_compared_as_a_number_is_no_text(bench: Bench) -> None:
    toml = TOML.replace("organization", "firm").replace("org_id", "firm_id")
    with bench.open() as conn:
        for name, cast in (("as_number", "::integer"), ("as_text", "")):
            test = f"if p{cast} is distinct from {FIRM}{cast} then raise exception 'no'; end if;"
            body = f"begin {test} perform 1 from bill where firm_id = p; end"
            head = f"create function {name}(p text) returns void language plpgsql"
            execute(conn, f"{FIRMS if cast else ''} {head} as $$ {body} $$;")
        facts = facts_of(conn, toml.replace("global =", "# global ="))
        kept = {f.name: confinement(f, facts) for f in facts.catalog.functions if f.name != "number_of"}
        assert kept == {"as_number": UNCLEAR, "as_text": KEPT}


TWICE = f"select b.title from job a join job b on a.id = b.id where a.org_id = {CTX}"
ABOVE = f"select s.note from step s join job j on j.id = s.job_id where j.org_id = {CTX}"
LATER = "alter table job drop constraint job_pkey cascade, add constraint later primary key (id) deferrable;"
APART = """drop table job cascade;
create table job (id int not null, org_id uuid not null references organization, title text) partition by list (id);
create table job_rest partition of job default; alter table only job add primary key (id);"""


@pytest.mark.parametrize(
    ("query", "beside", "expected"),
    [
        (TWICE, "", KEPT),
        (TWICE, LATER, OPEN),
        (TWICE, f"{LATER} alter table job add unique (id);", KEPT),
        (TWICE, APART, OPEN),
        (TWICE, f"{APART} alter table job_rest add unique (id); create unique index on job (id);", KEPT),
        (TWICE, "create table old () inherits (job);", OPEN),
        (TWICE.replace("job a", "only job a").replace("job b", "only job b"), "create table old () inherits (job);", KEPT),
        (ABOVE, "create table old () inherits (job);", OPEN),
        (ABOVE.replace("join job", "join only job"), "create table old () inherits (job);", KEPT),
        (ABOVE, "create table old () inherits (step);", OPEN),
    ],
    ids=["one row", "looked at later", "and at once", "not of its partition", "of all of them", "of a child", "but for children", "a child's key", "its own", "a child leads"],
)  # fmt: skip
def test_a_key_names_one_row_where_it_is_looked_at_at_once_and_has_no_heirs(
    bench: Bench, query: str, beside: str, expected: Keeps
) -> None:
    with bench.open() as conn:
        execute(conn, f"{TABLES} {beside} create view v as {query};")
        facts = facts_of(conn, TOML)
        assert confinement(next(v for v in facts.catalog.views if v.name == "v"), facts) is expected


def test_a_person_who_may_make_himself_a_member_proves_nothing(bench: Bench) -> None:
    with bench.open() as conn:
        execute(conn, TABLES + HELPERS + "grant insert on seat to app_user; drop policy seats on seat;")
        execute(conn, "create policy seats on seat using (true) with check (human_id = me());")
        execute(conn, created("f", "perform 1 from job where org_id in (select my_orgs());"))
        facts = facts_of(conn, TOML)

    assert {confinement(f, facts) for f in facts.catalog.functions if f.name == "f"} == {UNCLEAR}


CLAIMS = "current_setting('request.jwt.claims', true)::json"
BY_CLAIM = {
    "the claim of the policies": (KEPT, f"({CLAIMS} -> 'app_metadata' ->> 'org_id')::uuid"),
    "by a helper": (KEPT, "org()"),
    "what users write": (OPEN, f"({CLAIMS} -> 'user_metadata' ->> 'org_id')::uuid"),
    "another claim": (OPEN, f"({CLAIMS} ->> 'org_id')::uuid"),
}


@pytest.mark.parametrize(("keeps", "value"), BY_CLAIM.values(), ids=BY_CLAIM)
def test_the_claim_that_policies_compare_the_tenant_with_is_the_context(
    bench: Bench, keeps: Keeps, value: str
) -> None:
    claim = f"({CLAIMS} -> 'app_metadata' ->> 'org_id')::uuid"
    with bench.open() as conn:
        execute(
            conn,
            f"create function org() returns uuid language sql stable as $$ select {claim} $$;"
            "create table job (id uuid primary key, org_id uuid not null references organization);"
            "alter table job enable row level security; grant select on job to app_user;"
            f"create policy p on job using (org_id = {claim});"
            f"create view v as select id from job where org_id = {value};",
        )
        facts = facts_of(conn)

    assert confinement(facts.catalog.views[0], facts) is keeps


PROFILES = """
create schema auth;
create function auth.uid() returns uuid language sql stable as $$ select (current_setting('request.jwt.claims', true)::json ->> 'sub')::uuid $$;
create table profile (id uuid primary key, org_id uuid not null references organization, shown text);
create function my_org() returns uuid language sql stable security definer set search_path = '' as
  $$ select org_id from public.profile where id = auth.uid() $$;
alter table profile enable row level security; grant select on profile to app_user;
create policy p on profile using (id = auth.uid());
create table doc (id uuid primary key, org_id uuid not null references organization);
alter table doc enable row level security; grant select on doc to app_user;
create policy d on doc using (org_id = my_org());
"""


@pytest.mark.parametrize(
    ("grant", "keeps"),
    [("update (shown)", KEPT), ("update (org_id)", UNCLEAR), ("update", UNCLEAR), ("insert", UNCLEAR)],
)
def test_who_asks_is_told_by_a_platform_and_moves_only_by_what_he_may_write(
    bench: Bench, grant: str, keeps: Keeps
) -> None:
    """The functions of a platform are not looked at: they are known."""
    toml = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\napp_roles = ["app_user"]\n'
    with bench.open() as conn:
        execute(conn, PROFILES + f"grant {grant} on profile to app_user;")
        facts = facts_of(conn, toml)
    mine = tuple(f for f in facts.catalog.functions if f.schema != "auth")
    facts = replace(facts, catalog=replace(facts.catalog, functions=mine))
    assert {confinement(f, facts) for f in mine} == {keeps}


TICKETS = """
create schema auth;
create table auth.users (id uuid primary key, email text);
create table invitation (id uuid primary key, org_id uuid not null references organization, email text, token uuid not null unique);
alter table invitation enable row level security;
grant select on invitation to app_user;
create function looked_up(p_token uuid) returns text language plpgsql security definer set search_path = public, pg_temp as $$
declare said text;
begin
  select i.email into said from invitation i join auth.users u on lower(i.email) = lower(u.email) where i.token = p_token;
  return said;
end $$;
"""


def test_a_parameter_is_no_column_of_a_table_that_is_set_apart(bench: Bench) -> None:
    with bench.open() as conn:
        execute(conn, TICKETS)
        facts = facts_of(conn, TOML)
    mine, apart = (
        tuple(t for t in facts.catalog.tables if (t.schema == "auth") is its) for its in (False, True)
    )
    facts = replace(facts, catalog=replace(facts.catalog, tables=mine, extension_tables=apart))

    assert confinement(facts.catalog.functions[0], facts) is UNCLEAR
