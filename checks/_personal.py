"""Tables whose rows are people's own (profiles, settings, devices): whether anything shows one to somebody else."""

from collections.abc import Iterator

from validate_schema.pack import Facts
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import body_of
from validate_schema.pack.roles import sends_statements
from validate_schema.pack.scoping import ContextReader
from validate_schema.pack.sql import Unreadable, plpgsql, read_expression, syntax

from ._access import may, users_of

_SPREADS = ("cascade", "set null", "set default")


def by_membership(table: cat.Table, facts: Facts) -> bool:
    """Tell whether row security is on and each policy that lets an app role's rows pass asks, on every way, for the
    person of the session or for what ties people to tenants."""
    apps = {holder for role in facts.app_roles for holder in facts.grantees_of(role)}
    policies = [p for p in table.policies if p.permissive and (not apps or apps.intersection(p.roles))]
    texts = [text for p in policies for text in (p.using, p.check) if text is not None]
    members = {m.table.name for m in facts.principals.memberships}
    reader = ContextReader(facts)
    return table.row_security and bool(texts) and all(_asks_members(t, table, members, reader) for t in texts)


def _asks_members(text: str, table: cat.Table, members: set[str], reader: ContextReader) -> bool:
    try:
        node = read_expression(text)
    except Unreadable:
        return False
    ways = node.args if isinstance(node, syntax.Or) else (node,)
    return all(
        any(_own_column(part, reader) or _among(part, table, members) for part in syntax.conjuncts(way))
        for way in ways
    )


def _among(part: syntax.Node, table: cat.Table, members: set[str]) -> bool:
    """Tell whether a condition looks for the row among people's memberships."""
    keys = {c for key in table.foreign_keys for c in key.columns} | set(
        table.primary_key.columns if table.primary_key else ()
    )
    nodes = [*syntax.walk(part)]
    named = any(isinstance(n, syntax.Column) and n.name in keys for n in nodes)
    return named and any(isinstance(n, syntax.Table) and n.name in members for n in nodes)


def _own_column(part: syntax.Node, reader: ContextReader) -> str:
    """Return the column that a condition compares with the person of the session, "" for any other condition."""
    if (
        not isinstance(part, syntax.Operation)
        or part.operator != "="
        or part.schema not in ("", "pg_catalog")
    ):
        return ""
    sides = ((part.left, part.right), (part.right, part.left))
    try:
        named = (
            one.name for one, other in sides if isinstance(one, syntax.Column) and reader.is_person(other)
        )
        return next(named, "")
    except Unreadable:
        return ""


def is_private(table: cat.Table, facts: Facts) -> bool:
    """Tell whether nothing shows a row of the table to anybody but the person whose it is: its policies compare
    one column with who asks and ask nothing else, whatever the role; and no view, function, trigger, key, unique,
    owner or privilege leads past them."""
    column = _column_of(table, facts)
    return (
        bool(column)
        and table.kind == "table"
        and not (table.rules or table.inherits or table.parent)
        and not any(table.qname in (*t.inherits, t.parent) for t in facts.catalog.tables)
        and not any(_leads_past(table, facts))
        and all(_is_plain(trigger, facts) for trigger in table.triggers)
        and not _tells_values(table, column, facts)
    )


def _column_of(table: cat.Table, facts: Facts) -> str:
    """Return the column that says whose a row is: every policy asks for it alone; it is never NULL, and leads to the
    table of people."""
    reader = ContextReader(facts)
    bypassing = {name for name in facts.roles if facts.memberships.bypasses(name)}
    policies = [p for p in table.policies if not bypassing.issuperset(p.roles)]
    texts = {text for p in policies for text in (p.using, p.check) if text is not None}
    names = {_sole(text, reader) for text in texts} if all(p.permissive for p in policies) else set()
    (name, *more) = names or {""}
    column = table.column(name) if name and not more else None
    safe = column is not None and column.not_null and not column.collation and table.row_security
    return name if safe and _leads_to_people(table.qname, name, facts) else ""


def _leads_to_people(name: cat.QName, column: str, facts: Facts) -> bool:
    """Tell whether a column is the key of people, or leads to it by foreign keys of its own."""
    told = facts.principals
    seen = {(name, column)}
    waiting = [*seen]
    while waiting:
        here, held = waiting.pop()
        if here == cat.QName("auth", "users") or (here, held) == (told.people, told.people_key):
            return True
        table = facts.tables_by_name.get(here)
        for key in table.foreign_keys if table is not None else ():
            there = (key.references, key.referenced_columns[0]) if key.references is not None else None
            if key.columns == (held,) and key.holds and there and there not in seen:
                seen.add(there)
                waiting.append(there)
    return False


def _sole(text: str, reader: ContextReader) -> str:
    try:
        return _own_column(read_expression(text), reader)
    except Unreadable:
        return ""


