--! Previous: -
--! Hash: sha1:68a4b75cccf4a1498fb8e70fc7fda907227a4636
--! Message: accounts

-- the accounts
create table accounts (id bigint primary key);
alter table accounts
    enable row level security;
