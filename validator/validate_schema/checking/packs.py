"""Packs of checks: ours, those that are installed, those that a user names, and a config's own rules."""

import contextlib
import importlib
import importlib.util
import pkgutil
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from ..config import LoadedConfig
from ..config.file import rules_of
from ..model.declared import Family
from ..model.errors import PackError, UsageError
from .declare import Check, family_id
from .rules import rule_check

GROUP = "validate_schema.packs"
RULES_FILE = "checks.toml"
_PACKAGE = Path(__file__).resolve().parents[1]
_MACHINERY = (_PACKAGE, Path(importlib.__file__).parent)  # their frames say nothing of a pack's code
_LOADING = threading.RLock()  # modules are made under names of our own, past the locks of import


class _Found(NamedTuple):
    """A check or a family, and where it is declared, for people."""

    value: Check | Family
    place: str


class _Pack(msgspec.Struct, frozen=True):
    """What one pack declares. `name` is how a report calls it ("" for ours), `home` the folder or file that
    it was loaded from: the same one under two names is one pack."""

    name: str
    home: Path | None
    found: tuple[_Found, ...]


def resource_dir(name: str) -> Path:
    """Return a shipped folder (``checks``, ``templates``), or the checkout's own."""
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parents[1] / name


@cache
def builtin_checks() -> tuple[Check, ...]:
    """Return the checks that ship with validate-schema, by id."""
    return _merged([_builtin()])


def checks_at_hand(config: LoadedConfig, packs: Sequence[str] = ()) -> tuple[Check, ...]:
    """Return every check of a run, by id: ours, those of installed packs (entry points of the group
    `validate_schema.packs`), of the config's packs, relative to its folder, of `packs`, relative to the
    working directory, and the config's rules in SQL.

    Raises `PackError` for a pack that cannot be found or imported or holds no check, and for two checks
    with one id, naming both.
    """
    base = config.path.parent if config.path else Path()
    chosen = config.config.checks
    with _LOADING:
        loaded = [_builtin(), *_installed()]
        loaded += [_named(name, base) for name in chosen.packs]
        loaded += [_named(name, Path()) for name in packs]
    if chosen.sql:
        name = config.path.name if config.path else "config"
        rules = tuple(_Found(rule_check(rule, name), name) for rule in chosen.sql)
        loaded.append(_Pack(name, None, rules))
    return builtin_checks() if len(loaded) == 1 else _merged(loaded)


def pack_checks(pack: str) -> tuple[Check, ...]:
    """Return the checks of one pack, named by its folder, file or module. Raises `PackError`."""
    with _LOADING:
        named = _named(pack, Path())
    return tuple(check for check in _merged([_builtin(), named]) if check.pack == named.name)


@cache
def _builtin() -> _Pack:
    folder = resource_dir("checks")
    with _LOADING:
        return _Pack("", folder, tuple(_declared(_folder_modules(folder, "_builtin_checks"))))


def _merged(packs: Iterable[_Pack]) -> tuple[Check, ...]:
    """Return the checks of all packs, each once, in its family. Raises `PackError` for two of one id."""
    checks: dict[str, tuple[Check, str]] = {}
    families: dict[str, tuple[Family, str]] = {}
    merged: dict[str, str] = {}
    seen: set[Path] = set()
    for pack in packs:
        if pack.home is not None and pack.home in seen:
            continue
        seen.update([pack.home] if pack.home else [])
        for value, place in pack.found:
            known = checks if isinstance(value, Check) else families
            there = known.setdefault(value.id, (value, place))  # type: ignore[arg-type]
            if there[0] is not value and there[0] != value:
                kind = "checks" if isinstance(value, Check) else "families"
                raise PackError(f"two {kind} are called {value.id}: in {there[1]} and in {place}")
            merged.setdefault(value.id, pack.name)
    return tuple(
        replace(check, family=_family(check, families), pack=merged[id])
        for id, (check, _) in sorted(checks.items())
    )


def _family(check: Check, families: dict[str, tuple[Family, str]]) -> Family:
    """Return the family that a check names itself, else the declared one that its id begins with."""
    unnamed = Family(family_id(check.id), family_id(check.id))
    declared = families.get(unnamed.id)
    return declared[0] if declared and check.family == unnamed else check.family


def _installed() -> Iterator[_Pack]:
    """Yield the packs of other distributions, by their entry points."""
    import importlib.metadata

    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda e: (e.name, e.value)):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.name
        yield _loaded(f'pack "{entry.name}" of {origin}', origin, entry.module)


