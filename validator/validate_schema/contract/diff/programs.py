"""Views, functions and triggers on both sides."""

from collections.abc import Hashable, Iterator
from typing import Any

from ...model.catalog import Function, Table, Trigger, View
from ...model.difference import Change
from ...model.finding import ObjectRef
from ...model.wording import excerpt
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
from .terms import Terms

_LENGTH = 200

_TRIGGER: tuple[Attribute[Any], ...] = (
    Attribute("fires", lambda trigger, _: _firing(trigger)),
    field("function", "function", dotted),
    ENABLED,
)
TRIGGER: Kind[Trigger] = Kind(
    "trigger",
    _TRIGGER,
    place="table",
    described=lambda trigger, _: f"{_firing(trigger)} execute {dotted(trigger.function)}",
    alike=same_content(_TRIGGER),
    shapes=lambda trigger, _: ((trigger.function, trigger.timing, trigger.events, trigger.level),),
)


def triggers(before: Table | View, after: Table | View, terms: Terms) -> Iterator[Change]:
    """Yield the changes of the triggers of one table or view, but of those that come from its parent."""
    old, new = ([t for t in side.triggers if not t.inherited] for side in (before, after))
    return compared(TRIGGER, old, new, terms, on=(before, after))


def _firing(trigger: Trigger) -> str:
    return f"{trigger.timing} {' or '.join(trigger.events)} for each {trigger.level}"


def _short(definition: str) -> str:
    return excerpt(definition, _LENGTH)


def _same_query(old: View, new: View, terms: Terms) -> bool:
    return old.columns == new.columns and terms.query(old.definition, new.definition)


_VIEW: tuple[Attribute[Any], ...] = (
    field("definition", "definition", _short, same=_same_query),
    flag("security invoker", "security_invoker", widens=loses("security_invoker")),
    flag("security barrier", "security_barrier"),
    OWNER,
)


def _on_view(old: View, new: View, _: ObjectRef, terms: Terms) -> Iterator[Change]:
    return triggers(old, new, terms)


VIEW: Kind[View] = Kind(
    None,
    _VIEW,
    described=lambda view, _: _short(view.definition),
    key=lambda view: (view.kind, view.qname),
    alike=same_content(_VIEW),
    shapes=lambda v, terms: ((v.kind, v.owner, v.columns, terms.query_outline(v.definition)),),
    parts=_on_view,
)


def _same_result(old: Function, new: Function, terms: Terms) -> bool:
    return terms.type(_returns(old), _returns(new))


def _returns(function: Function) -> str:
    return function.returns or "nothing"


_FUNCTION: tuple[Attribute[Any], ...] = (
    field("body", "body", lambda text: _short(text or ""), same=lambda o, n, _: _lines(o) == _lines(n)),
    Attribute("returns", lambda function, _: _returns(function), _same_result),
    field("language", "language"),
    field("volatility", "volatility"),
    field(
        "security",
        "security_definer",
        lambda definer: "definer" if definer else "invoker",
        widens=gains("security_definer"),
    ),
    flag("leakproof", "leakproof"),
    listed("settings", "settings"),
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
