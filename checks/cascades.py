"""EFF: what a statement on a table of no tenant does to rows of tenants, through foreign keys."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, Remedy, Severity, Step, check
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import Act, acts_that
from validate_schema.pack.scoping import level_columns
from validate_schema.pack.sql import Unreadable, quote_ident, quote_qname, read_body, syntax
from validate_schema.pack.subjects import TableConstraint

from ._access import by_hand, may, users_of

_THROUGH = " through "
_SPREADS = ("cascade", "set null", "set default")


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
        if table.qname in view.depends_on and not view.security_invoker and not by_hand(view, verb):
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
