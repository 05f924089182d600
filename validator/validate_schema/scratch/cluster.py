"""One PostgreSQL cluster that its users start together and the last of them stops."""

import hashlib
import marshal
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from ..model.errors import ScratchError
from . import builds, home, locks, standins
from .sources import Install, one_line, version_text

_START_LIMIT = 60.0  # seconds
_STOP_LIMIT = 30.0
_PROGRAMS = False  # may a server start any?
_LAUNCHER = Path(__file__).with_name("launcher.py")
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
    "dynamic_shared_memory_type": "mmap",  # in the data folder: /dev/shm is everybody's
    "huge_pages": "off",
    "lc_messages": "C",
    "lc_monetary": "C",
    "lc_numeric": "C",
    "lc_time": "C",
    "default_text_search_config": "pg_catalog.english",
}
# The server's own configuration lies where it cannot write: what it finds among its data may be anybody's.
_FILES = {"config_file": "", "hba_file": "local all all trust\n", "ident_file": ""}
_READY = "database system is ready to accept connections"
NOTE = "server.pid"  # of the process that waits for the server; it removes it when all is ended
_SOCKETS = "sockets"  # names the folder of the server's socket
_FORMAT = 3  # of what is in a cluster's folder


class Info(msgspec.Struct, frozen=True):
    """What `scratch list` shows of a cluster without starting it."""

    key: str
    source: str
    version: str


