"""Views, functions and triggers on both sides."""

from collections.abc import Hashable, Iterator
from typing import Any

from ...model.catalog import Aggregate, Column, Function, Rule, Table, Trigger, View
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...sql.ident import quote_ident, quote_literal
from .changes import names, short
from .keys import indexes
from .loop import (
    ENABLED,
    OWNER,
    Attribute,
    Kind,
    compared,
    dotted,
    field,
    flag,
    gains,
    listed,
    loses,
    same_content,
)
from .policies import wider
from .terms import Terms


def _firing(trigger: Trigger) -> str:
    return f"{trigger.timing} {' or '.join(trigger.events)} for each {trigger.level}"


def _fires_for_less(old: Trigger, new: Trigger, terms: Terms) -> bool:
    """Tell whether a condition came, or became one that is met less often: what guards, guards less."""
    if old.condition is None or new.condition is None:
        return new.condition is not None
    return wider(new.condition, old.condition, terms.default_schema)


def _same_condition(old: Trigger, new: Trigger, terms: Terms) -> bool:
    return terms.expression(old.condition, new.condition)


def _fewer_columns(old: Trigger, new: Trigger, _: Terms) -> bool:
    return bool(new.columns) and (not old.columns or set(new.columns) < set(old.columns))


def _tables_seen(trigger: Trigger, _: Terms) -> str:
    seen = (("old", trigger.old_table), ("new", trigger.new_table))
    return names([f"{row} table as {name}" for row, name in seen if name]) or "none"


def _deferral(trigger: Trigger, _: Terms) -> str:
    if not trigger.deferrable:
        return "no"
    return "initially deferred" if trigger.deferred else "initially immediate"


def _given(arguments: tuple[str, ...]) -> str:
    return names([quote_literal(argument) for argument in arguments])


_TRIGGER: tuple[Attribute[Any], ...] = (
    Attribute("fires", lambda trigger, _: _firing(trigger)),
    field("columns", "columns", lambda c: names(sorted(c)) or "all", widens=_fewer_columns, since=2),
    field("condition", "condition", same=_same_condition, widens=_fires_for_less, since=2),
    field("function", "function", dotted),
    field("arguments", "arguments", lambda arguments: _given(arguments) or "none", since=2),
    Attribute("referencing", _tables_seen, since=2),
    flag("constraint", "constraint", since=2),
    Attribute("deferrable", _deferral, since=2),
    field("from", "references", dotted, since=2),
    ENABLED,
)


def _described_trigger(trigger: Trigger, _: Terms) -> str:
    text = _firing(trigger)
    text += f" of {names(trigger.columns)}" if trigger.columns else ""
    text += f" when {trigger.condition}" if trigger.condition else ""
    text += f" execute {dotted(trigger.function)}"
    return f"{text}({_given(trigger.arguments)})" if trigger.arguments else text


TRIGGER: Kind[Trigger] = Kind(
    "trigger",
    _TRIGGER,
    place="table",
    described=_described_trigger,
    alike=same_content(_TRIGGER),
    shapes=lambda trigger, _: ((trigger.function, trigger.timing, trigger.events, trigger.level),),
)


