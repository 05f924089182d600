create table mikro_orm_migrations (
    id serial primary key, name varchar(255), executed_at timestamptz default current_timestamp
);
insert into mikro_orm_migrations (name, executed_at) values
    ('Migration20240101000000_accounts', '2026-01-01 10:00:00+00'),
    ('Migration20240102000000_projects', '2026-01-01 10:00:01+00'),
    ('Migration20240103000000_tasks', '2026-01-01 10:00:02+00');
