"""Migrations that are programs: their names and what comes before what, read without running them."""

import ast
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...model.errors import MigrationError
from ..records import MigrationFile
from .folder import Folder
from .layouts import Loaded
from .order import topological

_PYTHON_UNDO = re.compile(r"\bRunPython\((?![^)]*(?:reverse_code|,))|\bRunSQL\((?![^)]*(?:reverse_sql|,))")


def variables(path: Path, raw: bytes) -> dict[str, Any]:
    """Return the module variables of a Python file that are literals. Raises `MigrationError` for one
    that is not Python."""
    found: dict[str, Any] = {}
    for node in _module(path, raw).body:
        found.update(_assigned(node))
    return found


def _module(path: Path, raw: bytes) -> ast.Module:
    try:
        return ast.parse(raw)
    except (SyntaxError, ValueError) as error:
        raise MigrationError(f"{path}: not readable as Python ({error})") from None


def _assigned(node: ast.stmt) -> dict[str, Any]:
    if isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        targets, value = [node.target], node.value
    else:
        return {}
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    try:
        literal = ast.literal_eval(value)
    except ValueError:
        return {}
    return dict.fromkeys(names, literal)


def _several(value: object) -> tuple[str, ...]:
    """Return what Alembic and Django write as None, one name or several, as a tuple."""
    if value is None:
        return ()
    return (
        (value,) if isinstance(value, str) else tuple(map(str, value)) if isinstance(value, Iterable) else ()
    )


def program(path: Path, raw: bytes, version: str, name: str, undo: bool, **more: Any) -> MigrationFile:
    """Return a migration without SQL; it is its own undo where it has a way down."""
    return MigrationFile(version, name, path, "", raw=raw, program=True, undo=path if undo else None, **more)


def alembic(folder: Folder, _: bool) -> Loaded | None:
    """``versions/*.py`` by ``revision`` and ``down_revision``; the file's name does not matter.

    Source: alembic, script/base.py and script/revision.py.
    """
    places = [folder.path, folder.path / "versions", folder.path / "alembic" / "versions"]
    places.append(folder.path / "migrations" / "versions")
    for place in places:
        paths = sorted(p for p in place.glob("*.py") if not p.name.startswith((".#", "__init__")))
        found = [f for p in paths if (f := _revision(p))]
        if not found:
            continue
        kept = {file.version: file for file in found}  # the later file of a revision wins
        hidden = tuple(file for file in found if kept[file.version] is not file)
        files = topological(place, list(kept.values()))
        required = {v for file in files for v in file.requires}
        heads = [file.version for file in files if file.version not in required]
        notes = (f"There are {len(heads)} heads: {', '.join(heads)}.",) if len(heads) > 1 else ()
        return Loaded(files, hidden, notes, territory=place)
    return None


def _revision(path: Path) -> MigrationFile | None:
    raw = path.read_bytes()
    if b"revision" not in raw:
        return None
    values = variables(path, raw)
    revision = values.get("revision")
    if not isinstance(revision, str) or "down_revision" not in values:
        return None
    requires = (*_several(values["down_revision"]), *_several(values.get("depends_on")))
    name = path.stem.removeprefix(f"{revision}_").replace("_", " ")
    return program(path, raw, revision, name, _goes_down(path, raw), requires=requires)


def _goes_down(path: Path, raw: bytes) -> bool:
    """Return whether `downgrade` does anything."""
    for node in _module(path, raw).body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            idle = (ast.Pass, ast.Raise)
            return any(
                not isinstance(s, idle)
                and not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))
                for s in node.body
            )
    return False


def django(folder: Folder, chosen: bool) -> Loaded | None:
    """``<app>/migrations/*.py`` of one app or of all apps of a project, by their dependencies.

    A version is ``<app>.<name>``. Source: django/db/migrations/loader.py.
    """
    homes = [folder.path] if folder.path.name == "migrations" else []
    homes += sorted(folder.path.glob("*/migrations")) + sorted(folder.path.glob("*/*/migrations"))
    if not homes and chosen:
        homes = [folder.path]
    files: list[MigrationFile] = []
    for home in homes:
        app = _label(home)
        for path in sorted(home.glob("*.py")):
            if path.name[0] not in "_~" and (file := _django_file(path, app)):
                files.append(file)
    if not files:
        return None
    apps = {file.version.partition(".")[0] for file in files}
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for file in files:
        app = file.version.partition(".")[0]
        first.setdefault(app, file.version)
        last[app] = file.version
    return Loaded(topological(folder.path, [_settled(file, apps, first, last) for file in files]))


def _label(home: Path) -> str:
    """Return an app's label: the one that its AppConfig gives, else the name of its package."""
    package = home.resolve().parent
    config = package / "apps.py"
    if config.is_file() and (
        m := re.search(r"^\s+label\s*=\s*['\"](\w+)['\"]", config.read_text("utf-8", "replace"), re.MULTILINE)
    ):
        return m[1]
    return package.name


def _django_file(path: Path, app: str) -> MigrationFile | None:
    raw = path.read_bytes()
    if b"Migration" not in raw:
        return None
    for node in _module(path, raw).body:
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            values: dict[str, Any] = {}
            for inner in node.body:
                values.update(_pairs(inner))
            undo = not _PYTHON_UNDO.search(raw.decode("utf-8", "replace"))
            return program(
                path,
                raw,
                f"{app}.{path.stem}",
                path.stem,
                undo,
                requires=tuple(values.get("dependencies", ())),
                replaces=tuple(values.get("replaces", ())),
            )
    return None


