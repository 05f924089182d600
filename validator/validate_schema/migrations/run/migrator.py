"""The role that migrates: it owns the scratch database, and the session is it from the start."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...model.errors import MigrationError
from ...scratch.owner import OWNER
from ...sql.ident import quote_ident, visible

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

_ATTRIBUTES = "inherit createdb createrole nosuperuser nobypassrls noreplication"
_OWNER = (
    "select pg_catalog.pg_get_userbyid(datdba) from pg_catalog.pg_database"
    " where datname = pg_catalog.current_database()"
)
_MEMBERS_CHOOSE = 160000
_SEES_ALL = (
    "{0} sees all rows on this scratch server, so nothing would be hidden from it. Where {0} migrates and"
    " sees all rows in production too, leave role out: files run like that without it. Where row security"
    " binds whoever migrates, name a role of its own that owns the tables"
)


def let_in(database: "Database", role: str, *, made_up: bool) -> bool:
    """See that `role` is on the server and owns the database, and that whoever logs in may become it; return
    whether it was made.

    `made_up`: where it lacks, it is made with what a managed service gives to who migrates: CREATEROLE and
    CREATEDB, neither SUPERUSER nor BYPASSRLS. Raises `MigrationError` for a role that cannot migrate, or from
    which row security would hide nothing here.
    """
    import psycopg

    server, shown = database.server, visible(role)
    if role in ("", "none", "public") or role.startswith("pg_"):
        raise MigrationError(f"[migrations] role: {shown or 'an empty text'} is nobody who logs in")
    with database.admin(autocommit=True) as admin:
        there = admin.execute(
            "select rolsuper or rolbypassrls from pg_catalog.pg_roles where rolname = %s", [role]
        ).fetchone()
        if there is None and not made_up:
            raise MigrationError(f"[migrations] role: the target has no role {shown}")
        if role == OWNER if server.is_own else made_up and there == (True,):
            raise MigrationError(f"[migrations] role: {_SEES_ALL.format(shown)}")
        me = database.parameters.get("user") or admin.info.user
        try:
            if there is None:
                login = "login" if server.is_own else "nologin"  # others' server keeps it
                admin.execute(f"create role {quote_ident(role)} {login} {_ATTRIBUTES}".encode())
            _join(admin, role, me)
            if made_up:
                owned = f"alter database {quote_ident(database.name)} owner to {quote_ident(role)}"
                admin.execute(owned.encode())
        except psycopg.Error as error:
            said = error.diag.message_primary or str(error).partition("\n")[0]
            raise MigrationError(
                f"[migrations] role: {shown} cannot run them here: {said}"
                + ("" if server.is_own else f"; create it there, and grant it to {visible(me)}")
            ) from None
    return there is None


def _join(admin: "psycopg.Connection[Any]", role: str, member: str) -> None:
    """Let `member` become `role` and do what it may, where it cannot yet."""
    choose = admin.info.server_version >= _MEMBERS_CHOOSE
    both = admin.execute(
        "select pg_catalog.pg_has_role(%s, %s, 'USAGE') and pg_catalog.pg_has_role(%s, %s, %s)",
        [member, role, member, role, "SET" if choose else "MEMBER"],
    ).fetchone()
    if both != (True,):
        options = " with inherit true, set true" if choose else ""
        admin.execute(f"grant {quote_ident(role)} to {quote_ident(member)}{options}".encode())


def as_option(role: str) -> str:
    """Return the setting with which a session begins as the role, so that RESET ROLE leads back to it.

    Source: PostgreSQL documentation, "SET ROLE", and libpq's connection parameter ``options``.
    """
    return "-c role=" + role.replace("\\", "\\\\").replace(" ", "\\ ")


def keep_owner(target: "psycopg.Connection[Any]", copy: "psycopg.Connection[Any]", name: str) -> None:
    """Give a copy of the target's schema the target's owner, who may create schemas in it and what he likes
    in the schema public. One that the copy's server does not know is none of the roles that are there."""
    import psycopg

    row = target.execute(_OWNER).fetchone()
    with suppress(psycopg.Error):
        owner = quote_ident(str(row[0] if row else ""))
        copy.execute(f"alter database {quote_ident(name)} owner to {owner}".encode())
