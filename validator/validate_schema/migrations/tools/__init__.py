"""The migration tools, one module each: `TOOL` in it is all that is known of the tool.

A module that is put here is a tool: it is found by loading the folder, and named nowhere else.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ...catalog.ledgers import Shape
from ..tool import Tool


@cache
def everything() -> tuple[Tool, ...]:
    """Return all tools by rank and name."""
    named = (module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
    found: list[Tool] = [import_module(f"{__name__}.{name}").TOOL for name in named]
    return tuple(sorted(found, key=lambda tool: (tool.rank, tool.name)))


@cache
def _by_name() -> dict[str, Tool]:
    return {tool.name: tool for tool in everything()}


def find(name: str) -> Tool:
    """Return the tool of that name; one of which nothing is known for any other name."""
    return _by_name().get(name) or Tool(name, name)


def names() -> tuple[str, ...]:
    """Return the tools whose files can be looked for."""
    return tuple(tool.name for tool in everything() if tool.layouts)


def shapes() -> Iterator[tuple[str, Shape]]:
    """Yield what the tables of all tools look like, each with whose it is."""
    for tool in everything():
        for shape in tool.shapes():
            yield tool.title, shape
