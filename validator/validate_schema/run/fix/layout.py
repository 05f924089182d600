"""Where a corrective migration belongs in a project, and how its tool wants it written."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ...migrations.records import MigrationFile, MigrationSet, Mode
from ...model.errors import UsageError

_STAMP = 12  # digits from which a version is a date
_MILLISECONDS = 13  # digits of a Unix time in milliseconds, until the year 2286


@dataclass(frozen=True)
class Script:
    """The migration: what it does, what takes it back (or nothing), in lines of SQL with comments."""

    up: str
    down: str


@dataclass(frozen=True)
class Way:
    """How the statements of a file are run: `mode` as `MigrationFile.mode`. `marks` stand around a
    statement with semicolons inside, for a tool that cuts at every one unless it is told."""

    mode: Mode
    marks: tuple[str, str] | None = None


@dataclass(frozen=True)
class Layout:
    """How a tool runs a new file. `write` returns the files to write by their path in the folder, with a
    part that takes it back if `down`; `then` is what the tool wants to be told afterwards."""

    way: Way
    write: Callable[[str, str, Script], dict[str, str]]
    down: bool = False
    then: str = ""
    version: Callable[[Sequence[MigrationFile], datetime], str] | None = None


def _next(files: Sequence[MigrationFile], now: datetime) -> str:
    """Return the version after the last one: a date where they are dates, else the next number with
    as many digits."""
    stamp = now.strftime("%Y%m%d%H%M%S")
    digits = [m[0] for f in files if (m := re.match(r"\d+", f.path.name))]
    digits += [m[0] for f in files if (m := re.match(r"\d+", f.path.parent.name))]
    if not digits:
        return stamp if not files else "1"
    last = max(digits, key=int)
    if len(last) == _MILLISECONDS:
        return max(str(int(now.timestamp() * 1000)), str(int(last) + 1))
    if len(last) >= _STAMP:
        return max(stamp[: len(last)], str(int(last) + 1))
    return str(int(last) + 1).zfill(len(last))


_FLYWAY = re.compile(r"[A-Z]((?:\d+[._])*)(\d+)__")


def _next_flyway(files: Sequence[MigrationFile], now: datetime) -> str:
    """Return the version after the last one, in its own style: a higher first number would leave the
    project's own next version behind, which Flyway then ignores as out of order."""
    found = [m for f in files if (m := _FLYWAY.match(f.path.name))]
    if not found:
        return "1"
    last = max(found, key=lambda m: [int(n) for n in re.findall(r"\d+", m[0])])
    start, number = last[1], last[2]
    after = str(int(number) + 1).zfill(len(number))
    stamp = now.strftime("%Y%m%d%H%M%S")
    return max(stamp, after) if not start and len(number) == len(stamp) else start + after


def _folder(version: str, name: str, script: Script) -> dict[str, str]:
    return {f"{version}_{name}/migration.sql": script.up}


def _file(version: str, name: str, script: Script) -> dict[str, str]:
    return {f"{version}_{name}.sql": script.up}


def _pair(version: str, name: str, script: Script) -> dict[str, str]:
    files = {f"{version}_{name}.up.sql": script.up}
    return files | ({f"{version}_{name}.down.sql": script.down} if script.down else {})


def _flyway(version: str, name: str, script: Script) -> dict[str, str]:
    return {f"V{version}__{name}.sql": script.up}


def _refinery(version: str, name: str, script: Script) -> dict[str, str]:
    return {f"V{version}__{name}.sql": script.up}


def _marked(up: str, down: str) -> Callable[[str, str, Script], dict[str, str]]:
    def write(version: str, name: str, script: Script) -> dict[str, str]:
        body = f"{up}\n{script.up}"
        return {f"{version}_{name}.sql": body + (f"\n{down}\n{script.down}" if script.down else "")}

    return write


ONE_BY_ONE = Way("statements")
_MESSAGE = Way("message")
_TRANSACTION = Way("transaction")
_GOOSE = Way("statements", ("-- +goose StatementBegin", "-- +goose StatementEnd"))

LAYOUTS = {
    "prisma": Layout(_MESSAGE, _folder),
    "supabase": Layout(_TRANSACTION, _file),
    "golang-migrate": Layout(_MESSAGE, _pair, down=True),
    "sqlx": Layout(_TRANSACTION, _pair, down=True),
    "pop": Layout(_TRANSACTION, _pair, down=True),
    "goose": Layout(_GOOSE, _marked("-- +goose Up\n-- +goose NO TRANSACTION", "-- +goose Down"), down=True),
    "dbmate": Layout(_TRANSACTION, _marked("-- migrate:up", "-- migrate:down"), down=True),
    "node-pg-migrate": Layout(_TRANSACTION, _marked("-- Up Migration", "-- Down Migration"), down=True),
    "tern": Layout(_TRANSACTION, _marked("", "---- create above / drop below ----"), down=True),
    "atlas": Layout(_TRANSACTION, _file, then="run `atlas migrate hash`"),
    "flyway": Layout(_TRANSACTION, _flyway, version=_next_flyway),
    "refinery": Layout(_TRANSACTION, _refinery, version=_next_flyway),
    "plain": Layout(ONE_BY_ONE, _file),
    "applied-set": Layout(_TRANSACTION, _file),
}


# sqlx takes files with and without a way back, but not both kinds in one folder.
SQLX_ONE_WAY = Layout(_TRANSACTION, _file)


def layout_of(migrations: MigrationSet) -> Layout:
    """Return how the folder's tool wants a new migration.

    Raises `UsageError` for a tool that keeps a plan or journal of its own, or whose migrations are
    programs: there the SQL is wanted as one file.
    """
    if migrations.tool not in LAYOUTS:
        raise UsageError(
            f"a migration of {migrations.tool} is added by {migrations.tool} itself: write the SQL with"
            " --output FILE and give it that"
        )
    if migrations.tool == "sqlx" and not any(f.path.name.endswith(".up.sql") for f in migrations.files):
        return SQLX_ONE_WAY
    return LAYOUTS[migrations.tool]


def place(migrations: MigrationSet, name: str, script: Script, now: datetime) -> dict[Path, str]:
    """Return the files of the new migration, by path, after the last one of the folder."""
    layout = layout_of(migrations)
    version = (layout.version or _next)(migrations.files, now)
    written = layout.write(version, name, script)
    return {migrations.folder / path: text for path, text in written.items()}
