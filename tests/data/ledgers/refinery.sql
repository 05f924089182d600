create table refinery_schema_history (
    version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255)
);
insert into refinery_schema_history values
    (1, 'accounts', '2026-01-01T10:00:00Z', '13496237536313432515'),
    (2, 'projects', '2026-01-01T10:00:01Z', '2852413984182692888'),
    (4, 'tasks', '2026-01-01T10:00:02Z', '12853675817252824623');
