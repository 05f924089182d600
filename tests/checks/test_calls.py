"""What a function does through others: those that it calls, aggregates over them, operators, texts, events."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import look
from tests.fix_guarded import CONTEXT, GUARDED

ALL = (
    "create function titles() returns setof numeric language sql stable as $$ select amount from invoice $$;"
)
OWN = ALL.replace("from invoice", f"from invoice where org_id = {CONTEXT}")
HIDDEN = "create function peek(n int) returns numeric language sql stable security definer set search_path = public, pg_temp as $$ select sum(amount) from invoice where amount > n $$; revoke execute on function peek from public;"


def definer(body: str, head: str = "outer(k uuid) returns setof numeric") -> str:
    return f"create function {head} language plpgsql security definer set search_path = public, pg_temp as $f$ begin {body} end $f$;"


CASES = {
    "a plain function": ("failed", ALL + definer("return query select titles();")),
    "a plain function that keeps": ("passed", OWN + definer("return query select titles();")),
    "two calls away": (
        "failed",
        ALL
        + ALL.replace("titles()", "more()").replace("amount from invoice", "titles()")
        + definer("return query select more();"),
    ),
    "by name alone": (
        "passed",
        ALL
        + "create function outer() returns text language sql security definer as $$ select 'titles()' $$;",
    ),
    "a definer that nobody else may call": ("failed", HIDDEN + definer("return query select peek(1);")),
    "a definer that is judged itself": (
        "failed",
        HIDDEN + "grant execute on function peek to app_user;" + definer("return query select peek(1);"),
    ),
    "from an invoker": (
        "passed",
        ALL + "create function outer() returns setof numeric language sql as $$ select titles() $$;",
    ),
    "a text": ("failed", definer("return query execute 'select amount from invoice';")),
    "a text with a value": (
        "failed",
        definer("execute format('delete from invoice where id = %L', k);", "outer(k uuid) returns void"),
    ),
    "a text that keeps": (
        "passed",
        definer(
            f"return query execute 'select amount from invoice where id = $1 and org_id = $2' using k, {CONTEXT};"
        ),
    ),
    "a text that keeps by a literal": (
        "passed",
        definer(f"return query execute format('select amount from invoice where org_id = %L', {CONTEXT});"),
    ),
    "a text of the caller's": ("undecided", definer("return query execute k::text;")),
    "a text without a table": ("passed", definer("return query execute 'select 1.0';")),
    "a text in a call": (
        "failed",
        "create function outer() returns xml language sql security definer as $$ select query_to_xml('select * from invoice', true, false, '') $$;",
    ),
    "a function of the server's own under another name": (
        "undecided",
        "create function outer(text, boolean, boolean, text) returns xml language internal stable strict security definer"
        " as 'query_to_xml';",
    ),
    "a table in a call": (
        "failed",
        "create function outer() returns xml language sql security definer as $$ select table_to_xml('invoice', true, false, '') $$;",
    ),
    "a schema in a call": (
        "undecided",
        "create function outer() returns xml language sql security definer as $$ select schema_to_xml('public', true, false, '') $$;",
    ),
    "an aggregate": (
        "failed",
        HIDDEN + "create function keep(s int, k int) returns int language sql as $$ select k $$;"
        " create aggregate tell(int) (sfunc = keep, stype = int, finalfunc = peek);",
    ),
    "an aggregate of plain functions": (
        "passed",
        HIDDEN + "create function keep(s int, k int) returns int language sql as $$ select k $$;"
        " create aggregate tell(int) (sfunc = keep, stype = int);",
    ),
    "an operator": (
        "failed",
        HIDDEN
        + "create operator @@@ (rightarg = int, function = peek);"
        + definer("return query select @@@ 1;"),
    ),
    "a copy where all can read": (
        "undecided",
        "create table news (amount numeric); grant select on news to app_user;"
        + definer(
            f"insert into news select amount from invoice where org_id = {CONTEXT};", "outer() returns void"
        ),
    ),
    "a copy by way of a variable": (
        "undecided",
        "create table news (amount numeric); grant select on news to app_user;"
        "create function outer() returns void language plpgsql security definer as $$ declare n numeric;"
        f" begin select amount into n from invoice where org_id = {CONTEXT}; insert into news values (n); end $$;",
    ),
    "a line where all can read": (
        "passed",
        "create table news (amount numeric); grant select on news to app_user;"
        + definer(
            f"update invoice set amount = 1 where org_id = {CONTEXT}; insert into news values (1);",
            "outer() returns void",
        ),
    ),
    "itself": (
        "passed",
        definer(
            f"return query select amount from invoice where org_id = {CONTEXT}; return query select outer(k);"
        ),
    ),
    "a part of an extension": (
        "failed",
        "create function feed() returns setof numeric language sql stable security definer as $$ select amount from invoice $$;"
        " alter extension plpgsql add function feed();",
    ),
    "an event": (
        "failed",
        "create table seen (amount numeric); create function note() returns event_trigger language plpgsql security definer"
        " as $$ begin insert into seen select amount from invoice; end $$;"
        " create event trigger note on ddl_command_end execute function note();",
    ),
    "an event that is off": (
        "passed",
        "create function note() returns event_trigger language plpgsql security definer"
        " as $$ begin delete from invoice; end $$;"
        " create event trigger note on ddl_command_end execute function note(); alter event trigger note disable;",
    ),
    "what an index calls": (
        "failed",
        "create function less(a int, b int) returns int language sql immutable security definer as"
        " $$ select count(*)::int from invoice where amount > a $$; revoke execute on function less from public;"
        " create operator class odd for type int using btree as"
        " operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 less(int, int);",
    ),
    "the standard's syntax": (
        "failed",
        "create function outer() returns numeric language sql security definer begin atomic select sum(amount) from invoice; end;",
    ),
}


@pytest.mark.parametrize(("status", "script"), CASES.values(), ids=CASES)
def test_what_a_function_calls_is_its_own_doing(bench: Bench, status: str, script: str) -> None:
    judged = look(bench, "BYP005", GUARDED + script)

    assert judged.result.status.replace("not_applicable", "passed") == status, judged.said


OWNER = (
    "alter table invoice owner to app_owner; alter table invoice force row level security;"
    " grant create on schema public to app_owner;"
)
GIVEN = "alter default privileges for role app_owner grant select on tables to app_user;"
MAKES = "execute format('create table %I (like invoice)', k);"
AS_OWNER = {
    "a text of the caller's": ("undecided", "execute k;"),
    "a name put in": ("passed", "execute format('analyze %I', k);"),
    "a text put in": ("undecided", "execute format('alter table invoice set (fillfactor = %s)', k);"),
    "a text beside": ("undecided", "execute 'analyze ' || k;"),
    "a name of a function": ("undecided", "execute format('select %I()', k);"),
    "a table dropped": ("undecided", "execute format('drop table %I', k);"),
    "row security switched off": ("undecided", "alter table invoice disable row level security;"),
    "a table made": ("passed", MAKES),
    "a table made for the app": ("undecided", f"{MAKES}\n{GIVEN}"),
}


@pytest.mark.parametrize(("status", "body"), AS_OWNER.values(), ids=AS_OWNER)
def test_what_runs_as_the_owner_leaves_the_policies_alone(bench: Bench, status: str, body: str) -> None:
    does, _, more = body.partition("\n")
    made = definer(does, "outer(k text) returns void") + "alter function outer(text) owner to app_owner;"
    judged = look(bench, "BYP005", GUARDED + OWNER + made + more)

    assert judged.result.status.replace("not_applicable", "passed") == status, judged.said


def test_one_cause_is_told_once(bench: Bench) -> None:
    script = HIDDEN + "grant execute on function peek to app_user;" + definer("return query select peek(1);")

    assert [f.object.name for f in look(bench, "BYP005", GUARDED + script).findings] == ["peek(n integer)"]
