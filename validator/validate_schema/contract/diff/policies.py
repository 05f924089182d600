"""Row-level security of one table on both sides, and whether it lets more in than before.

Source: PostgreSQL documentation, CREATE POLICY: permissive policies are joined by OR, restrictive ones by
AND; without USING a permissive policy lets no row be read, and USING stands in where CHECK is missing.
"""

from typing import Any

from ...model.catalog import Policy, Table
from ...model.contract import ExpectedPolicy
from ...sql.compare import Const, Node, are_among, flat, read_tree, same_tree
from .changes import names, on_off
from .loop import Attribute, Kind, field, loses, same_content
from .terms import Terms

_READS = ("ALL", "SELECT", "UPDATE", "DELETE")
_WRITES = ("ALL", "INSERT", "UPDATE")


def _unforced(old: Table, new: Table, _: Terms) -> bool:
    return old.row_security and old.force_row_security and not new.force_row_security


# Whether row-level security is on, and on for the owner too.
SWITCHES = (
    field("row-level security", "row_security", on_off, widens=loses("row_security")),
    field("forced row-level security", "force_row_security", on_off, widens=_unforced),
)


def admits(policy: Policy, terms: Terms) -> bool:
    """Tell whether a policy that is added may let rows in."""
    conditions = [e for e in (policy.using, policy.check) if e is not None]
    return policy.permissive and not all(never(e, terms.default_schema) for e in conditions)


def _joins_as_before(old: Policy, new: Policy, terms: Terms) -> bool:
    return terms.guarded and old.permissive == new.permissive


def _type_widens(_: Policy, new: Policy, terms: Terms) -> bool:
    return terms.guarded and new.permissive


def _command_widens(old: Policy, new: Policy, terms: Terms) -> bool:
    return _joins_as_before(old, new, terms) and (new.command if new.permissive else old.command) == "ALL"


def _roles_widen(old: Policy, new: Policy, terms: Terms) -> bool:
    """More roles have a permissive policy, or fewer are held by a restrictive one."""
    few, many = (old, new) if new.permissive else (new, old)
    if not _joins_as_before(old, new, terms) or "PUBLIC" in few.roles:
        return False
    return "PUBLIC" in many.roles or set(few.roles) < set(many.roles)


def _using_widens(old: Policy, new: Policy, terms: Terms) -> bool:
    asked = _joins_as_before(old, new, terms) and new.command in _READS
    return asked and _more(old.using, new.using, new, terms)


def _check_widens(old: Policy, new: Policy, terms: Terms) -> bool:
    asked = _joins_as_before(old, new, terms) and new.command in _WRITES
    return asked and _more(old.check or old.using, new.check or new.using, new, terms)


def _condition(name: str) -> Any:
    """Return the words of a condition. A declared policy may say nothing of either."""

    def words(policy: Any, _: Terms) -> str | None:
        return None if getattr(policy, "open", False) else getattr(policy, name) or "none"

    return words


_ATTRIBUTES: tuple[Attribute[Any], ...] = (
    Attribute("type", lambda p, _: _type(p), widens=_type_widens),
    field("command", "command", widens=_command_widens),
    field("roles", "roles", lambda roles: names(sorted(roles)), widens=_roles_widen),
    Attribute(
        "using", _condition("using"), lambda o, n, terms: terms.expression(o.using, n.using), _using_widens
    ),
    Attribute(
        "check", _condition("check"), lambda o, n, terms: terms.expression(o.check, n.check), _check_widens
    ),
)
POLICY: Kind[Any] = Kind(
    "policy",
    _ATTRIBUTES,
    place="table",
    described=lambda p, _: described(p),
    alike=same_content(_ATTRIBUTES),
    shapes=lambda p, _: ((p.permissive, p.command, frozenset(p.roles)),),
    lets_in=lambda p, terms: terms.guarded and admits(p, terms),
    held_back=lambda p, terms: terms.guarded and not p.permissive,
)


def _type(policy: Policy | ExpectedPolicy) -> str:
    return "permissive" if policy.permissive else "restrictive"


def _more(old: str | None, new: str | None, policy: Policy, terms: Terms) -> bool:
    """Tell whether one condition of a policy certainly lets in more than before."""
    if old is None or new is None:
        missing_admits = not policy.permissive
        if (old is None) == (new is None) or (new is None) != missing_admits:
            return False
        given = new if new is not None else old
        return given is not None and not _plainly(given, admits=missing_admits, terms=terms)
    return wider(old, new, terms.default_schema)


def _plainly(condition: str, *, admits: bool, terms: Terms) -> bool:
    """Tell whether the condition says no more than its absence does."""
    return terms.expression(condition, "true") if admits else never(condition, terms.default_schema)


def described(policy: Policy | ExpectedPolicy) -> str:
    """Return the whole of a policy in words."""
    text = f"{_type(policy)} for {policy.command} to {names(policy.roles)}"
    text += f" using {policy.using}" if policy.using is not None else ""
    return text + (f" with check {policy.check}" if policy.check is not None else "")


_LONG = 40  # what is plainly false is short; parsing everything else costs time


def wider(before: str, after: str, default_schema: str) -> bool:
    """Tell whether `after` is true wherever `before` is, and for more: an OR branch was added, an AND
    term taken away, or it became plainly true. False where that cannot be seen."""
    first, second = read_tree(before, default_schema), read_tree(after, default_schema)
    if first is None or second is None or same_tree(first, second):
        return False
    if _is(second, "true") or _is(first, "false"):
        return True
    if _is(first, "true") or _is(second, "false"):
        return False
    return _within(flat("or", first), flat("or", second)) or _within(flat("and", second), flat("and", first))


def never(condition: str, default_schema: str) -> bool:
    """Tell whether the condition is plainly false."""
    if len(condition) > _LONG:
        return False
    tree = read_tree(condition, default_schema)
    return tree is not None and _is(tree, "false")


def _is(node: Node, value: str) -> bool:
    return isinstance(node, Const) and node.text is not None and node.text.lower() in (value, value[0])


def _within(few: tuple[Node, ...], many: tuple[Node, ...]) -> bool:
    """Tell whether all of `few` are among `many`, which has more."""
    return len(few) < len(many) and are_among(few, many)
