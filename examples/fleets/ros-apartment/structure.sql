-- What ros-apartment leaves: `config.excluded_models = %w[Account]` keeps accounts in public, and every other table
-- stands in public (the pattern that new tenants are made of) and in the schema of each tenant.
create table public.accounts (
  id bigserial primary key,
  subdomain varchar not null,
  created_at timestamp(6) not null default now()
);
create unique index index_accounts_on_subdomain on public.accounts (subdomain);
create table public.invoices (id bigserial primary key, number varchar not null, total numeric(10, 2) not null);
create unique index index_invoices_on_number on public.invoices (number);
create table public.schema_migrations (version varchar not null primary key);
create table public.ar_internal_metadata (
  key varchar not null primary key, value varchar, created_at timestamp(6) not null, updated_at timestamp(6) not null
);
insert into public.schema_migrations values ('20260101000001'), ('20260201000002');
