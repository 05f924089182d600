--! Previous: sha1:25e7b56902c653b9565fdbe23bf4b33e33ddcf7f
--! Hash: sha1:8ed493608ec0976c67aa09e51c8725869091881d
--! Message: tasks

-- the tasks
create table tasks (id bigint primary key);
alter table tasks
    enable row level security;
