"""What layouts share: files that are a migration, whole, in part, or as a program, and what undoes them."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...model.errors import MigrationError
from ...sql import script
from ..records import MigrationFile, Mode
from ..tool import Loaded, Undo
from .folder import Folder, decode, read
from .sections import Marks, Section

_STRUCTURE = r"(?m)^-- PostgreSQL database dump|^\\restrict "


def whole(folder: Folder, path: str | Path, version: str, name: str, mode: Mode) -> MigrationFile:
    """Return the migration that is all of one file."""
    text = folder.text(path)
    return MigrationFile(version, name, folder.at(path), text, 1, mode, raw=folder.raw(path))


def part(
    folder: Folder, path: str, version: str, name: str, section: Section, *, alone: Mode = "statements"
) -> MigrationFile:
    """Return the migration that is one section of a file; `alone` is its mode without a transaction."""
    mode: Mode = "transaction" if section.transactional else alone
    return MigrationFile(
        version, name, folder.at(path), section.sql, section.first_line, mode, raw=folder.raw(path)
    )


def way_up(folder: Folder, path: str, marks: Marks, tool: str) -> Section:
    """Return the section of a file that runs on the way up. Raises `MigrationError` for one without, and for
    statements above it where the tool takes none."""
    text = folder.text(path)
    section = marks.up(text)
    if section is None:
        raise MigrationError(f"{folder.path / path}: has no `{marks.begins}`; {tool} stops there")
    above = (
        script.pieces("".join(text.splitlines(keepends=True)[: section.first_line - 1]))
        if marks.first
        else ()
    )
    if above:
        line = script.line_at(text, above[0].start)
        raise MigrationError(
            f"{folder.path / path}:{line}: stands above `{marks.begins}`; {tool} stops there"
        )
    return section


def second_up(folder: Folder, path: str, marks: Marks) -> str:
    """Return where a file has another section that reads as the way up, in words; "" if it has none."""
    text = folder.text(path)
    at = marks.again(text)
    return "" if at is None else f"{path}:{script.line_at(text, at)}: a second `{marks.begins}`"


def program(
    path: Path, raw: bytes, version: str, name: str, *, undo: bool = False, **more: Any
) -> MigrationFile:
    """Return a migration without SQL; it is its own undo where it has a way down."""
    return MigrationFile(version, name, path, "", raw=raw, program=True, undo=path if undo else None, **more)


def matching(folder: Folder, pattern: str) -> list[re.Match[str]]:
    """Return the matches of `pattern` among the names of the folder's SQL files."""
    return [m for n in folder.sql if (m := re.fullmatch(pattern, n))]


def coded(folder: Folder, pattern: str) -> list[re.Match[str]]:
    """Return the matches of `pattern` among the names of files that are programs, without their tests."""
    return [m for n in folder.files if "_test." not in n and (m := re.fullmatch(pattern, n))]


def code(folder: Folder, name: str, version: str, title: str) -> MigrationFile:
    """Return the migration that is a program beside others that are SQL."""
    return program(folder.path / name, folder.raw(name), version, title)


def by_number(matches: Iterable[re.Match[str]]) -> list[re.Match[str]]:
    """Return matches by the number that is their first group."""
    return sorted(matches, key=lambda m: (int(m[1]), m[0]))


def directory(folder: Folder, name: str, mode: Mode) -> MigrationFile:
    """Return the migration that is the script of one directory: ``<date>_<name>/migration.sql``."""
    version, _, rest = name.partition("_")
    stamped = version.isdecimal() and rest
    return whole(folder, Path(name) / "migration.sql", name, rest if stamped else name, mode)


def scripted(folder: Folder) -> list[str]:
    """Return the directories that hold a script of that name."""
    return [d for d in folder.directories if (folder.path / d / "migration.sql").is_file()]


def numbered_programs(folder: Folder, pattern: str, name: str, *undo: bytes) -> Loaded | None:
    """Return the programs at any depth whose name begins with a number, by that. `undo` are words of those
    with a way down."""
    here = any(re.fullmatch(name, n) for n in folder.files)
    if folder.path.name not in ("migrate", "migrations") and not here:
        return None
    found = sorted(
        ((int(m[1]), p, m[2]) for p in folder.path.glob(pattern) if (m := re.fullmatch(name, p.name))),
        key=lambda f: (f[0], f[1].as_posix()),
    )
    files = []
    for number, path, title in found:
        raw = read(path)
        files.append(program(path, raw, str(number), title, undo=any(word in raw for word in undo)))
    return Loaded(tuple(files)) if files else None


def filled_in(
    files: tuple[MigrationFile, ...],
    placeholder: str,
    tool: str,
    *,
    source: str = "the project's settings",
    within: Callable[[str], str] | None = None,
    notes: tuple[str, ...] = (),
    beside: tuple[Path, ...] = (),
) -> Loaded:
    """Return what a layout found whose files have placeholders. Those that do use one are programs: only
    `source` says what `tool` puts there. `within` returns what is filled in of a whole file, line by line;
    failing that, it is what runs."""
    found, remedy = [], ""
    for file in files:
        text, first = file.sql, file.first_line
        if within and not file.program:
            text, first = within(decode(file.path, file.raw)), 1
        used = re.search(placeholder, text)
        if used and not remedy:
            line = first + script.line_at(text, used.start()) - 1
            remedy = (
                f"{file.path}:{line}: {used[0]} is filled in by {tool} from {source};"
                " give the URL of a database that it migrated, or `command` in [migrations]"
            )
        found.append(replace(file, sql="", program=True) if used else file)
    return Loaded(tuple(found), notes=notes, beside=beside, remedy=remedy)


def plain_mode(text: str) -> Mode:
    """One message, unless only psql could run it or a statement in it refuses a transaction."""
    alone = script.needs_psql(text) or re.search(_STRUCTURE, text) or script.refuses_transaction(text)
    return "statements" if alone else "message"


def with_undo(file: MigrationFile, path: Path, sql: str) -> MigrationFile:
    """Return `file` with what takes it back, if that does something."""
    return replace(file, undo=path, undo_sql=sql) if script.pieces(sql) else file


def undone_by(candidates: Callable[[Folder, MigrationFile], Iterator[Path]]) -> Undo:
    """Return what finds a file that takes another back: the first of `candidates` that is there."""

    def undo(folder: Folder, file: MigrationFile) -> MigrationFile:
        path = next((p for p in candidates(folder, file) if p.is_file()), None)
        if path is None:
            return file
        try:
            return with_undo(file, path, folder.text(path))
        except MigrationError:  # one that cannot be read is there all the same
            return replace(file, undo=path)

    return undo


def undone_in(marks: Marks, as_run: Callable[[str], str] = str) -> Undo:
    """Return what finds the section of a file that takes it back, `as_run` by PostgreSQL."""

    def undo(folder: Folder, file: MigrationFile) -> MigrationFile:
        section = marks.down(folder.text(file.path))
        return with_undo(file, file.path, as_run(section.sql)) if section else file

    return undo


def _beside(_: Folder, file: MigrationFile) -> Iterator[Path]:
    stem = re.sub(r"(?:[._-]up)?\.(?:sql|fizz)$", "", file.path.name)
    for word in ("down", "rollback", "undo", "revert"):
        for mark in "._-":
            yield file.path.with_name(f"{stem}{mark}{word}.sql")


undone_beside = undone_by(_beside)
