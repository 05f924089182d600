"""What the analysis looks up in the catalog, and how functions are read into expressions."""

from collections.abc import Mapping
from functools import cached_property

from ..facts.context import is_setting, is_vouched_for
from ..model.catalog import Catalog, Function, QName, Table
from ..model.tenancy import Standing, TableClass, Tenancy
from ..sql import plpgsql, syntax
from ..sql.parse import parse, read
from ..sql.parser import Unreadable
from ..sql.routines import read_body
from ..sql.tree import CONTEXT, Node, deeper, opaque, walk
from .values import _FUNCTIONS as BUILTIN

_DEEPEST = 6
_MOST_NODES, _MOST_LEVELS = 20_000, 100  # of an expression with the functions that it calls in their places
_TOO_MUCH = "an expression that is too large with the functions that it calls"
_TEXTS = ("character varying", "text", "character", "name")
_KNOWN_CALLS = frozenset(BUILTIN)


class Schema:
    """The catalog and the tenancy, by name; everything is looked up once."""

    def __init__(self, catalog: Catalog, tenancy: Tenancy) -> None:
        self.catalog = catalog
        self.tenancy = tenancy
        self.home = catalog.server.default_schema
        self._expanded: dict[str, Node] = {}
        self._room = 0

    @cached_property
    def tables(self) -> Mapping[QName, Table]:
        return {t.qname: t for t in self.catalog.tables}

    @cached_property
    def standings(self) -> Mapping[QName, Standing]:
        return {s.table: s for s in self.tenancy.standings}

    @cached_property
    def enums(self) -> Mapping[QName, tuple[str, ...]]:
        return {e.qname: e.labels for e in self.catalog.enums}

    @cached_property
    def domains(self) -> Mapping[QName, str]:
        return {d.qname: d.base_type for d in self.catalog.domains}

    @cached_property
    def functions(self) -> Mapping[str, tuple[Function, ...]]:
        found: dict[str, list[Function]] = {}
        for function in self.catalog.functions:
            found.setdefault(function.name, []).append(function)
        return {name: tuple(functions) for name, functions in found.items()}

    @cached_property
    def setting(self) -> str | None:
        return self.tenancy.setting.lower() if self.tenancy.setting else None

    @cached_property
    def level_columns(self) -> frozenset[str]:
        return frozenset(c for level in self.tenancy.levels for c in level.columns)

    def tenant_columns(self, table: Table) -> frozenset[str]:
        """Return the columns that tell whose a row is: the tenant column, that of other levels, or
        the root's own key."""
        standing = self.standings.get(table.qname)
        if standing is None or standing.table_class not in (TableClass.TENANT, TableClass.ROOT):
            return frozenset()
        found = {c for c in self.level_columns if table.column(c) is not None}
        if standing.column is not None:
            found.add(standing.column)
        if standing.table_class is TableClass.ROOT:
            found |= {level.key for level in self.tenancy.levels if level.root == table.qname and level.key}
        return frozenset(found)

    def kind(self, shown: str) -> str:
        """Return the kind of values of a type as the server prints it: text, int, uuid, bool, enum
        name, or "other"."""
        if shown.startswith(_TEXTS) and not shown.endswith("[]"):
            return "text"
        return {"bigint": "int", "integer": "int", "smallint": "int", "uuid": "uuid", "boolean": "bool"}.get(
            shown, "other"
        )

    def named_type(self, shown: str) -> QName:
        schema, _, name = shown.rpartition(".")
        return QName(schema or self.home, name)

    def expand(self, text: str) -> Node:
        """Return an expression with the functions that can be read put in place of their calls."""
        known = self._expanded.get(text)
        if known is None:
            known = self._expanded[text] = self._expand(text)
        return known

    def _expand(self, text: str) -> Node:
        self._room = _MOST_NODES
        try:
            found = self._inline(parse(text), 0)
        except (Unreadable, RecursionError):
            return opaque(_TOO_MUCH)
        return opaque(_TOO_MUCH) if deeper(found, _MOST_LEVELS) else found

    def _inline(self, node: Node, depth: int) -> Node:
        self._room -= 1
        if self._room < 0:
            raise Unreadable(_TOO_MUCH)
        args = tuple(self._inline(arg, depth) for arg in node.args)
        if node.op in ("exists", "in", "scalar"):
            return self._inline_select(node._replace(args=args), depth)
        if node.op == "setting":
            return self._context(node)
        if node.op == "wrapped":
            return args[0]
        if node.op == "cast":
            return node._replace(args=args, value=self._cast_to(node.value))
        if node.op != "call":
            return node._replace(args=args)
        claim = _claim(args, node.value[1])
        if claim is not None:
            return claim
        return self._called(node._replace(args=args), depth)

    def _context(self, node: Node) -> Node:
        name, missing_ok = node.value
        if is_setting(name, self.tenancy):
            return Node("variable", value=("context", not missing_ok), source=node.source)
        return Node("variable", value=(f"setting {name}", not missing_ok), source=node.source)

    def _cast_to(self, to: str) -> str:
        suffix = "[]" if to.endswith("[]") else ""
        plain = to.removesuffix("[]")
        if "." not in plain and plain not in ("citext",):
            return to
        name = self.named_type(plain)
        if name in self.enums:
            return "text" + suffix
        base = self.domains.get(name)
        return (self.kind(base) if base else plain) + suffix

    def _inline_select(self, node: Node, depth: int) -> Node:
        select = node.value
        calls = [r.call for r in select.relations if r.call is not None]
        if calls:
            if node.op == "in" and len(select.relations) == 1 and select.where is None:
                return Node("compare", (node.args[0], self._inline(calls[0], depth)), "=", node.source)
            return opaque("a function in FROM", node.args)
        where = self._inline(select.where, depth) if select.where is not None else None
        target = self._inline(select.target, depth) if select.target is not None else None
        if not select.relations and where is None and node.op == "in" and target is not None:
            return Node("compare", (node.args[0], target), "=", node.source)
        return node._replace(value=select._replace(where=where, target=target))

    def _called(self, node: Node, depth: int) -> Node:
        schema, name = node.value
        function = self._function(schema, name, len(node.args))
        body = None
        if function is not None and depth < _DEEPEST:
            body = self._body(function, node.args, depth)
        if self._is_helper(schema, name) and not node.args:
            readable = body is not None and all(
                n.op not in ("opaque", "exists", "in", "scalar") for n in walk(body)
            )
            return body if body is not None and readable else CONTEXT._replace(source=node.source)
        if body is not None:
            return body
        if function is None and (schema is not None or name not in _KNOWN_CALLS):
            plain = name.startswith("operator ")
            return opaque(f"the {name}" if plain else f"the function {_shown(schema, name)}", node.args)
        if function is not None:
            return opaque(f"the function {_shown(schema, name)}", node.args)
        return node

    def _function(self, schema: str | None, name: str, arguments: int) -> Function | None:
        found = [
            f
            for f in self.functions.get(name, ())
            if (schema is None or f.schema == schema) and len(_parameters(f)) == arguments
        ]
        return found[0] if len(found) == 1 else None

    def _is_helper(self, schema: str | None, name: str) -> bool:
        return is_vouched_for(QName(schema or self.home, name), self.tenancy)

    def _body(self, function: Function, args: tuple[Node, ...], depth: int) -> Node | None:
        """Return what a function returns, as an expression of its arguments; None if that cannot be
        read: several statements, tables, or settings of its own."""
        own = [s for s in function.settings if not s.startswith("search_path=")]
        if function.body is None or own or function.kind != "function":
            return None
        tree = _returned(function)
        if tree is None or any(n.op in ("exists", "in", "scalar") for n in walk(tree)):
            return None
        names = _parameters(function)
        given: dict[object, Node] = {i + 1: arg for i, arg in enumerate(args)}
        given |= {n: arg for n, arg in zip(names, args, strict=True) if n}
        tree = _substituted(tree, given)
        if any(
            n.op in ("column", "param") and n not in args
            for n in walk(tree)
            if n.source is not None and n.op == "param"
        ):
            return None
        inlined = self._inline(tree, depth + 1)
        returned = self.kind(function.returns or "")
        return Node("cast", (inlined,), returned) if returned != "other" else inlined


