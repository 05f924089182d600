create table flyway_schema_history (
    installed_rank integer not null primary key, version varchar(50), description varchar(200) not null,
    type varchar(20) not null, script varchar(1000) not null, checksum integer,
    installed_by varchar(100) not null, installed_on timestamp not null default now(),
    execution_time integer not null, success boolean not null
);
insert into flyway_schema_history values
    (1, '20240101000000', 'accounts', 'SQL', 'V20240101000000__accounts.sql', -1255595872, 'app', '2026-01-01 10:00:00', 5, true),
    (2, '20240102000000', 'projects', 'SQL', 'V20240102000000__projects.sql', -1143652670, 'app', '2026-01-01 10:00:01', 5, true),
    (3, '20240103000000', 'tasks', 'SQL', 'V20240103000000__tasks.sql', 352980118, 'app', '2026-01-01 10:00:02', 5, true),
    (4, null, 'view', 'SQL', 'R__view.sql', -1466044959, 'app', '2026-01-01 10:00:04', 5, true);
