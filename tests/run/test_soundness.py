"""No schema passes that a real role can get another tenant's rows out of."""

import sys
from collections import Counter

import psycopg
import pytest
from hypothesis import given

from tests.fix_bench import Bench, execute
from tests.fix_examples import facts_of
from tests.fix_profiles import in_batches
from tests.fix_soundness import TOML, Sown, leak, schemas, sow
from validate_schema.checking.engine import Outcome, run
from validate_schema.checking.packs import builtin_checks
from validate_schema.model.finding import Severity

SCHEMAS = (300, 5_000)  # by default, at night
MOST_UNDECIDED = 0.15


def judged(conn: psycopg.Connection) -> Outcome:
    return run(builtin_checks(), facts_of(conn, TOML, rows=True))


def verdict(outcome: Outcome) -> str:
    if any(f.severity is Severity.ERROR for f in outcome.findings):
        return "FAIL"
    return "INCOMPLETE" if outcome.undecided else "PASS"


@pytest.mark.pg(">= 18")
@pytest.mark.no_cover
def test_what_passes_does_not_leak(bench: Bench) -> None:
    seen: Counter[str] = Counter()

    @in_batches(*SCHEMAS)
    @given(schemas)
    def holds(sown: Sown) -> None:
        with bench.open() as conn:
            execute(conn, str(sown))
            outcome = judged(conn)
            said = verdict(outcome)
            try:
                sow(conn)
            except psycopg.errors.IntegrityError:
                return  # a trigger of the schema keeps the rows out that would tell
            how = leak(conn)
            seen["leak " + said if how else "safe " + said] += 1
            assert said != "PASS" or not how, f"{how}\n{sown}"

    holds()
    total = sum(seen.values())
    safe = sum(n for what, n in seen.items() if what.startswith("safe"))
    sys.stdout.write(f"\n{total} schemas: {dict(sorted(seen.items()))}\n")
    assert seen["safe INCOMPLETE"] <= MOST_UNDECIDED * max(1, safe)
