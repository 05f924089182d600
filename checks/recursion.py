"""RLS: policies that lead back to their own table, on which the server gives up."""

from collections.abc import Iterator, Mapping
from contextlib import suppress

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import listed
from validate_schema.pack.sql import Unreadable, read_expression, syntax
from validate_schema.pack.subjects import TablePolicy

_MEMBER = """
        create table member (
            org_id uuid not null references organization (id),
            login text not null,
            primary key (org_id, login)
        );
        alter table member enable row level security;
        alter table member force row level security;
        grant select on member to app_user;
"""
_Graph = Mapping[cat.QName, frozenset[cat.QName]]


def policies_with_queries(facts: Facts) -> Iterator[TablePolicy]:
    """Policies of tables with row security on that read a table."""
    for table in facts.catalog.tables:
        if table.row_security:
            yield from (TablePolicy(table, p) for p in table.policies if _read_by(p, facts))


@check(
    "RLS020",
    "Policy that reads its own table",
    concern="integrity",
    subjects=policies_with_queries,
    severity=Severity.ERROR,
    remediable=False,
    why="The server applies the policy to what the policy reads, finds no end, and refuses every query of the table.",
    bad=f"{_MEMBER}"
    """
        create policy colleagues on member using (
            exists (select 1 from member m where m.org_id = member.org_id and m.login = current_setting('app.login', true))
        );
    """,
    good=f"{_MEMBER}"
    """
        create function my_orgs() returns setof uuid language sql stable security definer
            set search_path = pg_catalog, pg_temp as 'select null::uuid';
        create policy colleagues on member using (org_id in (select my_orgs()));
        create policy known on organization using (exists (select 1 from member m where m.org_id = organization.id));
        alter table organization enable row level security;
    """,
)
def reads_itself(subject: TablePolicy, facts: Facts) -> Flaw | None:
    """A policy reads its own table, or one whose policies lead back to it.

    Examined: policies with a sub-select. Fails when, for an app role (any role where none is known), a table that
    the policy reads leads back to the policy's own by policies for SELECT that read tables: the server ends such
    a statement with 42P17, "infinite recursion detected in policy". Of tables that lead to each other the first
    is told. A role that row security does not bind on the way ends it; so does a function, which is not looked into
    when a query is planned: SECURITY DEFINER ones read past the policies, others nest until the stack is full.
    Source: PostgreSQL source, rewriteHandler.c (fireRIRrules).
    """
    table, policy = subject
    for role in facts.app_roles or ("",):
        if role and not _applies(policy, role, facts):
            continue
        graph = facts.once(_graphs)[role]
        if not graph.get(table.qname):
            continue
        reached = _closure(graph, _read_by(policy, facts))
        if table.qname not in reached:
            continue
        circle = sorted(n for n in reached if table.qname in _closure(graph, graph.get(n, frozenset())))
        if policy.command in ("ALL", "SELECT") and circle and circle[0] < table.qname:
            return None  # told there
        others = [facts.show(n) for n in circle if n != table.qname]
        name = facts.show(table.qname)
        return Flaw(
            message=f"Policy {policy.name} on {name} leads back to {name}"
            + (f" by the policies of {listed(others)}" if others else "")
            + ": every such query fails",
            expected="no way back to the policy's own table",
            observed="42P17: infinite recursion detected in policy",
            remedy=Remedy(
                note="Read the table in a SECURITY DEFINER function with a search_path of its own, owned by a role "
                "that its policies do not bind, and call that."
            ),
        )
    return None


def _graphs(facts: Facts) -> dict[str, _Graph]:
    """Return for each app role ("" without any) the tables that reading each table reads by its policies."""
    return {role: _graph(role, facts) for role in facts.app_roles or ("",)}


def _graph(role: str, facts: Facts) -> _Graph:
    found: dict[cat.QName, frozenset[cat.QName]] = {}
    for table in facts.catalog.tables:
        if not table.row_security or (role and _exempt(role, table, facts)):
            continue
        policies = [p for p in table.policies if p.command in ("ALL", "SELECT")]
        applied = [p for p in policies if not role or _applies(p, role, facts)]
        found[table.qname] = frozenset[cat.QName]().union(*(_read_by(p, facts) for p in applied))
    return found


def _exempt(role: str, table: cat.Table, facts: Facts) -> bool:
    owns = facts.memberships.has(role, table.owner) and not table.force_row_security
    return owns or facts.memberships.bypasses(role)


def _applies(policy: cat.Policy, role: str, facts: Facts) -> bool:
    return any(facts.memberships.has(role, holder) for holder in policy.roles)


def _read_by(policy: cat.Policy, facts: Facts) -> frozenset[cat.QName]:
    """Return the tables that the policy reads, those behind views with the rights of who asks included."""
    texts = (policy.using or "", policy.check or "")
    known = facts.once(_known)
    if texts not in known:
        known[texts] = frozenset(name for text in texts if text for name in _tables_in(text, facts))
    return known[texts]


def _known(_: Facts) -> dict[tuple[str, str], frozenset[cat.QName]]:
    return {}  # what was said of each so far


def _tables_in(text: str, facts: Facts) -> Iterator[cat.QName]:
    with suppress(Unreadable):
        for relation in syntax.relations(read_expression(text)):
            name = cat.QName(relation.schema or facts.default_schema, relation.name)
            view = facts.views_by_name.get(name)
            if view is None:
                yield name
            elif view.security_invoker:
                yield from view.depends_on


def _closure(graph: _Graph, names: frozenset[cat.QName]) -> frozenset[cat.QName]:
    seen, queue = set(names), list(names)
    while queue:
        for name in graph.get(queue.pop(), frozenset()) - seen:
            seen.add(name)
            queue.append(name)
    return frozenset(seen)
