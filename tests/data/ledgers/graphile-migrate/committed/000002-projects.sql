--! Previous: sha1:68a4b75cccf4a1498fb8e70fc7fda907227a4636
--! Hash: sha1:25e7b56902c653b9565fdbe23bf4b33e33ddcf7f
--! Message: projects

-- the projects
create table projects (id bigint primary key);
alter table projects
    enable row level security;
