"""Find out which object of one side is which of the other."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

_T = TypeVar("_T")


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
    certain: bool = True,
) -> Pairs[_T]:
    """Pair the objects of both sides by `name`, and what is left over by content.

    `alike` tells whether two objects differ by their names alone; None: a name is all there is. If
    `certain`, a renaming is said only where each is the only candidate of the other.
    """
    old, new = {name(item): item for item in before}, {name(item): item for item in after}
    same = tuple((item, new[key]) for key, item in old.items() if key in new)
    gone = [item for key, item in old.items() if key not in new]
    come = [item for key, item in new.items() if key not in old]
    renamed = _renamed(gone, come, alike, certain) if alike and gone and come else ()
    left, right = {id(a) for a, _ in renamed}, {id(b) for _, b in renamed}
    return Pairs(
        same,
        renamed,
        tuple(item for item in gone if id(item) not in left),
        tuple(item for item in come if id(item) not in right),
    )


def _renamed(
    gone: Sequence[_T], come: Sequence[_T], alike: Callable[[_T, _T], bool], certain: bool
) -> tuple[tuple[_T, _T], ...]:
    candidates = [(a, [b for b in come if alike(a, b)]) for a in gone]
    taken: set[int] = set()
    found = []
    for item, matches in candidates:
        if certain:
            rivals = [a for a, others in candidates if any(b is m for b in others for m in matches)]
            if len(matches) != 1 or len(rivals) != 1:
                continue
        free = [m for m in matches if id(m) not in taken]
        if free:
            taken.add(id(free[0]))
            found.append((item, free[0]))
    return tuple(found)
