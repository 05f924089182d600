create schema supabase_migrations;
create table supabase_migrations.schema_migrations (version text not null primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations values
    ('20240101000000', array['-- the accounts
create table accounts (id bigint primary key)', 'alter table accounts
    enable row level security'], 'accounts'),
    ('20240102000000', array['-- the projects
create table projects (id bigint primary key)', 'alter table projects
    enable row level security'], 'projects'),
    ('20240103000000', array['-- the tasks
create table tasks (id bigint primary key)', 'alter table tasks
    enable row level security'], 'tasks');
