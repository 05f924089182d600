"""Which databases of a server are ours, whose, and whether their owner still lives.

A database of ours has a name with our prefix and a comment (`Note`). The name holds a number; its
owner holds an advisory lock on that number for as long as it is connected. PostgreSQL releases the
lock when the owner dies, so a database whose number nobody has locked is stale.
"""

from collections.abc import Set
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from ..catalog.names import SCRATCH_PROVER, SCRATCH_SESSION
from ..sql.ident import quote_ident

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[Any]

_DATABASE = "vs_db_"
_TEMPLATE = "vs_template_"
_OWNERS = 0x7653  # first keys of our advisory locks
_BUILDERS = 0x7654
_USERS = 0x7655
_ROLES = 0x7656
_KEPT_TEMPLATES = 8


class Note(msgspec.Struct, frozen=True, omit_defaults=True):
    """The comment on a database of ours: what it is, and what came with a template. `passing`: the
    template goes when its last user goes. `about` is what its builder has to say of it."""

    validate_schema: str
    used: str = ""
    roles: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    passing: bool = False
    about: str = ""


def database_name(token: int, count: int) -> str:
    return f"{_DATABASE}{token:08x}_{count}"


def template_name(digest: str) -> str:
    return f"{_TEMPLATE}{digest[:32]}"


def owner_lock(token: int) -> str:
    """Return the arguments of pg_advisory_lock for the owner of databases."""
    return f"{_OWNERS}, {token}"


def template_lock(digest: str) -> str:
    """Return the arguments of pg_advisory_lock for the builder of a template."""
    return f"{_BUILDERS}, {int(digest[:7], 16)}"


def user_lock(name: str) -> str:
    """Return the arguments of pg_advisory_lock_shared for the users of a passing template."""
    return f"{_USERS}, {_user_number(name)}"


def roles_lock() -> str:
    """Return the arguments of pg_advisory_lock for the one copy at a time that may change roles."""
    return f"{_ROLES}, 0"


def _user_number(name: str) -> int:
    return int(name.removeprefix(_TEMPLATE)[:7], 16)


def notes(conn: "Connection") -> dict[str, Note]:
    """Return our databases: those with our prefix, our comment, and our user as owner."""
    rows = conn.execute(
        "select datname, shobj_description(oid, 'pg_database') from pg_database"
        " where starts_with(datname, 'vs_') and pg_has_role(datdba, 'MEMBER')"
    ).fetchall()
    found = {}
    for name, comment in rows:
        with suppress(msgspec.DecodeError):
            found[name] = msgspec.json.decode(comment or "", type=Note)
    return found


def read_note(conn: "Connection", name: str) -> Note | None:
    return notes(conn).get(name)


def drop_stale(conn: "Connection") -> tuple[str, ...]:
    """Drop the databases whose owner is gone; return their names."""
    dropped = []
    candidates = [name for name in notes(conn) if name.startswith(_DATABASE)]
    # Read after the list: whoever made a database in it had taken the lock before.
    rows = conn.execute(
        "select objid::int8 from pg_locks where locktype = 'advisory' and classid = %s and objsubid = 2",
        [_OWNERS],
    ).fetchall()
    live = {token for (token,) in rows}
    for name in candidates:
        token = name.removeprefix(_DATABASE).partition("_")[0]
        if int(token, 16) not in live and _drop(conn, name):
            dropped.append(name)
    return tuple(dropped)


def drop_passing(conn: "Connection") -> None:
    """Drop the passing templates that nobody uses, and the roles that came with them.

    Roles are dropped by DROP ROLE alone: PostgreSQL refuses for one that anything still depends on.
    """
    for name, note in notes(conn).items():
        if not note.passing or not name.startswith(_TEMPLATE):
            continue
        (mine,) = conn.execute(f"select pg_try_advisory_lock({user_lock(name)})".encode()).fetchone() or (
            False,
        )
        if not mine:
            continue
        # An advisory lock is one database's; those who came by another database hold theirs there.
        held = conn.execute(
            "select count(*) from pg_locks where locktype = 'advisory' and classid = %s and objid = %s",
            [_USERS, _user_number(name)],
        ).fetchone()
        if held == (1,) and _drop(conn, name):
            for role in note.roles:
                _attempt(conn, f"drop role {quote_ident(role)}")
        conn.execute(f"select pg_advisory_unlock({user_lock(name)})".encode())


def evict_templates(conn: "Connection", keep: str) -> None:
    """Drop all but the templates used last. One that is being cloned stays: DROP refuses."""
    others = {n: note for n, note in notes(conn).items() if n.startswith(_TEMPLATE) and n != keep}
    for name in sorted(others, key=lambda n: others[n].used, reverse=True)[_KEPT_TEMPLATES - 1 :]:
        _drop(conn, name)


def drop_stray_roles(conn: "Connection", keep: Set[str] = frozenset()) -> None:
    """Drop the roles that no template brought along: left by builds that failed and killed runs.

    Only for a server of our own that nobody else uses at the moment.
    """
    kept = {role for note in notes(conn).values() for role in note.roles}
    for role in role_names(conn) - kept - keep:
        _attempt(conn, f"drop owned by {quote_ident(role)}")
        _attempt(conn, f"drop role {quote_ident(role)}")


def role_names(conn: "Connection") -> set[str]:
    """Return the roles that somebody created (object ids below 16384 are initdb's), but not our own."""
    made = conn.execute("select rolname from pg_roles where oid >= 16384 and rolname <> 'postgres'")
    return {name for (name,) in made} - {SCRATCH_PROVER, SCRATCH_SESSION}


def copy_settings(conn: "Connection", template: str, name: str) -> None:
    """Give a clone what CREATE DATABASE leaves out: ALTER DATABASE SET and the privileges on the
    database. Only for superusers: it writes to the catalog. Settings of our own stay behind."""
    conn.execute(
        "insert into pg_db_role_setting select d.oid, s.setrole, kept from pg_database d,"
        " pg_db_role_setting s join pg_database t on t.oid = s.setdatabase,"
        " lateral (select array_agg(c) from unnest(s.setconfig) c"
        " where not starts_with(c, 'validate_schema.')) as own (kept)"
        " where kept is not null and t.datname = %s and d.datname = %s",
        [template, name],
    )
    conn.execute(
        "update pg_database d set datacl = t.datacl from pg_database t"
        " where t.datname = %s and d.datname = %s and t.datacl is not null",
        [template, name],
    )


def brief(error: Exception) -> str:
    """Return the first line of a psycopg error."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _drop(conn: "Connection", name: str) -> bool:
    return _attempt(conn, f"drop database if exists {quote_ident(name)} with (force)")


def _attempt(conn: "Connection", statement: str) -> bool:
    import psycopg

    with suppress(psycopg.Error):
        conn.execute(statement.encode())
        return True
    return False
