"""What is made once for each PostgreSQL build: a new cluster to copy, binaries within reach."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..model.errors import ScratchError
from . import home, locks
from .sources import Install, major, one_line, version_text

_KEPT_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")


def child_environment() -> dict[str, str]:
    """Return an environment without the PG*, locale and time zone variables that change a server."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def copy_blank(install: Install, account: home.Account, target: Path, say: Callable[[str], None]) -> None:
    """Make a new cluster in `target`: a copy of one that initdb made once.

    Raises `ScratchError` when initdb fails, OSError when the copy does.
    """
    folder = _folder("blank", install)
    with locks.hold(folder / "lock"):
        if not (folder / "data").exists():
            say(f"preparing PostgreSQL ({install.name}), once")
            unfinished = folder / "data.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            _initdb(install, unfinished)
            account.own_tree(unfinished)
            unfinished.rename(folder / "data")
        os.utime(folder)
        copy_tree(folder / "data", target, account)


def forget_blank(install: Install) -> None:
    """Remove the cluster that is copied, so that the next one comes from initdb."""
    folder = _folder("blank", install)
    with locks.hold(folder / "lock"):
        shutil.rmtree(folder / "data", ignore_errors=True)


def within_reach(install: Install, account: home.Account, say: Callable[[str], None]) -> Install:
    """Return an install that `account` can run: the same, or a copy when it lies in a folder, such as
    root's home, that only root may enter."""
    if account.uid is None or _runnable(install.bin_dir):
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
def kept(install: Install, account: home.Account) -> Iterator[None]:
    """Keep the copy of an install, where it needs one, from being removed while the block runs.

    A server loads libraries from it as long as it lives, not only when it starts.
    """
    if account.uid is None or _runnable(install.bin_dir):
        yield
        return
    lock = locks.acquire(_folder("install", install) / "users.lock", shared=True)
    assert lock is not None  # it waited
    try:
        yield
    finally:
        lock.release()


def copy_tree(source: Path, target: Path, account: home.Account) -> None:
    """Copy a folder so that `account` owns every part and nobody else may enter."""

    def copy(file: str, to: str) -> None:
        shutil.copyfile(file, to, follow_symlinks=False)

    shutil.copytree(source, target, symlinks=True, copy_function=copy)
    account.own_tree(target)


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


def _initdb(install: Install, target: Path) -> None:
    """Run initdb: UTF-8, sorting by code point, no password (the socket's folder is private)."""
    account = home.initdb_account()
    command = [str(install.bin_dir / "initdb"), "-D", str(target), "-U", "postgres", "--locale=C"]
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
    except subprocess.CalledProcessError as error:
        shutil.rmtree(target, ignore_errors=True)
        raise ScratchError(f"initdb of {install.bin_dir} fails: {one_line(error.stderr)}") from None