def _leads_past(table: cat.Table, facts: Facts) -> Iterator[bool]:
    """Yield whether views, functions, owners, privileges, keys let somebody past the policies."""
    views = _views_over(table, facts)
    names = {table.qname, *(v.qname for v in views)}
    yield any(not v.security_invoker for v in views)
    functions = (
        f for f in (*facts.catalog.functions, *facts.catalog.extension_functions) if f.security_definer
    )
    yield any(_uses(f, table, names, facts) for f in functions)
    yield any(table.owner in facts.rights_of(role) for role in facts.app_roles)
    held = may(table.owner, table.grants, table.columns, facts, "TRUNCATE", "TRIGGER", "REFERENCES")
    yield any(role == "PUBLIC" or sends_statements(role, facts.catalog) for role in held)
    for key in table.foreign_keys:
        target = facts.tables_by_name.get(key.references) if key.references is not None else None
        if target is not None and (key.on_delete in _SPREADS or key.on_update in _SPREADS):
            yield bool(may(target.owner, target.grants, target.columns, facts, "DELETE", "UPDATE"))


def _views_over(table: cat.Table, facts: Facts) -> list[cat.View]:
    """Return the views that read the table, themselves or by others."""
    found: list[cat.View] = []
    names = {table.qname}
    while more := [
        v for v in facts.catalog.views if v.qname not in names and not names.isdisjoint(v.depends_on)
    ]:
        found += more
        names |= {v.qname for v in more}
    return found


def _uses(function: cat.Function, table: cat.Table, names: set[cat.QName], facts: Facts) -> bool:
    """Tell whether a function with its owner's rights may do more to the table than add the row of somebody who signs
    up."""
    if function.touches is not None and names.isdisjoint(function.touches):
        return False
    try:
        body = body_of(function)
    except Unreadable:
        return True
    nodes = [*syntax.walk(*([body.function] if body.function is not None else body.statements))]
    written = [n.table for n in nodes if isinstance(n, syntax.Insert) and _adds(n)]
    named = [n for n in nodes if isinstance(n, syntax.Table) and n.name in {name.name for name in names}]
    fired = [
        t for t in facts.catalog.tables if any(trigger.function == function.qname for trigger in t.triggers)
    ]
    called = users_of(function.owner, function.grants, facts, ("EXECUTE",)) and function.returns != "trigger"
    by_app = any(may(t.owner, t.grants, t.columns, facts, "INSERT", "UPDATE", "DELETE") for t in fired)
    by_app = by_app or any(t.function == function.qname for v in facts.catalog.views for t in v.triggers)
    built = any(isinstance(n, plpgsql.Execute) for n in nodes)
    return bool(called or by_app or built) or len(named) != len([t for t in written if t.name == table.name])


def _adds(insert: syntax.Insert) -> bool:
    """Tell whether an INSERT adds rows that are written out, and does nothing else."""
    plain = isinstance(insert.source, syntax.Select) and bool(
        insert.source.values or not insert.source.sources
    )
    said = dict(getattr(insert.conflict, "rest", ()))
    return plain and said.get("action") in (None, 2) and not insert.queries


def _is_plain(trigger: cat.Trigger, facts: Facts) -> bool:
    """Tell whether a trigger changes its own row, and does nothing else."""
    functions = [f for f in facts.catalog.functions if f.qname == trigger.function]
    try:
        bodies = [body_of(f).function for f in functions]
    except Unreadable:
        return False
    nodes = [n for body in bodies if body is not None for n in syntax.walk(body)]
    does = (plpgsql.Sql, plpgsql.Execute, plpgsql.Raise, plpgsql.Open, plpgsql.Other, syntax.Select)
    called = (f for n in nodes if isinstance(n, syntax.Call) for f in facts.named_functions.within(n.name))
    return (
        bool(nodes) and None not in bodies and not any(isinstance(n, does) for n in nodes) and not any(called)
    )


def _tells_values(table: cat.Table, column: str, facts: Facts) -> bool:
    """Tell whether one person may learn what another's row holds by a unique, or by what is called for each row."""
    uniques = [i for i in table.indexes if i.unique]
    apart = any(column not in i.columns and not _is_key(table, i) for i in uniques)
    exclusive = any(c.kind == "exclusion" for c in table.constraints)
    texts = [
        *(c.definition for c in table.checks),
        *(c.default for c in table.columns),
        *(text for i in table.indexes for text in (i.predicate, *i.expressions)),
    ]
    return apart or exclusive or any(facts.named_functions.within(text) for text in texts if text)


def _is_key(table: cat.Table, index: cat.Index) -> bool:
    """Tell whether a unique holds the surrogate key alone: whoever knows one has been given it."""
    key = table.primary_key
    columns = [c for c in table.columns if key is not None and c.name in key.columns]
    return (
        key is not None
        and index.columns == key.columns
        and all(c.base_type == "uuid" or c.identity or "nextval" in (c.default or "") for c in columns)
    )
