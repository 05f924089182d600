"""Migrations that are Python, read without running them."""

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ...model.errors import MigrationError


def module(path: Path, raw: bytes) -> ast.Module:
    """Return a file's syntax tree. Raises `MigrationError` for one that is not Python."""
    try:
        return ast.parse(raw)
    except (SyntaxError, ValueError) as error:
        raise MigrationError(f"{path}: not readable as Python ({error})") from None
    except (RecursionError, MemoryError):
        raise MigrationError(f"{path}: nested deeper than can be followed") from None


def variables(path: Path, raw: bytes) -> dict[str, Any]:
    """Return the module variables that are literals. Raises `MigrationError` as `module` does."""
    found: dict[str, Any] = {}
    for node in module(path, raw).body:
        found.update(_assigned(node))
    return found


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
    except (ValueError, TypeError, RecursionError, MemoryError):
        return {}
    return dict.fromkeys(names, literal)


def several(value: object) -> tuple[str, ...]:
    """Return what may be written as None, one name or several, as a tuple."""
    if value is None:
        return ()
    return (
        (value,) if isinstance(value, str) else tuple(map(str, value)) if isinstance(value, Iterable) else ()
    )
