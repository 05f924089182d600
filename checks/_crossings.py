"""What leads from one schema to another: the schemas that an object names, in its record or in a text."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

from validate_schema.pack import Facts, ObjectRef
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.sql import (
    Unreadable,
    check_expression,
    own_path,
    read_body,
    read_expression,
    read_statements,
    schemas_of,
    syntax,
)

from ._prose import without_comments

Nodes: TypeAlias = syntax.Node | tuple[syntax.Node, ...]
_Schemas: TypeAlias = tuple[
    frozenset[str], frozenset[str]
]  # those that are named, those that only seem to be

_QUALIFIED = re.compile(r'(?<![\w$."])(?:"((?:[^"]|"")+)"|([^\W\d][\w$]*))\s*\.\s*(?=["\w])')


class Crossing(NamedTuple):
    """An object and the schemas that it leads to. `unsure` are those that only a text which is put together
    when it is run seems to name."""

    ref: ObjectRef
    what: str
    leads_to: frozenset[str]
    unsure: frozenset[str] = frozenset()


def crossings(facts: Facts, schemas: Iterable[str]) -> Iterator[Crossing]:
    """Yield the objects of these schemas, each with all schemas that it names."""
    within = frozenset(schemas)
    for table in facts.catalog.tables:
        if table.schema in within:
            yield from _of_table(table)
    for view in facts.catalog.views:
        if view.schema in within:
            ref = ObjectRef("view", view.schema, name=view.name)
            yield Crossing(ref, f"The {view.kind}", *_said(view.definition, read_statements))
            yield from _of_triggers(view)
    for function in facts.catalog.functions:
        if function.schema in within:
            yield _of_function(function)


def _of_table(table: cat.Table) -> Iterator[Crossing]:
    name = table.qname
    above = {p.schema for p in (*table.inherits, *filter(None, [table.parent]))}
    yield Crossing(ObjectRef.of_table(name), "By inheritance the table", frozenset(above))
    for constraint in table.constraints:
        ref = ObjectRef.on_table("constraint", name, constraint.name)
        if constraint.references:
            yield Crossing(ref, "The foreign key", frozenset({constraint.references.schema}))
        else:
            yield Crossing(ref, f"The {constraint.kind} constraint", *_checked(constraint))
    for column in table.columns:
        named, unsure = _said(column.default, read_expression)
        named |= {column.type_name.schema} if column.type_name else set()
        yield Crossing(ObjectRef.on_table("column", name, column.name), "The column", named, unsure)
    for policy in table.policies:
        ref = ObjectRef.on_table("policy", name, policy.name)
        yield Crossing(ref, "The policy", *_all(policy.using, policy.check))
    for index in table.indexes:
        ref = ObjectRef.on_table("index", name, index.name)
        yield Crossing(ref, "The index", *_all(index.predicate, *index.expressions))
    yield from _of_triggers(table)


def _of_triggers(relation: cat.Table | cat.View) -> Iterator[Crossing]:
    for trigger in relation.triggers:
        named, unsure = _said(trigger.condition, read_expression)
        ref = ObjectRef.on_table("trigger", relation.qname, trigger.name)
        yield Crossing(ref, "The trigger", named | {trigger.function.schema}, unsure)
    for rule in relation.rules:
        ref = ObjectRef.on_table("rule", relation.qname, rule.name)
        yield Crossing(ref, "The rule", *_said(rule.definition, read_statements))


def _of_function(function: cat.Function) -> Crossing:
    """A literal of a body may be a statement that is put together, or a name: what it says is unsure."""
    ref = ObjectRef.of_routine(function.routine)
    path = frozenset(schemas_of(own_path(function.settings) or ""))
    body = function.body or ""
    try:
        read = read_body(
            function.language, body, function.signature or function.arguments, function.returns or ""
        )
    except Unreadable:
        named, unsure = frozenset[str](), _qualified(without_comments(body))
    else:
        named, unsure = _of_nodes(read.statements)
    return Crossing(ref, "The function", named | path, unsure - named - path)


def _checked(constraint: cat.Constraint) -> _Schemas:
    """An exclusion constraint is no expression: what its text names is unsure."""
    if constraint.kind != "check":
        return frozenset(), _qualified(constraint.definition or "")
    return _said(check_expression(constraint.definition or ""), read_expression)


def _all(*expressions: str | None) -> _Schemas:
    found = [_said(text, read_expression) for text in expressions]
    return frozenset().union(*(named for named, _ in found)), frozenset().union(*(u for _, u in found))


def _said(text: str | None, read: Callable[[str], Nodes]) -> _Schemas:
    """Return the schemas that the server's own text of an expression or statement names: its literals are
    names of relations where they look so, for the server has printed them with their schema."""
    if not text:
        return frozenset(), frozenset()
    try:
        nodes = read(text)
    except Unreadable:
        return frozenset(), _qualified(text)
    named, literals = _of_nodes(nodes if isinstance(nodes, tuple) else (nodes,))
    return named | literals, frozenset()


def _of_nodes(nodes: Iterable[syntax.Node]) -> _Schemas:
    """Return the schemas that a statement names, and those that its literals seem to name."""
    named, literals = set(), set[str]()
    for node in syntax.walk(*nodes):
        if isinstance(node, (syntax.Table, syntax.Call)) and node.schema:
            named.add(node.schema)
        elif isinstance(node, syntax.TypeRef) and len(node.names) > 1:
            named.add(node.names[0])
        elif isinstance(node, syntax.Const) and isinstance(node.value, str):
            literals |= _qualified(node.value)
    return frozenset(named), frozenset(literals)


def _qualified(text: str) -> frozenset[str]:
    found = _QUALIFIED.finditer(text)
    return frozenset(m[1].replace('""', '"') if m[1] is not None else m[2].lower() for m in found)
