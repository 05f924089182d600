"""How programs of a project's own reach a scratch database: by a loopback port with a password.

Not every client takes a socket's folder for a host (JDBC, URL readers of Ruby and Node), and the servers here
listen on no port. So a port is opened for the length of one command, and what comes in by it with the
password goes to the one database, whoever else uses the machine. Source of the messages: PostgreSQL
documentation, "Message Formats".
"""

import secrets
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hmac import compare_digest
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import Database

_TLS, _GSS, _CANCEL = 80877103, 80877104, 80877102
_LONGEST = 10_000  # of a message before somebody is let in, as in the server
_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Door:
    """What leads to one database, by libpq's names in `parameters`. `turned_away` grows by what others asked
    for: another database, another user."""

    parameters: dict[str, str] = field(repr=False)
    turned_away: list[str] = field(default_factory=list)

    @property
    def places(self) -> frozenset[tuple[str, str]]:
        """Where connections go that come in by it: address and port, "" and the path for a socket."""
        port = self.parameters.get("port", "5432")
        hosts = (self.parameters.get("hostaddr") or self.parameters.get("host", "")).split(",")
        sockets = {("", f"{host}/.s.PGSQL.{port}") for host in hosts if host.startswith("/")}
        names = [host for host in hosts if host and not host.startswith("/")]
        return frozenset(sockets | {(address, port) for name in names for address in _addresses(name)})


@contextmanager
def opened(database: "Database") -> Iterator[Door]:
    """Open a door to a database for the length of a block; to one of a server by URL its own address is
    it."""
    given = database.parameters
    if not database.server.is_own:
        yield Door(given)
        return
    password = secrets.token_urlsafe(24)
    door = Door({"host": _LOOPBACK, "user": given["user"], "password": password, "dbname": database.name})
    place = f"{given['host']}/.s.PGSQL.{given.get('port', '5432')}"
    with _Porter(door, place) as porter:
        door.parameters.update(port=str(porter.server_address[1]), sslmode="disable")
        thread = Thread(target=porter.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield door
        finally:
            porter.shutdown()


def _addresses(name: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except OSError:
        return set()


class _Porter(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, door: Door, place: str) -> None:
        self.door, self.place = door, place
        super().__init__((_LOOPBACK, 0), _Caller)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is its own affair."""


class _Caller(BaseRequestHandler):
    request: socket.socket
    server: _Porter

    def handle(self) -> None:
        with suppress(OSError, ValueError, struct.error), socket.socket(socket.AF_UNIX) as inside:
            if first := self._let_in():
                inside.connect(self.server.place)
                inside.sendall(first)
                back = Thread(target=_pass_on, args=(inside, self.request), daemon=True)
                back.start()
                _pass_on(self.request, inside)
                back.join()

    def _let_in(self) -> bytes:
        """Return the message that opens the session, of somebody who may come in: else b""."""
        while True:
            head = self._read(8)
            length, code = struct.unpack("!II", head)
            rest = self._read(_bounded(length - 8))
            if code in (_TLS, _GSS):
                self.request.sendall(b"N")
            elif code == _CANCEL:
                return head + rest  # it names a session by a secret of the server's
            else:
                return head + rest if self._is_known(_pairs(rest)) else b""

    def _is_known(self, asked: dict[str, str]) -> bool:
        wanted, user = self.server.door.parameters, asked.get("user", "")
        name = asked.get("database", user)
        if name != wanted["dbname"]:
            return self._turn_away(f'the database "{name}"', "3D000")
        if user != wanted["user"]:
            return self._turn_away(f'the user "{user}"', "28000")
        self.request.sendall(struct.pack("!cII", b"R", 8, 3))
        kind, length = struct.unpack("!cI", self._read(5))
        said = self._read(_bounded(length - 4)).rstrip(b"\0")
        if kind == b"p" and compare_digest(said, wanted["password"].encode()):
            return True
        return self._turn_away("another password", "28P01")

    def _turn_away(self, asked: str, code: str) -> bool:
        self.server.door.turned_away.append(asked)
        text = (
            f"this is the scratch database of validate-schema, and {asked} was asked for: read DATABASE_URL"
        )
        fields = (b"SFATAL", b"VFATAL", b"C" + code.encode(), b"M" + text.encode(), b"", b"")
        said = b"\0".join(fields)
        self.request.sendall(struct.pack("!cI", b"E", len(said) + 4) + said)
        return False

    def _read(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            piece = self.request.recv(length - len(found))
            if not piece:
                raise ValueError("closed")
            found += piece
        return found


def _bounded(length: int) -> int:
    if not 0 <= length <= _LONGEST:
        raise ValueError("not a message")
    return length


def _pairs(text: bytes) -> dict[str, str]:
    parts = text.decode(errors="replace").split("\0")
    return dict(zip(parts[::2], parts[1::2], strict=False))


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass all that comes, and then that nothing more does."""
    with suppress(OSError):
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
