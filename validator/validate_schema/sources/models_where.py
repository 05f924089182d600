"""The lines on which SQLAlchemy tables, columns and keys are written."""

import ast
import sys
from typing import TYPE_CHECKING, Any

from .class_lines import ClassLines

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

_ARGUMENTS = "__table_args__"


class TableLines:
    """Finds the class of a table, or the ``Table(…)`` call in the named module where there is none."""

    def __init__(self, lines: ClassLines, found: Any, module: str) -> None:
        self._lines = lines
        self._classes = _classes(found, module)
        self._module = module
        self._calls: dict[str, ast.Call] | None = None

    def table(self, table: "Table") -> str:
        """Return ``file:line`` of a table, or nothing."""
        written = self._classes.get(id(table))
        if written is not None:
            return self._lines.of_class(written)
        call = self._call(table)
        return self._lines.of_module(self._module, call.lineno) if call is not None else ""

    def column(self, column: "Column[Any]") -> str:
        """Return ``file:line`` of a column, else of its table."""
        table = column.table
        written = self._classes.get(id(table))
        if written is None:
            call = self._call(table)
            inner = _call_with(call, column.name) if call is not None else None
            line = inner or call
            return self._lines.of_module(self._module, line.lineno) if line is not None else ""
        return self._lines.of_attribute(written, *_keys(written, column)) or self.table(table)

    def key(self, table: "Table", name: str | None, columns: tuple["Column[Any]", ...]) -> str:
        """Return ``file:line`` of a key or index: where its name is written, the line of its only column
        or of ``__table_args__``, else its table."""
        written = self._classes.get(id(table))
        if written is None:
            call = self._call(table)
            inner = _call_with(call, name) if call is not None and name is not None else None
            return self._lines.of_module(self._module, inner.lineno) if inner else self.table(table)
        named = self._lines.of_call(written, _ARGUMENTS, name) if name else ""
        if len(columns) == 1 and not (name and self._lines.holds(written, _ARGUMENTS, name)):
            return self.column(columns[0])
        return named or self.table(table)

    def _call(self, table: "Table") -> ast.Call | None:
        if self._calls is None:
            self._calls = {}
            tree = self._lines.module_tree(self._module)
            for node in ast.walk(tree) if tree is not None else ():
                if isinstance(node, ast.Call) and _callee(node) == "Table" and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant) and isinstance(first.value, str):
                        self._calls[first.value] = node
        return self._calls.get(table.name)


def _classes(found: Any, module: str) -> dict[int, type]:
    """Return the mapped class of each table; of a hierarchy in one table the topmost. They are those of
    the registry that was named, or of whatever stands in the module."""
    known = vars(sys.modules[module]).values()
    owners = (found, *(value for value in known if isinstance(value, type)))
    registries = {id(r): r for r in (getattr(owner, "registry", owner) for owner in owners)}
    classes: dict[int, type] = {}
    for registry in registries.values():
        for mapper in getattr(registry, "mappers", ()):
            table, written = id(mapper.local_table), mapper.class_
            if table not in classes or issubclass(classes[table], written):
                classes[table] = written
    return classes


def _keys(written: type, column: "Column[Any]") -> tuple[str, ...]:
    """Return the attributes that may hold the column: the mapped one, and its name."""
    from sqlalchemy import inspect

    mapper: Any = inspect(written)
    mapped = [p.key for p in mapper.column_attrs if any(c is column for c in p.columns)]
    return (*mapped, column.name)


def _callee(call: ast.Call) -> str:
    return str(getattr(call.func, "id", "") or getattr(call.func, "attr", ""))


def _call_with(within: ast.Call, text: str) -> ast.Call | None:
    """Return the innermost call that holds a text among its own arguments."""
    for node in ast.walk(within):
        if isinstance(node, ast.Call) and node is not within:
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(isinstance(v, ast.Constant) and v.value == text for v in values):
                return node
    return None
