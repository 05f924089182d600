"""Roles in statements: CREATE ROLE taken apart, and the roles that any statement names."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .ident import quote_ident
from .parser import Unreadable, deparse, parse_messages

_MEMBERSHIPS = ("addroleto", "rolemembers", "adminmembers")


class CreatedRole(NamedTuple):
    """A role that a statement creates: its name, ALTER ROLE with the attributes that it names ("" for
    none), and the GRANTs that make its memberships."""

    name: str
    alter: str
    grants: tuple[str, ...]


def read_create_role(statement: str) -> CreatedRole:
    """Return what a CREATE ROLE, USER or GROUP says. Raises `Unreadable`, also for any other statement."""
    parsed = parse_messages(statement)
    if len(parsed) != 1 or parsed[0].stmt.WhichOneof("node") != "create_role_stmt":
        raise Unreadable("no CREATE ROLE")
    create = parsed[0].stmt.create_role_stmt
    attributes = [o for o in create.options if o.def_elem.defname not in _MEMBERSHIPS]
    memberships = [o for o in create.options if o.def_elem.defname in _MEMBERSHIPS]
    alter = ""
    if attributes:
        renewed = parse_messages("alter role renewed")[0].stmt
        renewed.alter_role_stmt.role.rolename = create.role
        renewed.alter_role_stmt.options.extend(attributes)
        alter = deparse(renewed)
    return CreatedRole(create.role, alter, tuple(_grant(create.role, o.def_elem) for o in memberships))


def _grant(role: str, option: Any) -> str:
    name = quote_ident(role)
    others = ", ".join(quote_ident(item.role_spec.rolename) for item in option.arg.list.items)
    if option.defname == "addroleto":
        return f"grant {others} to {name}"
    return f"grant {name} to {others}" + (" with admin option" if option.defname == "adminmembers" else "")


def named_roles(statement: str) -> frozenset[str]:
    """Return the roles that one statement names: as owners, in GRANT and REVOKE, in policies and the like.

    PUBLIC and CURRENT_USER are no names. Raises `Unreadable`.
    """
    return frozenset(name for raw in parse_messages(statement) for name in _named(raw))


def _named(message: Any) -> Iterator[str]:
    if message.DESCRIPTOR.name == "RoleSpec":
        yield from filter(None, [message.rolename])
        return
    if message.DESCRIPTOR.name == "VariableSetStmt" and message.name == "session_authorization":
        yield from (argument.a_const.sval.sval for argument in message.args)
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for each in value if field.is_repeated else (value,):
                yield from _named(each)
