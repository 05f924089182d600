"""Layouts whose names carry everything: Flyway, refinery, and folders of numbered files."""

import re
from dataclasses import replace
from pathlib import Path

from ...model.errors import MigrationError
from ...sql import script
from ..records import MigrationFile, Mode
from . import order, programs
from .folder import Folder
from .layouts import Loaded, coded, program, whole
from .order import topological

_FLYWAY = re.compile(r"(?:([VB])(\d+(?:[._]\d+)*)|R)__(.*)\.sql", re.IGNORECASE)
_FLYWAY_CLASS = r"([VB])(\d+(?:[._]\d+)*)__(.*)\.java"
_PLACEHOLDER = re.compile(r"\$\{([^}\n]+)\}")
_REFINERY = re.compile(r"([UV])(\d+)__(\w+)\.sql")
_NUMBERED = re.compile(r"[Vv]?(\d+(?:[.\-]\d+)*)[-_. ]*(.*)\.sql", re.IGNORECASE)
_STRUCTURE = re.compile(r"^-- PostgreSQL database dump|^\\restrict ", re.MULTILINE)


def flyway(folder: Folder, chosen: bool) -> Loaded | None:
    """``V<version>__<name>.sql`` by version, from the newest baseline on, then ``R__`` by name.

    Each runs in a transaction unless a statement in it (or ``<file>.conf``) forbids that.
    """
    found = [(p, m) for p, m in folder.reach(_FLYWAY, folder.tree) if m[0][0] in "VBR"]
    versioned = [(order.flyway_version(m[2]), m[1] == "V", p, m) for p, m in found if m[1]]
    if not versioned and not (chosen and found):
        return None
    for m in coded(folder, _FLYWAY_CLASS):
        versioned.append((order.flyway_version(m[2]), m[1] == "V", folder.path / m[0], m))
    notes: list[str] = []
    baseline = max((version for version, plain, *_ in versioned if not plain), default=())
    files: list[MigrationFile] = []
    superseded: list[MigrationFile] = []
    for version, plain, path, m in sorted(versioned, key=lambda v: (v[0], v[2].as_posix())):
        runs = version > baseline or (version == baseline and not plain)
        file = _flyway_file(folder, path, ".".join(map(str, version)) or "0", m[3], notes if runs else [])
        (files if runs else superseded).append(file)
    repeatable = sorted(((m[3], p) for p, m in found if not m[1]), key=lambda r: (r[0], r[1].as_posix()))
    files += [_flyway_file(folder, path, f"R:{name}", name, notes) for name, path in repeatable]
    callbacks = [p.name for p in folder.tree if re.match(r"(?:before|after)[A-Z]", p.name)]
    notes += [f"{name}: a Flyway callback; it was not run" for name in callbacks]
    return Loaded(tuple(files), notes=tuple(notes), superseded=tuple(superseded))


def _flyway_file(folder: Folder, path: Path, version: str, name: str, notes: list[str]) -> MigrationFile:
    if path.suffix == ".java":
        return program(folder, path.name, version, name.replace("_", " "))
    text = folder.text(path).replace("${flyway:defaultSchema}", "public")
    if unknown := sorted(set(_PLACEHOLDER.findall(text))):
        listed = ", ".join(f"${{{name}}}" for name in unknown)
        notes.append(f"{path.relative_to(folder.path).as_posix()}: {listed} left as it stands")
    conf = path.with_name(path.name + ".conf")
    configured = conf.is_file() and re.search(
        r"^\s*executeInTransaction\s*=\s*(true|false)", folder.text(conf), re.MULTILINE | re.IGNORECASE
    )
    alone = configured[1].lower() == "false" if configured else script.refuses_transaction(text)
    mode: Mode = "statements" if alone else "transaction"
    return MigrationFile(version, name.replace("_", " "), path, text, 1, mode, raw=folder.raw(path))


def refinery(folder: Folder, chosen: bool) -> Loaded | None:
    """``V<n>__<name>.sql`` and ``U<n>__<name>.sql`` by number; U may come late, it does not undo."""
    if not (chosen or folder.near("Cargo.toml", "refinery.toml")):
        return None
    found = [(int(m[2]), p, m) for p, m in folder.reach(_REFINERY, folder.every_sql)]
    if not found:
        return None
    files = [whole(folder, p, str(n), m[3], "transaction") for n, p, m in found]
    files += [program(folder, m[0], str(int(m[1])), m[2]) for m in coded(folder, r"[UV](\d+)__(\w+)\.rs")]
    files.sort(key=lambda f: (int(f.version), f.path.as_posix()))
    return Loaded(tuple(files))


