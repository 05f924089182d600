"""How to take back what the report proposes: the inverse of each remedy that has one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .escape import shown_sql

_ID = r'"(?:[^"]|"")+"'
_TABLE = rf"(?:{_ID}\.)?{_ID}"
_INVERSES = (
    (rf"ALTER TABLE ({_TABLE}) ADD CONSTRAINT ({_ID}) .*", r"ALTER TABLE \1 DROP CONSTRAINT IF EXISTS \2;"),
    (rf"ALTER TABLE ({_TABLE}) ALTER COLUMN ({_ID}) SET NOT NULL;?", r"ALTER TABLE \1 ALTER COLUMN \2 DROP NOT NULL;"),
    (rf"ALTER TABLE ({_TABLE}) ENABLE ROW LEVEL SECURITY;?", r"ALTER TABLE \1 DISABLE ROW LEVEL SECURITY;"),
    (rf"ALTER TABLE ({_TABLE}) FORCE ROW LEVEL SECURITY;?", r"ALTER TABLE \1 NO FORCE ROW LEVEL SECURITY;"),
    (rf"CREATE POLICY ({_ID}) ON ({_TABLE}) .*", r"DROP POLICY IF EXISTS \1 ON \2;"),
    (rf"CREATE (?:UNIQUE )?INDEX CONCURRENTLY ({_ID}) ON ({_ID}\.){_ID} .*", r"DROP INDEX CONCURRENTLY IF EXISTS \2\1;"),
    (rf"CREATE (?:UNIQUE )?INDEX ({_ID}) ON ({_ID}\.){_ID} .*", r"DROP INDEX IF EXISTS \2\1;"),
)
_PATTERNS = tuple((re.compile(pattern, re.DOTALL), inverse) for pattern, inverse in _INVERSES)
_VALIDATE = re.compile(rf"ALTER TABLE {_TABLE} VALIDATE CONSTRAINT {_ID};?")
_DROP_CONSTRAINT = re.compile(rf"ALTER TABLE ({_TABLE}) DROP CONSTRAINT (?:IF EXISTS )?({_ID});?")


@dataclass(frozen=True)
class Rollback:
    """`sql` undoes the remedies, last first; `by_hand` are the remedies without a known inverse."""

    sql: tuple[str, ...]
    by_hand: tuple[str, ...]


def rollback(statements: Iterable[str]) -> Rollback:
    """Return how to take back these statements, which were run in this order.

    A constraint that the statements add and drop again needs nothing. Validation is not undone: it
    changes no rule.
    """
    ran = tuple(dict.fromkeys(statements))
    temporary = {(m[1], m[2]) for s in ran if (m := _DROP_CONSTRAINT.fullmatch(s))}
    undone: list[str] = []
    by_hand: list[str] = []
    added: set[tuple[str, str]] = set()
    for statement in ran:
        added |= {(m[1], m[2]) for m in [_PATTERNS[0][0].fullmatch(statement)] if m}
        drop = _DROP_CONSTRAINT.fullmatch(statement)
        if _VALIDATE.fullmatch(statement) or (drop and (drop[1], drop[2]) in added):
            continue
        inverse = _inverse(statement, temporary)
        if inverse is None:
            by_hand.append(shown_sql(statement))
        elif inverse:
            undone.append(shown_sql(inverse))
    return Rollback(tuple(reversed(undone)), tuple(by_hand))


def _inverse(statement: str, temporary: set[tuple[str, str]]) -> str | None:
    """Return the inverse, an empty text where none is needed, None where none is known."""
    for pattern, inverse in _PATTERNS:
        match = pattern.fullmatch(statement)
        if match is None:
            continue
        if inverse.startswith(r"ALTER TABLE \1 DROP CONSTRAINT") and (match[1], match[2]) in temporary:
            return ""
        return match.expand(inverse)
    return None
