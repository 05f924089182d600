create table projects (id bigint primary key);

---- create above / drop below ----

drop table projects;
