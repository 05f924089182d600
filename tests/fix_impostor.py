"""What answers on a port and is no PostgreSQL that can be read: garbage, silence, an old version."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

Answer = Callable[[socket.socket], None]


def _packet(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _greeted(peer: socket.socket, version: str) -> None:
    """Take the visitor in without a password. Source: PostgreSQL documentation, "Message Formats"."""
    while struct.unpack("!ii", peer.recv(8, socket.MSG_WAITALL))[1] in (80877103, 80877104):  # encryption
        peer.sendall(b"N")
    peer.recv(8192)
    status = f"server_version\0{version}\0".encode()
    peer.sendall(_packet(b"R", struct.pack("!i", 0)) + _packet(b"S", status) + _packet(b"Z", b"I"))


def old(peer: socket.socket) -> None:
    """Be PostgreSQL 12."""
    _greeted(peer, "12.22")
    said = b"PostgreSQL 12.22 on x86_64-pc-linux-gnu"
    column = b"version\0" + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0)
    row = struct.pack("!hi", 1, len(said)) + said
    peer.recv(8192)
    peer.sendall(_packet(b"T", struct.pack("!h", 1) + column) + _packet(b"D", row))
    peer.sendall(_packet(b"C", b"SELECT 1\0") + _packet(b"Z", b"I"))
    peer.recv(8192)


def web(peer: socket.socket) -> None:
    """Be a web server."""
    peer.recv(8192)
    peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


class Silent:
    """Let the visitor in, and never say a word again. `asked` is set once there is something to answer."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def __call__(self, peer: socket.socket) -> None:
        _greeted(peer, "18.0")
        while peer.recv(8192):
            self.asked.set()


@contextmanager
def _listening(answer: Answer) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(peer: socket.socket) -> None:
            with peer, suppress(OSError, struct.error):
                answer(peer)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    peer, _ = listener.accept()
                    threading.Thread(target=serve, args=(peer,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def listening() -> Iterator[Callable[[Answer], int]]:
    """Return a function that opens a port where something answers so."""
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(_listening(answer))
