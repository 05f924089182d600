"""Where scratch servers live, and the user that they run as."""

import os
import pwd
import re
import secrets
import stat
import subprocess
import tempfile
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ..model.errors import ScratchError

# Numbers that neither distributions nor systemd hand out (systemd: "Users, Groups, UIDs and GIDs"); a user
# namespace often knows the second range alone.
_SPARE_UIDS = (range(1_879_048_192, 2_147_483_647), range(60_706, 61_184))
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SOCKET_FOLDER = re.compile(r"vs-[0-9a-f]{12}")
_NOTE = 4096  # bytes
_SOCKET_LIMIT = 103  # bytes of sun_path on macOS; Linux has four more


class ChildUser(TypedDict, total=False):
    """Keyword arguments of `subprocess.Popen` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """The user that runs PostgreSQL; `uid` None means the present one."""

    uid: int | None = None
    gid: int | None = None

    @property
    def child(self) -> ChildUser:
        if self.uid is None or self.gid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    @property
    def is_lent(self) -> bool:
        """Tell whether the user is one cluster's alone."""
        return self.uid is not None and any(self.uid in spare for spare in _SPARE_UIDS)

    def own(self, path: Path) -> None:
        """Give a file or folder, without its contents, to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, folder: Path) -> None:
        """Give a folder with everything in it to this user; no link is followed."""
        if self.uid is None or self.gid is None:
            return
        self.own(folder)
        for _, folders, files, here in os.fwalk(folder):
            for name in (*folders, *files):
                os.chown(name, self.uid, self.gid, dir_fd=here, follow_symlinks=False)

    def end_processes(self) -> None:
        """End every process of this user, where it is one cluster's alone: whatever ran there."""
        if not self.is_lent:
            return
        for _ in range(10):
            if self.uid not in _users_of_processes():
                return
            # As that user: nothing else can be hit. kill(2) with -1 spares the process that asks.
            subprocess.run(
                ["/bin/sh", "-c", "kill -KILL -1"], cwd="/", env={}, check=False,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.child,
            )  # fmt: skip


def lends() -> bool:
    """Tell whether servers run as other users than this process: PostgreSQL refuses to run as root."""
    return os.geteuid() == 0


def account_of(data: Path) -> Account:
    """Return the user of the server whose data folder that is."""
    if not lends():
        return Account()
    status = os.lstat(data)
    return Account(status.st_uid, status.st_gid)


def new_account(taken: Collection[int]) -> Account:
    """Return the user for a new cluster. Root lends each a number that is nobody's, none of `taken` and
    without a process: no other user, and no other cluster, can then open its files or its socket."""
    if not lends():
        return Account()
    avoided = {*taken, *_users_of_processes(), *(entry.pw_uid for entry in pwd.getpwall())}
    for spare in _SPARE_UIDS:
        for _ in range(1000):
            uid = spare[secrets.randbelow(len(spare))]
            if uid not in avoided and _mapped(uid) and not _has_name(uid):
                return Account(uid, uid)
    return initdb_account()


def initdb_account() -> Account:
    """Return the user for initdb, which (unlike the server) must have an entry in the user database: one
    that runs nothing at the moment, if there is one."""
    if not lends():
        return Account()
    named = [entry for name in ("postgres", "nobody", "daemon") for entry in _named(name)]
    others = [e for e in pwd.getpwall() if e.pw_uid != 0]
    if not named and not others:
        raise ScratchError("PostgreSQL cannot run as root, and /etc/passwd names no other user")
    busy = _users_of_processes()
    known = named or others
    entry = next((e for e in known if e.pw_uid not in busy), known[0])
    return Account(entry.pw_uid, entry.pw_gid)


def _named(name: str) -> list[pwd.struct_passwd]:
    try:
        return [pwd.getpwnam(name)]
    except KeyError:
        return []


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _users_of_processes() -> set[int]:
    """Return the users that run anything, as far as it is to be seen."""
    found = set()
    with suppress(OSError), os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                with suppress(OSError):
                    found.add(entry.stat().st_uid)
    return found


def remove(folder: Path) -> None:
    """Remove what is at a path, whatever a server's user has put there: no link is followed, nothing is
    opened but folders, and no depth is too much. What cannot be removed stays."""
    try:
        top = os.open(folder, _FOLDER)
    except OSError:
        with suppress(OSError):
            folder.unlink()
        return
    with suppress(OSError):
        _empty(top)
    os.close(top)
    with suppress(OSError):
        folder.rmdir()


def _empty(top: int) -> None:
    """Remove all in a folder. Folders in folders move to the top before their turn comes."""
    moved, waiting = f".{secrets.token_hex(8)}.", _only_folders(top)
    count = 0
    while waiting:
        name = waiting.pop()
        inner = os.open(name, _FOLDER, dir_fd=top)
        try:
            for child in _only_folders(inner):
                count += 1
                os.rename(child, f"{moved}{count}", src_dir_fd=inner, dst_dir_fd=top)
                waiting.append(f"{moved}{count}")
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=top)


