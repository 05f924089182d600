create table projects (id bigint primary key);
