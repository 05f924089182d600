"""Functions that look a row up, or act, and ask after that whether the caller may."""

from collections.abc import Mapping

import psycopg
import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.policies.test_confinement import CTX, HELPERS, ME, OPEN, TABLES, TOML, UNCLEAR, created
from validate_schema.policies.confinement import confinement
from validate_schema.policies.settle import Keeps

REFUSED = f"if o is distinct from {CTX} then raise exception 'no'; end if;"
STRANGER = "if not is_mine(o) then raise exception 'no'; end if;"
LOOK = "select org_id into o from job where id = p;"
RECORD = "select * into j from job where id = p;"
ACT = "update job set title = 'x' where id = p;"
MORE = """
create function loud_one(o uuid) returns boolean language plpgsql as $$ begin
    raise notice '%', o; return exists (select 1 from seat where org_id = o and human_id = me()); end $$;
create table memo (id uuid primary key default gen_random_uuid(), org_id uuid references organization, body text);
create table note_0 (id uuid primary key, org_id uuid not null references organization, body text);
create table note_1 (primary key (id)) inherits (note_0);
"""
# What stands between BEGIN and END of a function f(p uuid, q uuid), after "|" what is declared.
KEEPING: Mapping[str, str] = {
    "whose it is, then done": f"{LOOK} {REFUSED} {ACT} | o uuid;",
    "by membership": f"{LOOK} {STRANGER} {ACT} | o uuid;",
    "or not there": f"{LOOK} if o is null or not is_mine(o) then raise exception 'no'; end if; {ACT} | o uuid;",
    "not found": f"{LOOK} if not found then raise exception 'none'; end if; {STRANGER} {ACT} | o uuid;",
    "a record": f"{RECORD} if not is_mine(j.org_id) then raise exception 'no'; end if; {ACT} | j job;",
    "a record that is told afterwards": f"{RECORD} if not is_mine(j.org_id) then raise exception 'no'; end if;"
    " raise notice '%', j.title; | j record;",
    "by the key of the record": f"{RECORD} if not is_mine(j.org_id) then raise exception 'no'; end if;"
    " delete from job where id = j.id; | j job;",
    "locked": f"select org_id into o from job where id = p for update; {REFUSED} {ACT} | o uuid;",
    "demanded": f"{LOOK} perform demand(o); {ACT} | o uuid;",
    "refused by a return": f"{LOOK} if o is distinct from {CTX} then return; end if; {ACT} | o uuid;",
    "within the test": f"{LOOK} if is_mine(o) then {ACT} end if; | o uuid;",
    "somebody logged in": f"if {ME} is null then raise exception 'no'; end if; {LOOK} {STRANGER} {ACT} | o uuid;",
    "what belongs to it": f"{LOOK} {STRANGER} delete from step where job_id = p; | o uuid;",
    "two of them": f"{LOOK} {STRANGER} select org_id into o from place where id = q; {STRANGER}"
    f" delete from place where id = q; | o uuid;",
}  # fmt: skip
NOT_KEEPING: Mapping[str, tuple[Keeps, str]] = {
    "nobody asked": (OPEN, f"{LOOK} {ACT} | o uuid;"),
    "told before": (OPEN, f"{RECORD} raise notice '%', j.title; if not is_mine(j.org_id) then raise exception 'no'; end if; | j job;"),
    "told by the refusal": (OPEN, f"{RECORD} if not is_mine(j.org_id) then raise exception '%', j.title; end if; | j job;"),
    "told whose by the refusal": (OPEN, f"{LOOK} if not is_mine(o) then raise exception '%', o; end if; | o uuid;"),
    "told by a helper": (OPEN, f"{LOOK} if not loud_one(o) then raise exception 'no'; end if; {ACT} | o uuid;"),
    "what it holds asked before": (OPEN, f"{RECORD} if j.title = 'x' then raise exception 'x'; end if; if not is_mine(j.org_id) then"
    " raise exception 'no'; end if; | j job;"),
    "what it holds asked beside": (OPEN, f"{RECORD} if j.title = 'x' and not is_mine(j.org_id) then raise exception 'no'; end if; | j job;"),
    "copied before": (OPEN, f"{RECORD} t := j.title; if not is_mine(j.org_id) then raise exception '%', t; end if; | j job; t text;"),
    "another row": (UNCLEAR, f"{LOOK} {STRANGER} update job set title = 'x' where id = q; | o uuid;"),
    "another table": (UNCLEAR, f"{LOOK} {STRANGER} delete from place where id = p; | o uuid;"),
    "another key since": (UNCLEAR, f"{LOOK} p := q; {STRANGER} {ACT} | o uuid;"),
    "another owner since": (UNCLEAR, f"{LOOK} o := {CTX}; {REFUSED} {ACT} | o uuid;"),
    "a record made one's own": (OPEN, f"{RECORD} j.org_id := {CTX}; if not is_mine(j.org_id) then raise exception 'no'; end if;"
    " raise notice '%', j.title; | j job;"),
    "of another key": (UNCLEAR, f"select org_id into o from tag where code = 'x'; if not found then raise exception 'none'; end if; {STRANGER} | o uuid;"),
    "one of several": (OPEN, f"select org_id into o from job where title = 'x'; {ACT} | o uuid;"),
    "an error that tells": (OPEN, f"select org_id, title::int into o, n from job where id = p; {ACT} | o uuid; n int;"),
    "asked in a branch": (UNCLEAR, f"{LOOK} if q is null then {STRANGER} end if; {ACT} | o uuid;"),
    "asked and caught": (UNCLEAR, f"{RECORD} begin if not is_mine(j.org_id) then raise exception 'no'; end if; exception when others then null; end;"
    f" {ACT} | j job;"),
    "asked, caught and told": (OPEN, f"{RECORD} begin if not is_mine(j.org_id) then raise exception 'no'; end if; exception when others then"
    " raise notice '%', j.title; end; | j job;"),
    "told by an inner block": (OPEN, f"{RECORD} declare t text := j.title; begin raise notice '%', t; end;"
    " if not is_mine(j.org_id) then raise exception 'no'; end if; | j job;"),
    "told by a cursor": (OPEN, f"{RECORD} open c; fetch c into t; raise notice '%', t;"
    " if not is_mine(j.org_id) then raise exception 'no'; end if; | j job; t text; c cursor for select j.title;"),
    "in a loop": (OPEN, f"for i in 1..2 loop {RECORD} if i = 2 then raise notice '%', j.title; end if; end loop; | j job;"),
    "nobody's": (OPEN, "select org_id, body into o, t from memo where id = p; if o <> (select id from organization where id = "
    f"{CTX}) then raise exception 'no'; end if; raise notice '%', t; | o uuid; t text;"),
    "one of two of that key": (UNCLEAR, f"select org_id into o from note_0 where id = p; {STRANGER} delete from note_0 where id = p; | o uuid;"),
    "done, then asked": (UNCLEAR, "update job set title = 'x' where id = p returning org_id into o;" + REFUSED + " | o uuid;"),
    "deleted, then asked": (UNCLEAR, "delete from job where id = p returning org_id into o;" + STRANGER + " | o uuid;"),
    "done for a parameter": (UNCLEAR, "update job set title = 'x' where org_id = p; if not is_mine(p) then raise exception 'no'; end if;"),
    "added for a parameter": (UNCLEAR, "insert into job (id, org_id, title) values (q, p, ''); if not is_mine(p) then raise exception 'no'; end if;"),
    "counted for a parameter": (UNCLEAR, "select count(*) into n from job where org_id = p; if not is_mine(p) then raise exception 'no'; end if; | n int;"),
    "done, then found": (OPEN, "update job set title = 'x' where id = p; if not found then raise exception 'no'; end if;"),
    "done, then asked of another": (OPEN, "update job set title = 'x' where org_id = p; if not is_mine(q) then raise exception 'no'; end if;"),
    "done, then asked of another value": (OPEN, f"update job set title = 'x' where org_id = p; p := {CTX}; if not is_mine(p) then raise exception 'no'; end if;"),
    "done, then given up": (OPEN, "update job set title = 'x' where org_id = p; if not is_mine(p) then return; end if;"),
    "done, then asked in a branch": (OPEN, "update job set title = 'x' where org_id = p; if q is null then if not is_mine(p) then raise exception 'no'; end if; end if;"),
    "done to all of them": (OPEN, f"update job set title = 'x' where title = 'y'; {LOOK} {STRANGER} | o uuid;"),
    "done, then warned": (OPEN, "update job set title = 'x' where org_id = p; if not is_mine(p) then raise warning 'no'; end if;"),
}  # fmt: skip


