"""The roles of a live server on a scratch server, for as long as a copy of its schema is there."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..catalog.names import SCRATCH_PROVER
from ..catalog.reader import read_catalog
from ..model.catalog import Catalog, Role
from ..model.errors import ScratchError
from ..sql.ident import quote_ident, quote_literal
from . import ledger
from .owner import OWNER

if TYPE_CHECKING:
    import psycopg

    from . import Server

    Connection = psycopg.Connection[Any]

_ASIDE = "validate_schema_aside_"
# What reads and writes files and starts programs on a server's machine: not the one that a copy is on.
_OF_THE_MACHINE = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")


@contextmanager
def borrowed_roles(server: "Server", catalog: Catalog, say: Callable[[str], None]) -> Iterator[list[str]]:
    """Make the source's roles, with attributes and memberships and without passwords; yield notes.

    Roles belong to a whole server: so copies take turns on one, and a role of the same name that is
    another is set aside under another name until the copy is gone. On a server that is not ours no role
    is touched: there such a role raises `ScratchError`. What was made is dropped at the end.
    """
    with server.connect(autocommit=True) as admin:
        if admin.execute(f"select pg_try_advisory_lock({ledger.roles_lock()})".encode()).fetchone() != (
            True,
        ):
            say("waiting for another copy on the scratch server")
            admin.execute(f"select pg_advisory_lock({ledger.roles_lock()})".encode())
        made: list[str] = []
        try:
            _restore(admin)
            yield _make(admin, server, catalog, made)
        finally:
            for name in reversed(made):
                admin.execute(f"drop role if exists {quote_ident(name)}".encode())
            _restore(admin)


def _restore(admin: "Connection") -> None:
    """Give roles that were set aside their names back, also those of a copy that was killed."""

    rows = admin.execute(
        "select rolname, pg_catalog.shobj_description(oid, 'pg_authid') from pg_catalog.pg_roles"
        " where starts_with(rolname, %s)",
        [_ASIDE],
    ).fetchall()
    if rows:
        ledger.drop_stale(admin)
    for name, known_as in rows:
        with admin.transaction():
            admin.execute(f"drop role if exists {quote_ident(known_as)}".encode())
            admin.execute(f"comment on role {quote_ident(name)} is null".encode())
            admin.execute(f"alter role {quote_ident(name)} rename to {quote_ident(known_as)}".encode())


def _make(admin: "Connection", server: "Server", catalog: Catalog, made: list[str]) -> list[str]:
    here = {role.name: role for role in read_catalog(admin).roles}
    mine = {admin.info.user, OWNER} if server.is_own else {admin.info.user}
    wanted = {r.name: r for r in catalog.roles if not r.name.startswith("pg_") and r.name not in mine}
    others = [name for name in wanted if name in here and _kind(wanted[name]) != _kind(here[name])]
    if others and not server.is_own:
        raise ScratchError(
            f"{server.label} has another role {others[0]} than the source: attributes, memberships or"
            " settings differ; use --scratch embedded"
        )
    # All of them, since a membership leads to the role that was there, not to its name.
    aside = [name for name in wanted if name in here] if others else []
    for number, name in enumerate(aside):
        _set_aside(admin, name, f"{_ASIDE}{number}")
    new = [role for role in wanted.values() if role.name not in here or role.name in aside]
    for role in new:
        said = replace(role, superuser=False, bypassrls=True) if _is_lowered(server, role) else role
        admin.execute(f"create role {quote_ident(role.name)} {_attributes(said)}".encode())
        made.append(role.name)
    notes = [note for role in new for note in _join(admin, role)]
    if server.lends_no_superuser:
        notes += _belong(admin, server, new, catalog)
    return notes + _notes_on_owner(OWNER if server.is_own else admin.info.user, catalog)


def _is_lowered(server: "Server", role: Role) -> bool:
    """Tell whether a superuser of the source is none here, but sees and writes all rows."""
    return role.superuser and server.lends_no_superuser


def _belong(admin: "Connection", server: "Server", made: list[Role], catalog: Catalog) -> list[str]:
    """Let `postgres` do what each owner may, and superusers of the source see and write all rows."""
    import psycopg

    notes = []
    for role in made:
        try:
            admin.execute(f"grant {quote_ident(role.name)} to {OWNER} with inherit true, set true".encode())
        except psycopg.Error as error:
            notes.append(f"{OWNER} is no member of {role.name} on the copy: {error.diag.message_primary}")
    for role in catalog.roles:
        if _is_lowered(server, role) and (role.name == OWNER or role in made):
            name = quote_ident(role.name)
            admin.execute(f"grant {SCRATCH_PROVER} to {name} with inherit true, set true".encode())
    return notes


def _notes_on_owner(me: str, catalog: Catalog) -> list[str]:
    return [
        f"the role {me} is no superuser at the source, but sees and writes all rows on the scratch server:"
        " what it owns is reached with more rights on the copy"
        for role in catalog.roles
        if role.name == me and not role.superuser
    ]


def _kind(role: Role) -> tuple[object, ...]:
    """Return what tells two roles of one name apart; a scratch server needs no REPLICATION."""
    return (_attributes(role), sorted(role.settings), sorted(role.member_of, key=lambda m: m.role))


def _set_aside(admin: "Connection", name: str, away: str) -> None:
    with admin.transaction():
        admin.execute(f"alter role {quote_ident(name)} rename to {quote_ident(away)}".encode())
        admin.execute(f"comment on role {quote_ident(away)} is {quote_literal(name)}".encode())


def _attributes(role: Role) -> str:
    wanted = {"superuser": role.superuser, "bypassrls": role.bypassrls, "login": role.login,
              "inherit": role.inherit, "createrole": role.createrole, "createdb": role.createdb}  # fmt: skip
    return " ".join(word if held else f"no{word}" for word, held in wanted.items())


def _join(admin: "Connection", role: Role) -> list[str]:
    """Give a role its memberships and settings; return what this server knows nothing of."""
    import psycopg

    options = admin.info.server_version >= 160000
    notes = []
    for m in role.member_of:
        if m.role in _OF_THE_MACHINE:
            notes.append(
                f"{role.name} is no member of {m.role} on the copy: that is about the server's machine"
            )
            continue
        flags = (
            f"inherit {str(m.inherit).lower()}, set {str(m.set_role).lower()}, admin {str(m.admin).lower()}"
        )
        grant = f"grant {quote_ident(m.role)} to {quote_ident(role.name)}"
        try:
            admin.execute((f"{grant} with {flags}" if options else grant).encode())
        except psycopg.Error as error:
            notes.append(f"{role.name} is no member of {m.role} on the copy: {error.diag.message_primary}")
    for setting in role.settings:
        name, _, value = setting.partition("=")
        names = ".".join(map(quote_ident, name.split(".")))
        try:
            admin.execute(
                f"alter role {quote_ident(role.name)} set {names} = {quote_literal(value)}".encode()
            )
        except psycopg.Error:
            continue  # a setting that this server does not know; the probes set it again per session
    return notes
