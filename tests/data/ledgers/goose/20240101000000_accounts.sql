-- +goose Up
create table accounts (id bigint primary key);

-- +goose Down
drop table accounts;