def _pairs(node: ast.stmt) -> dict[str, tuple[str, ...]]:
    """Return `dependencies` and `replaces`; what is not a literal pair, such as swappable settings, is
    left out: it is of another app."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        target, value = node.targets[0], node.value
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        target, value = node.target, node.value
    else:
        return {}
    if target.id not in ("dependencies", "replaces") or not isinstance(value, (ast.List, ast.Tuple)):
        return {}
    found = []
    for item in value.elts:
        try:
            app, name = ast.literal_eval(item)
        except (ValueError, TypeError):
            continue
        found.append(f"{app}.{name}")
    return {target.id: tuple(found)}


def _settled(
    file: MigrationFile, apps: set[str], first: dict[str, str], last: dict[str, str]
) -> MigrationFile:
    """Leave out what other packages provide, and say which files ``__first__`` and ``__latest__`` are."""
    requires = []
    for version in file.requires:
        app, _, name = version.partition(".")
        if app in apps:
            requires.append({"__first__": first[app], "__latest__": last[app]}.get(name, version))
    return replace(file, requires=tuple(requires))


_NO_MIGRATION = re.compile(r"\.d\.[cm]?ts$|^knexfile\.|^ormconfig\.|\.config\.|^index\.")
_SCRIPTS = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts")


def rails(folder: Folder, _: bool) -> Loaded | None:
    """``db/migrate/**/<n>_<name>.rb`` by number. Source: activerecord, lib/active_record/migration.rb."""
    return _numbered(
        folder, "**/*.rb", re.compile(r"(\d+)_([_a-z0-9]*)(?:\.[_a-z0-9]*)?\.rb"), b"def down", b"def change"
    )


def ecto(folder: Folder, _: bool) -> Loaded | None:
    """``priv/<repo>/migrations/**/<n>_<name>.exs`` by number. Source: ecto_sql, lib/ecto/migrator.ex."""
    return _numbered(folder, "**/*.exs", re.compile(r"(\d+)_(.*)\.exs"), b"def down", b"def change")


def _numbered(folder: Folder, pattern: str, name: re.Pattern[str], *undo: bytes) -> Loaded | None:
    if folder.path.name not in ("migrate", "migrations") and not any(map(name.fullmatch, folder.files)):
        return None
    found = sorted(
        ((int(m[1]), p, m[2]) for p in folder.path.glob(pattern) if (m := name.fullmatch(p.name))),
        key=lambda f: (f[0], f[1].as_posix()),
    )
    files = []
    for number, path, title in found:
        raw = path.read_bytes()
        files.append(program(path, raw, str(number), title, any(word in raw for word in undo)))
    return Loaded(tuple(files)) if files else None


def _scripts(folder: Folder) -> list[tuple[Path, bytes]]:
    names = [n for n in folder.files if n.endswith(_SCRIPTS) and not _NO_MIGRATION.search(n)]
    return [(folder.path / n, folder.raw(n)) for n in names]


_WAY_DOWN = re.compile(rb"\b(?:exports\.down|async\s+down|function\s+down|const\s+down|down\s*[:(])")


def _javascript(
    mark: re.Pattern[bytes], home: tuple[str, ...], suffixes: tuple[str, ...], stem: bool
) -> Callable[[Folder, bool], Loaded | None]:
    """Return the layout of a tool whose migrations are scripts: known by what they call, or by a
    file of the project."""

    def load(folder: Folder, chosen: bool) -> Loaded | None:
        found = [(p, raw) for p, raw in _scripts(folder) if p.suffix in suffixes]
        marked = any(p.name[0].isdigit() for p, _ in found) and (
            any(mark.search(raw) for _, raw in found) or folder.near(*home)
        )
        if not found or not (chosen or marked):
            return None
        names = [(p.stem if stem else p.name, p, raw) for p, raw in found]
        return Loaded(tuple(program(p, raw, n, n, bool(_WAY_DOWN.search(raw))) for n, p, raw in names))

    return load


knex = _javascript(
    re.compile(rb"\bknex\b"), ("knexfile.js", "knexfile.ts", "knexfile.cjs"), (".js", ".cjs", ".ts"), False
)
sequelize = _javascript(
    re.compile(rb"\bqueryInterface\b"), (".sequelizerc",), (".js", ".cjs", ".ts", ".cts"), False
)
node_pg_migrate = _javascript(re.compile(rb"\bpgm\b"), (), _SCRIPTS, True)

_CLASS = re.compile(rb"\bclass\s+(\w+?(\d{13}))\b")
_NAMED = re.compile(
    rb"^\s*(?:public\s+|readonly\s+|static\s+)*name\s*=\s*['\"](\w+?(\d{13}))['\"]", re.MULTILINE
)


def typeorm(folder: Folder, _: bool) -> Loaded | None:
    """Classes whose name ends in a time of 13 digits, by that; the file's name does not matter.

    Source: typeorm, src/migration/MigrationExecutor.ts.
    """
    found = []
    for path, raw in _scripts(folder):
        if m := _NAMED.search(raw) or _CLASS.search(raw):
            found.append((int(m[2]), m[1].decode(), path, raw))
    if not found:
        return None
    found.sort(key=lambda f: (f[0], f[1]))
    return Loaded(
        tuple(program(p, raw, name, name, bool(_WAY_DOWN.search(raw))) for _, name, p, raw in found)
    )
