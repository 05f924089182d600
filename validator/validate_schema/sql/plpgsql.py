"""A function in PL/pgSQL as nodes like those of `syntax`: its variables and its statements.

What is assigned, tested and returned are SQL expressions; one that reads a table (``count(*) from t``) is a
`ScalarSelect`. `line` counts in the body, from 1. Source: PostgreSQL's `plpgsql.h` and `pl_gram.y`, as
libpg_query describes a function in JSON.
"""

import re
from collections.abc import Callable, Iterator
from itertools import count, pairwise, takewhile
from typing import Any

from msgspec.structs import replace

from .parser import Token, Unreadable, parse_plpgsql, tokens
from .reading import read_expression, read_statements
from .syntax import Column, Node, Param, ScalarSelect, Unknown, changed, walk

Names = tuple[str, ...]  # a variable, or a field of one
_EXPRESSION = 2  # RawParseMode in PostgreSQL's parser.h
_NAMED = re.compile(r'(?:[^\W\d][\w$]*|"(?:[^"]|"")+")(?:\s*\.\s*(?:[^\W\d][\w$]*|"(?:[^"]|"")+"))*')
# libpg_query prints broken JSON for the variables of a trigger, so they are given to it as arguments.
_TRIGGER_ARGUMENTS = (
    "new record, old record, tg_name name, tg_when text, tg_level text, tg_op text, tg_relid oid,"
    " tg_relname name, tg_table_name name, tg_table_schema name, tg_nargs int, tg_argv text,"
    " tg_event text, tg_tag text"
)


_BEHIND_A_TYPE = ("COLLATE", "NOT", "DEFAULT", "COLON_EQUALS", "ASCII_61")
_COMMENTS = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_VARIABLES_FIRST = re.compile(r"#\s*variable_conflict\s+use_variable", re.IGNORECASE)
_OF_COLUMN = re.compile(r"(?:(\w+)\.)?(\w+)\.(\w+)%type", re.IGNORECASE)


class Statement(Node, frozen=True, kw_only=True):
    line: int = 0


class Declared(Statement, frozen=True):
    """A variable, a parameter or a cursor; FOUND and the like are among them. `query` is a cursor's.
    `written` is the type as the body declares it, with its length; "" for what the body does not declare."""

    name: str
    type: str
    default: Node | None = None
    constant: bool = False
    query: Node | None = None
    written: str = ""

    @property
    def of_column(self) -> tuple[str, str, str] | None:
        """The column that the type is that of (``%TYPE``): its schema, "" where none is written, its table
        and its name. None for any other type."""
        found = _OF_COLUMN.fullmatch(self.type)
        return (found[1] or "", found[2], found[3]) if found else None


class Handler(Statement, frozen=True):
    conditions: tuple[str, ...]
    body: tuple[Node, ...]


class Block(Statement, frozen=True):
    body: tuple[Node, ...]
    handlers: tuple[Handler, ...] = ()
    label: str = ""


class Assign(Statement, frozen=True):
    """An assignment; `part`: of an element or a slice of the target."""

    target: Names
    value: Node
    part: bool = False


class Branch(Statement, frozen=True):
    condition: Node
    body: tuple[Node, ...]


class If(Statement, frozen=True):
    """IF, or CASE; the conditions of a CASE with a subject test a variable that the parser makes up."""

    branches: tuple[Branch, ...]
    otherwise: tuple[Node, ...] = ()
    subject: Node | None = None


class Loop(Statement, frozen=True):
    """LOOP, WHILE or FOR: the query that it takes rows from, or other values, bounds and conditions, and the
    variables that get them. `built`: the text of its query is put together when it runs."""

    body: tuple[Node, ...]
    targets: tuple[Names, ...] = ()
    values: tuple[Node, ...] = ()
    query: Node | None = None
    built: Node | None = None
    label: str = ""


class Exit(Statement, frozen=True):
    """EXIT, or CONTINUE."""

    label: str
    condition: Node | None
    leaves: bool


class Return(Statement, frozen=True):
    """RETURN or, with `next`, RETURN NEXT; without a value where parameters hold what is returned."""

    value: Node | None
    next: bool = False


