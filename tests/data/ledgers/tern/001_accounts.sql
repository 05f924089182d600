create table accounts (id bigint primary key);

---- create above / drop below ----

drop table accounts;
