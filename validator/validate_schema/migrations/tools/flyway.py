"""Flyway. Sources: MigrationVersion, ResourceNameParser, ChecksumCalculator, MigrationInfoImpl,
BaseAppliedMigration, AbbreviationUtils and PostgreSQLParser (.java)."""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, LedgerState, ToolWords
from ...sql import script
from ..discovery.files import code, coded, undone_by
from ..discovery.folder import Folder
from ..records import MigrationFile, Mode
from ..rows import Row, moment, true
from ..tool import Checksum, Layout, LedgerTable, Loaded, Tool
from ..versions import REPEATABLE, Versions, repeatable
from ..writing import TRANSACTION, Writing, lettered, next_lettered

_NAME = r"(?i)(?:([VB])(\d+(?:[._]\d+)*)|R)__(.*)\.sql"
_BARE = r"()(\d+(?:[._]\d+)*)__(.*)\.sql"
_CLASS = r"([VB])(\d+(?:[._]\d+)*)__(.*)\.java"
_UNDO = r"(?i)U(\d+(?:[._]\d+)*)__.*\.sql"
_PLACEHOLDER = r"\$\{([^}\n]+)\}"
_IN_TRANSACTION = r"(?mi)^\s*executeInTransaction\s*=\s*(true|false)"
_EXECUTES = r"(?mi)^[ \t]*shouldExecute[ \t]*=[ \t]*(.*?)[ \t\r]*$"
_CALLBACK = r"(?:before|after)[A-Z]"
_BOM = b"\xef\xbb\xbf"
_LONGEST = 200


def _numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, without the trailing zeros that do not count.

    Raises `ValueError` where `text` is no version.
    """
    parts = [int(part) for part in text.replace("_", ".").split(".")]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def _written(numbers: tuple[int, ...]) -> str:
    return ".".join(map(str, numbers)) or "0"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``V<version>__<name>.sql`` by version, from the newest baseline on, then ``R__`` by name.

    Each runs in a transaction unless a statement in it (or ``<file>.conf``) forbids that, or not at all where
    ``<file>.conf`` says so. Where Flyway was named and no file has the letter, its prefix is empty.
    """
    found = [(p, m) for p, m in folder.reach(_NAME, folder.tree) if m[0][0] in "VBR"]
    if chosen and not any(m[1] == "V" for _, m in found):
        found += folder.reach(_BARE, folder.tree)
    versioned = [(_numbers(m[2]), m[1] != "B", p, m) for p, m in found if m[2]]
    if not versioned and not (chosen and found):
        return None
    for m in coded(folder, _CLASS):
        versioned.append((_numbers(m[2]), m[1] == "V", folder.path / m[0], m))
    notes: list[str] = []
    baseline = max((version for version, plain, *_ in versioned if not plain), default=())
    files: list[MigrationFile] = []
    superseded: list[MigrationFile] = []
    for version, plain, path, m in sorted(versioned, key=lambda v: (v[0], v[2].as_posix())):
        runs = version > baseline or (version == baseline and not plain)
        file = _file(folder, path, _written(version), m[3])
        (files if runs else superseded).append(replace(file, baseline=not plain))
    repeatable_ = sorted(((m[3], p) for p, m in found if not m[2]), key=lambda r: (r[0], r[1].as_posix()))
    files += [_file(folder, path, REPEATABLE + name, name) for name, path in repeatable_]
    kept, beside, remedy = _executed(folder, files)
    notes += [f"{path.name}: Flyway does not run it: {why}" for path, why in beside.items()]
    callbacks = [p.name for p in folder.tree if re.match(_CALLBACK, p.name)]
    notes += [f"{name}: a Flyway callback; it was not run" for name in callbacks]
    return Loaded(
        kept,
        notes=tuple(notes),
        superseded=tuple(superseded),
        beside=tuple(beside),
        remedy=remedy,
    )


def _executed(
    folder: Folder, files: Sequence[MigrationFile]
) -> tuple[tuple[MigrationFile, ...], dict[Path, str], str]:
    """Return the files that Flyway runs, the paths of those that ``<file>.conf`` switches off, each with why,
    and what is to be done where it says a condition: those are programs."""
    kept: list[MigrationFile] = []
    left: dict[Path, str] = {}
    remedy = ""
    for file in files:
        conf = file.path.with_name(file.path.name + ".conf")
        said = re.search(_EXECUTES, folder.text(conf)) if conf.is_file() else None
        value = said[1].lower() if said else "true"
        if said and value == "false":
            left[file.path] = f"shouldExecute={said[1]} in {conf.name}"
        elif said and value != "true":
            line = script.line_at(folder.text(conf), said.start())
            remedy = remedy or (
                f"{conf}:{line}: shouldExecute={said[1]} is worked out by Flyway when it runs; give the URL"
                " of a database that it migrated, or `command` in [migrations]"
            )
            kept.append(replace(file, sql="", program=True))
        else:
            kept.append(file)
    return tuple(kept), left, remedy


