"""SQL read into the nodes of `syntax`, each distinct text once.

Source: PostgreSQL's `nodes/parsenodes.h` and `nodes/primnodes.h`, as libpg_query hands them over: what the
messages and their fields are called, and what the numbers in them stand for.
"""

from collections.abc import Callable
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any, TypeVar

from . import ddl
from . import syntax as s
from .parser import Unreadable, deparse, parse_messages

_BEFORE, _AFTER = "SELECT (", "\n)"  # around an expression, whose last line may be a comment
_LONG = 20_000  # characters: longer texts are not kept
_PLACES = ("location", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end", "stmt_len")
_NOISE = frozenset(
    (*_PLACES, "stmt_location", "funcformat", "coercionform", "row_format", "xpr", "relpersistence")
)
_USUAL = {"limit_option": 1, "op": 1, "override": 1}  # numbers that say nothing, where a message has them
_SESSION_VALUES = (
    *("", "current_date", "current_time", "current_time", "current_timestamp", "current_timestamp"),
    *("localtime", "localtime", "localtimestamp", "localtimestamp", "current_role", "current_user", "user"),
    *("session_user", "current_catalog", "current_schema"),
)
_JOINS = {1: "inner", 2: "left", 3: "full", 4: "right"}
_COMPOUNDS = {2: "union", 3: "intersect", 4: "except"}
_PLAIN = {"string": "sval", "integer": "ival", "float": "fval", "boolean": "boolval"}
_Found = TypeVar("_Found")


def read_expression(text: str) -> s.Node:
    """Return the tree of an expression. Raises `Unreadable`."""
    return _told(_expression(text) if len(text) <= _LONG else _expression.__wrapped__(text))


def read_statements(sql: str) -> tuple[s.Node, ...]:
    """Return the trees of the statements of a text. Raises `Unreadable`."""
    return _told(_statements(sql) if len(sql) <= _LONG else _statements.__wrapped__(sql))


def print_expression(text: str, node: s.Node) -> str:
    """Return the SQL of a node in the tree of `text` on one line, as PostgreSQL's own printer has it."""
    reader = _Reader(_BEFORE + text, len(_BEFORE), record=True)
    reader.read(_sole_target(text))
    source = next(message for found, message in reader.read_from if found == node and found.at == node.at)
    holder = parse_messages("SELECT 1")[0].stmt
    holder.select_stmt.target_list[0].res_target.val.CopyFrom(source)
    return " ".join(deparse(holder).removeprefix("SELECT ").split())


def _told(found: _Found | Unreadable) -> _Found:
    if isinstance(found, Unreadable):
        raise Unreadable(str(found))
    return found


@lru_cache(maxsize=8192)
def _expression(text: str) -> s.Node | Unreadable:
    try:
        return _Reader(_BEFORE + text, len(_BEFORE)).node(_sole_target(text))
    except Unreadable as error:
        return Unreadable(str(error))
    except RecursionError:
        return Unreadable("nested deeper than can be followed")


@lru_cache(maxsize=2048)
def _statements(sql: str) -> tuple[s.Node, ...] | Unreadable:
    try:
        reader = _Reader(sql)
        return tuple(reader.node(message.stmt) for message in parse_messages(sql))
    except Unreadable as error:
        return Unreadable(str(error))
    except RecursionError:
        return Unreadable("nested deeper than can be followed")


def _sole_target(text: str) -> Any:
    """Return the message of an expression. Raises `Unreadable` where the text is more than one."""
    found = parse_messages(f"{_BEFORE}{text}{_AFTER}")
    select = found[0].stmt.select_stmt if len(found) == 1 else None
    if select is None or len(select.target_list) != 1 or _said(select) != {"target_list"}:
        raise Unreadable("no expression")
    return select.target_list[0].res_target.val


def _said(message: Any) -> set[str]:
    return {f.name for f, v in message.ListFields() if f.name not in _NOISE and v != _USUAL.get(f.name)}


class _Reader:
    """Turns the parser's messages into nodes. The text begins `shift` characters into what was parsed."""

    def __init__(self, parsed: str, shift: int = 0, *, record: bool = False) -> None:
        self._parsed = parsed
        self._shift = shift
        self._record = record
        self.read_from: list[tuple[s.Node, Any]] = []

    def node(self, message: Any) -> s.Node:
        """Read a message that holds a node."""
        found = self.read(message)
        return found if isinstance(found, s.Node) else s.Unknown("List", (("items", found),))

    def maybe(self, message: Any, name: str) -> s.Node | None:
        return self.node(getattr(message, name)) if message.HasField(name) else None

    def nodes(self, messages: Any) -> tuple[s.Node, ...]:
        return tuple(map(self.node, messages))

    def read(self, message: Any) -> s.Value:
        """Read any message: a string, a number and a list of nodes are no nodes themselves."""
        if message.DESCRIPTOR.name != "Node":
            return self._typed(message)
        kind = message.WhichOneof("node")
        if kind is None:
            return s.Unknown("nothing")
        held = getattr(message, kind)
        if kind in _PLAIN:
            plain: s.Value = getattr(held, _PLAIN[kind])
            return plain
        if kind == "list":
            return tuple(map(self.read, held.items))
        if kind == "a_star":
            return "*"
        found = self._typed(held)
        if self._record:
            self.read_from.append((found, message))
        return found

    def _typed(self, message: Any) -> s.Node:
        kind = message.DESCRIPTOR.name
        special = _SPECIAL.get(kind)
        if special is not None:
            return special(self, message)
        made, names = _MAPPED.get(kind, (None, ()))
        if made is None:
            return s.Unknown(kind, self.rest(message), at=self.at(message))
        given = [self.field(message, name) for name in names]
        if "rest" in s.parts(made):
            given.append(self.rest(message, *names))
        node: s.Node = made(*given, at=self.at(message))
        return node

    def field(self, message: Any, name: str) -> Any:
        """Return a field: a node or None, a tuple, or a plain value; the name of what is numbered."""
        described = message.DESCRIPTOR.fields_by_name[name]
        value = getattr(message, name)
        if described.is_repeated:
            return tuple(map(self.read, value))
        if described.message_type is not None:
            return self.read(value) if message.HasField(name) else None
        if described.enum_type is not None:
            return described.enum_type.values_by_number[value].name
        return value

    def rest(self, message: Any, *known: str) -> s.Rest:
        """Return what a message says beyond the fields that are known."""
        return tuple(
            (f.name, self._value(f, value))
            for f, value in message.ListFields()
            if f.name not in _NOISE and f.name not in known and value != _USUAL.get(f.name)
        )

    def _value(self, described: Any, value: Any) -> s.Value:
        if described.message_type is None:
            return tuple(value) if described.is_repeated else value
        return tuple(map(self.read, value)) if described.is_repeated else self.read(value)

    def at(self, message: Any) -> int:
        """Return the character at which a construct stands. The parser counts bytes."""
        place = getattr(message, "location", -1)
        if not isinstance(place, int) or place < 0:  # the location of a tablespace is a folder
            return -1
        return (place if self._characters is None else self._characters[place]) - self._shift

    @cached_property
    def _characters(self) -> list[int] | None:
        """The character that each byte belongs to; None where every character is one byte."""
        if self._parsed.isascii():
            return None
        return [n - 1 for n in accumulate(byte & 0xC0 != 0x80 for byte in self._parsed.encode())]


def _names(messages: Any) -> tuple[str, ...]:
    return tuple(m.string.sval for m in messages)


def _qualified(messages: Any) -> tuple[str, str]:
    """Return the schema, "" unless written, and the name."""
    names = _names(messages)
    return ".".join(names[:-1]), names[-1] if names else ""


def _constant(reader: _Reader, m: Any) -> s.Node:
    kind, at = m.WhichOneof("val"), reader.at(m)
    if kind is None:
        return s.Const("null", at=at)
    value = getattr(getattr(m, kind), kind)
    named = {"ival": "integer", "fval": "numeric", "boolval": "bool", "sval": "string", "bsval": "bits"}
    return s.Const(named[kind], value, at=at)  # type: ignore[arg-type]


def _operation(reader: _Reader, m: Any) -> s.Node:
    at, kind = reader.at(m), int(m.kind)
    schema, name = _qualified(m.name)
    left = reader.maybe(m, "lexpr")
    if left is None:
        return s.Operation(name, None, reader.node(m.rexpr), schema, at=at)
    if kind in (2, 3):
        return s.Quantified(name, left, reader.node(m.rexpr), kind == 3, schema, at=at)
    if kind == 7:
        return s.In(left, reader.nodes(m.rexpr.list.items), name != "=", at=at)
    if kind in (11, 12, 13, 14):
        low, high = reader.nodes(m.rexpr.list.items)
        return s.Between(left, low, high, kind in (12, 14), kind in (13, 14), at=at)
    right = reader.node(m.rexpr)
    if kind in (4, 5):
        return s.Distinct(left, right, kind == 5, at=at)
    return s.NullIf(left, right, at=at) if kind == 6 else s.Operation(name, left, right, schema, at=at)


def _boolean(reader: _Reader, m: Any) -> s.Node:
    args, at = reader.nodes(m.args), reader.at(m)
    if int(m.boolop) == 3:
        return s.Not(args[0], at=at)
    return s.And(args, at=at) if int(m.boolop) == 1 else s.Or(args, at=at)


def _boolean_test(reader: _Reader, m: Any) -> s.Node:
    kind = int(m.booltesttype)  # IS TRUE, NOT TRUE, FALSE, NOT FALSE, UNKNOWN, NOT UNKNOWN
    wanted = {1: True, 2: True, 3: False, 4: False}.get(kind)
    return s.BooleanTest(reader.node(m.arg), wanted, kind in (2, 4, 6), at=reader.at(m))


def _null_test(reader: _Reader, m: Any) -> s.Node:
    return s.NullTest(reader.node(m.arg), int(m.nulltesttype) == 2, at=reader.at(m))


def _call(reader: _Reader, m: Any) -> s.Node:
    schema, name = _qualified(m.funcname)
    return s.Call(name, reader.nodes(m.args), schema, reader.rest(m, "funcname", "args"), at=reader.at(m))


def _type(reader: _Reader, m: Any) -> s.Node:
    rest = reader.rest(m, "names", "typmods", "typemod", "array_bounds")
    given = _names(m.names), reader.nodes(m.typmods), len(m.array_bounds), rest
    return s.TypeRef(*given, at=reader.at(m))


def _session_value(reader: _Reader, m: Any) -> s.Node:
    precision = m.typmod if m.typmod >= 0 else None
    return s.SessionValue(_SESSION_VALUES[int(m.op)], precision, at=reader.at(m))


def _sub_select(reader: _Reader, m: Any) -> s.Node:
    kind, at, query = int(m.sub_link_type), reader.at(m), reader.node(m.subselect)
    if kind in (1, 5, 7):
        return {1: s.Exists, 5: s.ScalarSelect, 7: s.ArraySelect}[kind](query, at=at)  # type: ignore[arg-type]
    if kind in (2, 3):
        schema, name = _qualified(m.oper_name)
        left = reader.node(m.testexpr)
        return s.AnySelect(name or "=", left, query, kind == 2, schema, at=at)  # type: ignore[arg-type]
    return s.Unknown("SubLink", reader.rest(m), at=at)


def _aliases(m: Any) -> tuple[str, tuple[str, ...]]:
    return m.alias.aliasname, _names(m.alias.colnames)


def _table(reader: _Reader, m: Any) -> s.Node:
    alias, columns = _aliases(m) if m.HasField("alias") else ("", ())
    temporary = m.relpersistence == "t" or m.schemaname == "pg_temp"
    return s.Table(m.relname, m.schemaname, alias, columns, not m.inh, temporary, at=reader.at(m))


def _from_select(reader: _Reader, m: Any) -> s.Node:
    return s.FromSelect(reader.node(m.subquery), *_aliases(m), m.lateral)  # type: ignore[arg-type]


def _from_call(reader: _Reader, m: Any) -> s.Node:
    calls = tuple(reader.node(f.list.items[0]) for f in m.functions)
    defined = tuple(f for f in m.functions if len(f.list.items) > 1 and f.list.items[1].WhichOneof("node"))
    rest = reader.rest(m, "functions", "alias", "lateral")
    if defined:
        rest = (*rest, ("functions", tuple(map(reader.read, defined))))
    return s.FromCall(calls, *_aliases(m), m.lateral, rest)


def _join(reader: _Reader, m: Any) -> s.Node:
    left, right = reader.node(m.larg), reader.node(m.rarg)
    condition, using = reader.maybe(m, "quals"), _names(m.using_clause)
    return s.Join(_JOINS[int(m.jointype)], left, right, condition, using, m.is_natural, m.alias.aliasname)  # type: ignore[arg-type]


def _select(reader: _Reader, m: Any) -> s.Node:
    queries = reader.maybe(m, "with_clause")
    if int(m.op) > 1:
        rest = reader.rest(m, "op", "all", "larg", "rarg", "with_clause")
        sides = reader.read(m.larg), reader.read(m.rarg)
        return s.Compound(_COMPOUNDS[int(m.op)], *sides, m.all, queries, rest)  # type: ignore[arg-type]
    known = "target_list", "from_clause", "where_clause", "values_lists", "with_clause"
    targets, sources = reader.nodes(m.target_list), reader.nodes(m.from_clause)
    values = tuple(reader.nodes(v.list.items) for v in m.values_lists)
    where = reader.maybe(m, "where_clause")
    return s.Select(targets, sources, where, values, queries, reader.rest(m, *known))  # type: ignore[arg-type]


def _returned(reader: _Reader, m: Any) -> s.Node:
    """Read RETURN in SQL as what it is: the SELECT of one value."""
    return s.Select((s.Target("", reader.node(m.returnval)),))


def _case(reader: _Reader, m: Any) -> s.Node:
    subject, default = reader.maybe(m, "arg"), reader.maybe(m, "defresult")
    return s.Case(subject, reader.nodes(m.args), default, at=reader.at(m))  # type: ignore[arg-type]


def _extreme(reader: _Reader, m: Any) -> s.Node:
    return s.Extreme(reader.nodes(m.args), int(m.op) == 2, at=reader.at(m))


def _column(reader: _Reader, m: Any) -> s.Node:
    if m.fields[-1].WhichOneof("node") == "a_star":
        return s.Star(_names(m.fields)[:-1], at=reader.at(m))
    return s.Column(_names(m.fields), at=reader.at(m))


_SPECIAL: dict[str, Callable[[_Reader, Any], s.Node]] = {
    "A_Const": _constant,
    "A_Expr": _operation,
    "BoolExpr": _boolean,
    "BooleanTest": _boolean_test,
    "CaseExpr": _case,
    "ColumnRef": _column,
    "FuncCall": _call,
    "JoinExpr": _join,
    "MinMaxExpr": _extreme,
    "NullTest": _null_test,
    "RangeFunction": _from_call,
    "RangeSubselect": _from_select,
    "RangeVar": _table,
    "ReturnStmt": _returned,
    "SQLValueFunction": _session_value,
    "SelectStmt": _select,
    "SubLink": _sub_select,
    "TypeName": _type,
}
_MAPPED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "A_ArrayExpr": (s.Array, ("elements",)),
    "A_Indirection": (s.Part, ("arg", "indirection")),
    "CaseWhen": (s.When, ("expr", "result")),
    "CoalesceExpr": (s.Coalesce, ("args",)),
    "CollateClause": (s.Collate, ("arg", "collname")),
    "CommonTableExpr": (s.Cte, ("ctename", "ctequery")),
    "DeleteStmt": (s.Delete, ("relation", "using_clause", "where_clause", "with_clause")),
    "InsertStmt": (s.Insert, ("relation", "cols", "select_stmt", "on_conflict_clause", "with_clause")),
    "NamedArgExpr": (s.NamedArg, ("name", "arg")),
    "ParamRef": (s.Param, ("number",)),
    "RangeTableSample": (s.Sampled, ("relation", "args")),
    "ResTarget": (s.Target, ("name", "val", "indirection")),
    "RowExpr": (s.Row, ("args",)),
    "TypeCast": (s.Cast, ("arg", "type_name")),
    "UpdateStmt": (s.Update, ("relation", "target_list", "from_clause", "where_clause", "with_clause")),
    "VariableSetStmt": (s.SetVariable, ("name", "args", "is_local")),
    "WithClause": (s.With, ("ctes", "recursive")),
    **ddl.MAPPED,
}
