create table note (
    workspace_id bigint not null references workspace (id) on delete cascade,
    id bigint generated always as identity,
    title text not null,
    primary key (workspace_id, id),
    unique (workspace_id, title)
);
grant select, insert, update, delete on note to notes_app;
