"""EFF: views that read past the policies and keep to the tenant by a condition of their own."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, Undecided, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.remedies import ACCESS_EXCLUSIVE
from validate_schema.pack.rights import ROW_PRIVILEGES, Opening, openings, why_open
from validate_schema.pack.scoping import binds_the_tenant, judged_name, keeps_to_tenant, level_columns
from validate_schema.pack.sql import Unreadable, quote_qname, read_statements, syntax
from validate_schema.pack.subjects import uniques_of

from ._access import by_hand, may
from ._examples import INVOICE, OWN
from ._prose import bare_words

_NOT_PLAIN = re.compile(r"\b(?:JOIN|GROUP BY|DISTINCT|UNION|INTERSECT|EXCEPT|HAVING|LIMIT|OFFSET|WITH)\b")


class WrittenView(NamedTuple):
    """A view with its owner's rights over guarded tables, that an app role may use."""

    view: cat.View
    tables: tuple[Opening, ...]
    kept: bool = True

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("view", self.view.schema, name=self.view.name)


def owners_views(facts: Facts) -> Iterator[WrittenView]:
    """Views that read guarded tables past their policies and keep to the tenant by themselves."""
    yield from (found for found in views_past_policies(facts) if found.kept)


def views_past_policies(facts: Facts) -> Iterator[WrittenView]:
    """Views that read guarded tables past their policies."""
    facts.require_tenancy()
    for view in facts.catalog.views:
        if view.kind != "view" or view.security_invoker:
            continue
        users = may(view.owner, view.grants, view.altered, facts, *ROW_PRIVILEGES)
        tables = openings(None, (view.qname,), facts, ROW_PRIVILEGES, users)
        if tables:
            yield WrittenView(view, tables, keeps_to_tenant(view, facts))


@check(
    "EFF004",
    "View takes rows of other tenants",
    subjects=views_past_policies,
    severity=Severity.ERROR,
    explains=("surface",),
    why="Without WITH CHECK OPTION a view takes rows that it would not show: a tenant writes rows for another, with the owner's rights.",
    bad=f"""{INVOICE}
        create view my_invoice with (security_barrier = true) as select id, org_id, title from invoice {OWN};
        grant select, insert, update (title) on my_invoice to app_user;
    """,
    good=f"""{INVOICE}
        create view my_invoice with (security_barrier = true) as select id, org_id, title from invoice {OWN}
            with cascaded check option;
        grant select, insert, update (title) on my_invoice to app_user;
    """,
)
def written(subject: WrittenView, facts: Facts) -> Flaw | Undecided | None:
    """A view with its owner's rights lets rows be written that its own condition does not hold for.

    Examined: views that are not security_invoker and read protected tables as an owner whom no policy holds for.
    One that does not tie them to the tenant is BYP003's; who accepts that it shows them has not accepted that
    they are written. Of the others, fails when an app role or PUBLIC may INSERT or UPDATE
    through one that PostgreSQL updates automatically, and it has no CHECK OPTION, or a LOCAL one over a view
    that has none. Fails as well for a view over a table of memberships that asks who the person is and not which
    tenant, whatever it checks: he writes himself into any. Undecided where it checks, and INSERT with ON CONFLICT DO UPDATE may meet another tenant's row by a
    key without the tenant: the condition of the view is not asked of that row, and what it then is passes the check.
    Source: PostgreSQL documentation, CREATE VIEW, "Updatable Views".
    """
    view = subject.view
    written = ("INSERT", "UPDATE") if subject.kept else ("INSERT", "UPDATE", "DELETE")
    verbs = [verb for verb in written if not by_hand(view, verb)]
    writers = may(view.owner, view.grants, view.altered, facts, *verbs) if verbs else ()
    if not writers or not _updatable(view):
        return None
    name = facts.show(view.qname)
    if not subject.kept:
        return Undecided(f"rows are written through {name} as well as shown", told_by="BYP003", more=True)
    if _checked(view, facts):
        return _joining(view, verbs, name, facts) or _meets_others(subject, facts)
    before = "SET (check_option = local)" if view.check_option else "RESET (check_option)"
    return Flaw(
        message=f"{', '.join(writers)} may write rows of other tenants through {name}: it does not check what it takes",
        expected="WITH CASCADED CHECK OPTION, or no INSERT and UPDATE on the view",
        observed=f"{'LOCAL' if view.check_option else 'no'} CHECK OPTION, writes as {why_open(subject.tables, facts)}",
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER VIEW {quote_qname(view.qname)} SET (check_option = cascaded);",
                    (Step(f"ALTER VIEW {quote_qname(view.qname)} {before};"),),
                    ACCESS_EXCLUSIVE,
                ),
            ),
            note="Statements that wrote rows outside the tenant then fail, which is what is wanted.",
            lock="ACCESS EXCLUSIVE on the view for a moment",
        ),
    )


