"""What is made once for each PostgreSQL build: a new cluster to copy, binaries within reach."""

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..model.errors import ScratchError
from . import home, locks, owner
from .sources import Install, major, one_line, version_text

_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
_SHARED = (Path("/usr"), Path("/usr/local"))
_PATH = "/usr/local/bin:/usr/bin:/bin"
_FORMAT = 3  # of a cluster that is copied


def child_environment() -> dict[str, str]:
    """Return the environment of a server: nothing of the caller's but where its libraries are."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"PATH": _PATH, "LC_ALL": "C", "TZ": "UTC"}


def copy_blank(install: Install, account: home.Account, target: Path, say: Callable[[str], None]) -> None:
    """Make a new cluster in `target`: a copy of one that initdb made once.

    No server ever runs on that one. It is this user's, and its digest is compared with every copy: where
    somebody changed it, it is made anew. Raises `ScratchError` when initdb fails, OSError when the copy does.
    """
    folder = blank(install)
    with locks.hold(folder / "lock"):
        if not (folder / "digest").exists():
            say(f"preparing PostgreSQL ({install.name}), once")
            _prepare_blank(install, folder)
        os.utime(folder)
        if not _is_copied(folder, target):
            say(f"the prepared PostgreSQL ({install.name}) was changed by somebody: it is made anew")
            home.remove(target)
            _prepare_blank(install, folder)
            if not _is_copied(folder, target):
                raise ScratchError(
                    f"{folder} is changed while it is copied: remove it, and see who does that"
                )
    account.own_tree(target)


def _prepare_blank(install: Install, folder: Path) -> None:
    """Let initdb make the cluster that is copied, and note its digest."""
    (folder / "digest").unlink(missing_ok=True)
    for name in ("data", "data.new"):
        home.remove(folder / name)
    unfinished = folder / "data.new"
    _initdb(install, unfinished)
    home.Account(os.geteuid(), os.getegid()).own_tree(unfinished)
    found = _digest(unfinished)
    unfinished.rename(folder / "data")
    noted = folder / "digest.new"
    noted.unlink(missing_ok=True)  # it may be a link to somewhere else
    noted.write_text(found)
    noted.rename(folder / "digest")


def _is_copied(folder: Path, target: Path) -> bool:
    """Copy the prepared cluster; tell whether what was copied is what initdb made."""
    noted = home.note(folder / "digest")
    try:
        return _digest(folder / "data", target) == noted
    except FileNotFoundError:
        return False


def _digest(source: Path, target: Path | None = None) -> str:
    """Return the digest of a folder: names and contents of all files in it. What is read for it is what is
    written to `target`. A link, or anything else that is no file, gives a digest that no folder has."""
    found = hashlib.sha256()  # processors have instructions for it
    for parent, folders, files, here in os.fwalk(source):
        folders.sort()
        place = os.path.relpath(parent, source)
        into = str(target / place) if target else None
        if into:
            os.mkdir(into, 0o700)
        for name in folders:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=here).st_mode):
                return "changed"
        for name in sorted(files):
            content = _content(name, here)
            if content is None:
                return "changed"
            found.update(f"{place}/{name}\0{len(content)}\0".encode())
            found.update(content)
            if into:
                _write(f"{into}/{name}", content)
    return found.hexdigest()


def _write(path: str, content: bytes) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(opened, rest) :]
    finally:
        os.close(opened)


def _content(name: str, folder: int) -> bytes | None:
    """Return what a file of the folder holds, None for what is no file."""
    try:
        opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        raise
    except OSError:
        return None
    try:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode):
            return None
        content = os.read(opened, about.st_size + 1)
        if len(content) != about.st_size:  # it is being written, or more than one call reads
            with open(opened, "rb", buffering=0, closefd=False) as file:
                content += file.read()
        return content
    finally:
        os.close(opened)


def forget_blank(install: Install) -> None:
    """Remove the cluster that is copied, so that the next one comes from initdb."""
    folder = blank(install)
    with locks.hold(folder / "lock"):
        (folder / "digest").unlink(missing_ok=True)
        home.remove(folder / "data")


def within_reach(install: Install, say: Callable[[str], None]) -> Install:
    """Return an install that every user can run: the same, or a copy when it lies in a folder, such as
    root's home, that only root may enter."""
    if not home.lends() or _runnable(install.bin_dir):
        return install
    version_text(install.bin_dir)  # raises before anything is copied that does not run
    folder = _folder("install", install)
    prefix = install.bin_dir.parent
    copied = folder / "tree" / prefix.parent.name / prefix.name / install.bin_dir.name
    with locks.hold(folder / "lock"):
        if not (folder / "tree").exists():
            say(f"copying PostgreSQL ({install.name}) out of a private folder, once")
            unfinished = folder / "tree.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            _copy_install(prefix, unfinished)
            unfinished.rename(folder / "tree")
        os.utime(folder)
    return Install(install.name, copied)


