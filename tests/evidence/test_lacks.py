"""A copy that is not whole: what it lacks is said and not proven, the rest is."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.fix_examples import facts_of
from tests.fix_proof import HEALTHY, ORGANIZATION, TENANT, execute
from tests.fix_server import DEFAULT, fresh, server_versions
from validate_schema.catalog.connect import parse_url
from validate_schema.evidence.isolation import prove
from validate_schema.facts.facts import Facts
from validate_schema.model.errors import ScratchError
from validate_schema.model.isolation import Isolation, Outcome, Probe
from validate_schema.scratch import Database, Server, open_server
from validate_schema.scratch import copied_roles as roles_of_copies
from validate_schema.scratch.copy import copy_schema
from validate_schema.scratch.ledger import roles_lock


def has(server: Server, extension: str) -> bool:
    with server.connect() as conn:
        found = conn.execute("select from pg_available_extensions where name = %s", [extension])
        return found.fetchone() is not None


def pair(server_of: Any, extension: str, *, stand_in: bool) -> tuple[Server, Server]:
    """Return a server that has the extension and a newer one that lacks it, with or without stand-ins."""
    servers = [server_of(name) for name in server_versions()]
    for source in servers:
        for scratch in servers:
            newer = scratch.version_num >= source.version_num and scratch.bin_dir is not None
            dumps = newer and (scratch.bin_dir / "pg_dump").exists()
            fits = dumps and stand_in is (scratch.version_num >= 180000)
            if fits and has(source, extension) and not has(scratch, extension):
                return source, scratch
    pytest.skip(f"no two servers at hand of which only the older has {extension}")


def proven(source: Database, scratch: Server) -> tuple[Facts, Isolation]:
    with source.connect(autocommit=True) as conn:
        facts = facts_of(conn)
    with copy_schema(scratch, parse_url(source.conninfo), facts.catalog) as (copy, lacks):
        return facts, prove(copy, facts, lacks=lacks)


def outcomes(proof: Isolation, name: str) -> set[Outcome]:
    return {c.outcome for c in proof.cells if c.table.name == name}


MEMO = f"""
create extension xml2;
create table memo (id int primary key, org_id uuid not null references organization (id), body text);
alter table memo enable row level security;
create policy own on memo using ({TENANT});
create policy open on memo for select using (xml_valid(body) is not null);
create view valid as select * from note where xml_valid(body);
create function all_valid() returns setof note language sql security definer
    begin atomic select * from note where xml_valid(body); end;