def _joining(view: cat.View, verbs: list[str], name: str, facts: Facts) -> Flaw | None:
    """Return the flaw of a view through which a person writes the tenant of a membership of his."""
    table, columns = _selected(view, facts)
    tenants = {m.tenant for m in facts.principals.memberships if m.table == table and m.asked}
    shown = [name for name, source in columns.items() if source in tenants]
    altered = [c for c in view.altered if c.name in shown]
    writers = may(view.owner, view.grants, altered, facts, *verbs) if shown else ()
    if table is None or not writers or binds_the_tenant(view, facts):
        return None
    return Flaw(
        message=f"{', '.join(writers)} may join any tenant through {name}: it asks who the person is, not which tenant",
        expected=f"no INSERT and UPDATE of {', '.join(shown)} through the view, or a condition on it",
        observed=f"writes {facts.show(table)}, with the rights of {view.owner}",
        remedy=Remedy(
            note="Let a function that checks an invitation write memberships, and take the privilege away here."
        ),
    )


def _selected(view: cat.View, facts: Facts) -> tuple[cat.QName | None, dict[str, str]]:
    """Return the table that a simple view writes to, and which of its columns each of the view's is."""
    try:
        (query,) = read_statements(view.definition)
    except Unreadable:
        return None, {}
    source = query.sources[0] if isinstance(query, syntax.Select) and len(query.sources) == 1 else None
    if not isinstance(source, syntax.Table) or not isinstance(query, syntax.Select):
        return None, {}
    values = [target.value for target in query.targets]
    pairs = zip(view.columns, values, strict=False)
    columns = {name: value.name for name, value in pairs if isinstance(value, syntax.Column)}
    name = cat.QName(source.schema or facts.default_schema, source.name)
    if name not in facts.views_by_name:
        return name, columns
    table, below = _selected(facts.views_by_name[name], facts)
    return table, {mine: below[its] for mine, its in columns.items() if its in below}


def _meets_others(subject: WrittenView, facts: Facts) -> Flaw | None:
    """Tell of a view with CHECK OPTION by which INSERT with ON CONFLICT DO UPDATE makes another tenant's row the
    session's own: who holds both verbs, the tenant column too, and names a key that does not hold the tenant."""
    view = subject.view
    source, shown = _selected(view, facts)
    inserts = () if by_hand(view, "INSERT") else may(view.owner, view.grants, view.altered, facts, "INSERT")
    for table in (o.table for o in subject.tables if o.table.qname == source):
        judged = facts.tables_by_name[judged_name(table.qname, facts)]
        own = {*level_columns(judged, facts).values(), facts.tenant_column(judged)} - {None}
        columns = [c for c in view.altered if shown.get(c.name) in own]
        updates = may(view.owner, view.grants, columns, facts, "UPDATE")
        writers = [user for user in inserts if user in updates]
        keys = (u for u in uniques_of(table) if u.valid and own.isdisjoint(u.columns))
        key = next((u for u in keys if set(shown.values()).issuperset(u.columns)), None)
        if not writers or key is None or own.isdisjoint(shown.values()):
            continue
        return Flaw(
            message=f"{', '.join(writers)} may take rows of other tenants through {facts.show(view.qname)}: INSERT with ON "
            f"CONFLICT meets them by {key.name}, and the view does not ask whose they were",
            expected=f"security_invoker, no UPDATE beside INSERT, or {key.name} with the tenant column",
            observed=f"INSERT and UPDATE, writes as {why_open(subject.tables, facts)}",
            severity=Severity.WARNING,
            undecided=True,
            remedy=Remedy(
                note=f"Make the view security_invoker; or REVOKE UPDATE on it, and grant it on the columns that tell "
                f"nothing of the tenant: GRANT UPDATE (…) ON {quote_qname(view.qname)}."
            ),
        )
    return None


