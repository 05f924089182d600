"""Open a server from any source."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from ..model.errors import ScratchError
from ..model.secret import Secret, mask
from . import builds, janitor, ledger, owner, sources
from .cluster import cluster_for
from .server import Server

if TYPE_CHECKING:
    import psycopg


@contextmanager
def open_server(
    source: str | Secret = "embedded",
    *,
    key: str = "blank",
    progress: Callable[[str], None] | None = None,
    passing: bool = False,
    superuser: bool = True,
) -> Iterator[Server]:
    """Open a scratch server for the length of a block.

    `source`: "embedded", "system", a folder with PostgreSQL's binaries, or the URL or settings (``host=…``)
    of a server where databases may be created. `key` names the cluster: runs with the same key share it,
    and the roles in it. `progress` gets a line per step that takes a while. `passing`: templates on a
    server by URL go when `Server.clear` finds them unused; on our own they are in nobody's way.
    Not `superuser`: on a server of our own, from PostgreSQL 16, the role that databases belong to is none.
    Raises `ScratchError`, one line, when there is no server to be had, and `UsageError` for a source that is
    none of these.
    """
    say = progress or _silent
    named = Secret(source)
    opened = (
        _open_url(named, passing)
        if _leads_to_server(named.reveal())
        else _open_own(named, key, say, superuser)
    )
    with opened as server:
        yield server


def _leads_to_server(source: str) -> bool:
    settings = re.match(r"\s*[a-z_]+\s*=", source) is not None and not Path(source).exists()
    return "://" in source or settings


@contextmanager
def _open_own(source: Secret, key: str, say: Callable[[str], None], superuser: bool) -> Iterator[Server]:
    install = sources.find_install(source)
    with builds.kept(install):
        yield from _open_cluster(install, key, say, superuser)


def _open_cluster(
    install: sources.Install, key: str, say: Callable[[str], None], superuser: bool
) -> Iterator[Server]:
    cluster = cluster_for(install, key if superuser else f"{key}, of {owner.OWNER}")
    admin: list[psycopg.Connection[Any]] = []

    def ready(alone: bool) -> None:
        conn = _connect(_socket_url(cluster.sockets, "postgres", owner.SCRATCH_SUPERUSER), install.name)
        admin.append(conn)
        ledger.drop_stale(conn)
        if alone:
            owner.prepare(conn, superuser=superuser or conn.info.server_version < owner.FIRST_ORDINARY)
            ledger.drop_stray_roles(conn)

    try:
        try:
            cluster.join(install, key, ready, say)
        except OSError as error:
            where = f" ({error.filename})" if error.filename else ""
            raise ScratchError(f"no scratch PostgreSQL: {error.strerror or error}{where}") from None
        sockets = cluster.sockets
        yield Server(
            admin[0],
            lambda name: _socket_url(sockets, name, owner.OWNER),
            lambda name: _socket_url(sockets, name, owner.SCRATCH_SUPERUSER),
            lambda name, user: _socket_url(sockets, name, user),
            label=install.name,
            bin_dir=install.bin_dir,
            own_folder=cluster.folder,
            superuser=superuser or admin[0].info.server_version < owner.FIRST_ORDINARY,
        )
    finally:
        for conn in admin:
            conn.close()
        cluster.leave()
        with suppress(OSError, ScratchError):  # other clusters' trouble is not this caller's
            janitor.sweep(keep=cluster.folder)


@contextmanager
def _open_url(url: Secret, passing: bool) -> Iterator[Server]:
    from ..catalog.connect import parse_url

    destination = parse_url(url)
    with _connect(destination.conninfo, destination.shown, destination.hide_in) as admin:
        ledger.drop_stale(admin)
        if passing:
            ledger.drop_passing(admin)
        yield Server(
            admin,
            lambda name: _url_of(destination.conninfo, name),
            lambda name: _url_of(destination.conninfo, name),
            lambda name, _: _url_of(destination.conninfo, name),
            label=destination.shown,
            bin_dir=sources.client_tools(admin.info.server_version),
            passing=passing,
        )


def _silent(_: str) -> None:
    """Report nothing."""


def _connect(conninfo: str, shown: str, hide: Callable[[str], str] = mask) -> "psycopg.Connection[Any]":
    import psycopg

    try:
        conn = psycopg.connect(conninfo, autocommit=True, application_name="validate-schema scratch")
    except psycopg.Error as error:
        reason = hide(ledger.brief(error))
        raise ScratchError(f"the scratch server {shown} cannot be reached: {reason}") from None
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        conn.execute(f"set {name} = 0".encode())
    return conn


def _socket_url(folder: Path, name: str, user: str) -> str:
    # What is not said here would come from PG* variables, which are about another server.
    said = {"user": user, "host": str(folder), "port": "5432", "hostaddr": "", "options": ""}
    said |= {"sslmode": "disable", "channel_binding": "disable", "gssencmode": "disable"}
    said |= {"target_session_attrs": "any", "client_encoding": "UTF8"}
    return _url(name, said)


def _url_of(conninfo: str, name: str) -> str:
    from psycopg.conninfo import conninfo_to_dict

    said = {k: str(v) for k, v in conninfo_to_dict(conninfo).items() if k != "dbname" and v is not None}
    return _url(name, said)


def _url(name: str, said: dict[str, str]) -> str:
    """Return a URL with everything in the query, where hosts may be several or a socket's folder."""
    return f"postgresql:///{quote(name, safe='')}?{urlencode(said, quote_via=quote)}"
