create table changelog (
    id numeric(20,0) not null, applied_at varchar(25) not null, description varchar(255) not null
);
alter table changelog add constraint pk_changelog primary key (id);
insert into changelog values
    (20240101000000, '2026-01-01 10:00:00', 'accounts'),
    (20240102000000, '2026-01-01 10:00:01', 'projects'),
    (20240103000000, '2026-01-01 10:00:02', 'tasks');