def _checked(view: cat.View, facts: Facts) -> bool:
    """Tell whether the condition that ties a view to the tenant is checked of what is written: its own, and those of
    the views below it, which LOCAL leaves to their own CHECK OPTION. A view without any lets them check."""
    if view.check_option == "cascaded":
        return True
    below = [facts.views_by_name.get(name) for name in view.depends_on]
    views = [found for found in below if found is not None]
    if view.check_option == "local":
        return all(_checked(found, facts) for found in views)
    tied = all(_checked(found, facts) and keeps_to_tenant(found, facts) for found in views)
    return bool(views) and len(views) == len(below) and tied


def _updatable(view: cat.View) -> bool:
    """Tell whether PostgreSQL may update the view automatically: rather once too often."""
    text, depth, plain = bare_words(view.definition), 0, []
    for character in text:
        depth += (character == "(") - (character == ")")
        plain.append(character if depth == 0 else " ")
    return _NOT_PLAIN.search("".join(plain)) is None and len(view.depends_on) >= 1


@check(
    "EFF005",
    "View binds the tenant without a security barrier",
    subjects=owners_views,
    severity=Severity.ERROR,
    explains=("surface",),
    why="The planner may run the reader's own conditions before those of the view: a function or an error message shows rows that the view hides.",
    bad=f"""{INVOICE}
        create view my_invoice as select id, title from invoice {OWN};
        grant select on my_invoice to app_user;
    """,
    good=f"""{INVOICE}
        create view my_invoice with (security_barrier = true) as select id, title from invoice {OWN};
        grant select on my_invoice to app_user;
    """,
)
def barrier(subject: WrittenView, facts: Facts) -> Flaw | None:
    """A view keeps tenants apart by its own condition, and is no security barrier.

    Examined: views that are not security_invoker, read protected tables as an owner whom no policy holds for,
    and tie them to the tenant by their own condition. Fails when an app role or PUBLIC may read one without
    ``security_barrier``.
    Source: PostgreSQL documentation, "Rules and Privileges"; CREATE VIEW.
    """
    view = subject.view
    readers = may(view.owner, view.grants, view.altered, facts, "SELECT")
    if view.security_barrier or not readers:
        return None
    name = facts.show(view.qname)
    return Flaw(
        message=f"{name} hides other tenants' rows from {', '.join(readers)} by a condition that runs after theirs",
        expected="security_barrier = true, or security_invoker under the policies of the tables",
        observed=f"no security barrier, reads as {why_open(subject.tables, facts)}",
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER VIEW {quote_qname(view.qname)} SET (security_barrier = true);",
                    (Step(f"ALTER VIEW {quote_qname(view.qname)} RESET (security_barrier);"),),
                    ACCESS_EXCLUSIVE,
                ),
            ),
            note="Conditions of readers that are not leakproof then run on the tenant's rows alone: look at slow queries.",
            lock="ACCESS EXCLUSIVE on the view for a moment",
        ),
    )
