# accounts

# --- !Ups
-- the accounts
create table accounts (id bigint primary key);
alter table accounts
    enable row level security;

# --- !Downs
drop table accounts;
