"""Load checks from a folder of modules; find the folders that ship with the package."""

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path

from ..model.errors import PackError
from .declare import Check

_PACKAGE = Path(__file__).resolve().parents[1]


def resource_dir(name: str) -> Path:
    """Return a shipped folder (``checks``, ``templates``), or the checkout's own."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parents[1] / name


def load_pack(name: str, folder: Path) -> tuple[Check, ...]:
    """Import the modules of `folder` under a private package name; return its checks by id.

    Loading by path, never by the name ``checks``, keeps a user's folder of that name from taking
    the place of ours. Raises `PackError` when the folder holds no check or repeats an id.
    """
    package = f"_{name}_checks"
    if package not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            package, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise PackError(f"cannot load checks from {folder}")
        sys.modules[package] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[package])
    modules = [
        importlib.import_module(f"{package}.{module.name}")
        for module in pkgutil.iter_modules([str(folder)])
        if not module.name.startswith("_")
    ]
    found: dict[str, Check] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Check) and found.setdefault(value.id, value) is not value:
                raise PackError(f"two checks are called {value.id} in {folder}")
    if not found:
        raise PackError(f"no checks found in {folder}")
    return tuple(found[id] for id in sorted(found))


def builtin_checks() -> tuple[Check, ...]:
    """Return the checks that ship with validate-schema."""
    return load_pack("builtin", resource_dir("checks"))
