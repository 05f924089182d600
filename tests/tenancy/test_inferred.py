"""Who owns the rows, inferred from schemas as they are found, read from a real server."""

from datetime import date
from typing import Any, NamedTuple

import msgspec
import psycopg
import pytest

from validate_schema.catalog.reader import read_catalog
from validate_schema.config import TenancyConfig, parse_toml
from validate_schema.model.catalog import Catalog, QName
from validate_schema.model.tenancy import Level, Tenancy
from validate_schema.tenancy import identify
from validate_schema.tenancy.draft import draft_config, explain_unidentified

TODAY = date(2026, 1, 1)
Connection = psycopg.Connection[Any]

PRISMA = """
create table "Organization" (id text primary key);
create table "User" (id text primary key, email text unique);
create table "Project" (id text primary key, "orgId" text not null references "Organization");
create table "Task" (id text primary key, "orgId" text, "projectId" text not null references "Project");
create table "Comment" (id text primary key, "taskId" text not null references "Task");
create table "Membership" ("orgId" text not null references "Organization",
  "userId" text not null references "User", primary key ("orgId", "userId"));
create table "_ProjectToTask" ("A" text not null references "Project", "B" text not null references "Task");
create table "Session" (id text primary key, "userId" text not null references "User");
create table "Queue" (id text primary key, "taskId" text);
create table _prisma_migrations (id varchar(36) primary key, checksum varchar(64) not null,
  finished_at timestamptz, migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
  started_at timestamptz not null default now(), applied_steps_count integer not null default 0)
"""
RAILS = """
create table accounts (id bigserial primary key);
create table users (id bigserial primary key, account_id bigint not null references accounts);
create table posts (id bigserial primary key, account_id bigint not null, user_id bigint not null references users);
create table tags (id bigserial primary key, account_id bigint not null references accounts);
create table countries (id serial primary key);
alter table posts add country_id integer references countries;
create table schema_migrations (version varchar primary key);
create table ar_internal_metadata (key varchar primary key, value varchar,
  created_at timestamp(6) not null, updated_at timestamp(6) not null)
"""
SUPABASE = """
create schema auth;
create table auth.users (id uuid primary key);
create function auth.uid() returns uuid language sql stable
  as $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
create table teams (id uuid primary key);
create table team_members (team_id uuid not null references teams,
  user_id uuid not null references auth.users, primary key (team_id, user_id));
create table documents (id uuid primary key, team_id uuid not null references teams);
create table profiles (id uuid primary key references auth.users);
create role t_anon; create role t_authenticated; create role t_authenticator login noinherit;
grant t_anon, t_authenticated to t_authenticator;
create policy p on documents to t_authenticated
  using (team_id in (select team_id from team_members where user_id = auth.uid()));
grant select, insert on documents to t_authenticated; grant select on documents to t_anon
"""
NESTED = """
create table organization (id uuid primary key);
create table workspace (id uuid primary key, organization_id uuid not null references organization);
create table billing (id uuid primary key, organization_id uuid not null references organization);
create table doc (id uuid primary key, workspace_id uuid not null references workspace);
create table task (id uuid primary key, workspace_id uuid not null references workspace);
create table file (id uuid primary key, workspace_id uuid not null references workspace,
  organization_id uuid not null references organization);
create table note (id uuid primary key, workspace_id uuid references workspace,
  organization_id uuid not null references organization);
create table page (id uuid primary key, doc_id uuid not null references doc)
"""
SHALLOW = """
create table organization (id uuid primary key);
create table workspace (id uuid primary key, organization_id uuid not null references organization);
create table a (id int primary key, organization_id uuid not null references organization);
create table b (id int primary key, organization_id uuid not null references organization);
create table c (id int primary key, organization_id uuid not null references organization, workspace_id uuid references workspace);
create table d (id int primary key, organization_id uuid not null references organization);
create table e (id int primary key, workspace_id uuid not null references workspace);
create table f (id int primary key, workspace_id uuid not null references workspace)
"""
SPELLINGS = """
create table organization (id uuid primary key);
create table a (org_id uuid not null references organization);
create table b (org_id uuid not null references organization);
create table c (organization_id uuid not null references organization);
create table d (billing_org_id uuid not null references organization, org_id uuid not null references organization);
create table e (parent_org_id uuid not null references organization)
"""
ROOTLESS = """
create table a (id int primary key, tenant_id uuid not null);
create table b (id int primary key, tenant_id uuid not null);
create table c (tenant_id uuid);
create table d (b_id int not null references b);
create table e (id int);
create role t_app login; create role t_boss superuser login; create role t_skip bypassrls login;
grant select on a, b to t_app, t_boss, t_skip;
create policy p on a using (tenant_id = current_setting('app.tenant')::uuid)
"""
DECOY = """
create table organization (id uuid primary key);
create table landlord (id uuid primary key);
create table a (org_id uuid not null references organization);
create table b (org_id uuid not null references organization);
create table c (org_id uuid references landlord)
"""
COMPOSITE = """
create table org (id uuid primary key);
create table project (org_id uuid not null references org, id int, primary key (org_id, id));
create table task (org_id uuid, project_id int, id int, primary key (org_id, id),
  foreign key (org_id, project_id) references project);
create table step (org_id uuid not null, task_id int not null, foreign key (org_id, task_id) references task)
"""
LEDGERS = """
create schema supabase_migrations;
create table tenants (id int primary key);
create table x (tenant_id int not null references tenants);
create table y (tenant_id int not null references tenants);
create table alembic_version (version_num varchar(32) not null);
create table supabase_migrations.schema_migrations (version text primary key, statements text[], name text);
create table schema_migrations (version bigint primary key, dirty boolean not null);
create table knex_migrations_lock (index serial primary key, is_locked int);
create table "SequelizeMeta" (name varchar(255) primary key);
create table migrations (id int primary key, tenant_id int not null references tenants, name text);
create table django_migrations (id int primary key, whale text);
create table knex_migrations (id int primary key, name text, batch int, migration_time timestamptz, note text);
create table pgmigrations (id int references tenants, name text, run_on timestamp)
"""
SHAPES = """
create table settings (id int primary key);
create table plan (id int primary key);
create table organization (id int primary key, settings_id int unique references settings, plan_id int references plan);
create table a (id int primary key, org_id int not null references organization);
create table b (id int primary key, org_id int not null references organization);
create table loose (id int primary key, a_id int references a);
create table under_loose (loose_id int not null references loose);
create table unchecked (a_id int not null);
alter table unchecked add foreign key (a_id) references a not valid;
create table checked (org_id int references organization, constraint there check (org_id is not null));
create table event (owner_type text, owner_id int)
"""
HELPER = """
create schema app;
create function app.current_org() returns uuid language sql stable
  as $$ select current_setting('app.org', true)::uuid $$;
create table orgs (id uuid primary key);
create table a (org_id uuid not null references orgs);
create table b (org_id uuid not null references orgs);
create role t_group; create role t_login login in role t_group;
create policy p on a using (org_id = (select app.current_org()));
create policy p on b to t_group using (org_id = app.current_org());
grant update (org_id) on b to t_group
"""
PARTITIONS = """
create table orgs (id uuid primary key);
create table a (id int primary key, org_id uuid not null references orgs);
create table ev (org_id uuid not null references orgs, d date) partition by range (d);
create table ev1 partition of ev for values from ('2020-01-01') to ('2021-01-01') partition by range (d);
create table ev11 partition of ev1 default;
create table base (org_id uuid not null);
create table kid () inherits (base);
create table part (id int, primary key (id)) partition by range (id);
create table part1 partition of part default;
alter table part add org_id uuid not null references orgs;
create table of_part (part_id int not null references part1)
"""
PERSONAL = """
create table users (id int primary key);
create table posts (user_id int not null references users);
create table likes (user_id int not null references users)
"""
PERSONAL_POLICIES = """;
create policy p on posts using (user_id = current_setting('app.u')::int);
create policy p on likes using ((select current_setting('app.u'))::int = user_id)
"""
NAMES = """
create schema "Mixed Schema";
create table "Mixed Schema"."Org.anization" (id int primary key);
create table "a""b
c" ("orgId" int not null references "Mixed Schema"."Org.anization");
create table "select" ("orgId" int not null references "Mixed Schema"."Org.anization");
create table "left over" (id int)
"""
ALL = {
    "prisma": PRISMA,
    "rails": RAILS,
    "supabase": SUPABASE,
    "nested": NESTED,
    "shallow": SHALLOW,
    "spellings": SPELLINGS,
    "rootless": ROOTLESS,
    "decoy": DECOY,
    "composite": COMPOSITE,
    "ledgers": LEDGERS,
    "shapes": SHAPES,
    "helper": HELPER,
    "partitions": PARTITIONS,
    "personal": PERSONAL + PERSONAL_POLICIES,
    "names": NAMES,
}


