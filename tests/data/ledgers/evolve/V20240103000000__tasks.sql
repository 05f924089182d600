-- the tasks
create table tasks (id bigint primary key);
alter table tasks
    enable row level security;