def _only_folders(place: int) -> list[str]:
    """Remove the files of a folder; return the names of the folders in it, which may now be entered."""
    found = []
    for name in os.listdir(place):
        if stat.S_ISDIR(os.lstat(name, dir_fd=place).st_mode):
            if not lends():  # root needs no permission
                os.chmod(name, 0o700, dir_fd=place)
            found.append(name)
        else:
            os.unlink(name, dir_fd=place)
    return found


def home() -> Path:
    """Return the folder of all scratch servers, made if it is missing.

    `VALIDATE_SCHEMA_SCRATCH` names it; else it is in the user's cache folder. Root's must be a folder
    that the server's user can enter, which a home folder of root rarely is.
    Raises `ScratchError` when there is none.
    """
    named = os.environ.get("VALIDATE_SCHEMA_SCRATCH")
    reasons = []
    for candidate in [Path(named).absolute()] if named else _candidates():
        try:
            return _prepare(candidate)
        except OSError as error:
            reasons.append(f"{candidate}: {error.strerror}")
        except ScratchError as error:
            reasons.append(str(error))
    raise ScratchError(
        f"no folder for scratch servers ({reasons[0]}): let VALIDATE_SCHEMA_SCRATCH name another"
    )


def make_folder(path: Path) -> None:
    """Make a folder and its missing parents: nobody else may list them, and only the server's user,
    where that is another, may pass through."""
    missing = []
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            if os.geteuid() == 0:
                folder.chmod(0o711)


def reachable(path: Path) -> bool:
    """Return whether every user may enter `path` and the folders above it."""
    real = path.resolve()
    return all(p.stat().st_mode & stat.S_IXOTH for p in (real, *real.parents))


def note(path: Path) -> str:
    """Return what a file of the cache holds, its first 4 KiB, "" where that is a link, a pipe or a
    device. Bytes that are no text are replaced."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return file.read(_NOTE).decode(errors="replace")


def is_socket_folder(path: Path) -> bool:
    """Tell whether `socket_folder` may have returned this path."""
    return path.is_absolute() and _SOCKET_FOLDER.fullmatch(path.name) is not None


def socket_folder(account: Account) -> Path:
    """Return a new path, short enough for a unix socket, that nobody can guess; nothing is made."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if account.uid is None else ""
    for parent in (runtime, "/tmp", tempfile.gettempdir()):
        folder = Path(parent, f"vs-{secrets.token_hex(6)}")  # as _SOCKET_FOLDER has it
        fits = len(os.fsencode(folder / ".s.PGSQL.5432")) <= _SOCKET_LIMIT
        if parent and fits and os.access(parent, os.W_OK | os.X_OK):
            return folder
    raise ScratchError("no folder with a short path for the server's socket: let TMPDIR name one")


def _candidates() -> list[Path]:
    root = os.geteuid() == 0
    cache = Path(os.environ.get("XDG_CACHE_HOME") or ("/var/cache" if root else "~/.cache")).expanduser()
    folders = [cache / "validate-schema" / "scratch"] if cache.is_absolute() else []
    if root:
        folders.append(Path("/var/cache/validate-schema/scratch"))
    return [*folders, Path(tempfile.gettempdir(), f"validate-schema-{os.geteuid()}", "scratch")]


def _prepare(folder: Path) -> Path:
    _refuse_strangers(folder)
    make_folder(folder)
    _refuse_strangers(folder)
    for path in (folder, folder.parent):
        status = path.stat()
        sticky = status.st_mode & stat.S_ISVTX
        if status.st_uid not in (os.geteuid(), 0) or (status.st_mode & stat.S_IWOTH and not sticky):
            raise ScratchError(f"{path} is in other users' hands")
    if folder.stat().st_uid != os.geteuid():
        raise ScratchError(f"{folder} belongs to another user")
    if os.geteuid() == 0 and not reachable(folder):
        raise ScratchError(f"{folder} cannot be entered by the user that PostgreSQL runs as")
    if not os.access(folder, os.W_OK):
        raise ScratchError(f"{folder} cannot be written")
    return folder.resolve()


def _refuse_strangers(folder: Path) -> None:
    """Raise `ScratchError` where a link of another user's leads to the folder, or one can put a link there:
    a name in /tmp belongs to whoever was first."""
    for path in (folder, *folder.parents):
        try:
            status = path.lstat()
        except FileNotFoundError:
            continue
        if status.st_uid in (os.geteuid(), 0):
            continue
        if stat.S_ISLNK(status.st_mode) or path in (folder, folder.parent):
            raise ScratchError(f"{path} belongs to another user")


def _mapped(uid: int) -> bool:
    """Return whether a process can have this uid: a user namespace may know few of them."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return True
    spans = [tuple(map(int, line.split())) for line in lines]
    return any(first <= uid < first + count for first, _, count in spans)
