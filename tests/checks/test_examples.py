"""Every check of a schema: the bad example is found, the good one is clean, and the remedy cures the bad one."""

import re
from functools import cache

import psycopg
import pytest

from tests.fix_bench import Bench, execute, read_again
from tests.fix_examples import Judged, findings
from validate_schema.catalog.snapshot import fingerprint
from validate_schema.checking.declare import Check
from validate_schema.checking.engine import Outcome
from validate_schema.checking.packs import builtin_checks
from validate_schema.migrations.writing import Way, sql_of
from validate_schema.model.finding import Step
from validate_schema.run.fix.plan import Aims, make_plan
from validate_schema.run.fix.script import Heading, write_script
from validate_schema.sql.script import refuses_transaction

# Those of migrations: test_migration_examples; those of fleets: tests/fleet/test_examples.
CHECKS = tuple(c for c in builtin_checks() if not c.on_migrations and not c.on_fleet)

# What a quoted name does to a check hangs on no server's version.
every_schema = pytest.mark.parametrize(
    "schema",
    [
        pytest.param("public", marks=pytest.mark.every_server, id="public"),
        pytest.param("Mixed Schema", id="mixed"),
    ],
)


def checks(*, remediable: bool | None = None) -> pytest.MarkDecorator:
    chosen = [c for c in CHECKS if remediable is None or c.remediable is remediable]
    return pytest.mark.parametrize("check", chosen, ids=[c.id for c in chosen])


@cache
def bad_of(bench: Bench, check: Check, schema: str) -> Judged:
    """What is found in the bad example: several tests ask, and it is looked for once."""
    return found_in(bench, check, schema, check.bad, check.config)


def found_in(bench: Bench, check: Check, schema: str, script: str, config: str) -> Judged:
    with bench.open(script, schema=schema, committed=check.needs == "proof") as conn:
        execute(conn, script)
        return findings(check, conn, config, schema=schema)


@every_schema
@checks()
def test_the_bad_example_is_found(check: Check, bench: Bench, schema: str) -> None:
    judged = bad_of(bench, check, schema)

    assert judged.result.status in ("failed", "undecided"), judged.said
    assert judged.findings
    assert judged.result.examined >= 1
    for finding in judged.findings:
        assert finding.message
        assert finding.expected
        assert finding.observed
        named = {finding.object.name, finding.object.table} - {""}
        assert any(name in finding.message for name in named), f"{finding.message!r} names none of {named}"


@every_schema
@checks()
def test_the_good_example_is_clean(check: Check, bench: Bench, schema: str) -> None:
    judged = found_in(bench, check, schema, check.good, check.good_config or check.config)

    assert (judged.result.status, judged.said) == ("passed", [])
    assert judged.result.examined >= 1


# What only rows can show is mended by the checks on policies, privileges and keys; `fix --prove` counts
# what it leaves.
@every_schema
@pytest.mark.parametrize(
    "check", [c for c in CHECKS if c.remediable and c.needs != "proof"], ids=lambda c: c.id
)
def test_a_corrective_migration_cures_the_bad_example(check: Check, bench: Bench, schema: str) -> None:
    known = [bad_of(bench, check, schema)]  # what is asked for first

    def judged(conn: psycopg.Connection) -> Outcome:
        found = known.pop() if known else findings(check, conn, check.config, schema=schema)
        return Outcome((found.result,), found.findings, (), checks=(check,))

    with bench.open(check.bad, schema=schema) as conn:
        execute(conn, check.bad)
        with conn.transaction(force_rollback=True):
            plan = make_plan(conn, judged, Aims(frozenset({check.id})))
        assert all(f.remedy.sql for f in plan.before), "no SQL for a finding of a remediable check"
        assert all(s.sql.endswith(";") for mend in plan.mended for s in mend.steps)
        script = write_script(plan, Way("transaction"), Heading("1", "today"), schema)
        start = fingerprint(read_again(conn, schema))
        conn.execute(sql_of(script.up).encode())
        (cured,) = judged(conn).results
        conn.execute(sql_of(script.down).encode())
        end = fingerprint(read_again(conn, schema))

    assert (plan.refused, plan.after) == ([], ())
    assert (cured.status in ("passed", "not_applicable"), cured.reason) == (True, cured.reason)
    # What was merely validated stays so: nothing takes that back.
    down = sql_of(script.down)
    assert not down or (end == start) != ("-- Not undone: " in down), down


@every_schema
@checks(remediable=True)
def test_a_remedy_cures_as_it_is_printed(check: Check, bench: Bench, schema: str) -> None:
    found = bad_of(bench, check, schema)

    with bench.open(check.bad, *found.cure, schema=schema, committed=check.needs == "proof") as conn:
        execute(conn, check.bad)
        for statement in found.cure:
            conn.execute(statement)
        cured = findings(check, conn, check.config, schema=schema)

    assert (cured.result.status in ("passed", "not_applicable"), cured.said) == (True, [])


# From the weakest; reading takes the first, which a remedy need not name.
MODES = ("AccessShare", "RowShare", "RowExclusive", "ShareUpdateExclusive", "Share", "ShareRowExclusive",
         "Exclusive", "AccessExclusive")  # fmt: skip
LOCKS = """
    select distinct replace(mode, 'Lock', '') from pg_locks
    where pid = pg_backend_pid() and locktype = 'relation' and relation = any(%s)
"""


def locks_of(conn: psycopg.Connection, step: Step) -> str:
    """Run the step in a transaction; return the strongest lock on what was there, in PostgreSQL's words."""
    there = conn.execute(
        "select array_agg(oid) from pg_class where oid >= 16384 and relkind in ('r', 'p', 'v', 'm')"
    )
    oids = there.fetchall()[0][0]
    with conn.transaction():
        conn.execute(step.sql.encode())
        held = [MODES.index(mode) for (mode,) in conn.execute(LOCKS, (oids,))]
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", MODES[max(held, default=0)]).upper()
    return "" if words == "ACCESS SHARE" else words


@pytest.mark.every_server
@checks(remediable=True)
def test_a_step_takes_the_lock_that_it_names(check: Check, bench: Bench) -> None:
    found = bad_of(bench, check, "public")

    with bench.open(check.bad, *found.cure, committed=True) as conn:
        execute(conn, check.bad)
        for step in dict.fromkeys(step for f in found.findings for step in f.remedy.steps):
            alone = refuses_transaction(step.sql) or "COMMIT;" in step.sql
            assert bool(step.in_transaction) == alone, step
            if alone:
                conn.execute(step.sql.encode())
            else:
                assert (step.sql, locks_of(conn, step)) == (step.sql, step.lock)


@every_schema
@checks(remediable=False)
def test_what_only_a_person_can_decide_is_said_in_a_note(check: Check, bench: Bench, schema: str) -> None:
    found = bad_of(bench, check, schema).findings

    assert [f.remedy.sql for f in found] == [()] * len(found)
    assert all(f.remedy.note for f in found)
