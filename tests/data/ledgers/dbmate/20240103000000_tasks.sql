-- migrate:up
create table tasks (id bigint primary key);

-- migrate:down
drop table tasks;