class Found(NamedTuple):
    """A table's place, short enough to compare whole schemas."""

    table_class: str
    shape: str = "none"
    column: str | None = None
    path: str = ""
    level: int = 0


ROOT = Found("root")


def owned(column: str, level: int = 0) -> Found:
    return Found("tenant", "own column", column, level=level)


def through(*path: str) -> Found:
    return Found("inherited", "foreign-key path", path=" ".join(path))


def open_(shape: str = "none", path: str = "") -> Found:
    return Found("unclassified", shape, path=path)


LEDGER = Found("ledger")


def catalog_of(conn: Connection, sql: str) -> Catalog:
    conn.execute(sql)
    return read_catalog(conn)


def tenancy_of(conn: Connection, sql: str, config: str = "") -> Tenancy:
    return identify(catalog_of(conn, sql), parse_toml(config, "test").tenancy, today=TODAY)


def found(tenancy: Tenancy) -> dict[str, Found]:
    return {
        s.table.name: Found(
            s.table_class, s.ownership, s.column, " ".join(step.name for step in s.path), s.level
        )
        for s in tenancy.standings
    }


def public(name: str) -> QName:
    return QName("public", name)


def why(tenancy: Tenancy, table: str) -> str:
    return next(s.why for s in tenancy.standings if s.table.name == table)


