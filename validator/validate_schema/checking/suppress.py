"""Which configured suppression accepts a finding."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import msgspec

from ..facts.facts import SuppressionUse
from ..model.finding import ObjectRef


def matches(pattern: str, name: str) -> bool:
    """Tell whether `name` fits `pattern`, where only `*` is special and stands for any text.

    Not `fnmatch`: brackets and question marks are ordinary in object names.
    """
    head, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, tail = rest
    if not name.startswith(head):
        return False
    position = len(head)
    for part in middle:
        found = name.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return len(name) - len(tail) >= position and name.endswith(tail)


class _Alike(msgspec.Struct):
    """The suppressions of one check (or family) and one object, by their places in the config."""

    places: list[int] = msgspec.field(default_factory=list)
    in_force: list[int] = msgspec.field(default_factory=list)


class Suppressions:
    """The suppressions of a config. However many there are, a finding meets only those whose object may
    be its own: an object is looked up by its name, a pattern by that part of it which fewest share."""

    def __init__(self, uses: Sequence[SuppressionUse], default_schema: str, today: date) -> None:
        self._uses, self._default_schema = uses, default_schema
        self._of_object: dict[str, dict[str, _Alike]] = {}
        for place, use in enumerate(uses):
            alike = self._of_object.setdefault(use.object, {}).setdefault(use.check, _Alike())
            alike.places.append(place)
            if not use.lapsed(today):
                alike.in_force.append(place)
        self._patterns = _Patterns(name for name in self._of_object if "*" in name)

    def accepting(self, check: str, ref: ObjectRef, basis: str = "") -> SuppressionUse | None:
        """Return the first suppression in force that accepts a finding of `check` about `ref`: one that names
        no basis, or that of the finding."""
        places = (
            place
            for alike in self._fitting(check, ref)
            for place in alike.in_force
            if self._uses[place].basis in ("", basis)
        )
        first = min(places, default=None)
        return None if first is None else self._uses[first]

    def fitting(self, check: str, ref: ObjectRef) -> Iterator[int]:
        """Yield the places of those that a finding of `check` about `ref` fits, whatever it rests on; lapsed
        ones included."""
        for alike in self._fitting(check, ref):
            yield from alike.places

    def _fitting(self, check: str, ref: ObjectRef) -> Iterator[_Alike]:
        names = {ref.label(self._default_schema), ref.label("")}
        objects = {name for name in names if name in self._of_object}
        objects.update(pattern for name in names for pattern in self._patterns.fitting(name))
        for name in objects:
            by_check = self._of_object[name]
            for end in range(len(check) + 1):
                if (alike := by_check.get(check[:end])) is not None:
                    yield alike


class _Patterns:
    """Patterns by the rarest of the texts between their asterisks: a name that fits one holds that text."""

    def __init__(self, patterns: Iterable[str]) -> None:
        parts = {pattern: {part for part in pattern.split("*") if part} for pattern in patterns}
        shared = Counter(part for of_one in parts.values() for part in of_one)
        self._by_part: dict[str, list[str]] = {}
        for pattern, of_one in parts.items():
            rarest = min(of_one, key=lambda part: (shared[part], -len(part), part), default="")
            self._by_part.setdefault(rarest, []).append(pattern)
        self._lengths = sorted({len(part) for part in self._by_part})

    def fitting(self, name: str) -> Iterator[str]:
        """Yield the patterns that `name` fits, each once."""
        held = {
            name[start : start + length]
            for length in self._lengths
            for start in range(len(name) - length + 1 if length else 1)
        }
        for part in held & self._by_part.keys():
            yield from (pattern for pattern in self._by_part[part] if matches(pattern, name))
