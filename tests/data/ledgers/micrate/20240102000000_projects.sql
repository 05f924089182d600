-- +micrate Up
-- the projects
create table projects (id bigint primary key);
alter table projects
    enable row level security;

-- +micrate Down
drop table projects;
