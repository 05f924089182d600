"""ENU: enums hold the labels that the contract gives them, and every enum is used."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog, contract
from validate_schema.pack.remedies import create
from validate_schema.pack.sql import (
    Named,
    Unreadable,
    check_expression,
    parse_type,
    quote_ident,
    quote_literal,
    quote_qname,
    read_expression,
    syntax,
)

from ._declared import declared_columns, is_free, written_in
from ._undeclared import Seen, undeclared

_TENANCY = """
    [tenancy]
    root = "organization"
    column = "org_id"

    [contract.enums]
    task_status = ["open", "done"]
"""


class ListedColumn(NamedTuple):
    """A column that stands for an enum by a CHECK on its values."""

    table: catalog.Table
    constraint: catalog.Constraint
    labels: tuple[str, ...]


class DeclaredEnum(NamedTuple):
    """An enum of the contract. `enum` is None where no such type exists; then `columns` are those
    that the contract gives the type, as far as a CHECK lists their values, and `unlisted` the others."""

    expected: contract.ExpectedEnum
    qname: catalog.QName
    enum: catalog.Enum | None
    columns: tuple[ListedColumn, ...]
    unlisted: tuple[str, ...]

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("enum", self.qname.schema, name=self.qname.name)

    @property
    def exists(self) -> bool:
        return self.enum is not None or (bool(self.columns) and not self.unlisted)


def declared_enums(facts: Facts) -> Iterator[DeclaredEnum]:
    """Enums of the contract."""
    known = {e.qname: e for e in facts.catalog.enums}
    for expected in facts.contract.enums:
        qname = _declared_as(expected, facts)
        enum = known.get(qname)
        listed, unlisted = ((), ()) if enum else _listed(qname, facts)
        yield DeclaredEnum(expected, qname, enum, listed, unlisted)


def _declared_as(expected: contract.ExpectedEnum, facts: Facts) -> catalog.QName:
    return catalog.QName(expected.schema or facts.default_schema, expected.name)


def existing_enums(facts: Facts) -> Iterator[DeclaredEnum]:
    """Enums of the contract that exist, as a type or as a CHECK on every column declared with them."""
    yield from (declared for declared in declared_enums(facts) if declared.exists)


def _listed(qname: catalog.QName, facts: Facts) -> tuple[tuple[ListedColumn, ...], tuple[str, ...]]:
    listed, unlisted = [], []
    for table, column in facts.once(_columns_by_type).get(qname, ()):
        found = next((c for c in table.constraints if _labels(c, column.name) is not None), None)
        if found is None:
            unlisted.append(f"{facts.show(table.qname)}.{column.name}")
        else:
            listed.append(ListedColumn(table, found, _labels(found, column.name) or ()))
    return tuple(listed), tuple(unlisted)


def _columns_by_type(
    facts: Facts,
) -> dict[tuple[str, str], list[tuple[catalog.Table, catalog.Column]]]:
    """Return the existing columns to which the contract gives a type, by that type's schema and name."""
    found: dict[tuple[str, str], list[tuple[catalog.Table, catalog.Column]]] = {}
    for table, expected, column in declared_columns(facts):
        if column is not None and expected.type:
            wanted = parse_type(expected.type, facts.default_schema)
            found.setdefault((wanted.schema, wanted.name), []).append((table, column))
    return found


def _labels(constraint: catalog.Constraint, column: str) -> tuple[str, ...] | None:
    """Return the values that a CHECK lists for a column, None where it says anything else, as NOT VALID.

    The server prints ``col IN ('a', 'b')`` as ``((col)::text = ANY (ARRAY['a'::text, 'b'::text]))``.
    """
    definition = constraint.definition or ""
    if constraint.kind != "check" or not definition.endswith(")"):
        return None
    try:
        tree = read_expression(check_expression(definition))
    except Unreadable:
        return None
    parts = tree.args if isinstance(tree, syntax.Or) else (tree,)
    listed = [part for part in parts if not _may_be_null(part, column)]
    return _listed_in(listed[0], column) if len(listed) == 1 else None


def _may_be_null(part: syntax.Node, column: str) -> bool:
    return part == syntax.NullTest(syntax.Column((column,)))


def _listed_in(part: syntax.Node, column: str) -> tuple[str, ...] | None:
    match part:
        case syntax.Quantified(operator="=", left=left, array=array, every=False):
            listed = syntax.uncast(array)
            items = listed.items if isinstance(listed, syntax.Array) else ()
        case syntax.In(value=left, items=items, negated=False):
            pass
        case syntax.Operation(operator="=", left=syntax.Node() as left, right=right):
            items = (right,)
        case _:
            return None
    values = [syntax.uncast(item) for item in items]
    labels = tuple(v.value for v in values if isinstance(v, syntax.Const) and isinstance(v.value, str))
    own = syntax.uncast(left) == syntax.Column((column,))
    return labels if own and labels and len(labels) == len(values) else None


