"""Where scratch servers live, and the user that they run as."""

import os
import pwd
import secrets
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from ..model.errors import ScratchError

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
            if _mapped(uid):
                return Account(uid, uid)
    return initdb_account()


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


def socket_folder(account: Account) -> Path:
    """Return a new path, short enough for a unix socket, that nobody can guess; nothing is made."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "") if account.uid is None else ""
    for parent in (runtime, "/tmp", tempfile.gettempdir()):
        folder = Path(parent, f"vs-{secrets.token_hex(6)}")
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
    make_folder(folder)
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


def _mapped(uid: int) -> bool:
    """Return whether a process can have this uid: a user namespace may know few of them."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return True
    spans = [tuple(map(int, line.split())) for line in lines]
    return any(first <= uid < first + count for first, _, count in spans)
