"""How a tool wants a new migration written."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from .records import MigrationFile, Mode

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


MESSAGE = Way("message")
TRANSACTION = Way("transaction")
ONE_BY_ONE = Way("statements")

Write = Callable[[str, str, Script], dict[str, str]]
NextVersion = Callable[[Sequence[MigrationFile], datetime], str]


def next_number(files: Sequence[MigrationFile], now: datetime) -> str:
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


_LETTERED = r"[A-Z]((?:\d+[._])*)(\d+)__"


def next_lettered(files: Sequence[MigrationFile], now: datetime) -> str:
    """Return the version after the last one of files such as ``V1_2__name.sql``, in its own style: a higher
    first number would leave the project's own next version behind, which is then ignored as out of order."""
    found = [m for f in files if (m := re.match(_LETTERED, f.path.name))]
    if not found:
        return "1"
    last = max(found, key=lambda m: [int(n) for n in re.findall(r"\d+", m[0])])
    start, number = last[1], last[2]
    after = str(int(number) + 1).zfill(len(number))
    stamp = now.strftime("%Y%m%d%H%M%S")
    return max(stamp, after) if not start and len(number) == len(stamp) else start + after


@dataclass(frozen=True)
class Writing:
    """How a tool runs a new file, and what is to be written for it.

    `write(version, name, script)` returns the files by their path in the folder, with a part that takes it
    back if `down`; `then` is what the tool wants to be told afterwards. `one_way` is how it is written into
    a folder whose files have no way back, for a tool that does not take both kinds together; `pairs` tells
    those that have one.
    """

    way: Way
    write: Write
    down: bool = False
    then: str = ""
    version: NextVersion = next_number
    one_way: "Writing | None" = None
    pairs: str = ".up.sql"

    def among(self, files: Sequence[MigrationFile]) -> "Writing":
        """Return how to write beside `files`."""
        if self.one_way is None or any(f.path.name.endswith(self.pairs) for f in files):
            return self
        return self.one_way


def one_file(version: str, name: str, script: Script) -> dict[str, str]:
    return {f"{version}_{name}.sql": script.up}


def lettered(version: str, name: str, script: Script) -> dict[str, str]:
    return {f"V{version}__{name}.sql": script.up}


def pair(version: str, name: str, script: Script) -> dict[str, str]:
    files = {f"{version}_{name}.up.sql": script.up}
    return files | ({f"{version}_{name}.down.sql": script.down} if script.down else {})


def marked(up: str, down: str) -> Write:
    """Return what writes one file, with a line before its way up and one before its way down."""

    def write(version: str, name: str, script: Script) -> dict[str, str]:
        body = f"{up}\n{script.up}"
        return {f"{version}_{name}.sql": body + (f"\n{down}\n{script.down}" if script.down else "")}

    return write
