"""How each tool lays out its folder, and what it would run on an empty database, in order.

A layout returns None where the folder is not its own. `chosen` is True when the user named the
tool: then signs that only tell tools apart are not asked for.
"""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...model.errors import MigrationError
from ...sql import script
from ..records import MigrationFile, Mode
from . import order, sections
from .folder import Folder


@dataclass(frozen=True)
class Loaded:
    """What a layout found: files in order, those another one hides, and what must be said.

    SQL files below `territory` (None: the folder) that are not among them are stray. `superseded` are
    files before the baseline or checkpoint at which a fresh database begins.
    """

    files: tuple[MigrationFile, ...]
    shadowed: tuple[MigrationFile, ...] = ()
    notes: tuple[str, ...] = ()
    territory: Path | None = None
    superseded: tuple[MigrationFile, ...] = ()


Load = Callable[[Folder, bool], Loaded | None]


@dataclass(frozen=True)
class Layout:
    """A tool: `looks_for` completes the sentence of an empty folder.

    `home` is set where only file names tell: files of projects that use this tool rather than one
    with the same names. Layouts known by their content come before these.
    """

    tool: str
    load: Load
    looks_for: str
    home: tuple[str, ...] = ()


def whole(folder: Folder, path: str | Path, version: str, name: str, mode: Mode) -> MigrationFile:
    """Return the migration that is all of one file."""
    text = folder.text(path)
    return MigrationFile(version, name, folder.at(path), text, 1, mode, raw=folder.raw(path))


def part(
    folder: Folder, path: str, version: str, name: str, section: sections.Section, *, alone: Mode
) -> MigrationFile:
    """Return the migration that is one section of a file; `alone` is its mode without a transaction."""
    mode: Mode = "transaction" if section.transactional else alone
    return MigrationFile(
        version, name, folder.at(path), section.sql, section.first_line, mode, raw=folder.raw(path)
    )


