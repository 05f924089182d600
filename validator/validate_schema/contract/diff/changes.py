"""Changes of one object, property by property."""

from collections.abc import Iterator, Sequence
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