class ReturnQuery(Statement, frozen=True):
    query: Node | None
    built: Node | None = None
    params: tuple[Node, ...] = ()


class Raise(Statement, frozen=True):
    """RAISE; `level` is PostgreSQL's, 21 an error. `params` and `options` are what it tells."""

    level: int
    message: str
    params: tuple[Node, ...] = ()
    options: tuple[Node, ...] = ()


class Sql(Statement, frozen=True):
    """A statement of SQL, PERFORM or CALL, and the variables that get its row. `built`: EXECUTE ran it, which
    leaves FOUND as it was."""

    statement: Node
    into: tuple[Names, ...] = ()
    strict: bool = False
    built: bool = False


class Execute(Statement, frozen=True):
    """EXECUTE: a statement whose text is put together when it runs."""

    built: Node
    into: tuple[Names, ...] = ()
    params: tuple[Node, ...] = ()


class Open(Statement, frozen=True):
    cursor: Names
    query: Node | None = None
    built: Node | None = None
    args: tuple[Node, ...] = ()


class Get(Statement, frozen=True):
    """FETCH and GET DIAGNOSTICS: variables that get a value from the session."""

    targets: tuple[Names, ...]


class Other(Statement, frozen=True):
    """A statement that is none of these, and the expressions in it."""

    kind: str
    parts: tuple[Node, ...] = ()


class Function(Node, frozen=True):
    """A function: all its variables, those of inner blocks too, and its outermost block."""

    declared: tuple[Declared, ...]
    body: Block

    @property
    def several(self) -> frozenset[str]:
        """The names that stand for several variables, as an inner block hides what has the same name."""
        names = [declared.name for declared in self.declared]
        return frozenset(name for name in names if names.count(name) > 1)

    @property
    def late(self) -> frozenset[str]:
        """The variables whose default hangs on one that has other values in the course of the body: that of
        an inner block is worked out when the block is entered."""
        moving = {name.partition(".")[0] for name in assigned((self.body,))}
        found = set[str]()
        before = -1
        while before != (before := len(found)):
            for declared in self.declared:
                named = walk(declared.default) if declared.default is not None else ()
                if any(isinstance(n, Column) and n.names[0] in moving | found for n in named):
                    found.add(declared.name)
        return frozenset(found)


def assigned(nodes: tuple[Node, ...]) -> Iterator[str]:
    """Yield the variables that statements may give a value."""
    for node in walk(*nodes):
        match node:
            case Assign(target=target):
                yield from (".".join(target), target[0]) if len(target) == 1 else (".".join(target),)
            case Loop(targets=targets) | Get(targets=targets) | Sql(into=targets) | Execute(into=targets):
                yield from (target[0] for target in targets)
        if isinstance(node, Sql) and isinstance(node.statement, Unknown):
            yield from given_by_call(node.statement)


def given_by_call(statement: Node) -> Iterator[str]:
    """Yield the variables that CALL may give a value, and what they may be qualified with."""
    yield from (name for arg in walk(statement) if isinstance(arg, Column) for name in arg.names)


def read_plpgsql(body: str, arguments: str, returns: str) -> Function:
    """Return the tree of a body, in which each variable has one name. `arguments` and `returns` are as
    `pg_get_function_arguments` and `pg_get_function_result` print them. Raises `Unreadable`, also where a
    variable has a second name, or hides columns. Source: PostgreSQL documentation, "Aliases", "Variable
    Substitution"."""
    _refuse_other_names(body)
    try:
        found = parse_plpgsql(_create(_with_returned_values(body), arguments, returns))
        if not found:
            raise Unreadable("no function")
        function = found[0]["PLpgSQL_function"]
        reader = _Reader(function["datums"], dict(_written_types(body)))
        declared = tuple(d for d in map(reader.declared, function["datums"]) if d is not None)
        return _with_one_name_each(Function(declared, reader.block(function["action"]["PLpgSQL_stmt_block"])))
    except RecursionError:
        raise Unreadable("nested deeper than can be followed") from None


