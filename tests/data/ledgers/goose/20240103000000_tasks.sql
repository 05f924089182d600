-- +goose Up
create table tasks (id bigint primary key);

-- +goose Down
drop table tasks;
