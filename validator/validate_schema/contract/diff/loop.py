"""The one loop of every comparison: which records are the same object, and what differs on each.

What there is to compare about a kind of record is a table: for each attribute its name, its words, and
whether a difference lets more in. Two catalogs, two declarations, and one of each are compared by it.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from ...model.catalog import Grant, QName
from ...model.difference import Change
from ...model.finding import ObjectRef
from .changes import grants, names, short, yes_no
from .pairs import Pairs, pair
from .terms import Terms

R = TypeVar("R")
Parent = tuple[Any, Any]  # what the records hang on, on either side
Held = tuple[Sequence[Grant], str]  # privileges, and the owner, whose own are none
NOTHING: Parent = (None, None)


class Attribute(NamedTuple, Generic[R]):
    """A property of one kind of record: `what` it is called, and its `words`, None where a record leaves
    it open. Both sides are `same` if their words are, where nothing else tells. `widens`: the change from
    the one to the other lets more in. `since` is the snapshot format that first held it."""

    what: str
    words: Callable[[R, Terms], str | None]
    same: Callable[[R, R, Terms], bool] | None = None
    widens: Callable[[R, R, Terms], bool] | None = None
    since: int = 1

    def change(self, old: R, new: R, ref: ObjectRef, terms: Terms) -> Change | None:
        """Return the change from `old` to `new`, None where there is none."""
        if self.since > terms.format:
            return None
        before, after = self.words(old, terms), self.words(new, terms)
        if before is None or after is None:
            return None
        if self.same(old, new, terms) if self.same else before == after:
            return None
        widens = self.widens is not None and self.widens(old, new, terms)
        return Change(kind="changed", object=ref, what=self.what, before=before, after=after, widens=widens)


def field(
    what: str,
    name: str,
    write: Callable[[Any], str | None] = lambda value: value or "none",
    *,
    same: Callable[[Any, Any, Terms], bool] | None = None,
    widens: Callable[[Any, Any, Terms], bool] | None = None,
    since: int = 1,
) -> Attribute[Any]:
    """Return the attribute that is the record's field `name`; `write` puts it in words."""
    return Attribute(what, lambda record, _: write(getattr(record, name)), same, widens, since)


def flag(
    what: str, name: str, *, widens: Callable[[Any, Any, Terms], bool] | None = None, since: int = 1
) -> Attribute[Any]:
    return field(what, name, yes_no, widens=widens, since=since)


def listed(what: str, name: str, *, since: int = 1) -> Attribute[Any]:
    """Return the attribute that is a list, whose order says nothing."""
    return field(what, name, lambda items: names(sorted(items)) or "none", since=since)


def as_declared(value: str | None) -> str | None:
    """Write what a declaration may leave open."""
    return value


def dotted(name: Sequence[str] | None) -> str:
    return ".".join(name or ("none",))


def gains(name: str) -> Callable[[Any, Any, Terms], bool]:
    """Tell of a flag that it was off and is on."""
    return lambda old, new, _: getattr(new, name) and not getattr(old, name)


def loses(name: str) -> Callable[[Any, Any, Terms], bool]:
    """Tell of a flag that it was on and is off."""
    return lambda old, new, _: getattr(old, name) and not getattr(new, name)


def _gains_power(old: Any, new: Any, terms: Terms) -> bool:
    before, after = terms.powerful
    return new.owner in after and old.owner not in before


def _off(record: Any) -> bool:
    return record.enabled in ("disabled", "replica")


OWNER = field("owner", "owner", widens=_gains_power)
# Whether something that guards is on: off, it lets through.
ENABLED = field("enabled", "enabled", widens=lambda old, new, _: _off(new) and not _off(old))
_DETAILS_SINCE = 2


def qname(record: Any, terms: Terms) -> QName:
    """Return the whole name of what stands in a schema; a declaration may leave the default one out."""
    return QName(terms.default_schema if record.schema is None else record.schema, record.name)


def _own(record: Any, _: Any) -> Held | None:
    return (record.grants, record.owner) if hasattr(record, "grants") and hasattr(record, "owner") else None


def _never(*_: Any) -> bool:
    return False


@dataclass(frozen=True)
class Kind(Generic[R]):
    """How one kind of record is compared.

    `name` is None where the record knows it; `label` tells it apart from others of its `place`, and
    `described` says the whole of it. `key` pairs the records of both sides; of those left over, one is
    another under a new name where they are `alike`, which no two are without a common one of `shapes`.
    If not `certain`, the first candidate will do. `pairs` replaces all that. `parts` are what hangs on a
    record, `privileges` what is held on it, and by whom. `lets_in` tells of a record that one side alone
    has whether its coming lets more in, `held_back` whether its going does.
    """

    name: str | None
    attributes: tuple[Attribute[Any], ...] = ()
    place: Literal["table", "schema", "database"] = "schema"
    label: Callable[[R], str] = attrgetter("name")
    described: Callable[[R, Terms], str] = lambda *_: ""
    key: Callable[[R], Hashable] = attrgetter("name")
    alike: Callable[[R, R, Terms], bool] | None = None
    shapes: Callable[[R, Terms], Iterable[Hashable]] = lambda *_: ((),)
    certain: bool = True
    pairs: Callable[[Sequence[R], Sequence[R], Terms], Pairs[R]] | None = None
    parts: Callable[[R, R, ObjectRef, Terms], Iterable[Change]] = lambda *_: ()
    privileges: Callable[[R, Any], Held | None] = _own
    privileges_since: int = 1
    lets_in: Callable[[R, Terms], bool] = _never
    held_back: Callable[[R, Terms], bool] = _never
    since: int = 1

    def ref(self, record: Any, on: Any, terms: Terms) -> ObjectRef:
        """Name a record; `on` is what it hangs on."""
        kind = self.name or record.kind
        if self.place == "table":
            return ObjectRef.on_table(kind, qname(on, terms), self.label(record))
        if kind == "table":
            return ObjectRef.of_table(qname(record, terms))
        schema = qname(record, terms).schema if self.place == "schema" else ""
        return ObjectRef(kind, schema, name=self.label(record))

    def pair(self, before: Sequence[R], after: Sequence[R], terms: Terms) -> Pairs[R]:
        """Tell which record of one side is which of the other."""
        if self.pairs is not None:
            return self.pairs(before, after, terms)
        alike = self.alike
        return pair(
            before,
            after,
            self.key,
            None if alike is None else lambda old, new: alike(old, new, terms),
            shapes=lambda record: self.shapes(record, terms),
            certain=self.certain,
        )


