"""Whether two statements, printed by two versions of the server, are the same."""

from typing import Any

from .nodes import messages, name_parts
from .parser import Unreadable, deparse, parse_messages

_ROWS = frozenset({"old", "new", "excluded"})


def same_statement(before: str, after: str) -> bool:
    """Tell whether both texts are the same statements but for layout, and for the table that the name
    of a column is written with: PostgreSQL 16 leaves out what 15 prints."""
    if before == after:
        return True
    try:
        first, second = ([_plain(raw.stmt) for raw in parse_messages(text)] for text in (before, after))
    except Unreadable:
        return False
    return first == second


def _plain(statement: Any) -> str:
    _unqualify(statement)
    return deparse(statement)


def _unqualify(value: Any) -> None:
    """Leave of each column's name the last part, but for those of a rule's or trigger's own row."""
    for message in messages(value):
        for spec, inner in message.ListFields():
            if spec.message_type is None:
                continue
            if spec.name == "column_ref" and (name_parts(inner) or ("",))[0] not in _ROWS:
                del inner.fields[:-1]
            _unqualify(inner)
