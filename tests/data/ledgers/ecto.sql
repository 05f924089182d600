create table schema_migrations (version bigint not null primary key, inserted_at timestamp(0));
insert into schema_migrations values
    (20240101000000, '2026-01-01 10:00:00'), (20240102000000, '2026-01-01 10:00:01'),
    (20240103000000, '2026-01-01 10:00:02');
