"""No code of the schema is a superuser while a copy is proven: not by RESET, not by an owner's rights."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_examples import facts_of
from tests.fix_proof import HEALTHY, ORGANIZATION, PROTECTED, TENANT, execute
from tests.fix_server import MATRIX, fresh, server_versions
from validate_schema.catalog.connect import parse_url
from validate_schema.evidence.isolation import prove
from validate_schema.migrations import discover
from validate_schema.migrations.run.dry_run import dry_run
from validate_schema.model.errors import ScratchError
from validate_schema.model.history import DryRun
from validate_schema.model.isolation import Isolation
from validate_schema.scratch import Database, Server, open_server
from validate_schema.scratch.copy import copy_schema

pytestmark = pytest.mark.every_server

BACK = {
    "as it is": "null",
    "reset role": "reset role",
    "reset session": "reset session authorization",
    "set session": "set session authorization validate_schema_superuser",
    "set role": "set role validate_schema_superuser",
    "by name": "perform set_config(''session_authorization'', ''validate_schema_superuser'', false)",
    "the prover": "set role validate_schema_prover",
    "the owner": "set role postgres",
}
HARM = {
    "is superuser": "if not (select rolsuper from pg_roles where rolname = current_user)"
    " then raise insufficient_privilege; end if",
    "create role": "create role grabbed superuser",
    "program": "copy (select 1) to program ''true''",
    "file": "perform pg_read_file(''PG_VERSION'')",
    "folder": "perform pg_ls_dir(''.'')",
    "export": "perform lo_export(lo_from_bytea(0, ''x''), ''/tmp/x'')",
    "import": "perform lo_import(''/etc/passwd'')",
    "catalog": "update pg_authid set rolsuper = true",
    "language": "create function c() returns int language c as ''/lib/libc.so.6'', ''getpid''",
    "as the machine": "perform validate_schema_as(''pg_execute_server_program''::regrole, ''select'', '''')",
    "as superuser": "perform validate_schema_as(10, ''select'', '''')",
    "renamed": "perform validate_schema_renames(''validate_schema_superuser'', ''x'');"
    " set role validate_schema_superuser",
    "renamed file": "perform validate_schema_renames(''pg_read_server_files'', ''x''); perform pg_read_file(''PG_VERSION'')",
    "made up": "perform validate_schema_makes_up(''x\" superuser; --'')",
    "dblink": "perform dblink(''dbname=postgres user=validate_schema_superuser'', ''select 1'')",
}
# What was reached is told by a sequence: it does not go back with the savepoint.
TRIES = "\n".join(
    f"""begin {back}; begin {harm}; perform nextval('public.reached');
    raise warning '% then % as %/%', {name!r}, {what!r}, session_user, current_user;
    exception when others then null; end; exception when others then null; end;"""
    for name, back in ((n, b.replace("''", "'")) for n, b in BACK.items())
    for what, harm in ((n, h.replace("''", "'")) for n, h in HARM.items())
)
FUNCTION = f"""
create sequence reached; grant all on sequence reached to public;
create sequence ran; grant all on sequence ran to public;
create function tried() returns boolean language plpgsql as $f$ begin
    perform nextval('public.ran');
    {TRIES}
    return true;
end $f$;
create function fired() returns trigger language plpgsql as $$ begin perform public.tried(); return new; end $$;
"""
PLACES = {
    "policy": HEALTHY.replace(TENANT, f"{TENANT} and tried()"),
    "trigger": HEALTHY + "create trigger t before insert or update on note for each row execute function fired();",
    "check": HEALTHY + "alter table note add check (tried());",
    "generated": HEALTHY
    + "create function fixed(text) returns boolean language plpgsql immutable as"
    " 'begin return public.tried(); end'; alter table note add extra boolean generated always as (fixed(body)) stored;",
    "index": HEALTHY
    + "create function fixed(text) returns boolean language plpgsql immutable as"
    " 'begin return public.tried(); end'; create index on note (fixed(body));",
    "view": HEALTHY
    + "create view v with (security_invoker) as select *, tried() from note; grant select on v to app_user;",
    "owner's view": HEALTHY + f"create view v as select *, tried() from note where {TENANT}; grant select on v to app_user;",
    "materialized view": HEALTHY + "create materialized view m as select org_id, tried() from note with no data;",
    "definer": HEALTHY
    + "create function d() returns setof note language plpgsql security definer as"
    " 'begin perform public.tried(); return query select * from public.note where false; end';",
    "operator": PROTECTED
    + "create function same(uuid, text) returns boolean language plpgsql as"
    " 'begin perform public.tried(); return $1::text = $2; end';"
    " create operator === (function = same, leftarg = uuid, rightarg = text);"
    " create policy own on note using (org_id === current_setting('app.tenant_id', true));",
    "domain": HEALTHY
    + "create domain d as text check (tried()); alter table note add extra d;",
    "partition": HEALTHY
    + "create function fixed(text) returns boolean language plpgsql immutable as"
    " 'begin return public.tried(); end';"
    " create table p (id int, org_id uuid not null references organization (id), kind text check (kind <> kind))"
    " partition by list (kind); create index on p (fixed(kind), (fixed('x')));"
    " grant select, insert, update, delete on p to app_user;",
}  # fmt: skip


VERSIONS = [name for name in server_versions() if int(name.partition("-")[0]) >= 16]


@pytest.fixture(scope="module", params=VERSIONS, ids="pg{}".format)
def version(request: pytest.FixtureRequest) -> str:
    """Every version at hand that has what it takes."""
    return str(request.param)


@pytest.fixture(scope="module")
def strangers(version: str, worker_id: str) -> Iterator[Server]:
    """A server as it is opened for strangers' migrations."""
    with open_server(MATRIX[version], key=f"proven-{worker_id}", superuser=False) as server:
        yield server


