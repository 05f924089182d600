"""What a declared key says beyond its columns, compared with the index or constraint that exists."""

from collections.abc import Sequence

from validate_schema.pack import Facts, Flaw, Remedy, Severity, Step
from validate_schema.pack.model import catalog, contract
from validate_schema.pack.remedies import alter_table
from validate_schema.pack.sql import quote_ident, quote_qname, same_expression

from ._declared import written_in
from ._expected import ExpectedOf, ExpectedReference
from ._references import deferral_words

_DESCENDING, _NULLS_FIRST = 1, 2  # the flags in pg_index.indoption
_RENAME = {
    "foreign key": "a foreign key",
    "unique": "a unique",
    "index": "an index",
    "primary key": "a primary key",
}


def same_predicate(key: contract.ExpectedKey, index: catalog.Index, facts: Facts) -> bool:
    """Tell whether an index has the declared predicate: none, where none is declared."""
    return same_expression(key.predicate, index.predicate, facts.default_schema)


def same_keys(key: contract.ExpectedKey, index: catalog.Index, facts: Facts, *, first: bool = False) -> bool:
    """Tell whether an index is on the declared columns and expressions, in this order; with `first`,
    whether it starts with them."""
    width = len(key.columns)
    if width > len(index.columns) or (width < len(index.columns) and not first):
        return False
    if not key.expressions:
        return index.columns[:width] == key.columns
    expressions = iter(index.expressions)
    pairs = zip(key.columns, index.columns[:width], strict=True)
    return all(
        column == wanted and wanted not in key.expressions
        if column is not None
        else wanted in key.expressions and same_expression(wanted, next(expressions), facts.default_schema)
        for wanted, column in pairs
    )


def declared_where(key: contract.ExpectedKey) -> str:
    """Return the declared predicate, to follow the columns."""
    return f" WHERE {key.predicate}" if key.predicate is not None else ""


def nearest_by_details(key: contract.ExpectedKey, indexes: Sequence[catalog.Index]) -> catalog.Index:
    """Return the index that has most of the declared details, by preference the one of its name."""
    return min(indexes, key=lambda i: (len(_details(key, i)), i.name != key.name, i.name))


def deferral_of(table: catalog.Table, index: catalog.Index) -> str:
    """Return when a unique is checked, in the words of the contract."""
    return next((c.deferral for c in table.constraints if c.name == index.constraint), "no")


def _uniqueness(key: contract.ExpectedKey, index: catalog.Index) -> list[str]:
    if key.nulls_distinct is None or key.nulls_distinct != index.nulls_not_distinct:
        return []
    words = ("NULLS NOT DISTINCT", "NULLS DISTINCT")
    return [f"{words[not key.nulls_distinct]} instead of {words[key.nulls_distinct]}"]


def _details(key: contract.ExpectedKey, index: catalog.Index) -> list[str]:
    found = []
    if key.method is not None and key.method != index.method:
        found.append(f"{index.method} instead of {key.method}")
    pairs = zip(index.columns, index.options, strict=False)
    descending = {column for column, flags in pairs if flags & _DESCENDING}
    if key.ordered and descending != set(key.descending):
        found.append(f"{_sorted(descending)} instead of {_sorted(set(key.descending))}")
    elif key.nulls is not None and _unusual_nulls(key, index) != [c in key.nulls for c in key.columns]:
        found.append("NULLs at the other end")
    collations = index.collations or ("",) * len(index.columns)
    found += [
        f"{there or 'the default collation'} instead of {wanted or 'the default collation'}"
        for wanted, there in zip(key.collations or (), collations, strict=False)
        if wanted != there
    ]
    classes = zip(key.opclasses, index.opclasses or ("",) * len(key.opclasses), strict=False)
    found += [
        f"{there or 'the default operator class'} instead of {wanted}"
        for wanted, there in classes
        if wanted and wanted != there.rpartition(".")[2]
    ]
    if key.include is not None and set(key.include) != set(index.include):
        found.append(f"{_included(index.include)} instead of {_included(key.include)}")
    return found + _uniqueness(key, index)


