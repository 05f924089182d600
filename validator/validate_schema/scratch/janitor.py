"""List, clean and evict what scratch servers leave on disk."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from . import locks
from .cluster import Cluster, Info
from .home import home, remove

_KEPT_CLUSTERS = 8
_KEPT_BUILDS = 4


@dataclass(frozen=True)
class ScratchEntry:
    """One cluster on disk. `bytes` is what its files take, `used` when somebody last opened it (UTC)."""

    key: str
    source: str
    version: str
    folder: Path
    running: bool
    in_use: bool
    bytes: int
    used: datetime

    def line(self) -> str:
        """Return the entry as one line for the terminal."""
        state = "in use" if self.in_use else "running" if self.running else "stopped"
        size = f"{self.bytes / 1_000_000:.0f} MB"
        shown = (
            f"PostgreSQL {self.version} ({self.source})",
            state,
            size,
            f"{self.used:%Y-%m-%d %H:%M}",
            self.key,
        )
        return "  ".join(shown)


def list_scratch() -> tuple[ScratchEntry, ...]:
    """Return the clusters on disk, the last used first."""
    return tuple(_entry(folder) for folder in _by_use(home() / "cluster"))


def clean_scratch() -> tuple[str, ...]:
    """Stop and remove everything on disk that nobody uses; return a line for each thing removed."""
    removed = []
    for entry in list_scratch():
        if _stop(entry.folder, remove=True):
            removed.append(f"{entry.key} ({entry.source} {entry.version})")
    for kind in ("blank", "install"):
        for folder in _by_use(home() / kind):
            if _remove_cached(folder):
                removed.append(f"{kind} {folder.name}")
    return tuple(removed)


def sweep(keep: Path) -> None:
    """Stop servers that nobody uses, and remove all but the clusters and builds used last.

    `keep` is the cluster that the caller has just used: it stays.
    """
    for position, folder in enumerate(_by_use(keep.parent)):
        if folder == keep:
            continue
        if position >= _KEPT_CLUSTERS:
            _stop(folder, remove=True)
        elif Cluster(folder).left_something:
            _stop(folder)
    for kind in ("blank", "install"):
        for folder in _by_use(keep.parents[1] / kind)[_KEPT_BUILDS:]:
            _remove_cached(folder)


def _by_use(parent: Path) -> list[Path]:
    """Return the folders in `parent`, the last used first."""
    found = []
    for folder in parent.iterdir() if parent.is_dir() else ():
        try:
            found.append((folder.stat().st_mtime_ns, folder))
        except FileNotFoundError:
            continue
    return [folder for _, folder in sorted(found, reverse=True)]


def _entry(folder: Path) -> ScratchEntry:
    try:
        info = msgspec.json.decode((folder / "info.json").read_bytes(), type=Info)
    except (OSError, msgspec.DecodeError):
        info = Info("?", "?", "?")
    return ScratchEntry(
        key=info.key,
        source=info.source,
        version=info.version,
        folder=folder,
        running=locks.taken(folder / "server.lock"),
        in_use=_in_use(folder),
        bytes=_size(folder),
        used=datetime.fromtimestamp(folder.stat().st_mtime, UTC),
    )


def _size(folder: Path) -> int:
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            try:
                total += Path(parent, name).lstat().st_size
            except OSError:
                continue
    return total


def _in_use(folder: Path) -> bool:
    """Return whether somebody uses the cluster, or is starting or stopping it."""
    lock = locks.acquire(folder / "start.lock", wait=False)
    if not lock:
        return True
    try:
        return locks.taken(folder / "users.lock", shared=True)
    finally:
        lock.release()


def _stop(folder: Path, *, remove: bool = False) -> bool:
    """Stop, and remove, a cluster unless somebody uses it, starts it or stops it."""
    lock = locks.acquire(folder / "start.lock", wait=False)
    if not lock:
        return False
    try:
        cluster = Cluster(folder)
        stopped = cluster.stop_unused()
        if stopped and remove:
            cluster.forget()
        return stopped
    finally:
        lock.release()


def _remove_cached(folder: Path) -> bool:
    """Remove what was made once for a build, unless somebody makes it or a server runs from it."""
    held = []
    try:
        for name in ("lock", "users.lock"):
            lock = locks.acquire(folder / name, wait=False)
            if not lock:
                return False
            held.append(lock)
        remove(folder)
        return True
    finally:
        for lock in held:
            lock.release()