def _file(folder: Folder, path: Path, version: str, name: str) -> MigrationFile:
    if path.suffix == ".java":
        return code(folder, path.name, version, name.replace("_", " "))
    text = folder.text(path).replace("${flyway:defaultSchema}", "public")
    conf = path.with_name(path.name + ".conf")
    configured = conf.is_file() and re.search(_IN_TRANSACTION, folder.text(conf))
    alone = configured[1].lower() == "false" if configured else script.refuses_transaction(text)
    mode: Mode = "statements" if alone else "transaction"
    return MigrationFile(version, name.replace("_", " "), path, text, 1, mode, raw=folder.raw(path))


def _undo(folder: Folder, file: MigrationFile) -> Iterator[Path]:
    if repeatable(file.version) or file.baseline:
        return
    wanted = _numbers(file.version)
    for path in folder.every_sql:
        if (m := re.fullmatch(_UNDO, path.name)) and path.name[0] == "U" and _numbers(m[1]) == wanted:
            yield path


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each version, and for each repeatable by description: the last event."""
    effective: dict[str, LedgerEntry] = {}
    for row in rows:
        kind, version = (row["type"] or "").upper(), row["version"]
        if kind == "SCHEMA":
            continue
        key = _key(version) if version is not None else f"{REPEATABLE}{row['description']}"
        effective[key] = LedgerEntry(
            version=key,
            name=row["description"] or "",
            state=_state(kind, true(row, "success")),
            checksum=row["checksum"] or "",
            applied_at=moment(row, "installed_on"),
            rank=int(row["installed_rank"] or 0),
        )
    return tuple(effective.values())


def _key(version: str) -> str:
    """Return a recorded version as the files have it."""
    decimal = all(part.isdecimal() for part in version.replace("_", ".").split("."))
    return _written(_numbers(version)) if decimal else version


def _state(kind: str, success: bool) -> LedgerState:
    if kind == "DELETE":
        return "superseded"
    if not success:
        return "failed"
    if kind.startswith("UNDO"):
        return "rolled_back"
    return "baseline" if kind == "BASELINE" else "applied"


def _same(version: str) -> str:
    return version.replace("_", " ") if repeatable(version) else version


def _place(version: str) -> tuple[object, ...]:
    return (1, version) if repeatable(version) else (0, _numbers(version))


def _align(_: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    return [msgspec.structs.replace(e, version=_same(e.version)) for e in entries]


def _names(file: MigrationFile) -> set[str]:
    """Return a description, and as it is cut where it is long."""
    name = file.name
    return {name, name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."}


def _checksums(file: MigrationFile, _: object) -> tuple[str, ...]:
    crc = 0
    for line in re.split(b"\r\n|\n|\r", file.raw.removeprefix(_BOM)):
        crc = zlib.crc32(line, crc)
    return (str(crc - (1 << 32) if crc >= 1 << 31 else crc),)


TOOL = Tool(
    "flyway",
    "Flyway",
    proves="✓ | ✓ | ✓ | ✓ CRC-32 | ✓",
    rank=13,
    layouts=(
        Layout(
            _load,
            "V<version>__<name>.sql",
            undone_by(_undo),
            home=("flyway.conf", "flyway.toml", "pom.xml"),
            places=("src/main/resources/db/migration",),
        ),
    ),
    ledgers=(
        LedgerTable(
            Shape(
                "installed_rank:int! version:string description:string! type:string! script:string!"
                " checksum:int success:bool!",
                optional="installed_by:string! installed_on:time! execution_time:int! version_rank:int!",
            ),
            _read,
            ("installed_rank",),
        ),
    ),
    versions=Versions(same=_same, place=_place),
    placeholder=_PLACEHOLDER,
    names=_names,
    checksum=Checksum(_checksums, line_ends="accepts that"),
    align=_align,
    writing=Writing(TRANSACTION, lettered, version=next_lettered),
    words=ToolWords(
        apply="flyway migrate",
        late="flyway stops at it unless outOfOrder is on:"
        " give it a later version, or run once with -outOfOrder=true",
        accept="accept it with `flyway repair`",
        resolve="then `flyway repair` removes the failed entry, and `flyway migrate` runs it again",
    ),
)