def test_a_prisma_schema_is_understood_without_a_config(conn: Connection) -> None:
    tenancy = tenancy_of(conn, PRISMA)
    assert tenancy.levels == (Level(("orgId",), public("Organization"), "id"),)
    assert tenancy.inferred["root"] == (
        "3 of 9 tables carry orgId; in 2 of them it is a foreign key to Organization"
    )
    assert found(tenancy) == {
        "Organization": ROOT,
        "Project": owned("orgId"),
        "Membership": owned("orgId"),
        "Task": Found("tenant", "own nullable column", "orgId"),
        "Comment": through("Task"),
        "_ProjectToTask": through("Project"),
        "User": open_("membership"),
        "Session": open_("membership"),
        "Queue": open_(),
        "_prisma_migrations": LEDGER,
    }
    assert why(tenancy, "Queue") == (
        "carries no tenant column and no foreign key to a table that has one; taskId reads like a key of "
        "Task without a foreign key"
    )


def test_a_rails_schema_with_missing_foreign_keys_is_understood(conn: Connection) -> None:
    tenancy = tenancy_of(conn, RAILS)
    assert tenancy.levels == (Level(("account_id",), public("accounts"), "id"),)
    assert found(tenancy) == {
        "accounts": ROOT,
        "users": owned("account_id"),
        "posts": owned("account_id"),
        "tags": owned("account_id"),
        "countries": open_(),
        "schema_migrations": LEDGER,
        "ar_internal_metadata": LEDGER,
    }
    assert why(tenancy, "posts") == "carries account_id, without a foreign key to accounts"


def test_without_any_foreign_key_the_root_is_the_table_that_the_column_is_named_after(
    conn: Connection,
) -> None:
    sql = "create table accounts (id int primary key); create table a (account_id int); create table b (account_id int)"
    tenancy = tenancy_of(conn, sql)
    assert tenancy.levels == (Level(("account_id",), public("accounts"), "id"),)
    assert tenancy.inferred["root"] == (
        "2 of 3 tables carry account_id, which is named after accounts; none of them has a foreign key to it"
    )


def test_memberships_of_people_do_not_make_them_tenants(conn: Connection) -> None:
    tenancy = tenancy_of(conn, SUPABASE)
    assert tenancy.levels == (Level(("team_id",), public("teams"), "id"),)
    assert found(tenancy) == {
        "teams": ROOT,
        "team_members": owned("team_id"),
        "documents": owned("team_id"),
        "users": open_("membership"),
        "profiles": open_("membership"),
    }
    assert tenancy.app_roles == ("t_anon", "t_authenticated")
    assert tenancy.inferred["app_roles"] == (
        "t_anon has privileges on 1 of 2 tenant and inherited tables; t_authenticated has privileges on 1 of 2 "
        "tenant and inherited tables and policies of 1 are for it"
    )


def test_a_workspace_in_an_organization_is_a_second_level(conn: Connection) -> None:
    tenancy = tenancy_of(conn, NESTED)
    assert tenancy.levels == (
        Level(("organization_id",), public("organization"), "id"),
        Level(("workspace_id",), public("workspace"), "id", public("organization")),
    )
    assert found(tenancy) == {
        "organization": ROOT,
        "workspace": owned("organization_id"),
        "billing": owned("organization_id"),
        "doc": owned("workspace_id", level=1),
        "task": owned("workspace_id", level=1),
        "file": owned("workspace_id", level=1),
        "note": owned("organization_id"),
        "page": through("doc"),
    }
    assert why(tenancy, "file") == (
        "carries workspace_id, a foreign key to workspace; also carries organization_id of another level"
    )


def test_policies_decide_which_of_two_levels_scopes_a_table(conn: Connection) -> None:
    policy = "; create policy p on file using (organization_id = current_setting('app.org')::uuid)"
    assert found(tenancy_of(conn, NESTED + policy))["file"] == owned("organization_id")


