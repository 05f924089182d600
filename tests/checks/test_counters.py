"""Keys that run out of numbers, read from a real server's sequences."""

import pytest

from tests.fix_bench import Bench
from tests.fix_examples import facts_of, look
from validate_schema.checking.engine import run, select_checks
from validate_schema.checking.packs import builtin_checks


@pytest.mark.parametrize(
    ("column", "used", "said"),
    [
        ("serial", 1_600_000_000, ["t.id has used 74 % of its numbers"]),
        ("int generated always as identity", 2_147_483_647, ["t.id has used 100 % of its numbers"]),
        ("smallserial", 30_000, ["t.id has used 91 % of its numbers"]),
        ("int generated always as identity (maxvalue 100)", 90, ["t.id has used 90 % of its numbers"]),
        ("serial", 1_400_000_000, []),
        ("bigserial", 2_000_000_000, []),
        ("int generated always as identity (maxvalue 100 cycle)", 90, []),
    ],
    ids=["integer", "used up", "smallint", "a bound of its own", "two thirds", "bigint", "starts again"],
)
def test_a_key_is_told_from_seventy_percent_on(bench: Bench, column: str, used: int, said: list[str]) -> None:
    script = f"create table t (id {column}); select setval(pg_get_serial_sequence('t', 'id'), {used})"

    assert [f.message for f in look(bench, "DAT007", script).findings] == said


def test_a_sequence_that_nobody_used_says_nothing(bench: Bench) -> None:
    assert look(bench, "DAT007", "create table t (id serial)").result.examined == 0


def test_a_sequence_that_may_not_be_read_is_not_in_order(bench: Bench) -> None:
    with bench.open() as conn:
        conn.execute("create table t (id serial); select setval('t_id_seq', 5); set role pg_monitor")
        judged = run(select_checks(builtin_checks(), ("DAT007",), ()), facts_of(conn, rows=True))
    (result,) = judged.results
    assert (result.skipped, result.looked_at_all) == (1, False)
    assert result.reason == "the sequence of t.id may not be read: GRANT SELECT ON SEQUENCE"
