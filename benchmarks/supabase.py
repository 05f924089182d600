"""A schema as projects on Supabase have it: persons, memberships, claims, a policy for each command."""

from typing import Any

import psycopg

# What the platform brings, as far as policies refer to it: our own words for its documented parts.
_PLATFORM = """
do $$ begin create role anon nologin; exception when duplicate_object then null; end $$;
do $$ begin create role authenticated nologin; exception when duplicate_object then null; end $$;
do $$ begin create role service_role nologin bypassrls; exception when duplicate_object then null; end $$;
create schema auth;
grant usage on schema public, auth to anon, authenticated, service_role;
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
create table auth.users (id uuid primary key, email text unique);
alter table auth.users enable row level security;
create function auth.jwt() returns jsonb language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim', true), ''),
        nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
create function auth.uid() returns uuid language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
create function auth.role() returns text language sql stable as $$
    select coalesce(nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role') $$;
"""
_PEOPLE = """
create table organizations (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    is_open boolean not null default false
);
create table profiles (
    id uuid primary key references auth.users on delete cascade,
    name text,
    is_admin boolean not null default false
);
create table members (
    organization_id uuid not null references organizations on delete cascade,
    user_id uuid not null references profiles on delete cascade,
    role text not null default 'member' check (role in ('owner', 'admin', 'member', 'viewer')),
    status text not null default 'active',
    primary key (organization_id, user_id)
);
create index on members (user_id);
create function is_member(org uuid) returns boolean
    language sql stable security definer set search_path = public as $$
    select exists (select 1 from members m where m.organization_id = org and m.user_id = auth.uid()) $$;
create function has_role(org uuid, wanted text) returns boolean
    language sql stable security definer set search_path = public as $$
    select exists (select 1 from members m
        where m.organization_id = org and m.user_id = auth.uid() and m.role = wanted) $$;
alter table organizations enable row level security;
alter table profiles enable row level security;
alter table members enable row level security;
create policy see on organizations for select to authenticated
    using (is_open or id in (select m.organization_id from members m where m.user_id = (select auth.uid())));
create policy found on organizations for insert to authenticated with check (auth.uid() is not null);
create policy rename on organizations for update to authenticated using (has_role(id, 'owner'));
create policy mine on profiles to authenticated using (id = auth.uid()) with check (id = auth.uid());
create policy colleagues on profiles for select to authenticated using (exists (
    select 1 from members a join members b on b.organization_id = a.organization_id
    where a.user_id = auth.uid() and b.user_id = profiles.id));
create policy staff on profiles for select using (auth.role() = 'service_role');
create policy mine on members for select to authenticated using (user_id = auth.uid());
create policy invite on members for insert to authenticated with check (has_role(organization_id, 'admin'));
create policy promote on members for update to authenticated using (has_role(organization_id, 'owner'));
create policy leave on members for delete to authenticated
    using (user_id = auth.uid() or has_role(organization_id, 'owner'));
"""
_IN_PEOPLE = (3, 10)  # tables, policies
_TABLE = """
create table {name} (
    id uuid primary key default gen_random_uuid(),
    {owner},
    created_by uuid references profiles,
    status text not null default 'draft' check (status in ('draft', 'published', 'archived')),
    visibility text not null default 'private',
    is_public boolean not null default false,
    deleted_at timestamptz
);
create index on {name} ({key});
alter table {name} enable row level security;
"""
_OF_TENANT = "organization_id uuid not null references organizations on delete cascade"
_OF_PARENT = "parent_id uuid not null references {parent} on delete cascade"
_IS_MEMBER = (
    "select 1 from members m where m.organization_id = {name}.organization_id and m.user_id = auth.uid()"
)
_MEMBERSHIPS = "select m.organization_id from members m where m.user_id = auth.uid()"
_ABOVE = (
    "select 1 from {parent} p join members m on m.organization_id = p.organization_id "
    "where p.id = {name}.parent_id and m.user_id = auth.uid()"
)
_BY_FUNCTIONS = (
    "for select using (is_member(organization_id))",
    "for insert with check (is_member(organization_id) and created_by = auth.uid())",
    "for update using (has_role(organization_id, 'admin') or created_by = (select auth.uid()))",
    "for delete using (has_role(organization_id, 'owner'))",
)
_BY_ROWS = (
    f"for select using (is_public or exists ({_IS_MEMBER} and m.status = 'active'))",
    f"for insert with check (exists ({_IS_MEMBER} and m.role in ('owner', 'admin', 'member')))",
    f"for update using (exists ({_IS_MEMBER} and (m.role = 'admin' or {{name}}.created_by = m.user_id)))",
    f"for delete using (status <> 'published' and exists ({_IS_MEMBER} and m.role = 'owner'))",
)
_BY_PERSON = (
    "for select to authenticated using (created_by = auth.uid())",
    "for insert to authenticated with check (created_by = auth.uid())",
    "for update to authenticated using (created_by = auth.uid()) with check (created_by = auth.uid())",
    "for delete to authenticated using (created_by = auth.uid() and deleted_at is null)",
)
_BY_LISTS = (
    f"for select to authenticated using (organization_id in ({_MEMBERSHIPS}))",
    f"for all to authenticated using (organization_id in ({_MEMBERSHIPS} and m.role in ('owner', 'admin'))) "
    f"with check (organization_id in ({_MEMBERSHIPS}))",
    "for select to anon using (deleted_at is null and status = 'published' and visibility = 'public')",
)
_BY_PARENT = (
    f"for select using (exists ({_ABOVE}))",
    "for insert with check (created_by = auth.uid() and exists "
    "(select 1 from {parent} p where p.id = {name}.parent_id and p.created_by = auth.uid()))",
    f"for update using (created_by = auth.uid() or exists ({_ABOVE} and m.role = 'admin'))",
)
_BY_CLAIMS = (
    "for select using (organization_id = ((auth.jwt() -> 'app_metadata') ->> 'organization_id')::uuid)",
    "for all using (auth.role() = 'authenticated' "
    "and organization_id = (auth.jwt() ->> 'organization_id')::uuid)",
    "for select using (exists (select 1 from profiles p where p.id = auth.uid() and p.is_admin))",
)
_STYLES = (_BY_FUNCTIONS, _BY_ROWS, _BY_PERSON, _BY_LISTS, _BY_PARENT, _BY_CLAIMS)


def create(conn: psycopg.Connection[Any], tables: int) -> int:
    """Create `tables` tables in an empty database; return how many policies they have: 77 on 22, 505 on 144.

    `conn` must be in autocommit mode. Statistics are gathered at the end, as autovacuum would have done.
    """
    conn.execute(_PLATFORM.encode())
    conn.execute(_PEOPLE.encode())
    made, policies = _IN_PEOPLE
    parent = ""
    for number in range(tables - made):
        name, style = f"t{number:04}", _STYLES[number % len(_STYLES)]
        owner = (_OF_PARENT if style is _BY_PARENT else _OF_TENANT).format(parent=parent)
        script = _TABLE.format(name=name, owner=owner, key=owner.split()[0])
        for n, text in enumerate(style):
            script += f"create policy p{n} on {name} {text.format(name=name, parent=parent)};\n"
        conn.execute(script.encode())
        policies += len(style)
        parent = parent if style is _BY_PARENT else name
    conn.execute("vacuum analyze")
    return policies
