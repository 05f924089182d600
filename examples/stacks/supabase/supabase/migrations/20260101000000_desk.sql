create table public.organizations (
  id uuid primary key default gen_random_uuid(),
  name text not null
);

create table public.memberships (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  user_id uuid not null references auth.users (id) on delete cascade,
  primary key (organization_id, user_id)
);
create index on public.memberships (user_id);

create table public.projects (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references public.organizations (id) on delete cascade,
  key text not null unique
);
create index on public.projects (organization_id);

create table public.tasks (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references public.organizations (id) on delete cascade,
  project_id uuid not null references public.projects (id) on delete cascade,
  title text not null,
  import_id text not null unique
);
create index on public.tasks (organization_id);

create function public.my_organizations() returns setof uuid
language sql stable security definer set search_path = ''
as $$ select organization_id from public.memberships where user_id = (select auth.uid()) $$;

alter table public.organizations enable row level security;
create policy "members read" on public.organizations for select to authenticated
  using (id in (select public.my_organizations()));

alter table public.memberships enable row level security;
create policy "own" on public.memberships for select to authenticated using (user_id = (select auth.uid()));

alter table public.projects enable row level security;
create policy "members" on public.projects to authenticated
  using (organization_id in (select public.my_organizations()))
  with check (organization_id in (select public.my_organizations()));

alter table public.tasks enable row level security;
create policy "members" on public.tasks to authenticated
  using (organization_id in (select public.my_organizations()))
  with check (organization_id in (select public.my_organizations()));
