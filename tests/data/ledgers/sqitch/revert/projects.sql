drop table projects;
