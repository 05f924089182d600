"""What a function returns, read from its body as an expression of its arguments.

A query of the body keeps to itself: its relations get names that nothing else has, and its columns name
their relation, so that an argument means the row of the caller wherever it is put. Source: PostgreSQL
documentation, "Arguments for SQL Functions" (a column hides an argument of its name), "Returning from a
Function" and "Executing a Command with a Single-Row Result" of PL/pgSQL.
"""

from collections.abc import Callable, Mapping
from itertools import count

from ..model.catalog import Function, Table
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parse import kind_of, read, read_select
from ..sql.parser import Unreadable
from ..sql.routines import is_bound, read_body
from ..sql.settings import is_guarded, only_a_path, own_path, schemas_of
from ..sql.tree import SELECTS, Node, Relation, Select, opaque

_MOST_STEPS = 200  # statements that are followed, each branch of an IF by itself
_ERROR = 21  # the level of RAISE EXCEPTION
FAILURE = Node("fails")
_TRUTHS = frozenset(
    ["and", "or", "not", "compare", "distinct", "null", "is", "any", "all", "exists", "in", "opaque", "fails"]
)
_AS_IT_IS = ("text", "json", "bool")
# What an argument of another type may be cast to without being asked for, and is not what it was.
_NARROW = frozenset({"real", "double precision", "character", '"char"', "name"})
Tables = Callable[[str, str], Table | None]
Given = Mapping[object, Node]  # what parameters, by name and by number, and variables stand for
Scope = dict[str, tuple[str, frozenset[str]]]  # by alias: the new one, and the columns


def parameters_of(function: Function) -> tuple[str, ...]:
    """Return the names of the arguments, "" for one without a name."""
    if not function.arguments:
        return ()
    words = [part.strip().split(" ") for part in function.arguments.split(", ")]
    return tuple(w[0].strip('"') if len(w) > 1 else "" for w in words)


def _types(function: Function) -> tuple[str, ...]:
    """Return the types of the arguments, as the server prints them."""
    if not function.arguments:
        return ()
    named = zip(function.arguments.split(", "), parameters_of(function), strict=True)
    return tuple(part.split(" ", 1)[1] if name else part for part, name in named)


def _as_type(value: Node, name: str) -> Node:
    """Return a value as one of a type: a type that holds it as it is changes nothing."""
    kind = f"{kind_of(name[1:])}[]" if name.startswith("_") else kind_of(name)
    if kind.removesuffix("[]") in _AS_IT_IS or (value.op == "cast" and value.value == kind):
        return value
    return Node("cast", (value,), kind)


def returned_by(function: Function, args: tuple[Node, ...], names: "Names") -> Node | None:
    """Return what a call of the function has the value of, as an expression of its arguments; None where its
    body does more than work that out, or cannot be read. A function that returns rows has the value of any
    of them."""
    if function.body is None or not only_a_path(function.settings) or function.kind != "function":
        return None
    passed = [
        _as_type(arg, t) if t in _NARROW else arg for arg, t in zip(args, _types(function), strict=True)
    ]
    given: dict[object, Node] = {i + 1: arg for i, arg in enumerate(passed)}
    given |= {name: arg for name, arg in zip(parameters_of(function), passed, strict=True) if name}
    closing = _Closing(names, function)
    try:
        body = read_body(function.language, function.body, function.arguments, function.returns or "")
        if body.function is not None:
            return _Run(closing).returned(body.function, given)
    except (Unreadable, RecursionError):
        return None
    found = _of_query(body.statements[0]) if len(body.statements) == 1 else None
    return closing.node(found, given) if found is not None else None


def _of_query(query: s.Node) -> Node | None:
    """Return the value of a query: its only expression, or that of a row of a sub-select."""
    if not isinstance(query, s.Select):
        return None
    if len(query.targets) == 1 and query == s.Select(query.targets):
        return read(query.targets[0].value)
    select = read_select(query)
    return Node("scalar", value=select) if select is not None and select.target is not None else None


def is_truth(node: Node) -> bool:
    """Tell whether an expression has a truth value without being cast, if it has any."""
    if node.op == "case":
        return all(map(is_truth, (*node.args[1::2], node.args[-1])))
    if node.op == "coalesce":
        return all(map(is_truth, node.args))
    if node.op == "scalar":
        return node.value.target is not None and is_truth(node.value.target)
    if node.op == "const":
        return node.value is None or isinstance(node.value, bool)
    return node.op in _TRUTHS


