"""Functions that the isolation of tenants rests on: whoever may rewrite one of them decides what it says.

Found by the names that texts call, so that a text which cannot be parsed is read as well: the texts of
policies, of functions that run with their owner's rights, of views that do, of what the server itself runs
on rows; then of the functions that these call.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ..model.catalog import Function, Routine, Table
from ..model.tenancy import OWNED
from .facts import Facts

_CALL = re.compile(r'"?\s*\(')


class Reliance(NamedTuple):
    """A function, and the first of what calls it: ``policy p on invoice``. `runs_as` is the role that it
    then runs as; empty where that is whoever uses the table."""

    function: Function
    caller: str
    runs_as: str = ""


def relied_on(facts: Facts) -> Mapping[Routine, Reliance]:
    """Return the functions that the isolation rests on, and whose rewriting gives more than its owner has."""
    return facts.once(_relied_on)


def _relied_on(facts: Facts) -> dict[Routine, Reliance]:
    found: dict[Routine, Reliance] = {}
    queue: list[Reliance] = []
    fired = {f.qname: f for f in facts.catalog.functions if f.returns in ("trigger", "event_trigger")}
    for table in facts.catalog.tables:
        queue += [
            Reliance(fired[t.function], f"trigger {t.name} on {facts.show(table.qname)}")
            for t in table.triggers
            if t.function in fired
        ]
        if not (table.policies or facts.class_of(table.qname) in OWNED):
            continue
        queue += _called(facts, ((text, who, "") for text, who in _texts_of_table(table, facts)))
    queue += [
        Reliance(fired[t.function], f"event trigger {t.name}")
        for t in facts.catalog.event_triggers
        if t.function in fired
    ]
    for domain in facts.catalog.domains:
        checks = ((c.definition or "", f"domain {domain.name}", "") for c in domain.checks)
        queue += _called(facts, checks)
    for view in facts.catalog.views:
        if not view.security_invoker:
            queue += _called(facts, [(view.definition, f"{view.kind} {facts.show(view.qname)}", "")])
    for function in facts.catalog.functions:
        if function.security_definer and function.body:
            caller = f"SECURITY DEFINER function {_shown(function, facts)}"
            queue += _called(facts, [(function.body, caller, function.owner)], but=function)
    while queue:
        reliance = queue.pop(0)
        function = reliance.function
        if function.routine in found:
            continue
        found[function.routine] = reliance
        runs_as = function.owner if function.security_definer else reliance.runs_as
        caller = f"function {_shown(function, facts)}"
        if function.body:
            queue += _called(facts, [(function.body, caller, runs_as)], but=function)
    return found


def _texts_of_table(table: Table, facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield what is run when rows of the table are read or written, and what runs it."""
    name = facts.show(table.qname)
    for policy in table.policies:
        yield f"{policy.using or ''} {policy.check or ''}", f"policy {policy.name} on {name}"
    for constraint in table.checks:
        yield constraint.definition or "", f"CHECK {constraint.name} of {name}"
    for index in table.indexes:
        if index.expressions or index.predicate:
            yield " ".join((*index.expressions, index.predicate or "")), f"index {index.name} of {name}"
    for column in table.columns:
        if column.default:
            yield column.default, f"column {column.name} of {name}"
    for rule in table.rules:
        yield rule.definition, f"rule {rule.name} on {name}"


def _called(
    facts: Facts,
    texts: Iterable[tuple[str, str, str]],
    but: Function | None = None,
) -> Iterator[Reliance]:
    known = facts.once(_known)
    for text, caller, runs_as in texts:
        if text not in known:
            known[text] = tuple(_in_text(text, facts))
        yield from (Reliance(function, caller, runs_as) for function in known[text] if function is not but)


def _known(_: Facts) -> dict[str, tuple[Function, ...]]:
    return {}  # what each text calls, as far as it was asked for


def _in_text(text: str, facts: Facts) -> Iterator[Function]:
    yield from (f for f in facts.named_functions.within(text) if _calls(text, f.name))
    if "OPERATOR(" in text:
        for operator, function in facts.once(_operators):
            if operator in text:
                yield function


def _operators(facts: Facts) -> list[tuple[str, Function]]:
    """Return the operators that somebody made, by the end of OPERATOR(schema.name), with their functions."""
    by_routine = {f.routine: f for f in facts.catalog.functions}
    return [
        (f".{o.name})", by_routine[o.function]) for o in facts.catalog.operators if o.function in by_routine
    ]


def _calls(text: str, name: str) -> bool:
    """Tell whether a bracket follows the name somewhere in the text, as in a call."""
    at = text.find(name)
    while at >= 0:
        if _CALL.match(text, at + len(name)):
            return True
        at = text.find(name, at + 1)
    return False


def _shown(function: Function, facts: Facts) -> str:
    return f"{facts.show(function.qname)}({function.arguments})"
