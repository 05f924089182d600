"""What runs when a function does, and whether any of it is what is asked for."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_shapes import catalog, definers, facts_about, tenant_table
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import Function
from validate_schema.policies import calls
from validate_schema.policies.calls import Act, acts, acts_that, some_act

SIZES = st.integers(1, 9)


@st.composite
def graphs(draw: st.DrawFn) -> Facts:
    """Functions that call one another in any way, some with the rights of one of two owners."""
    size = draw(SIZES)
    found = []
    for n in range(size):
        called = draw(st.lists(st.integers(0, size - 1), max_size=3))
        body = "select " + ", ".join([f"f{other}()" for other in called] or ["1"])
        owner, definer = draw(st.sampled_from(["app_owner", "keeper"])), draw(st.booleans())
        found.append(
            Function("public", f"f{n}", "", owner, "sql", returns="int", body=body, touches=(), security_definer=definer)
        )  # fmt: skip
    return facts_about(catalog([tenant_table(0)], functions=found))


def is_kept(act: Act, _: Facts) -> bool:
    return act.function.name in ("f1", "f4") and act.role == "keeper"


@given(graphs())
def test_some_act_is_what_a_look_at_each_would_find(facts: Facts) -> None:
    for role in (None, "keeper"):
        for function in facts.catalog.functions:
            expected = tuple(act for act in acts(function, role, facts) if is_kept(act, facts))
            assert some_act(function, role, facts, is_kept) == bool(expected)
            assert acts_that(function, role, facts, is_kept) == expected


@pytest.mark.parametrize("backwards", [False, True])
def test_each_function_is_asked_once_however_many_call_it(
    backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = facts_about(definers(500))
    asked: Counter[Act] = Counter()
    looked = Counter[str]()
    known_calls = calls._known_calls

    def counted(function: Function, facts: Facts) -> tuple[Function, ...]:
        looked[function.name] += 1
        return known_calls(function, facts)

    def reads(act: Act, _: Facts) -> bool:
        asked[act] += 1
        return bool(act.function.touches)

    monkeypatch.setattr(calls, "_known_calls", counted)
    functions = facts.catalog.functions
    for function in reversed(functions) if backwards else functions:
        assert some_act(function, None, facts, reads)
    assert set(asked.values()) == set(looked.values()) == {1}
    assert len(asked) == len(looked) == 500