@check(
    "ENU001",
    "A declared enum does not exist",
    subjects=declared_enums,
    severity=Severity.ERROR,
    needs="contract",
    why="Columns that should take one of a few values take any.",
    bad="create table task (id uuid primary key, org_id uuid not null references organization (id), status text);",
    good="create type task_status as enum ('open', 'done');",
    config=_TENANCY,
    portable=True,
)
def expected_enum(declared: DeclaredEnum, facts: Facts) -> Flaw | None:
    """An enum that the contract declares is missing.

    Examined: the contract's enums. Passes when the type exists, or when every column that the
    contract gives this type has a valid ``CHECK (column IN (...))`` instead. Its labels are ENU002's question.
    """
    if declared.exists:
        return None
    near = facts.once(_by_folded_name).get(_folded(declared.qname.name), [])
    observed = "no such enum" + (f"; there is {', '.join(near)}" if near else "")
    if declared.unlisted:
        observed += f"; no CHECK lists the values of {', '.join(declared.unlisted)}"
    return Flaw(
        message=f"Enum {facts.show(declared.qname)} does not exist",
        expected=f"an enum of that name, or a CHECK on its columns{written_in(declared.expected)}",
        location=declared.expected.where,
        observed=observed,
        remedy=_create(declared, near, facts),
    )


def _create(declared: DeclaredEnum, near: list[str], facts: Facts) -> Remedy:
    if near:
        return Remedy(note=f"Rename {' or '.join(near)}, or correct the contract, if the same enum is meant.")
    if not is_free(declared.qname, facts):
        return Remedy(
            note="Another object of that name is in the way, or the schema is missing: create the type in a migration."
        )
    labels = ", ".join(map(quote_literal, declared.expected.labels))
    return Remedy(
        steps=(create("TYPE", declared.qname, f"AS ENUM ({labels})"),),
        note="The columns that should have the type still have another: COL002 reports them.",
        lock="none on tables",
    )


def _by_folded_name(facts: Facts) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for enum in facts.catalog.enums:
        found.setdefault(_folded(enum.name), []).append(facts.show(enum.qname))
    return found


def _folded(name: str) -> str:
    return name.replace("_", "").casefold()


@check(
    "ENU002",
    "An enum's labels are not the declared ones",
    subjects=existing_enums,
    severity=Severity.ERROR,
    needs="contract",
    promise=Promise("{n} declared enum types have their labels", place=16, if_any=True),
    why="The application writes a value that the database refuses, or reads one that it does not know.",
    bad="create type task_status as enum ('open');",
    good="create type task_status as enum ('open', 'done');",
    config=_TENANCY,
    portable=True,
)
def labels(declared: DeclaredEnum, facts: Facts) -> Flaw | None:
    """An enum lacks a label that the contract gives it, or has another one.

    Examined: enums of the contract that exist, as a type or as CHECKs. Fails for missing and extra
    labels; labels in another order are a warning, because comparisons and sorting follow the order, or an
    info where the source does not keep it, as Prisma. The remedy adds what is missing; a label cannot be dropped from an enum.
    """
    wanted = declared.expected.labels
    if declared.enum is not None:
        return _compare(declared, wanted, declared.enum.labels, facts)
    for column in declared.columns:
        if set(column.labels) != set(wanted):
            return _compare(declared, wanted, column.labels, facts, column)
    return None


def _compare(
    declared: DeclaredEnum,
    wanted: tuple[str, ...],
    observed: tuple[str, ...],
    facts: Facts,
    column: ListedColumn | None = None,
) -> Flaw | None:
    if observed == wanted:
        return None
    name = facts.show(declared.qname)
    missing = [label for label in wanted if label not in observed]
    extra = [label for label in observed if label not in wanted]
    what = [f"lacks {', '.join(missing)}"] if missing else []
    what += [f"has {', '.join(extra)} besides"] if extra else []
    where = f" in {facts.show(column.table.qname)}.{column.constraint.name}" if column else ""
    return Flaw(
        message=f"Enum {name}{where} {' and '.join(what) or 'has its labels in another order'}",
        expected=", ".join(wanted) + written_in(declared.expected),
        location=declared.expected.where,
        observed=", ".join(observed),
        remedy=_list_again(column) if column else _add_labels(declared.qname, wanted, observed, bool(extra)),
        severity=None if missing or extra else _order_matters(declared.expected),
    )


def _order_matters(expected: contract.ExpectedEnum) -> Severity:
    return Severity.WARNING if expected.ordered else Severity.INFO


def _list_again(column: ListedColumn) -> Remedy:
    return Remedy(
        note=f"Add a CHECK with the declared values as NOT VALID, validate it, then drop {column.constraint.name}. "
        "Rows that hold other values must be changed first."
    )


