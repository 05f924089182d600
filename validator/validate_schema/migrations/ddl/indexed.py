"""Objects by their keys, found by a part of the key too: a DROP or RENAME touches what it names alone."""

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Indexed(Generic[_K, _V]):
    """A dictionary whose entries are also found by their `terms`: what a statement may name them by."""

    def __init__(self, terms: Callable[[_K, _V], Iterable[Hashable]]) -> None:
        self._terms_of = terms
        self._entries: dict[_K, tuple[int, _V]] = {}
        self._terms: dict[_K, tuple[Hashable, ...]] = {}
        self._keys: dict[Hashable, dict[_K, None]] = {}
        self._count = 0

    def __contains__(self, key: _K) -> bool:
        return key in self._entries

    def __getitem__(self, key: _K) -> _V:
        return self._entries[key][1]

    def __setitem__(self, key: _K, value: _V) -> None:
        """Put in a new entry; one whose key is there already keeps its place in the order."""
        self._count += 1
        self._put(key, (self._entries[key][0] if key in self._entries else self._count), value)

    def get(self, key: _K) -> _V | None:
        found = self._entries.get(key)
        return found[1] if found is not None else None

    def pop(self, key: _K) -> _V | None:
        """Take an entry out; None where there is none."""
        if key not in self._entries:
            return None
        for term in self._terms.pop(key):
            del self._keys[term][key]
        return self._entries.pop(key)[1]

    def named(self, term: Hashable) -> list[_K]:
        """Return the keys of the entries with this term."""
        return list(self._keys.get(term, ()))

    def move(self, keys: Iterable[_K], renamed: Callable[[_K], _K]) -> None:
        """Give entries new keys. Of two that come to have one key, the later entry stays."""
        moved = [(*self._entries[key], key) for key in keys if key in self._entries]
        for _, _, key in moved:
            self.pop(key)
        for order, value, key in sorted(moved, key=lambda entry: entry[0]):
            there = self._entries.get(renamed(key), (order, value))
            self._put(renamed(key), min(order, there[0]), there[1] if there[0] > order else value)

    def changed(self, key: _K) -> None:
        """Take note that an entry's value has other terms now."""
        self._put(key, *self._entries[key])

    def _put(self, key: _K, order: int, value: _V) -> None:
        self.pop(key)
        self._entries[key] = order, value
        self._terms[key] = tuple(self._terms_of(key, value))
        for term in self._terms[key]:
            self._keys.setdefault(term, {})[key] = None
