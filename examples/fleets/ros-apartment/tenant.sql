-- A tenant as `Apartment::Tenant.create` makes it, for psql: psql -v tenant=acme -f tenant.sql
create schema :"tenant";
set search_path = :"tenant";
create table accounts (
  id bigserial primary key,
  subdomain varchar not null,
  created_at timestamp(6) not null default now()
);
create unique index index_accounts_on_subdomain on accounts (subdomain);
create table invoices (id bigserial primary key, number varchar not null, total numeric(10, 2) not null);
create unique index index_invoices_on_number on invoices (number);
create table schema_migrations (version varchar not null primary key);
create table ar_internal_metadata (
  key varchar not null primary key, value varchar, created_at timestamp(6) not null, updated_at timestamp(6) not null
);
insert into schema_migrations values ('20260101000001'), ('20260201000002');
insert into public.accounts (subdomain) values (:'tenant');
