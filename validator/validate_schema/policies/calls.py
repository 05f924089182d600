"""What the functions that a routine calls do: whether they keep to the tenant, and what they return."""

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from ..facts.facts import Facts
from ..model.catalog import Function, Routine
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.predicates import check_expression
from ..sql.reading import read_expression, read_statements
from ..sql.routines import Body, read_body
from ..sql.settings import only_a_path

_MODES = ("IN ", "INOUT ", "OUT ", "VARIADIC ")
_TRUSTED = ("c", "internal")
_SINGLE = frozenset({
    "bigint", "boolean", "bytea", "character varying", "date", "double precision", "inet", "integer",
    "interval", "json", "jsonb", "numeric", "real", "smallint", "text", "time without time zone",
    "timestamp with time zone", "timestamp without time zone", "uuid",
})  # fmt: skip
_LONG_NAMES = re.compile(
    r"(?:double precision|(?:character|bit) varying|time(?:stamp)? with(?:out)? time zone)\b.*"
)


def body_of(function: Function) -> Body:
    """Read the body of a function. Raises `Unreadable`."""
    arguments = function.signature or function.arguments
    return read_body(function.language, function.body or "", arguments, function.returns or "")


def parameters(function: Function) -> tuple[str, ...]:
    """Return the names of the parameters that a call gives values for, "" for one without: of a procedure
    those that are OUT as well."""
    return tuple(map(_named, _given(function)))


def types_of_parameters(function: Function) -> tuple[str, ...]:
    """Return the types of the same parameters, as the server prints them."""
    parts = (part.split(" ", 1) if part.startswith(_MODES) else ("", part) for part in _given(function))
    return tuple(part.split(" ", 1)[1] if _named(part) else part for _, part in parts)


def _given(function: Function) -> Iterator[str]:
    parts = _parts(function.arguments)
    return (part for part in parts if function.kind == "procedure" or not part.startswith("OUT "))


