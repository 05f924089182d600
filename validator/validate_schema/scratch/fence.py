"""A fence around a command of a project's own: it connects to the scratch database and to nothing that was
there before.

The kernel asks at each connect(2) of whatever the command starts, and waits for the answer. Linux alone has
that, from 5.5; elsewhere only the environment leads to the scratch database, and `Fence.stands` says so.
Source: https://docs.kernel.org/userspace-api/seccomp_filter.html, "Userspace Notification". It guards against
mistakes, not against a program that means harm: that could do as much with the project's files.
"""

import fcntl
import ipaddress
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from errno import EACCES
from pathlib import Path
from threading import Thread
from typing import IO, NamedTuple

from .launcher import has_seccomp

_LAUNCHER = Path(__file__).with_name("launcher.py")
_RECEIVE, _SEND = 0xC0502100, 0xC0182101  # SECCOMP_IOCTL_NOTIF_RECV and _SEND
_QUESTION = struct.Struct("=QIIiIQ6Q")  # struct seccomp_notif
_ANSWER = struct.Struct("=QqiI")  # struct seccomp_notif_resp
_GO_ON = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE
_LONGEST = 128  # of an address: struct sockaddr_storage
_NAMES = 53  # the port of DNS


class Fence:
    """What a command may reach: the addresses of `places`, (host, port) or ("", path of a socket).

    `kept_from` grows by what it wanted besides. `stands` is whether there is a fence at all.
    """

    def __init__(self, places: frozenset[tuple[str, str]]) -> None:
        self.places = places
        self.kept_from: list[str] = []
        self.stands = False
        self._since = time.time()

    def watch(self, listener: int, stop: int) -> None:
        """Answer the kernel's questions until there is nobody left to ask, or `stop` can be read."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        poll.register(stop, select.POLLIN)
        while True:
            events = dict(poll.poll())
            if stop in events or events.get(listener, 0) & (select.POLLHUP | select.POLLERR):
                return
            question = bytearray(_QUESTION.size)
            with suppress(OSError):  # who asked may have ended
                fcntl.ioctl(listener, _RECEIVE, question)
                number, pid, _, _, _, _, _, address, length, *_ = _QUESTION.unpack(question)
                allowed = self._may(pid, address, min(length, _LONGEST))
                answer = _ANSWER.pack(number, 0, 0 if allowed else -EACCES, _GO_ON if allowed else 0)
                fcntl.ioctl(listener, _SEND, bytearray(answer))

    def _may(self, pid: int, address: int, length: int) -> bool:
        try:
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                memory.seek(address)
                found = memory.read(length)
            family = struct.unpack_from("=H", found)[0]
            if family == socket.AF_UNIX:
                return self._may_use(pid, found[2:])
            if family in (socket.AF_INET, socket.AF_INET6):
                return self._may_reach(family, found)
        except (OSError, ValueError, struct.error):
            return False
        return family in (socket.AF_UNSPEC, getattr(socket, "AF_NETLINK", -1))

    def _may_reach(self, family: int, address: bytes) -> bool:
        port: int = struct.unpack_from("!H", address, 2)[0]
        six = family == socket.AF_INET6
        host = ipaddress.ip_address(address[8:24] if six else address[4:8])
        mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
        name = str(mapped or host)
        return port == _NAMES or (name, str(port)) in self.places or self._keep_from(f"{name}:{port}")

    def _may_use(self, pid: int, name: bytes) -> bool:
        """What the command and its parts made for themselves they may use, and what is not there harms
        nobody."""
        path = os.fsdecode(name.partition(b"\0")[0])
        if not path:
            return self._keep_from("an abstract socket")
        if ("", path) in self.places:
            return True
        place = path if os.path.isabs(path) else f"/proc/{pid}/cwd/{path}"
        try:
            return os.stat(place).st_ctime >= self._since or self._keep_from(path)
        except FileNotFoundError:
            return True

    def _keep_from(self, what: str) -> bool:
        if what not in self.kept_from:
            self.kept_from.append(what)
        return False


class Fenced(NamedTuple):
    """A command that runs, and the fence around it."""

    process: "subprocess.Popen[bytes]"
    fence: Fence


@contextmanager
def fenced(
    command: str, places: frozenset[tuple[str, str]], *, cwd: Path, env: Mapping[str, str], output: IO[bytes]
) -> Iterator[Fenced]:
    """Start a command of the shell inside a fence, in a session of its own. Raises OSError where it cannot be
    started."""
    fence = Fence(places)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        start = [sys.executable, "-I", "-S", str(_LAUNCHER), str(theirs.fileno()), command]
        process = subprocess.Popen(
            start if has_seccomp() else ["/bin/sh", "-c", command],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(theirs.fileno(),) if has_seccomp() else (),
        )
        theirs.close()
        listeners = socket.recv_fds(ours, 1, 1)[1]
    stop, told = os.pipe()
    fence.stands = bool(listeners)
    watch = Thread(target=fence.watch, args=(*listeners, stop), daemon=True)
    try:
        if listeners:
            watch.start()
        yield Fenced(process, fence)
    finally:
        os.close(told)
        if listeners:
            watch.join()
        for number in (*listeners, stop):
            os.close(number)
