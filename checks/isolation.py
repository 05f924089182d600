"""ISO: what two tenants could do to each other, on a copy of the schema, with real rows as the app role."""

from validate_schema.pack.model import isolation as iso

from ._probed import proof_check

_TABLE = """
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            number text
        );
        alter table invoice enable row level security;
        alter table invoice force row level security;
        grant select, insert, update, delete on invoice to app_user;
"""
_BOUND = "org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)"
_GOOD = f"""{_TABLE}
        create policy tenant_isolation on invoice using ({_BOUND});
"""

read = proof_check(
    "ISO001",
    "read",
    "Reads another tenant's rows",
    iso.Probe.READ,
    leak="As {role}, a session of one tenant reads the rows of another in {name}",
    expected="no row of another tenant",
    why="With real rows of two tenants, one tenant's session read the other's.",
    bad=f"""{_TABLE}
        create policy open_reads on invoice for select using (true);
    """,
    good=_GOOD,
    doc="""A session of one tenant reads a row of another.

    One finding for a table and role tells all its leaks, under the first of ISO001 to ISO006 that fails.
    Where a static check of the run explains the open table (RLS, BYP), its finding stands for the leak, and
    the rows are shown in the isolation section; but not where the policies were read as safe.
    Examined: every tenant and inherited table as every app role. Both tenants have rows on a copy of the
    schema; the role reads with its own tenant's context (SELECT, COPY). Fails when a row of the other tenant
    comes back. Not a pass: a table that could not be filled, or whose probe found nothing even with
    row security off.
    """,
)


insert = proof_check(
    "ISO002",
    "insert",
    "Inserts a row for another tenant",
    iso.Probe.INSERT,
    leak="As {role}, a session of one tenant inserts a row for another into {name}",
    expected="the row is refused",
    why="One tenant's session planted a row that the other takes for its own.",
    bad=f"""{_TABLE}
        create policy tenant_reads on invoice for select using ({_BOUND});
        create policy open_inserts on invoice for insert with check (true);
    """,
    good=_GOOD,
    doc="""A session of one tenant inserts a row that belongs to another.

    Examined: tables as every app role. Fails when the server accepts the row. A role that may not insert at
    all passes; a row that a constraint or a trigger refuses is inconclusive.
    """,
)


update = proof_check(
    "ISO003",
    "update",
    "Changes another tenant's rows",
    iso.Probe.UPDATE,
    leak="As {role}, a session of one tenant changes the rows of another in {name}",
    expected="no row of another tenant changes",
    why="One tenant's session overwrote the other's data.",
    bad=f"""{_TABLE}
        create policy own_reads on invoice for select using ({_BOUND});
        create policy open_updates on invoice for update using (true);
    """,
    good=_GOOD,
    doc="""A session of one tenant updates a row of another.

    Examined: tables as every app role. Fails when an UPDATE reaches a row of the other tenant. The tenant
    column itself is ISO005's.
    """,
)


delete = proof_check(
    "ISO004",
    "delete",
    "Deletes another tenant's rows",
    iso.Probe.DELETE,
    leak="As {role}, a session of one tenant deletes the rows of another from {name}",
    expected="no row of another tenant goes",
    why="One tenant's session destroyed the other's data.",
    bad=f"""{_TABLE}
        create policy own_reads on invoice for select using ({_BOUND});
        create policy open_deletes on invoice for delete using (true);
    """,
    good=_GOOD,
    doc="""A session of one tenant deletes a row of another.

    Examined: tables as every app role. Fails when a DELETE reaches a row of the other tenant.
    """,
)


re_home = proof_check(
    "ISO005",
    "re_home",
    "Moves a row to another tenant",
    iso.Probe.REHOME,
    leak="As {role}, a session of one tenant moves a row of {name} to another tenant",
    expected="the tenant column cannot be changed to another tenant",
    why="A row that changes its tenant hands data over, or plants it, past every check on inserts.",
    bad=f"""{_TABLE}
        create policy own_reads on invoice for select using ({_BOUND});
        create policy tenant_updates on invoice for update using ({_BOUND}) with check (true);
    """,
    good=_GOOD,
    doc="""A session of one tenant gives its row to another, or takes one.

    Examined: tables with a tenant column as every app role. Fails when an UPDATE of the tenant column is
    accepted. Where others refer to the rows and the role may delete and insert them, a row is deleted and written
    again under its key in one statement; where a BEFORE trigger fires, also on a partition, the other's key is put into
    the texts that the role may change.
    """,
)


no_context = proof_check(
    "ISO006",
    "no_context",
    "Open without a tenant context",
    iso.Probe.NO_CONTEXT,
    leak="As {role}, a session without a tenant context reaches the rows of {name}",
    expected="no row is visible and none changes",
    why="A session that forgot to say its tenant, or was reset by a pool, saw or changed everybody's rows.",
    bad=f"""{_TABLE}
        create policy tenant_isolation on invoice
            using (nullif(current_setting('app.tenant_id', true), '') is null or {_BOUND});
    """,
    good=_GOOD,
    doc="""A session without a tenant context reaches rows.

    Examined: tables as every app role, with the context unset, empty and malformed. Fails when a row is
    visible, changes or is accepted. An error of the server is no leak (RLS010 names the brittle policy).
    """,
)


