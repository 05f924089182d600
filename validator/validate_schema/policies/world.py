"""What the analysis looks up in the catalog, and how functions are read into expressions."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from ..facts.context import is_vouched_for
from ..model.catalog import Catalog, Function, QName, Table
from ..model.principals import Kind, Membership, Principals, Variable
from ..model.tenancy import Standing, TableClass, Tenancy
from ..sql.parse import parse
from ..sql.parser import Unreadable
from ..sql.settings import is_written_by_client
from ..sql.tree import CONTEXT, ROW, SELECTS, Node, Select, deeper, opaque, walk
from .bodies import Names, parameters_of, returned_by
from .claims import OWN_CLAIMS, canonical, claim_of, holds_claims, platform_body, variable_name, variable_of
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
        self.principals = Principals()
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
    def names(self) -> Names:
        return Names(lambda schema, name: self.tables.get(QName(schema or self.home, name)))

    @cached_property
    def context(self) -> Variable | None:
        """The variable that holds the tenant."""
        setting = self.tenancy.setting
        return canonical(setting) if setting and not is_written_by_client(setting) else None

    @cached_property
    def setting(self) -> str | None:
        return self.tenancy.setting.lower() if self.tenancy.setting else None

    @cached_property
    def persons(self) -> frozenset[str]:
        """The names of the variables that say which person asks."""
        return frozenset(variable_name(v.variable) for v in self.principals.of_kind(Kind.PERSON))

    @cached_property
    def memberships(self) -> Mapping[QName, tuple[Membership, ...]]:
        """What ties people to tenants, by table."""
        found: dict[QName, list[Membership]] = {}
        for membership in self.principals.memberships:
            found.setdefault(membership.table, []).append(membership)
        return {name: tuple(several) for name, several in found.items()}

    @cached_property
    def trusted_tables(self) -> frozenset[QName]:
        """The tables whose people may pass for every tenant."""
        return frozenset(t.table for t in self.tenancy.trusted if t.table is not None)

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
            found = self._inline(_of_the_row(parse(text)), 0)
        except (Unreadable, RecursionError):
            return opaque(_TOO_MUCH)
        return opaque(_TOO_MUCH) if deeper(found, _MOST_LEVELS) else found

    def _inline(self, node: Node, depth: int) -> Node:
        self._room -= 1
        if self._room < 0:
            raise Unreadable(_TOO_MUCH)
        args = tuple(self._inline(arg, depth) for arg in node.args)
        if node.op in SELECTS:
            return self._inline_select(node._replace(args=args), depth)
        if node.op == "any" and node.value == "=" and (listed := _listed(args[1])) is not None:
            return Node("in", (args[0],), listed, node.source)
        if node.op == "setting":
            return self._context(node)
        if node.op == "wrapped":
            return args[0]
        if node.op == "cast":
            return node._replace(args=args, value=self._cast_to(node.value))
        if node.op != "call":
            return node._replace(args=args)
        claim = claim_of(node._replace(args=args))
        if claim is not None:
            (setting, strict), path = claim[0].value, claim[1]
            return Node("variable", value=(self._name(setting, path), strict), source=node.source)
        if holds_claims(node._replace(args=args)):
            return node._replace(args=args)
        return self._called(node._replace(args=args), depth)

    def _context(self, node: Node) -> Node:
        name, missing_ok = node.value
        variable = canonical(name)
        held = self._name(variable_name(Variable(variable.setting)), variable.path)
        return Node("variable", value=(held, not missing_ok), source=node.source)

    def _name(self, held: str, path: tuple[str, ...]) -> str:
        """Return the name of the variable that is a setting, or a claim of one, by its name."""
        found = variable_of(held, self.context)
        if found is None:
            return held
        variable = Variable(found.setting, (*found.path, *path))
        if variable == self.context:
            return "context"
        if self.context == Variable(found.setting) and path and path[0] not in OWN_CLAIMS:
            return variable_name(variable).replace(f"claim {found.setting} ", "claim context ", 1)
        return variable_name(variable)

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
                return _among(node.args[0], self._inline(calls[0], depth), node.source)
            return opaque("a function in FROM", node.args)
        where = self._inline(select.where, depth) if select.where is not None else None
        target = self._inline(select.target, depth) if select.target is not None else None
        if not select.relations and where is None and node.op == "in" and target is not None:
            return _among(node.args[0], target, node.source)
        return node._replace(value=select._replace(where=where, target=target))

    def _called(self, node: Node, depth: int) -> Node:
        schema, name = node.value
        function = self._function(schema, name, len(node.args))
        body = None
        if function is not None and depth < _DEEPEST:
            body = self._body(function, node.args, depth)
        if body is None and not node.args and (known := platform_body(schema, name)) is not None:
            body = self._inline(known, depth + 1)
        if self._is_helper(schema, name) and not node.args:
            readable = body is not None and all(n.op not in ("opaque", *SELECTS) for n in walk(body))
            return body if body is not None and readable else CONTEXT._replace(source=node.source)
        if body is not None:
            return body
        if function is None and (schema is not None or name not in (*_KNOWN_CALLS, "array_agg")):
            plain = name.startswith("operator ")
            return opaque(f"the {name}" if plain else f"the function {_shown(schema, name)}", node.args)
        if function is not None:
            return opaque(f"the function {_shown(schema, name)}", node.args)
        return node

    def _function(self, schema: str | None, name: str, arguments: int) -> Function | None:
        found = [
            f
            for f in self.functions.get(name, ())
            if (schema is None or f.schema == schema) and len(parameters_of(f)) == arguments
        ]
        return found[0] if len(found) == 1 else None

    def _is_helper(self, schema: str | None, name: str) -> bool:
        return is_vouched_for(QName(schema or self.home, name), self.tenancy)

    def _body(self, function: Function, args: tuple[Node, ...], depth: int) -> Node | None:
        """Return what a function returns, as an expression of its arguments; None if that cannot be read."""
        found = returned_by(function, args, self.names)
        if found is None:
            return None
        inlined = self._inline(found, depth + 1)
        returned = self.kind(function.returns or "")
        plain = returned == "other" or inlined.op in SELECTS
        return inlined if plain else Node("cast", (inlined,), returned)


def _of_the_row(node: Node) -> Node:
    """Return a policy's expression with its own columns named as the row's, wherever they are put."""
    if node.op == "column" and node.value[0] is None:
        return node._replace(value=(ROW, node.value[1]))
    return node._replace(args=tuple(map(_of_the_row, node.args)))


def _among(left: Node, value: Node, source: Any) -> Node:
    """Return the comparison with what a function returns, row by row where it returns rows."""
    if value.op == "scalar":
        return Node("in", (left,), value.value, source)
    return Node("compare", (left, value), "=", source)


def _listed(array: Node) -> Select | None:
    """Return the sub-select whose values an array is made of; None for any other array."""
    array = _or_empty(array)
    call = _or_empty(array.value.target) if array.op == "scalar" and array.value.target else None
    if call is None or call.op != "call" or call.value != (None, "array_agg"):
        return None
    found: Select = array.value._replace(target=call.args[0])
    return found


def _or_empty(array: Node) -> Node:
    """Return the array without what stands in for none."""
    while array.op == "cast" or (array.op == "coalesce" and array.args[-1].op in ("const", "array", "cast")):
        array = array.args[0]
    return array


def _shown(schema: str | None, name: str) -> str:
    return f"{schema}.{name}()" if schema else f"{name}()"
