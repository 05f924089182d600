"""Migrations that are JavaScript or TypeScript, read without running them."""

import re
from pathlib import Path

from ..tool import Layout, Loaded
from .files import program
from .folder import Folder

SCRIPTS = (".js", ".cjs", ".mjs", ".ts", ".cts", ".mts")
_NO_MIGRATION = r"\.d\.[cm]?ts$|^knexfile\.|^ormconfig\.|\.config\.|^index\."
_WAY_DOWN = rb"\b(?:exports\.down|async\s+down|function\s+down|const\s+down|down\s*[:(])"


def scripts(folder: Folder) -> list[tuple[Path, bytes]]:
    """Return the folder's scripts that may be migrations, with their content."""
    names = [n for n in folder.files if n.endswith(SCRIPTS) and not re.search(_NO_MIGRATION, n)]
    return [(folder.path / n, folder.raw(n)) for n in names]


def goes_down(raw: bytes) -> bool:
    """Tell whether a script has a way down."""
    return re.search(_WAY_DOWN, raw) is not None


def scripted(
    mark: bytes,
    looks_for: str,
    *,
    near: tuple[str, ...] = (),
    suffixes: tuple[str, ...] = SCRIPTS,
    stem: bool = False,
    named: bool = False,
) -> Layout:
    """Return the layout of a tool whose migrations are scripts in the order of their names: known by what
    they call, or by a file of the project. `stem`: it records names without their suffix. `named`: names need
    not begin with a number, and other scripts beside them are none of its own."""

    def load(folder: Folder, chosen: bool) -> Loaded | None:
        found = [(p, raw) for p, raw in scripts(folder) if p.suffix in suffixes]
        if named:
            found = [(p, raw) for p, raw in found if re.search(mark, raw)]
        marked = (named or any(p.name[0].isdigit() for p, _ in found)) and (
            any(re.search(mark, raw) for _, raw in found) or folder.near(*near)
        )
        if not found or not (chosen or marked):
            return None
        names = [(p.stem if stem else p.name, p, raw) for p, raw in found]
        return Loaded(tuple(program(p, raw, n, n, undo=goes_down(raw)) for n, p, raw in names))

    return Layout(load, looks_for, programs=True)