grant select, insert, update, delete on memo to app_user;
grant select on valid to app_user;
"""


def test_what_needs_a_lacking_extension_is_inconclusive_and_the_rest_is_proven(server_of_tests: Any) -> None:
    source, scratch = pair(server_of_tests, "xml2", stand_in=True)
    with fresh(source) as database:
        with database.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, HEALTHY, MEMO)
        _, proof = proven(database, scratch)

    assert outcomes(proof, "note") == outcomes(proof, "organization") == {Outcome.ISOLATED}
    assert {(c.outcome, c.why) for c in proof.cells if c.table.name == "memo"} == {
        (Outcome.INCONCLUSIVE, "the copy is not whole: the policy open could not be copied")
    }
    assert {(c.table.name, c.outcome, c.why) for c in proof.cells if c.probe is Probe.SURFACE} == {
        ("valid", Outcome.INCONCLUSIVE, "the view could not be copied"),
        ("all_valid()", Outcome.INCONCLUSIVE, "the function could not be copied"),
    }
    assert proof.notes[0] == "the extension xml2 is a stand-in on the copy"
    assert {n.split(" (")[0] for n in proof.notes if "POLICY" in n} == {
        "not on the copy: CREATE POLICY open ON public.memo FOR SELECT USING"
    }


def test_a_table_of_a_lacking_type_is_inconclusive_and_the_rest_is_proven(server_of_tests: Any) -> None:
    source, scratch = pair(server_of_tests, "citext", stand_in=False)
    with fresh(source) as database:
        with database.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, HEALTHY)
            execute(
                conn,
                "create extension citext; create table person (id int primary key,"
                " org_id uuid not null references organization (id), email citext);"
                f" alter table person enable row level security; create policy own on person using ({TENANT});",
            )
        _, proof = proven(database, scratch)

    assert outcomes(proof, "note") == {Outcome.ISOLATED}
    assert {c.why for c in proof.cells if c.table.name == "person"} == {
        "the copy is not whole: the table could not be copied"
    }
    assert "lacks the extension citext" in proof.notes[0]


# Roles belong to a whole server


@pytest.fixture
def crowded(server_of: Any) -> Iterator[Server]:
    """A scratch server that has an app_user of its own, in a group of its own."""
    scratch: Server = server_of(DEFAULT)
    with fresh(scratch) as database:
        with database.connect(autocommit=True) as conn:
            execute(
                conn, "drop role if exists app_user, crowd; create role crowd; create role app_user nologin"
            )
            execute(
                conn, "grant crowd to app_user; create table theirs (); alter table theirs owner to app_user"
            )
        yield scratch


def roles(server: Server) -> list[tuple[Any, ...]]:
    with server.connect() as conn:
        return conn.execute(
            "select r.oid, r.rolname, r.rolcanlogin, array(select roleid::regrole::text from pg_auth_members"
            " where member = r.oid) from pg_roles r where r.oid >= 16384 order by 1"
        ).fetchall()


def member(database: Database, group: str) -> bool:
    with database.connect() as conn:
        row = conn.execute("select pg_has_role('app_user', %s, 'member')", [group]).fetchone()
        return bool(row and row[0])


def test_roles_that_the_scratch_server_has_already_are_set_aside_meanwhile(
    conn: psycopg.Connection[Any], database: Database, crowded: Server
) -> None:
    execute(conn, ORGANIZATION, HEALTHY, "create role team bypassrls; grant team to app_user")
    facts = facts_of(conn)
    before = roles(crowded)

    with copy_schema(crowded, parse_url(database.conninfo), facts.catalog) as (copy, notes):
        membership = member(copy, "team"), member(copy, "crowd")

    assert (notes, membership) == ((), (True, False))
    assert roles(crowded) == before


def test_roles_that_a_killed_copy_set_aside_come_back(
    conn: psycopg.Connection[Any], database: Database, crowded: Server
) -> None:
    before = roles(crowded)
    with crowded.connect(autocommit=True) as admin:
        roles_of_copies._set_aside(admin, "app_user", "validate_schema_aside_0")
        execute(admin, "create role app_user login")
    execute(conn, ORGANIZATION, HEALTHY)

    with copy_schema(crowded, parse_url(database.conninfo), facts_of(conn).catalog):
        pass

    assert roles(crowded) == before


def test_copies_on_one_server_take_turns(
    conn: psycopg.Connection[Any], database: Database, server_of: Any
) -> None:
    execute(conn, ORGANIZATION, HEALTHY)
    scratch = server_of(DEFAULT)
    catalog = facts_of(conn).catalog

    with (
        roles_of_copies.borrowed_roles(scratch, catalog, lambda _: None),
        scratch.connect(autocommit=True) as other,
    ):
        taken = other.execute(f"select pg_try_advisory_lock({roles_lock()})".encode()).fetchone()

    assert taken == (False,)


def test_roles_of_a_server_that_is_not_ours_are_left_alone(
    conn: psycopg.Connection[Any], database: Database, crowded: Server
) -> None:
    execute(conn, ORGANIZATION, HEALTHY)
    catalog = facts_of(conn).catalog
    with crowded.connect() as admin:
        url = f"postgresql:///postgres?host={admin.info.host}&user={admin.info.user}"
    before = roles(crowded)

    with (
        open_server(url) as theirs,
        pytest.raises(ScratchError, match="another role app_user than the source"),
        copy_schema(theirs, parse_url(database.conninfo), catalog),
    ):
        pass

    assert roles(crowded) == before
