"""Changes of one object, property by property."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ...model.catalog import Grant, QName
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...sql.ident import quote_ident
from .terms import Terms


class Property(NamedTuple):
    """A property on both sides, in words. `differs` None: the words tell."""

    what: str
    before: str
    after: str
    differs: bool | None = None
    widens: bool = False


def added(ref: ObjectRef, described: str = "", *, widens: bool = False) -> Change:
    return Change(kind="added", object=ref, after=described, widens=widens)


def removed(ref: ObjectRef, described: str = "", *, widens: bool = False) -> Change:
    return Change(kind="removed", object=ref, before=described, widens=widens)


def renamed(ref: ObjectRef, old_name: str) -> Change:
    return Change(kind="renamed", object=ref, what="name", before=old_name, after=ref.name or ref.table)


def changed(ref: ObjectRef, properties: Sequence[Property]) -> Iterator[Change]:
    """Yield a change for each property that differs."""
    for p in properties:
        if p.before != p.after if p.differs is None else p.differs:
            yield Change(
                kind="changed", object=ref, what=p.what, before=p.before, after=p.after, widens=p.widens
            )


def grants(
    ref: ObjectRef, terms: Terms, before: Sequence[Grant], after: Sequence[Grant], owners: tuple[str, str]
) -> Iterator[Change]:
    """Yield what other roles than the owner may do that they might not before, and the reverse."""
    if before == after and owners[0] == owners[1]:
        return
    old, new = _held(before, owners[0], terms), _held(after, owners[1], terms)
    for grantee in sorted(old.keys() | new.keys()):
        left, right = old.get(grantee, frozenset()), new.get(grantee, frozenset())
        if left != right:
            yield Change(
                kind="changed",
                object=ref,
                what=f"privileges of {grantee}",
                before=_privileges(left),
                after=_privileges(right),
                widens=left < right,
            )


def _held(given: Sequence[Grant], owner: str, terms: Terms) -> dict[str, frozenset[str]]:
    lost = frozenset() if terms.maintain else frozenset({"MAINTAIN"})
    return {
        g.grantee: frozenset((*g.privileges, *(f"{p} WITH GRANT OPTION" for p in g.grantable)))
        - lost
        - {f"{p} WITH GRANT OPTION" for p in lost}
        for g in given
        if g.grantee != owner
    }


def _privileges(held: frozenset[str]) -> str:
    return ", ".join(sorted(held)) or "none"


def on_off(value: bool) -> str:
    return "on" if value else "off"


def yes_no(value: bool) -> str:
    return "yes" if value else "no"


def names(of: Sequence[str | None]) -> str:
    return ", ".join(name or "" for name in of)


def shown(name: QName, default_schema: str) -> str:
    """Return a relation's name as it stands in a description: without the default schema."""
    parts = (name.name,) if name.schema == default_schema else name
    return ".".join(map(quote_ident, parts))


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
        else Words(named, "", change.before or "there", "nothing")
    )


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
