-- Up Migration
create table accounts (id bigint primary key);

-- Down Migration
drop table accounts;