def test_an_organization_that_only_workspaces_reference_is_still_the_root(conn: Connection) -> None:
    sql = """
        create table organization (id int primary key);
        create table workspace (id int primary key, organization_id int not null references organization);
        create table a (workspace_id int not null references workspace);
        create table b (workspace_id int not null references workspace)
    """
    tenancy = tenancy_of(conn, sql)
    assert [level.root for level in tenancy.levels] == [public("organization"), public("workspace")]


def test_an_entity_that_few_tables_hang_on_is_no_level(conn: Connection) -> None:
    tenancy = tenancy_of(conn, SHALLOW)
    assert tenancy.levels == (Level(("organization_id",), public("organization"), "id"),)
    assert found(tenancy)["e"] == through("workspace")


def test_an_entity_whose_key_policies_compare_is_a_level_all_the_same(conn: Connection) -> None:
    policies = "".join(
        f"; create policy p on {table} using (workspace_id = current_setting('app.w')::uuid)"
        for table in "ef"
    )
    tenancy = tenancy_of(conn, SHALLOW + policies)
    assert [level.columns for level in tenancy.levels] == [("organization_id",), ("workspace_id",)]
    assert found(tenancy)["e"] == owned("workspace_id", level=1)


def test_spellings_are_accepted_and_second_keys_are_not(conn: Connection) -> None:
    tenancy = tenancy_of(conn, SPELLINGS)
    assert tenancy.levels == (Level(("org_id", "organization_id"), public("organization"), "id"),)
    assert found(tenancy) == {
        "organization": ROOT,
        "a": owned("org_id"),
        "b": owned("org_id"),
        "c": owned("organization_id"),
        "d": owned("org_id"),
        "e": through("organization"),
    }


def test_tenants_may_live_outside_the_database(conn: Connection) -> None:
    tenancy = tenancy_of(conn, ROOTLESS)
    assert tenancy.levels == (Level(("tenant_id",)),)
    assert (tenancy.setting, tenancy.app_roles) == ("app.tenant", ("t_app",))
    assert tenancy.inferred["setting"] == (
        "policies of 1 table compare the tenant column with it, of 1 that compare it with any setting"
    )
    assert found(tenancy) == {
        "a": owned("tenant_id"),
        "b": owned("tenant_id"),
        "c": Found("tenant", "own nullable column", "tenant_id"),
        "d": through("b"),
        "e": open_(),
    }


def test_a_column_that_is_somebody_elses_key_is_not_the_tenant_column(conn: Connection) -> None:
    tenancy = tenancy_of(conn, DECOY)
    assert found(tenancy)["c"] == open_()
    assert why(tenancy, "c") == (
        "carries no tenant column and no foreign key to a table that has one; its org_id is a key of landlord, "
        "not of a tenant"
    )


def test_composite_keys_lead_to_the_root(conn: Connection) -> None:
    tenancy = tenancy_of(conn, COMPOSITE)
    assert tenancy.levels == (Level(("org_id",), public("org"), "id"),)
    assert found(tenancy) == {
        "org": ROOT,
        "project": owned("org_id"),
        "task": owned("org_id"),
        "step": owned("org_id"),
    }


def test_a_ledger_is_known_by_its_shape_and_not_by_its_name_alone(conn: Connection) -> None:
    places = [(s.table.schema, s.table.name, str(s.table_class)) for s in tenancy_of(conn, LEDGERS).standings]
    assert places == [
        ("public", "SequelizeMeta", "ledger"),
        ("public", "alembic_version", "ledger"),
        ("public", "django_migrations", "unclassified"),
        ("public", "knex_migrations", "unclassified"),
        ("public", "knex_migrations_lock", "ledger"),
        ("public", "migrations", "tenant"),
        ("public", "pgmigrations", "unclassified"),
        ("public", "schema_migrations", "ledger"),
        ("public", "tenants", "root"),
        ("public", "x", "tenant"),
        ("public", "y", "tenant"),
        ("supabase_migrations", "schema_migrations", "ledger"),
    ]


def test_every_shape_of_ownership_is_told_apart(conn: Connection) -> None:
    tenancy = tenancy_of(conn, SHAPES)
    assert found(tenancy) == {
        "organization": ROOT,
        "a": owned("org_id"),
        "b": owned("org_id"),
        "checked": owned("org_id"),
        "unchecked": through("a"),
        "settings": open_("key on the parent"),
        "plan": open_(),
        "loose": open_("nullable foreign-key path", "a"),
        "under_loose": open_("nullable foreign-key path", "loose a"),
        "event": open_(),
    }
    assert {table: why(tenancy, table) for table in ("settings", "loose", "under_loose", "unchecked")} == {
        "settings": "its key sits on organization (settings_id), unique there",
        "loose": "reaches a only through a_id, which may be NULL",
        "under_loose": "reaches loose → a, but a key on the way may be NULL",
        "unchecked": "owned through a_id → a; that foreign key is NOT VALID",
    }
    assert why(tenancy, "event").endswith(
        "owner_type and owner_id may name an owner, which no foreign key can hold"
    )


