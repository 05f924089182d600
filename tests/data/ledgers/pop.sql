create table schema_migration (version varchar(14) not null primary key);
insert into schema_migration values ('20240101000000'), ('20240102000000'), ('20240103000000');
