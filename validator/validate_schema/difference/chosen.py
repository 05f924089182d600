"""Which changes somebody wants to see, or does not."""

from collections.abc import Iterable

from ..model.difference import Change

KINDS = (
    "table", "column", "primary key", "unique", "foreign key", "check", "exclusion", "index", "policy",
    "trigger", "view", "materialized view", "function", "procedure", "enum", "domain", "sequence", "schema",
    "extension", "event trigger", "publication", "default privileges",
)  # fmt: skip
PROPERTIES = ("owner", "privileges", "name", "validated", "row-level security")
WORDS = (*KINDS, *PROPERTIES)


def chosen(changes: Iterable[Change], only: Iterable[str], ignored: Iterable[str]) -> tuple[Change, ...]:
    """Return the changes that are of one of the kinds `only` (none: of any) and of none of `ignored`.

    A kind is an object's (``index``) or a property's (``owner``; ``name``: what was renamed).
    """
    wanted, unwanted = frozenset(only), frozenset(ignored)
    return tuple(c for c in changes if (not wanted or wanted & _words(c)) and not unwanted & _words(c))


def _words(change: Change) -> frozenset[str]:
    about = "privileges" if change.what.startswith("privileges of ") else change.what
    about = "row-level security" if about == "forced row-level security" else about
    return frozenset((change.object.kind, about))
