"""Tables that the app may only read and that hold what all share: global by evidence, or a question."""

import pytest

from validate_schema.tenancy.draft import draft_config

from .test_inferred import Connection, catalog_of, tenancy_of

ORG = """
create role t_app login;
create table org (id uuid primary key);
create table users (id uuid primary key, org_id uuid not null references org, note text);
create table orders (id uuid primary key, org_id uuid not null references org, note text);
grant select, insert, update, delete on users, orders to t_app;
"""
COUNTRIES = "create table countries (code text primary key, name text not null);"
STATUSES = """
create table order_statuses (code text primary key, label text not null);
alter table orders add status text not null references order_statuses;
"""
READ = {
    "a word that is the same for everybody": COUNTRIES + "grant select on countries to t_app",
    "kinds that rows of tenants are of": STATUSES + "grant select on order_statuses to t_app",
    "a policy for reading alone": COUNTRIES
    + """grant select, insert, update on countries to t_app; alter table countries enable row level security;
    create policy p on countries for select using (true)""",
    "what refers to another such table": COUNTRIES
    + """create table currencies (code text primary key, country text not null references countries);
    grant select on countries, currencies to t_app""",
}
ASKED = {
    "written by the app": COUNTRIES + "grant select, insert on countries to t_app",
    "written through PUBLIC": COUNTRIES
    + "grant select on countries to t_app; grant update (name) on countries to public",
    "written by a role that the app may become": COUNTRIES
    + """grant select on countries to t_app; create role t_editor; grant insert on countries to t_editor;
    alter role t_app noinherit; grant t_editor to t_app""",
    "owned by the app": COUNTRIES + "alter table countries owner to t_app",
    "used by nobody": COUNTRIES,
    "a policy for writing": COUNTRIES
    + """grant select, insert on countries to t_app; alter table countries enable row level security;
    create policy p on countries using (true)""",
    "written by a function of the owner": COUNTRIES
    + """grant select on countries to t_app; create function add_one(c text) returns void language sql
    security definer as 'insert into countries values (c, c)'""",
    "written by a function that nobody can read": COUNTRIES
    + """grant select on countries to t_app; create function add_one(c text) returns void language plpgsql
    security definer as $$ begin execute 'insert into countries values ($1, $1)' using c; end $$""",
    "written through a view": COUNTRIES
    + "grant select on countries to t_app; create view c as select * from countries; grant insert on c to t_app",
    "with a column of a tenant": "create table countries (code text primary key, org_id uuid);"
    "alter table countries rename org_id to tenant_ref; grant select on countries to t_app",
    "with a column of a person": "create table countries (code text primary key, created_by uuid);"
    "grant select on countries to t_app",
    "a key to what is nobody's": "create table imports (id int primary key);"
    "create table countries (code text primary key, import_id int not null references imports);"
    "grant select on countries to t_app",
    "kinds that nothing refers to": "create table order_statuses (code text primary key); grant select on order_statuses to t_app",
    "any other word": """create table documents (slug text primary key, body text);
    alter table orders add slug text references documents; grant select on documents to t_app""",
}


@pytest.mark.parametrize("sql", READ.values(), ids=READ)
def test_what_all_share_and_the_app_only_reads_is_global_with_its_reason(conn: Connection, sql: str) -> None:
    tenancy = tenancy_of(conn, ORG + sql)
    apart = [s for s in tenancy.standings if s.table.name not in ("org", "users", "orders")]

    assert apart
    assert {str(s.table_class) for s in apart} == {"global"}
    assert all("t_app may only read it" in s.why and not s.declared for s in apart)


@pytest.mark.parametrize("sql", ASKED.values(), ids=ASKED)
def test_all_else_stays_a_question(conn: Connection, sql: str) -> None:
    tenancy = tenancy_of(conn, ORG + sql)

    assert "global" not in {str(s.table_class) for s in tenancy.standings}


def test_the_draft_writes_what_was_taken_to_be_shared(conn: Connection) -> None:
    catalog = catalog_of(conn, ORG + READ["a word that is the same for everybody"])
    draft = draft_config(catalog, tenancy_of(conn, "select 1"))

    assert 'global = ["countries"]' in draft
    assert "t_app may only read it" in draft
