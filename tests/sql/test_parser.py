"""What PostgreSQL's parser, or Python behind it, cannot follow is one error, and ends nothing."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import facts_of
from tests.fix_policies import GUARDED
from validate_schema import policies
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.model.catalog import QName
from validate_schema.model.reading import Reach
from validate_schema.sql.compare import same_expression
from validate_schema.sql.parse import parse
from validate_schema.sql.parser import Unreadable
from validate_schema.sql.reading import read_expression, read_statements
from validate_schema.sql.routines import read_body
from validate_schema.sql.tree import walk

pytestmark = pytest.mark.every_server

DEEP = {
    "operands": "||".join(["a"] * 52),
    "a chain that the parser's stack is too short for": "||".join(["a"] * 200_000),
    "casts": "a" + "::text" * 200_000,
    "parentheses around nothing else": "(" * 20_000 + "a" + ")" * 20_000,
    "calls": "f(" * 60 + "a" + ")" * 60,
    "negations": "not " * 3_000 + "a",
    "conditions": "(a or " * 400 + "b" + " and c)" * 400,
    "CASE": "case when a then " * 30 + "1" + " end" * 30,
    "sub-selects": "(select " * 40 + "1" + ")" * 40,
    "no SQL": "a b c",
    "half a comment": "a /* /* */",
    "no text of a database": "a = 'x\0'",
    "no UTF-8": "a = '\ud800'",
}
READ = {
    "5,000 ORs": " or ".join(["a = 1"] * 5_000),
    "5,000 values": "a in ('x'" + ", 'x'" * 5_000 + ")",
    "parentheses": "(" * 2_000 + "a" + ")" * 2_000,
    "comments": "/* " * 2_000 + "*/" * 2_000 + " a",
}


@pytest.mark.parametrize("name", DEEP)
def test_what_cannot_be_read_is_one_error(name: str) -> None:
    with pytest.raises(Unreadable):
        read_statements(f"select {DEEP[name]}")
    with pytest.raises(Unreadable) as error:
        read_expression(DEEP[name])

    assert len(str(error.value).splitlines()) == 1
    assert parse(DEEP[name]).op == "opaque"
    assert same_expression(DEEP[name], DEEP[name])
    assert not same_expression(DEEP[name], "a")


@pytest.mark.parametrize("name", READ)
def test_what_is_long_or_has_many_parentheses_is_read(name: str) -> None:
    assert not [n for n in walk(parse(READ[name])) if n.op == "opaque"]


@pytest.mark.parametrize(
    "body", ["if a then " * 1_100 + "null;" + " end if;" * 1_100, "if a then", "execute one_of(t)"]
)
def test_a_body_that_cannot_be_read_is_one_error(body: str) -> None:
    with pytest.raises(Unreadable):
        read_body("plpgsql", f"begin {body}; end", "", "void")


LONG = " || ".join(["o.name"] * 52)
GROWING = "".join(
    f"create function f{n + 1}(t text) returns text language sql immutable as 'select {call}';"
    for n, call in enumerate(
        [" || ".join(["$1"] * 40)] + [" || ".join([f"f{n}($1)"] * 40) for n in range(1, 6)]
    )
)
SCHEMAS = {
    "a policy": f"create policy p on invoice to app_user using (({LONG.replace('o.name', 'amount::text')}) is not null);",
    "a policy's function that grows out of hand": GROWING
    + "create policy p on invoice using (f6(amount::text) <> '');",
    "a policy's function": f"create function is_mine(o organization) returns bool language sql stable as $$ select ({LONG}) is null $$;"
    " create policy p on invoice using (is_mine(null::organization));",
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_table_with_an_unreadable_policy_is_undecided_and_the_others_are_judged(
    bench: Bench, name: str
) -> None:
    other = GUARDED.replace("invoice", "plain")
    with bench.open() as conn:
        conn.execute((other + GUARDED + SCHEMAS[name]).encode())
        facts = facts_of(conn)
    found = policies.analyse(facts.catalog, facts.tenancy).judgements

    reach = {j.table.name: j.reach for j in found if j.command == "SELECT"}
    assert reach == {"plain": Reach.SAFE, "invoice": Reach.UNVERIFIED}


@pytest.mark.parametrize("language", ["sql", "plpgsql"])
def test_a_function_with_an_unreadable_body_is_said_to_be_unread(bench: Bench, language: str) -> None:
    expression = f"select {LONG} from organization o limit 1"
    body = expression if language == "sql" else f"begin return ({expression}); end"
    script = f"create function names() returns text language {language} security definer as $$ {body} $$;"
    with bench.open() as conn:
        conn.execute((GUARDED + script).encode())
        facts = facts_of(conn)

    (function,) = facts.catalog.functions
    assert function.touches is None
    outcome = run(builtin_checks(), facts)
    assert QName("public", "names") == function.qname
    assert any("names()" in f.message and "cannot be read" in f.message for f in outcome.findings)
