"""Conditions as the server prints them."""

import pytest

from tests.fix_bench import Bench
from validate_schema.sql.predicates import check_expression

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
