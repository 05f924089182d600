"""Look for a row of another tenant that a condition lets through; or show that there is none.

Most conditions are decided at once, by all that their variables can hold. Else every outcome is worked
out, and where one is open, an example is made: a value for each variable that matters.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from ..model.reading import Flow
from .evaluate import World, in_play
from .forms import Asked, Forms
from .outcomes import Outcomes, OutOfSteps
from .questions import Case, Question, Scenario, domains_of, order_of
from .values import SOME, Token, holds, truths

MOST_STEPS = 25_000


class Answer(Enum):
    NO = "no"
    YES = "yes"
    UNDECIDED = "undecided"


class Found(NamedTuple):
    """The answer; for YES the values that open the condition and what that makes of it, otherwise why it
    stayed open."""

    answer: Answer
    world: World | None = None
    flow: Flow | None = None
    why: tuple[str, ...] = ()


class Searches:
    """Answers questions, equal ones once."""

    def __init__(self) -> None:
        self._forms = Forms()
        self._known: dict[object, Found] = {}

    def answer(self, question: Question, scenarios: list[Scenario]) -> Found:
        """Return whether any scenario opens the condition: the first that does."""
        asked = self._forms.shared(question, scenarios)
        found = self._known.get(asked.key)
        if found is None:
            found = self._known[asked.key] = _Search(asked, self._forms.mentions).answer()
        return found._replace(world=asked.named(found.world)) if found.world is not None else found


class _Search:
    """One verdict: the scenarios of one question, one after the other."""

    def __init__(self, asked: Asked, mentions: Mapping[int, frozenset[str]]) -> None:
        self.question, self.scenarios = asked.question, asked.scenarios
        self.literals = asked.question.literals
        self.order = order_of((asked.question.condition,))
        self.outcomes = Outcomes(asked.rows, mentions, self.order, MOST_STEPS)

    def answer(self) -> Found:
        undecided: list[str] = []
        for scenario in self.scenarios:
            before = len(undecided)
            for case in scenario.cases:
                found = self._case(case, scenario)
                if found.answer is Answer.YES:
                    return found
                undecided += found.why
            for case in scenario.spelled if len(undecided) > before else ():
                found = self._case(case, scenario)
                if found.answer is Answer.YES:
                    return found
        return Found(Answer.UNDECIDED, why=tuple(undecided)) if undecided else Found(Answer.NO)

    def _case(self, case: Case, scenario: Scenario) -> Found:
        values = domains_of(self.question, case, self.literals, own=scenario.own)
        values |= dict(scenario.fixed)
        world = World(values, self.literals, {})
        if True not in world.truth(self.question.condition):
            return Found(Answer.NO)
        try:
            comes_to = self.outcomes.of(world)
        except OutOfSteps:
            return Found(Answer.UNDECIDED, why=(f"more than {MOST_STEPS:,} combinations of values",))
        if any(map(holds, comes_to)):
            return Found(Answer.YES, self._example(world), scenario.flow)
        if any(True in truths(values) for values in comes_to):
            return Found(Answer.UNDECIDED, why=("values that only the server could compare",))
        return Found(Answer.NO)

    def _example(self, world: World) -> World:
        """Settle the variables of a world that can be open, in the order in which they are read, each at
        the plainest value that leaves it so."""
        self.outcomes.steps = MOST_STEPS
        try:
            while (name := self._to_settle(world)) is not None:
                tried = (world.narrowed(name, v) for v in sorted(world.values[name], key=_rank))
                world = next(w for w in tried if self._opens(w))
        except OutOfSteps:
            pass  # it is open all the same
        return world

    def _to_settle(self, world: World) -> str | None:
        """Return the first variable that matters still; None where the world is open as it is."""
        condition, checks = self.question.condition, self.question.checks
        certain = holds(world.of(condition))
        if certain and all(world.truth(check) & {True, None} for check in checks):
            return None
        # A CHECK may hang on any variable; an open outcome on those alone that are still in play.
        names = self.order if certain else in_play(condition, world)
        return next(n for n in names if len(world.values.get(n, ())) > 1)

    def _opens(self, world: World) -> bool:
        return any(map(holds, self.outcomes.of(world)))


def _rank(value: object) -> tuple[int, str]:
    """Plain values first: they make the plainest example."""
    if value is True:
        return (0, "")
    return (1 + (value is None) + 2 * isinstance(value, Token) + 4 * (value is SOME), str(value))
