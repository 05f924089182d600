"""What a caller in Python asks for, as a request: a target, a config, a choice of checks."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from msgspec.structs import replace

from ..catalog.engines import ENGINES, engine_behind
from ..checking.baseline import FAIL_ON, Baseline
from ..config import Config, LoadedConfig, load, parse_toml
from ..model.catalog import POSTGRESQL
from ..model.errors import UsageError
from ..model.limits import use
from ..model.report import Report
from ..model.secret import Secret
from ..model.wording import listed
from .proof import Proving
from .provenance import run_time
from .request import Request, named_target, request_for, split_ids
from .source import Source

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy

StrPath = str | os.PathLike[str]
_TARGETS = ("database_url", "connection", "engine", "migrations", "snapshot")


class Asked(TypedDict, total=False):
    """The arguments of `Request.of`, and of what takes them in place of a request.

    The target is one of `database_url` (any form that the command line takes), `connection` (psycopg's or
    SQLAlchemy's; its open transaction is seen and left as it was), `engine` (both may lead to SQLite,
    docs/sqlite.md), a folder of `migrations` (of `tool`, applied to a throwaway PostgreSQL from
    `scratch`), or a `snapshot` file. `config` is a file's path, TOML text (whatever holds a line break or
    an equals sign), or a `Config`; None looks for validate-schema.toml from the working directory
    upwards. `contract` are sources besides the config's. `select` and `ignore` take ids or prefixes.
    `packs` are packs of checks besides those of the config (docs/packs.md). `fail_on` is error, warning,
    info, never or new, which needs a `baseline`: an earlier report or its JSON file. `prove` True tries
    isolation with two tenants' rows on a copy, "live" counts among live rows; None proves where reading left
    something open and the migrations' copy is at hand, False never does. `data` False counts no
    rows. `list_subjects` keeps in the report what each check examined. `now` is the time of the run, UTC
    where it names no zone.
    """

    database_url: str | None
    connection: "psycopg.Connection[Any] | sqlalchemy.Connection | None"
    engine: "sqlalchemy.Engine | None"
    migrations: StrPath | None
    snapshot: StrPath | None
    tool: str | None
    config: Config | StrPath | None
    contract: Sequence[str]
    select: str | Sequence[str]
    ignore: str | Sequence[str]
    packs: Sequence[StrPath]
    fail_on: str
    baseline: Report | StrPath | None
    prove: bool | Literal["live"] | None
    data: bool
    list_subjects: bool
    scratch: str
    statement_timeout_ms: int
    now: datetime | None


def asked(given: Asked) -> Request:
    """Return what the arguments ask for.

    Raises `UsageError` for one that cannot be used, for no target and for several.
    """
    unknown = [name for name in given if name not in Asked.__annotations__]
    if unknown:
        raise TypeError(f"unexpected argument {unknown[0]!r}: known are {', '.join(Asked.__annotations__)}")
    if named_target({name: given.get(name) for name in _TARGETS}) is None:
        raise UsageError(f"no target: give one of {', '.join(_TARGETS)}")
    fail_on, prove = given.get("fail_on", "error"), given.get("prove")
    if fail_on not in FAIL_ON:
        raise UsageError(f"fail_on={fail_on!r}: choose one of {', '.join(FAIL_ON)}")
    if fail_on == "new" and given.get("baseline") is None:
        raise UsageError("fail_on='new' needs a baseline")
    config = _config(given.get("config"))
    use(config.config.limits)
    request = request_for(
        _source(given),
        config,
        select=_ids(given.get("select", ())),
        ignore=_ids(given.get("ignore", ())),
        packs=[os.fspath(pack) for pack in given.get("packs", ())],
    )
    return replace(
        request,
        now=_utc(given.get("now")),
        fail_on=fail_on,
        rows=given.get("data", True),
        proving=_proving(prove),
        baseline=_baseline(given.get("baseline")),
        list_subjects=given.get("list_subjects", False),
        contracts=tuple(map(Secret, given.get("contract", ()))),
    )


def _proving(prove: bool | str | None) -> Proving:
    if prove is None:
        return Proving.OPEN
    return Proving.LIVE if prove == "live" else Proving.COPY if prove else Proving.NO


def _source(given: Asked) -> Source:
    source = Source(
        database_url=_secret(given.get("database_url")),
        migrations=_path(given.get("migrations")),
        snapshot=_path(given.get("snapshot")),
        tool=given.get("tool"),
        scratch=Secret(given.get("scratch", "embedded")),
        statement_timeout_ms=given.get("statement_timeout_ms", 30_000),
    )
    connection, engine = given.get("connection"), given.get("engine")
    handle = engine if engine is not None else connection
    if engine_behind(handle) is not None:
        return replace(source, handle=handle)
    if engine is not None:
        driven = engine.driver == "psycopg"
        return (
            replace(source, engine=engine) if driven else replace(source, database_url=Secret(_url(engine)))
        )
    return source if connection is None else replace(source, connection=_psycopg(connection))


def _secret(url: str | None) -> Secret | None:
    return None if url is None else Secret(url)


def _config(given: Config | StrPath | None) -> LoadedConfig:
    if isinstance(given, Config):
        return LoadedConfig(given, None, "")
    if isinstance(given, str) and ("=" in given or "\n" in given or not given):
        return LoadedConfig(parse_toml(given, "config"), None, "")
    return load(_path(given), Path.cwd())


def _path(given: StrPath | None) -> Path | None:
    return None if given is None else Path(given)


def _ids(given: str | Sequence[str]) -> tuple[str, ...]:
    return split_ids((given,) if isinstance(given, str) else given)


def _utc(now: datetime | None) -> datetime:
    if now is None:
        return run_time(os.environ)
    return now.replace(tzinfo=UTC) if now.tzinfo is None else now.astimezone(UTC)


def _baseline(given: Report | StrPath | None) -> Baseline | None:
    from ..report import read_report

    if given is None:
        return None
    if isinstance(given, Report):
        return Baseline(given, "an earlier report")
    return Baseline(read_report(Path(given)), Path(given).name)


def _url(engine: "sqlalchemy.Engine") -> str:
    if engine.dialect.name != "postgresql":
        known = listed((POSTGRESQL, *(engine.product for engine in ENGINES)))
        raise UsageError(f"engine={engine.dialect.name}: only {known} can be examined")
    return engine.url.render_as_string(hide_password=False)


def _psycopg(connection: Any) -> "psycopg.Connection[Any]":
    """Return psycopg's connection below SQLAlchemy's. Raises `UsageError` for what is neither."""
    import psycopg

    if isinstance(connection, psycopg.Connection):
        return connection
    inner = getattr(getattr(connection, "connection", None), "driver_connection", None)
    if isinstance(inner, psycopg.Connection):
        return inner
    raise UsageError(
        f"connection={type(connection).__name__}: give a connection of psycopg 3, or SQLAlchemy's over it"
    )


@contextmanager
def connected(request: Request) -> Iterator[Request]:
    """Yield the request with a connection of its engine, if it has one, that reads rows as tuples."""
    source = request.source
    if source.engine is not None:
        with source.engine.connect() as opened, _plain_rows(_psycopg(opened)) as own:
            yield replace(request, source=replace(source, engine=None, connection=own))
    elif source.connection is not None:
        with _plain_rows(source.connection):
            yield request
    else:
        yield request


@contextmanager
def _plain_rows(connection: "psycopg.Connection[Any]") -> "Iterator[psycopg.Connection[Any]]":
    """Read rows as tuples for the length of the block, whatever the caller reads them as."""
    from psycopg.rows import tuple_row

    factory, connection.row_factory = connection.row_factory, tuple_row
    try:
        yield connection
    finally:
        connection.row_factory = factory