@contextmanager
def kept(install: Install) -> Iterator[None]:
    """Keep the copy of an install, where it needs one, from being removed while the block runs.

    A server loads libraries from it as long as it lives, not only when it starts.
    """
    if not home.lends() or _runnable(install.bin_dir):
        yield
        return
    lock = locks.acquire(_folder("install", install) / "users.lock", shared=True)
    assert lock is not None  # it waited
    try:
        yield
    finally:
        lock.release()


def library_folders(install: Install) -> list[str]:
    """Return the folders that a server of this install reads: its own, and where its libraries are."""
    prefix = install.bin_dir.parent
    beside = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if prefix in _SHARED:  # not PostgreSQL's alone
        own = [
            install.bin_dir / "postgres",
            prefix / "lib",
            prefix / "lib64",
            prefix / "share" / "postgresql",
        ]
    else:
        own = [prefix, beside]
    named = [p for name in _KEPT_VARIABLES for p in os.environ.get(name, "").split(os.pathsep) if p]
    return [*map(str, own), *named]


def _copy_install(prefix: Path, target: Path) -> None:
    """Copy an install, and beside it the libraries that a wheel puts beside its package."""
    skip = shutil.ignore_patterns("include", "doc", "*.a", "__pycache__")
    shutil.copytree(prefix, target / prefix.parent.name / prefix.name, symlinks=True, ignore=skip)
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for parent, folders, files in os.walk(target):
        Path(parent).chmod(0o755)
        for name in (*folders, *files):
            path = Path(parent, name)
            if not path.is_symlink():
                runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if runs else 0o644)


def _runnable(bin_dir: Path) -> bool:
    needed = stat.S_IROTH | stat.S_IXOTH
    server = (bin_dir / "postgres").resolve()
    return home.reachable(server.parent) and server.stat().st_mode & needed == needed


def _folder(kind: str, install: Install) -> Path:
    return home.home() / kind / install.digest


def digest(install: Install) -> str:
    """Return what tells clusters apart that come from different PostgreSQLs, or were prepared differently."""
    helpers = owner.HELPERS.read_text()
    return hashlib.sha256(f"{_FORMAT}\0{install.digest}\0{helpers}".encode()).hexdigest()[:16]


def blank(install: Install) -> Path:
    """Return the folder of the cluster that is copied."""
    return home.home() / "blank" / digest(install)


def _initdb(install: Install, target: Path) -> None:
    """Run initdb: UTF-8, sorting by code point, no password (the socket's folder is private)."""
    account = home.initdb_account()
    command = [
        str(install.bin_dir / "initdb"),
        "-D",
        str(target),
        "-U",
        owner.SCRATCH_SUPERUSER,
        "--locale=C",
    ]
    command += ["--encoding=UTF8", "--auth-local=trust", "--auth-host=reject", "--wal-segsize=1"]
    command += ["--no-sync", "--no-instructions"]
    if major(install.bin_dir) >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        target.mkdir(mode=0o700)
        account.own(target)
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
        owner.put_helpers(install, target, account, child_environment())
    except (subprocess.CalledProcessError, ScratchError) as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, ScratchError):
            raise
        raise ScratchError(f"initdb of {install.bin_dir} fails: {one_line(error.stderr)}") from None
