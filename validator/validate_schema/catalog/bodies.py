"""Which relations a function's body reads or writes, told by parsing it."""

from ..sql.parser import Unreadable
from ..sql.routines import read_body
from ..sql.syntax import relations
from .names import Named


def mentioned(language: str, body: str, arguments: str, returns: str) -> frozenset[Named] | None:
    """Return (schema or "", name) of every relation that the body names; None if it cannot be read.

    `arguments` and `returns` are as `pg_get_function_arguments` and `pg_get_function_result` print
    them. Only SQL and PL/pgSQL can be parsed. A body that builds statements at run time (EXECUTE)
    could touch anything, so it is None as well.
    """
    try:
        statements = read_body(language, body, arguments, returns).statements
    except Unreadable:
        return None
    return frozenset((table.schema, table.name) for table in relations(*statements))