def plain(folder: Folder, chosen: bool) -> Loaded | None:
    """Numbered SQL files by number; or the only SQL file there is, as psql would run it.

    Raises `MigrationError` for several files of which none has a number: nothing tells their order.
    """
    numbered = [m for n in folder.sql if (m := _NUMBERED.fullmatch(n))]
    if not numbered:
        if len(folder.sql) > 1 and chosen:
            raise MigrationError(
                f"{folder.path}: nothing tells the order of {', '.join(folder.sql[:3])}"
                f"{' …' if len(folder.sql) > 3 else ''}; begin their names with numbers"
            )
        if len(folder.sql) != 1:
            return None
        file = single(folder, folder.sql[0])
        return Loaded((file,), territory=file.path)
    by_number = sorted(numbered, key=lambda m: (_numbers(m[1]), m[0]))
    files = tuple(_plain_file(folder, m) for m in by_number)
    notes: tuple[str, ...] = ()
    if [m[0] for m in by_number] != [m[0] for m in numbered]:
        notes = ("The order by number is not the order by name: psql loops and shells run it otherwise.",)
    return Loaded(files, notes=notes)


def applied_set(folder: Folder, chosen: bool) -> Loaded | None:
    """``<version>_<name>.sql`` by number, for a ledger that is a set of versions: only when it is chosen,
    as nothing in the files tells it from a plain folder. Each runs in a transaction where it can."""
    found = [m for n in folder.sql if (m := _NUMBERED.fullmatch(n))]
    if not chosen or not found:
        return None
    files = []
    for m in sorted(found, key=lambda m: (_numbers(m[1]), m[0])):
        text = folder.text(m[0])
        mode: Mode = "statements" if plain_mode(text) == "statements" else "transaction"
        version = ".".join(map(str, _numbers(m[1])))
        name = m[2].removesuffix(".up") or m[0][:-4]
        files.append(whole(folder, m[0], version, name, mode))
    return Loaded(tuple(files))


def yoyo(folder: Folder, chosen: bool) -> Loaded | None:
    """``<id>.sql`` and ``<id>.py``, each after those that its ``-- depends:`` names, ties by name.

    Known by that directive or by yoyo.ini. Source: yoyo, migrations.py.
    """
    names = [
        n
        for n in folder.files
        if (n in folder.sql or (n.endswith(".py") and b"step" in folder.raw(n)))
        and not n.startswith(("_tmp_yoyonew", "post-apply", "__init__", "conftest"))
    ]
    directives = {n: _directives(folder, n) for n in names}
    marked = "yoyo.ini" in folder.files or (folder.path.parent / "yoyo.ini").is_file()
    if not names or not (chosen or marked or any("depends" in d for d in directives.values())):
        return None
    files = []
    for name in names:
        known = directives[name]
        stem = name.rpartition(".")[0]
        mode: Mode = "statements" if known.get("transactional", "").strip() == "false" else "transaction"
        file = (
            program(folder, name, stem, stem)
            if name.endswith(".py")
            else whole(folder, name, stem, stem, mode)
        )
        files.append(replace(file, requires=tuple(known.get("depends", "").split())))
    return Loaded(topological(folder.path, files))


def _directives(folder: Folder, name: str) -> dict[str, str]:
    """Return yoyo's directives: of the leading comments, or of the module's variables."""
    if name.endswith(".py"):
        if b"__depends__" not in folder.raw(name):
            return {}
        depends = programs.variables(folder.path / name, folder.raw(name)).get("__depends__") or ()
        return {"depends": " ".join(map(str, depends))} if depends else {}
    found = {}
    for line in folder.text(name).splitlines():
        if not line.startswith("--"):
            break
        if m := re.match(r"--\s*(depends|transactional)\s*:(.*)", line):
            found[m[1]] = m[2]
    return found


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.split(r"[.\-]", text)))


def _plain_file(folder: Folder, match: re.Match[str]) -> MigrationFile:
    version = ".".join(map(str, _numbers(match[1])))
    return whole(folder, match[0], version, match[2] or match[0][:-4], plain_mode(folder.text(match[0])))


def plain_mode(text: str) -> Mode:
    """One message, unless only psql could run it or a statement in it refuses a transaction."""
    alone = script.needs_psql(text) or _STRUCTURE.search(text) or script.refuses_transaction(text)
    return "statements" if alone else "message"


def single(folder: Folder, name: str) -> MigrationFile:
    """Return the migration that one file is: a dump such as ``structure.sql``, or a script."""
    return whole(folder, name, name[:-4], name[:-4], plain_mode(folder.text(name)))
