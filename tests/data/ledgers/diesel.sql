create table __diesel_schema_migrations (
    version varchar(50) primary key not null,
    run_on timestamp not null default current_timestamp
);
insert into __diesel_schema_migrations values
    ('20240101000000', '2024-06-01 10:00:00'),
    ('20240102000000', '2024-06-01 10:00:01'),
    ('20240103000000', '2024-06-01 10:00:02');
