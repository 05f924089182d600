"""A tenant table under row security, to hang views, functions and policies on."""

from tests.fix_bench import Bench
from tests.fix_examples import look

CONTEXT = "nullif(current_setting('app.tenant_id', true), '')::uuid"
TABLE = """
create table invoice (
    id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id),
    is_public boolean not null default false,
    amount numeric not null default 0
);
alter table invoice enable row level security;
alter table invoice force row level security;
grant select, insert, update, delete on invoice to app_user;
"""
GUARDED = f"{TABLE} create policy tenant_isolation on invoice using (org_id = (select {CONTEXT}));"


def found(bench: Bench, id: str, script: str, base: str = GUARDED) -> list[str]:
    """Return what one check says of `script` on top of `base`, each after its severity."""
    judged = look(bench, id, base + script)
    return [f"{f.severity}: {f.message}" for f in judged.findings]