def _parts(arguments: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, character in enumerate(arguments):
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            yield arguments[start:at].strip()
            start = at + 1
    if arguments.strip():
        yield arguments[start:].strip()


def _named(argument: str) -> str:
    words = argument.split(" ")
    words = words[1:] if argument.startswith(_MODES) else words
    quoted = words[0].startswith('"')
    if not quoted and (len(words) == 1 or _LONG_NAMES.fullmatch(" ".join(words))):
        return ""
    return words[0].strip('"')


def routines_by_name(facts: Facts) -> Mapping[str, tuple[Function, ...]]:
    """Return the functions of the database by their plain name, those of extensions too."""
    found: dict[str, list[Function]] = {}
    for function in (*facts.catalog.functions, *facts.catalog.extension_functions):
        found.setdefault(function.name, []).append(function)
    return {name: tuple(functions) for name, functions in found.items()}


def candidates(call: s.Call, facts: Facts) -> tuple[Function, ...]:
    """Return the functions that a call may mean, as far as name, schema and number of arguments tell; nothing
    for PostgreSQL's own."""
    return tuple(
        f
        for f in facts.once(routines_by_name).get(call.name, ())
        if call.schema in ("", f.schema) and _takes(f, len(call.args))
    )


def _takes(function: Function, arguments: int) -> bool:
    most = len(parameters(function))
    defaults = (function.signature or "").count(" DEFAULT ")
    return "VARIADIC" in function.arguments or most - defaults <= arguments <= most


def sole_value(function: Function) -> s.Node | None:
    """Return the expression that a function returns, where it is in SQL or PL/pgSQL and does nothing else."""
    if function.kind != "function" or not only_a_path(function.settings) or function.language in _TRUSTED:
        return None
    try:
        body = body_of(function)
    except Unreadable:
        return None
    if body.function is None:
        return _sole_target(body.statements)
    if body.function.body.handlers or any(d.line for d in body.function.declared):
        return None
    found = body.function.body.body
    return found[0].value if len(found) == 1 and isinstance(found[0], pl.Return) else None


def _sole_target(statements: tuple[s.Node, ...]) -> s.Node | None:
    found = statements[0] if len(statements) == 1 else None
    if not isinstance(found, s.Select) or len(found.targets) != 1:
        return None
    return found.targets[0].value if found == s.Select(found.targets) else None


class Act(NamedTuple):
    """A function that runs, and with whose rights; None: those of whoever called the first."""

    function: Function
    role: str | None


Asked = Callable[[Act, Facts], bool]


def acts(function: Function, role: str | None, facts: Facts) -> tuple[Act, ...]:
    """Return what runs when a function does that has the rights of `role`: itself first, then what it calls,
    however indirectly, the functions of aggregates and operators among them. `some_act` is quicker where
    it is enough to know whether one of them does something: of functions in a row each lists those below.
    """
    first = _act(function, role)
    known = facts.once(_acts)
    if first not in known:
        known[first] = acts_of((first,), facts)
    return known[first]


def acts_of(firsts: Iterable[Act], facts: Facts) -> tuple[Act, ...]:
    """Return these, and what they call, however indirectly, each once."""
    found = dict.fromkeys(firsts)
    queue = deque(found)
    while queue:
        for act in _next(queue.popleft(), facts):
            if act not in found:
                found[act] = None
                queue.append(act)
    return tuple(found)


def some_act(function: Function, role: str | None, facts: Facts, asked: Asked) -> bool:
    """Tell whether one of `acts` is what is `asked` for. Each is asked once, whoever calls it: answers are
    kept for other callers, under `asked`, which is therefore a function of a module."""
    first = _act(function, role)
    known = facts.once(_answers).setdefault(asked, {})
    if first in known:
        return known[first]
    callers: dict[Act, list[Act]] = {first: []}
    so: list[Act] = []
    queue = deque([first])
    while queue:
        here = queue.popleft()
        if asked(here, facts):
            so.append(here)
        for act in _next(here, facts):
            if act in known:
                so += [here] if known[act] else []
                continue
            if act not in callers:
                callers[act] = []
                queue.append(act)
            callers[act].append(here)
    known |= dict.fromkeys(callers, False)
    while so:
        act = so.pop()
        if not known[act]:
            known[act] = True
            so += callers[act]
    return known[first]


def acts_that(function: Function, role: str | None, facts: Facts, asked: Asked) -> tuple[Act, ...]:
    """Return those of `acts` that are what is `asked` for, in the same order; what leads to none is not
    looked into. `asked` is as for `some_act`."""
    first = _act(function, role)
    found = {first: None} if some_act(function, role, facts, asked) else {}
    queue = deque(found)
    while queue:
        for act in _next(queue.popleft(), facts):
            if act not in found and some_act(act.function, act.role, facts, asked):
                found[act] = None
                queue.append(act)
    return tuple(act for act in found if asked(act, facts))


def _act(function: Function, role: str | None) -> Act:
    return Act(function, function.owner if function.security_definer else role)


def _next(act: Act, facts: Facts) -> Iterator[Act]:
    return (_act(called, act.role) for called in _known_calls(act.function, facts))


def _answers(_: Facts) -> dict[Asked, dict[Act, bool]]:
    return {}  # to each question so far


def is_trusted(function: Function) -> bool:
    """Tell whether a function is taken to do what it is documented to do: one that is compiled. What somebody
    made of a function of the server's own, under another name, is documented nowhere."""
    own = function.language == "internal" and function.extension is None
    return function.language in _TRUSTED and function.aggregate is None and not own


def _acts(_: Facts) -> dict[Act, tuple[Act, ...]]:
    return {}  # what was found of each so far


def _known_calls(function: Function, facts: Facts) -> tuple[Function, ...]:
    known, key = facts.once(_calls), (function.routine, function.body)
    if key not in known:
        known[key] = _called(function, facts)
    return known[key]


def _calls(_: Facts) -> dict[tuple[Routine, str | None], tuple[Function, ...]]:
    return {}  # what was read of each so far


def _called(function: Function, facts: Facts) -> tuple[Function, ...]:
    """Return the functions of the database that a body calls; nothing where it cannot be read."""
    if function.aggregate is not None:
        routines = facts.once(_by_routine)
        return tuple(routines[r] for _, r in function.aggregate.functions if r in routines)
    if is_trusted(function):
        return ()
    try:
        statements = body_of(function).statements
    except Unreadable:
        return ()
    found: dict[Function, None] = dict.fromkeys(facts.once(cast_unasked))
    for node in s.walk(*statements):
        if isinstance(node, s.Call):
            for called in (node, *left_to_defaults(node, facts)):
                found |= dict.fromkeys(candidates(called, facts))
        elif isinstance(node, s.Operation):
            found |= dict.fromkeys(functions_of(node, facts))
        elif isinstance(node, s.Cast):
            found |= dict.fromkeys(functions_of_cast(node, facts))
        elif isinstance(node, (s.Insert, s.Update)):
            found |= dict.fromkeys(facts.once(_worked_out).get(node.table.name, ()))
        elif (field := field_of(node)) is not None:
            found |= dict.fromkeys(computed(field, facts))
    return tuple(found)


def _worked_out(facts: Facts) -> dict[str, tuple[Function, ...]]:
    """Return the functions that defaults, generated columns and CHECKs call, by the name of the relation."""
    found: dict[str, tuple[Function, ...]] = {}
    for table in facts.catalog.tables:
        checks = (check_expression(c.definition) for c in table.checks if c.definition is not None)
        texts = [*(c.default for c in table.columns if c.default is not None), *checks]
        found[table.name] = (*found.get(table.name, ()), *_called_in(texts, facts))
    for view in facts.catalog.views:
        texts = [column.default for column in view.altered if column.default is not None]
        found[view.name] = (*found.get(view.name, ()), *_called_in(texts, facts))
    return found


def _called_in(texts: Iterable[str], facts: Facts) -> Iterator[Function]:
    for text in texts:
        with suppress(Unreadable):  # such a text is undecided where it is judged
            calls = (n for n in s.walk(read_expression(text)) if isinstance(n, s.Call)) if "(" in text else ()
            yield from (f for call in calls for f in candidates(call, facts))


def left_to_defaults(call: s.Call, facts: Facts) -> list[s.Call]:
    """Return the calls in the defaults of what a call gives no value, which run with the caller's rights."""
    short = (f for f in candidates(call, facts) if len(call.args) < len(parameters(f)))
    defaults = [text for f in short for text in defaults_of(f)]
    return [n for default in defaults for n in s.walk(default) if isinstance(n, s.Call)]


def defaults_of(function: Function) -> tuple[s.Node, ...]:
    """Return the defaults of the last arguments, as many as have one, in the order of the arguments."""
    if function.signature is None or " DEFAULT " not in function.signature:
        return ()
    try:
        (created,) = read_statements(f"create function f({function.signature}) returns void")
    except (Unreadable, ValueError):
        return ()
    found = [
        dict(n.rest) for n in s.walk(created) if isinstance(n, s.Unknown) and n.kind == "FunctionParameter"
    ]
    given = [rest["defexpr"] for rest in found if isinstance(rest.get("defexpr"), s.Node)]
    return tuple(node for node in given if isinstance(node, s.Node))


def field_of(node: s.Node) -> s.Call | None:
    """Return the call that ``row.name`` is where no column has that name. Source: PostgreSQL documentation,
    "Using Composite Types in Queries"."""
    match node:
        case s.Column(names=(*_, row, name)):
            return s.Call(name, (s.Column((row,)),))
        case s.Part(arg=arg, path=(*_, str() as name)):
            return s.Call(name, (arg,))
    return None


def computed(field: s.Call, facts: Facts) -> tuple[Function, ...]:
    """Return the functions of a row that a field may be: those that take a value of no type of the server's
    own, or of any."""
    found = candidates(field, facts)
    return tuple(f for f in found if not {*types_of_parameters(f)} & _SINGLE)


def functions_of_cast(cast: s.Cast, facts: Facts) -> tuple[Function, ...]:
    """Return the functions that somebody has a cast to a type run, or the CHECK of a domain, as far as its
    name tells."""
    name = cast.type.names[-1]
    return (*facts.once(_by_cast).get(name, ()), *facts.once(_by_domain).get(name, ()))


def _by_domain(facts: Facts) -> Mapping[str, tuple[Function, ...]]:
    """Return the functions that the CHECKs of domains call, by the domain's name."""
    found: dict[str, tuple[Function, ...]] = {}
    for domain in facts.catalog.domains:
        texts = (check_expression(c.definition) for c in domain.checks if c.definition is not None)
        found[domain.name] = tuple(_called_in(texts, facts))
    return found


def cast_unasked(facts: Facts) -> tuple[Function, ...]:
    """Return the functions that a cast may run which nobody writes down: anything may call them."""
    routines, casts = facts.once(_by_routine), facts.catalog.casts
    unasked = (cast.function for cast in casts if cast.context != "explicit")
    found = (routines[name] for name in unasked if name is not None and name in routines)
    return tuple(function for function in found if not is_trusted(function))


def _by_cast(facts: Facts) -> Mapping[str, tuple[Function, ...]]:
    routines = facts.once(_by_routine)
    found: dict[str, list[Function]] = {}
    for cast in facts.catalog.casts:
        if cast.function is not None and cast.function in routines:
            found.setdefault(cast.target.rpartition(".")[2].strip('"'), []).append(routines[cast.function])
    return {name: tuple(functions) for name, functions in found.items()}


def _by_routine(facts: Facts) -> Mapping[Routine, Function]:
    return {f.routine: f for f in (*facts.catalog.functions, *facts.catalog.extension_functions)}


def functions_of(operation: s.Operation, facts: Facts) -> tuple[Function, ...]:
    """Return the functions of the database that an operator may stand for, as far as its name tells."""
    return facts.once(_by_operator).get(operation.operator, ())


def _by_operator(facts: Facts) -> Mapping[str, tuple[Function, ...]]:
    """Return the functions behind operators that are no part of an extension, by the operator's name."""
    routines = facts.once(_by_routine)
    found: dict[str, list[Function]] = {}
    for operator in facts.catalog.operators:
        if operator.function is not None and operator.function in routines:
            found.setdefault(operator.name, []).append(routines[operator.function])
    return {name: tuple(functions) for name, functions in found.items()}
