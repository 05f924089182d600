"""What taking back a migration would lose: it created what now holds rows, or removed what held some."""

from collections.abc import Iterable, Sequence

from ..ident import quote_ident
from ..model.catalog import QName
from ..model.difference import Change
from .changes import shown

_NAMED = 3
_WORDS = {
    ("added", "table"): "the rows of {}",
    ("added", "column"): "the values of {}",
    ("removed", "table"): "nothing more, but the rows of {} do not come back",
    ("removed", "column"): "nothing more, but the values of {} do not come back",
}
_RETYPED = "what fits the new type of {} and not the old one"


def losses(changes: Iterable[Change], default_schema: str = "public") -> tuple[str, ...]:
    """Return what is lost when `changes` are undone, in words; names as stored, within double quotes.

    Undoing drops the tables and columns that were added, with what was written to them since. What was
    dropped, or changed to another type, does not come back as it was.
    """
    found: dict[str, list[str]] = {}
    for change in changes:
        words = _RETYPED if change.what == "type" else _WORDS.get((change.kind, change.object.kind))
        if words and change.object.kind in ("table", "column"):
            found.setdefault(words, []).append(_named(change, default_schema))
    return tuple(
        words.format(_listed(found[words])) for words in (*_WORDS.values(), _RETYPED) if words in found
    )


def _named(change: Change, schema: str) -> str:
    ref = change.object
    table = shown(QName(ref.schema, ref.table), schema)
    return f"{table}.{quote_ident(ref.name)}" if ref.kind == "column" else table


def _listed(names: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(names))
    if len(distinct) <= _NAMED:
        return ", ".join(distinct)
    return f"{', '.join(distinct[:_NAMED])} and {len(distinct) - _NAMED} more"
