"""What differs between two catalogs, object by object, and that in words."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from .finding import ObjectRef

ChangeKind = Literal["added", "removed", "changed", "renamed"]


class Change(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One difference from the catalog `before` to the catalog `after`.

    `object` is the object's name in the catalog that has it (the new name of a renamed one). `what`
    names the property that changed (type, nullable, default, definition, roles, …), and `before` and
    `after` are its values as people read them; of an added or removed object they describe the whole.
    `widens`: more rows or more roles get in than before. `perhaps` says what may have become of what was
    removed, and on which grounds.
    """

    kind: ChangeKind
    object: ObjectRef
    what: str = ""
    before: str = ""
    after: str = ""
    widens: bool = False
    perhaps: str = ""


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a comparison: `kind` is database, snapshot, migrations or contract, `name` what people
    call it, without a password; `server` is empty where no server was asked."""

    kind: str
    name: str
    server: str = ""


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from the schema `before` to the schema `after`.

    `objects` counts those that were looked at; `unseen` the changes that nobody wanted to see; `notes`
    say what could not be compared, `unread` what of it a side could not read. `default_schema` is the one
    that names are shown without.
    """

    before: Compared
    after: Compared
    changes: tuple[Change, ...]
    objects: int
    unseen: int = 0
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    default_schema: str = "public"

    @property
    def same(self) -> bool:
        """Whether nothing differs, and everything was read."""
        return not (self.changes or self.unread)


class Words(NamedTuple):
    """`object` with its kind, `what` of it differs (empty: the object as a whole is there or not), and
    what is there on either side."""

    object: str
    what: str
    before: str
    after: str

    @property
    def sides(self) -> tuple[str, str]:
        """Both sides, each to be read on its own."""
        prefix = f"{self.what}: " if self.what else ""
        return prefix + self.before, prefix + self.after


def change_words(change: Change, default_schema: str = "public") -> Words:
    """Return a change in words; objects of `default_schema` are named without it."""
    ref = change.object
    named = f"{ref.kind} {ref.label(default_schema)}"
    if change.kind in ("changed", "renamed"):
        return Words(named, change.what, change.before or "none", change.after or "none")
    nothing = "nothing", change.after or "there"
    return (
        Words(named, "", *nothing)
        if change.kind == "added"
        else Words(named, "", change.before or "there", _gone(change))
    )


def _gone(change: Change) -> str:
    return f"nothing; perhaps {change.perhaps}" if change.perhaps else "nothing"


KINDS = (
    "table", "column", "primary key", "unique", "foreign key", "check", "exclusion", "index", "policy",
    "trigger", "rule", "view", "materialized view", "function", "procedure", "aggregate", "window", "enum",
    "domain", "composite type", "range type", "base type", "shell type", "sequence", "schema", "extension",
    "event trigger", "publication", "subscription", "default privileges", "operator", "operator class",
    "operator family", "access method", "cast", "conversion", "transform", "collation", "language",
    "statistics", "text search parser", "text search template", "text search dictionary",
    "text search configuration", "foreign-data wrapper", "foreign server", "user mapping", "system object",
    "comment",
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
