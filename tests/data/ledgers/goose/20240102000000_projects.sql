-- +goose Up
create table projects (id bigint primary key);

-- +goose Down
drop table projects;
