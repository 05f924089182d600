"""Policies that name a tenant by its key for a role of its own: the role is the tenant."""

import psycopg
import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from validate_schema.model.reading import Reach

BASE = """
create role acme login; create role globex login;
create table tenant (id int primary key, name text not null);
create table doc (id int primary key, org_id int not null references tenant, is_public boolean not null default false);
create table line (id int primary key, doc_id int not null references doc);
alter table tenant enable row level security; alter table doc enable row level security; alter table line enable row level security;
grant usage on schema public to acme, globex; grant select on tenant to acme, globex;
grant select, insert, update, delete on doc, line to acme, globex;
create policy a on tenant to acme using (id = 1); create policy g on tenant to globex using (id = 2);
"""
EACH = (
    "create policy a on doc to acme using (org_id = 1); create policy g on doc to globex using (org_id = 2);"
)
OF_DOC = "exists (select from doc d where d.id = line.doc_id)"
LINES = (
    f"create policy a on line to acme using ({OF_DOC}); create policy g on line to globex using ({OF_DOC});"
)
TOML = '[tenancy]\nroot = "tenant"\ncolumn = "org_id"\napp_roles = ["acme", "globex"{}]\n'
SAFE, UNVERIFIED, UNSAFE = Reach.SAFE, Reach.UNVERIFIED, Reach.UNSAFE
SCHEMAS = {
    "each his own": (EACH, "", SAFE),
    "and what is his alone": (EACH.replace("= 1", "= 1 and is_public"), "", SAFE),
    "written by himself": (EACH.replace("(org_id = 1)", "(org_id = 1) with check (org_id = 1)"), "", SAFE),
    "one more role of a tenant": (EACH + "create role acme_too login; create policy t on doc to acme_too using (org_id = 1);", "", UNVERIFIED),
    "two of them": (EACH.replace("org_id = 1", "org_id in (1, 2)"), "", UNSAFE),
    "and what is public": (EACH.replace("org_id = 1", "org_id = 1 or is_public"), "", UNSAFE),
    "the other elsewhere": (EACH.replace("org_id = 1", "org_id = 2"), "", UNSAFE),
    "one by two policies": (EACH + "create policy b on doc to acme using (org_id = 2);", "", UNSAFE),
    "a member of the other": (EACH + "grant globex to acme;", "", UNSAFE),
    "who may become the other": (EACH + "grant globex to acme with inherit false, set true;", "", UNSAFE),
    "written for the other": (EACH.replace("(org_id = 1)", "(org_id = 1) with check (true)"), "", UNSAFE),
    "for everybody": (EACH + "create policy p on doc using (org_id = 1);", "", UNSAFE),
    "a setting beside": (EACH, 'setting = "app.tenant_id"\n', UNSAFE),
    "by another number of the tenants": (
        "alter table tenant add no int unique; alter table doc drop constraint doc_org_id_fkey, add foreign key (org_id) references tenant (no);"
        + EACH, "", UNSAFE,
    ),
    "one tenant for all": (EACH.replace("org_id = 2", "org_id = 1") + "drop policy g on tenant;", "", UNSAFE),
}  # fmt: skip


@pytest.mark.pg(">= 16")
@pytest.mark.parametrize(("script", "more", "reach"), SCHEMAS.values(), ids=SCHEMAS)
def test_a_role_that_policies_name_one_tenant_for_is_that_tenant(
    bench: Bench, script: str, more: str, reach: Reach
) -> None:
    with bench.open(script) as conn:
        execute(conn, BASE + script + LINES)
        found = facts_of(conn, TOML.format("") + more).analysis.judgements
        said = {j.reach for j in found if j.role == "acme" and j.table.name == "doc"} - {Reach.CLOSED}

        assert max(said, key=[SAFE, UNVERIFIED, UNSAFE].index) is reach
        if reach is SAFE:
            assert {j.reach for j in found} <= {SAFE, Reach.CLOSED}
            assert not _reaches(conn)


def _reaches(conn: psycopg.Connection) -> bool:
    """Tell whether acme sees, or plants, a row of the other."""
    execute(
        conn,
        "insert into tenant values (1, 'a'), (2, 'g'); insert into doc values (1, 1, true), (2, 2, true);",
    )
    execute(conn, "insert into line values (1, 1), (2, 2); set local role acme")
    for statement in (
        "update doc set org_id = 2",
        "insert into doc values (3, 2)",
        "insert into line values (3, 2)",
    ):
        try:
            with conn.transaction():
                conn.execute(statement)
        except psycopg.Error:
            pass
    seen = [
        conn.execute(f"select 1 from {table} where id <> 1").fetchall() for table in ("tenant", "doc", "line")
    ]
    conn.execute("reset role")
    planted = conn.execute("select 1 from doc where id = 3 union select 1 from line where id = 3").fetchall()
    return any(seen) or bool(planted)


def test_a_role_of_two_tenants_is_none_of_them(bench: Bench) -> None:
    script = EACH + "create role pool login; grant acme, globex to pool;"
    with bench.open(script) as conn:
        execute(conn, BASE + script)
        found = facts_of(conn, TOML.format(', "pool"')).analysis.judgements

        assert UNSAFE in {j.reach for j in found if j.role == "pool"}
        assert {j.reach for j in found if j.role == "acme"} <= {SAFE, Reach.CLOSED}


def test_what_a_tenants_role_owns_has_that_tenants_rows_for_whoever_calls(bench: Bench) -> None:
    script = (
        EACH
        + "create function titles() returns setof doc language sql security definer as $$ select * from doc $$;"
    )
    with bench.open(script) as conn:
        execute(conn, BASE + script + "alter function titles() owner to acme;")
        owners = facts_of(conn, TOML.format("")).analysis.owners

        assert UNSAFE in {j.reach for j in owners if j.role == "acme" and j.table.name == "doc"}