def _unusual_nulls(key: contract.ExpectedKey, index: catalog.Index) -> list[bool]:
    """Tell of each declared column whether its NULLs stand at the other end than its order puts them."""
    width = len(key.columns)
    return [flags in (_DESCENDING, _NULLS_FIRST) for flags in (index.options or (0,) * width)[:width]]


def _included(columns: Sequence[str]) -> str:
    return f"INCLUDE ({', '.join(sorted(columns))})" if columns else "no INCLUDE"


def _deferral(subject: ExpectedOf, index: catalog.Index) -> list[str]:
    wanted, there = subject.key.deferral, deferral_of(subject.table, index)
    if wanted is None or wanted == there:
        return []
    return [f"{deferral_words(there)} instead of {deferral_words(wanted)}"]


def _temporal(key: contract.ExpectedKey, there: bool) -> list[str]:
    words = ("no WITHOUT OVERLAPS", "WITHOUT OVERLAPS")
    return [] if key.temporal in (None, there) else [f"{words[there]} instead of {words[not there]}"]


def other_constraint(subject: ExpectedOf, key: catalog.Constraint, facts: Facts) -> Flaw | None:
    """Judge a primary key on the declared columns by what else was declared of it."""
    index = next((i for i in subject.table.indexes if i.primary), None)
    found = _temporal(subject.key, key.temporal) + (_deferral(subject, index) if index is not None else [])
    if not found:
        return other_name(subject, subject.kind, (key.name,), facts)
    return Flaw(
        message=f"The primary key of {facts.show(subject.table.qname)} is not as declared: {'; '.join(found)}",
        expected=f"{_RENAME[subject.kind]} on ({', '.join(subject.key.columns)}){written_in(subject.key)}",
        location=subject.key.where,
        observed="; ".join(found),
        remedy=Remedy(note="Decide which is meant, and make the other the same by a migration."),
    )


def _sorted(columns: set[str | None]) -> str:
    return f"{', '.join(sorted(str(c) for c in columns))} descending" if columns else "ascending"


def other_details(subject: ExpectedOf, index: catalog.Index, facts: Facts) -> Flaw | None:
    """Judge an index on the declared columns by what else was declared of it."""
    temporal = any(c.temporal for c in subject.table.constraints if c.name == index.constraint)
    found = _details(subject.key, index) + _deferral(subject, index) + _temporal(subject.key, temporal)
    if not found:
        return other_name(subject, subject.kind, (index.name,), facts)
    table = subject.table
    return Flaw(
        message=f"{facts.show(table.qname)}.{index.name} is not as declared: {'; '.join(found)}",
        expected=f"{_RENAME[subject.kind]} on ({', '.join(subject.key.columns)}){written_in(subject.key)}",
        location=subject.key.where,
        observed="; ".join(found),
        remedy=Remedy(
            note="Create the declared index CONCURRENTLY in a migration, then drop the one that is there."
        ),
        severity=Severity.WARNING,
    )


def other_name(
    subject: ExpectedOf | ExpectedReference, kind: str, names: tuple[str, ...], facts: Facts
) -> Flaw | None:
    """Judge a key that is as declared by its name, where one was declared."""
    wanted = subject.key.name
    if wanted is None or wanted in names:
        return None
    table = subject.table
    return Flaw(
        message=f"{facts.show(table.qname)}.{names[0]} is declared under the name {wanted}",
        expected=f"{_RENAME[kind]} called {wanted}{written_in(subject.key)}",
        location=subject.key.where,
        observed=f"the same under the name {names[0]}",
        remedy=Remedy(steps=_rename(table, names[0], wanted, facts), lock="ACCESS EXCLUSIVE for a moment"),
        severity=Severity.INFO,
    )


def _rename(table: catalog.Table, name: str, wanted: str, facts: Facts) -> tuple[Step, ...]:
    """Return the step that renames a constraint, or an index of no constraint."""
    constraints = {c.name for c in table.constraints}
    if wanted in facts.taken_names.get(table.schema, frozenset()):
        return ()
    if name in constraints:
        return (alter_table(table.qname, f"RENAME CONSTRAINT {quote_ident(name)} TO {quote_ident(wanted)}"),)
    index = quote_qname(catalog.QName(table.schema, name))
    return (Step(f"ALTER INDEX {index} RENAME TO {quote_ident(wanted)};"),)
