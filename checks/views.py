"""BYP: views and materialized views that hand out rows past the policies of their tables."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.remedies import ACCESS_EXCLUSIVE
from validate_schema.pack.rights import ROW_PRIVILEGES, Opening, openings, why_open
from validate_schema.pack.scoping import Keeps, confinement, keeps_to_tenant
from validate_schema.pack.sql import quote_qname, quote_role

from ._access import holders_of, may, sources

_INVOKER = 150000  # the first version with security_invoker


class GuardedView(NamedTuple):
    """A view, or a materialized one, over tables whose row security is on."""

    view: cat.View
    tables: tuple[cat.Table, ...]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef(self.view.kind, self.view.schema, name=self.view.name)


def guarded_views(facts: Facts) -> Iterator[GuardedView]:
    """Views whose own query names a guarded table."""
    facts.require_tenancy()
    for view in facts.catalog.views:
        named = [n for n in view.depends_on if n in facts.tables_by_name]
        tables = sources(named, facts) if view.kind == "view" else ()
        if tables:
            yield GuardedView(view, tables)


def guarded_copies(facts: Facts) -> Iterator[GuardedView]:
    """Materialized views over guarded tables, directly or through views."""
    facts.require_tenancy()
    for view in facts.catalog.views:
        tables = sources(view.depends_on, facts) if view.kind == "materialized view" else ()
        if tables:
            yield GuardedView(view, tables)


def _routes(view: cat.View, facts: Facts) -> Iterator[cat.View]:
    """Yield the relation and the views over it that do not confine what they read, however deep."""
    seen = {view.qname}
    queue = deque([view])
    while queue:
        here = queue.popleft()
        yield here
        for other in facts.once(_readers_of).get(here.qname, ()):
            if other.kind == "view" and other.qname not in seen and not keeps_to_tenant(other, facts):
                seen.add(other.qname)
                queue.append(other)


def _readers_of(facts: Facts) -> dict[cat.QName, list[cat.View]]:
    """Return the views whose own query names each relation."""
    found: dict[cat.QName, list[cat.View]] = {}
    for view in facts.catalog.views:
        for name in dict.fromkeys(view.depends_on):
            found.setdefault(name, []).append(view)
    return found


def _readers(view: cat.View, facts: Facts) -> tuple[str, ...]:
    """Return the app roles, or PUBLIC, that read the view directly or through others over it."""
    found = (u for v in _routes(view, facts) for u in may(v.owner, v.grants, v.altered, facts, "SELECT"))
    return tuple(dict.fromkeys(found))


def _listed(tables: tuple[cat.Table, ...], facts: Facts) -> str:
    return ", ".join(facts.show(t.qname) for t in tables)


@check(
    "BYP003",
    "View past the policies of its tables",
    subjects=guarded_views,
    severity=Severity.ERROR,
    explains=("surface",),
    why="A view reads with its owner's rights: where no policy holds for the owner, whoever may read the view sees every tenant.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            paid boolean not null
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        create view open_invoice as select * from invoice where not paid;
        grant select on invoice, open_invoice to app_user;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            paid boolean not null
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        create view open_invoice with (security_invoker = true) as select * from invoice where not paid;
        grant select on invoice, open_invoice to app_user;
    """,
)
def view(subject: GuardedView, facts: Facts) -> Flaw | None:
    """A view over protected tables is read with rights for which their policies do not hold.

    Examined: views whose query names a table of the tenants whose row security is on. Fails when an
    app role or PUBLIC may read the view, or one over it; it is not security_invoker; and its owner
    is a superuser, has BYPASSRLS, has the rights of a table's owner where row security is not forced, or is a
    role that the policies open the rows of every tenant to. It passes when every table in its query is tied to the tenant context by a condition of
    the view's own. Views over other views are judged there.

    Not covered: functions that the view calls.
    Source: PostgreSQL documentation, CREATE VIEW (security_invoker), "Rules and Privileges".
    """
    view, tables = subject
    if view.security_invoker:
        return None
    readers = _readers(view, facts)
    writers = may(view.owner, view.grants, view.altered, facts, "INSERT", "UPDATE", "DELETE")
    users = tuple(dict.fromkeys((*readers, *writers)))
    verbs = ROW_PRIVILEGES if writers else ("SELECT",)
    found = openings(view.owner, [t.qname for t in tables], facts, verbs, users) if users else ()
    keeps = confinement(view, facts) if found else Keeps.KEPT
    if keeps is Keeps.KEPT:
        return None
    certain = keeps is Keeps.OPEN and any(o.certain for o in found)
    return _past(view, found, users, facts, certain=certain)


