"""What may refuse a reference to another tenant's row where the foreign key does not: a trigger, or policies."""

from collections.abc import Iterator

from validate_schema.pack import Facts
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import isolation as iso
from validate_schema.pack.rights import body_of
from validate_schema.pack.sql import Unreadable, plpgsql, read_expression, syntax

from ._access import may

_WRITES = ("INSERT", "UPDATE")
_ERROR = 21  # elog.h


def trigger_guard(table: cat.Table, key: cat.Constraint, facts: Facts) -> str:
    """Return a trigger that looks at the row that the key leads to, whenever one is written, and raises; ""
    without one."""
    for trigger in table.triggers:
        always = (
            trigger.level == "row" and trigger.enabled in ("origin", "always") and trigger.condition is None
        )
        of_key = not trigger.columns or set(key.columns) & set(trigger.columns)
        if always and of_key and set(_WRITES) <= set(trigger.events):
            functions = (f for f in facts.catalog.functions if f.qname == trigger.function)
            if any(_refuses(f, key) for f in functions):
                return f"trigger {trigger.name}"
    return ""


def _refuses(function: cat.Function, key: cat.Constraint) -> bool:
    try:
        body = body_of(function).function
    except Unreadable:
        return False
    nodes = [*syntax.walk(body)] if body is not None else []
    raises = any(isinstance(n, plpgsql.Raise) and n.level >= _ERROR for n in nodes)
    handled = any(isinstance(n, plpgsql.Block) and n.handlers for n in nodes)
    return raises and not handled and _looks(nodes, key)


def _looks(nodes: list[syntax.Node], key: cat.Constraint) -> bool:
    """Tell whether SQL names the key's column and the table that it leads to."""
    tables = {n.name for n in nodes if isinstance(n, syntax.Table)}
    columns = {n.name for n in nodes if isinstance(n, syntax.Column)}
    return key.references is not None and key.references.name in tables and columns.issuperset(key.columns)


def policy_guard(table: cat.Table, key: cat.Constraint, facts: Facts) -> str:
    """Return a policy by which an app role's writes look at the row that the key leads to, all of them; ""
    where some do not, or nobody may write."""
    found: list[str] = []
    for verb in _WRITES if table.row_security else ():
        for role in may(table.owner, table.grants, table.columns, facts, verb):
            policies = [*_policies_of(table, role, verb, facts)]
            guarding = [p.name for p in policies if _demands(p, key)]
            restrictive = any(not p.permissive and p.name in guarding for p in policies)
            if not guarding or not (restrictive or all(_demands(p, key) for p in policies if p.permissive)):
                return ""
            found += guarding
    return f"policy {found[0]}" if found else ""


def _policies_of(table: cat.Table, role: str, verb: str, facts: Facts) -> Iterator[cat.Policy]:
    holders = {"PUBLIC", *(facts.grantees_of(role) if role != "PUBLIC" else ())}
    for policy in table.policies:
        if policy.command in ("ALL", verb) and holders.intersection(policy.roles):
            yield policy


def _demands(policy: cat.Policy, key: cat.Constraint) -> bool:
    text = policy.check or policy.using
    try:
        parts = [*syntax.conjuncts(read_expression(text))] if text else []
    except Unreadable:
        return False
    return any(_looks([*syntax.walk(part)], key) for part in parts)


def was_refused(table: cat.Table, key: cat.Constraint, facts: Facts) -> bool:
    """Tell whether the proof tried the reference as every role, each was refused it, and nothing writes either
    table with other rights than those of whoever asks."""
    tables = {table.qname, key.references}
    functions = (f for f in facts.catalog.functions if f.security_definer)
    views = (v for v in facts.catalog.views if not v.security_invoker)
    touched = [*(f.touches for f in functions), *(v.depends_on for v in views)]
    if any(names is None or not tables.isdisjoint(names) for names in touched):
        return False
    cells = [
        c
        for c in facts.isolation.cells
        if (c.table, c.probe, c.detail) == (table.qname, iso.Probe.REFERENCE, key.name)
    ]
    outcomes = {c.outcome for c in cells}
    return iso.Outcome.ISOLATED in outcomes and outcomes <= {iso.Outcome.ISOLATED, iso.Outcome.DENIED}
