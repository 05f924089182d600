create role notes_app;

create table workspace (
    id bigint generated always as identity primary key,
    name text not null
);
grant select on workspace to notes_app;
