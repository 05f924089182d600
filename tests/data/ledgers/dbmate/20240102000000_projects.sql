-- migrate:up
create table projects (id bigint primary key);

-- migrate:down
drop table projects;
