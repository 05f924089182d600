"""How a tool wants a new migration written."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..model.errors import UsageError
from .records import MigrationFile, MigrationSet, Mode

_STAMP = 12  # digits from which a version is a date
_MILLISECONDS = 13  # digits of a Unix time in milliseconds, until the year 2286


@dataclass(frozen=True)
class Part:
    """A statement as its tool shall read it, or the lines of a `comment` without any language's marks; an
    empty one is an empty line."""

    text: str
    comment: bool = False


@dataclass(frozen=True)
class Script:
    """The migration: what it does, and what takes it back (or nothing)."""

    up: tuple[Part, ...]
    down: tuple[Part, ...] = ()


def sql_of(parts: Sequence[Part], *, between: str = "") -> str:
    """Return the parts as SQL; `between` is a line that stands behind each statement but the last."""
    statements = sum(1 for part in parts if part.text and not part.comment)
    lines: list[str] = []
    for part in parts:
        if part.comment:
            lines += [f"-- {line}" for line in part.text.split("\n")]
            continue
        lines.append(part.text)
        statements -= bool(part.text)
        if between and part.text and statements:
            lines.append(between)
    text = "\n".join(lines).strip("\n")
    return f"{text}\n" if text else ""


@dataclass(frozen=True)
class New:
    """A migration that is to come after those of a folder. `around` are those of the project, where the
    folder holds only some of them."""

    version: str
    name: str
    after: MigrationSet
    around: MigrationSet
    now: datetime


@dataclass(frozen=True)
class Way:
    """How the statements of a file are run: `mode` as `MigrationFile.mode`. `marks` stand around a
    statement with semicolons inside, for a tool that cuts at every one unless it is told."""

    mode: Mode
    marks: tuple[str, str] | None = None


MESSAGE = Way("message")
TRANSACTION = Way("transaction")
ONE_BY_ONE = Way("statements")

Write = Callable[[New, Script], dict[str, str]]
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


def next_in_text(last: str) -> tuple[str, ...]:
    """Return versions that may come after the file `last` where names are sorted as text: the next number,
    and a longer one."""
    found = re.match(r"\d+", last)
    if found is None:
        return ()
    digits = found[0]
    return (str(int(digits) + 1).zfill(len(digits)), f"{digits}1")


def before_name(path: str) -> str:
    """Return the version with which a file's path begins, up to the first underscore, without dashes."""
    return path.partition("_")[0].replace("-", "")


_LETTERED = r"[A-Z]?((?:\d+[._])*)(\d+)__"


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

    `write(new, script)` returns the files by their path in the folder, with a part that takes it
    back if `down`; those of `amends` may be there already, and are written anew with what they held. `then`
    is what the tool wants to be told afterwards. `one_way` is how it is written into
    a folder whose files have no way back, for a tool that does not take both kinds together; `pairs` tells
    those that have one. `refuses(migrations)` says why nothing can be added to them, "" otherwise. `sorts`
    is what the tool sorts a file by, from its path in the folder, where that is text: there a higher number
    may come first (``10_`` before ``9_``).
    """

    way: Way
    write: Write
    down: bool = False
    then: str = ""
    version: NextVersion = next_number
    one_way: "Writing | None" = None
    pairs: str = ".up.sql"
    refuses: Callable[[MigrationSet], str] | None = None
    amends: tuple[str, ...] = ()
    sorts: Callable[[str], Any] | None = None

    def among(self, files: Sequence[MigrationFile]) -> "Writing":
        """Return how to write beside `files`."""
        if self.one_way is None or any(f.path.name.endswith(self.pairs) for f in files):
            return self
        return self.one_way


def one_file(new: New, script: Script) -> dict[str, str]:
    return {f"{new.version}_{new.name}.sql": sql_of(script.up)}


def lettered(new: New, script: Script) -> dict[str, str]:
    letter = "" if any(file.path.name[0].isdecimal() for file in new.after.files) else "V"
    return {f"{letter}{new.version}__{new.name}.sql": sql_of(script.up)}


def pair(new: New, script: Script) -> dict[str, str]:
    files = {f"{new.version}_{new.name}.up.sql": sql_of(script.up)}
    return files | ({f"{new.version}_{new.name}.down.sql": sql_of(script.down)} if script.down else {})


def marked(up: str, down: str) -> Write:
    """Return what writes one file, with a line before its way up and one before its way down."""

    def write(new: New, script: Script) -> dict[str, str]:
        body = f"{up}\n{sql_of(script.up)}"
        return {
            f"{new.version}_{new.name}.sql": body
            + (f"\n{down}\n{sql_of(script.down)}" if script.down else "")
        }

    return write


def beside_the_last(new: New, name: str, text: str) -> dict[str, str]:
    """Return one file in the folder of the last migration, by its path."""
    files = new.after.files
    folder = files[-1].path.parent.relative_to(new.after.folder) if files else Path()
    return {(folder / name).as_posix(): text}


def python_lines(parts: Sequence[Part], call: str, indent: str) -> str:
    """Return the parts as lines of Python: comments as such, each statement as the literal that stands for
    ``{}`` in `call`."""
    lines = []
    for part in parts:
        if part.comment:
            lines += [f"{indent}# {line}".rstrip() for line in part.text.split("\n")]
        elif part.text:
            lines.append(f"{indent}{call.format(python_literal(part.text))}")
        elif lines:
            lines.append("")
    return "\n".join(lines).rstrip("\n")


def python_literal(text: str) -> str:
    """Return `text` as a literal of Python, readable where nothing in it has to be escaped."""
    plain = text.isprintable() or text.replace("\n", "").isprintable()
    if not plain or "\\" in text or '"""' in text or text.endswith('"') or text.startswith('"'):
        return repr(text)
    return f'"""{text}"""'


def no_digit_first(name: str, what: str) -> str:
    """Return `name`. Raises `UsageError` where it begins with a digit, which `what` cannot."""
    if name[0].isdigit():
        raise UsageError(f"--name {name}: {what} cannot begin with a digit")
    return name
