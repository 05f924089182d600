"""A live schema is copied and proven on the copy; the source is only ever read."""

import tempfile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.fix_examples import facts_of
from tests.fix_proof import HEALTHY, NOTE, ORGANIZATION, execute
from tests.fix_server import DEFAULT, role_names
from validate_schema.catalog.connect import connect, parse_url
from validate_schema.evidence.isolation import live_counts, prove
from validate_schema.model.errors import ScratchError
from validate_schema.model.isolation import Outcome, Probe
from validate_schema.scratch import Database, Server, launcher
from validate_schema.scratch.copy import copy_schema

A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
ROWS = f"""
insert into organization values ('{A}', 'a'), ('{B}', 'b');
insert into note (org_id, body) values ('{A}', 'a'), ('{B}', 'b');
"""
# Statistics of writes, and the newest transaction that any row of the schema and the tables was made by.
STATE = """
select (select json_agg(to_json(s)) from (select relname, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup
            from pg_stat_user_tables order by 1) s)::text,
       (select json_agg(to_json(o)) from (select * from organization order by id) o)::text,
       (select json_agg(to_json(n)) from (select *, xmin::text, ctid::text from note order by id) n)::text,
       (select json_agg(relname || relfilenode order by relname) from pg_class where oid >= 16384)::text,
       (select json_agg(xmin::text || relname order by relname) from pg_class where oid >= 16384)::text,
       (select json_agg(rolname order by rolname) from pg_roles)::text
"""


@pytest.fixture
def other_server(server_of: Any) -> Server:
    """A scratch server that is not the one that the source stands on."""
    found: Server = server_of(DEFAULT)
    return found


def test_the_source_is_as_it_was_after_a_proof_and_a_live_count(
    conn: psycopg.Connection[Any], database: Database, other_server: Server
) -> None:
    execute(conn, ORGANIZATION, HEALTHY, ROWS)
    conn.execute("select pg_stat_force_next_flush()")
    before = conn.execute(STATE.encode()).fetchone()

    with connect(database.conninfo) as reader:
        facts = facts_of(reader)
        with copy_schema(other_server, parse_url(database.conninfo), facts.catalog) as (copy, notes):
            found = prove(copy, facts)
        live_counts(reader, facts)

    conn.execute("select pg_stat_force_next_flush()")
    conn.execute("select pg_stat_clear_snapshot()")
    assert conn.execute(STATE.encode()).fetchone() == before
    assert notes == ()
    assert {c.outcome for c in found.cells} == {Outcome.ISOLATED}


def test_roles_of_the_copy_are_the_sources_and_go_with_it(
    conn: psycopg.Connection[Any], database: Database, other_server: Server
) -> None:
    execute(
        conn,
        ORGANIZATION,
        HEALTHY,
        "create role team bypassrls; grant team to app_user; alter role app_user set app.x = 'y'",
    )
    facts = facts_of(conn)
    with other_server.connect() as server:
        before = role_names(server)

    copied = copy_schema(other_server, parse_url(database.conninfo), facts.catalog)
    with copied as (copy, _), copy.connect() as inside:
        made = inside.execute(
            "select rolname, rolbypassrls, rolcanlogin from pg_roles where rolname in ('team', 'app_user') order by 1"
        ).fetchall()
        member = inside.execute("select pg_has_role('app_user', 'team', 'member')").fetchone()
    with other_server.connect() as server:
        after = role_names(server)

    assert (made, member) == ([("app_user", False, True), ("team", True, False)], (True,))
    assert after == before


