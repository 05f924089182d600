"""Replay once, clone from then on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ...contract.diff.purposes import losses, purpose
from ...sql.ident import quote_ident, quote_literal
from ..records import MigrationSet, ReplayNotes
from .steps import replay_and_record

if TYPE_CHECKING:
    from ...scratch import Database, Server

# A setting of the template database itself: it survives the renaming, and clones do not inherit it.
_SETTING = "validate_schema.replay"


def templated(
    server: "Server", migrations: MigrationSet, *, progress: Callable[[str], None] | None = None
) -> tuple[str, ReplayNotes]:
    """Return the name of a template database with `migrations` applied, and the notes of its replay.

    The replay runs once for each digest and server. Raises what `replay` raises.
    """

    def build(database: "Database") -> None:
        replayed, steps = replay_and_record(database, migrations, progress=progress)
        unread = len(replayed.applied) - len(steps)
        result = msgspec.structs.replace(
            replayed,
            purposes=(None,) * unread + tuple(purpose(s.changes) for s in steps),
            losses=((),) * unread + tuple(losses(s.changes) for s in steps),
        )
        notes = msgspec.json.encode(result).decode()
        with database.connect(autocommit=True) as connection:
            sql = f"alter database {quote_ident(database.name)} set {_SETTING} to {quote_literal(notes)}"
            connection.execute(sql.encode())

    name = server.template(migrations.digest, build)
    return name, _notes(server, name)


def _notes(server: "Server", name: str) -> ReplayNotes:
    with server.connect(autocommit=True) as connection:
        row = connection.execute(
            "select substr(setting, length(%(setting)s) + 2)"
            " from pg_catalog.pg_db_role_setting s join pg_catalog.pg_database d on d.oid = s.setdatabase,"
            " unnest(s.setconfig) as setting"
            " where s.setrole = 0 and d.datname = %(name)s and starts_with(setting, %(setting)s || '=')",
            {"setting": _SETTING, "name": name},
        ).fetchone()
    return msgspec.json.decode(row[0], type=ReplayNotes) if row else ReplayNotes()
