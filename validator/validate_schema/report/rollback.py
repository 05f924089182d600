"""How to take back what the report proposes: the way back of each remedy that has one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..model.finding import Step
from .escape import shown_sql


@dataclass(frozen=True)
class Rollback:
    """`steps` undo remedies, last first; `by_hand` are the places of the remedies that they leave out."""

    steps: tuple[Step, ...]
    by_hand: tuple[int, ...]

    @property
    def sql(self) -> tuple[str, ...]:
        """The statements for display."""
        return tuple(shown_sql(step.sql) for step in self.steps)


def rollback(
    remedies: Iterable[Sequence[Step]], known: Mapping[Step, tuple[Step, ...]] | None = None
) -> Rollback:
    """Return how to take back these remedies, which were run in this order.

    `known` has what undoes steps that do not say it themselves: what a dropped object was. A remedy with
    one step that nothing undoes is left to a person as a whole: undoing half of it would be worse
    than leaving it.
    """
    undone: list[Step] = []
    by_hand: list[int] = []
    for place, steps in enumerate(remedies):
        ways = [(known or {}).get(step, step.undo) for step in steps]
        back = [way for way in ways if way is not None]
        if len(back) < len(ways):
            by_hand.append(place)
        else:
            undone += [step for way in back for step in reversed(way)]
    return Rollback(tuple(dict.fromkeys(reversed(undone))), tuple(by_hand))
