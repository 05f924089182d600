create table _sqlx_migrations (
    version bigint primary key, description text not null, installed_on timestamptz not null default now(),
    success boolean not null, checksum bytea not null, execution_time bigint not null
);
insert into _sqlx_migrations values
    (20240101000000, 'accounts', '2026-01-01 10:00:00+00', true, '\xb7038faa5874ef5f8f8a70a6ff45578ae01c5e00fdd5600b358feeb849573e41daf74930569b539beaeaf05077408f5d', 1000),
    (20240102000000, 'projects', '2026-01-01 10:00:01+00', true, '\x3f67c1104e5d79322dd934401c9ba181295eef5ff00341d27f1c49b7081e7e10ea4ed9848ec8ab86b298349b1a2c9e09', 1000),
    (20240103000000, 'tasks', '2026-01-01 10:00:02+00', true, '\xcbe8e096e908feb5ad41572564d67d4bc310ef86915556738760776c5c4d9af0d950b5a5f116ca8c38ff6dfc6f8f3c5a', 1000);
