"""Which suppression accepts a finding: the same as trying each in turn, without trying each in turn."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validate_schema.checking import suppress
from validate_schema.checking.suppress import Suppressions, matches
from validate_schema.facts.facts import SuppressionUse
from validate_schema.model.finding import ObjectRef

TODAY = date(2026, 7, 25)
MANY = 3_000
_names = st.sampled_from(["", "a", "ab", "a.b", "ba", "b", "aab", "a*b"])
_refs = st.builds(
    ObjectRef,
    st.just("column"),
    st.sampled_from(["public", "s", ""]),
    _names,
    st.sampled_from(["", "x", "ab"]),
)
_uses = st.builds(
    SuppressionUse,
    st.sampled_from(["", "A", "AA", "AAA001", "AAA002", "B"]),
    st.sampled_from(
        ["", "*", "**", "a*", "*b", "a*b", "s.*", "*a*", "ab", "a.x", "public.a", "s.ab.x", "?", "[a]"]
    ),
    st.just("because"),
    expires=st.sampled_from([None, TODAY, date(2020, 1, 1)]),
    basis=st.sampled_from(["", "1", "2"]),
)


def _in_turn(use: SuppressionUse, check: str, ref: ObjectRef) -> bool:
    return check.startswith(use.check) and any(
        matches(use.object, name) for name in (ref.label("public"), ref.label(""))
    )


_flaws = st.tuples(st.sampled_from(["AAA001", "B"]), _refs, st.sampled_from(["", "1"]))


@given(st.lists(_uses, max_size=12), st.lists(_flaws, max_size=6))
def test_it_finds_what_trying_each_in_turn_would(
    uses: list[SuppressionUse], flaws: list[tuple[str, ObjectRef, str]]
) -> None:
    found = Suppressions(uses, "public", TODAY)
    for check, ref, basis in flaws:
        fitting = [place for place, use in enumerate(uses) if _in_turn(use, check, ref)]
        assert sorted(found.fitting(check, ref)) == fitting
        holding = (uses[place] for place in fitting if not uses[place].lapsed(TODAY))
        first = next((use for use in holding if use.basis in ("", basis)), None)
        assert found.accepting(check, ref, basis) is first


@pytest.mark.parametrize(
    ("pattern", "schema"),
    [
        ("t{n}.c", "public"),
        ("t{n}.*", "public"),
        ("*{n}.c", "public"),
        ("*{n}*", "public"),
        ("billing.*{n}.*", "billing"),
    ],
)
def test_a_finding_meets_the_few_that_may_fit(
    pattern: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    def counted(pattern: str, name: str) -> bool:
        nonlocal tried
        tried += 1
        return matches(pattern, name)

    monkeypatch.setattr(suppress, "matches", counted)
    uses = [SuppressionUse("AAA", pattern.format(n=f"{n:05}"), "because") for n in range(MANY)]
    found = Suppressions(uses, "public", TODAY)
    for n in range(MANY):
        assert found.accepting("AAA001", ObjectRef("column", schema, f"t{n:05}", "c")) is uses[n]
    assert tried <= 4 * MANY
