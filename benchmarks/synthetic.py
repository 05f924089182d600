"""A synthetic tenant schema of any size: every table well made, so that the checks find little."""

import psycopg

# One transaction locks every table it makes and their indexes; max_locks_per_transaction is 64 by default.
_BATCH = 200
_ROOT = "create table organization (id uuid primary key default gen_random_uuid(), name text not null)"
_TABLE = """
create table {name} (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id) on delete cascade,
    parent_id uuid,
    slug text not null,
    title varchar(200) not null,
    status text not null default 'active',
    amount numeric(12, 2),
    payload jsonb not null default '{{}}'::jsonb,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    unique (org_id, slug),
    foreign key (org_id, parent_id) references {name} (org_id, id)
);
create index on {name} (org_id, created_at);
create index on {name} (org_id, parent_id);
alter table {name} enable row level security, force row level security;
create policy tenant_isolation on {name}
    using (org_id = (select current_setting('app.tenant_id', true)::uuid))
    with check (org_id = (select current_setting('app.tenant_id', true)::uuid));
"""


def create(conn: psycopg.Connection, tables: int) -> None:
    """Create `tables` tenant tables and their root in the current schema of an empty database.

    Each has 9 columns, a primary key, two uniques, two more indexes, two foreign keys, forced row
    security and one policy. `conn` must be in autocommit mode. Statistics are gathered at the end,
    as autovacuum would have done on a database of that age.
    """
    conn.execute(_ROOT)
    for start in range(0, tables, _BATCH):
        names = [f"t{number:05}" for number in range(start, min(start + _BATCH, tables))]
        with conn.transaction():
            conn.execute("".join(_TABLE.format(name=name) for name in names))
    conn.execute("vacuum analyze")