def declarations(body: str) -> Iterator[tuple[Token, list[Token]]]:
    """Yield the name of each variable that a body declares, and what stands behind it."""
    found = iter([t for t in tokens(body) if t.kind not in ("SQL_COMMENT", "C_COMMENT")])
    for token in found:
        if token.kind != "DECLARE":
            continue
        while (name := next(found, None)) is not None and name.kind != "BEGIN_P":
            if name.kind != "DECLARE":
                yield name, [*takewhile(lambda t: t.kind != "ASCII_59", found)]


def _written_types(body: str) -> Iterator[tuple[str, str]]:
    text = body.encode()
    for name, behind in declarations(body):
        shown = text[name.start : name.end].decode()
        first = behind[1:] if _word(text, behind[:1]) == "constant" else behind
        type_ = [*takewhile(lambda t: t.kind not in _BEHIND_A_TYPE, first)]
        if type_:
            own = shown[1:-1].replace('""', '"') if shown.startswith('"') else shown.lower()
            yield own, text[type_[0].start : type_[-1].end].decode()


def _word(text: bytes, found: list[Token]) -> str:
    return text[found[0].start : found[0].end].decode().lower() if found else ""


def _refuse_other_names(body: str) -> None:
    if _VARIABLES_FIRST.search(_COMMENTS.sub(" ", body)):
        raise Unreadable("variables that hide columns (#variable_conflict use_variable)")
    text = body.encode()
    words = [token for token in tokens(body) if token.kind not in ("SQL_COMMENT", "C_COMMENT")]
    for word, after in pairwise(words):
        if after.kind == "FOR" and text[word.start : word.end].lower() == b"alias":
            raise Unreadable("a variable that has an alias")


def _with_one_name_each(function: Function) -> Function:
    """Return a body in which arguments go by their names, not their numbers, and no variable by the label of
    its block."""
    names = [declared.name for declared in function.declared]
    labels = {n.label for n in walk(function.body) if isinstance(n, Block | Loop)}.difference(["", *names])
    if not labels and not any(isinstance(n, Param) for n in walk(function)):
        return function

    def named(node: Node) -> Node:
        match node:
            case Param(number=number) if number <= len(names) and names[number - 1] != f"${number}":
                return Column((names[number - 1],))
            case Column(names=(label, name, *_)) if label in labels and name in names:
                return Column(node.names[1:])
        return node

    return changed(function, named)  # type: ignore[return-value]


def _create(body: str, arguments: str, returns: str) -> str:
    tag = next(tag for n in count() if (tag := f"$body{n}$") not in body)
    if returns in ("trigger", "event_trigger"):
        arguments, returns = _TRIGGER_ARGUMENTS, "record"
    plain = re.sub(r"(^|, )VARIADIC ", r"\1", arguments)
    if not returns:
        return f"create procedure f({plain}) language plpgsql as {tag}{body}{tag}"
    return f"create function f({plain}) returns {returns} language plpgsql as {tag}{body}{tag}"


def _with_returned_values(body: str) -> str:
    """Put what RETURN names in parentheses: of a mere variable the parser does not tell which it is."""
    text, done, parts = body.encode(), 0, []
    words = [token for token in tokens(body) if token.kind not in ("SQL_COMMENT", "C_COMMENT")]
    for place, word in enumerate(words):
        if word.kind != "RETURN":
            continue
        after = (words[n] for n in range(place + 1, len(words)))
        named = list(takewhile(lambda token: token.kind != "ASCII_59", after))
        named = named[1:] if len(named) > 1 and named[0].kind == "NEXT" else named
        if not named or named[0].kind == "NEXT":
            continue
        start, end = named[0].start, named[-1].end
        if _NAMED.fullmatch(text[start:end].decode()):
            parts += [text[done:start], b"(", text[start:end], b")"]
            done = end
    return b"".join([*parts, text[done:]]).decode()