def matching(folder: Folder, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """Return the matches of `pattern` among the names of the folder's SQL files."""
    return [m for n in folder.sql if (m := pattern.fullmatch(n))]


def coded(folder: Folder, pattern: str) -> list[re.Match[str]]:
    """Return the matches of `pattern` among the names of files that are programs, without their tests."""
    named = re.compile(pattern)
    return [m for n in folder.files if "_test." not in n and (m := named.fullmatch(n))]


def program(folder: Folder, name: str, version: str, title: str) -> MigrationFile:
    """Return the migration that is a program beside others that are SQL."""
    return MigrationFile(version, title, folder.path / name, "", raw=folder.raw(name), program=True)


def prisma(folder: Folder, chosen: bool) -> Loaded | None:
    """``<dir>/migration.sql`` in `localeCompare` order, each as one message."""
    locked = "migration_lock.toml" in folder.files
    scripts = [d for d in folder.directories if (folder.path / d / "migration.sql").is_file()]
    if not scripts or (not chosen and not locked and _drizzle_snapshots(folder)):
        return None
    if locked:
        _prisma_provider(folder)
        if lost := set(folder.directories) - set(scripts):
            raise MigrationError(f"{folder.path / min(lost)}: holds no migration.sql; Prisma stops there")
    names = sorted(scripts, key=order.locale)
    return Loaded(tuple(_directory(folder, name, "message") for name in names))


def _prisma_provider(folder: Folder) -> None:
    path = folder.path / "migration_lock.toml"
    try:
        provider = tomllib.loads(folder.text("migration_lock.toml")).get("provider", "postgresql")
    except tomllib.TOMLDecodeError as error:
        raise MigrationError(f"{path}: {error}") from None
    if provider not in ("postgresql", "postgres", "cockroachdb"):
        raise MigrationError(f"{path}: the migrations are for {provider}, not for PostgreSQL")


def _directory(folder: Folder, name: str, mode: Mode) -> MigrationFile:
    version, _, rest = name.partition("_")
    stamped = version.isdecimal() and rest
    return whole(folder, Path(name) / "migration.sql", name, rest if stamped else name, mode)


def _drizzle_snapshots(folder: Folder) -> bool:
    return any((folder.path / d / "snapshot.json").is_file() for d in folder.directories)


def drizzle(folder: Folder, chosen: bool) -> Loaded | None:
    """The journal's order (0.x), or dated directories (1.x). Breakpoints are comments to PostgreSQL."""
    if (folder.path / "meta" / "_journal.json").is_file():
        return _drizzle_journal(folder)
    scripts = [d for d in folder.directories if (folder.path / d / "migration.sql").is_file()]
    if not scripts or not (chosen or _drizzle_snapshots(folder)):
        return None
    return Loaded(
        tuple(_directory(folder, name, "transaction") for name in sorted(scripts, key=order.locale))
    )


def _drizzle_journal(folder: Folder) -> Loaded:
    path = folder.path / "meta" / "_journal.json"
    try:
        journal = json.loads(folder.text(path))
        entries = [(str(e["tag"]), str(e.get("when", ""))) for e in journal["entries"]]
    except (ValueError, TypeError, KeyError) as error:
        raise MigrationError(f"{path}: not a Drizzle journal ({error})") from None
    if (dialect := journal.get("dialect", "postgresql")) not in ("postgresql", "pg"):
        raise MigrationError(f"{path}: the migrations are for {dialect}, not for PostgreSQL")
    for tag, _ in entries:
        if f"{tag}.sql" not in folder.files:
            raise MigrationError(f"{path}: lists {tag}, but there is no {tag}.sql")
    return Loaded(
        tuple(whole(folder, f"{tag}.sql", when or tag, tag, "transaction") for tag, when in entries)
    )


_UP = re.compile(r"(\d+)_(.*)\.up\.sql")
_POP = re.compile(r"(\d+)_([^.]+)((?:\.[a-z0-9]+)*?)\.up\.(sql|fizz)")
_DIALECTS = {"pg", "postgres", "postgresql"}
_FOREIGN = {"mysql", "mariadb", "sqlite", "sqlite3", "cockroach", "cockroachdb", "crdb", "mssql", "oracle"}


def golang_migrate(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.up.sql`` by number, each as one message."""
    found = matching(folder, _UP)
    if not found or (not chosen and _is_pop(folder)):
        return None
    found.sort(key=lambda m: (int(m[1]), m[0]))
    return Loaded(tuple(whole(folder, m[0], str(int(m[1])), m[2], "message") for m in found))


def sqlx(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.sql`` or ``.up.sql`` by number, each in a transaction unless it opts out."""
    found = matching(folder, re.compile(r"(\d+)_(.*?)(?:\.up)?\.sql"))
    marked = folder.near("Cargo.toml", ".sqlx") or any(
        folder.text(m[0]).startswith("-- no-transaction") for m in found
    )
    reversible = bool(matching(folder, _UP)) and not _is_pop(folder)
    if not found or not (chosen or marked or reversible):
        return None
    found.sort(key=lambda m: (int(m[1]), m[0]))
    return Loaded(
        tuple(
            whole(
                folder,
                m[0],
                str(int(m[1])),
                m[2].replace("_", " "),
                "message" if folder.text(m[0]).startswith("-- no-transaction") else "transaction",
            )
            for m in found
        )
    )


def _is_pop(folder: Folder) -> bool:
    """Whether names carry what only pop and Ory's popx write: a dialect, fizz, autocommit."""
    found = [m for n in folder.files if (m := _POP.fullmatch(n))]
    marks = {mark for m in found for mark in m[3].split(".") if mark}
    return bool(marks & (_DIALECTS | _FOREIGN | {"autocommit"})) or any(m[4] == "fizz" for m in found)


def pop(folder: Folder, chosen: bool) -> Loaded | None:
    """``<version>_<name>[.<dialect>][.autocommit].up.sql`` by version as text (pop, Ory popx)."""
    found = [m for n in folder.files if (m := _POP.fullmatch(n))]
    if not found or not (chosen or _is_pop(folder)):
        return None
    usable = [m for m in found if not set(m[3].split(".")) & _FOREIGN]
    # The PostgreSQL file of a version comes before the one for all dialects, and hides it.
    usable.sort(key=lambda m: (m[1], not set(m[3].split(".")) & _DIALECTS, m[0]))
    kept: dict[str, MigrationFile] = {}
    shadowed = []
    for m in usable:
        file = _rendered(folder, m)
        if m[1] in kept and kept[m[1]].name != m[2]:
            shadowed.append(file)
        kept.setdefault(m[1], file)
    return Loaded(tuple(kept.values()), tuple(shadowed))


def _rendered(folder: Folder, match: re.Match[str]) -> MigrationFile:
    path = folder.path / match[0]
    if match[4] == "fizz":
        raise MigrationError(f"{path}: fizz is not SQL; translate it first, or give a URL")
    text = folder.text(match[0])
    if template := re.search(r"\{\{-?\s*[A-Za-z.$]", text):
        line = script.line_at(text, template.start())
        raise MigrationError(f"{path}:{line}: a Go template, which only the application can render")
    mode: Mode = "message" if "autocommit" in match[3].split(".") else "transaction"
    return whole(folder, match[0], match[1], match[2], mode)


def goose(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.sql`` with ``-- +goose Up``, by number, statement by statement in a transaction."""
    found = matching(folder, re.compile(r"(\d+)_(.*)\.sql"))
    if not chosen and not any(sections.has_goose(folder.text(m[0])) for m in found):
        return None
    files = []
    for m in sorted(found + coded(folder, r"(\d+)_(.*)\.go"), key=lambda m: (int(m[1]), m[0])):
        if m[0].endswith(".go"):
            files.append(program(folder, m[0], str(int(m[1])), m[2]))
            continue
        section = sections.goose(folder.text(m[0]))
        if section is None:
            raise MigrationError(f"{folder.path / m[0]}: has no `-- +goose Up`; goose stops there")
        files.append(part(folder, m[0], str(int(m[1])), m[2], section, alone="statements"))
    return Loaded(tuple(files)) if files else None


def dbmate(folder: Folder, chosen: bool) -> Loaded | None:
    """``<digits>….sql`` with ``-- migrate:up``, bytewise; the first file of a version hides the rest."""
    found = matching(folder, re.compile(r"(\d+)_?(.*)\.sql"))
    if not found or (not chosen and not any(sections.has_dbmate(folder.text(m[0])) for m in found)):
        return None
    kept: dict[str, MigrationFile] = {}
    shadowed = []
    for m in sorted(found, key=lambda m: order.bytewise(m[0])):
        section = sections.dbmate(folder.text(m[0]))
        if section is None:
            raise MigrationError(f"{folder.path / m[0]}: has no `-- migrate:up`; dbmate stops there")
        file = part(folder, m[0], m[1], m[2], section, alone="message")
        if m[1] in kept:
            shadowed.append(file)
        kept.setdefault(m[1], file)
    return Loaded(tuple(kept.values()), tuple(shadowed))


def node_pg_migrate(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>….sql`` with ``-- Up Migration``, by number or date, then by name.

    The tool runs all of them in one transaction; here each has its own, as after a deploy per file.
    """
    found = matching(folder, re.compile(r"(\d+)[^/]*\.sql"))
    if not found or (not chosen and not any(sections.has_node(folder.text(m[0])) for m in found)):
        return None
    found += coded(folder, r"(\d+)[_-][^/]*\.[cm]?[jt]s")
    found.sort(key=lambda m: (order.timestamp_prefix(m[1]), order.numeric_locale(m[0])))
    return Loaded(tuple(_node_file(folder, m[0]) for m in found))


def _node_file(folder: Folder, name: str) -> MigrationFile:
    stem, _, suffix = name.rpartition(".")
    if suffix != "sql":
        return program(folder, name, stem, stem)
    return part(folder, name, stem, stem, sections.node(folder.text(name)), alone="statements")


def tern(folder: Folder, chosen: bool) -> Loaded | None:
    """``<n>_<name>.sql`` above its separator, by number."""
    found = matching(folder, re.compile(r"(\d+)_(.+)\.sql"))
    marked = "tern.conf" in folder.files or any(sections.has_tern(folder.text(m[0])) for m in found)
    if not found or not (chosen or marked):
        return None
    found.sort(key=lambda m: (int(m[1]), m[0]))
    files = [
        part(folder, m[0], str(int(m[1])), m[2], sections.tern(folder.text(m[0])), alone="statements")
        for m in found
    ]
    return Loaded(tuple(files))


def supabase(folder: Folder, chosen: bool) -> Loaded | None:
    """``supabase/migrations/<digits>_<name>.sql``, bytewise, each as one pipeline."""
    home = folder.path.resolve()
    if not chosen and (home.name, home.parent.name) != ("migrations", "supabase"):
        return None
    found = matching(folder, re.compile(r"(\d+)_(.*)\.sql"))
    if found and re.fullmatch(r"\d{14}_init\.sql", found[0][0]) and found[0][1] < "20211209000000":
        del found[0]  # the tool skips the platform's own first file of its early projects
    if not found:
        return None
    return Loaded(tuple(whole(folder, m[0], m[1], m[2], _pipeline_mode(folder.text(m[0]))) for m in found))


def _pipeline_mode(text: str) -> Mode:
    """In a pipeline, CREATE INDEX CONCURRENTLY may come first and nowhere else."""
    if "concurrently" not in text.lower():
        return "transaction"
    first = script.pieces(text)[:1]
    return "statements" if first and script.outside_transaction(first[0]) else "transaction"


def atlas(folder: Folder, chosen: bool) -> Loaded | None:
    """``<version>[_<name>].sql``, bytewise, from the last checkpoint on."""
    if not folder.sql or not (chosen or "atlas.sum" in folder.files):
        return None
    files: list[MigrationFile] = []
    superseded: list[MigrationFile] = []
    for name in folder.sql:
        text = folder.text(name)
        if re.match(r"\s*--\s*atlas:delimiter\b", text):
            raise MigrationError(f"{folder.path / name}:1: atlas:delimiter is not supported")
        head = "\n".join(text.replace("\r\n", "\n").split("\n\n", 1)[:1]) if "\n\n" in text else ""
        mode: Mode = (
            "statements" if re.search(r"^-- atlas:txmode none\b", head, re.MULTILINE) else "transaction"
        )
        if re.search(r"^-- atlas:checkpoint\b", head, re.MULTILINE):
            superseded += files
            files.clear()
        version, _, rest = name[:-4].partition("_")
        files.append(whole(folder, name, version, rest or version, mode))
    return Loaded(tuple(files), superseded=tuple(superseded))
