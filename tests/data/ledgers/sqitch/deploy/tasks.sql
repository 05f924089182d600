begin;
create table tasks (id bigint primary key);
commit;
