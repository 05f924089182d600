"""EFF: what a statement does to rows of other tenants, or tells of them, without naming them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.remedies import ACCESS_EXCLUSIVE
from validate_schema.pack.rights import ROW_PRIVILEGES, Act, Opening, acts_that, openings, why_open
from validate_schema.pack.scoping import binds_the_tenant, judged_name, keeps_to_tenant, level_columns
from validate_schema.pack.sql import Unreadable, quote_ident, quote_qname, read_body, read_statements, syntax
from validate_schema.pack.subjects import TableConstraint, uniques_of

from ._access import may, users_of

_THROUGH = " through "
_SPREADS = ("cascade", "set null", "set default")
_NOT_PLAIN = re.compile(r"\b(?:JOIN|GROUP BY|DISTINCT|UNION|INTERSECT|EXCEPT|HAVING|LIMIT|OFFSET|WITH)\b")
_PROSE = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", re.DOTALL)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_READS_OUTSIDE = re.compile(
    r"\bcurrent_setting\b|\bcurrent_user\b|\bsession_user\b|\bnow\s*\(", re.IGNORECASE
)
_TABLE = """
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            title text not null
        );
        create policy tenant_isolation on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        alter table invoice enable row level security;
        alter table invoice force row level security;
"""
_OWN = "where org_id = nullif(current_setting('app.tenant_id', true), '')::uuid"


def spreading_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of tenants' tables to tables of no tenant, or to another tenant's row of the root, that do more than
    refuse."""
    facts.require_tenancy()
    for table in facts.of_class(*OWNED):
        for key in table.foreign_keys:
            shared = facts.tables_by_name.get(key.references) if key.references else None
            own = shared is not None and facts.class_of(shared.qname) in OWNED
            if shared is None or (own and not _leads_to_others(table, key, facts)):
                continue
            if key.on_delete in _SPREADS or key.on_update in _SPREADS:
                yield TableConstraint(table, key)


def _leads_to_others(table: cat.Table, key: cat.Constraint, facts: Facts) -> bool:
    """Tell whether a key leads to a row of the root that is another tenant's: ``partner_id`` beside ``org_id``, the
    parent of a tenant."""
    standing = facts.standings.get(table.qname)
    own = {facts.tenant_column(table), *level_columns(table, facts).values()}
    whose = standing.path[:1] if standing is not None else ()
    return (
        key.references in facts.level_of_root and key.references not in whose and own.isdisjoint(key.columns)
    )


@check(
    "EFF003",
    "Change of a shared row reaches every tenant's rows",
    subjects=spreading_keys,
    severity=Severity.ERROR,
    explains=("rows",),
    why="Foreign keys act past row security: who may delete or renumber a shared row deletes or changes the rows of every tenant that refer to it.",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        setting = "app.tenant_id"
        app_roles = ["app_user"]
        global = ["tag"]
    """,
    bad="""
        create table tag (id integer primary key, label text not null);
        grant select, insert, update, delete on tag to app_user;
        create table invoice_tag (
            org_id uuid not null references organization (id),
            tag_id integer not null references tag (id) on delete cascade,
            primary key (org_id, tag_id)
        );
    """,
    good="""
        create table tag (id integer primary key, label text not null);
        grant select on tag to app_user;
        create table invoice_tag (
            org_id uuid not null references organization (id),
            tag_id integer not null references tag (id) on delete cascade,
            primary key (org_id, tag_id)
        );
    """,
)
def spreads(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A foreign key carries a change of a shared table into the rows of every tenant.

    Examined: foreign keys from root, tenant and inherited tables to tables of no tenant, and those to the root
    beside the tenant column (a partner, the parent of a tenant), with ON DELETE or ON UPDATE CASCADE, SET NULL or
    SET DEFAULT. Fails when an app role or PUBLIC may delete rows of the
    shared table, itself or through a view, or update the columns that the key refers to, and row security
    is off there. Undecided where it is on with a policy that lets such a role in, and where only a
    function with its owner's rights runs it: whose rows it reaches is not read. Source: PostgreSQL
    documentation, "Row Security Policies" (referential integrity checks bypass it), CREATE TABLE.
    """
    table, key = subject
    shared = facts.tables_by_name[key.references] if key.references else None
    if shared is None:
        return None
    ways = [
        (verb, users)
        for verb, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update))
        if action in _SPREADS and (users := _starters(verb, shared, key.referenced_columns, facts))
    ]
    if not ways:
        return None
    verbs = " and ".join(verb for verb, _ in ways)
    who = ", ".join(dict.fromkeys(user for _, users in ways for user in users))
    name, other = facts.show(table.qname), facts.show(shared.qname)
    unsure = shared.row_security or all(_THROUGH in user for _, users in ways for user in users)
    actions = [
        f"ON {verb} {key.on_delete if verb == 'DELETE' else key.on_update}".upper() for verb, _ in ways
    ]
    return Flaw(
        message=f"{verbs} on {other} by {who} reaches the rows of every tenant in {name} through {key.name}",
        expected=f"no {verbs} on {other} for an app role, or a key that refuses (NO ACTION, RESTRICT)",
        observed=", ".join(actions),
        severity=Severity.WARNING if unsure else None,
        undecided=unsure,
        remedy=_take(
            shared, [verb for verb, _ in ways], [user for _, users in ways for user in users], facts
        ),
    )


