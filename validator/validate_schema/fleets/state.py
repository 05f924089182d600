"""The file of `--resume`: what is known of members, a line each time that some more are done.

The first line says what the file is. Lines are added by one write each, so that a run that is killed leaves
at most a piece of a line at the end, which is left out; when the file is opened, it is written anew, in one
step, with the last that is known of each database. It holds names, addresses, hashes, and nothing secret.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

import msgspec
from msgspec.structs import replace

from ..model.errors import UsageError
from ..model.limits import require_size
from ..model.secret import mask
from ..report.files import write
from ..sql.ident import visible
from .memory import Memory, Remembered

STATE_VERSION = 1
_HINT = "name another, or delete it to begin anew"


class _Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    fleet_state: int


class State:
    """A state that is open: what it holds, and a place for what comes."""

    def __init__(self, path: Path) -> None:
        """Read a state, or begin one. Raises `UsageError` for a file that is none or cannot be written."""
        self._path, self._lock = path, Lock()
        self._memories: list[Memory] = []
        self._elsewhere = 0
        known = _latest(_read(path)) if path.exists() else []
        self._known: dict[tuple[str, str], list[Remembered]] = {}
        for one in known:
            self._known.setdefault((one.database, one.server), []).append(one)
        lines = [msgspec.json.encode(_Head(STATE_VERSION)), *map(msgspec.json.encode, known)]
        write("".join(f"{line.decode()}\n" for line in lines), path)

    def of(self, database: str, server: str) -> Memory:
        """Return the memory of a database."""
        memory = Memory(database, server, self._known.get((database, server), ()), self._add)
        with self._lock:
            self._memories.append(memory)
        return memory

    def known(self, database: str) -> tuple[Remembered, ...]:
        """Return what is known of a database, wherever it is: without the addresses, to go to whoever reads
        it."""
        with self._lock:
            found = [one for (name, _), of in self._known.items() if name == database for one in of]
        return tuple(replace(one, server="") for one in found)

    def take(self, new: Iterable[Remembered], recalls: int) -> None:
        """Keep what somebody else learnt of a database, who did not read so many members again."""
        new = tuple(new)
        with self._lock:
            self._elsewhere += recalls
            for one in new:
                self._known.setdefault((one.database, one.server), []).append(one)
        for one in new:
            self._add(one)

    @property
    def recalls(self) -> int:
        """How many members were not read again so far."""
        return self._elsewhere + sum(memory.recalls for memory in self._memories)

    def _add(self, one: Remembered) -> None:
        line = msgspec.json.encode(one) + b"\n"
        try:
            with self._lock:
                place = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
                try:
                    os.write(place, line)
                finally:
                    os.close(place)
        except OSError as error:
            raise UsageError(f"{self._path}: cannot write: {error.strerror or error}") from None


def _read(path: Path) -> list[Remembered]:
    try:
        if not path.is_file():
            raise UsageError(f"{path}: a state is a file: {_HINT}")
        require_size(path, path.stat().st_size, "report_bytes", UsageError)
        head, *lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{path}: cannot read: {error.strerror or error}") from None
    try:
        version = msgspec.json.decode(head, type=_Head).fleet_state
        if version != STATE_VERSION:
            raise UsageError(f"{path}: state version {version}; this program reads {STATE_VERSION}: {_HINT}")
        # What stands behind the last line break is the piece of a line of a run that was killed.
        return [msgspec.json.decode(line, type=Remembered) for line in lines[:-1]]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = visible(mask(str(error)))[:200]
        raise UsageError(f"{path}: not a state that `fleet --resume` wrote ({said}): {_HINT}") from None


def _latest(known: Iterable[Remembered]) -> list[Remembered]:
    """Return the last that is known of each member, of each database as it was last."""
    known = tuple(known)
    who = {(one.database, one.server): one.who for one in known}
    last = {
        (one.database, one.server, kept.oid): place for place, one in enumerate(known) for kept in one.members
    }
    found = []
    for place, one in enumerate(known):
        if who[one.database, one.server] == one.who:
            kept = tuple(k for k in one.members if last[one.database, one.server, k.oid] == place)
            found += [replace(one, members=kept)] if kept else []
    return found
