"""Whose rights something acts with, and which tables the policies leave open to them.

Source: PostgreSQL documentation, "Row Security Policies", CREATE FUNCTION (SECURITY DEFINER) and CREATE VIEW
(security_invoker).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from ..facts.facts import Facts
from ..facts.roles import data_roles
from ..model import catalog as cat
from ..model import reading
from ..model.catalog import Function
from ..model.tenancy import TableClass
from ..model.wording import first_of
from ..sql import syntax
from ..sql.parser import Unreadable
from ..sql.routines import read_body
from .calls import is_trusted
from .doors import has_door, says_anything

_SHOWN = 50
_OPEN = (reading.Reach.UNSAFE, reading.Reach.UNVERIFIED)
_OWNS = ("ALTER TABLE", "using", reading.Reach.UNVERIFIED, "its owner may take the policies away")
ROW_PRIVILEGES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})


def escapes(role: str, table: cat.Table, facts: Facts) -> bool:
    """Tell whether the policies of `table` do not hold for what runs as `role`.

    Source: PostgreSQL documentation, "Row Security Policies": superusers, BYPASSRLS, and whoever has
    the rights of the owner while row security is not forced.
    """
    if facts.memberships.bypasses(role) or not table.row_security:
        return True
    return not table.force_row_security and facts.memberships.has(role, table.owner)


def why_escapes(role: str, tables: Iterable[cat.Table], facts: Facts) -> str:
    """Return in words why the policies of one of `tables` do not hold for `role`."""
    known = facts.roles.get(role)
    if known is not None and known.superuser:
        return "a superuser"
    if known is not None and known.bypassrls:
        return "a role with BYPASSRLS"
    escaped = [t for t in tables if escapes(role, t, facts)]
    open_child = next((t for t in escaped if not t.row_security), None)
    if open_child is not None:
        return f"whom nothing holds back on {facts.show(open_child.qname)}, where row security is off"
    names = first_of([facts.show(t.qname) for t in escaped], _SHOWN)
    return f"the owner of {names}, where row security is not forced"


class Opening(NamedTuple):
    """A table that is open to what acts with the rights of `role`; no `judgement`: no policy holds for it.
    `role` is "" for the rows that a materialized view keeps, where none ever does."""

    table: cat.Table
    role: str
    judgement: reading.Judgement | None = None

    @property
    def certain(self) -> bool:
        """Whether it was shown to be open; else what the policies say was not decided."""
        return self.judgement is None or self.judgement.reach is reading.Reach.UNSAFE


def openings(
    role: str | None,
    names: Iterable[cat.QName],
    facts: Facts,
    verbs: Iterable[str],
    users: Iterable[str] = (),
) -> tuple[Opening, ...]:
    """Return the guarded tables below these relations that are open, or may be, to what runs the verbs as
    `role`: no policy holds for it, or those that do let rows of other tenants pass. `users` are who
    CURRENT_USER can be in a view. Without a role, only what views read with the rights of their owners.

    What a policy opens to the app roles in the same way is left out: the policy's own finding tells it.
    """
    found = []
    wanted, asked = frozenset(verbs), frozenset(users)
    for name, actor in dict.fromkeys(reached(names, role, facts)):
        opening = _opening(actor, facts.tables_by_name[name], facts, wanted, asked)
        found += [opening] if opening is not None else []
    return tuple(found)


def reached(names: Iterable[cat.QName], role: str | None, facts: Facts) -> Iterator[tuple[cat.QName, str]]:
    """Yield the guarded tables below relations, each with the role whose rights count there."""
    below = facts.once(_below_views)
    for name in names:
        table = facts.tables_by_name.get(name)
        guarded = ((name, None),) if table is not None and is_guarded(table, facts) else below.get(name, ())
        for reached, actor in guarded:
            rights = role if actor is None else actor
            if rights is not None:
                yield reached, rights


def _below_views(facts: Facts) -> dict[cat.QName, tuple[tuple[cat.QName, str | None], ...]]:
    """Return for each view the guarded tables that it reads, each with the role whose rights count there: its
    owner, that of a view below it, "" of none in a materialized view, None for whoever reads it. Views that
    lead back to themselves, which no statement can read, are left out."""
    views = facts.views_by_name
    order = TopologicalSorter({n: [d for d in v.depends_on if d in views] for n, v in views.items()})
    with suppress(CycleError):  # those outside the circle come all the same
        order.prepare()
    found: dict[cat.QName, tuple[tuple[cat.QName, str | None], ...]] = {}
    while order.is_active():
        for name in order.get_ready():
            found[name] = tuple(dict.fromkeys(_below(views[name], found, facts)))
            order.done(name)
    return found


def _below(
    view: cat.View, known: Mapping[cat.QName, tuple[tuple[cat.QName, str | None], ...]], facts: Facts
) -> Iterator[tuple[cat.QName, str | None]]:
    stored = view.kind != "view"
    for name in view.depends_on:
        table = facts.tables_by_name.get(name)
        if table is not None and is_guarded(table, facts):
            yield name, "" if stored else None if view.security_invoker else view.owner
        else:
            yield from ((reached, "" if stored else actor) for reached, actor in known.get(name, ()))


def _opening(
    role: str, table: cat.Table, facts: Facts, verbs: frozenset[str], users: frozenset[str]
) -> Opening | None:
    if not role or escapes(role, table, facts):
        return Opening(table, role)
    judged = [
        j
        for j in facts.owner_judgements.get((table.qname, role), ())
        if j.reach in _OPEN and j.command in verbs and (not j.user or j.user in users)
    ]
    ours = [
        j
        for j in facts.judgements.get(table.qname, ())
        if j.role in (facts.app_roles or ("PUBLIC",))
        and may(table.owner, table.grants, table.columns, facts, j.command)
    ]
    told = {(j.command, j.half, j.policy, j.reach) for j in ours}
    new = [j for j in judged if (j.command, j.half, j.policy, j.reach) not in told]
    return min((Opening(table, role, j) for j in new), key=lambda found: not found.certain, default=None)


def users_of(
    owner: str, grants: Iterable[cat.Grant], facts: Facts, privileges: Iterable[str]
) -> tuple[str, ...]:
    """Return the app roles, or PUBLIC, that hold one of these privileges or own the object. Members of
    pg_read_all_data and pg_write_all_data hold theirs on every relation.

    When no app role is known: every grantee that is subject to policies, but for the owner.
    """
    wanted = set(privileges)
    holders = {g.grantee for g in grants if wanted.intersection(g.privileges)}
    if facts.app_roles:
        able = holders | {owner} | data_roles(wanted)
        users = [r for r in facts.app_roles if able & facts.grantees_of(r)]
        return tuple(users) or (("PUBLIC",) if "PUBLIC" in holders else ())
    return tuple(sorted(g for g in holders - {owner} if not facts.memberships.bypasses(g)))


def may(
    owner: str, grants: Iterable[cat.Grant], columns: Iterable[cat.Column], facts: Facts, *privileges: str
) -> tuple[str, ...]:
    """Return the app roles, or PUBLIC, that hold one of the privileges on a relation or a column of it."""
    given = [*grants, *(grant for column in columns for grant in column.grants)]
    return users_of(owner, given, facts, privileges)


def why_open(found: Iterable[Opening], facts: Facts) -> str:
    """Return in words as whom something acts, and why the tables are open to it."""
    found = tuple(found)
    past = [opening for opening in found if opening.judgement is None]
    if past:
        role, tables = past[0].role, [o.table for o in past if o.role == past[0].role]
        if not role:
            return (
                f"a materialized view, which keeps the rows of {facts.show(tables[0].qname)} without policies"
            )
        return f"{role}, {why_escapes(role, tables, facts)}"
    opening = next((o for o in found if o.certain), found[0])
    policy = opening.judgement.policy if opening.judgement is not None else None
    name = facts.show(opening.table.qname)
    which = f"policy {policy} on {name}" if policy else f"the policies on {name} together"
    if opening.judgement is not None and opening.judgement.command == _OWNS[0]:
        return f"{opening.role}, who owns {name} and may take its policies away"
    if opening.certain:
        return f"{opening.role}, to whom {which} {'opens' if policy else 'open'} the rows of every tenant"
    return f"{opening.role}, for whom {which} could not be read to the end"


def verbs_of(function: Function) -> frozenset[str]:
    """Return what the statements of a function do to rows: all of it where they cannot be read."""
    try:
        body = read_body(function.language, function.body or "", function.arguments, function.returns or "")
    except Unreadable:
        return ROW_PRIVILEGES
    found = {"SELECT"}
    for node in syntax.walk(*body.statements):
        match node:
            case syntax.Insert(conflict=conflict):
                found |= {"INSERT", "UPDATE"} if conflict is not None else {"INSERT"}
            case syntax.Update():
                found.add("UPDATE")
            case syntax.Delete():
                found.add("DELETE")
            case syntax.Unknown(kind="MergeStmt"):
                return ROW_PRIVILEGES
    return frozenset(found)


def nearest_above(guards: Iterable[cat.Table], facts: Facts) -> dict[cat.QName, cat.Table]:
    """Return, for each table that is a partition or inheritance child of one of `guards` at any depth, the
    nearest of these.

    All go down together, a generation at a time; of two as near, the one counts that is above the parent
    that a child names first.
    """
    found: dict[cat.QName, cat.Table] = {}
    layer = {guard.qname: guard for guard in guards}
    while layer:
        below = {child.qname: child for name in layer for child in facts.children.get(name, ())}
        reached = {}
        for name, child in below.items():
            if name not in found:
                parents = (*((child.parent,) if child.parent else ()), *child.inherits)
                reached[name] = next(layer[parent] for parent in parents if parent in layer)
        found |= reached
        layer = reached
    return found


def _guards(table: cat.Table, facts: Facts) -> bool:
    owned = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
    return table.row_security and facts.class_of(table.qname) in owned


def _guarded(facts: Facts) -> frozenset[cat.QName]:
    guards = [t for t in facts.catalog.tables if _guards(t, facts)]
    return frozenset((*(t.qname for t in guards), *nearest_above(guards, facts)))


def is_guarded(table: cat.Table, facts: Facts) -> bool:
    """Tell whether row security is meant to guard the table's rows: it is on for a table of the
    tenants, or for one that this is a partition or child of."""
    return table.qname in facts.once(_guarded)


def may_reach(function: Function, role: str | None, facts: Facts) -> tuple[Opening, ...]:
    """Return the guarded tables that are open to what a function does by itself with the rights of `role`:
    all that are open to the role where its body cannot be read, or has a statement by which anything may come
    to pass. Without a role, the policies of whoever
    calls it hold."""
    if role is None or (function.touches is None and (is_trusted(function) or function.extension)):
        return ()
    alias = function.language == "internal" and not is_trusted(function)
    door = has_door(function, facts)
    if function.touches is None or alias or door:
        found = past_guards(role, facts)
        return found or (at_mercy_of(role, facts) if door or alias or says_anything(function, facts) else ())
    return openings(role, function.touches, facts, verbs_of(function))


def past_guards(role: str, facts: Facts) -> tuple[Opening, ...]:
    """Return the guarded tables whose policies do not hold for a role, or may open them to it."""
    known = facts.once(_past_guards)
    if role not in known:
        guarded = [t.qname for t in facts.catalog.tables if is_guarded(t, facts)]
        known[role] = openings(role, guarded, facts, ROW_PRIVILEGES)
    return known[role]


def at_mercy_of(role: str, facts: Facts) -> tuple[Opening, ...]:
    """Return the guarded tables whose policies what runs as a role may take away, for it has their owner's
    rights."""
    tables = (
        t for t in facts.catalog.tables if is_guarded(t, facts) and facts.memberships.has(role, t.owner)
    )
    return tuple(Opening(t, role, reading.Judgement(t.qname, role, *_OWNS)) for t in tables)


def _past_guards(_: Facts) -> dict[str, tuple[Opening, ...]]:
    return {}  # what was said of each so far
