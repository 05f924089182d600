"""Where scratch servers live, and the user that they run as."""

import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ..errors import ScratchError

# Numbers that neither distributions nor systemd hand out (systemd: "Users, Groups, UIDs and GIDs").
_SPARE_UIDS = range(60_706, 61_184)
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

    def own(self, path: Path) -> None:
        """Give a file or folder, without its contents, to this user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_tree(self, folder: Path) -> None:
        """Give a folder with everything in it to this user."""
        self.own(folder)
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                self.own(Path(parent, name))


def server_account() -> Account:
    """Return the user for the server: PostgreSQL refuses to run as root, so root lends a uid that
    belongs to nobody else; nobody else can then open the socket or the files."""
    if os.geteuid() != 0:
        return Account()
    for uid in _SPARE_UIDS:
        try:
            pwd.getpwuid(uid)
        except KeyError:
            return Account(uid, uid)
    raise ScratchError("no unused uid between 60706 and 61183 to run PostgreSQL as; run as an ordinary user")


def initdb_account() -> Account:
    """Return the user for initdb, which (unlike the server) must have an entry in the user database."""
    if os.geteuid() != 0:
        return Account()
    for name in ("postgres", "nobody", "daemon"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    others = [e for e in pwd.getpwall() if e.pw_uid != 0]
    if not others:
        raise ScratchError("PostgreSQL cannot run as root, and /etc/passwd names no other user")
    return Account(others[0].pw_uid, others[0].pw_gid)


def home() -> Path:
    """Return the folder of all scratch servers, made if it is missing.

    `VALIDATE_SCHEMA_SCRATCH` names it; else it is in the user's cache folder. Root's must be a folder
    that the server's user can reach, which a home folder of root rarely is.
    """
    named = os.environ.get("VALIDATE_SCHEMA_SCRATCH")
    candidates = [Path(named).absolute()] if named else _candidates()
    reasons = []
    for candidate in candidates:
        try:
            return _prepare(candidate)
        except (OSError, ScratchError) as error:
            reasons.append(str(error))
    raise ScratchError(f"no folder for scratch servers: {reasons[0]}; set VALIDATE_SCHEMA_SCRATCH to one")


def _candidates() -> list[Path]:
    uid = os.geteuid()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    folders = [Path(cache)] if cache.startswith("/") else []
    if uid == 0:
        folders.append(Path("/var/cache"))
    elif not folders:
        folders.append(Path("~/.cache").expanduser())
    last = Path(tempfile.gettempdir(), f"validate-schema-{uid}")
    return [f / "validate-schema" / "scratch" for f in folders if f.is_absolute()] + [last / "scratch"]


def _prepare(folder: Path) -> Path:
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    for path in (folder, folder.parent):
        status = path.lstat()
        private = status.st_uid == os.geteuid() and stat.S_ISDIR(status.st_mode)
        if path == folder and not private:
            raise ScratchError(f"{path} belongs to another user")
        if not private and not status.st_mode & stat.S_ISVTX and status.st_mode & stat.S_IWOTH:
            raise ScratchError(f"{path} can be changed by other users")
    if os.geteuid() == 0 and not reachable(folder):
        raise ScratchError(f"{folder} cannot be entered by the user that PostgreSQL runs as")
    if not os.access(folder, os.W_OK):
        raise ScratchError(f"{folder} cannot be written")
    return folder.resolve()


def reachable(path: Path) -> bool:
    """Return whether every user may enter the folders down to `path` and `path` itself."""
    real = path.resolve()
    return all(p.stat().st_mode & stat.S_IXOTH for p in (real, *real.parents))


def socket_folder(account: Account) -> Path:
    """Make a fresh private folder, with a path short enough for a unix socket."""
    parents = [os.environ.get("XDG_RUNTIME_DIR", "") if account.uid is None else "", "/tmp"]
    for parent in (*parents, tempfile.gettempdir()):
        if (
            parent
            and len(f"{parent}/vs-12345678/.s.PGSQL.5432") <= _SOCKET_LIMIT
            and os.access(parent, os.W_OK)
        ):
            folder = Path(tempfile.mkdtemp(prefix="vs-", dir=parent))
            account.own(folder)
            return folder
    raise ScratchError("no folder with a short path for the server's socket: set TMPDIR to one")


def copy_tree(source: Path, target: Path, account: Account) -> None:
    """Copy a folder so that `account` owns every part of the copy. Symbolic links stay links."""

    def copy(file: str, to: str) -> None:
        shutil.copyfile(file, to, follow_symlinks=False)
        account.own(Path(to))

    shutil.copytree(source, target, symlinks=True, copy_function=copy)
    account.own(target)
    for parent, folders, _ in os.walk(target):
        for name in folders:
            Path(parent, name).chmod(0o700)
            account.own(Path(parent, name))
    target.chmod(0o700)
