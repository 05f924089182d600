"""Statements that are no query and write no rows, and by which anything may come to pass: others are run
whose text is not read, rights are given away, guards are taken down, or it goes on as somebody else."""

from ..facts.facts import Facts
from ..model.catalog import Function, Routine
from ..sql import ddl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from .calls import body_of, is_trusted

_KINDS = frozenset({
    "AlterDatabaseSetStmt", "AlterDefaultPrivilegesStmt", "AlterFunctionStmt", "AlterOwnerStmt",
    "AlterPolicyStmt", "AlterRoleSetStmt", "AlterRoleStmt", "AlterSystemStmt", "CreateEventTrigStmt",
    "CreateRoleStmt", "DefineStmt", "DoStmt", "DropOwnedStmt", "DropRoleStmt", "ExecuteStmt",
    "GrantRoleStmt", "GrantStmt", "LoadStmt", "ReassignOwnedStmt", "RuleStmt",
})  # fmt: skip
_HARMLESS = frozenset(
    {"TABLE", "VIEW", "MATVIEW", "INDEX", "SEQUENCE", "FOREIGN_TABLE"}
)  # where not the tenants'
_BECOME = ("role", "session_authorization")


def is_door(node: s.Node) -> bool:
    """Tell whether a statement is one of these."""
    match node:
        case s.Unknown(kind=kind):
            return kind in _KINDS
        case s.SetVariable(name=name):
            return name in _BECOME
        case ddl.Drop(kind=kind):
            return kind.removeprefix("OBJECT_") not in _HARMLESS
    return isinstance(node, (ddl.CreateFunction, ddl.CreatePolicy, ddl.CreateTrigger))


def dropped(node: s.Node) -> list[s.Table]:
    """Return the relations that a statement drops."""
    if not isinstance(node, ddl.Drop) or is_door(node):
        return []
    names = [[str(part) for part in n] for n in node.objects if isinstance(n, tuple)]
    return [s.Table(n[-1], n[-2] if len(n) > 1 else "") for n in names if n]


def has_door(function: Function, facts: Facts) -> bool:
    """Tell whether a function has such a statement, or drops a table, as far as its body can be read; those
    that are compiled or of extensions are taken to do what is documented of them."""
    known, key = facts.once(_known), (function.routine, function.body)
    if key not in known:
        known[key] = _has(function, facts)
    return known[key]


def _known(_: Facts) -> dict[tuple[Routine, str | None], bool]:
    return {}  # what was read of each so far


def _has(function: Function, facts: Facts) -> bool:
    if is_trusted(function) or function.extension is not None:
        return False
    try:
        nodes = [*s.walk(*body_of(function).statements)]
    except Unreadable:
        return False
    names = facts.once(_names)
    return any(is_door(n) or any(table.name in names for table in dropped(n)) for n in nodes)


def _names(facts: Facts) -> frozenset[str]:
    return frozenset(name.name for name in facts.tables_by_name)
