"""Conditions as the server prints them."""

import pytest

from tests.fix_bench import Bench
from validate_schema.sql.predicates import check_expression, conjuncts, not_null_columns, strict_column

pytestmark = pytest.mark.every_server

_STATES = ["", "not valid", "no inherit", "no inherit not valid"]


@pytest.mark.pg(">= 18")
@pytest.mark.parametrize("state", [*_STATES, "not enforced", "no inherit not enforced"])
def test_a_check_is_read_without_what_is_said_of_the_constraint(bench: Bench, state: str) -> None:
    condition = "(a <> ') NOT VALID'::text) AND (\"NOT VALID\" > 0)"
    with bench.open() as conn:
        conn.execute('create table t (a text, "NOT VALID" int)')
        conn.execute(f"alter table t add constraint c check ({condition}) {state}".encode())
        (definition,) = (
            conn.execute("select pg_get_constraintdef(oid) from pg_constraint where conname = 'c'").fetchone()
            or ()
        )

    assert check_expression(definition) == condition


DEEP = 5_000


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(" * DEEP + "a" + ")" * DEEP, ["a"]),
        ("(a = 1 AND " * DEEP + "b" + ")" * DEEP, [*["a = 1"] * DEEP, "b"]),
        ("(" * DEEP + "b" + " AND a = 1)" * DEEP, ["b", *["a = 1"] * DEEP]),
        (
            "(a = ' AND ' AND " * DEEP + '"( AND" IS NOT NULL' + ")" * DEEP,
            [*["a = ' AND '"] * DEEP, '"( AND" IS NOT NULL'],
        ),
    ],
)
def test_conditions_may_nest_as_deep_as_the_server_lets_them(text: str, parts: list[str]) -> None:
    assert list(conjuncts(text)) == parts
    assert "a" in not_null_columns(text) or "( AND" in not_null_columns(text)


def test_functions_of_one_column_may_nest_too() -> None:
    assert strict_column("lower(" * 500 + "(email)::text" + ")" * 500) == "email"
