"""Django. Sources: django/db/migrations, loader.py, recorder.py and executor.py."""

import ast
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..discovery.files import program
from ..discovery.folder import Folder, read
from ..discovery.order import ends, topological
from ..discovery.python import module
from ..records import MigrationFile, MigrationSet
from ..rows import Row, moment
from ..tool import Layout, LedgerTable, Loaded, Sources, Tool
from ..versions import Versions, digits
from ..writing import TRANSACTION, New, Script, Writing, beside_the_last, next_number, python_lines
from . import _django_settings

_IRREVERSIBLE = r"\bRunPython\((?![^)]*(?:reverse_code|,))|\bRunSQL\((?![^)]*(?:reverse_sql|,))"
_NAMED = r"""DJANGO_SETTINGS_MODULE['"]\s*(?:,|\]\s*=)\s*['"]([\w.]+)['"]"""
_LABEL = r"(?m)^\s+label\s*=\s*['\"](\w+)['\"]"


def _load(folder: Folder, chosen: bool) -> Loaded | None:
    """``<app>/migrations/*.py`` of one app or of all apps of a project, by their dependencies.

    A version is ``<app>.<name>``.
    """
    homes = [folder.path] if folder.path.name == "migrations" else []
    homes += sorted(folder.path.glob("*/migrations")) + sorted(folder.path.glob("*/*/migrations"))
    if not homes and chosen:
        homes = [folder.path]
    files: list[MigrationFile] = []
    for home in homes:
        app = _label(home)
        for path in sorted(home.glob("*.py")):
            if path.name[0] not in "_~" and (file := _file(path, app)):
                files.append(file)
    if not files:
        return None
    apps = _apps(files)
    first: dict[str, str] = {}
    last: dict[str, str] = {}
    for file in files:
        app = _app(file.version)
        first.setdefault(app, file.version)
        last[app] = file.version
    return Loaded(topological(folder.path, [_settled(file, apps, first, last) for file in files]))


def _label(home: Path) -> str:
    """Return an app's label: the one that its AppConfig gives, else the name of its package."""
    package = home.resolve().parent
    config = package / "apps.py"
    if config.is_file() and (m := re.search(_LABEL, config.read_text("utf-8", "replace"))):
        return m[1]
    return package.name


