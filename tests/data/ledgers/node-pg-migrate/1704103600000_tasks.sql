-- Up Migration
create table tasks (id bigint primary key);

-- Down Migration
drop table tasks;
