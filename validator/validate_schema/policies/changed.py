"""What triggers make of a row before it is written, and what an UPDATE changes beside what it names.

Sources: PostgreSQL documentation, "Overview of Trigger Behavior" (a BEFORE trigger changes what is written,
and needs no privilege on a column for that) and "Generated Columns".
"""

from collections.abc import Callable, Iterable

from ..model.catalog import Function, Table, Trigger
from ..sql import plpgsql as pl
from ..sql import syntax as s
from ..sql.parse import parse
from ..sql.parser import Unreadable
from ..sql.routines import read_body
from ..sql.tree import walk

Functions = Callable[[str], Iterable[Function]]


def sources_of(table: Table, columns: Iterable[str]) -> frozenset[str]:
    """Return columns with those that the generated ones among them are made of."""
    found = {name: table.column(name) for name in columns}
    texts = (c.default for c in found.values() if c is not None and c.generated and c.default)
    return frozenset(found).union(n.value[1] for t in texts for n in walk(parse(t)) if n.op == "column")


def set_by_triggers(table: Table, columns: Iterable[str], functions: Functions) -> bool:
    """Tell whether a trigger gives one of the columns a value before a row is updated, or may: its function
    cannot be read. `functions` gives those of a name."""
    told = {"new", *(f"new.{column}" for column in columns)}
    before = (t for t in table.triggers if fires_before(t, "UPDATE"))
    return any(_sets(f, told) for t in before for f in functions(t.function.name))


def given_by_trigger(table: Table, command: str, columns: frozenset[str], functions: Functions) -> str:
    """Return the trigger that gives all of the columns other values before a row is written, whatever was
    written there; "" without one. It is not known whose these are."""
    for trigger in table.triggers:
        always = trigger.condition is None and not trigger.columns
        if always and fires_before(trigger, command):
            run = [f for f in functions(trigger.function.name) if f.qname == trigger.function]
            if columns and run and all(columns <= _given(f) for f in run):
                return trigger.name
    return ""


def _given(function: Function) -> frozenset[str]:
    """Return the columns of NEW to which a trigger function gives a value that is not what was written, in
    every run that comes to its end."""
    try:
        body = read_body(function.language, function.body or "", "", function.returns or "").function
    except Unreadable:
        return frozenset()
    if body is None or body.body.handlers:
        return frozenset()
    found = set()
    for statement in body.body.body:
        match statement:
            case pl.Assign(target=("new", column), value=value) if not _reads_new(value, column):
                found.add(column)
        if any(isinstance(n, pl.Return | pl.Exit) for n in s.walk(statement)):
            break
    return frozenset(found)


def _reads_new(value: s.Node, column: str) -> bool:
    columns = (n.names for n in s.walk(value) if isinstance(n, s.Column))
    return any(names in (("new",), ("new", "*"), ("new", column)) for names in columns)


def fires_before(trigger: Trigger, command: str) -> bool:
    """Tell whether a trigger sees each row before the command writes it."""
    row = trigger.timing == "before" and trigger.level == "row"
    return row and command in trigger.events and trigger.enabled in ("origin", "always")


def _sets(function: Function, told: set[str]) -> bool:
    if function.language in ("c", "internal"):
        return False
    try:
        body = read_body(function.language, function.body or "", "", function.returns or "")
    except Unreadable:
        return True
    if body.function is None or not told.isdisjoint(pl.assigned((body.function.body,))):
        return True
    returned = (n.value for n in s.walk(body.function.body) if isinstance(n, pl.Return))
    return not all(value is None or _is_given(value) for value in returned)


def _is_given(value: s.Node) -> bool:
    """Tell whether a trigger returns a row that it was given, or none."""
    match value:
        case s.Column(names=("new" | "old",)) | s.Const(value=None):
            return True
        case s.Coalesce(args=args):
            return all(map(_is_given, args))
    return False
