alter table note add archived_at timestamptz;
update note set title = trim(title);
