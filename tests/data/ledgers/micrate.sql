create table micrate_db_version (
    id serial not null, version_id bigint not null, is_applied boolean not null,
    tstamp timestamp null default now(), primary key (id)
);
insert into micrate_db_version (version_id, is_applied, tstamp) values
    (20240101000000, true, '2026-01-01 10:00:00'),
    (20240102000000, true, '2026-01-01 10:00:01'),
    (20240103000000, true, '2026-01-01 10:00:02');