def triggers(before: Table | View, after: Table | View, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the triggers of one table or view; of those that come from its parent, whether
    they are on."""
    on = before, after
    old, new = ([t for t in side.triggers if not t.inherited] for side in on)
    yield from compared(TRIGGER, old, new, terms, on=on)
    old, new = ([t for t in side.triggers if t.inherited] for side in on)
    yield from compared(_INHERITED, old, new, terms, on=on, whole=(False, False))


_INHERITED: Kind[Trigger] = Kind("trigger", (ENABLED,), place="table")


def _always(*_: Any) -> bool:
    return True


def _unnamed(rule: Rule) -> str:
    """Return the statement that makes a rule of that content, whatever it is called."""
    return rule.definition.replace(f"CREATE RULE {quote_ident(rule.name)} ", "CREATE RULE r ", 1)


def _same_rule(old: Rule, new: Rule, terms: Terms) -> bool:
    return terms.statement(_unnamed(old), _unnamed(new))


# A rule changes what statements do, with the rights of the table's owner: whatever comes or goes may let
# through what was held.
_RULE: tuple[Attribute[Any], ...] = (
    field("definition", "definition", short, same=_same_rule, widens=_always),
    field("enabled", "enabled", widens=_always),
)
RULE: Kind[Rule] = Kind(
    "rule",
    _RULE,
    place="table",
    described=lambda rule, _: short(rule.definition),
    alike=same_content(_RULE),
    shapes=lambda rule, _: ((rule.event, rule.instead),),
    lets_in=_always,
    held_back=_always,
    since=2,
)


def rules(before: Table | View, after: Table | View, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the rules of one table or view."""
    return compared(RULE, before.rules, after.rules, terms, on=(before, after))


def _checks_less(old: View, new: View, _: Terms) -> bool:
    return old.check_option == "cascaded" or new.check_option is None


def _same_query(old: View, new: View, terms: Terms) -> bool:
    return old.columns == new.columns and terms.query(old.definition, new.definition)


_VIEW: tuple[Attribute[Any], ...] = (
    field("definition", "definition", short, same=_same_query),
    flag("security invoker", "security_invoker", widens=loses("security_invoker")),
    flag("security barrier", "security_barrier", widens=loses("security_barrier")),
    field("check option", "check_option", widens=_checks_less, since=2),
    OWNER,
)
_VIEW_COLUMN: Kind[Column] = Kind(
    "column",
    (field("default", "default", same=lambda o, n, terms: terms.expression(o.default, n.default, n.type)),),
    place="table",
    privileges=lambda column, view: (column.grants, view.owner),
    since=2,
)


def _altered(view: View, names: set[str]) -> list[Column]:
    """Return those of the columns `names` that the view has, whether there is something to say of them."""
    known = {column.name: column for column in view.altered}
    return [known.get(name) or Column(name, "") for name in view.columns if name in names]


def _on_view(old: View, new: View, _: ObjectRef, terms: Terms) -> Iterator[Change]:
    """Yield what differs of all that hangs on a view."""
    on = old, new
    if old.altered != new.altered or old.owner != new.owner:
        names = {column.name for column in (*old.altered, *new.altered)}
        columns = _altered(old, names), _altered(new, names)
        yield from compared(_VIEW_COLUMN, *columns, terms, on=on, whole=(False, False))
    yield from triggers(old, new, terms)
    yield from rules(old, new, terms)
    if old.indexes != new.indexes and terms.format >= 2:
        yield from indexes(old, new, terms)


VIEW: Kind[View] = Kind(
    None,
    _VIEW,
    described=lambda view, _: short(view.definition),
    key=lambda view: (view.kind, view.qname),
    alike=same_content(_VIEW),
    shapes=lambda v, terms: ((v.kind, v.owner, v.columns, terms.query_outline(v.definition)),),
    parts=_on_view,
)


def _same_result(old: Function, new: Function, terms: Terms) -> bool:
    return terms.type(_returns(old), _returns(new))


def _returns(function: Function) -> str:
    return function.returns or "nothing"


def _same_defaults(old: Function, new: Function, terms: Terms) -> bool:
    """Other names or types of arguments are told as such."""
    if old.signature == new.signature or old.arguments != new.arguments:
        return True
    if old.signature is None or new.signature is None:
        return False
    made = "CREATE FUNCTION f({}) RETURNS void LANGUAGE sql AS ''"
    return terms.statement(made.format(old.signature), made.format(new.signature))


def _number(value: float | None) -> str:
    return "default" if value is None else f"{value:g}"


def _aggregated(aggregate: Aggregate | None) -> str:
    if aggregate is None:
        return "none"
    parts = [f"{part} {routine.schema}.{routine.name}" for part, routine in aggregate.functions]
    return names([*parts, f"state {aggregate.state_type}", *(f"{o} {v}" for o, v in aggregate.options)])


_FUNCTION: tuple[Attribute[Any], ...] = (
    field("body", "body", lambda text: short(text or ""), same=lambda o, n, _: _lines(o) == _lines(n)),
    Attribute("returns", lambda function, _: _returns(function), _same_result),
    field("language", "language"),
    field("volatility", "volatility"),
    field(
        "security",
        "security_definer",
        lambda definer: "definer" if definer else "invoker",
        widens=gains("security_definer"),
    ),
    flag("leakproof", "leakproof", widens=gains("leakproof")),
    listed("settings", "settings"),
    Attribute("argument defaults", lambda f, _: f.signature or f.arguments, _same_defaults, since=2),
    flag("strict", "strict", since=2),
    field("parallel", "parallel", since=2),
    field("cost", "cost", _number, since=2),
    field("rows", "rows", _number, since=2),
    field("support", "support", dotted, since=2),
    listed("transforms", "transforms", since=2),
    Attribute("symbol", lambda f, _: names([s for s in (f.library, f.symbol) if s]) or "none", since=2),
    field("aggregate", "aggregate", _aggregated, since=2),
    OWNER,
)
_same_function = same_content(_FUNCTION)


def _alike(old: Function, new: Function, terms: Terms) -> bool:
    """Overloads are told apart by their arguments; where a name has one left over on each side, its
    arguments changed. One of another name has the same arguments and content."""
    if old.kind != new.kind:
        return False
    if old.qname == new.qname:
        return True
    return old.arguments == new.arguments and old.body is not None and _same_function(old, new, terms)


def _shapes(function: Function, _: Terms) -> tuple[Hashable, ...]:
    return (function.kind, function.qname), (function.kind, function.arguments, _lines(function))


FUNCTION: Kind[Function] = Kind(
    None,
    (field("arguments", "arguments", str), *_FUNCTION),
    label=lambda function: f"{function.name}({function.arguments})",
    described=lambda function, _: _signature(function),
    key=lambda function: (function.kind, function.qname, function.arguments),
    alike=_alike,
    shapes=_shapes,
)


def _signature(function: Function) -> str:
    rights = ", security definer" if function.security_definer else ""
    returns = f"returns {function.returns}, " if function.returns else ""
    return f"{returns}{function.language}, {function.volatility}{rights}"


def _lines(function: Function) -> str:
    """Return the body without what an editor changes: line ends, and space around the whole."""
    return (function.body or "").replace("\r\n", "\n").strip()
