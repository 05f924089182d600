"""The lines of Python source on which classes and their attributes are written."""

import ast
import inspect
import sys
from pathlib import Path


class ClassLines:
    """Finds lines of files below `base`; what is written elsewhere, as in a library, has no place."""

    def __init__(self, base: Path) -> None:
        self._base = base.resolve()
        self._trees: dict[Path, ast.Module] = {}
        self._classes: dict[Path, dict[str, ast.ClassDef]] = {}

    def of_class(self, written: type) -> str:
        """Return ``file:line`` of a class; empty where it is not in a file below the folder."""
        node = self._node(written)
        return self._place(written, node.lineno) if node is not None else ""

    def of_attribute(self, written: type, *names: str) -> str:
        """Return ``file:line`` of the first of these attributes that a class or a base of it assigns."""
        for name in names:
            for owner in written.__mro__:
                statement = _assigned(self._node(owner), name)
                if statement is not None:
                    return self._place(owner, statement.lineno)
        return ""

    def of_call(self, written: type, attribute: str, name: str) -> str:
        """Return ``file:line`` of the call in a class attribute that holds the text `name`, as an index of
        that name in ``__table_args__``; the attribute's own line where there is none."""
        for owner in written.__mro__:
            statement = _assigned(self._node(owner), attribute)
            if statement is not None:
                return self._place(owner, _line_of_text(statement, name) or statement.lineno)
        return ""

    def holds(self, written: type, attribute: str, name: str) -> bool:
        """Tell whether a call in a class attribute holds the text `name`."""
        found = (_assigned(self._node(owner), attribute) for owner in written.__mro__)
        return any(statement is not None and _line_of_text(statement, name) for statement in found)

    def of_module(self, module: str, line: int) -> str:
        """Return ``file:line`` of a line of an imported module."""
        file = self._module_file(module)
        return f"{file.relative_to(self._base).as_posix()}:{line}" if file is not None else ""

    def module_tree(self, module: str) -> ast.Module | None:
        """Return the syntax tree of an imported module that is written below the folder."""
        file = self._module_file(module)
        return self._tree(file) if file is not None else None

    def _module_file(self, module: str) -> Path | None:
        named = getattr(sys.modules.get(module), "__file__", None)
        file = Path(named).resolve() if named else None
        return file if file is not None and self._is_ours(file) else None

    def _is_ours(self, file: Path) -> bool:
        return file.is_relative_to(self._base) and "site-packages" not in file.parts

    def _node(self, written: type) -> ast.ClassDef | None:
        file = self._file(written)
        if file is None:
            return None
        if file not in self._classes:
            self._classes[file] = _classes(self._tree(file))
        return self._classes[file].get(written.__qualname__)

    def _tree(self, file: Path) -> ast.Module:
        if file not in self._trees:
            self._trees[file] = _parsed(file)
        return self._trees[file]

    def _file(self, written: type) -> Path | None:
        try:
            file = Path(inspect.getfile(written)).resolve()
        except (TypeError, OSError):
            return None
        return file if self._is_ours(file) else None

    def _place(self, written: type, line: int) -> str:
        file = self._file(written)
        return f"{file.relative_to(self._base).as_posix()}:{line}" if file is not None else ""


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _classes(tree: ast.Module) -> dict[str, ast.ClassDef]:
    """Return the classes of a module by qualified name; of several with one name, the last."""
    found: dict[str, ast.ClassDef] = {}
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                found[prefix + child.name] = child
                waiting.append((f"{prefix}{child.name}.", child))
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                waiting.append((f"{prefix}{child.name}.<locals>.", child))
            else:
                waiting.append((prefix, child))
    return found


def _assigned(node: ast.ClassDef | None, name: str) -> ast.stmt | None:
    """Return the statement of a class body that gives an attribute its value."""
    for statement in node.body if node is not None else ():
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            if statement.name == name:
                return statement
            continue
        targets: list[ast.expr] = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return statement
    return None


def _line_of_text(statement: ast.stmt, text: str) -> int | None:
    """Return the line of the innermost call that holds a text among its own arguments."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Call):
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            if any(isinstance(v, ast.Constant) and v.value == text for v in values):
                return node.lineno
    return None