def _starters(verb: str, table: cat.Table, columns: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    """Return who may start the change: on the table itself, through a view over it, or on a shared table from
    which keys carry it here."""
    users = dict.fromkeys((*_may(verb, table, columns, facts), *_by_functions(verb, table, columns, facts)))
    for view in facts.catalog.views:
        if table.qname in view.depends_on and not view.security_invoker and not _by_hand(view, verb):
            users |= dict.fromkeys(may(view.owner, view.grants, view.altered, facts, verb))
    seen, queue = {table.qname}, [table]
    while queue:
        for key in queue.pop().foreign_keys:
            above = facts.tables_by_name.get(key.references) if key.references else None
            if above is None or above.qname in seen or facts.class_of(above.qname) in OWNED:
                continue
            for started, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
                carries = (
                    action == "cascade" if verb == "DELETE" and started == "DELETE" else action in _SPREADS
                )
                if carries and started == verb:
                    seen.add(above.qname)
                    queue.append(above)
                    users |= dict.fromkeys(_may(started, above, key.referenced_columns, facts))
                    users |= dict.fromkeys(_by_functions(started, above, key.referenced_columns, facts))
    return tuple(users)


def _by_functions(verb: str, table: cat.Table, columns: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    """Return who may run the statement by way of a function with its owner's rights, and of which."""
    found = [c for c in facts.once(_changes).get(table.name, ()) if c.verb == verb]
    return tuple(
        f"{', '.join(c.users)}{_THROUGH}{facts.show(c.function)}()"
        for c in found
        if c.schema in ("", table.schema) and (verb == "DELETE" or c.columns.intersection(columns))
    )


class Change(NamedTuple):
    """A DELETE, or an UPDATE of some columns, in a function with its owner's rights that app roles may
    run."""

    verb: str
    schema: str
    columns: frozenset[str]
    function: cat.QName
    users: tuple[str, ...]


def _changes(facts: Facts) -> dict[str, list[Change]]:
    """Return the changes that functions make with their owners' rights, by the plain name of the table."""
    found: dict[str, list[Change]] = {}
    for function in facts.catalog.functions:
        if not function.security_definer:
            continue
        fired = function.returns == "trigger"
        users = (
            (facts.app_roles or ("PUBLIC",))
            if fired
            else users_of(function.owner, function.grants, facts, ("EXECUTE",))
        )
        for act in acts_that(function, None, facts, _changes_rows) if users else ():
            for node in _statements(act.function):
                if isinstance(node, (syntax.Delete, syntax.Update)):
                    sets = (
                        frozenset(t.name for t in node.sets)
                        if isinstance(node, syntax.Update)
                        else frozenset()
                    )
                    verb = "UPDATE" if isinstance(node, syntax.Update) else "DELETE"
                    change = Change(verb, node.table.schema, sets, function.qname, users)
                    found.setdefault(node.table.name, []).append(change)
    return found


def _changes_rows(act: Act, _: Facts) -> bool:
    return any(isinstance(node, (syntax.Delete, syntax.Update)) for node in _statements(act.function))


def _statements(function: cat.Function) -> Iterator[syntax.Node]:
    try:
        body = read_body(function.language, function.body or "", function.arguments, function.returns or "")
    except Unreadable:
        return
    yield from syntax.walk(*body.statements)


def _may(verb: str, table: cat.Table, columns: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    """Return who may run the statement; for UPDATE, on one of the columns that the key refers to."""
    grants = [*table.grants]
    if verb == "UPDATE":
        grants += [g for c in table.columns if c.name in columns for g in c.grants]
    users = users_of(table.owner, grants, facts, (verb,))
    return tuple(user for user in users if not table.row_security or _lets_in(table, verb, user, facts))


def _lets_in(table: cat.Table, verb: str, user: str, facts: Facts) -> bool:
    """Tell whether row security leaves a role, or PUBLIC, rows to change."""
    names = facts.rights_of(user) | {"PUBLIC"}
    if facts.memberships.bypasses(user) or (table.owner in names and not table.force_row_security):
        return True
    return any(
        p.permissive and p.command in ("ALL", verb) and p.using != "false" and names.intersection(p.roles)
        for p in table.policies
    )


def _take(table: cat.Table, verbs: list[str], users: list[str], facts: Facts) -> Remedy:
    target = quote_qname(table.qname)
    grantees = sorted({g.grantee for g in table.grants if set(verbs) & set(g.privileges)} - {table.owner})
    reach = {"PUBLIC"}.union(*(facts.grantees_of(u) for u in users if u != "PUBLIC"))
    names = ["PUBLIC" if g == "PUBLIC" else quote_ident(g) for g in grantees if g in reach]
    return Remedy(
        steps=tuple(
            Step(
                f"REVOKE {', '.join(verbs)} ON {target} FROM {n};",
                (Step(f"GRANT {', '.join(verbs)} ON {target} TO {n};"),),
            )
            for n in names
        ),
        note="Let a role that is no tenant's maintain the shared rows. Where the app has to, make the key refuse instead.",
        lock="none on rows: only privileges change" if names else "",
    )


class WrittenView(NamedTuple):
    """A view with its owner's rights over guarded tables, that an app role may use."""

    view: cat.View
    tables: tuple[Opening, ...]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("view", self.view.schema, name=self.view.name)


def owners_views(facts: Facts) -> Iterator[WrittenView]:
    """Views that read guarded tables past their policies and keep to the tenant by themselves."""
    facts.require_tenancy()
    for view in facts.catalog.views:
        if view.kind != "view" or view.security_invoker:
            continue
        users = may(view.owner, view.grants, view.altered, facts, *ROW_PRIVILEGES)
        tables = openings(None, (view.qname,), facts, ROW_PRIVILEGES, users)
        if tables and keeps_to_tenant(view, facts):
            yield WrittenView(view, tables)


@check(
    "EFF004",
    "View takes rows of other tenants",
    subjects=owners_views,
    severity=Severity.ERROR,
    explains=("surface",),
    why="Without WITH CHECK OPTION a view takes rows that it would not show: a tenant writes rows for another, with the owner's rights.",
    bad=f"""{_TABLE}
        create view my_invoice with (security_barrier = true) as select id, org_id, title from invoice {_OWN};
        grant select, insert, update (title) on my_invoice to app_user;
    """,
    good=f"""{_TABLE}
        create view my_invoice with (security_barrier = true) as select id, org_id, title from invoice {_OWN}
            with cascaded check option;
        grant select, insert, update (title) on my_invoice to app_user;
    """,
)
def written(subject: WrittenView, facts: Facts) -> Flaw | None:
    """A view with its owner's rights lets rows be written that its own condition does not hold for.

    Examined: views that are not security_invoker, read protected tables as an owner whom no policy holds for,
    and tie them to the tenant by their own condition. Fails when an app role or PUBLIC may INSERT or UPDATE
    through one that PostgreSQL updates automatically, and it has no CHECK OPTION, or a LOCAL one over a view
    that has none. Fails as well for a view over a table of memberships that asks who the person is and not which
    tenant, whatever it checks: he writes himself into any. Undecided where it checks, and INSERT with ON CONFLICT DO UPDATE may meet another tenant's row by a
    key without the tenant: the condition of the view is not asked of that row, and what it then is passes the check.
    Source: PostgreSQL documentation, CREATE VIEW, "Updatable Views".
    """
    view = subject.view
    verbs = [verb for verb in ("INSERT", "UPDATE") if not _by_hand(view, verb)]
    writers = may(view.owner, view.grants, view.altered, facts, *verbs) if verbs else ()
    if not writers or not _updatable(view):
        return None
    name = facts.show(view.qname)
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
    inserts = () if _by_hand(view, "INSERT") else may(view.owner, view.grants, view.altered, facts, "INSERT")
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


def _by_hand(view: cat.View, verb: str) -> bool:
    """Tell whether a trigger or a rule of the view takes the place of the statement."""
    fired = any(t.timing == "instead of" and verb.lower() in map(str.lower, t.events) for t in view.triggers)
    return fired or any(r.event == verb and r.instead and r.condition is None for r in view.rules)


def _updatable(view: cat.View) -> bool:
    """Tell whether PostgreSQL may update the view automatically: rather once too often."""
    text, depth, plain = _PROSE.sub(" ", view.definition), 0, []
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
    bad=f"""{_TABLE}
        create view my_invoice as select id, title from invoice {_OWN};
        grant select on my_invoice to app_user;
    """,
    good=f"""{_TABLE}
        create view my_invoice with (security_barrier = true) as select id, title from invoice {_OWN};
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


class CalledFunction(NamedTuple):
    """A function, and the policies that call it."""

    function: cat.Function
    policies: tuple[str, ...] = ()

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.of_routine(self.function.routine)


def leakproof_functions(facts: Facts) -> Iterator[CalledFunction]:
    """Functions that somebody declared LEAKPROOF, but for those of extensions."""
    return (CalledFunction(f) for f in facts.catalog.functions if f.leakproof and f.extension is None)


@check(
    "EFF006",
    "Function declared LEAKPROOF",
    subjects=leakproof_functions,
    severity=Severity.WARNING,
    explains=("surface",),
    why="PostgreSQL runs what is declared leakproof before the policies, on every tenant's rows, and trusts that it tells nothing of them.",
    bad="""
        create function seen(value text) returns boolean language plpgsql leakproof
            as $$ begin raise notice '%', value; return true; end $$;
    """,
    good="""
        create function same(a text, b text) returns boolean language plpgsql leakproof
            as $$ begin return a = b; end $$;
        revoke execute on function same(text, text) from public;
    """,
)
def leakproof(subject: CalledFunction, facts: Facts) -> Flaw | None:
    """A function that is declared LEAKPROOF may be called by an app role.

    Examined: the functions of the database, those of extensions left out. Undecided whenever an app role or
    PUBLIC may execute one: whether it tells anything of its arguments, by a result, an error or a notice, is
    not read.
    Source: PostgreSQL documentation, CREATE FUNCTION (LEAKPROOF), "Rules and Privileges".
    """
    function = subject.function
    users = users_of(function.owner, function.grants, facts, ("EXECUTE",))
    if not users:
        return None
    name = f"{facts.show(function.qname)}({function.arguments})"
    signature = f"{quote_qname(function.qname)}({function.arguments})"
    return Flaw(
        message=f"{name} is declared LEAKPROOF: {', '.join(users)} may have it run on rows that the policies hide",
        expected="NOT LEAKPROOF, or no EXECUTE for an app role",
        observed=f"LEAKPROOF, {function.language}",
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER FUNCTION {signature} NOT LEAKPROOF;",
                    (Step(f"ALTER FUNCTION {signature} LEAKPROOF;"),),
                ),
            ),
            note="Queries that used an index through it may become slower.",
            lock="none on rows",
        ),
        undecided=True,
    )


def policy_functions(facts: Facts) -> Iterator[CalledFunction]:
    """Functions that policies call, and others that are declared IMMUTABLE and read the session."""
    facts.require_tenancy()
    called: dict[cat.Routine, tuple[cat.Function, list[str]]] = {}
    for table in facts.catalog.tables:
        for policy in table.policies:
            for function in facts.named_functions.within(f"{policy.using or ''} {policy.check or ''}"):
                found = called.setdefault(function.routine, (function, []))
                found[1].append(f"{policy.name} on {facts.show(table.qname)}")
    for function in facts.catalog.functions:
        immutable = function.volatility == "immutable" and function.extension is None
        if immutable and function.routine not in called and _reads_session(function, facts):
            called[function.routine] = (function, [])
    for function, policies in called.values():
        yield CalledFunction(function, tuple(dict.fromkeys(policies)))


def _reads_session(function: cat.Function, facts: Facts) -> bool:
    """Tell whether the function reads a setting, the user or the clock, itself or through what it calls."""
    seen, queue = {function.routine}, [function]
    while queue:
        body = _COMMENT.sub(" ", queue.pop().body or "")
        if _READS_OUTSIDE.search(_PROSE.sub(" ", body)):
            return True
        for called in facts.named_functions.within(body):
            if called.routine not in seen:
                seen.add(called.routine)
                queue.append(called)
    return False


@check(
    "EFF007",
    "Helper of a policy is IMMUTABLE and is not",
    subjects=policy_functions,
    severity=Severity.ERROR,
    explains=("rows",),
    why="What is declared immutable is worked out once and kept in the plan: a prepared statement goes on with the tenant of whoever ran it first.",
    bad=f"""
        create function current_org() returns uuid language sql immutable
            as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
        {_TABLE}
        alter policy tenant_isolation on invoice using (org_id = current_org());
        grant select on invoice to app_user;
    """,
    good=f"""
        create function current_org() returns uuid language sql stable
            as $$ select nullif(current_setting('app.tenant_id', true), '')::uuid $$;
        {_TABLE}
        alter policy tenant_isolation on invoice using (org_id = (select current_org()));
        grant select on invoice to app_user;
    """,
)
def immutable_helper(subject: CalledFunction, facts: Facts) -> Flaw | None:
    """A function is declared IMMUTABLE though it reads the session, or tables for a policy that calls it.

    Examined: the functions that a policy names, and every other that is declared IMMUTABLE and reads a
    setting, the current user or the clock, for a view or a function may bind the tenant by it. It passes
    for what is not declared IMMUTABLE. Fails when the body, or a function that it calls, reads the
    session, or the body a table. Undecided when it cannot be read or calls functions that are not
    immutable themselves. Source: PostgreSQL documentation, "Function Volatility Categories".
    """
    function = subject.function
    if function.volatility != "immutable":
        return None
    body = _COMMENT.sub(" ", function.body or "")
    reads = _reads_session(function, facts) or bool(function.touches)
    calls = [f.name for f in facts.named_functions.within(body) if f.volatility != "immutable"]
    unread = function.body is None or function.touches is None
    if not (reads or calls or unread):
        return None
    signature = f"{quote_qname(function.qname)}({function.arguments})"
    what = (
        "reads the session or tables" if reads else f"calls {', '.join(calls)}" if calls else "cannot be read"
    )
    return Flaw(
        message=f"{facts.show(function.qname)}({function.arguments}) is declared IMMUTABLE and {what}: plans keep its first answer",
        expected="STABLE",
        observed=f"IMMUTABLE, called by {', '.join(subject.policies) or 'no policy'}",
        severity=None if reads or calls else Severity.WARNING,
        undecided=not (reads or calls),
        remedy=Remedy(
            steps=(
                Step(
                    f"ALTER FUNCTION {signature} STABLE;", (Step(f"ALTER FUNCTION {signature} IMMUTABLE;"),)
                ),
            ),
            note="Plans that open sessions have prepared keep the old answer: let them reconnect. Indexes on the "
            "function, if any, were wrong already.",
            lock="none on rows",
        ),
    )