def _file(path: Path, app: str) -> MigrationFile | None:
    raw = read(path)
    if b"Migration" not in raw:
        return None
    for node in module(path, raw).body:
        if isinstance(node, ast.ClassDef) and node.name == "Migration":
            values: dict[str, Any] = {}
            for inner in node.body:
                values.update(_pairs(inner))
            return program(
                path,
                raw,
                f"{app}.{path.stem}",
                path.stem,
                undo=not re.search(_IRREVERSIBLE, raw.decode("utf-8", "replace")),
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


def _app(version: str) -> str:
    return version.partition(".")[0]


def _apps(files: Sequence[MigrationFile]) -> set[str]:
    return {_app(file.version) for file in files}


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return one entry for each app and name; nothing keeps the table from repeating them."""
    found: dict[str, LedgerEntry] = {}
    for rank, row in enumerate(rows, 1):
        version = f"{row['app']}.{row['name']}"
        entry = LedgerEntry(
            version=version, name=row["name"] or "", applied_at=moment(row, "applied"), rank=rank
        )
        found.setdefault(version, entry)
    return tuple(found.values())


def _align(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Leave out apps that are not here, and add squashed migrations whose parts are all recorded: only then
    does a squashed one count as applied."""
    apps = _apps(files)
    here = [entry for entry in entries if _app(entry.version) in apps]
    recorded = {entry.version for entry in here}
    present = {file.version for file in files}
    held: set[str] = set()
    for file in files:
        if not file.replaces or not set(file.replaces) <= recorded:
            continue
        held |= set(file.replaces) - present
        if file.version not in recorded:
            here.append(LedgerEntry(version=file.version, name=file.name, message="by its parts"))
    for file in files:
        held |= set(file.replaces) - present if file.version in recorded else set()
    return [entry for entry in here if entry.version not in held]


def _others(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> str:
    """Say which apps have no migrations here: they come with packages."""
    apps = sorted({_app(entry.version) for entry in entries} - _apps(files))
    return f"The ledger also has the apps {', '.join(apps)}, whose files are not here." if apps else ""


def _number(version: str) -> str:
    app, _, name = version.partition(".")
    return f"{app}.{found}" if (found := digits(name)) else ""


def _leads(folder: Path, beside: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Put settings in front of the project's own that have the scratch database, whatever those say. Nothing
    where the settings are not a module that ``manage.py`` or the environment names."""
    manage = folder / "manage.py"
    text = manage.read_text("utf-8", "replace") if manage.is_file() else ""
    named = re.search(_NAMED, text)
    own = environ.get("DJANGO_SETTINGS_MODULE") or (named[1] if named else "")
    if not own or "DJANGO_CONFIGURATION" in environ or "DJANGO_CONFIGURATION" in text:
        return {}
    copy = beside / f"{_django_settings.NAME}.py"
    copy.write_text(Path(_django_settings.__file__).read_text("utf-8"), "utf-8")
    paths = [str(beside), *filter(None, [environ.get("PYTHONPATH")])]
    return {
        "DJANGO_SETTINGS_MODULE": _django_settings.NAME,
        _django_settings.OWN: own,
        "PYTHONPATH": os.pathsep.join(paths),
    }


def _leaves(files: Sequence[MigrationFile]) -> list[str]:
    """Return the last migrations of each app, by version; two of one app have to be merged."""
    by_app: dict[str, list[MigrationFile]] = {}
    for file in files:
        by_app.setdefault(_app(file.version), []).append(file)
    return [file.version for group in by_app.values() for file in ends(group)]


def _unclear(migrations: MigrationSet) -> str:
    """Say why no migration can be added: which app's it would be, or after which."""
    apps = sorted(_apps(migrations.files))
    if len(apps) > 1:
        return f"holds the apps {', '.join(apps)}: say whose migration it is to be with --into APP/migrations"
    leaves = _leaves(migrations.files)
    if len(leaves) > 1:
        return f"{' and '.join(leaves)} both come last: `python manage.py makemigrations --merge` first"
    return ""


def _next_name(files: Sequence[MigrationFile], now: datetime) -> str:
    return next_number(files, now).zfill(4) if files else "0001"


_MIGRATION = """\
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
{after}
    ]

    operations = [
        migrations.RunSQL(
            sql=[
{up}
            ],
{down}        ),
    ]
"""


def _write(new: New, script: Script) -> dict[str, str]:
    """A migration of RunSQL, which runs each text of a list as it is, after the last ones of all apps."""
    after = [f"        {tuple(version.split('.', 1))!r}," for version in _leaves(new.around.files)]
    down = python_lines(script.down, "{},", " " * 16)
    text = _MIGRATION.format(
        after="\n".join(after),
        up=python_lines(script.up, "{},", " " * 16),
        down=f"            reverse_sql=[\n{down}\n            ],\n" if down else "",
    )
    return beside_the_last(new, f"{new.version}_{new.name}.py", text)


TOOL = Tool(
    "django",
    "Django",
    proves="✓ by its graph | ✓ | ✓ | – | –",
    rank=19,
    layouts=(Layout(_load, "<app>/migrations/<name>.py", programs=True),),
    ledgers=(
        LedgerTable(
            Shape(
                "applied:time! id:int! app:varchar(255)! name:varchar(255)!",
                key="id",
                certain="^django_migrations$",
            ),
            _read,
            ("id",),
        ),
    ),
    versions=Versions(place=None, number=_number, named=True, graph=True),
    align=_align,
    others=_others,
    writing=Writing(
        TRANSACTION,
        _write,
        down=True,
        version=_next_name,
        refuses=_unclear,
        then="run `python manage.py migrate`, and say the same in the models",
    ),
    words=ToolWords(apply="python manage.py migrate"),
    runs=(("manage.py", "python manage.py migrate"),),
    sources=Sources(
        ("[0-9]*_*.py", "*/migrations/[0-9]*_*.py"), "python manage.py sqlmigrate", lacks=b"yoyo"
    ),
    leads=_leads,
)
