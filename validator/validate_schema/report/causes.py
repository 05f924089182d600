"""Causes: what the short forms say of findings, one sentence for each, however many objects it has."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from ..model.declared import Concern
from .cards import Card
from .concerns import HEADINGS


class Cause(msgspec.Struct, frozen=True):
    """One check's cards of one severity. `labels` are its objects, the new ones first, and `places` where
    those are made, "" where that is not known. `message` is empty where there are several objects."""

    check: str
    title: str
    message: str
    severity: str
    concern: Concern
    anchor: str
    labels: tuple[str, ...]
    places: tuple[str, ...]
    new: int
    undecided: bool
    statements: int

    @property
    def sentence(self) -> str:
        """What is wrong, in one sentence."""
        return self.message or self.title

    @property
    def number(self) -> int:
        return len(self.labels)

    @property
    def known(self) -> int:
        """How many of them an earlier report had too."""
        return self.number - self.new

    @property
    def where(self) -> str:
        """The first file and line that is known."""
        return next(filter(None, self.places), "")


def causes(cards: Iterable[Card]) -> tuple[Cause, ...]:
    """Return the causes of these cards, in their order."""
    merged: dict[tuple[object, ...], list[Card]] = {}
    for card in cards:
        key = (card.concern, card.pivotal, card.check, card.severity, card.undecided)
        merged.setdefault(key, []).append(card)
    return tuple(map(_cause, merged.values()))


def _cause(cards: Sequence[Card]) -> Cause:
    first = cards[0]
    objects = [(o, o.location or card.location) for card in cards for o in card.objects]
    objects.sort(key=lambda pair: pair[0].status == "existing")
    of_memberships = " of a table of memberships" if first.pivotal else ""
    return Cause(
        check=first.check,
        title=first.title + of_memberships,
        message=first.message if len(objects) == 1 else "",
        severity=first.severity,
        concern=first.concern,
        anchor=first.anchor,
        labels=tuple(o.label for o, _ in objects),
        places=tuple(place for _, place in objects),
        new=sum(o.status != "existing" for o, _ in objects),
        undecided=first.undecided,
        statements=sum(card.statements for card in cards),
    )


def by_concern(found: Iterable[Cause]) -> Iterator[tuple[str, tuple[Cause, ...]]]:
    """Yield the causes under the heading of what they mean for a tenant."""
    for concern, members in groupby(found, key=lambda cause: cause.concern):
        yield HEADINGS[concern], tuple(members)
