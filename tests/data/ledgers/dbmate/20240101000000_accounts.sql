-- migrate:up
create table accounts (id bigint primary key);

-- migrate:down
drop table accounts;