@pytest.mark.skipif(not launcher.has_seccomp(), reason="system calls cannot be filtered here")
def test_the_owners_code_starts_no_program_on_the_copy(
    conn: psycopg.Connection[Any], database: Database, other_server: Server
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        program = f"copy (select 1) to program ''touch {folder}/started''"
        execute(
            conn,
            ORGANIZATION,
            HEALTHY,
            f"""
            create function tried() returns boolean language plpgsql as $$
            begin
                begin execute '{program}'; exception when others then null; end;
                return true;
            end $$;
            create function "check"(uuid) returns boolean language plpgsql immutable as $$
            begin perform public.tried(); return true; end $$;
            alter table organization add check (public."check"(id));
            create function fired() returns trigger language plpgsql as $$
            begin perform public.tried(); return new; end $$;
            create trigger fired before insert or update on note for each row execute function fired();
            """,
        )
        facts = facts_of(conn)
        with copy_schema(other_server, parse_url(database.conninfo), facts.catalog) as (copy, _):
            assert prove(copy, facts).attempted
        assert list(Path(folder).iterdir()) == []


def test_no_role_of_the_copy_may_touch_the_servers_machine(
    conn: psycopg.Connection[Any], database: Database, other_server: Server
) -> None:
    of_machine = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")
    execute(conn, ORGANIZATION, HEALTHY, "; ".join(f"grant {role} to app_user" for role in of_machine))
    facts = facts_of(conn)
    copied = copy_schema(other_server, parse_url(database.conninfo), facts.catalog)
    with copied as (copy, notes), copy.connect() as inside:
        for role in of_machine:
            held = inside.execute("select pg_has_role('app_user', %s, 'member')", [role]).fetchone()
            assert held == (False,)
            assert f"app_user is no member of {role} on the copy: that is about the server's machine" in notes


def test_a_source_that_cannot_be_dumped_is_told_without_its_password(
    conn: psycopg.Connection[Any], other_server: Server
) -> None:
    facts = facts_of(conn)
    nowhere = parse_url("postgresql://u:hidden@localhost:1/none")

    with (
        pytest.raises(ScratchError, match="pg_dump could not copy the schema of") as caught,
        copy_schema(other_server, nowhere, facts.catalog),
    ):
        pass

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(("script", "expected"), [(HEALTHY, Outcome.ISOLATED), (NOTE, Outcome.LEAK)])
def test_live_rows_are_counted_as_the_app_role(
    conn: psycopg.Connection[Any], script: str, expected: Outcome
) -> None:
    execute(conn, ORGANIZATION, script, ROWS)

    found = live_counts(conn, facts_of(conn))

    outcomes = {c.table.name: (c.probe, c.outcome) for c in found.cells}
    assert (found.live, found.attempted, outcomes["note"]) == (True, True, (Probe.READ, expected))


def test_a_live_count_without_rows_proves_nothing(conn: psycopg.Connection[Any]) -> None:
    execute(conn, ORGANIZATION, HEALTHY)

    found = live_counts(conn, facts_of(conn))

    assert {c.outcome for c in found.cells} == {Outcome.INCONCLUSIVE}


def test_a_live_count_that_may_not_become_the_app_role_proves_nothing(
    conn: psycopg.Connection[Any], database: Database
) -> None:
    execute(
        conn,
        ORGANIZATION,
        HEALTHY,
        ROWS,
        "create role reader login; grant select on note, organization to reader",
    )
    facts = facts_of(conn)

    with database.connect(autocommit=True) as reader:
        reader.execute("set session authorization reader")
        found = live_counts(reader, facts)

    assert {c.outcome for c in found.cells} == {Outcome.INCONCLUSIVE}
    assert all("permission denied to set role" in c.why for c in found.cells)


LINE = """
create table line (id int primary key, note_id uuid not null references note (id), body text);
create table part (id int primary key, line_id int not null references line (id));
alter table line enable row level security;
alter table part enable row level security;
grant select on line, part to app_user;
insert into line select row_number() over (order by body), id, body from note;
insert into part select id, id from line;
"""


@pytest.mark.parametrize(("policy", "expected"), [("true", Outcome.LEAK), ("{}", Outcome.ISOLATED)])
def test_live_rows_of_an_inherited_table_belong_to_the_tenant_of_its_parent(
    conn: psycopg.Connection[Any], policy: str, expected: Outcome
) -> None:
    script = "create policy own on line using (exists (select from note where note.id = line.note_id));"
    bound = "exists (select from line where line.id = part.line_id)"
    script += f" create policy own on part using ({policy.format(bound)});"
    execute(conn, ORGANIZATION, HEALTHY, ROWS, LINE, script)

    cells = live_counts(conn, facts_of(conn)).cells

    assert {c.table.name: c.outcome for c in cells} == {
        "organization": Outcome.ISOLATED,
        "note": Outcome.ISOLATED,
        "line": Outcome.ISOLATED,
        "part": expected,
    }


LEVELS = """
[tenancy]
setting = "app.tenant_id"
app_roles = ["app_user"]
[[tenancy.levels]]
root = "organization"
column = "org_id"
[[tenancy.levels]]
root = "project"
column = "project_id"
parent = "organization"
"""


def test_live_rows_of_a_table_without_the_first_levels_tenant_are_said_not_to_be_counted(
    conn: psycopg.Connection[Any],
) -> None:
    script = (
        "create table project (id int primary key, org_id uuid not null references organization (id));"
        " create table task (id int primary key, project_id int not null references project (id));"
        " grant select on project, task to app_user;"
    )
    execute(conn, ORGANIZATION, HEALTHY, ROWS, script)

    cells = live_counts(conn, facts_of(conn, LEVELS)).cells

    assert {c.why for c in cells if c.table.name == "task"} == {
        "not counted: neither the table nor its path names the tenant"
    }
