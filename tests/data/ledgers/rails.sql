create table schema_migrations (version varchar not null primary key);
create table ar_internal_metadata (
    key varchar not null primary key, value varchar, created_at timestamp(6) not null, updated_at timestamp(6) not null
);
insert into schema_migrations values ('20240103000000'), ('20240102000000'), ('20240101000000');
