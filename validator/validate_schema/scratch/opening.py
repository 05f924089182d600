"""Open a server from any source."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit, urlunsplit

from ..errors import ScratchError
from . import janitor, ledger, sources
from .cluster import cluster_for
from .server import Server

if TYPE_CHECKING:
    import psycopg


@contextmanager
def open_server(
    source: str = "embedded", *, key: str = "blank", progress: Callable[[str], None] | None = None
) -> Iterator[Server]:
    """Open a scratch server for the length of a block.

    `source`: "embedded", "system", a folder with PostgreSQL's binaries, or a postgresql:// URL of a
    server where databases may be created. `key` names the cluster: runs with the same key share it,
    and the roles in it. `progress` gets a line per step that takes a while.
    Raises `ScratchError`, one line, when there is no server to be had.
    """
    say = progress or _silent
    opened = _open_url(source) if "://" in source else _open_own(source, key, say)
    with opened as server:
        yield server


@contextmanager
def _open_own(source: str, key: str, say: Callable[[str], None]) -> Iterator[Server]:
    install = sources.find_install(source)
    cluster = cluster_for(install, key)
    admin: list[psycopg.Connection[Any]] = []

    def ready(alone: bool) -> None:
        conn = _connect(_socket_url(cluster.sockets, "postgres"))
        admin.append(conn)
        ledger.drop_stale(conn)
        if alone:
            ledger.drop_stray_roles(conn)

    try:
        cluster.join(install, key, ready, say)
        sockets = cluster.sockets
        yield Server(
            admin[0],
            lambda name: _socket_url(sockets, name),
            label=install.name,
            bin_dir=install.bin_dir,
            own_folder=cluster.folder,
        )
    finally:
        for conn in admin:
            conn.close()
        cluster.leave()
        janitor.sweep(keep=cluster.folder)


@contextmanager
def _open_url(url: str) -> Iterator[Server]:
    with _connect(_normal(url)) as admin:
        ledger.drop_stale(admin)
        yield Server(
            admin,
            lambda name: _with_database(_normal(url), name),
            label="at the URL given",
            bin_dir=sources.client_tools(admin.info.server_version),
        )


def _silent(_: str) -> None:
    """Report nothing."""


def _connect(conninfo: str) -> "psycopg.Connection[Any]":
    import psycopg

    try:
        conn = psycopg.connect(conninfo, autocommit=True, application_name="validate-schema scratch")
        for name in ("statement_timeout", "lock_timeout", "idle_session_timeout"):
            conn.execute(f"set {name} = 0".encode())
        return conn
    except psycopg.Error as error:
        raise ScratchError(f"the scratch server cannot be reached: {ledger.brief(error)}") from None


def _socket_url(folder: Path, name: str) -> str:
    # What is not said here would come from PG* variables, which are about another server.
    said = {"host": str(folder), "port": "5432", "hostaddr": "", "options": "", "sslmode": "disable"}
    said |= {"channel_binding": "disable", "gssencmode": "disable", "target_session_attrs": "any"}
    said |= {"client_encoding": "UTF8"}
    return f"postgresql://postgres@/{quote(name, safe='')}?{urlencode(said)}"


def _normal(url: str) -> str:
    """Return the URL with the scheme that libpq knows; SQLAlchemy's names a driver too."""
    return urlunsplit(urlsplit(url)._replace(scheme="postgresql"))


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(name, safe="")))