def test_the_context_may_be_a_helper_and_a_group_stands_for_its_logins(conn: Connection) -> None:
    tenancy = tenancy_of(conn, HELPER)
    assert (tenancy.setting, tenancy.current_tenant) == ("app.org", "app.current_org()")
    assert tenancy.app_roles == ("t_login",)
    assert tenancy.inferred["current_tenant"] == "policies of 2 tables call it, and its body reads app.org"


@pytest.mark.parametrize(
    "other",
    [
        "or current_setting('app.role', true) = 'support'",
        "or name = any (array[current_setting('app.role', true)])",
        "and name <> 'org = current_setting(''app.role'')'",
        "or case when current_setting('app.role') = 'x' then true else false end",
    ],
)
def test_a_setting_is_the_tenants_where_it_is_compared_with_the_tenant_column(
    conn: Connection, other: str
) -> None:
    table = (
        "create table {0} (id int primary key, org_id text references orgs, name text); alter table {0} enable row"
        " level security; create policy p on {0} using (lower(org_id) = (select current_setting('app.org')) {1});"
    )
    script = "create table orgs (id text primary key);" + "".join(
        table.format(n, other) for n in ("a", "b", "c")
    )

    tenancy = tenancy_of(conn, script)

    assert tenancy.setting == "app.org"
    assert tenancy.inferred["setting"].startswith(
        "policies of 3 tables compare the tenant column with it, of 3 "
    )


def test_a_configured_helper_tells_the_setting(conn: Connection) -> None:
    tenancy = tenancy_of(conn, HELPER, '[tenancy]\ncurrent_tenant = "app.current_org()"')
    assert (tenancy.setting, tenancy.inferred["setting"]) == ("app.org", "app.current_org() reads it")


def test_partitions_stand_where_their_parent_stands(conn: Connection) -> None:
    tenancy = tenancy_of(conn, PARTITIONS)
    assert found(tenancy) == {
        "orgs": ROOT,
        "a": owned("org_id"),
        "ev": owned("org_id"),
        "ev1": owned("org_id"),
        "ev11": owned("org_id"),
        "base": owned("org_id"),
        "kid": owned("org_id"),
        "part": owned("org_id"),
        "part1": owned("org_id"),
        "of_part": through("part"),
    }


def test_people_are_tenants_only_when_policies_say_so(conn: Connection) -> None:
    assert not tenancy_of(conn, PERSONAL).identified
    tenancy = tenancy_of(conn, PERSONAL_POLICIES.lstrip(";\n"))
    assert tenancy.levels == (Level(("user_id",), public("users"), "id"),)


def test_people_whose_key_policies_compare_do_not_outweigh_an_organization(conn: Connection) -> None:
    sql = "create table users (id int primary key); create table org (id int primary key)"
    for name in "abc":
        sql += f"""
            ; create table {name} (org_id int references org, user_id int references users)
            ; create policy p on {name} using (user_id = current_setting('app.u')::int)
        """
    assert tenancy_of(conn, sql).levels == (Level(("org_id",), public("org"), "id"),)


USERS_OWN = """
    create schema auth; create table workspaces (id uuid primary key, user_id uuid not null);
    create table chats (id uuid primary key, user_id uuid not null, workspace_id uuid not null references workspaces);
    create table folders (id uuid primary key, user_id uuid not null, workspace_id uuid not null references workspaces);
    create table files (id uuid primary key, user_id uuid not null);
    create table tools (id uuid primary key, user_id uuid not null);
    create function auth.uid() returns uuid language sql as
      $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$
"""


def _policies(tables: str, expression: str) -> str:
    return "".join(f"; create policy p on {table} using ({expression})" for table in tables.split())


def test_people_are_the_tenants_where_policies_compare_them_and_workspaces_belong_to_them(
    conn: Connection,
) -> None:
    policies = _policies("workspaces chats folders files tools", "user_id = (select auth.uid())")
    tenancy = tenancy_of(conn, USERS_OWN + policies)
    assert tenancy.levels == (Level(("user_id",)),)
    assert found(tenancy) == dict.fromkeys(
        ("workspaces", "chats", "folders", "files", "tools"), owned("user_id")
    )


def test_a_workspace_that_a_few_policies_of_people_concern_is_still_the_root(conn: Connection) -> None:
    tenancy = tenancy_of(conn, USERS_OWN + _policies("chats files", "user_id = auth.uid()"))
    assert tenancy.levels == (Level(("workspace_id",), public("workspaces"), "id"),)