def _named(name: str, base: Path) -> _Pack:
    """Return the pack that a user named: a folder, a file, or a module."""
    path = base / name
    if path.exists():
        shown = name if not Path(name).is_absolute() else "/".join(path.parts[-2:])
        return _loaded(f'pack "{name}"', shown, path.resolve())
    if not all(part.isidentifier() for part in name.split(".")):
        raise PackError(f'pack "{name}": there is no such folder or file, and it is no module\'s name')
    return _loaded(f'pack "{name}"', name, name)


def _loaded(said: str, name: str, where: Path | str) -> _Pack:
    """Import a pack. Whatever goes wrong in its code is one line that begins with `said`."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            if isinstance(where, str):
                modules = _importable_modules(where)
                file = modules[0].__file__
                home = Path(file).resolve() if file else None
                home = home.parent if home and home.stem == "__init__" else home
            else:
                key = "_pack_" + sha256(str(where).encode()).hexdigest()[:16]
                home = where
                modules = _folder_modules(where, key) if where.is_dir() else _file_module(where, key)
            found = [*_declared(modules), *_rules(home, name)]
    except UsageError:
        raise
    except ModuleNotFoundError as error:
        if error.name is not None and error.name == str(where).partition(".")[0]:
            raise PackError(f"{said}: there is no such folder, file or module") from None
        raise PackError(f"{said}: {_brief(error)}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the user's code raises
        raise PackError(f"{said}: {_brief(error)}") from None
    if not any(isinstance(f.value, Check) for f in found):
        raise PackError(f"{said}: it holds no check")
    return _Pack(name, home, tuple(found))


def _importable_modules(name: str) -> list[ModuleType]:
    """Import a module, or a package with its modules."""
    top = importlib.import_module(name)
    return [top, *_below(top)]


def _folder_modules(folder: Path, package: str) -> list[ModuleType]:
    """Import the modules of `folder` under a private package name.

    Loading by path, never by the folder's name, keeps a user's folder ``checks`` from taking the place of
    ours; its modules import one another relatively.
    """
    top = sys.modules.get(package)
    if top is None:
        init = folder / "__init__.py"
        if init.is_file():
            spec = importlib.util.spec_from_file_location(
                package, init, submodule_search_locations=[str(folder)]
            )
        else:
            spec = ModuleSpec(package, None, is_package=True)
            spec.submodule_search_locations = [str(folder)]
        top = _executed(spec)
    return [top, *_below(top)]


def _file_module(file: Path, name: str) -> list[ModuleType]:
    if file.suffix != ".py":
        return []
    return [sys.modules.get(name) or _executed(importlib.util.spec_from_file_location(name, file))]


def _executed(spec: ModuleSpec | None) -> ModuleType:
    assert spec is not None, "a Python file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        if spec.loader is not None:
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def _below(package: ModuleType) -> Iterator[ModuleType]:
    for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
        if not module.name.startswith("_"):
            yield importlib.import_module(f"{package.__name__}.{module.name}")


def _declared(modules: Iterable[ModuleType]) -> Iterator[_Found]:
    for module in modules:
        place = _shown(module)
        for value in vars(module).values():
            if isinstance(value, Check | Family):
                yield _Found(value, place)


def _shown(module: ModuleType) -> str:
    """Return a module's file for people: the last two names, or the module's own."""
    return "/".join(Path(module.__file__).parts[-2:]) if module.__file__ else module.__name__


def _rules(home: Path | None, name: str) -> Iterator[_Found]:
    """Yield the rules in SQL of a pack: those in the file that it is, or in `checks.toml` of its folder."""
    if home is None:
        return
    file = home / RULES_FILE if home.is_dir() else home
    if file.suffix == ".toml" and file.is_file():
        for rule in rules_of(file):
            yield _Found(rule_check(rule, name), "/".join(file.parts[-2:]))


def _brief(error: BaseException) -> str:
    """Return an exception in one line: its class, its message, and the line of a file that it came from."""
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, SyntaxError) and error.filename:
        return f"{type(error).__name__}: {error.msg} ({Path(error.filename).name}, line {error.lineno})"
    trace, place = error.__traceback__, ""
    while trace is not None:
        file = Path(trace.tb_frame.f_code.co_filename)
        if not any(file.is_relative_to(own) for own in _MACHINERY) and not str(file).startswith("<"):
            place = f" ({file.name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    return f"{type(error).__name__}: {lines[0]}{place}".replace(": (", " (")
