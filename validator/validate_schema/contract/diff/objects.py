"""Checks, triggers, rules, functions, sequences and extensions that a contract declares.

They are compared as a catalog's are, with the same attributes: of those that were declared.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from ...model.catalog import Table, Trigger, View
from ...model.contract import AnyObject, ExpectedObject
from ...model.difference import Change
from ...model.finding import ObjectRef
from .keys import CONSTRAINT
from .kinds import EXTENSION, SEQUENCE
from .loop import NOTHING, Kind, Parent, differences
from .pairs import pair
from .programs import FUNCTION, RULE, TRIGGER
from .terms import Terms

_KINDS: dict[str, Kind[Any]] = {
    "check": CONSTRAINT,
    "trigger": TRIGGER,
    "rule": RULE,
    "sequence": SEQUENCE,
    "extension": EXTENSION,
}
_UNSAID = frozenset({"owner", "version"})  # another on every server: compared where they were declared


def declared_changes(
    expected: ExpectedObject, record: AnyObject, on: Table | View | None, default_schema: str
) -> tuple[Change, ...]:
    """Return what differs from a declared object to the one that there is; `on` is its table or view."""
    terms = Terms(default_schema, exact=False, maintain=False, renamed={})
    return tuple(_differences(expected, ExpectedObject.of(expected.kind, record), terms, (on, on)))


def objects(
    before: Sequence[ExpectedObject],
    after: Sequence[ExpectedObject],
    terms: Terms,
    lists: tuple[Sequence[str], Sequence[str]],
    on: Parent = NOTHING,
) -> Iterator[Change]:
    """Yield what differs between the objects that two declarations speak of; `lists` are the kinds of which
    either has all."""
    found = pair(before, after, lambda item: (item.kind, item.schema or terms.default_schema, item.label))
    for old, new in found.same:
        yield from _differences(old, new, terms, on)
    for old in found.removed:
        if old.kind in lists[1]:
            ref, described = _whole(old, terms, on[0])
            yield Change(kind="removed", object=ref, before=described)
    for new in found.added:
        if new.kind in lists[0]:
            ref, described = _whole(new, terms, on[1])
            yield Change(kind="added", object=ref, after=described)


def _whole(item: ExpectedObject, terms: Terms, on: Any) -> tuple[ObjectRef, str]:
    kind, record = _of(item, terms)
    return kind.ref(record, on, terms), kind.described(record, terms)


def _differences(old: ExpectedObject, new: ExpectedObject, terms: Terms, on: Parent) -> Iterator[Change]:
    kind, left = _of(old, terms)
    _, right = _of(new, terms)
    for change in differences(kind, left, right, kind.ref(right, on[1], terms), terms, on=on):
        of_a_role = change.what.startswith("privileges of ")
        if not of_a_role and _said(old, change.what) and _said(new, change.what):
            yield change


def _said(item: ExpectedObject, what: str) -> bool:
    return what not in _UNSAID if item.said is None else what in item.said


def _of(item: ExpectedObject, terms: Terms) -> tuple[Kind[Any], Any]:
    """Return how an object is compared, and its record where an empty schema has become the default one."""
    record: Any = item.record
    if isinstance(record, Trigger) and not record.function.schema:
        record = replace(record, function=record.function._replace(schema=terms.default_schema))
    elif getattr(record, "schema", None) == "":
        record = replace(record, schema=terms.default_schema)
    return _KINDS.get(item.kind, FUNCTION), record
