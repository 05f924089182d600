"""SQL that the examples of several modules begin with."""

INVOICE = """
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            title text not null
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
"""
OWN = "where org_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
