"""The role that migrates: it owns the scratch database, and the session is it from the start."""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...model.errors import MigrationError
from ...scratch.owner import OWNER
from ...sql.ident import quote_ident, visible

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

_ATTRIBUTES = "login inherit createdb createrole nosuperuser nobypassrls noreplication"
_OWNER = (
    "select pg_catalog.pg_get_userbyid(datdba) from pg_catalog.pg_database"
    " where datname = pg_catalog.current_database()"
)
_MEMBERS_CHOOSE = 160000


def let_in(database: "Database", role: str, *, made_up: bool) -> bool:
    """See that `role` is on the server and owns the database, and that whoever logs in may become it; return
    whether it was made.

    `made_up`: where it lacks, it is made with what a managed service gives to who migrates: CREATEROLE and
    CREATEDB, neither SUPERUSER nor BYPASSRLS. Raises `MigrationError` for a role that cannot migrate.
    """
    import psycopg

    if database.server.is_own and role == OWNER:
        raise MigrationError(
            f"[migrations] role: {OWNER} runs them already, and has BYPASSRLS on a scratch server;"
            " name the role that row security binds"
        )
    if role in ("", "none", "public") or role.startswith("pg_"):
        raise MigrationError(f"[migrations] role: {visible(role) or 'an empty text'} is nobody who logs in")
    named = quote_ident(role)
    with database.admin(autocommit=True) as admin:
        there = admin.execute("select from pg_catalog.pg_roles where rolname = %s", [role]).fetchone()
        if there is None and not made_up:
            raise MigrationError(f"[migrations] role: the target has no role {visible(role)}")
        try:
            if there is None:
                admin.execute(f"create role {named} {_ATTRIBUTES}".encode())
            _join(admin, named, quote_ident(database.parameters.get("user") or admin.info.user))
            if made_up:
                admin.execute(f"alter database {quote_ident(database.name)} owner to {named}".encode())
        except psycopg.Error as error:
            said = error.diag.message_primary or str(error).partition("\n")[0]
            raise MigrationError(f"[migrations] role: {visible(role)} cannot run them here: {said}") from None
    return there is None


def _join(admin: "psycopg.Connection[Any]", role: str, member: str) -> None:
    options = " with inherit true, set true" if admin.info.server_version >= _MEMBERS_CHOOSE else ""
    admin.execute(f"grant {role} to {member}{options}".encode())


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
