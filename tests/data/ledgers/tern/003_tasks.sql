create table tasks (id bigint primary key);

---- create above / drop below ----

drop table tasks;
