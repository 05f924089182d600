"""Checks, triggers, rules, functions, sequences and extensions of the contract, paired with what exists."""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NamedTuple

from validate_schema.pack import Check, Facts, Flaw, ObjectRef, Promise, Remedy, Severity, Unexamined, check
from validate_schema.pack.model import catalog, change_words, contract, declared_changes
from validate_schema.pack.sql import same_type

from ._declared import declared_tables, declared_views, written_in

_SINCE = 2  # the snapshot format that holds them
_PROGRAMS = ("function", "procedure", "aggregate", "window")
TENANCY = """
    [tenancy]
    root = "organization"
    column = "org_id"
"""


class DeclaredObject(NamedTuple):
    """An object that the contract declares, and what exists under its name."""

    expected: contract.ExpectedObject
    on: catalog.Table | catalog.View | None
    there: contract.AnyObject | None
    schema: str

    @property
    def ref(self) -> ObjectRef:
        kind, label = self.expected.kind, self.expected.label
        if self.on is not None:
            return ObjectRef.on_table(kind, self.on.qname, label)
        return ObjectRef(kind, self.schema, name=label)


def on_relations(kind: str) -> Callable[[Facts], Iterator[DeclaredObject]]:
    """Select the contract's objects of a kind on tables and views that exist."""

    def selected(facts: Facts) -> Iterator[DeclaredObject]:
        for expected, relation in declared_relations(facts):
            wanted = [item for item in expected.objects if item.kind == kind]
            there = {item.name: item for item in _of_relation(relation, kind)} if wanted else {}
            for item in wanted:
                yield DeclaredObject(item, relation, there.get(item.label), "")

    return selected


def declared_relations(
    facts: Facts,
) -> Iterator[tuple[contract.ExpectedTable | contract.ExpectedView, catalog.Table | catalog.View]]:
    """Yield the contract's tables and views that exist, each with what it is declared to be."""
    for declared_table in declared_tables(facts):
        if declared_table.table is not None:
            yield declared_table.expected, declared_table.table
    for declared_view in declared_views(facts):
        if declared_view.view is not None:
            yield declared_view.expected, declared_view.view


def _of_relation(relation: catalog.Table | catalog.View, kind: str) -> tuple[contract.AnyObject, ...]:
    if kind == "check":
        return relation.checks if isinstance(relation, catalog.Table) else ()
    return relation.triggers if kind == "trigger" else relation.rules


def declared_functions(facts: Facts) -> Iterator[DeclaredObject]:
    """Functions and procedures of the contract."""
    named: dict[catalog.QName, list[catalog.Function]] = {}
    for function in facts.catalog.functions:
        named.setdefault(function.qname, []).append(function)
    for item, schema in _alone(facts, *_PROGRAMS):
        record = item.record
        if isinstance(record, catalog.Function):
            overloads = named.get(catalog.QName(schema, record.name), [])
            there = next((f for f in overloads if same_arguments(record.arguments, f.arguments)), None)
            yield DeclaredObject(item, None, there, schema)


def same_arguments(wanted: str, there: str) -> bool:
    """Tell whether a function has the declared arguments, of which the contract may give the types alone."""
    if wanted == there:
        return True
    left, right = ([part.split() for part in text.split(",")] if text else [] for text in (wanted, there))
    return len(left) == len(right) and all(
        any(same_type(" ".join(declared), " ".join(part[start:])) for start in range(len(part)))
        for declared, part in zip(left, right, strict=True)
    )


def declared_sequences(facts: Facts) -> Iterator[DeclaredObject]:
    """Sequences of the contract."""
    known = {(s.schema, s.name): s for s in facts.catalog.sequences}
    for item, schema in _alone(facts, "sequence"):
        yield DeclaredObject(item, None, known.get((schema, item.label)), schema)


def declared_extensions(facts: Facts) -> Iterator[DeclaredObject]:
    """Extensions of the contract."""
    known = {e.name: e for e in facts.catalog.extensions}
    for item, _ in _alone(facts, "extension"):
        yield DeclaredObject(item, None, known.get(item.label), "")


def _alone(facts: Facts, *kinds: str) -> Iterator[tuple[contract.ExpectedObject, str]]:
    for item in facts.contract.objects:
        if item.kind in kinds:
            yield item, item.schema or facts.default_schema


def declared(
    id: str,
    noun: str,
    *,
    subjects: Callable[[Facts], Iterator[DeclaredObject]],
    why: str,
    bad: str,
    good: str,
    config: str,
    promise: str,
) -> Callable[[Callable[..., str]], Check]:
    """Declare the check that the contract's objects of one kind are as declared; the decorated function
    says how a missing one is mended, and its docstring is the manual page."""

    def declare(cure: Callable[..., str]) -> Check:
        @wraps(cure)
        def judge(subject: DeclaredObject, facts: Facts) -> Flaw | Unexamined | None:
            return _judge(subject, facts, cure(subject))

        return check(
            id,
            f"A declared {noun} is missing or different",
            subjects=subjects,
            severity=Severity.ERROR,
            needs="contract",
            promise=Promise(promise, place=18, if_any=True),
            why=why,
            bad=bad,
            good=good,
            config=config,
            remediable=False,
        )(judge)

    return declare


def _judge(subject: DeclaredObject, facts: Facts, cure: str) -> Flaw | Unexamined | None:
    item = subject.expected
    name = f"{item.kind.capitalize()} {subject.ref.label(facts.default_schema)}"
    if facts.catalog.format < _SINCE:
        return Unexamined(f"{name}: an older version took the snapshot, which does not hold it")
    if subject.there is None:
        return Flaw(
            message=f"{name} does not exist",
            expected=f"{_described(item)}{written_in(item)}",
            location=item.where,
            observed="none of that name",
            remedy=Remedy(note=cure),
        )
    found = [
        change_words(change, facts.default_schema)
        for change in declared_changes(item, subject.there, subject.on, facts.default_schema)
    ]
    if not found:
        return None
    return Flaw(
        message=f"{name} is not as declared: {', '.join(words.what for words in found)}",
        expected="; ".join(words.sides[0] for words in found) + written_in(item),
        location=item.where,
        observed="; ".join(words.sides[1] for words in found),
        remedy=Remedy(note="Decide which is meant, and make the other the same by a migration."),
    )


def _described(item: contract.ExpectedObject) -> str:
    record: Any = item.record
    return getattr(record, "definition", None) or f"a {item.kind} {item.label}"