own_rows = proof_check(
    "ISO007",
    "own_rows",
    "A tenant cannot work with its own rows",
    iso.Probe.OWN,
    concern="integrity",
    leak="As {role}, a tenant cannot work with its own rows in {name}",
    expected="its own rows can be read and written, as far as the role's privileges go",
    note="Compare what the policies read with what the session sets: another setting, a role that no policy names.",
    why="Isolation that also keeps the owner out is an outage, and soon somebody switches it off.",
    bad=f"""{_TABLE}
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.other_id', true), '')::uuid));
    """,
    good=_GOOD,
    doc="""A tenant's session cannot use the rows of its own tenant.

    Examined: tables as every app role, each verb that the role has the privilege for, with the role's own
    context. Fails when the policies refuse it or hide the row. A verb without a privilege is not tried.
    """,
)


cross_reference = proof_check(
    "ISO008",
    "cross_reference",
    "A row may refer to another tenant's row",
    iso.Probe.REFERENCE,
    concern="may",
    leak="As {role}, a row of {name} may refer to another tenant's row by {detail}",
    expected="the reference is refused",
    note="Carry the tenant in the foreign key: FKY001 has the statements for this key.",
    why="Foreign keys are checked past row security, so a row of one tenant was tied to a row of the other.",
    bad=f"""{_TABLE}
        create policy tenant_isolation on invoice using ({_BOUND});
        create table line (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            invoice_id uuid not null references invoice (id)
        );
        create policy tenant_isolation on line using ({_BOUND});
        alter table line enable row level security;
        alter table line force row level security;
        grant select, insert, update, delete on line to app_user;
    """,
    good=f"""{_TABLE}
        create policy tenant_isolation on invoice using ({_BOUND});
        alter table invoice add unique (org_id, id);
        create table line (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            invoice_id uuid not null,
            foreign key (org_id, invoice_id) references invoice (org_id, id)
        );
        create policy tenant_isolation on line using ({_BOUND});
        alter table line enable row level security;
        alter table line force row level security;
        grant select, insert, update, delete on line to app_user;
    """,
    doc="""A session of one tenant ties its row to a row of another.

    Examined: foreign keys between tenant tables as every app role. Fails when the server accepts a row of
    one tenant that refers to a row of the other. Silent where FKY001 reports the same key in the same run.
    Source: PostgreSQL documentation, "Row Security Policies": referential integrity checks bypass
    row security.
    """,
)


surface = proof_check(
    "ISO009",
    "surface",
    "A view or function gives out other tenants' rows",
    iso.Probe.SURFACE,
    leak="As {role}, the {kind} {name} gives out rows of another tenant",
    expected="rows of the session's own tenant at most",
    note="Make a view security_invoker, filter by the tenant inside, or REVOKE it from the app role.",
    why="What runs with its owner's rights reads past the policies, and the app role may use it.",
    bad=f"""{_TABLE}
        create policy tenant_isolation on invoice using ({_BOUND});
        create view invoices as select * from invoice;
        grant select on invoices to app_user;
    """,
    good=f"""{_TABLE}
        create policy tenant_isolation on invoice using ({_BOUND});
        create view invoices as select * from invoice where {_BOUND};
        grant select on invoices to app_user;
    """,
    doc="""A view, materialized view or function that an app role may use returns rows of another tenant.

    Examined: what the app role may select from or execute, called with the other tenant's ids where
    it takes arguments. Fails when a row of the other tenant comes out. Silent where BYP003 to BYP005 report
    the same object in the same run, or where the table itself gives the rows out. Not covered: functions that
    write, and arguments that no made-up row matches.
    """,
)


own_work = proof_check(
    "ISO010",
    "own_work",
    "Own work reaches another tenant's rows",
    iso.Probe.EFFECT,
    leak="As {role}, what a tenant may do to the {kind} {name} reaches the rows of another",
    expected="whatever it sets off keeps to the session's tenant",
    note="Have what the statement sets off (a trigger, a rule, a cascade) name the tenant of the row.",
    why="A trigger, a rule, a cascade or a view carried a tenant's own statement to the rows of the other.",
    bad=f"""{_TABLE}
        create policy tenant_isolation on invoice using ({_BOUND});
        create rule forget as on update to invoice do also
            delete from invoice as other where other.id <> old.id;
    """,
    good=f"""{_TABLE}
        create policy tenant_isolation on invoice using ({_BOUND});
        create rule forget as on update to invoice do also
            delete from invoice as other where other.id <> old.id and other.org_id = old.org_id;
    """,
    doc="""A tenant's own, permitted statement changes, plants or tells rows of another.

    Examined: tables whose changes set something off (a trigger, a rule, a cascade, a default that calls a
    function), shared ones too, as every app role; views and functions where they reach other tenants' rows.
    Fails when a row of the other tenant is not what it was afterwards, when that tenant has more rows, or when
    a value of its own can be read that could not be before. Silent where a static check of the run reports the
    table, the view or the function.
    """,
)
