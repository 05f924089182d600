"""What the proof of one role comes to, and of all."""

from collections.abc import Sequence
from typing import NamedTuple

from ...model.isolation import Cell, Isolation, Tested, Unmet

_TIME_UP = "the time for the proof was up before everything was tried ([limits] proof_seconds)"


class Part(NamedTuple):
    """What the proof of one role came to: cells of what no rows could be made for, of tables, of views and
    functions, of effects; and what is told of the schema."""

    bare: list[Cell]
    tables: list[Cell]
    surfaces: list[Cell]
    effects: list[Cell]
    relaxed: tuple[str, ...]
    notes: tuple[str, ...]
    broken: tuple[str, ...]
    people: str
    unmet: tuple[Unmet, ...]
    tested: tuple[Tested, ...]
    late: bool


def whole(parts: Sequence[Part], lacks: tuple[str, ...]) -> Isolation:
    """Return what the proofs of all roles come to. A function is tested that said yes to the session's tenant
    as each."""
    first = parts[0]
    kinds = ("bare", "tables", "surfaces", "effects")
    late = (_TIME_UP,) if any(part.late for part in parts) else ()
    return Isolation(
        attempted=True,
        cells=tuple(cell for kind in kinds for part in parts for cell in getattr(part, kind)),
        relaxed=first.relaxed,
        notes=(*lacks, *first.notes, *late, *(note for part in parts for note in part.broken)),
        people=first.people,
        unmet=tuple(u for part in parts for u in part.unmet),
        tested=tuple(t for t in first.tested if all(t in part.tested for part in parts)),
    )
