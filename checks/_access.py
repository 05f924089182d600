"""Who may use an object, and whether the policies of a table hold for a role that reads it."""

from collections.abc import Iterable

from validate_schema.pack import Facts
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import may as may
from validate_schema.pack.rights import reached
from validate_schema.pack.rights import users_of as users_of
from validate_schema.pack.scoping import ContextReader
from validate_schema.pack.sql import Unreadable, read_expression, syntax


def holders_of(grants: Iterable[cat.Grant], owner: str, users: tuple[str, ...], facts: Facts) -> list[str]:
    """Return the grantees through which `users` hold what was granted, but for the owner."""
    reach = frozenset({"PUBLIC"}).union(*(facts.grantees_of(u) for u in users if u != "PUBLIC"))
    return sorted({g.grantee for g in grants} & reach - {owner})


def sources(names: Iterable[cat.QName], facts: Facts) -> tuple[cat.Table, ...]:
    """Return the guarded tables that these relations read, directly or through views."""
    found = dict.fromkeys(name for name, _ in reached(names, "", facts))
    return tuple(facts.tables_by_name[name] for name in found)


def by_hand(view: cat.View, verb: str) -> bool:
    """Tell whether a trigger or a rule of the view takes the place of the statement."""
    fired = any(t.timing == "instead of" and verb.lower() in map(str.lower, t.events) for t in view.triggers)
    return fired or any(r.event == verb and r.instead and r.condition is None for r in view.rules)


def is_of_persons(table: cat.Table, facts: Facts) -> bool:
    """Tell whether row security is on and every policy that lets an app role's rows pass asks for the person of the
    session."""
    apps = {holder for role in facts.app_roles for holder in facts.grantees_of(role)}
    policies = [p for p in table.policies if p.permissive and (not apps or apps.intersection(p.roles))]
    texts = [text for p in policies for text in (p.using, p.check) if text is not None]
    reader = ContextReader(facts)
    return table.row_security and bool(texts) and all(_asks_for_person(text, reader) for text in texts)


def _asks_for_person(text: str, reader: ContextReader) -> bool:
    try:
        parts = [*syntax.conjuncts(read_expression(text))]
    except Unreadable:
        return False
    pairs = [(p.left, p.right) for p in parts if isinstance(p, syntax.Operation) and p.operator == "="]
    sides = [side for one, other in pairs for side in ((one, other), (other, one))]
    return any(isinstance(mine, syntax.Column) and reader.gives_person(who) for mine, who in sides)