def test_the_platforms_function_that_a_replay_leaves_out_is_a_context(conn: Connection) -> None:
    policies = _policies("workspaces chats folders files tools", "user_id = auth.uid()")
    catalog = catalog_of(conn, USERS_OWN + policies)
    with_it, without_it = (
        identify(c, parse_toml("", "test").tenancy, today=TODAY)
        for c in (catalog, msgspec.structs.replace(catalog, functions=()))
    )
    assert without_it == with_it
    assert with_it.setting == "request.jwt.claim.sub"


def test_a_second_spelling_without_a_foreign_key_is_no_rival_of_the_first(conn: Connection) -> None:
    sql = """create table "Organization" (id text primary key);
        create table "Project" (id text primary key, "organizationId" text not null references "Organization")"""
    for name in "abcdef":
        sql += (
            f"""; create table {name} (id text primary key, "projectId" text not null references "Project")"""
        )
    sql += """; create table u ("organizationId" text not null references "Organization")
        ; create table v (organization_id text not null, project_id text not null)
        ; create table w (organization_id text not null, "projectRef" text not null)"""
    tenancy = tenancy_of(conn, sql)
    assert tenancy.levels == (
        Level(("organizationId", "organization_id"), public("Organization"), "id"),
        Level(("projectId", "project_id"), public("Project"), "id", public("Organization")),
    )
    assert {t: f for t, f in found(tenancy).items() if t in "uvw"} == {
        "u": owned("organizationId"),
        "v": owned("project_id", 1),
        "w": owned("organization_id"),
    }


def test_what_a_tenant_table_points_at_alone_is_told_before_what_it_may_reference(conn: Connection) -> None:
    sql = """create table organization (id int primary key);
        create table mail (id int primary key, org_id int not null references organization);
        create table settings (id int primary key, mail_id int references mail);
        create table draft (id int primary key, mail_id int references mail, team_id int);
        create table team (id int primary key, org_id int not null references organization,
          settings_id int not null unique references settings);
        create table users (id int primary key);
        create table member (org_id int not null references organization, user_id int not null unique references users,
          revoked_at timestamptz);
        create unique index on member (org_id, user_id) where revoked_at is null;
        create table device (id int primary key, user_id int not null references users)"""
    tenancy = tenancy_of(conn, sql)
    assert why(tenancy, "draft") == (
        "reaches mail only through mail_id, which may be NULL; "
        "team_id reads like a key of team without a foreign key"
    )
    assert {t: f for t, f in found(tenancy).items() if t in ("settings", "users", "device")} == {
        "settings": open_("key on the parent"),
        "users": open_("membership"),
        "device": open_("membership"),
    }


def test_a_partition_template_holds_nobodys_rows(conn: Connection) -> None:
    sql = """create schema partman; create table organization (id int primary key);
        create table a (org_id int not null references organization);
        create table event (org_id int not null references organization, at date not null) partition by range (at);
        create table partman.template_public_event (like event, dropped_there int);
        create table partman.template_public_a (like a)"""
    assert found(tenancy_of(conn, sql)) == {
        "organization": ROOT,
        "a": owned("org_id"),
        "event": owned("org_id"),
        "template_public_event": LEDGER,
        "template_public_a": owned("org_id"),
    }


def test_two_equal_candidates_are_reported_and_none_is_chosen(conn: Connection) -> None:
    sql = """
        create table organization (id int primary key); create table company (id int primary key);
        create table a (organization_id int not null references organization);
        create table b (organization_id int not null references organization);
        create table c (company_id int not null references company);
        create table d (company_id int not null references company)
    """
    tenancy = tenancy_of(conn, sql)
    assert (tenancy.identified, {str(s.table_class) for s in tenancy.standings}) == (False, {"unclassified"})
    assert explain_unidentified(tenancy) == (
        "The tenant root was not identified: the tenant root could be company (company_id) or organization "
        "(organization_id): neither is clearly it.\n"
        "Looked for a table that several others reference by a column that reads like a tenant's key "
        "(org_id, tenant_id, accountId, …), and for policies that compare such a column with a setting.\n"
        "Candidates:\n"
        "  company by company_id: 2 of 6 tables carry company_id, a foreign key to company\n"
        "  organization by organization_id: 2 of 6 tables carry organization_id, a foreign key to organization\n"
        "Write into validate-schema.toml:\n"
        "  [tenancy]\n"
        '  root = "company"\n'
        '  column = "company_id"'
    )


def test_what_is_said_of_hostile_names_stays_on_its_line(conn: Connection) -> None:
    sql = """
        create table "or\ng\x1b[31m" (id int primary key); create table "co\ng" (id int primary key);
        create table a (org_id int references "or\ng\x1b[31m"); create table b (org_id int references "or\ng\x1b[31m");
        create table c (company_id int references "co\ng"); create table d (company_id int references "co\ng")
    """
    said = explain_unidentified(tenancy_of(conn, sql))
    assert len(said.splitlines()) == 9
    assert "\x1b" not in said
    assert parse_toml("\n".join(said.splitlines()[-3:]), "said").tenancy.root == "co\ng"


