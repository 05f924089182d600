"""Migrations: find a folder's files, run them on a scratch database.

What this module offers is imported when it is first asked for: who only wants to know a tool's tables needs
neither the files nor a server.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .discovery.search import discover as discover
    from .records import MigrationFile as MigrationFile
    from .records import MigrationSet as MigrationSet
    from .records import ReplayNotes as ReplayNotes
    from .run.replay import replay as replay
    from .run.template import templated as templated

_HOMES = {
    "MigrationFile": "records",
    "MigrationSet": "records",
    "ReplayNotes": "records",
    "discover": "discovery.search",
    "replay": "run.replay",
    "templated": "run.template",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
