"""Whether two statements, printed by two versions of the server, are the same."""

from . import syntax as s
from .parser import Unreadable
from .reading import read_statements

_ROWS = frozenset({"old", "new", "excluded"})


def same_statement(before: str, after: str) -> bool:
    """Tell whether both texts are the same statements but for layout, and for the table that the name
    of a column is written with: PostgreSQL 16 leaves out what 15 prints."""
    if before == after:
        return True
    try:
        first, second = (
            [s.changed(node, _unqualified) for node in read_statements(x)] for x in (before, after)
        )
    except Unreadable:
        return False
    return first == second


def _unqualified(node: s.Node) -> s.Node:
    """Leave of a column's name the last part, but for those of a rule's or trigger's own row."""
    if isinstance(node, s.Column) and node.names[0] not in _ROWS:
        return s.Column(node.names[-1:])
    return s.Star() if isinstance(node, s.Star) and node.names and node.names[0] not in _ROWS else node
