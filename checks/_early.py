"""What a function says by its errors and messages, before a policy has looked at the row that it was given."""

from validate_schema.pack import Facts
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import Act, body_of, some_act
from validate_schema.pack.sql import Unreadable, plpgsql, syntax

_ROWS = ("new", "old")
_TEXTS = ("text", "character", "varchar", "bpchar", "citext", "name")


def speaks(function: cat.Function, facts: Facts) -> bool:
    """Tell whether a function, or one that it calls, may tell by RAISE or ASSERT what it found, or by the error of
    a cast of what stands in tenants' rows. Other errors are not looked at."""
    return some_act(function, None, facts, _says)


def _says(act: Act, facts: Facts) -> bool:
    function = act.function
    if function.language in ("c", "internal"):
        return False
    try:
        body = body_of(function)
    except Unreadable:
        return True
    nodes = [*syntax.walk(*body.statements), *(syntax.walk(body.function) if body.function else ())]
    return any(_raises(n) or _casts_words(n, facts) for n in nodes)


def _raises(node: syntax.Node) -> bool:
    return isinstance(node, plpgsql.Raise) or (isinstance(node, plpgsql.Other) and node.kind == "assert")


def _casts_words(node: syntax.Node, facts: Facts) -> bool:
    """Tell whether a cast may fail on the words of some row: of a column of text, other than of the row given."""
    if not isinstance(node, syntax.Cast) or node.type.names[-1] in _TEXTS:
        return False
    columns = (n for n in syntax.walk(node.arg) if isinstance(n, syntax.Column))
    return any(c.name in facts.once(_words) and c.names[0] not in _ROWS for c in columns)


def _words(facts: Facts) -> frozenset[str]:
    """Return what columns of text are called in the tables of the tenants."""
    return frozenset(
        c.name for t in facts.of_class(*OWNED) for c in t.columns if c.base_type.startswith(_TEXTS)
    )
