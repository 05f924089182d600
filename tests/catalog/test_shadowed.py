"""What a schema calls like PostgreSQL's own is not run by whoever examines it, nor by our superuser."""

from collections.abc import Iterator

import pytest

from tests.fix_bench import execute
from tests.fix_cli import Terminal
from tests.fix_server import fresh
from validate_schema.scratch import Database, Server

pytestmark = pytest.mark.pg(">= 16")

TYPES = ("name", "oid", "text", '"char"', "integer", "boolean", "bigint", "smallint", "regclass", "aclitem")
PAIRS = (
    *((t, t) for t in TYPES),
    ("name", "text"),
    ("text", "name"),
    ("bigint", "integer"),
    ("oid", "regclass"),
)
OPERATORS = {
    **dict.fromkeys(("=", "<>", "<", ">=", "~", "!~", "~~"), "boolean"),
    "||": "text",
}
FUNCTIONS = (
    ("set_config(text, text, boolean)", "text"),
    ("current_setting(text)", "text"),
    ("current_database()", "text"),
    ("to_regclass(text)", "text"),
    ("unnest(text[])", "text"),
    ("unnest(oidvector)", "text"),
    ("now()", "text"),
    ("format(text, name, name)", "text"),
    ("to_char(timestamptz, text)", "text"),
    ("has_table_privilege(oid, text)", "boolean"),
    ("pg_backend_pid()", "integer"),
    ("lower(text)", "text"),
)


def shadows(body: str) -> str:
    """Return operators and functions in public that fit what a question to the catalogs holds better than
    PostgreSQL's own; each runs `body`, and none has an answer."""
    made = []
    for place, (operator, (left, right)) in enumerate((o, pair) for o in OPERATORS for pair in PAIRS):
        call = f"public.f{place}({left}, {right})"
        made.append(
            f"create function {call} returns {OPERATORS[operator]} language plpgsql as $f$ {body} $f$;"
        )
        sides = f"leftarg = {left}, rightarg = {right}, function = public.f{place}"
        made.append(f"create operator public.{operator} ({sides});")
    for call, returned in FUNCTIONS:
        made.append(f"create function public.{call} returns {returned} language plpgsql as $f$ {body} $f$;")
    return "\n".join(made)


TENANTS = """
create table organization (id uuid primary key);
create table invoice (id uuid primary key, org_id uuid not null references organization on delete cascade, title text);
create index on invoice (org_id);
alter table organization enable row level security;
alter table organization force row level security;
create policy own on organization
    using (id operator(pg_catalog.=) nullif(pg_catalog.current_setting('app.tenant_id', true), '')::uuid);
alter table invoice enable row level security;
alter table invoice force row level security;
create policy own on invoice
    using (org_id operator(pg_catalog.=) nullif(pg_catalog.current_setting('app.tenant_id', true), '')::uuid);
"""
PATHS = pytest.mark.parametrize("path", ["public, pg_catalog", '"$user", public'], ids=["first", "usual"])
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
[migrations]
path = "m"
tool = "sqlx"
"""
# As those who know no better wrote it: what it counts is that something of the schema was run.
CALLED = """
select coalesce(pg_catalog.string_agg(funcname::text, ', '), '')
from pg_catalog.pg_stat_user_functions where calls operator(pg_catalog.>) 0
"""


@pytest.fixture
def owned(server: Server) -> Iterator[Database]:
    """A database whose owner wants whoever examines it to run his code, and that tells what was run."""
    with fresh(server) as database:
        with database.connect(autocommit=True) as connection:
            execute(connection, TENANTS + shadows("begin return null; end"))
        yield database


def examined(terminal: Terminal, database: Database, path: str, *command: str) -> tuple[str, str]:
    terminal.write("validate-schema.toml", CONFIG)
    terminal.write("m/1_a.sql", "create table if not exists later (id int);")
    with database.connect(autocommit=True, options="-c search_path=pg_catalog") as connection:
        for setting in ("track_functions = 'all'", f"search_path = {path}"):
            connection.execute(f'alter database "{database.name}" set {setting}'.encode())
    ran = terminal.run(*command, "--database-url", database.conninfo)
    with database.connect(autocommit=True, options="-c search_path=pg_catalog") as connection:
        row = connection.execute(CALLED).fetchone()
        assert row is not None
        return row[0], ran.err


COMMANDS = {
    "examine": (),
    "replay": ("--replay", "--no-prove"),
    "count": ("--prove-live",),
    "status": ("migrations", "status"),
    "verify": ("migrations", "verify"),
    "apply": ("migrations", "apply"),
    "doctor": ("doctor",),
    "snapshot": ("snapshot", "-o", "s.json"),
}


@PATHS
@pytest.mark.parametrize("command", COMMANDS.values(), ids=list(COMMANDS))
def test_whoever_examines_a_database_runs_nothing_of_it(
    terminal: Terminal, owned: Database, command: tuple[str, ...], path: str
) -> None:
    called, said = examined(terminal, owned, path, *command)

    assert called == ""
    assert "error" not in said


@PATHS
def test_a_copy_is_proven_beside_such_operators(terminal: Terminal, owned: Database, path: str) -> None:
    called, said = examined(terminal, owned, path, "--prove")

    assert called == ""
    assert "error" not in said


@PATHS
def test_our_superuser_runs_no_operator_of_a_migration(terminal: Terminal, path: str) -> None:
    body = (
        "begin if session_user operator(pg_catalog.=) 'validate_schema_superuser'::pg_catalog.name"
        " then raise exception 'HIJACKED'; end if; return null; end"
    )
    said = f"do $$ begin execute pg_catalog.format('alter database %I set search_path = {path}', current_database()); end $$;"
    terminal.write("m/1_a.sql", TENANTS + said + shadows(body))
    terminal.write("validate-schema.toml", CONFIG)

    ran = terminal.run("--migrations", "m", "--tool", "plain", "--prove")

    assert "error" not in ran.err
    assert "HIJACKED" not in ran.out + ran.err