@pytest.fixture(scope="module")
def functions(bench: Bench) -> dict[str, Keeps]:
    texts = {**KEEPING, **{name: text for name, (_, text) in NOT_KEEPING.items()}}
    with bench.open() as conn:
        execute(conn, TABLES + HELPERS + MORE + "".join(created(n, text) for n, text in texts.items()))
        facts = facts_of(conn, TOML)
    return {f.name: confinement(f, facts) for f in facts.catalog.functions}


@pytest.mark.parametrize("name", KEEPING)
def test_what_is_looked_up_and_asked_for_before_it_is_used_is_not_decided(
    functions: dict[str, Keeps], name: str
) -> None:
    assert functions[name] is UNCLEAR


@pytest.mark.parametrize("name", NOT_KEEPING)
def test_what_was_told_or_done_before_anybody_asked_does_not(functions: dict[str, Keeps], name: str) -> None:
    assert functions[name] is NOT_KEEPING[name][0]


A, B = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
SECRET = "B-secret"


@pytest.mark.parametrize("name", KEEPING)
def test_a_stranger_gets_nothing_of_what_is_looked_up(bench: Bench, name: str) -> None:
    with bench.open() as conn:
        execute(conn, TABLES + HELPERS + MORE + created("f", KEEPING[name]))
        execute(conn, f"insert into organization (id, name) values ('{A}', 'a'), ('{B}', 'b')")
        execute(
            conn,
            f"insert into human (id) values ('{A}'); insert into seat (org_id, human_id, rank) values ('{A}', '{A}', 'x')",
        )
        execute(
            conn,
            f"insert into job (id, org_id, title) values ('{A}', '{A}', 'a'), ('{B}', '{B}', '{SECRET}')",
        )
        execute(
            conn,
            f"insert into step (id, job_id) values ('{B}', '{B}'); insert into place (id, org_id) values ('{B}', '{B}')",
        )
        told: list[str] = []
        conn.add_notice_handler(lambda said: told.append(said.message_primary or ""))
        execute(
            conn, f"set local app.tenant_id = '{A}'; set local app.person = '{A}'; set local role app_user"
        )
        for args in (f"'{B}'", f"'{A}', '{B}'", f"'{B}', '{B}'"):
            try:
                with conn.transaction():
                    conn.execute(f"select f({args})")
            except psycopg.errors.RaiseException as refused:
                told.append(str(refused))
        conn.execute("reset role")

        assert conn.execute("select title from job where id = %s", (B,)).fetchall() == [(SECRET,)]
        assert conn.execute("select count(*) from step").fetchone() == (1,)
        assert conn.execute("select count(*) from place").fetchone() == (1,)
        assert not any(SECRET in text or B in text for text in told)
