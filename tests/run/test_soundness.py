"""No schema passes that a real role can get another tenant's rows out of, and none fails that is safe."""

import sys
from collections import Counter
from contextlib import ExitStack

import psycopg
import pytest
from hypothesis import given

from tests.fix_bench import PRELUDE, Bench, execute, open_idle
from tests.fix_examples import facts_of
from tests.fix_profiles import in_batches
from tests.fix_server import fresh
from tests.fix_soundness import TOML, Sown, leak, schemas, sow
from validate_schema import Report, validate
from validate_schema.checking.engine import Outcome, run
from validate_schema.checking.packs import builtin_checks
from validate_schema.model.finding import Severity
from validate_schema.scratch import Server

SCHEMAS = (40, 5_000)  # by default, at night
PROVEN = (3, 150)
MOST_UNDECIDED = 0.15
MOST_INCONCLUSIVE = 0.05
# Errors about a schema that trying statements as the app role does not show.
NOT_TRIED = {
    "TBL003": "nobody said whose a table is",
    "UNQ001": "one tenant's value blocks another's, whoever writes them",
    "ISO007": "own rows are kept back, which shows nobody anything",
}


def judged(conn: psycopg.Connection) -> Outcome:
    return run(builtin_checks(), facts_of(conn, TOML, rows=True))


def verdict(outcome: Outcome) -> str:
    if errors(outcome):
        return "FAIL"
    return "INCOMPLETE" if outcome.undecided else "PASS"


def errors(outcome: Outcome | Report) -> set[str]:
    return {f.check for f in outcome.findings if f.severity is Severity.ERROR}


def found_out(conn: psycopg.Connection) -> str | None:
    """Put rows into a schema; return how they leak. None where a trigger of the schema keeps the rows out
    that would tell."""
    try:
        sow(conn)
    except psycopg.errors.IntegrityError:
        return None
    return leak(conn)


@pytest.mark.pg(">= 18")
@pytest.mark.no_cover
@pytest.mark.slow
def test_what_passes_does_not_leak_and_what_fails_does(bench: Bench) -> None:
    seen: Counter[str] = Counter()
    at = [bench]

    @in_batches(*SCHEMAS)
    @given(schemas)
    def holds(sown: Sown) -> None:
        with at[-1].open() as conn:
            execute(conn, str(sown))
            outcome = judged(conn)
            said = verdict(outcome)
            how = found_out(conn)
            if how is None:
                return
            seen["leak " + said if how else "safe " + said] += 1
            assert said != "PASS" or not how, f"{how}\n{sown}"
            assert how or errors(outcome) <= NOT_TRIED.keys(), f"{errors(outcome)}\n{sown}"
        if sum(seen.values()) % 250 == 0:
            opened.close()
            at.append(opened.enter_context(open_idle(bench.server)))

    with ExitStack() as opened:
        holds()
    total = sum(seen.values())
    safe = sum(n for what, n in seen.items() if what.startswith("safe"))
    sys.stdout.write(f"\n{total} schemas: {dict(sorted(seen.items()))}\n")
    assert seen["safe INCOMPLETE"] <= MOST_UNDECIDED * max(1, safe)


def proven(server: Server, sown: Sown) -> Report:
    """Run the proof on a schema in a database of its own, under other names of its roles: they are the
    server's."""

    def own(text: str) -> str:
        return text.replace("app_user", "sown_app").replace("auditor", "sown_auditor")

    roles = "drop role if exists sown_app; drop role if exists sown_auditor;"
    with server.connect(autocommit=True) as admin:
        execute(admin, f"{roles} create role sown_app login;")
        try:
            with fresh(server) as database:
                with database.connect(autocommit=True) as conn:
                    execute(conn, f"{PRELUDE}; {own(str(sown))}")
                return validate(database_url=database.conninfo, config=own(TOML), prove=True)
        finally:
            execute(admin, roles)


@pytest.mark.pg(">= 18")
@pytest.mark.no_cover
@pytest.mark.slow
def test_what_is_proven_does_not_leak(bench: Bench) -> None:
    seen: Counter[str] = Counter()
    cells: Counter[str] = Counter()

    @in_batches(*PROVEN)
    @given(schemas)
    def holds(sown: Sown) -> None:
        with bench.open() as conn:
            execute(conn, str(sown))
            how = found_out(conn)
        if how is None:
            return
        report = proven(bench.server, sown)
        seen["leak " + report.verdict if how else "safe " + report.verdict] += 1
        cells.update(c.outcome for c in report.isolation.cells)
        assert report.verdict != "PASS" or not how, f"{how}\n{sown}"
        assert how or errors(report) <= NOT_TRIED.keys(), f"{errors(report)}\n{sown}"
        held = {*report.isolation.proven, *report.isolation.tested}
        taken = how.rpartition(": ")[2].replace("insert into ", "from ").replace("update ", "from ")
        assert not held & set(taken.partition("from ")[2].split()[:1]), f"{how}: {held}\n{sown}"

    holds()
    total = sum(cells.values())
    sys.stdout.write(f"\n{sum(seen.values())} proven: {dict(sorted(seen.items()))}; {dict(cells)}\n")
    assert cells["inconclusive"] <= MOST_INCONCLUSIVE * max(1, total)
