create table play_evolutions (
    id int not null primary key, hash varchar(255) not null, applied_at timestamp not null,
    apply_script text, revert_script text, state varchar(255), last_problem text
);
insert into play_evolutions values
    (1, '46169c1f468ec622b4dc53a92d61d75fac9c501e', '2026-01-01 10:00:01', '-- the accounts
create table accounts (id bigint primary key);
alter table accounts
enable row level security;', 'drop table accounts;', 'applied', ''),
    (2, 'e1228617fef1fb3ebbf8964f18edf324a834fa6b', '2026-01-01 10:00:02', '-- the projects
create table projects (id bigint primary key);
alter table projects
enable row level security;', 'drop table projects;', 'applied', ''),
    (3, 'd53257432aaa5fadfc9fd9591c7c7958732483a7', '2026-01-01 10:00:03', '-- the tasks
create table tasks (id bigint primary key);
alter table tasks
enable row level security;', 'drop table tasks;', 'applied', '');
