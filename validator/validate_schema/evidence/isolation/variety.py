"""What policies look at, so that every branch of one may meet a row."""

from functools import reduce
from itertools import combinations, islice, product
from typing import TYPE_CHECKING

from ...model.catalog import Table
from ...sql.mentions import mentions
from .conditions import wanted_by_policies, wanted_by_view, ways_of_policies
from .hints import literals, nearest, numbers
from .rows import OTHERS, A, Column

if TYPE_CHECKING:
    from .seed import Seeder

_MOST, _LEAST = 16, 8  # rows in all; at least of mixed values
_MOST_NAMED = 6  # values of one column: what two limits and their neighbours need
_MOST_MIXED = 2_000  # combinations that are looked at to find those that differ most
Variant = dict[str, str | None]


def named_tenants(seeder: "Seeder", table: Table) -> list[str]:
    """Return the labels of the tenants whose keys the text around the table names."""
    words = set(literals(seeder.texts.around(table)))
    return [label for label in OTHERS if any(held.get(label) in words for held in seeder.keys.values())]


def variants(seeder: "Seeder", table: Table) -> list[Variant]:
    """Return what to change in further rows so that every branch of a policy may meet one."""
    if table.qname not in seeder.varied:
        seeder.varied[table.qname] = _variants(seeder, table) if table.policies else []
    return seeder.varied[table.qname]


def live(seeder: "Seeder", table: Table) -> Variant:
    """Return the values with which a row meets what the policies of its table ask, and the views over it."""
    if table.qname not in seeder.lives:
        views = map(wanted_by_view, seeder.texts.views_over(table.qname))
        wanted = reduce(lambda known, more: more | known, views, wanted_by_policies(table))
        columns = {c.name: c for c in seeder.usable(table.qname)}
        seeder.lives[table.qname] = {
            name: value
            for name, value in wanted.items()
            if name in columns and _may_hold(seeder, table, columns[name], value)
        }
    return seeder.lives[table.qname]


def _may_hold(seeder: "Seeder", table: Table, column: Column, value: str | None) -> bool:
    """Tell whether a row may hold the value and still be the tenant's, and unlike the others."""
    if value is None:
        return not column.not_null and not seeder.tells_owner(table.qname, column.name)
    tied = seeder.binds(table, column) or column.name in _keyed(table)
    return not tied and seeder.takes(value, column)


def _variants(seeder: "Seeder", table: Table) -> list[Variant]:
    text = seeder.texts.own(table)
    named = [*literals(text), *numbers(text)]
    choices: dict[str, list[str | None]] = {}
    for column in seeder.usable(table.qname):
        if mentions(text, column.name) and not seeder.binds(table, column):
            words = nearest(text, [column.name], named)
            wanted = _choices(seeder, column, words, _key_of_a(seeder, table, column))
            if wanted:
                choices[column.name] = wanted
    mixed = _mixed(choices) if choices else []
    first = [*_read(seeder, table), *_branches(seeder, table)]
    return list({tuple(v.items()): v for v in [*first, *mixed]}.values())[: max(_MOST, len(first) + _LEAST)]


def _branches(seeder: "Seeder", table: Table) -> list[Variant]:
    """Return a row for each branch of the policies that asks something plain of it."""
    columns = {c.name: c for c in seeder.usable(table.qname)}
    found = (
        {n: v for n, v in way.items() if n in columns and _may_hold(seeder, table, columns[n], v)}
        for way in ways_of_policies(table)
    )
    return [variant for variant in found if variant]


def _read(seeder: "Seeder", table: Table) -> list[Variant]:
    """Return the rows that open a branch, as the reading of the policies found them."""
    usable = {c.name: c for c in seeder.usable(table.qname) if not seeder.binds(table, c)}
    found = [
        {
            name: value
            for name, value in said.example
            if name in usable and (value is None or seeder.fits(value, usable[name]))
        }
        for said in seeder.facts.judgements.get(table.qname, ())
    ]
    return [variant for variant in found if variant]


def _mixed(choices: dict[str, list[str | None]]) -> list[Variant]:
    """Return every combination where they are few; else those of each column's likeliest values, then
    such that between them hold as many pairs of values as possible."""
    found = [dict(zip(choices, v, strict=True)) for v in islice(product(*choices.values()), _MOST_MIXED)]
    if len(found) <= _MOST:
        return found
    longest = max(map(len, choices.values()))
    level: list[Variant] = [{name: v[i % len(v)] for name, v in choices.items()} for i in range(longest)]
    return list({tuple(v.items()): v for v in [*level, *_pairwise(found)]}.values())[:_MOST]


def _pairwise(candidates: list[Variant]) -> list[Variant]:
    pairs = [frozenset(combinations(c.items(), min(2, len(c)))) for c in candidates]
    seen: set[tuple[tuple[str, str | None], ...]] = set()
    chosen: list[Variant] = []
    while len(chosen) < _MOST:
        best = max(range(len(candidates)), key=lambda i: len(pairs[i] - seen))
        if pairs[best] <= seen:
            break
        seen |= pairs[best]
        chosen.append(candidates[best])
    return chosen


def _key_of_a(seeder: "Seeder", table: Table, column: Column) -> list[str]:
    """Return tenant A's keys for a column that no key is made of: a policy may compare the wrong one."""
    return [] if column.name in _keyed(table) else sorted({keys[A] for keys in seeder.keys.values()})


def _keyed(table: Table) -> set[str]:
    keyed = {c for k in table.constraints if k.kind in ("primary key", "unique") for c in k.columns}
    return keyed | {c for i in table.indexes if i.unique for c in i.columns if c is not None}


def _choices(seeder: "Seeder", column: Column, named: list[str], keys: list[str]) -> list[str | None]:
    kind, _ = seeder.values.bottom(column.type, column.modifier)
    found: list[str | None] = []
    if kind.name == "bool":
        found = ["true", "false"]
    elif kind.kind == "e":
        labels = [label for label in kind.labels if label in named]
        found += [*labels, *(label for label in kind.labels if label not in labels)][
            : max(2, len(labels) + 1)
        ]
    elif kind.category in "SNUD":
        found += [s for s in keys if seeder.fits(s, column)][:1]
        found += islice((s for s in named if s not in found and seeder.fits(s, column)), _MOST_NAMED)
    if not column.not_null:
        found.append(None)
    return found