@pytest.mark.parametrize(
    "sql",
    [
        "create table organization (id int primary key); create table a (organization_id int references organization)",
        """create table customers (id int primary key);
           create table orders (id int primary key, customer_id int not null references customers);
           create table addresses (customer_id int not null references customers);
           create table products (id int primary key); create table suppliers (id int primary key);
           create table stock (product_id int references products); create table categories (id int)""",
        "create table a (id int); create table b (name text)",
    ],
    ids=["one table", "customers of a shop", "nothing like a tenant"],
)
def test_weak_consensus_is_not_enough(conn: Connection, sql: str) -> None:
    assert not tenancy_of(conn, sql).identified


def test_an_empty_database_is_not_identified(conn: Connection) -> None:
    tenancy = identify(read_catalog(conn), TenancyConfig(), today=TODAY)
    assert (tenancy.identified, tenancy.problem, tenancy.standings) == (False, "there are no tables", ())


@pytest.mark.parametrize("name", ALL)
def test_the_draft_parses_and_gives_the_same_tenancy(conn: Connection, name: str) -> None:
    catalog = catalog_of(conn, ALL[name])
    inferred = identify(catalog, TenancyConfig(), today=TODAY)
    drafted = parse_toml(draft_config(catalog, inferred), "draft").tenancy
    again = identify(catalog, drafted, today=TODAY)
    assert (again.levels, found(again)) == (inferred.levels, found(inferred))
    assert (again.setting, again.current_tenant, again.app_roles) == (
        inferred.setting,
        inferred.current_tenant,
        inferred.app_roles,
    )
    assert drafted.root is not None or drafted.column is not None or drafted.levels


def test_the_choices_of_a_draft_parse_once_uncommented(conn: Connection) -> None:
    catalog = catalog_of(conn, SHAPES)
    draft = draft_config(catalog, identify(catalog, TenancyConfig(), today=TODAY))
    head, _, tail = draft.partition("# These tables are nobody's yet.")
    choices, _, _ = tail.partition("# An accepted finding")
    opened = "\n".join(line.removeprefix("# ") for line in choices.splitlines()[2:])
    tenancy = parse_toml(head + opened, "draft").tenancy
    assert (tenancy.global_, tenancy.inherited, [e.table for e in tenancy.exempt]) == (
        ("event", "plan"),
        ("loose", "settings", "under_loose"),
        ["job_queue"],
    )


def test_the_draft_of_an_unidentified_tenancy_explains_itself(conn: Connection) -> None:
    catalog = catalog_of(conn, PERSONAL)
    draft = draft_config(catalog, identify(catalog, TenancyConfig(), today=TODAY))
    assert parse_toml(draft, "draft").tenancy == TenancyConfig()
    assert "# The tenant root was not identified: no column reads like a tenant's key" in draft


def test_the_draft_keeps_what_was_declared(conn: Connection) -> None:
    declared = parse_toml(
        '[tenancy]\nroot = "organization"\nglobal = ["plan*"]\ninherited = ["loose"]\ntenant = ["b"]\n'
        'placeholders = ["none"]\nnull_rows = [{ table = "a" }]\n'
        'exempt = [{ table = "event", reason = "it\'s \\"odd\\"", expires = 2027-01-01, owner = "me" }]',
        "declared",
    ).tenancy
    catalog = catalog_of(conn, SHAPES)
    draft = draft_config(catalog, identify(catalog, declared, today=TODAY), declared)
    drafted = parse_toml(draft, "draft").tenancy
    assert identify(catalog, drafted, today=TODAY).standings == (
        identify(catalog, declared, today=TODAY).standings
    )
    assert (drafted.exempt, drafted.null_rows, drafted.placeholders) == (
        declared.exempt,
        declared.null_rows,
        declared.placeholders,
    )


DETAILS = """
create table firms (id uuid primary key);
create table builds (id bigint primary key, firm_id uuid not null references firms);
create table builds_meta (id bigint primary key references builds, firm_id uuid not null references firms);
create table builds_log (id bigint primary key references builds, firm_id uuid not null references firms);
create table people (id uuid primary key);
create policy own on people using (id = nullif(current_setting('app.person', true), '')::uuid);
create policy own on firms for insert with check (id = nullif(current_setting('app.person', true), '')::uuid)
"""


def test_a_detail_by_its_own_key_makes_no_root(conn: Connection) -> None:
    conn.execute(DETAILS)

    found = identify(read_catalog(conn), TenancyConfig(), today=TODAY)

    assert [level.root for level in found.levels] in ([QName("public", "firms")], [])


