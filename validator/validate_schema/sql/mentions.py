"""Names that stand in a text as whole words, found by reading the text once."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Generic, TypeVar

_T = TypeVar("_T")
_WORDS = re.compile(r"\w+")


def mentions(text: str, name: str) -> bool:
    """Tell whether `name` stands in `text` with no letter, digit or underscore on either side of it."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not (at and _is_word(text[at - 1])) and not (end < len(text) and _is_word(text[end])):
            return True
        at = text.find(name, at + 1)
    return False


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


class Named(Generic[_T]):
    """Things that a text may mention by name. However many there are, each text is read once."""

    def __init__(self, named: Iterable[tuple[str, _T]]) -> None:
        things = [(name, set(_WORDS.findall(name)), thing) for name, thing in named]
        shared = Counter(word for _, words, _ in things for word in words)
        self._by_word: dict[str, list[tuple[int, str, _T]]] = {}
        for place, (name, words, thing) in enumerate(things):
            rarest = min(words, key=lambda word: (shared[word], word), default="")
            self._by_word.setdefault(rarest, []).append((place, name, thing))

    def within(self, text: str) -> list[_T]:
        """Return the things that `text` mentions, in the order in which they were given."""
        if not self._by_word:
            return []
        found = [
            (place, thing)
            for word in {"", *_WORDS.findall(text)}
            for place, name, thing in self._by_word.get(word, ())
            if name == word or mentions(text, name)
        ]
        return [thing for _, thing in sorted(found, key=lambda entry: entry[0])]
