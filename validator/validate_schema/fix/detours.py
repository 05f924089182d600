"""An index that one remedy builds and a later one drops is a long way to nothing on a large table."""

import re
from collections.abc import Sequence

_NAME = r'"(?:[^"]|"")+"'
_BUILT = re.compile(rf"CREATE INDEX CONCURRENTLY (?:IF NOT EXISTS )?({_NAME}) ON ({_NAME})\.")
_DROPPED = re.compile(rf"DROP INDEX CONCURRENTLY ({_NAME})\.({_NAME});?$")


def without_detours(remedies: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the statements of each remedy without the pairs that build a plain index and drop it again.

    Unique ones stay: a foreign key may have been made on them in between.
    """
    built: set[tuple[str, str]] = set()
    undone: set[tuple[str, str]] = set()
    for statement in (s for remedy in remedies for s in remedy):
        if made := _BUILT.match(statement):
            built.add((made[2], made[1]))
        elif (gone := _DROPPED.match(statement)) and (gone[1], gone[2]) in built:
            undone.add((gone[1], gone[2]))
    return [tuple(s for s in remedy if _index(s) not in undone) for remedy in remedies]


def _index(statement: str) -> tuple[str, str] | None:
    if made := _BUILT.match(statement):
        return made[2], made[1]
    gone = _DROPPED.match(statement)
    return (gone[1], gone[2]) if gone else None