UID = """create schema if not exists auth; create or replace function auth.uid() returns uuid language sql stable
  as $$ select nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
"""
OF_PERSONS = {
    "one person's only table": (
        """create table todos (id bigint primary key, user_id uuid not null, task text);
        create policy p on todos using ((select auth.uid()) = user_id);""",
        (None, ("user_id",), "request.jwt.claim.sub"),
    ),
    "what hangs on one person's table": (
        """create table boards (id uuid primary key, owner_id uuid not null);
        create table cards (id uuid primary key, board_id uuid not null references boards);
        create policy p on boards using (owner_id = auth.uid());
        create policy p on cards using (exists (select 1 from boards b where b.id = cards.board_id and b.owner_id = auth.uid()));""",
        (None, ("owner_id",), "request.jwt.claim.sub"),
    ),
    "a word that is no tenant's, by a helper": (
        """create table rooms (id uuid primary key);
        create table participants (room_id uuid not null references rooms, profile_id uuid not null, primary key (room_id, profile_id));
        create table messages (id uuid primary key, room_id uuid not null references rooms, profile_id uuid not null);
        create function is_in(room uuid) returns boolean language sql stable security definer as
          $$ select exists (select 1 from participants where room_id = room and profile_id = auth.uid()) $$;
        create policy r on rooms using (is_in(id)); create policy p on participants using (is_in(room_id));
        create policy m on messages using (is_in(room_id) and profile_id = auth.uid());""",
        ("rooms", ("room_id",), None),
    ),
    "a helper that is told who asks": (
        """create table teams (id uuid primary key);
        create table team_members (team_id uuid not null references teams, user_id uuid not null, primary key (team_id, user_id));
        create table files (id uuid primary key, team_id uuid not null references teams);
        create function teams_of(u uuid) returns setof uuid language sql stable security definer as
          $$ select team_id from team_members where user_id = $1 $$;
        create policy t on teams using (id in (select teams_of(auth.uid())));
        create policy m on team_members using (user_id = auth.uid());
        create policy f on files using (team_id in (select teams_of(auth.uid())));""",
        ("teams", ("team_id",), None),
    ),
    "a table of details by its own key": (
        """create table orgs (id uuid primary key);
        create table members (org_id uuid not null references orgs, user_id uuid not null, primary key (org_id, user_id));
        create table runs (id bigint primary key, org_id uuid not null references orgs);
        create table run_details (id bigint primary key references runs, org_id uuid not null references orgs);
        create function my_orgs() returns uuid[] language sql stable security definer as
          $$ select coalesce(array_agg(org_id), '{}') from members where user_id = auth.uid() $$;
        create policy o on orgs using (id = any (my_orgs())); create policy m on members using (org_id = any (my_orgs()));
        create policy r on runs using (org_id = any (my_orgs())); create policy d on run_details using (org_id = any (my_orgs()));""",
        ("orgs", ("org_id",), None),
    ),
}


@pytest.mark.parametrize(("script", "found"), OF_PERSONS.values(), ids=OF_PERSONS)
def test_tenants_of_persons_are_found(
    conn: Connection, script: str, found: tuple[str | None, tuple[str, ...], str | None]
) -> None:
    tenancy = tenancy_of(conn, UID + script)
    level = tenancy.levels[0]

    assert (level.root.name if level.root else None, level.columns, tenancy.setting) == found


PROJECTS_OF_PERSONS = (
    UID
    + """create table projects (id text primary key, creator_id uuid);
create table project_members (project_id text not null references projects, user_id uuid not null, primary key (project_id, user_id));
create table threads (id text primary key, project_id text not null references projects);
create table a (id int primary key); create table b (id int primary key); create table c (id int primary key);
create table d (id int primary key); create table e (id int primary key);
create policy o on projects using (creator_id = (select auth.uid()));
create policy k on projects using (id = current_setting('request.apikey.project_id'));
"""
)
MEMBERS_POLICY = """create policy m on project_members using (user_id = (select auth.uid()));
create policy k on project_members using (project_id = current_setting('request.apikey.project_id'));
"""


@pytest.mark.parametrize("creator", ["", "alter table projects alter creator_id set not null;"])
def test_people_are_asked_for_beside_an_entity_that_policies_compare_as_well(
    conn: Connection, creator: str
) -> None:
    tenancy = tenancy_of(conn, PROJECTS_OF_PERSONS + MEMBERS_POLICY + creator)

    assert not tenancy.identified
    assert tenancy.candidates[0].root == public("projects")
    assert tenancy.candidates[0].column == "project_id"


def test_people_are_the_tenants_where_no_policy_compares_the_entity(conn: Connection) -> None:
    assert tenancy_of(conn, PROJECTS_OF_PERSONS).levels == (Level(("creator_id",)),)
