"""Where an app role can plant code that runs with the rights of a function's owner, the server runs it."""

import psycopg
import pytest

from checks.planted import plants_code
from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_world import judged

pytestmark = pytest.mark.every_server

TABLES = """
create table secret (org_id uuid not null references organization (id), word text not null);
alter table secret enable row level security;
alter table secret force row level security;
insert into organization values ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', 'A');
insert into secret values ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa', 'hidden');
create table line (what text);
create table loot (what text);
grant select, insert on loot to public;
create function note() returns void language sql security definer set search_path = public, pg_temp
    as $$ insert into line values ('x') $$;
"""
PLANT = """
create function pg_temp.take() returns trigger language plpgsql as
    $$ begin insert into public.loot select word from public.secret; return new; end $$;
create trigger take after insert on line for each row execute function pg_temp.take();
select note();
"""


@pytest.mark.parametrize(
    ("grant", "open_"),
    [
        ("alter table line owner to app_user;", True),
        ("grant trigger on line to app_user;", True),
        ("grant select, insert, update, delete on line to app_user;", False),
        ("grant trigger on line to app_user; revoke execute on function note() from public;", False),
    ],
    ids=["owner", "TRIGGER", "rows alone", "a function that is not the app's"],
)
def test_what_is_said_of_a_relation_agrees_with_the_server(bench: Bench, grant: str, open_: bool) -> None:
    with bench.open(TABLES, grant) as conn:
        execute(conn, TABLES + grant)
        found = judged(plants_code, facts_of(conn))[1]
        seen = attack(conn)

    assert (bool(found), seen) == (open_, open_), [f.message for f in found]


def attack(conn: "psycopg.Connection[object]") -> bool:
    """Tell whether the app role gets at the row that no policy shows it."""
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("set session authorization app_user")
            execute(conn, PLANT)
            return conn.execute("select count(*) from loot").fetchone() == (1,)
    except psycopg.errors.InsufficientPrivilege:
        return False
    finally:
        conn.execute("reset session authorization")


def test_a_view_of_the_app_that_a_definer_reads_is_told(bench: Bench) -> None:
    script = TABLES + (
        "create view word as select 'x'::text as w; alter view word owner to app_user;"
        " create function read_it() returns text language sql security definer as $$ select w from word $$;"
    )
    with bench.open(script) as conn:
        execute(conn, script)
        messages = [f.message for f in judged(plants_code, facts_of(conn))[1]]

    assert messages == [
        f"App role app_user owns word, which read_it() uses as {bench.idle.info.user}: code that it plants there runs"
        " with these rights"
    ]
