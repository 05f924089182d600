"""Contract sources that a project shows: what stands in its folder, without running anything of it."""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

_PRISMA = ("prisma/schema.prisma", "prisma/schema", "schema.prisma")
_DUMPS = ("db/structure.sql", "priv/repo/structure.sql", "structure.sql", "db/schema.sql", "schema.sql")
_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE['"]\s*(?:,|\]\s*=)\s*['"]([\w.]+)['"]""")
_ENVIRONMENTS = ("env.py", "alembic/env.py", "migrations/env.py", "*/alembic/env.py")
_METADATA = re.compile(r"(?m)^target_metadata\s*=\s*(\w+)\.metadata\b")
_IMPORTED = r"(?m)^from\s+([\w.]+)\s+import\s+(?:[\w ,()]*[ ,(])?{}\b"


def seen(base: Path) -> str | None:
    """Return the entry of ``contract.from`` that a project in `base` shows, relative to it: a Prisma schema,
    Django's settings or SQLAlchemy's models where these are installed, a dump of the schema; None for
    none."""
    return next(_entries(base), None)


def _entries(base: Path) -> Iterator[str]:
    for name in _PRISMA:
        if (base / name).is_file() or ((base / name).is_dir() and any((base / name).glob("*.prisma"))):
            yield name
    if (settings := _SETTINGS.search(_text(base / "manage.py"))) and find_spec("django"):
        yield f"django:{settings[1]}"
    if find_spec("sqlalchemy"):
        yield from _models(base)
    yield from (name for name in _DUMPS if (base / name).is_file())


def _models(base: Path) -> Iterator[str]:
    """Yield what Alembic's environments compare with, where the class can be imported from the project's
    folder."""
    for pattern in _ENVIRONMENTS:
        for path in sorted(base.glob(pattern)):
            text = _text(path)
            named = _METADATA.search(text)
            found = re.search(_IMPORTED.format(re.escape(named[1])), text) if named else None
            if named and found and _is_module(base, found[1]):
                yield f"models:{found[1]}:{named[1]}"


def _is_module(base: Path, name: str) -> bool:
    place = base.joinpath(*name.split("."))
    return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _text(path: Path) -> str:
    return path.read_text("utf-8", "replace") if path.is_file() else ""
