alter table workspace enable row level security;
alter table workspace force row level security;
create policy own_workspace on workspace to notes_app
    using (id = (select nullif(current_setting('app.workspace_id', true), '')::bigint));

alter table note enable row level security;
alter table note force row level security;
create policy own_workspace on note to notes_app
    using (workspace_id = (select nullif(current_setting('app.workspace_id', true), '')::bigint))
    with check (workspace_id = (select nullif(current_setting('app.workspace_id', true), '')::bigint));
