"""Importing a project's Python modules: on its own path, quietly, and without keeping them."""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..model.errors import ConfigError


@contextlib.contextmanager
def project_modules(base: Path) -> Iterator[None]:
    """Let modules below the folder `base` be imported within the block, before those installed.

    What they print goes to standard error. They are forgotten afterwards: another project may have
    modules of the same names.
    """
    folder = base.resolve()
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(folder) and "site-packages" not in Path(file).parts:
                del sys.modules[name]


def import_object(entry: str, module: str, path: str) -> Any:
    """Return what `path` (``Base``, ``db.metadata``) names in a module.

    Raises `ConfigError`, one line with the module and the exception, when it cannot be imported.
    """
    try:
        found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's module raises
        raise ConfigError(f'contract source "{entry}": importing {module} failed: {brief(error)}') from None
    for name in path.split("."):
        if not hasattr(found, name):
            raise ConfigError(f'contract source "{entry}": {module} has no {path}')
        found = getattr(found, name)
    return found


def brief(error: BaseException) -> str:
    """Return an exception in one line: its class and the first line of its message."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