class _Run:
    """Follows the statements of a body, every way that they may take. A variable stands for what it was
    given last."""

    def __init__(self, closing: "_Closing") -> None:
        self._close, self._type_of_column = closing.node, closing.type_of_column
        self._steps = 0
        self._declared: dict[str, pl.Declared] = {}

    def returned(self, function: pl.Function, given: Given) -> Node | None:
        if function.body.handlers or function.several or function.late:
            return None
        held = dict(given)
        self._declared = {declared.name: declared for declared in function.declared}
        for declared in function.declared:
            if declared.line and declared.query is None:
                self._give(declared.name, read(declared.default), held)
        return self._follow(function.body.body, held)

    def _give(self, name: str, value: Node, held: dict[object, Node]) -> dict[object, Node]:
        """Give a variable a value, which is then one of its type. Source: PostgreSQL documentation,
        "Assignment"."""
        declared = self._declared.get(name) or pl.Declared(name, "record")
        shown = self._type_of_column(*declared.of_column) if declared.of_column else declared.type
        closed = self._close(value, held)
        held[name] = opaque(f"the variable {name}") if shown == "record" else _as_type(closed, shown)
        return held

    def _follow(self, statements: tuple[s.Node, ...], held: Given) -> Node | None:
        """Return what is returned in the end; None where that cannot be told."""
        self._steps += 1
        if not statements or self._steps > _MOST_STEPS:
            return None
        first, rest = statements[0], statements[1:]
        match first:
            case pl.Return(value=value, next=False) if value is not None:
                return self._close(read(value), held)
            case pl.ReturnQuery(query=query) if query is not None and _ends(rest):
                found = _of_query(query)
                return self._close(found, held) if found is not None else None
            case pl.Assign(target=(name,), value=value, part=False):
                return self._follow(rest, self._give(name, read(value), {**held}))
            case pl.Sql(statement=s.Select() as query, into=((name,),)):
                found = _of_query(query)
                return self._follow(rest, self._give(name, found, {**held})) if found else None
            case pl.If(branches=branches, otherwise=otherwise, subject=None):
                return self._either(branches, otherwise, rest, held)
            case pl.Block(body=body, handlers=()):
                return self._follow((*body, *rest), held)
            case pl.Raise(level=level):
                return FAILURE if level >= _ERROR else self._follow(rest, held)
        return None

    def _either(
        self,
        branches: tuple[pl.Branch, ...],
        otherwise: tuple[s.Node, ...],
        rest: tuple[s.Node, ...],
        held: Given,
    ) -> Node | None:
        parts: list[Node] = []
        for branch in branches:
            found = self._follow((*branch.body, *rest), held)
            if found is None:
                return None
            parts += [self._close(read(branch.condition), held), found]
        last = self._follow((*otherwise, *rest), held)
        return Node("case", (*parts, last)) if last is not None else None


def _ends(statements: tuple[s.Node, ...]) -> bool:
    return not statements or (
        len(statements) == 1 and isinstance(statements[0], pl.Return) and statements[0].value is None
    )


class Names:
    """Gives the relations of bodies names of their own. `tables` looks a relation up, by schema and name.
    `shadowing`: whoever asks may make temporary tables, which come before those of a search_path that does
    not end in pg_temp. Source: PostgreSQL documentation, "Writing SECURITY DEFINER Functions Safely"."""

    def __init__(self, tables: Tables, *, shadowing: bool) -> None:
        self.tables, self.shadowing = tables, shadowing
        self._numbers = count(1)

    def of(self, relation: Relation) -> str:
        return f"{relation.alias}#{next(self._numbers)}"


class _Closing:
    """Puts what they stand for in the place of a body's parameters and variables. What it reads, it reads
    with its owner's rights where it is SECURITY DEFINER, who is then the current user too."""

    def __init__(self, names: Names, function: Function) -> None:
        self.names, self.function = names, function
        self.path = _search_path(function)
        self.shadowed = (
            names.shadowing
            and not is_bound(function.language, function.body or "")
            and not is_guarded(function.settings)
        )

    def node(self, node: Node, given: Given, scopes: tuple[Scope, ...] = ()) -> Node:
        if node.op == "param":
            return given.get(node.value, opaque(f"the argument {node.value}"))
        if node.op == "column":
            return self._column(node, given, scopes)
        if node.op == "user" and node.value == "current_user" and self.function.security_definer:
            return Node("const", value=self.function.owner, source=node.source)
        args = tuple(self.node(arg, given, scopes) for arg in node.args)
        if node.op not in SELECTS:
            return node._replace(args=args)
        strange = [r.name for r in node.value.relations if r.call is None and not r.schema]
        if strange and self.shadowed:
            return opaque(f"a temporary table that may stand in for {strange[0]} in {self.function.name}()")
        select, scope = self._relations(node.value, given, scopes)
        inner = (*scopes, scope)
        where, target = (
            self.node(n, given, inner) if n is not None else None for n in (select.where, select.target)
        )
        return node._replace(args=args, value=select._replace(where=where, target=target))

    def _column(self, node: Node, given: Given, scopes: tuple[Scope, ...]) -> Node:
        qualifier, name = node.value
        for scope in reversed(scopes):
            for alias, (new, columns) in scope.items():
                if name in columns and qualifier in (None, alias):
                    return node._replace(value=(new, name))
        if qualifier in (None, self.function.name) and name in given:
            return given[name]
        return opaque(f"the name {name}")

    def _relations(self, select: Select, given: Given, scopes: tuple[Scope, ...]) -> tuple[Select, Scope]:
        found, scope = [], {}
        for relation in select.relations:
            call = self.node(relation.call, given, scopes) if relation.call is not None else None
            table = self._table(relation) if call is None else None
            new = self.names.of(relation)
            scope[relation.alias] = new, frozenset(c.name for c in table.columns) if table else frozenset()
            rights = self.function.owner if self.function.security_definer else relation.rights
            schema = table.schema if table is not None else relation.schema
            found.append(relation._replace(schema=schema, alias=new, call=call, rights=rights))
        return select._replace(relations=tuple(found)), scope

    def _table(self, relation: Relation) -> Table | None:
        return self._named(relation.schema, relation.name)

    def _named(self, schema: str | None, name: str) -> Table | None:
        places = (schema,) if schema else self.path
        return next((t for place in places if (t := self.names.tables(place, name))), None)

    def type_of_column(self, schema: str, table: str, name: str) -> str:
        """Return the type of a column that a declaration names; "record" where it is not known."""
        found = self._named(schema, table)
        column = found.column(name) if found is not None else None
        return column.base_type.partition("(")[0] if column is not None else "record"


def _search_path(function: Function) -> tuple[str, ...]:
    """Return the schemas in which a body's relations are looked up; "" stands for the default one."""
    path = own_path(function.settings)
    return ("", function.schema) if path is None else schemas_of(path) or ("",)
