"""What conditions come to, beside the plain way to find out: every combination of what the variables hold."""

from collections.abc import Iterator
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validate_schema.policies.bind import Variable
from validate_schema.policies.evaluate import World
from validate_schema.policies.forms import Forms
from validate_schema.policies.outcomes import Outcomes, OutOfSteps
from validate_schema.policies.questions import Question, literals_of, order_of
from validate_schema.policies.values import Token, Values, holds
from validate_schema.sql.tree import Node, opaque

MANY = 1_000_000
FLAGS, WORDS = ("flag 0", "flag 1"), ("word 0", "word 1", "word 2")
HELD: dict[str, Values] = {
    **dict.fromkeys(FLAGS, frozenset({True, False, None})),
    **dict.fromkeys(WORDS, frozenset({Token("A", exact=True), Token("B", exact=True), "x", None})),
}


def variable(name: str) -> Node:
    return Node("variable", value=(name, False))


def const(value: object) -> Node:
    return Node("const", value=value)


def compare(left: Node, right: Node, op: str = "=") -> Node:
    return Node("compare", (left, right), op)


words = st.one_of(
    st.sampled_from(WORDS).map(variable), st.sampled_from(WORDS).map(variable), st.just(const("x"))
)
texts = st.recursive(
    words,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda args: Node("coalesce", args)),
        st.tuples(inner, inner).map(lambda args: Node("nullif", args)),
        inner.map(lambda arg: Node("cast", (arg,), "uuid")),
    ),
    max_leaves=3,
)
atoms = st.one_of(
    st.sampled_from(FLAGS).map(variable),
    st.builds(compare, texts, texts, st.sampled_from(["=", "<>"])),
    st.tuples(texts, texts).map(lambda args: Node("distinct", args)),
    texts.map(lambda arg: Node("null", (arg,))),
    st.lists(texts, min_size=1, max_size=2).map(
        lambda items: Node("any", (variable("word 0"), Node("array", tuple(items))), "=")
    ),
    st.just(opaque("the function f()")),
)
FOOTINGS = st.sampled_from(["sure", "free", "crowded", "data"])
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda args: Node("and", tuple(args))),
        st.lists(inner, min_size=2, max_size=3).map(lambda args: Node("or", tuple(args))),
        inner.map(lambda arg: Node("not", (arg,))),
        st.builds(lambda arg, value: Node("is", (arg,), value), inner, st.sampled_from([True, False, None])),
        st.tuples(atoms, inner, inner).map(lambda args: Node("case", args)),
        st.tuples(atoms, atoms, atoms, inner, inner).map(lambda args: Node("case", args)),
        st.tuples(inner, inner).map(lambda args: Node("coalesce", args)),
        st.builds(lambda footing, arg: Node("rows", (arg,), footing), FOOTINGS, inner),
        st.builds(lambda f, w, a, b: Node("row in", (w, a, b), f), FOOTINGS, inner, words, words),
        st.builds(lambda f, w, a, b: compare(Node("row value", (w, a), f), b), FOOTINGS, inner, words, words),
    ),
    max_leaves=6,
)  # fmt: skip


class Asked:
    """A condition in the form that is searched; `held` are its variables with what they hold."""

    def __init__(self, condition: Node, checks: tuple[Node, ...] = (), steps: int = MANY) -> None:
        names = order_of((condition, *checks))
        question = Question(
            condition, {n: Variable("uuid", nullable=True) for n in names}, "uuid", "", checks
        )
        forms = Forms()
        asked = forms.shared(question, [])
        held = dict(zip(order_of((asked.rows,)), (HELD.get(n, HELD["word 0"]) for n in names), strict=True))
        self.world = World(held, question.literals, {})
        self.outcomes = Outcomes(asked.rows, forms.mentions, order_of((asked.question.condition,)), steps)

    def found(self) -> set[Values]:
        return set(self.outcomes.of(self.world))


def each(condition: Node, checks: tuple[Node, ...] = ()) -> Iterator[World]:
    """Yield every combination of what the variables of the condition hold; the others hold all."""
    names, literals = order_of((condition,)), literals_of((condition, *checks))
    others = {name: HELD[name] for name in order_of(checks)}
    for held in product(*(HELD[name] for name in names)):
        settled = {n: frozenset({v}) for n, v in zip(names, held, strict=True)}
        yield World(others | settled, literals, {})


@given(conditions)
def test_every_outcome_is_found_and_no_other(condition: Node) -> None:
    assert Asked(condition).found() == {world.of(condition) for world in each(condition)}


@given(conditions, st.lists(conditions, min_size=1, max_size=2).map(tuple))
def test_a_row_that_a_check_forbids_opens_nothing(condition: Node, checks: tuple[Node, ...]) -> None:
    expected = any(
        holds(world.of(condition)) and all(world.truth(check) & {True, None} for check in checks)
        for world in each(condition, checks)
    )
    assert any(map(holds, Asked(condition, checks).found())) == expected


def memberships(count: int) -> Node:
    """Return conditions on rows that have only the person who asks in common."""
    rows = (
        (compare(variable(f"user {n}"), variable("word 0")), compare(variable(f"role {n}"), const("x")))
        for n in range(count)
    )
    return Node("or", tuple(Node("rows", (Node("and", row),), "free") for row in rows))


def steps_of(condition: Node) -> int:
    asked = Asked(condition)
    asked.found()
    return MANY - asked.outcomes.steps


def test_what_has_little_in_common_is_worked_out_apart() -> None:
    assert steps_of(memberships(40)) <= 2.2 * steps_of(memberships(20))


def test_more_combinations_than_are_allowed_are_no_answer() -> None:
    with pytest.raises(OutOfSteps):
        Asked(memberships(10), steps=10).found()