def _past(
    view: cat.View, found: tuple[Opening, ...], users: tuple[str, ...], facts: Facts, *, certain: bool
) -> Flaw:
    name = facts.show(view.qname)
    listed = _listed(tuple(o.table for o in found), facts)
    may_be = "shows" if certain else "may show"
    return Flaw(
        message=f"View {name} {may_be} every tenant's rows of {listed} to {', '.join(users)}",
        expected="security_invoker, or an owner for whom the policies hold",
        observed=f"reads as {why_open(found, facts)}",
        remedy=_as_invoker(view, tuple(o.table for o in found), facts),
        severity=None if certain else Severity.WARNING,
        undecided=not certain,
    )


def _as_invoker(view: cat.View, tables: tuple[cat.Table, ...], facts: Facts) -> Remedy:
    if facts.catalog.server.version_num < _INVOKER:
        return Remedy(
            note="PostgreSQL 15 brings security_invoker. Until then give the view to a role that owns no table "
            "and is subject to the policies, or add a condition on the tenant context to its query."
        )
    return Remedy(
        steps=(
            Step(
                f"ALTER VIEW {quote_qname(view.qname)} SET (security_invoker = true);", lock=ACCESS_EXCLUSIVE
            ),
        ),
        note=f"Whoever reads the view then needs SELECT on {_listed(tables, facts)}.",
        lock="ACCESS EXCLUSIVE on the view for a moment",
    )


@check(
    "BYP004",
    "Materialized view of every tenant's rows",
    subjects=guarded_copies,
    severity=Severity.ERROR,
    explains=("surface",),
    why="A materialized view is a copy of the rows that no policy can guard: whoever may read it sees every tenant.",
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            amount numeric not null
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        create materialized view turnover as select org_id, sum(amount) as total from invoice group by org_id;
        grant select on invoice, turnover to app_user;
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            amount numeric not null
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        create materialized view turnover as select org_id, sum(amount) as total from invoice group by org_id;
        create view own_turnover with (security_barrier = true) as select * from turnover
            where org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid);
        grant select on own_turnover to app_user;
    """,
)
def materialized_view(subject: GuardedView, facts: Facts) -> Flaw | None:
    """A materialized view over protected tables may be read by an app role or by PUBLIC.

    Examined: materialized views that read tables of the tenants whose row security is on, directly
    or through views. Row security cannot be switched on for them. It passes while no app role and
    not PUBLIC may read it, but for views over it that tie it to the tenant context.
    """
    view, tables = subject
    readers = _readers(view, facts)
    if not readers:
        return None
    name = facts.show(view.qname)
    holders = holders_of(view.grants, view.owner, readers, facts)
    target = quote_qname(view.qname)
    return Flaw(
        message=f"Materialized view {name} holds every tenant's rows of {_listed(tables, facts)}, open to {', '.join(readers)}",
        expected="no app role may read it, but through a view that filters by tenant",
        observed=f"readable by {', '.join(readers)}",
        remedy=Remedy(
            steps=tuple(
                Step(f"REVOKE ALL PRIVILEGES ON TABLE {target} FROM {quote_role(h)};") for h in holders
            ),
            note="Let the app read a view over it instead (security_barrier), with a condition on the tenant context.",
            lock="none on rows: only privileges change",
        ),
    )
