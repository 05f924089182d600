"""Contracts from where teams keep them: the form of an entry says who reads it.

Each form has a module with `read(entry, base, context) -> Contract`, imported when it is needed.
"""

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..catalog.engines import ENGINES
from ..model.contract import Contract
from ..model.errors import ConfigError
from ..model.secret import Secret, reveal
from .context import SourceContext as SourceContext

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")


class Form(NamedTuple):
    """A form of entry: how it is recognised, what it is called, and the module that reads it."""

    name: str
    fits: Callable[[str, Path], bool]
    module: str


def _files(suffix: str) -> Callable[[str, Path], bool]:
    """Entries that name a file of that suffix, or a folder with such a file at any depth."""

    def fits(entry: str, path: Path) -> bool:
        return entry.endswith(suffix) or (path.is_dir() and any(path.rglob(f"*{suffix}")))

    return fits


def _url(*dialects: str) -> Callable[[str, Path], bool]:
    """URLs of these databases, with a driver's name or without."""

    def fits(entry: str, _path: Path) -> bool:
        scheme = entry.partition("://")[0] if _URL.match(entry) else ""
        return scheme.lower().partition("+")[0] in dialects

    return fits


def _prefix(prefix: str) -> Callable[[str, Path], bool]:
    return lambda entry, _: entry.startswith(prefix)


_EXAMPLES = " or ".join(("postgresql://…", *(engine.example for engine in ENGINES)))
_DIALECTS = [dialect for engine in ENGINES for dialect in engine.dialects]
FORMS = (
    Form("a Prisma schema (a .prisma file, or a folder of them)", _files(".prisma"), "prisma"),
    Form("SQL (an .sql file, or a folder of them)", _files(".sql"), "sql"),
    Form("SQLAlchemy models (models:module:Base)", _prefix("models:"), "models"),
    Form("Django models (django:settings.module)", _prefix("django:"), "django"),
    Form("a catalog snapshot (.json)", lambda entry, _: entry.endswith(".json"), "snapshot"),
    Form(f"a database ({_EXAMPLES})", _url("postgresql", "postgres", *_DIALECTS), "database"),
)


def read_source(given: str | Secret, base: Path, context: SourceContext) -> Contract:
    """Return what an entry of ``contract.from`` declares; paths are relative to the folder `base`.

    Raises `ConfigError` for an entry of no known form and for one that cannot be read, and what the
    form's own reader raises.
    """
    entry = reveal(given)
    form = form_of(entry, base)
    module = importlib.import_module(f".{form.module}", __package__)
    contract: Contract = module.read(entry, base, context)
    return contract


def form_of(entry: str, base: Path) -> Form:
    """Return the form of an entry. Raises `ConfigError` when it has none."""
    of_url = _URL.match(entry) is not None
    for form in FORMS:
        if (form.module == "database") is of_url and form.fits(entry, base / entry):
            return form
    known = ", ".join(form.name for form in FORMS)
    raise ConfigError(f'contract source "{shown(entry)}" cannot be read; supported: {known}')


def shown(given: str | Secret) -> str:
    """Return an entry for people: a URL may hold a password, so that only its scheme is repeated."""
    entry = reveal(given)
    return entry.partition("://")[0] + "://…" if _URL.match(entry) else str(Secret(entry))


def require_file(entry: str, base: Path) -> Path:
    """Return the path of an entry. Raises `ConfigError` when there is nothing there."""
    path = base / entry
    if not path.exists():
        raise ConfigError(f'contract source "{shown(entry)}": there is no such file or folder in {base}')
    return path
