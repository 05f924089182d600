-- +migrate Up
-- the accounts
create table accounts (id bigint primary key);
alter table accounts
    enable row level security;

-- +migrate Down
drop table accounts;
