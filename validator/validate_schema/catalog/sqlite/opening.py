"""Opening SQLite databases: files read-only, and what a caller has in memory as it is."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...model.errors import ConnectError, UsageError
from ...model.secret import Secret, reveal

if TYPE_CHECKING:
    import sqlite3

    import sqlalchemy

_UNSEEN = (
    "the in-memory database has no tables; each connection to one has its own, unless its engine keeps a"
    " single one: make it with validate_schema.memory_engine() or poolclass=StaticPool"
)
_IN_MEMORY = (
    "an in-memory database lives in the process that opened it: give its engine to "
    "validate_schema.validate(engine=…)"
)
# Python's sqlite3 does not keep threads that use one connection apart.
_ONE_AT_A_TIME = RLock()


def memory_engine() -> "sqlalchemy.Engine":
    """Return an engine to a new in-memory database that all threads see: it keeps one connection.

    An engine to ``sqlite:///:memory:`` made without this has an empty database in every thread. Threads
    that write through it take turns by a lock of their own; `validate` does so when it reads.
    """
    from sqlalchemy import StaticPool, create_engine

    return create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})


@contextmanager
def opened(
    given: "str | Secret | sqlalchemy.Engine | sqlalchemy.Connection | Any",
) -> Iterator["sqlalchemy.Connection"]:
    """Yield a connection to the database at a URL, of an engine, or the caller's own as it is.

    Raises `UsageError` for a URL that leads into memory, `ConnectError` when there is no such file or it is
    no database.
    """
    from sqlalchemy import Connection, Engine, StaticPool, create_engine
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(given, Connection):
        yield given
        return
    own = given if isinstance(given, Engine) else None
    if own is None:
        path = reveal(given) if isinstance(given, str | Secret) else None
        connect = (lambda: _Borrowed(given)) if path is None else (lambda: _file(path))
        own = create_engine("sqlite://", creator=connect, poolclass=StaticPool, pool_reset_on_return=None)
    shared = isinstance(own.pool, StaticPool)
    try:
        with _ONE_AT_A_TIME if shared else nullcontext(), own.connect() as connection:
            held = connection.exec_driver_sql("select count(*) from sqlite_master").scalar_one()
            if not held and own is given and not shared and _in_memory(own):
                raise UsageError(_UNSEEN)
            yield connection
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise ConnectError(f"{shown(given)} cannot be read: {reason}") from None
    finally:
        if isinstance(given, str | Secret):
            own.dispose()


class _Borrowed:
    """A caller's connection of sqlite3, whose transaction is neither ended nor the connection closed."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def rollback(self) -> None:
        """Leave the transaction as it is."""

    commit = close = rollback


def _in_memory(engine: "sqlalchemy.Engine") -> bool:
    return engine.url.database in (None, "", ":memory:")


def _file(url: str) -> "sqlite3.Connection":
    import sqlite3

    path = Path(_path(url))
    if not path.is_file():
        raise ConnectError(f"{path}: there is no such SQLite database")
    address = f"file:{quote(str(path.absolute()))}?mode=ro"
    return sqlite3.connect(address, uri=True, check_same_thread=False)


def _path(url: str) -> str:
    """Return the file that a URL names. Raises `UsageError` for one in memory."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        named = make_url(url.strip()).database or ""
    except ArgumentError:
        raise UsageError("the database URL cannot be read; write sqlite:///file.db") from None
    if named in ("", ":memory:") or "mode=memory" in url:
        raise UsageError(_IN_MEMORY)
    return named.removeprefix("file:")


def shown(given: Any) -> str:
    """Return the database's name for people."""
    if isinstance(given, str | Secret):
        return Path(_path(reveal(given))).name
    url = getattr(getattr(given, "engine", given), "url", None)
    name = getattr(url, "database", None)
    return Path(name).name if name and name != ":memory:" else "in memory"
