"""How to take back what the report proposes: the inverse of each remedy that has one."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .escape import shown_sql

_ID = r'"(?:[^"]|"")+"'
_TABLE = rf"(?:{_ID}\.)?{_ID}"
_INVERSES = (
    (rf"ALTER TABLE ({_TABLE}) ADD CONSTRAINT ({_ID}) .*", r"ALTER TABLE \1 DROP CONSTRAINT IF EXISTS \2;"),
    (
        rf"ALTER TABLE ({_TABLE}) ALTER COLUMN ({_ID}) SET NOT NULL;?",
        r"ALTER TABLE \1 ALTER COLUMN \2 DROP NOT NULL;",
    ),
    (rf"ALTER TABLE ({_TABLE}) ENABLE ROW LEVEL SECURITY;?", r"ALTER TABLE \1 DISABLE ROW LEVEL SECURITY;"),
    (rf"ALTER TABLE ({_TABLE}) FORCE ROW LEVEL SECURITY;?", r"ALTER TABLE \1 NO FORCE ROW LEVEL SECURITY;"),
    (rf"CREATE POLICY ({_ID}) ON ({_TABLE}) .*", r"DROP POLICY IF EXISTS \1 ON \2;"),
    (
        rf"CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?({_ID}) ON ({_ID}\.){_ID} .*",
        r"DROP INDEX CONCURRENTLY IF EXISTS \2\1;",
    ),
    (
        rf"CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?({_ID}) ON ({_ID}\.){_ID} .*",
        r"DROP INDEX IF EXISTS \2\1;",
    ),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), inverse) for pattern, inverse in _INVERSES)
_VALIDATE = re.compile(rf"ALTER TABLE {_TABLE} VALIDATE CONSTRAINT {_ID};?")
# Rows that were given their tenant keep it.
_BACKFILL = re.compile(r"DO \$backfill\$ .*", re.DOTALL)
_BUILT = re.compile(rf"CREATE UNIQUE INDEX (?:CONCURRENTLY )?(?:IF NOT EXISTS )?({_ID}) ON ")
_TAKEN_OVER = re.compile(rf"^ALTER TABLE {_TABLE} ADD CONSTRAINT {_ID} .* USING INDEX ({_ID})", re.DOTALL)
_DROP_CONSTRAINT = re.compile(rf"ALTER TABLE ({_TABLE}) DROP CONSTRAINT (?:IF EXISTS )?({_ID});?")


@dataclass(frozen=True)
class Rollback:
    """`sql` undoes remedies, last first; `by_hand` are the places of the remedies without an inverse."""

    sql: tuple[str, ...]
    by_hand: tuple[int, ...]


def rollback(
    remedies: Iterable[tuple[str, ...]], known: Mapping[str, tuple[str, ...]] | None = None
) -> Rollback:
    """Return how to take back these remedies, which were run in this order.

    `known` has the inverses of statements whose words do not tell them: what a dropped object was.
    A remedy with one statement that has no inverse is left to a person as a whole: undoing half of it
    would be worse than leaving it.
    """
    undone: list[str] = []
    by_hand: list[int] = []
    for place, remedy in enumerate(remedies):
        inverses = _inverses(remedy, known or {})
        if inverses is None:
            by_hand.append(place)
        else:
            undone += map(shown_sql, inverses)
    return Rollback(tuple(dict.fromkeys(reversed(undone))), tuple(by_hand))


def _inverses(remedy: tuple[str, ...], known: Mapping[str, tuple[str, ...]]) -> list[str] | None:
    """Return the inverse statements in the remedy's own order, or None when one is not known.

    A constraint that the remedy adds and drops again needs nothing, nor does validation: it
    changes no rule. An index that was there before goes with the constraint that takes it over, so
    only who knows it can make it again.
    """
    built = {m[1] for s in remedy if (m := _BUILT.match(s))}
    dropped = {(m[1], m[2]) for s in remedy if (m := _DROP_CONSTRAINT.fullmatch(s))}
    added = {(m[1], m[2]) for s in remedy if (m := _PATTERNS[0][0].fullmatch(s))}
    passing = dropped & added
    out: list[str] = []
    for statement in remedy:
        drop = _DROP_CONSTRAINT.fullmatch(statement) or _PATTERNS[0][0].fullmatch(statement)
        if (
            _VALIDATE.fullmatch(statement)
            or _BACKFILL.fullmatch(statement)
            or (drop and (drop[1], drop[2]) in passing)
        ):
            continue
        taken = _TAKEN_OVER.search(statement)
        if taken and taken[1] in built:
            inverses = _plain(statement)
        else:
            inverses = known.get(statement) or (() if taken else _plain(statement))
        if not inverses:
            return None
        out += reversed(inverses)
    return out


def _plain(statement: str) -> tuple[str, ...]:
    """Return what follows from the statement's words alone."""
    return tuple(m.expand(inverse) for p, inverse in _PATTERNS if (m := p.fullmatch(statement)))[:1]