@pytest.fixture(scope="module")
def theirs(version: str, worker_id: str) -> Iterator[Server]:
    """The server of the same version whose databases are copied, and no other test's: what the schemas try
    comes off there, where a superuser makes them."""
    with open_server(MATRIX[version], key=f"tried-{worker_id}") as server:
        yield server


@pytest.fixture
def database(strangers: Server) -> Iterator[Database]:
    with fresh(strangers) as database:
        yield database


def proven(database: Database, *scripts: str) -> Isolation:
    with database.connect(autocommit=True) as conn:
        execute(conn, *scripts)
        facts = facts_of(conn)
    return prove(database, facts)


def counted(database: Database, sequence: str) -> int:
    """Return how often a sequence was asked for a number."""
    with database.connect(autocommit=True) as conn:
        row = conn.execute(f"select case when is_called then last_value else 0 end from {sequence}".encode())
        found = row.fetchone()
        assert found is not None
        return int(found[0])


@pytest.mark.parametrize("place", PLACES)
def test_no_code_of_the_schema_is_a_superuser(database: Database, place: str) -> None:
    proven(database, ORGANIZATION, FUNCTION, PLACES[place])
    assert counted(database, "ran") > 0
    assert counted(database, "reached") == 0
    with database.admin() as admin:
        others = admin.execute("select rolname from pg_roles where rolsuper").fetchall()
    assert others == [("validate_schema_superuser",)]


DEFINER = "alter function tried() security definer;"
OWNED = {
    "who migrates": DEFINER,
    "a superuser": "create role boss superuser; alter function tried() owner to boss;" + DEFINER,
    "an event trigger": """create function f() returns event_trigger language plpgsql as $$ begin
        if (select rolsuper from pg_roles where rolname = current_user) then perform nextval('public.reached'); end if;
    end $$;
    create event trigger e on ddl_command_start execute function f();
    create event trigger a on ddl_command_end execute function f(); alter event trigger a enable always;""",
}


@pytest.mark.parametrize("owned", OWNED)
@pytest.mark.parametrize("place", ["policy", "check", "partition", "materialized view"])
def test_nor_on_the_copy_of_a_database(theirs: Server, strangers: Server, place: str, owned: str) -> None:
    with fresh(theirs) as source:
        with source.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, FUNCTION, PLACES[place], OWNED[owned])
            facts = facts_of(conn)
        with copy_schema(strangers, parse_url(source.conninfo), facts.catalog) as (copy, lacks):
            assert lacks == ()
            found = prove(copy, facts)
            assert found.attempted
            assert counted(copy, "ran") > 0
            assert counted(copy, "reached") == 0
            with copy.admin() as admin:
                others = admin.execute("select rolname from pg_roles where rolsuper").fetchall()
                assert facts_of(admin).catalog.event_triggers == facts.catalog.event_triggers
            assert others == [("validate_schema_superuser",)]


@pytest.mark.parametrize(
    "harm",
    [
        "select pg_read_file('PG_VERSION')",
        "copy (select 1) to program 'true'",
        "create role grabbed superuser",
        "set session authorization validate_schema_superuser",
        "set role boss; create role grabbed superuser",
        "select run_as_owner()",
    ],
)
def test_nor_does_a_pending_migration_become_one(
    theirs: Server, strangers: Server, tmp_path: Path, harm: str
) -> None:
    run = "create function run_as_owner() returns text language sql security definer as"
    (tmp_path / "1_pending.sql").write_text(f"create table made (); {harm};")
    with fresh(theirs) as source:
        with source.connect(autocommit=True) as conn:
            execute(conn, f"create role boss superuser; {run} $$ select pg_read_file('PG_VERSION') $$")
            conn.execute("alter function run_as_owner() owner to boss")
            catalog = facts_of(conn).catalog
        found = discover(tmp_path, None)
        with copy_schema(strangers, parse_url(source.conninfo), catalog) as (copy, _):
            try:
                (ran,) = dry_run(copy, found, found.files).runs
                said = ran.failure.message if ran.failure else ""
            except ScratchError as error:
                said = str(error)
        assert "permission denied" in said


def test_a_pending_migration_does_what_owners_may(theirs: Server, strangers: Server, tmp_path: Path) -> None:
    if strangers.version_num < 180000:
        pytest.skip("the wheel of 16 has no extensions")
    (tmp_path / "1_pending.sql").write_text(
        "alter table note add made text; alter policy own on note using (true); create index on note (made);"
        " create extension if not exists pgcrypto; alter table organization owner to app_user; drop schema other;"
        " alter table note disable trigger all; grant select on note to reader; drop extension hstore;"
    )
    with fresh(theirs) as source:
        with source.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, HEALTHY)
            conn.execute("create role owner; create role reader; alter table note owner to owner")
            conn.execute("create schema other authorization owner; create extension hstore")
            catalog = facts_of(conn).catalog
        found = discover(tmp_path, None)
        with copy_schema(strangers, parse_url(source.conninfo), catalog) as (copy, lacks):
            assert lacks == ()
            assert dry_run(copy, found, found.files).runs == (DryRun(file="1_pending.sql"),)


def test_an_app_role_that_owns_the_database_is_proven_as_itself(database: Database) -> None:
    owned = f"alter database {database.name} owner to app_user; grant create on schema public to app_user;"

    found = proven(database, ORGANIZATION, HEALTHY, owned)

    assert (found.attempted, [role.name for role in found.roles]) == (True, ["app_user"])
