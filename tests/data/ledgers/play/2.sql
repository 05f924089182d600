# projects

# --- !Ups
-- the projects
create table projects (id bigint primary key);
alter table projects
    enable row level security;

# --- !Downs
drop table projects;
