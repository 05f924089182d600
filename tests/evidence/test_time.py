"""The proof has a bound: what was not tried within it is inconclusive, never proven."""

from itertools import count

import pytest

from tests.fix_examples import facts_of
from tests.fix_proof import HEALTHY, ORGANIZATION, Bed, execute
from tests.fix_server import fresh
from validate_schema.evidence.isolation import proof, prove, stage
from validate_schema.model.catalog import QName
from validate_schema.model.isolation import Isolation, Outcome

VIEW = (
    "create view shown with (security_invoker) as select body from note; grant select on shown to app_user;"
    "create table line (id uuid primary key, note_id uuid not null references note on delete cascade);"
    "create trigger t after insert on note for each row execute function suppress_redundant_updates_trigger();"
)


def proven_within(bed: Bed, seconds: float) -> Isolation:
    with fresh(bed.server) as database:
        with database.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, HEALTHY, VIEW)
            facts = facts_of(conn)
        return prove(database, facts, seconds=seconds)


def held(found: Isolation) -> set[QName]:
    """Return what nothing was reached of, and nothing left open."""
    open_ones = {c.table for c in found.cells if c.outcome not in (Outcome.ISOLATED, Outcome.DENIED)}
    return {cell.table for cell in found.cells} - open_ones


def test_without_any_time_nothing_is_proven(bed: Bed) -> None:
    found = proven_within(bed, -1)

    assert {cell.outcome for cell in found.cells} == {Outcome.INCONCLUSIVE}
    assert {c.table.name for c in found.cells} == {"note", "organization", "shown", "line"}
    assert found.tested == ()
    assert any("[limits] proof_seconds" in note for note in found.notes)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_what_was_not_tried_in_time_is_not_decided(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    asked = count()
    monkeypatch.setattr(stage, "monotonic", lambda: next(asked) * 0.0)
    whole = proven_within(bed, 1e9)
    steps, ticks = int(next(asked) * share), count()
    monkeypatch.setattr(stage, "monotonic", lambda: 1e12 if next(ticks) > steps else 0.0)

    found = proven_within(bed, 1e9)

    late = {cell.table for cell in found.cells if cell.why == stage.LATE}
    assert late
    assert held(found) <= held(whole) - late
    tried = [{(cell.role, cell.table) for cell in run.cells} for run in (whole, found)]
    assert tried[0] <= tried[1]


def test_a_leak_that_was_found_stays_though_the_time_is_up(bed: Bed, monkeypatch: pytest.MonkeyPatch) -> None:
    with fresh(bed.server) as database:
        with database.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, HEALTHY, "create policy open on note using (true)")
            facts = facts_of(conn)
        asked = count()
        monkeypatch.setattr(stage, "monotonic", lambda: next(asked) * 0.0)
        whole = prove(database, facts, seconds=1e9)
        steps = next(asked)
        found = []
        for share in range(10, 100, 10):
            ticks = count()
            bound = steps * share // 100
            monkeypatch.setattr(stage, "monotonic", lambda t=ticks, b=bound: 1e12 if next(t) > b else 0.0)
            found.append(prove(database, facts, seconds=1e9))

    partly = [run for run in found if {_outcome(run, "read"), _outcome(run, "no_context")} == _PARTLY]
    assert _outcome(whole, "read") is Outcome.LEAK
    assert partly


_PARTLY = {Outcome.LEAK, Outcome.INCONCLUSIVE}


def _outcome(run: Isolation, probe: str) -> Outcome:
    return next(c.outcome for c in run.cells if (c.table.name, c.probe.name.lower()) == ("note", probe))


ENDLESS = {
    "a view that reads itself": (
        "create view endless with (security_barrier) as with recursive t as (select n.body from note n where"
        " n.org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid) union all select body from t)"
        " select body from t",
        "it gives 10,000 rows or more",
    ),
    "a view that waits": (
        "create view endless with (security_barrier) as select n.body, pg_sleep(3600)::text from note n where"
        " n.org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)",
        "canceling statement due to statement timeout",
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_left_and_not_called_isolated(
    bed: Bed, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    view, why = ENDLESS[name]
    monkeypatch.setattr(proof, "LONGEST_STATEMENT", "300ms")
    with fresh(bed.server) as database:
        with database.connect(autocommit=True) as conn:
            execute(conn, ORGANIZATION, HEALTHY, view, "grant select on endless to app_user")
            facts = facts_of(conn)
        found = prove(database, facts)

    (cell,) = [c for c in found.cells if c.table.name == "endless"]
    assert (cell.outcome, why in cell.why) == (Outcome.INCONCLUSIVE, True), cell.why
