"""Row-level security of one table on both sides, and whether it lets more in than before.

Source: PostgreSQL documentation, CREATE POLICY: permissive policies are joined by OR, restrictive ones by
AND; without USING a permissive policy lets no row be read, and USING stands in where CHECK is missing.
"""

from collections.abc import Iterator

from ...model.catalog import Policy, Table
from ...model.contract import ExpectedPolicy
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...sql.compare import Const, Node, are_among, flat, read_tree, same_tree
from .changes import Property, added, changed, names, on_off, removed, renamed
from .pairs import pair
from .terms import Terms

Either = Policy | ExpectedPolicy

_READS = ("ALL", "SELECT", "UPDATE", "DELETE")
_WRITES = ("ALL", "INSERT", "UPDATE")


def switches(before: Table, after: Table) -> list[Property]:
    """Return whether row-level security is on, and on for the owner too."""
    return [
        Property(
            "row-level security",
            on_off(before.row_security),
            on_off(after.row_security),
            widens=before.row_security and not after.row_security,
        ),
        Property(
            "forced row-level security",
            on_off(before.force_row_security),
            on_off(after.force_row_security),
            widens=before.row_security and before.force_row_security and not after.force_row_security,
        ),
    ]


def policies(before: Table, after: Table, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the policies. None widens a table that is without row security on either
    side: there they decide nothing."""
    active = before.row_security and after.row_security
    found = pair(
        before.policies,
        after.policies,
        lambda p: p.name,
        lambda old, new: not any(changed(_ref(after, new), parts(old, new, terms, active=False))),
        shapes=lambda p: ((p.permissive, p.command, frozenset(p.roles)),),
    )
    for old, new in found.same:
        if old != new:
            yield from changed(_ref(after, new), parts(old, new, terms, active=active))
    for old, new in found.renamed:
        yield renamed(_ref(after, new), old.name)
    for old in found.removed:
        yield removed(_ref(before, old), described(old), widens=active and not old.permissive)
    for new in found.added:
        yield added(_ref(after, new), described(new), widens=active and admits(new, terms))


def _ref(table: Table, policy: Policy) -> ObjectRef:
    return ObjectRef.on_table("policy", table.qname, policy.name)


def admits(policy: Either, terms: Terms) -> bool:
    """Tell whether a policy that is added may let rows in."""
    return policy.permissive and not all(never(e, terms.default_schema) for e in _conditions(policy))


def _conditions(policy: Either) -> list[str]:
    return [e for e in (policy.using, policy.check) if e is not None]


def parts(old: Either, new: Either, terms: Terms, *, active: bool) -> list[Property]:
    """Return the properties of a policy on both sides; `active`: they may widen it."""
    both = active and old.permissive == new.permissive
    return [
        Property("type", _type(old), _type(new), widens=active and new.permissive),
        Property("command", old.command, new.command, widens=both and _command_widens(old, new)),
        Property(
            "roles",
            names(sorted(old.roles)),
            names(sorted(new.roles)),
            widens=both and _roles_widen(old, new),
        ),
        Property(
            "using",
            old.using or "none",
            new.using or "none",
            not terms.expression(old.using, new.using),
            widens=both and new.command in _READS and _more(old.using, new.using, new, terms),
        ),
        Property(
            "check",
            old.check or "none",
            new.check or "none",
            not terms.expression(old.check, new.check),
            widens=both
            and new.command in _WRITES
            and _more(old.check or old.using, new.check or new.using, new, terms),
        ),
    ]


def _type(policy: Either) -> str:
    return "permissive" if policy.permissive else "restrictive"


def _command_widens(old: Either, new: Either) -> bool:
    return (new.command if new.permissive else old.command) == "ALL"


def _roles_widen(old: Either, new: Either) -> bool:
    """More roles have a permissive policy, or fewer are held by a restrictive one."""
    few, many = (old, new) if new.permissive else (new, old)
    if "PUBLIC" in few.roles:
        return False
    return "PUBLIC" in many.roles or set(few.roles) < set(many.roles)


def _more(old: str | None, new: str | None, policy: Either, terms: Terms) -> bool:
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


def described(policy: Either) -> str:
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
