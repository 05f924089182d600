create schema pgroll;
create table pgroll.migrations (
    schema name not null, name text not null, migration jsonb not null,
    created_at timestamptz not null default current_timestamp, updated_at timestamptz not null default current_timestamp,
    parent text, done boolean not null default false, resulting_schema jsonb not null default '{}',
    migration_type varchar(32) default 'pgroll', primary key (schema, name),
    foreign key (schema, parent) references pgroll.migrations (schema, name)
);
create table pgroll.pgroll_version (
    version text not null, initialized_at timestamptz not null default current_timestamp, primary key (version)
);
insert into pgroll.migrations (schema, name, migration, created_at, parent, done) values
    ('public', '20240101000000_accounts', '{}', '2026-01-01 10:00:00+00', null, true),
    ('public', '20240102000000_projects', '{}', '2026-01-01 10:00:01+00', '20240101000000_accounts', true),
    ('public', '20240103000000_tasks', '{}', '2026-01-01 10:00:02+00', '20240102000000_projects', true);