_ANYTHING = ObjectRef("")


def same_content(attributes: tuple[Attribute[Any], ...]) -> Callable[[Any, Any, Terms], bool]:
    """Tell that two records differ in none of the attributes, and so by their names alone."""

    def alike(old: Any, new: Any, terms: Terms) -> bool:
        found = (attribute.change(old, new, _ANYTHING, terms) for attribute in attributes)
        return all(change is None for change in found) and not any(_details(old, new, _ANYTHING, terms))

    return alike


def compared(
    kind: Kind[R],
    before: Sequence[R],
    after: Sequence[R],
    terms: Terms,
    *,
    on: Parent = NOTHING,
    whole: tuple[bool, bool] = (True, True),
) -> Iterator[Change]:
    """Yield what differs between the records of both sides; `whole` says of each whether there is nothing
    but what it lists."""
    if kind.since <= terms.format and (before or after):
        yield from told(kind, kind.pair(before, after, terms), terms, on=on, whole=whole)


def told(
    kind: Kind[R],
    found: Pairs[R],
    terms: Terms,
    *,
    on: Parent = NOTHING,
    whole: tuple[bool, bool] = (True, True),
) -> Iterator[Change]:
    """Yield the changes of records that are paired already."""
    for old, new in (*found.same, *found.renamed):
        yield from _both(kind, old, new, terms, on)
    for old in found.removed if whole[1] else ():
        ref, words, widens = (
            kind.ref(old, on[0], terms),
            kind.described(old, terms),
            kind.held_back(old, terms),
        )
        yield Change(kind="removed", object=ref, before=words, widens=widens)
    for new in found.added if whole[0] else ():
        ref, words, widens = kind.ref(new, on[1], terms), kind.described(new, terms), kind.lets_in(new, terms)
        yield Change(kind="added", object=ref, after=words, widens=widens)


def _both(kind: Kind[R], old: R, new: R, terms: Terms, on: Parent) -> Iterator[Change]:
    if old is new or (old == new and kind.privileges(old, on[0]) == kind.privileges(new, on[1])):
        return
    ref = kind.ref(new, on[1], terms)
    if _other_name(old, new):
        called = _old_name(kind, old, new, terms)
        yield Change(kind="renamed", object=ref, what="name", before=called, after=ref.name or ref.table)
    yield from differences(kind, old, new, ref, terms, on=on)


def differences(
    kind: Kind[R], old: R, new: R, ref: ObjectRef, terms: Terms, *, on: Parent = NOTHING
) -> Iterator[Change]:
    """Yield what differs between two sides of one record, but for its name."""
    for attribute in kind.attributes:
        change = attribute.change(old, new, ref, terms)
        if change is not None:
            yield change
    yield from _details(old, new, ref, terms)
    yield from kind.parts(old, new, ref, terms)
    held, holds = kind.privileges(old, on[0]), kind.privileges(new, on[1])
    if held is not None and holds is not None and kind.privileges_since <= terms.format:
        yield from grants(ref, terms, held[0], holds[0], (held[1], holds[1]))


def _details(old: Any, new: Any, ref: ObjectRef, terms: Terms) -> Iterator[Change]:
    """Yield a change for each detail in which two records differ: they are named as SQL names them."""
    before, after = getattr(old, "details", ()), getattr(new, "details", ())
    if before == after or terms.format < _DETAILS_SINCE:
        return
    left, right = dict(before), dict(after)
    for word in dict.fromkeys((*left, *right)):
        texts = left.get(word), right.get(word)
        if not terms.statement(*texts):
            was, became = ("none" if text is None else short(text) for text in texts)
            yield Change(kind="changed", object=ref, what=word, before=was, after=became)


def _other_name(old: Any, new: Any) -> bool:
    """Tell whether both have a name, and it is another."""
    if not (old.name and new.name):
        return False
    return old.name != new.name or getattr(old, "schema", None) != getattr(new, "schema", None)


def _old_name(kind: Kind[Any], old: Any, new: Any, terms: Terms) -> str:
    label = kind.label(old)
    if kind.place != "schema" or old.schema == new.schema:
        return label
    return f"{qname(old, terms).schema}.{label}"
