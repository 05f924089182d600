create schema atlas_schema_revisions;
create table atlas_schema_revisions.atlas_schema_revisions (
    version varchar primary key, description varchar not null, type bigint not null default 2,
    applied bigint not null default 0, total bigint not null default 0, executed_at timestamptz not null,
    execution_time bigint not null, error text, error_stmt text, hash varchar not null,
    partial_hashes jsonb, operator_version varchar not null
);
insert into atlas_schema_revisions.atlas_schema_revisions values
    ('20240101000000', 'accounts', 2, 1, 1, '2026-01-01 10:00:00+00', 1000, null, null, 'jP+7LqNgdXO4ZzmirKt2p48f61ebFkRaYNHKYlMqwzA=', null, 'Atlas CLI'),
    ('20240102000000', 'projects', 2, 1, 1, '2026-01-01 10:00:01+00', 1000, null, null, 'DrdLGFGrUYWzzFC8A9MVC95iJK+ymKZElzem52AqIg0=', null, 'Atlas CLI'),
    ('20240103000000', 'tasks', 2, 1, 1, '2026-01-01 10:00:02+00', 1000, null, null, '2m6DjvYP5i9RycTsoWA1Fq0pnq1OHqsu/FCC9IC/pt4=', null, 'Atlas CLI'),
    ('.atlas_cloud_identifier', 'x', 2, 0, 0, '2026-01-01 09:00:00+00', 0, null, null, '', null, 'Atlas CLI');
