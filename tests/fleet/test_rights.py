"""No code of a fleet's members is a superuser: not while one is proven against another, not while one is mended."""

from pathlib import Path

import psycopg
import pytest

from tests.evidence.test_rights import BACK, HARM
from tests.fix_cli import Terminal
from tests.fleet.test_proof import proven
from validate_schema.scratch import Database

pytestmark = pytest.mark.pg(">= 16")

Conn = psycopg.Connection[object]
# What was reached is known in a variable of the function, whatever is undone.
TRIES = "\n".join(
    f"""begin {back}; begin {harm}; got := got || {f"{name} then {what}; "!r}; exception when others then null; end;
    raise exception 'undone'; exception when others then null; end;"""
    for name, back in ((n, b.replace("''", "'")) for n, b in BACK.items())
    for what, harm in ((n, h.replace("''", "'")) for n, h in HARM.items())
)
FUNCTION = f"""
create function tried() returns boolean language plpgsql as $f$ declare got text := ''; begin
    {TRIES}
    if got <> '' then raise exception 'reached %', got; end if;
    return true;
end $f$;
create function fired() returns trigger language plpgsql as $$ begin perform public.tried(); return coalesce(new, old); end $$;
"""
PLACES = {
    "policy": "alter table {0}.invoice enable row level security; create policy own on {0}.invoice using (public.tried())",
    "trigger": "create trigger t before insert or update or delete on {0}.invoice for each row execute function fired()",
    "check": "alter table {0}.invoice add check (public.tried())",
    "definer": "create function {0}.d() returns boolean language plpgsql security definer as 'begin return public.tried(); end';"
    " alter function {0}.d() owner to boss; grant execute on function {0}.d() to public;"
    " alter table {0}.invoice enable row level security; create policy own on {0}.invoice using ({0}.d())",
}  # fmt: skip


def made(conn: Conn, place: str) -> None:
    conn.execute(FUNCTION.encode())
    conn.execute("create role boss superuser; create role app login; grant usage on schema public to app")
    for name in ("tenant_a", "tenant_b", "tenant_c"):
        conn.execute(
            f"create schema {name}; grant usage on schema {name} to app;"
            f" create table {name}.invoice (id bigint primary key, total numeric not null);"
            f" grant select, insert, update, delete on {name}.invoice to app; {place.format(name)}".encode()
        )


@pytest.mark.parametrize("place", PLACES)
def test_no_code_of_members_is_a_superuser_while_they_are_proven(
    database: Database, conn: Conn, place: str
) -> None:
    made(conn, PLACES[place])
    (proof,) = proven(database).proofs
    told = {a.verb: (a.outcome, a.why) for a in proof.attempted if a.table.name == "invoice"}
    assert {verb: outcome for verb, (outcome, _) in told.items()} == {
        "SELECT": "reached", "INSERT": "reached", "UPDATE": "reached", "DELETE": "reached", "TRUNCATE": "held",
    }, told  # fmt: skip


WATCHED = """
create function f() returns event_trigger language plpgsql as $$ begin
    if (select rolsuper from pg_roles where rolname = current_user) then raise exception 'a superuser'; end if;
end $$;
create event trigger e on ddl_command_start execute function f();
create event trigger a on ddl_command_end execute function f(); alter event trigger a enable always;
"""


def test_nor_while_one_is_made_like_another(database: Database, conn: Conn, terminal: Terminal) -> None:
    made(conn, "")
    conn.execute("alter table tenant_a.invoice add extra text; alter table tenant_b.invoice add extra text")
    conn.execute("create index on tenant_a.invoice (extra); create index on tenant_b.invoice (extra)")
    conn.execute("alter table tenant_a.invoice owner to app; alter table tenant_b.invoice owner to app")
    conn.execute(WATCHED)
    asked = ("--database-url", database.conninfo, "--schemas", "tenant%", "--reference", "tenant_a")
    ran = terminal.run("fleet", "fix", *asked, "--into", "mend")
    (script,) = Path("mend").iterdir()
    text = script.read_text()
    assert ran.status == 0, ran.err
    assert ("extra" in text, "a superuser" in text) == (True, False), text