def _shown(schema: str | None, name: str) -> str:
    return f"{schema}.{name}()" if schema else f"{name}()"


def _parameters(function: Function) -> tuple[str, ...]:
    if not function.arguments:
        return ()
    words = [part.strip().split(" ") for part in function.arguments.split(", ")]
    return tuple(w[0].strip('"') if len(w) > 1 else "" for w in words)


def _returned(function: Function) -> Node | None:
    """Return the one expression that a body consists of; None where it does more than return that."""
    try:
        body = read_body(function.language, function.body or "", function.arguments, function.returns or "")
    except Unreadable:
        return None
    value = _sole_return(body.function) if body.function is not None else _sole_target(body.statements)
    return read(value) if value is not None else None


def _sole_return(function: plpgsql.Function) -> syntax.Node | None:
    if function.body.handlers or any(declared.line for declared in function.declared):
        return None
    found = function.body.body
    return found[0].value if len(found) == 1 and isinstance(found[0], plpgsql.Return) else None


def _sole_target(statements: tuple[syntax.Node, ...]) -> syntax.Node | None:
    found = statements[0] if len(statements) == 1 else None
    if not isinstance(found, syntax.Select) or len(found.targets) != 1:
        return None
    return found.targets[0].value if found == syntax.Select(found.targets) else None


def _substituted(node: Node, given: Mapping[object, Node]) -> Node:
    if node.op == "param" and node.value in given:
        return given[node.value]
    if node.op == "column" and node.value[1] in given:
        return given[node.value[1]]
    return node._replace(args=tuple(_substituted(arg, given) for arg in node.args))


def _claim(args: tuple[Node, ...], name: str) -> Node | None:
    """Return the variable for one claim of a setting that holds JSON."""
    if name != "operator ->>" or len(args) != 2 or args[0].op != "cast" or args[0].value != "json":
        return None
    key = args[1].args[0] if args[1].op == "cast" else args[1]
    held = args[0].args[0]
    while held.op in ("nullif", "cast"):
        held = held.args[0]
    if key.op != "const" or held.op != "variable":
        return None
    setting, strict = held.value
    return Node("variable", value=(f"claim {setting} {key.value}", strict))
