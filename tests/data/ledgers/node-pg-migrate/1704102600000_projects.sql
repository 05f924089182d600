-- Up Migration
create table projects (id bigint primary key);

-- Down Migration
drop table projects;
