create table applied_migrations (
    version text primary key, name text not null, applied_at timestamptz not null default now(), checksum text
);
insert into applied_migrations values
    ('20240101000000', 'accounts', '2026-01-01 10:00:00+00', '8b2278ae609d62d5957104c10665fc36509e1d1aacfdb0e63167509752b94e70'),
    ('20240102000000', 'projects', '2026-01-01 10:00:01+00', '16daa90bf5fbe355666135456a936d8bce351190630efcb82012b852a882e1e2'),
    ('20240103000000', 'tasks', '2026-01-01 10:00:02+00', '4baa5d9bbf3c64785e356e644d51dd229b0773024b7895bec95983b751ee8d89');