@dataclass
class Cluster:
    """A data folder with its locks.

    `users.lock` is held shared by each user, `start.lock` while a server is started or stopped, and
    `server.lock` by the process beside the server (`launcher`): whether a server runs is known from
    that lock, not from a process number that may have been reused.

    The folder is this user's; in `data` whoever reached the server may have put anything, so nothing in it is
    opened here.
    """

    folder: Path
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
    def left_something(self) -> bool:
        """Tell whether a server runs, or whoever started or ran one may have been killed: there is something
        to clear up unless somebody uses it."""
        return self.running or any((self.folder / name).exists() for name in (NOTE, _SOCKETS))

    @property
    def sockets(self) -> Path:
        """Return the private folder of the server's socket, as noted by whoever started it."""
        return Path((self.folder / _SOCKETS).read_text())

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
                self._start(builds.within_reach(install, say), key, say)
            try:
                ready(alone is not None)
            except ScratchError:
                if alone is None:
                    raise
                say("the scratch PostgreSQL lets nobody in any more: it is made anew")
                self._stop()
                self._discard()
                self._start(builds.within_reach(install, say), key, say)
                ready(True)

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
            if self.running:
                return self._stop()
            self._clear_up()
            return True
        finally:
            alone.release()

    def forget(self) -> None:
        """Remove everything of a stopped cluster. Needs the start lock."""
        self._clear_up()
        home.remove(self.folder)

    def _start(self, install: Install, key: str, say: Callable[[str], None]) -> None:
        """Start on the data at hand; if that fails on a new copy; at last on a new initdb."""
        self._clear_up()
        if os.path.lexists(self.data / "postmaster.pid"):
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
        self._clear_up()
        home.remove(self.data)

    def _clear_up(self) -> None:
        """End what a server left that was killed together with the process beside it."""
        note = self.folder / NOTE
        if note.exists():
            if os.path.lexists(self.data):
                home.account_of(self.data).end_processes()
            note.unlink(missing_ok=True)
        self._remove_sockets()

    def _fill(self, install: Install, key: str, say: Callable[[str], None]) -> None:
        unfinished = self.folder / "data.new"
        home.remove(unfinished)
        try:
            builds.copy_blank(install, home.new_account(_taken(self.folder.parent)), unfinished, say)
            info = Info(key, install.name, version_text(install.bin_dir))
            (self.folder / "info.json").unlink(missing_ok=True)
            (self.folder / "info.json").write_bytes(msgspec.json.encode(info))
            unfinished.rename(self.data)
        except BaseException:
            home.remove(unfinished)
            raise

    def _launch(self, install: Install) -> None:
        self._remove_sockets()
        account = home.account_of(self.data)
        sockets = home.socket_folder(account)
        try:
            # Noted before it is made: whatever happens in between, somebody removes it.
            (self.folder / _SOCKETS).write_text(str(sockets))
            sockets.mkdir(mode=0o700)
            account.own(sockets)
            standins.provide(self.folder)
            self._spawn(install, account, sockets)
            self._await_ready()
        except BaseException:
            if self.running:
                self._stop()
            self._clear_up()
            raise

    def _settings(self, sockets: Path) -> dict[str, str]:
        settings = _SETTINGS | {"unix_socket_directories": str(sockets)}
        for name, text in _FILES.items():
            file = self.folder / name
            file.unlink(missing_ok=True)  # it may be a link to somewhere else
            file.write_text(text)
            file.chmod(0o644)
            settings[name] = str(file)
        info = msgspec.json.decode((self.folder / "info.json").read_bytes(), type=Info)
        version = int(re.split(r"\D", info.version)[0])
        if version >= 16:
            settings["createrole_self_grant"] = "set, inherit"  # whoever makes a role may be it
        if version >= 18:
            settings["io_method"] = "sync"
            settings["extension_control_path"] = f"$system:{self.folder / standins.FOLDER}"
        return settings

    def _spawn(self, install: Install, account: home.Account, sockets: Path) -> None:
        """Start the server by the process that stays beside it, in a session of its own, out of reach of the
        terminal's Ctrl-C, and as nobody's child: any of its users may be the one that outlives the others."""
        command = [str(install.bin_dir / "postgres"), "-D", str(self.data)]
        for name, value in self._settings(sockets).items():
            command += ["-c", f"{name}={value}"]
        own = [str(self.folder / name) for name in (standins.FOLDER, *_FILES)]
        (self.folder / "log").unlink(missing_ok=True)
        with locks.hold(self.server_lock) as lock, open(self.folder / "log", "w", opener=_private) as log:
            described = {
                "command": command,
                "programs": _PROGRAMS,
                "user": account.uid,
                "environ": builds.child_environment() | {"TMPDIR": str(sockets)},
                "data": str(self.data),
                "read": [*builds.library_folders(install), *own],
                "write": [str(self.data), str(sockets)],
                "stale": str(self.data / "postgresql.auto.conf"),  # ALTER SYSTEM of an earlier run
                "note": str(self.folder / NOTE),
                "lock": lock.fd,
            }
            beside = subprocess.Popen(
                [_python(), "-I", "-S", str(_LAUNCHER), str(self.folder)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                env=builds.child_environment(),
                pass_fds=(lock.fd,),
                start_new_session=True,
            )
            with beside:
                assert beside.stdin is not None
                beside.stdin.write(marshal.dumps(described))
                beside.stdin.close()
                import psycopg  # noqa: F401 - needed next, and takes about as long as the start
            if beside.returncode:
                raise ScratchError(f"PostgreSQL does not start: {one_line(self._log())}")

    def _await_ready(self) -> None:
        """Wait until the server says in its log that it is ready."""
        if _await(lambda: _READY in self._log() or not self.running, _START_LIMIT):
            if self.running:
                return
            raise ScratchError(f"PostgreSQL does not start: {one_line(self._log())}")
        raise ScratchError(f"PostgreSQL is not ready after {_START_LIMIT:.0f} s: {one_line(self._log())}")

    def _stop(self) -> bool:
        """Shut down in order, then harder; return whether it is down. A server whose process is not
        to be seen from here (another container with the same cache) is left alone.

        Source: PostgreSQL documentation, "Shutting Down the Server".
        """
        _await(lambda: not self.running or (self.folder / NOTE).exists(), 5.0)
        for number, limit in ((signal.SIGINT, _STOP_LIMIT), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            pid = self._beside()
            if pid:
                os.kill(pid, number)
            if _await(lambda: not self.running, limit if pid else 0.1):
                self._clear_up()
                return True
        return False

    def _beside(self) -> int | None:
        """Return the process beside the server, which passes on what it is told."""
        try:
            noted = (self.folder / NOTE).read_text()
        except FileNotFoundError:
            return None
        if not noted.isdigit():
            return None
        try:
            command = Path(f"/proc/{noted}/cmdline").read_bytes()
        except OSError:
            return None if Path("/proc/self").exists() else int(noted)
        return int(noted) if os.fsencode(self.folder) in command.split(b"\0") else None

    def _remove_sockets(self) -> None:
        note = self.folder / _SOCKETS
        noted = Path(home.note(note))
        if home.is_socket_folder(noted):
            home.remove(noted)
        note.unlink(missing_ok=True)

    def _log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def _python() -> str:
    """Return the Python that runs this process: what it says of itself, or what the kernel does."""
    for python in (sys.executable, os.path.realpath("/proc/self/exe")):
        if python and os.access(python, os.X_OK):
            return python
    raise ScratchError("no Python is known to start the scratch PostgreSQL with: sys.executable is empty")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _taken(clusters: Path) -> set[int]:
    """Return the users of the clusters that are there."""
    found = set()
    for data in (*clusters.glob("*/data"), *clusters.glob("*/data.new")):
        with suppress(FileNotFoundError):
            found.add(data.lstat().st_uid)
    return found


def cluster_for(install: Install, key: str) -> Cluster:
    """Return the cluster of this build and key; it need not exist yet."""
    name = hashlib.sha256(f"{_FORMAT}\0{builds.digest(install)}\0{key}".encode()).hexdigest()[:16]
    return Cluster(home.home() / "cluster" / name)


def _await(true: Callable[[], bool], limit: float) -> bool:
    """Poll until `true()` or `limit` seconds have gone; return which."""
    deadline, pause = time.monotonic() + limit, 0.002
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    return True
