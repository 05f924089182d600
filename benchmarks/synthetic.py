"""Synthetic tenant schemas of any size: every table well made, so that the checks find little.

The shapes differ in where two foreign keys of each table lead, and in nothing else.
"""

from collections.abc import Callable
from random import Random

import psycopg

MODULE = 50  # tables
RECENT = 200  # tables back that a table of a dag may refer to
# One transaction locks every table it makes and their indexes; max_locks_per_transaction is 64 by default.
_BATCH = 200
_ROOT = "create table organization (id uuid primary key default gen_random_uuid(), name text not null)"
_TABLE = """
create table {name} (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id) on delete cascade,
    first_id uuid,
    second_id uuid,
    slug text not null,
    title varchar(200) not null,
    status text not null default 'active',
    amount numeric(12, 2),
    payload jsonb not null default '{{}}'::jsonb,
    created_at timestamptz not null default now(),
    unique (org_id, id),
    unique ({unique}),
    foreign key (org_id, first_id) references {first} (org_id, id),
    foreign key (org_id, second_id) references {second} (org_id, id)
);
create index on {name} (org_id, created_at);
create index on {name} (org_id, first_id);
create index on {name} (org_id, second_id);
alter table {name} enable row level security, force row level security;
create policy tenant_isolation on {name}
    using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
    with check (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
"""


def _recent(number: int) -> tuple[int, int]:
    chosen, since = Random(number), max(0, number - RECENT)
    return chosen.randint(since, number), chosen.randint(since, number)


# By the number of a table, the two that it refers to; itself is one of them where there is none before.
SHAPES: dict[str, Callable[[int], tuple[int, int]]] = {
    "unlinked": lambda n: (n, n),
    "modules": lambda n: (n - 1 if n % MODULE else n, n - n % MODULE),
    "dag": _recent,
    "star": lambda n: (0, min(n, 1)),
    "chain": lambda n: (max(n - 1, 0), n),
}


def name(number: int) -> str:
    """Return the name of a table."""
    return f"t{number:05}"


def create(conn: psycopg.Connection, tables: int, shape: str = "unlinked", *, flawed: bool = False) -> None:
    """Create `tables` tenant tables and their root in the current schema of an empty database.

    Each has 10 columns, a primary key, two uniques, three more indexes, three foreign keys, forced row
    security and one policy. `flawed`: one unique of each leaves the tenant out. `conn` must be in
    autocommit mode. Statistics are gathered at the end, as autovacuum would have done on a database of
    that age.
    """
    links, unique = SHAPES[shape], "slug" if flawed else "org_id, slug"
    conn.execute(_ROOT)
    for start in range(0, tables, _BATCH):
        script = ""
        for number in range(start, min(start + _BATCH, tables)):
            first, second = map(name, links(number))
            script += _TABLE.format(name=name(number), first=first, second=second, unique=unique)
        with conn.transaction():
            conn.execute(script.encode())
    conn.execute("vacuum analyze")


def accepting(tables: int) -> str:
    """Return the config that accepts what is found in a `flawed` schema, one by one."""
    objects = (f"{name(number)}.{name(number)}_slug_key" for number in range(tables))
    return "".join(
        f'[[checks.suppress]]\ncheck = "UNQ001"\nobject = "{accepted}"\nreason = "by design"\n'
        for accepted in objects
    )
