"""Replay once, clone from then on."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from ...contract.diff.purposes import losses, purpose
from ..records import MigrationSet, ReplayNotes
from .steps import replay_and_record

if TYPE_CHECKING:
    from ...scratch import Database, Server


def templated(
    server: "Server", migrations: MigrationSet, *, progress: Callable[[str], None] | None = None
) -> tuple[str, ReplayNotes]:
    """Return the name of a template database with `migrations` applied, and the notes of its replay.

    The replay runs once for each digest and server. Raises what `replay` raises.
    """

    def build(database: "Database") -> str:
        replayed, steps = replay_and_record(database, migrations, progress=progress)
        unread = len(replayed.applied) - len(steps)
        result = msgspec.structs.replace(
            replayed,
            purposes=(None,) * unread + tuple(purpose(s.changes) for s in steps),
            losses=((),) * unread + tuple(losses(s.changes) for s in steps),
        )
        return msgspec.json.encode(result).decode()

    name = server.template(migrations.digest, build)
    about = server.about(name)
    return name, msgspec.json.decode(about, type=ReplayNotes) if about else ReplayNotes()
