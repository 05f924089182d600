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
from typing import Any

import msgspec

from ..errors import ScratchError
from . import home, locks, standins
from .sources import Install, major, one_line, version_text

_START_LIMIT = 60.0  # seconds
_STOP_LIMIT = 30.0
_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
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
    """A data folder with its locks. `users.lock` is held shared by each user, `start.lock` while a
    server is started or stopped, and `server.lock` by the server's own processes: whether a server
    runs is known from that lock, not from a process number that may have been reused.
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
    def running(self) -> bool:
        return locks.taken(self.folder / "server.lock")

    @property
    def major(self) -> int:
        return int((self.data / "PG_VERSION").read_text())

    @property
    def socket_folder(self) -> Path:
        """Return the running server's socket folder: line 5 of its postmaster.pid."""
        return Path(self._pid_file()[4])

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
                self._start(install, key)
            ready(alone is not None)

    def leave(self) -> None:
        """Stop being a user; the last one stops the server. Nothing happens to who never joined."""
        if not self._user:
            return
        with locks.hold(self.start_lock):
            self._user.release()
            self._user = None
            self.stop_unused()

    def stop_unused(self) -> bool:
        """Stop the server if nobody uses it; return whether nobody does. Needs the start lock."""
        alone = locks.acquire(self.users_lock, wait=False)
        if not alone:
            return False
        try:
            if self.running:
                self._stop()
        finally:
            alone.release()
        return True

    def _start(self, install: Install, key: str) -> None:
        """Start on the data at hand; if that fails on a new copy; at last on a new initdb."""
        if (self.data / "postmaster.pid").exists():
            # Not shut down in order, and fsync is off: the data is worth less than a new copy.
            self.discard()
        fresh = not self.data.exists()
        if fresh:
            self._fill(install, key)
        try:
            self._launch(install)
        except ScratchError:
            self.discard()
            if fresh:
                forget_blank(install)
            self._fill(install, key)
            self._launch(install)

    def discard(self) -> None:
        """Remove the data; the server must not run."""
        shutil.rmtree(self.data, ignore_errors=True)

    def _fill(self, install: Install, key: str) -> None:
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            copy_blank(install, self.account, unfinished)
        except OSError as error:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise ScratchError(f"cannot write a scratch cluster in {self.folder}: {error.strerror}") from None
        unfinished.rename(self.data)
        info = Info(key, install.name, version_text(install.bin_dir))
        (self.folder / "info.json").write_bytes(msgspec.json.encode(info))

    def _launch(self, install: Install) -> None:
        sockets = home.socket_folder(self.account)
        try:
            (self.data / "postgresql.auto.conf").write_text("")
            standins.provide(self.folder)
            self._spawn(install, self._settings(sockets))
            self._await_ready()
        except BaseException:
            if self.running:
                self._stop()
            shutil.rmtree(sockets, ignore_errors=True)
            raise

    def _settings(self, sockets: Path) -> dict[str, str]:
        settings = _SETTINGS | {"unix_socket_directories": str(sockets)}
        if self.major >= 18:
            settings["io_method"] = "sync"
            settings["extension_control_path"] = f"$system:{self.folder / standins.FOLDER}"
        return settings

    def _spawn(self, install: Install, settings: dict[str, str]) -> None:
        """Start the server in a session of its own, out of reach of the terminal's Ctrl-C, and as
        nobody's child: any user may be the one that outlives it."""
        command = [str(install.bin_dir / "postgres"), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        lock = locks.acquire(self.folder / "server.lock")
        assert lock is not None
        try:
            with open(self.folder / "log", "w") as log:
                subprocess.run(
                    ["/bin/sh", "-c", '"$@" &', "sh", *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=child_environment(),
                    pass_fds=(lock.fd,),
                    start_new_session=True,
                    check=True,
                    **self.account.child,
                )
        except (OSError, subprocess.SubprocessError) as error:
            raise ScratchError(f"PostgreSQL cannot be started as another user: {error}") from None
        finally:
            lock.release()

    def _await_ready(self) -> None:
        deadline, pause = time.monotonic() + _START_LIMIT, 0.002
        while time.monotonic() < deadline:
            if not self.running:
                raise ScratchError(f"PostgreSQL does not start: {one_line(self._log())}")
            if self._pid_file()[7:8] == ["ready"]:
                return
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        raise ScratchError(f"PostgreSQL is not ready after {_START_LIMIT:.0f} s: {one_line(self._log())}")

    def _stop(self) -> None:
        """Shut down in order (pg_ctl's "fast"), then harder. Source: "Shutting Down the Server"."""
        lines = self._pid_file()
        if not lines or not self._is_postmaster(int(lines[0])):
            raise ScratchError(f"the server of {self.folder} runs in another container; stop it there")
        for number, limit in ((signal.SIGINT, _STOP_LIMIT), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            try:
                os.kill(int(lines[0]), number)
            except ProcessLookupError:
                break
            if self._await_stopped(limit):
                break
        if len(lines) > 4 and lines[4].startswith("/"):
            shutil.rmtree(lines[4], ignore_errors=True)

    def _await_stopped(self, limit: float) -> bool:
        deadline, pause = time.monotonic() + limit, 0.002
        while self.running:
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)
        return True

    def _is_postmaster(self, pid: int) -> bool:
        try:
            return os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return not Path("/proc/self").exists()

    def _pid_file(self) -> list[str]:
        """Return the lines of postmaster.pid (pg_ctl reads the same ones), none when there is none."""
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


def child_environment() -> dict[str, Any]:
    """Return an environment without the PG* and locale variables that would change the server."""
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {k: os.environ[k] for k in kept if k in os.environ} | {"LC_ALL": "C", "TZ": "UTC"}


def blank_folder(install: Install) -> Path:
    return home.home() / "blank" / install.digest


def forget_blank(install: Install) -> None:
    """Remove the copy of a new cluster, so that the next one comes from initdb."""
    with locks.hold(blank_folder(install) / "lock"):
        shutil.rmtree(blank_folder(install) / "data", ignore_errors=True)


def copy_blank(install: Install, account: home.Account, target: Path) -> None:
    """Make a new cluster in `target`: a copy of one that initdb made once."""
    folder = blank_folder(install)
    with locks.hold(folder / "lock"):
        os.utime(folder)
        if not (folder / "data").exists():
            unfinished = folder / "data.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            _initdb(install, unfinished)
            account.own_tree(unfinished)
            unfinished.rename(folder / "data")
        home.copy_tree(folder / "data", target, account)


def _initdb(install: Install, target: Path) -> None:
    """Run initdb: UTF-8, plain C rules for sorting, no password (the socket's folder is private)."""
    account = home.initdb_account()
    target.mkdir(mode=0o700)
    account.own(target)
    locale = ["--locale=C"]
    if major(install.bin_dir) >= 17:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command = [str(install.bin_dir / "initdb"), "-D", str(target), "-U", "postgres", *locale]
    command += ["--encoding=UTF8", "--auth-local=trust", "--auth-host=reject", "--wal-segsize=1"]
    command += ["--no-sync", "--no-instructions"]
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env=child_environment(),
            check=True,
            **account.child,
        )
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(target, ignore_errors=True)
        said = getattr(error, "stderr", "") or str(error)
        raise ScratchError(f"initdb of {install.bin_dir} fails: {one_line(said)}") from None
