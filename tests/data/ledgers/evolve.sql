create table changelog (
    id serial primary key not null, type smallint, version varchar(50), description varchar(200) not null,
    name varchar(300) not null, checksum varchar(32), installed_by varchar(100) not null,
    installed_on timestamp not null default now(), success boolean not null
);
insert into changelog (type, version, description, name, checksum, installed_by, installed_on, success) values
    (0, '20240101000000', 'accounts', 'V20240101000000__accounts.sql', 'DB34A2E82336F262FAC93C3C041DD55E', '', '2026-01-01 10:00:00', true),
    (0, '20240102000000', 'projects', 'V20240102000000__projects.sql', 'A37F9EF12E995D660B012CDF84DF26E1', '', '2026-01-01 10:00:01', true),
    (0, '20240103000000', 'tasks', 'V20240103000000__tasks.sql', '5C7B5308173D5F02B285F0338D1D7A49', '', '2026-01-01 10:00:02', true);
