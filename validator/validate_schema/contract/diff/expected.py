"""Tables that two declarations speak of, with their columns, policies and privileges."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from ...model.catalog import Grant
from ...model.contract import ExpectedColumn, ExpectedPolicy, ExpectedTable
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...model.wording import some
from .changes import grants, yes_no
from .expected_keys import keys, references
from .loop import Attribute, Kind, as_declared, compared, differences, field, qname
from .objects import objects
from .policies import POLICY, described
from .terms import Terms

_NUMBERED = "numbered by the database"


class Side(NamedTuple):
    """What one declaration says of a table. `full`: it was read from a catalog, so that whatever it does
    not hold is not there."""

    table: ExpectedTable
    full: bool

    @property
    def schema(self) -> str | None:
        return self.table.schema

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def owner(self) -> str | None:
        return self.table.owner

    @property
    def lists(self) -> tuple[str, ...]:
        """The kinds of checks, triggers and rules of which it has all."""
        return self.table.lists

    @property
    def whole(self) -> bool:
        """Whether it has all of the table's columns, keys and indexes."""
        return self.full or self.table.complete


def _parts(before: Side, after: Side, ref: ObjectRef, terms: Terms) -> Iterator[Change]:
    """Yield the changes of what hangs on a table. What either side leaves open is no difference; it need
    not list all policies."""
    on, whole, full = (after, after), (before.whole, after.whole), (before.full, after.full)
    yield from compared(_COLUMN, before.table.columns, after.table.columns, terms, on=on, whole=whole)
    yield from keys(before.table, after.table, terms, full=full, whole=whole)
    yield from references(before.table, after.table, terms, whole)
    yield from compared(_POLICY, _policies(before), _policies(after), terms, on=on, whole=full)
    yield from _privileges(before, after, ref, terms)
    yield from objects(before.table.objects, after.table.objects, terms, (before.lists, after.lists), on)


def _alike(old: Side, new: Side, terms: Terms) -> bool:
    names = [[column.name for column in side.table.columns] for side in (old, new)]
    if not names[0] or names[0] != names[1]:
        return False
    moved = terms._replace(renamed={qname(old, terms): qname(new, terms)})
    ref = ObjectRef.of_table(qname(new, terms))
    return all(change.kind == "renamed" for change in differences(TABLE, old, new, ref, moved))


TABLE: Kind[Side] = Kind(
    "table",
    (field("owner", "owner", as_declared),),
    described=lambda side, _: some(len(side.table.columns), "column"),
    key=lambda side: (side.schema, side.name),
    alike=_alike,
    shapes=lambda side, _: (tuple(c.name for c in side.table.columns),),
    parts=_parts,
)


def _same_default(old: ExpectedColumn, new: ExpectedColumn, terms: Terms) -> bool:
    if old.counter or new.counter:
        return old.counter and new.counter
    return terms.expression(old.default, new.default, new.type or old.type)


def _default(column: ExpectedColumn) -> str | None:
    if not column.default_declared:
        return None
    return _NUMBERED if column.counter else column.default or "none"


def _described(column: ExpectedColumn) -> str:
    words = [column.type or "of any type"]
    words += ["not null"] if column.nullable is False else []
    words += [_NUMBERED] if column.counter else []
    words += [f"default {column.default}"] if column.default is not None else []
    return " ".join(words)


_COLUMN: Kind[ExpectedColumn] = Kind(
    "column",
    (
        field("type", "type", as_declared, same=lambda o, n, terms: terms.type(o.type, n.type)),
        field("nullable", "nullable", lambda nullable: None if nullable is None else yes_no(nullable)),
        Attribute("default", lambda column, _: _default(column), _same_default),
    ),
    place="table",
    described=lambda column, _: _described(column),
)


class _Policy(NamedTuple):
    """A policy as the catalog would hold it. `open`: its declaration gives no condition, so that none is
    compared. `text` is the whole of it as it was declared."""

    name: str
    command: str
    roles: tuple[str, ...]
    permissive: bool
    using: str | None
    check: str | None
    open: bool
    text: str


def _policies(side: Side) -> list[_Policy]:
    return [_policy(policy, side.full) for policy in side.table.policies]


def _policy(policy: ExpectedPolicy, full: bool) -> _Policy:
    """Return the policy with its CHECK, where USING stands in for it, and PUBLIC as the catalog writes it.

    Source: PostgreSQL documentation, CREATE POLICY, WITH CHECK.
    """
    stands_in = policy.check is None and policy.command in ("ALL", "UPDATE")
    return _Policy(
        policy.name,
        policy.command,
        tuple(sorted("PUBLIC" if role.upper() == "PUBLIC" else role for role in policy.roles)),
        policy.permissive,
        policy.using,
        policy.using if stands_in else policy.check,
        open=not full and policy.using is None and policy.check is None,
        text=described(policy),
    )


def _same_policy(old: _Policy, new: _Policy, terms: Terms) -> bool:
    """Tell whether they differ by their names alone; one that says nothing would be like any other."""
    same = POLICY.alike is not None and POLICY.alike(old, new, terms)
    return same and not _says_nothing(old) and not _says_nothing(new)


def _says_nothing(policy: _Policy) -> bool:
    return policy.using is None and policy.check is None


_POLICY = replace(POLICY, described=lambda policy, _: policy.text, alike=_same_policy)


def _privileges(before: Side, after: Side, ref: ObjectRef, terms: Terms) -> Iterator[Change]:
    """Yield what roles may do on the table, of the roles that both speak of."""
    old, new = ({g.role: Grant(g.role, g.privileges) for g in side.table.grants} for side in (before, after))
    roles = {r for r in old if r in new or after.full} | {r for r in new if r in old or before.full}
    left, right = ([held[role] for role in roles if role in held] for held in (old, new))
    return grants(ref, terms, left, right, ("", ""))
