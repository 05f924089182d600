create table schema_version (version int4 not null primary key);
insert into schema_version values (3);
