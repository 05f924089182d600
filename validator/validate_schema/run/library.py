"""`validate-schema` from Python: the command line's main job as a function."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..checking.baseline import FAIL_ON, Baseline
from ..config import Config, LoadedConfig, load, parse_toml
from ..model.errors import UsageError
from ..model.progress import Silence
from ..model.report import Report
from ..report import format_of, read_report, render
from ..report import write as write_text
from .examine import examine
from .proof import Proving
from .provenance import run_time
from .request import named_target, request_for, split_ids
from .source import Source

if TYPE_CHECKING:
    import psycopg
    import sqlalchemy

StrPath = str | os.PathLike[str]


def validate(
    *,
    database_url: str | None = None,
    connection: "psycopg.Connection[Any] | sqlalchemy.Connection | None" = None,
    engine: "sqlalchemy.Engine | None" = None,
    migrations: StrPath | None = None,
    snapshot: StrPath | None = None,
    tool: str | None = None,
    config: "Config | StrPath | None" = None,
    contract: Sequence[str] = (),
    select: str | Sequence[str] = (),
    ignore: str | Sequence[str] = (),
    packs: Sequence[StrPath] = (),
    fail_on: str = "error",
    baseline: "Report | StrPath | None" = None,
    prove: bool | Literal["live"] = False,
    data: bool = True,
    list_subjects: bool = False,
    scratch: str = "embedded",
    statement_timeout_ms: int = 30_000,
    now: datetime | None = None,
) -> Report:
    """Examine one target and return its report. Nothing is printed, and nothing is written to the target.

    The target is one of `database_url` (any form that the command line takes), `connection` (psycopg's or
    SQLAlchemy's; its open transaction is seen and left as it was), `engine` (both may lead to SQLite, see
    docs/sqlite.md), a folder of `migrations` (of
    `tool`, applied to a throwaway PostgreSQL from `scratch`), or a `snapshot` file. `config` is a file's
    path, TOML text (whatever holds a line break or an equals sign), or a `Config`; None looks for
    validate-schema.toml from the working directory upwards. `contract` are sources besides the config's.
    `select` and `ignore` take ids or prefixes. `packs` are packs of checks besides those of the config
    (docs/packs.md). `fail_on` is error, warning, info, never or new, which
    needs a `baseline`: an earlier report or its JSON file. `prove` True tries isolation with two
    tenants' rows on a copy, "live" counts among live rows. `data` False counts no rows. `list_subjects` keeps
    in the report what each check examined. `now` is the time of the run, UTC where it names no zone.

    Raises subclasses of `ValidateSchemaError`: `UsageError` for a wrong argument, config, contract,
    migration or file, `ConnectError`, `ReadError` and `ScratchError` when it could not be completed.
    """
    given = {
        "database_url": database_url,
        "connection": connection,
        "engine": engine,
        "migrations": migrations,
        "snapshot": snapshot,
    }
    if named_target(given) is None:
        raise UsageError(f"no target: give one of {', '.join(given)}")
    if fail_on not in FAIL_ON:
        raise UsageError(f"fail_on={fail_on!r}: choose one of {', '.join(FAIL_ON)}")
    if fail_on == "new" and baseline is None:
        raise UsageError("fail_on='new' needs a baseline")
    proving = Proving.LIVE if prove == "live" else Proving.COPY if prove else Proving.NO
    loaded = _config(config)
    source = Source(
        database_url=database_url,
        migrations=_path(migrations),
        snapshot=_path(snapshot),
        tool=tool,
        scratch=scratch,
        statement_timeout_ms=statement_timeout_ms,
    )
    request = replace(
        request_for(
            source, loaded, select=_ids(select), ignore=_ids(ignore), packs=[os.fspath(p) for p in packs]
        ),
        now=_utc(now),
        fail_on=fail_on,
        rows=data,
        proving=proving,
        baseline=_baseline(baseline),
        list_subjects=list_subjects,
        contracts=tuple(contract),
    )
    with _connected(source, connection, engine) as opened:
        return examine(replace(request, source=opened), Silence())


def write(report: Report, path: StrPath, format: str | None = None) -> None:
    """Write the report to `path`, whole or not at all, in the format that its suffix names.

    Raises `UsageError` for an unknown suffix or format, and where it cannot be written.
    """
    write_text(render(report, format or format_of(os.fspath(path))), Path(path))


def _config(given: "Config | StrPath | None") -> LoadedConfig:
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


def _baseline(given: "Report | StrPath | None") -> Baseline | None:
    if given is None:
        return None
    if isinstance(given, Report):
        return Baseline(given, "an earlier report")
    return Baseline(read_report(Path(given)), Path(given).name)


@contextmanager
def _connected(source: Source, connection: object, engine: "sqlalchemy.Engine | None") -> Iterator[Source]:
    """Yield the source with the psycopg connection that the caller's objects stand for."""
    sqlite = _sqlite(engine if engine is not None else connection)
    if sqlite is not None:
        yield replace(source, sqlite=sqlite)
    elif engine is not None and engine.driver != "psycopg":
        yield replace(source, database_url=_url(engine))
    elif engine is not None:
        with engine.connect() as opened, _plain_rows(_psycopg(opened)) as own:
            yield replace(source, connection=own)
    elif connection is not None:
        with _plain_rows(_psycopg(connection)) as own:
            yield replace(source, connection=own)
    else:
        yield source


def _sqlite(given: Any) -> Any:
    """Return an engine or connection to an SQLite database, of SQLAlchemy or sqlite3; else None."""
    of_sqlalchemy = getattr(getattr(given, "dialect", None), "name", None) == "sqlite"
    of_sqlite3 = type(given).__module__ == "sqlite3" and hasattr(given, "execute")
    return given if of_sqlalchemy or of_sqlite3 else None


def _url(engine: "sqlalchemy.Engine") -> str:
    if engine.dialect.name != "postgresql":
        raise UsageError(f"engine={engine.dialect.name}: only PostgreSQL and SQLite can be examined")
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
def _plain_rows(connection: "psycopg.Connection[Any]") -> "Iterator[psycopg.Connection[Any]]":
    """Read rows as tuples for the length of the block, whatever the caller reads them as."""
    from psycopg.rows import tuple_row

    factory, connection.row_factory = connection.row_factory, tuple_row
    try:
        yield connection
    finally:
        connection.row_factory = factory
