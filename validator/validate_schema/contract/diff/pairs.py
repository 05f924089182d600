"""Find out which object of one side is which of the other."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Generic, NamedTuple, TypeAlias, TypeVar

_T = TypeVar("_T")
_Shapes: TypeAlias = Callable[[_T], Iterable[Hashable]]


class Pairs(NamedTuple, Generic[_T]):
    """`same` have one name on both sides, `renamed` one content and another name."""

    same: tuple[tuple[_T, _T], ...]
    renamed: tuple[tuple[_T, _T], ...]
    removed: tuple[_T, ...]
    added: tuple[_T, ...]


def pair(
    before: Iterable[_T],
    after: Iterable[_T],
    name: Callable[[_T], Hashable],
    alike: Callable[[_T, _T], bool] | None = None,
    *,
    shapes: _Shapes[_T] = lambda _: ((),),
    certain: bool = True,
) -> Pairs[_T]:
    """Pair the objects of both sides by `name`, and what is left over by content.

    `alike` tells whether two objects differ by their names alone; None: a name is all there is. If
    `certain`, a renaming is said only where each is the only candidate of the other. Two objects that are
    alike share one of their `shapes`: no others are compared, so that the more these say, the fewer.
    """
    old, new = {name(item): item for item in before}, {name(item): item for item in after}
    same = tuple((item, new[key]) for key, item in old.items() if key in new)
    gone = [item for key, item in old.items() if key not in new]
    come = [item for key, item in new.items() if key not in old]
    renamed: tuple[tuple[_T, _T], ...] = ()
    if alike and gone and come:
        renamed = tuple((_only if certain else _first)(gone, come, alike, shapes))
    left, right = {id(a) for a, _ in renamed}, {id(b) for _, b in renamed}
    return Pairs(
        same,
        renamed,
        tuple(item for item in gone if id(item) not in left),
        tuple(item for item in come if id(item) not in right),
    )


def _only(
    gone: Sequence[_T], come: Sequence[_T], alike: Callable[[_T, _T], bool], shapes: _Shapes[_T]
) -> Iterator[tuple[_T, _T]]:
    """Yield the pairs of which each is the only candidate of the other. A second candidate settles it."""
    lost, found = _Shelf(gone, shapes), _Shelf(come, shapes)
    for item in gone:
        matches = list(islice((other for other in found.near(item) if alike(item, other)), 2))
        if len(matches) == 1:
            others = (other for other in lost.near(matches[0]) if other is not item)
            if not any(alike(other, matches[0]) for other in others):
                yield item, matches[0]


def _first(
    gone: Sequence[_T], come: Sequence[_T], alike: Callable[[_T, _T], bool], shapes: _Shapes[_T]
) -> Iterator[tuple[_T, _T]]:
    """Yield each with the first of its candidates that no other has taken."""
    found, taken = _Shelf(come, shapes), set[int]()
    for item in gone:
        free = (other for other in found.near(item) if id(other) not in taken and alike(item, other))
        match = next(free, None)
        if match is not None:
            taken.add(id(match))
            yield item, match


class _Shelf(Generic[_T]):
    """Objects by their shapes."""

    def __init__(self, items: Sequence[_T], shapes: _Shapes[_T]) -> None:
        self._shapes = shapes
        self._by_shape: dict[Hashable, list[_T]] = {}
        for item in items:
            for shape in shapes(item):
                self._by_shape.setdefault(shape, []).append(item)

    def near(self, item: _T) -> Iterable[_T]:
        """Return the objects that share a shape with `item`, each once."""
        found = [self._by_shape.get(shape, ()) for shape in self._shapes(item)]
        if len(found) == 1:
            return found[0]
        return {id(other): other for others in found for other in others}.values()