class _Reader:
    """Turns the parser's JSON into nodes. `datums` are the variables, which it knows by their places."""

    def __init__(self, datums: list[dict[str, Any]], written: dict[str, str]) -> None:
        self._datums, self._written = datums, written

    def declared(self, datum: dict[str, Any]) -> Declared | None:
        ((kind, told),) = datum.items()
        if kind not in ("PLpgSQL_var", "PLpgSQL_rec"):
            return None
        written = told.get("datatype", {}).get("PLpgSQL_type", {}).get("typname", "record")
        default, query = self._of(told, "default_val"), self._of(told, "cursor_explicit_expr")
        line, name = told.get("lineno", 0), told["refname"]
        shown = self._written.get(name, "") if line or kind == "PLpgSQL_rec" else ""
        return Declared(name, written, default, told.get("isconst", False), query, shown, line=line)

    def block(self, told: dict[str, Any]) -> Block:
        caught = told.get("exceptions", {}).get("PLpgSQL_exception_block", {}).get("exc_list", ())
        handlers = tuple(self._handler(item["PLpgSQL_exception"]) for item in caught)
        return Block(self._body(told, "body"), handlers, told.get("label", ""), line=told.get("lineno", 0))

    def _handler(self, told: dict[str, Any]) -> Handler:
        named = (item["PLpgSQL_condition"]["condname"] for item in told.get("conditions", ()))
        return Handler(tuple(named), self._body(told, "action"))

    def _body(self, told: dict[str, Any], name: str) -> tuple[Node, ...]:
        return tuple(self._statement(item) for item in told.get(name, ()))

    def _statement(self, item: dict[str, Any]) -> Node:
        ((kind, told),) = item.items()
        kind = kind.removeprefix("PLpgSQL_stmt_")
        if kind == "block":
            return self.block(told)
        read: Callable[[dict[str, Any]], Statement] | None = getattr(self, f"_{kind}", None)
        found = read(told) if read is not None else Other(kind, tuple(self._all(told)))
        return replace(found, line=told.get("lineno", 0))

    def _assign(self, told: dict[str, Any]) -> Statement:
        text = told["expr"]["PLpgSQL_expr"]["query"]
        target, value = _sides(text)
        return Assign(self._names(told, "varno"), _expression(value), "[" in target)

    def _if(self, told: dict[str, Any]) -> Statement:
        more = (item["PLpgSQL_if_elsif"] for item in told.get("elsif_list", ()))
        branches = [
            self._branch(told, "cond", "then_body"),
            *(self._branch(b, "cond", "stmts") for b in more),
        ]
        return If(tuple(branches), self._body(told, "else_body"))

    def _case(self, told: dict[str, Any]) -> Statement:
        cases = (item["PLpgSQL_case_when"] for item in told.get("case_when_list", ()))
        branches = tuple(self._branch(case, "expr", "stmts") for case in cases)
        return If(branches, self._body(told, "else_stmts"), self._of(told, "t_expr"))

    def _branch(self, told: dict[str, Any], condition: str, body: str) -> Branch:
        return Branch(self._must(told, condition), self._body(told, body), line=told.get("lineno", 0))

    def _loop(self, told: dict[str, Any]) -> Statement:
        values = self._each(told, "cond", "lower", "upper", "step", "argquery", "expr")
        given = self._targets(told), values, self._of(told, "query")
        return Loop(self._body(told, "body"), *given, label=told.get("label", ""))

    _while = _fori = _fors = _forc = _loop

    def _foreach_a(self, told: dict[str, Any]) -> Statement:
        targets, label = (self._names(told, "varno"),), told.get("label", "")
        return Loop(self._body(told, "body"), targets, self._each(told, "expr"), label=label)

    def _dynfors(self, told: dict[str, Any]) -> Statement:
        params, built = self._each(told, "params"), self._must(told, "query")
        given = self._targets(told), params, None, built, told.get("label", "")
        return Loop(self._body(told, "body"), *given)

    def _exit(self, told: dict[str, Any]) -> Statement:
        return Exit(told.get("label", ""), self._of(told, "cond"), told.get("is_exit", False))

    def _return(self, told: dict[str, Any]) -> Statement:
        return Return(self._of(told, "expr"))

    def _return_next(self, told: dict[str, Any]) -> Statement:
        return Return(self._of(told, "expr"), next=True)

    def _return_query(self, told: dict[str, Any]) -> Statement:
        return ReturnQuery(self._of(told, "query"), self._of(told, "dynquery"), self._each(told, "params"))

    def _raise(self, told: dict[str, Any]) -> Statement:
        options = (item["PLpgSQL_raise_option"] for item in told.get("options", ()))
        said = tuple(node for option in options for node in self._each(option, "expr"))
        return Raise(told["elog_level"], told.get("message", ""), self._each(told, "params"), said)

    def _execsql(self, told: dict[str, Any]) -> Statement:
        return Sql(self._must(told, "sqlstmt"), self._targets(told), told.get("strict", False))

    def _perform(self, told: dict[str, Any]) -> Statement:
        return Sql(self._must(told, "expr"))

    _call = _perform

    def _dynexecute(self, told: dict[str, Any]) -> Statement:
        return Execute(self._must(told, "query"), self._targets(told), self._each(told, "params"))

    def _open(self, told: dict[str, Any]) -> Statement:
        built, args = self._of(told, "dynquery"), self._each(told, "argquery", "params")
        return Open(self._names(told, "curvar"), self._of(told, "query"), built, args)

    def _fetch(self, told: dict[str, Any]) -> Statement:
        return Get(self._targets(told))

    def _getdiag(self, told: dict[str, Any]) -> Statement:
        items = (item["PLpgSQL_diag_item"] for item in told.get("diag_items", ()))
        return Get(tuple(self._names(item, "target") for item in items))

    def _targets(self, told: dict[str, Any]) -> tuple[Names, ...]:
        """Return the variables that a row is put into."""
        held = told.get("target") or told.get("var")
        if held is None:
            return ()
        ((_, target),) = held.items()
        if "fields" in target:
            return tuple(self._names(f, "varno") for f in target["fields"])
        return ((target["refname"],),)

    def _names(self, told: dict[str, Any], name: str) -> Names:
        """Return what a datum is called; the parser leaves out the place of the first."""
        ((kind, datum),) = self._datums[told.get(name, 0)].items()
        if kind == "PLpgSQL_recfield":
            return (*self._names(datum, "recparentno"), datum["fieldname"])
        return (datum["refname"],)

    def _of(self, told: dict[str, Any], name: str) -> Node | None:
        return _read(told[name]) if name in told else None

    def _must(self, told: dict[str, Any], name: str) -> Node:
        return _read(told[name])

    def _each(self, told: dict[str, Any], *names: str) -> tuple[Node, ...]:
        held = (told[name] for name in names if name in told)
        return tuple(_read(e) for value in held for e in (value if isinstance(value, list) else [value]))

    def _all(self, told: Any) -> list[Node]:
        """Return every expression below."""
        if isinstance(told, list):
            return [node for item in told for node in self._all(item)]
        if not isinstance(told, dict):
            return []
        if "PLpgSQL_expr" in told:
            return [_read(told)]
        return [node for value in told.values() for node in self._all(value)]


def _read(told: dict[str, Any]) -> Node:
    held = told["PLpgSQL_expr"]
    if held["parseMode"] == _EXPRESSION:
        return _expression(held["query"])
    return _sole(held["query"])


def _expression(text: str) -> Node:
    try:
        return read_expression(text)
    except Unreadable:
        return ScalarSelect(_sole(f"select {text}"))  # type: ignore[arg-type]


def _sole(text: str) -> Node:
    found = read_statements(text)
    if len(found) != 1:
        raise Unreadable("more than one statement")
    return found[0]


def _sides(text: str) -> tuple[str, str]:
    """Return the target and the value of an assignment, as they are written."""
    depth, written = 0, text.encode()
    for token in tokens(text):
        depth += (token.kind == "ASCII_91") - (token.kind == "ASCII_93")
        if token.kind in ("COLON_EQUALS", "ASCII_61") and not depth:
            return written[: token.start].decode(), written[token.end :].decode()
    raise Unreadable("no assignment")
