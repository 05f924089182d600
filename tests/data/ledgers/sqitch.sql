create schema sqitch;
create table sqitch.changes (
    change_id text primary key, script_hash text, change text not null, project text not null,
    note text not null default '', committed_at timestamptz not null default clock_timestamp()
);
create table sqitch.events (
    event text not null, change_id text not null, change text not null, project text not null,
    note text not null default '', committed_at timestamptz not null default clock_timestamp(),
    primary key (change_id, committed_at)
);
insert into sqitch.changes values
    ('id0', 'f2b1d9440431389d82354f01da7b73951eb3a0f3', 'accounts', 'shop', '', '2026-01-01 10:00:00+00'),
    ('id1', '523db0505a3e0c76eae681b1bac380d1eeec2f87', 'projects', 'shop', '', '2026-01-01 10:00:01+00'),
    ('id2', '6c1b79c03eff56c252e50fb093ad1584945e37b1', 'tasks', 'shop', '', '2026-01-01 10:00:02+00');
insert into sqitch.events values
    ('deploy', 'id0', 'accounts', 'shop', '', '2026-01-01 10:00:00+00'),
    ('deploy', 'id1', 'projects', 'shop', '', '2026-01-01 10:00:01+00'),
    ('deploy', 'id2', 'tasks', 'shop', '', '2026-01-01 10:00:02+00');