def _add_labels(
    qname: catalog.QName, wanted: tuple[str, ...], observed: tuple[str, ...], extra: bool
) -> Remedy:
    """Add each missing label after the one that precedes it in the contract."""
    steps = []
    there = list(observed)
    for position, label in enumerate(wanted):
        if label in there:
            continue
        following = next((w for w in wanted[position + 1 :] if w in there), None)
        place = f" AFTER {quote_literal(wanted[position - 1])}" if position else ""
        if not position and following is not None:
            place = f" BEFORE {quote_literal(following)}"
        steps.append(Step(f"ALTER TYPE {quote_qname(qname)} ADD VALUE {quote_literal(label)}{place};"))
        there.append(label)
    notes = (
        ["Run each on its own: a new label cannot be used in the transaction that adds it."] if steps else []
    )
    if extra:
        notes.append(
            "A label cannot be dropped: change the rows that use it, make a new type, or add it to the contract."
        )
    if not steps and not extra:
        notes.append(
            "The order of labels cannot be changed: make a new type, or correct the contract if nothing sorts by it."
        )
    return Remedy(steps=tuple(steps), note=" ".join(notes), lock="none on tables" if steps else "")


class EnumType(NamedTuple):
    """An enum type of the database, and whether anything uses it."""

    enum: catalog.Enum
    used: bool

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("enum", self.enum.schema, name=self.enum.name)


def enum_types(facts: Facts) -> Iterator[EnumType]:
    """Every enum type."""
    stored = {c.type_name for t in facts.catalog.tables for c in t.columns} | {
        d.type_name for d in facts.catalog.domains
    }
    for enum in facts.catalog.enums:
        yield EnumType(enum, enum.qname in stored or enum.name in facts.once(_named))


@check(
    "ENU003",
    "Nothing uses an enum",
    subjects=enum_types,
    severity=Severity.INFO,
    why="It is left over from a change, or a column that should have it takes any text.",
    bad="create type task_status as enum ('open', 'done');",
    good="""
        create type task_status as enum ('open', 'done');
        create table task (id uuid primary key, org_id uuid not null references organization (id), status task_status);
    """,
)
def unused_enum(subject: EnumType, facts: Facts) -> Flaw | None:
    """No column uses an enum type.

    Examined: every enum type. Columns and arrays of it, domains over it, and functions and views
    that name it all count as use. Composite types, ranges and casts in the application are not seen,
    so that the statement of the remedy refuses to drop what still depends on the type.
    """
    qname = subject.enum.qname
    if subject.used:
        return None
    declared = qname in facts.once(_declared_names)
    drop = Step(f"DROP TYPE {quote_qname(qname)};")
    return Flaw(
        message=f"No column, domain, function or view uses the enum {facts.show(qname)}",
        expected="an enum that a column uses",
        observed=f"unused; labels: {', '.join(subject.enum.labels)}",
        remedy=Remedy(note="The contract declares it: give it to the column that should have it.")
        if declared
        else Remedy(
            steps=(drop,),
            note="See first that no application casts to it. The statement fails if anything still depends on it.",
            lock="none on tables",
        ),
    )


def _declared_names(facts: Facts) -> frozenset[catalog.QName]:
    return frozenset(_declared_as(expected, facts) for expected in facts.contract.enums)


def _named(facts: Facts) -> frozenset[str]:
    """Return the names of enums that a view or function writes; a namesake counts, so that nothing untrue
    is said."""
    texts = [v.definition for v in facts.catalog.views]
    texts += [text for f in facts.catalog.functions for text in (f.arguments, f.returns, f.body) if text]
    enums = Named((name, name) for name in {e.name for e in facts.catalog.enums})
    found: set[str] = set()
    for text in texts if facts.catalog.enums else ():
        found.update(name for name in enums.within(text) if name not in found and _is_written(name, text))
    return frozenset(found)


def _is_written(name: str, text: str) -> bool:
    """Tell whether a text holds the name by itself: unquoted, or in quotes of its own."""
    plain = rf'(?<![\w"]){re.escape(name)}(?![\w"])'
    return re.search(f"{plain}|{re.escape(quote_ident(name))}", text) is not None


def enums(facts: Facts) -> Iterator[EnumType]:
    """Enum types, when the contract is closed and lists enums or holds whole tables."""
    listed = facts.contract.enums or any(t.complete for t in facts.contract.tables)
    if facts.contract.closed and listed:
        yield from enum_types(facts)


@undeclared(
    "ENU004",
    "enum",
    named="Enum ",
    subjects=enums,
    severity=Severity.INFO,
    why="It is left over from a change, or a column has values that the application does not know.",
    bad="create type mood as enum ('sad', 'ok');",
    good="create type task_status as enum ('open', 'done');",
    contract="""
        [contract.enums]
        task_status = ["open", "done"]
        [contract.tables.organization]
    """,
    drop="it once no column uses it",
    portable=False,
)
def unexpected_enum(subject: EnumType, facts: Facts) -> Seen:
    """An enum type exists that the closed contract does not declare.

    Examined: every enum type, if the contract says ``closed = true`` and lists enums.
    """
    name = subject.enum.qname
    if name in facts.once(_declared_names):
        return None
    return f"enum; labels: {', '.join(subject.enum.labels)}"
