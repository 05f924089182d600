"""One PostgreSQL cluster that its users start together and the last of them stops."""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ..model.errors import ScratchError
from . import builds, home, locks, standins
from .sources import Install, one_line, version_text

_START_LIMIT = 60.0  # seconds
_STOP_LIMIT = 30.0
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "jit": "off",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "max_locks_per_transaction": "1024",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "update_process_title": "off",
    "cluster_name": "validate-schema",
}


class Info(msgspec.Struct, frozen=True):
    """What `scratch list` shows of a cluster without starting it."""

    key: str
    source: str
    version: str


@dataclass
class Cluster:
    """A data folder with its locks.

    `users.lock` is held shared by each user, `start.lock` while a server is started or stopped, and
    `server.lock` by the server's own processes, which inherit it: whether a server runs is known from
    that lock, not from a process number that may have been reused.
    """

    folder: Path
    account: home.Account
    _user: locks.Lock | None = field(default=None, init=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def start_lock(self) -> Path:
        return self.folder / "start.lock"

    @property
    def users_lock(self) -> Path:
        return self.folder / "users.lock"

    @property
    def server_lock(self) -> Path:
        return self.folder / "server.lock"

    @property
    def running(self) -> bool:
        return locks.taken(self.server_lock)

    @property
    def sockets(self) -> Path:
        """Return the private folder of the server's socket, as noted by whoever started it."""
        return Path((self.folder / "sockets").read_text())

    def join(
        self, install: Install, key: str, ready: Callable[[bool], None], say: Callable[[str], None]
    ) -> None:
        """Become a user: start the server unless it runs, then call `ready(alone)` while nobody else
        can join or leave. `alone` tells that there was no other user."""
        with locks.hold(self.start_lock):
            alone = locks.acquire(self.users_lock, wait=False)
            if alone:
                alone.release()
            self._user = locks.acquire(self.users_lock, shared=True)
            os.utime(self.folder)
            if not self.running:
                say(f"starting PostgreSQL ({install.name})")
                self._start(builds.within_reach(install, self.account, say), key, say)
            ready(alone is not None)

    def leave(self) -> None:
        """Stop being a user; the last one stops the server. Nothing happens to who never joined."""
        if not self._user:
            return
        with locks.hold(self.start_lock):
            os.utime(self.folder)
            self._user.release()
            self._user = None
            self.stop_unused()

    def stop_unused(self) -> bool:
        """Stop the server if nobody uses it; return whether it is stopped. Needs the start lock."""
        alone = locks.acquire(self.users_lock, wait=False)
        if not alone:
            return False
        try:
            return not self.running or self._stop()
        finally:
            alone.release()

    def forget(self) -> None:
        """Remove everything of a stopped cluster. Needs the start lock."""
        self._remove_sockets()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, install: Install, key: str, say: Callable[[str], None]) -> None:
        """Start on the data at hand; if that fails on a new copy; at last on a new initdb."""
        if (self.data / "postmaster.pid").exists():
            # Not shut down in order, and fsync is off: the data is worth less than a new copy.
            self._discard()
        fresh = not self.data.exists()
        if fresh:
            self._fill(install, key, say)
        try:
            self._launch(install)
        except (ScratchError, OSError, ValueError):
            self._discard()
            if fresh:
                builds.forget_blank(install)
            self._fill(install, key, say)
            self._launch(install)

    def _discard(self) -> None:
        self._remove_sockets()
        shutil.rmtree(self.data, ignore_errors=True)

    def _fill(self, install: Install, key: str, say: Callable[[str], None]) -> None:
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            builds.copy_blank(install, self.account, unfinished, say)
            info = Info(key, install.name, version_text(install.bin_dir))
            (self.folder / "info.json").write_bytes(msgspec.json.encode(info))
            unfinished.rename(self.data)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise

    def _launch(self, install: Install) -> None:
        self._remove_sockets()
        sockets = home.socket_folder(self.account)
        try:
            # Noted before it is made: whatever happens in between, somebody removes it.
            (self.folder / "sockets").write_text(str(sockets))
            sockets.mkdir(mode=0o700)
            self.account.own(sockets)
            (self.data / "postgresql.auto.conf").write_text("")  # ALTER SYSTEM of an earlier run
            standins.provide(self.folder)
            self._spawn(install, self._settings(sockets))
            self._await_ready()
        except BaseException:
            if self.running:
                self._stop()
            self._remove_sockets()
            raise

    def _settings(self, sockets: Path) -> dict[str, str]:
        settings = _SETTINGS | {"unix_socket_directories": str(sockets)}
        if int((self.data / "PG_VERSION").read_text()) >= 18:
            settings["io_method"] = "sync"
            settings["extension_control_path"] = f"$system:{self.folder / standins.FOLDER}"
        return settings

    def _spawn(self, install: Install, settings: dict[str, str]) -> None:
        """Start the server in a session of its own, out of reach of the terminal's Ctrl-C, and as
        nobody's child: any of its users may be the one that outlives the others."""
        command = [str(install.bin_dir / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with locks.hold(self.server_lock) as lock, open(self.folder / "log", "w") as log:
            subprocess.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env=builds.child_environment(),
                pass_fds=(lock.fd,),
                start_new_session=True,
                check=True,
                **self.account.child,
            )

    def _await_ready(self) -> None:
        """Wait for "ready" in postmaster.pid, as pg_ctl does."""
        if _await(lambda: not self.running or self._pid_lines()[7:8] == ["ready"], _START_LIMIT):
            if self.running:
                return
            raise ScratchError(f"PostgreSQL does not start: {one_line(self._log())}")
        raise ScratchError(f"PostgreSQL is not ready after {_START_LIMIT:.0f} s: {one_line(self._log())}")

    def _stop(self) -> bool:
        """Shut down in order, then harder; return whether it is down. A server whose process is not
        to be seen from here (another container with the same cache) is left alone.

        Source: PostgreSQL documentation, "Shutting Down the Server".
        """
        _await(lambda: not self.running or bool(self._pid_lines()), 5.0)
        for number, limit in ((signal.SIGINT, _STOP_LIMIT), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            pid = self._postmaster()
            if pid:
                os.kill(pid, number)
            if _await(lambda: not self.running, limit if pid else 0.1):
                self._remove_sockets()
                return True
        return False

    def _postmaster(self) -> int | None:
        lines = self._pid_lines()
        if not lines or not lines[0].isdigit():
            return None
        try:
            command = Path(f"/proc/{lines[0]}/cmdline").read_bytes()
        except OSError:
            return None if Path("/proc/self").exists() else int(lines[0])
        return int(lines[0]) if os.fsencode(self.data) in command else None

    def _remove_sockets(self) -> None:
        note = self.folder / "sockets"
        if note.exists():
            shutil.rmtree(note.read_text() or note, ignore_errors=True)
            note.unlink()

    def _pid_lines(self) -> list[str]:
        try:
            return [line.strip() for line in (self.data / "postmaster.pid").read_text().splitlines()]
        except FileNotFoundError:
            return []

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def cluster_for(install: Install, key: str) -> Cluster:
    """Return the cluster of this build and key; it need not exist yet."""
    name = hashlib.sha256(f"{install.digest}\0{key}".encode()).hexdigest()[:16]
    return Cluster(home.home() / "cluster" / name, home.server_account())


def _await(true: Callable[[], bool], limit: float) -> bool:
    """Poll until `true()` or `limit` seconds have gone; return which."""
    deadline, pause = time.monotonic() + limit, 0.002
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True
