create table migrations (migration varchar(255) not null);
insert into migrations values
    ('20240101000000_accounts.sql'),
    ('20240102000000_projects.sql'),
    ('20240103000000_tasks.sql');
