"""Random policies: what the analysis says of them is what a real role can do."""

import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fix_examples import facts_of
from tests.fix_grammar import Written, policies
from tests.fix_oracle import NAMED, Oracle, open_oracle
from tests.fix_profiles import on_a_server
from tests.fix_server import Opener
from validate_schema import rls
from validate_schema.model.reading import Reach

LITERALS = {"text": "special", "uuid": NAMED, "bigint": "7"}
SHARES = {"text": 1.0, "uuid": 0.5, "bigint": 0.5}


@pytest.fixture(scope="module", params=["text", "uuid", "bigint"])
def any_oracle(request: pytest.FixtureRequest, server_of: Opener) -> Iterator[Oracle]:
    """Nullable keys of each type."""
    with open_oracle(server_of, request.param, nullable=True) as oracle:
        yield oracle


def disagreement(oracle: Oracle, written: list[Written], counted: Counter[str]) -> list[str]:
    """Return where the analysis and the server disagree."""
    with oracle.policies(*(w.create(f"p{n}") for n, w in enumerate(written))):
        facts = facts_of(oracle.admin)
        analysis = rls.analyse(facts.catalog, facts.tenancy)
        named = any(w.role != "public" or "current_user" in f"{w.using} {w.check}" for w in written)
        seen = oracle.look(roles=("app_user", "auditor") if named else ("app_user",))
        found = []
        for said in analysis.judgements:
            if said.table.name != "item" or said.command not in ("SELECT", "INSERT"):
                continue
            counted[said.reach.value] += 1
            leaks = seen.reads_leak if said.command == "SELECT" else seen.writes_leak
            tight = said.reach in (Reach.SAFE, Reach.CLOSED)
            if (tight and leaks) or (said.reach is Reach.UNSAFE and not leaks):
                owners = seen.read if said.command == "SELECT" else seen.written
                found.append(f"{said.command} {said.reach}: {said.reason} [{said.branch}] {owners}")
        return found


def test_the_analysis_agrees_with_the_server_on_random_policies(any_oracle: Oracle) -> None:
    counted: Counter[str] = Counter()

    @settings(on_a_server(SHARES[any_oracle.kind]), suppress_health_check=list(HealthCheck))
    @given(policies(any_oracle.kind, LITERALS[any_oracle.kind]))
    def agree(written: list[Written]) -> None:
        assert disagreement(any_oracle, written, counted) == []

    agree()
    share = counted["unverified"] / max(1, sum(counted.values()))
    sys.stdout.write(f"{any_oracle.kind}: {dict(counted)}, {share:.1%} unverified\n")
    assert share < 0.1
