"""File locks that die with their holder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .home import make_folder


class Lock:
    """A held flock. The kernel releases it when the process ends, however it ends."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def release(self) -> None:
        os.close(self.fd)


def acquire(path: Path, *, shared: bool = False, wait: bool = True) -> Lock | None:
    """Lock `path`, creating it and its folder; None when it is taken and `wait` is false.

    The file may be removed by a holder of the exclusive lock, folder and all: a lock on a file that
    is no longer at `path` protects nothing, so it is taken again.
    """
    mode = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        make_folder(path.parent)
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, mode)
            if _still_at(path, fd):
                return Lock(fd)
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


@contextmanager
def hold(path: Path) -> Iterator[Lock]:
    """Hold the exclusive lock for the length of a block, waiting for it."""
    lock = acquire(path)
    assert lock is not None  # it waited
    try:
        yield lock
    finally:
        lock.release()


def taken(path: Path, *, shared: bool = False) -> bool:
    """Return whether somebody holds the exclusive lock on `path`, or with `shared` any lock.

    Creates nothing. `shared` takes the exclusive lock for a moment: not for locks that others try
    without waiting.
    """
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if shared else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _still_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False
