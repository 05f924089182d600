create table gorp_migrations (id text not null primary key, applied_at timestamptz);
insert into gorp_migrations values
    ('20240101000000-accounts.sql', '2026-01-01 10:00:00+00'),
    ('20240102000000-projects.sql', '2026-01-01 10:00:01+00'),
    ('20240103000000-tasks.sql', '2026-01-01 10:00:02+00');
