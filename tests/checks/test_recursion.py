"""A policy that leads back to its own table is found exactly where the server refuses the query."""

import psycopg
import pytest

from checks.recursion import reads_itself
from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_world import judged

pytestmark = pytest.mark.every_server

TABLES = """
create table a (id int primary key, org_id uuid not null references organization (id));
create table b (id int primary key, org_id uuid not null references organization (id), a_id int);
alter table a enable row level security;
alter table b enable row level security;
grant select, insert, update on a, b to app_user;
"""


@pytest.mark.parametrize(
    ("policies", "query", "found"),
    [
        pytest.param(
            "create policy p on a using (exists (select 1 from a x where x.id = a.id))",
            "select * from a", ["policy p"], id="itself",
        ),
        pytest.param(
            "create policy p on a using (exists (select 1 from b where b.a_id = a.id));"
            "create policy q on b using (exists (select 1 from a where b.a_id = a.id))",
            "select * from b", ["policy p"], id="two tables, told once",
        ),
        pytest.param(
            "create policy p on a using (exists (select 1 from b where b.a_id = a.id)); create policy q on b using (true)",
            "select * from a", [], id="one way",
        ),
        pytest.param(
            "create policy p on a for select using (true);"
            "create policy q on a for insert with check (exists (select 1 from a x where x.id = a.id))",
            "insert into a select 1, gen_random_uuid() where false", [], id="a check whose reads end",
        ),
        pytest.param(
            "create policy p on a to app_owner using (exists (select 1 from a x where x.id = a.id));"
            "create policy q on a to app_user using (true)",
            "select * from a", [], id="for another role",
        ),
        pytest.param(
            "create function ids() returns setof int language sql security definer as 'select id from a';"
            "create policy p on a using (id in (select ids()))",
            "select * from a", [], id="by a definer",
        ),
        pytest.param(
            "create view every as select * from a; alter view every set (security_invoker = true);"
            "grant select on every to app_user; create policy p on a using (id in (select id from every))",
            "select * from a", ["policy p"], id="by a view of who asks",
        ),
        pytest.param(
            "create view every as select * from a; grant select on every to app_user;"
            "create policy p on a using (id in (select id from every))",
            "select * from a", [], id="by a view of its owner",
        ),
        pytest.param(
            "create policy p on a using (exists (select 1 from b where b.a_id = a.id)); alter table b disable row level"
            " security; create policy q on b using (exists (select 1 from a where b.a_id = a.id))",
            "select * from a", [], id="row security off on the way",
        ),
    ],
)  # fmt: skip
def test_what_is_said_agrees_with_the_server(
    bench: Bench, policies: str, query: str, found: list[str]
) -> None:
    with bench.open(TABLES, policies) as conn:
        if "security_invoker" in policies and conn.info.server_version < 150000:
            pytest.skip("views run as their owner before PostgreSQL 15")
        execute(conn, TABLES)
        execute(conn, policies)
        said = judged(reads_itself, facts_of(conn))[1]
        refused = ""
        try:
            with conn.transaction(force_rollback=True):
                conn.execute("set session authorization app_user")
                conn.execute(query.encode())
        except psycopg.errors.InvalidObjectDefinition as error:
            refused = str(error)
        finally:
            conn.execute("reset session authorization")

    assert [f"{f.object.kind} {f.object.name}" for f in said] == found
    assert ("infinite recursion" in refused) == bool(found)
