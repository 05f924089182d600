"""Statements that are no query and write no rows, and by which anything may come to pass: others are run
whose text is not read, rights are given away, guards are taken down, or it goes on as somebody else."""

from collections.abc import Iterator

from ..facts.facts import Facts
from ..model.catalog import Function, Routine
from ..sql import ddl
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.built import ANY_NAME, patterned
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
_PLAIN = frozenset({
    "ClosePortalStmt", "ClusterStmt", "CommentStmt", "ListenStmt", "LockStmt", "MergeStmt", "NotifyStmt",
    "RefreshMatViewStmt", "ReindexStmt", "UnlistenStmt", "VacuumStmt",
})  # fmt: skip
_MADE = (ddl.CreateTable, ddl.CreateTableAs, ddl.CreateIndex)
_GUARDS = frozenset({
    "AT_ChangeOwner", "AT_DisableRowSecurity", "AT_DisableTrig", "AT_DisableTrigAll", "AT_DisableTrigUser",
    "AT_DisableRule", "AT_NoForceRowSecurity",
})  # fmt: skip
_BECOME = ("role", "session_authorization")


def is_door(node: s.Node) -> bool:
    """Tell whether a statement is one of these."""
    match node:
        case s.Unknown(kind=kind):
            return kind in _KINDS
        case s.SetVariable(name=name):
            return name in _BECOME
        case ddl.AlterTable(commands=commands):
            return any(command.kind in _GUARDS for command in commands)
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


def says_anything(function: Function, facts: Facts) -> bool:
    """Tell whether a body that cannot be read may run a statement that is no plain query or write, and take
    down the guards of what its owner owns: one in another language, one whose texts somebody else puts
    together, or one that makes tables which others may use as they are."""
    try:
        texts = [*_texts(function)]
        nodes = [node for text in texts for node in patterned(text)]
    except Unreadable:
        return True
    return not texts or not all(_is_plain(node, function, facts) for node in nodes)


def _texts(function: Function) -> Iterator[s.Node]:
    if function.language != "plpgsql":
        raise Unreadable(f"the language {function.language}")
    arguments = function.signature or function.arguments
    body = pl.read_plpgsql(function.body or "", arguments, function.returns or "")
    yield from (n.built for n in s.walk(body) if getattr(n, "built", None) is not None)  # type: ignore[attr-defined]


def _is_plain(node: s.Node, function: Function, facts: Facts) -> bool:
    name = ANY_NAME.strip()
    if any(isinstance(n, s.Call) and name in (n.name, n.schema) for n in s.walk(node)):
        return False
    match node:
        case s.Select() | s.Compound() | s.Insert() | s.Update() | s.Delete():
            return True
        case s.Unknown(kind=kind):
            return kind in _PLAIN
        case s.SetVariable():
            return not is_door(node)
        case ddl.AlterTable(commands=commands):
            return all(c.kind not in _GUARDS and not c.kind.startswith("AT_Drop") for c in commands)
    return isinstance(node, ddl.CreateIndex) or (isinstance(node, _MADE) and not _given_away(function, facts))


def _given_away(function: Function, facts: Facts) -> bool:
    """Tell whether others may use a table that the function makes, as soon as it is there. Source: PostgreSQL
    documentation, ALTER DEFAULT PRIVILEGES."""
    rights = facts.rights_of(function.owner)
    return any(
        given.object_type == "tables" and given.role in rights and grant.grantee not in rights
        for given in facts.catalog.default_privileges
        for grant in given.grants
    )


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
