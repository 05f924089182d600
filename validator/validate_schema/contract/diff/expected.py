"""Columns, policies and privileges of one table that two declarations speak of."""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ...model.catalog import QName
from ...model.contract import ExpectedColumn, ExpectedPolicy, ExpectedTable
from ...model.difference import Change
from ...model.finding import ObjectRef
from .changes import Property, added, changed, names, removed, renamed, yes_no
from .pairs import pair
from .policies import admits, described, parts
from .terms import Terms

_NUMBERED = "numbered by the database"


class Side(NamedTuple):
    """What one declaration says of a table. `full`: it was read from a catalog, so that whatever it does
    not hold is not there."""

    table: ExpectedTable
    full: bool

    @property
    def whole(self) -> bool:
        """Whether it has all of the table's columns, keys and indexes."""
        return self.full or self.table.complete


def columns(on: QName, before: Side, after: Side, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the columns. What either side leaves open is no difference."""
    found = pair(before.table.columns, after.table.columns, lambda c: c.name)
    for old, new in found.same:
        yield from changed(_column(on, new), list(_properties(old, new, terms)))
    for old in found.removed if after.whole else ():
        yield removed(_column(on, old), _described(old))
    for new in found.added if before.whole else ():
        yield added(_column(on, new), _described(new))


def _column(on: QName, column: ExpectedColumn) -> ObjectRef:
    return ObjectRef.on_table("column", on, column.name)


def _properties(old: ExpectedColumn, new: ExpectedColumn, terms: Terms) -> Iterator[Property]:
    if old.type is not None and new.type is not None:
        yield Property("type", old.type, new.type, not terms.type(old.type, new.type))
    if old.nullable is not None and new.nullable is not None:
        yield Property("nullable", yes_no(old.nullable), yes_no(new.nullable))
    if old.default_declared and new.default_declared:
        same = old.counter == new.counter and terms.expression(old.default, new.default, new.type or old.type)
        yield Property(
            "default", _default(old), _default(new), not same and not (old.counter and new.counter)
        )


def _default(column: ExpectedColumn) -> str:
    return _NUMBERED if column.counter else column.default or "none"


def _described(column: ExpectedColumn) -> str:
    words = [column.type or "of any type"]
    words += ["not null"] if column.nullable is False else []
    words += [_NUMBERED] if column.counter else []
    words += [f"default {column.default}"] if column.default is not None else []
    return " ".join(words)


def policies(on: QName, before: Side, after: Side, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the policies, which a declaration need not list all."""

    def alike(old: ExpectedPolicy, new: ExpectedPolicy) -> bool:
        if _says_nothing(old) or _says_nothing(new):  # it would be like any other
            return False
        return not any(changed(_policy(on, new), _parts(old, new, before, after, terms)))

    found = pair(before.table.policies, after.table.policies, lambda p: p.name, alike)
    for old, new in found.same:
        yield from changed(_policy(on, new), _parts(old, new, before, after, terms))
    for old, new in found.renamed:
        yield renamed(_policy(on, new), old.name)
    for old in found.removed if after.full else ():
        yield removed(_policy(on, old), described(old), widens=not old.permissive)
    for new in found.added if before.full else ():
        yield added(_policy(on, new), described(new), widens=admits(new, terms))


def _policy(on: QName, policy: ExpectedPolicy) -> ObjectRef:
    return ObjectRef.on_table("policy", on, policy.name)


def _says_nothing(policy: ExpectedPolicy) -> bool:
    return policy.using is None and policy.check is None


def _parts(
    old: ExpectedPolicy, new: ExpectedPolicy, before: Side, after: Side, terms: Terms
) -> list[Property]:
    """Return the properties, without the conditions where a declaration gives none."""
    silent = any(_says_nothing(p) for p, side in ((old, before), (new, after)) if not side.full)
    found = parts(_plain(old), _plain(new), terms, active=True)
    return [p for p in found if not (silent and p.what in ("using", "check"))]


def _plain(policy: ExpectedPolicy) -> ExpectedPolicy:
    """Return the policy with its CHECK, where USING stands in for it, and PUBLIC as the catalog writes it.

    Source: PostgreSQL documentation, CREATE POLICY, WITH CHECK.
    """
    stands_in = policy.check is None and policy.command in ("ALL", "UPDATE")
    roles = tuple(sorted("PUBLIC" if r.upper() == "PUBLIC" else r for r in policy.roles))
    return replace(policy, check=policy.using if stands_in else policy.check, roles=roles)


def privileges(on: QName, before: Side, after: Side) -> Iterator[Change]:
    """Yield what roles may do on the table, of the roles that both speak of."""
    old = {g.role: frozenset(g.privileges) for g in before.table.grants}
    new = {g.role: frozenset(g.privileges) for g in after.table.grants}
    roles = {r for r in old if r in new or after.full} | {r for r in new if r in old or before.full}
    for role in sorted(roles):
        left, right = old.get(role, frozenset()), new.get(role, frozenset())
        if not (before.full and after.full):  # a server older than 17 does not know it
            left, right = left - {"MAINTAIN"}, right - {"MAINTAIN"}
        words = Property(
            f"privileges of {role}",
            names(sorted(left)) or "none",
            names(sorted(right)) or "none",
            widens=left < right,
        )
        yield from changed(ObjectRef.of_table(on), [words])
