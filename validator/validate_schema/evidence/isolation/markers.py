"""The words by which rows of B are known wherever they turn up."""

import re
from collections.abc import Iterable
from functools import cached_property

from .rows import MINE, B
from .seed import Seeder
from .surfaces import guarded_tables

_WORD = re.compile(r"[\w-]{2,}")
_NUMBER = re.compile(r"[\d-]{1,20}")


class Markers:
    """The words that only rows of B hold, once rows were made."""

    def __init__(self, seeder: Seeder) -> None:
        self._seeder = seeder

    def within(self, texts: Iterable[str], carried: Iterable[str] = ()) -> frozenset[str]:
        """Return those that stand in texts, without those that a statement itself carried in."""
        return frozenset((_words(texts) & self._theirs) - _words(carried))

    def plain(self, texts: Iterable[str], carried: Iterable[str] = ()) -> frozenset[str]:
        """Return the same without numbers and dates, which may be a line, a length or a count."""
        return frozenset(w for w in self.within(texts, carried) if not _NUMBER.fullmatch(w))

    @cached_property
    def _theirs(self) -> frozenset[str]:
        guarded = guarded_tables(self._seeder.facts)
        theirs: set[str] = set()
        others: set[str] = set()
        for name, rows in self._seeder.seeded.items():
            for row in rows.rows:
                held = {v for v in row.values.values() if v is not None and _WORD.fullmatch(v)}
                if row.label != MINE:
                    (theirs if name in guarded and row.label == B else others).update(held)
        return frozenset(theirs - others)


def _words(texts: Iterable[str]) -> set[str]:
    return {word for text in texts for word in _WORD.findall(text)}
