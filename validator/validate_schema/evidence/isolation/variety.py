"""What policies look at, so that every branch of one may meet a row."""

from functools import reduce
from itertools import combinations, islice, product

from ...model.catalog import QName, Table
from ...sql.mentions import mentions
from .conditions import wanted_by_policies, wanted_by_view, ways_of_policies
from .ground import Ground
from .hints import literals, nearest, numbers
from .rows import OTHERS, A, Column

_MOST, _LEAST = 16, 8  # rows in all; at least of mixed values
_MOST_NAMED = 6  # values of one column: what two limits and their neighbours need
_MOST_MIXED = 2_000  # combinations that are looked at to find those that differ most
Variant = dict[str, str | None]


class Variety:
    """What is varied in the rows of one schema."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._live: dict[QName, Variant] = {}
        self._varied: dict[QName, list[Variant]] = {}

    def named_tenants(self, table: Table) -> list[str]:
        """Return the labels of the tenants whose keys the text around the table names."""
        words = set(literals(self._ground.texts.around(table)))
        return [
            label for label in OTHERS if any(held.get(label) in words for held in self._ground.keys.values())
        ]

    def variants(self, table: Table) -> list[Variant]:
        """Return what to change in further rows so that every branch of a policy may meet one."""
        if table.qname not in self._varied:
            self._varied[table.qname] = self._variants(table) if table.policies else []
        return self._varied[table.qname]

    def live(self, table: Table) -> Variant:
        """Return the values with which a row meets what its policies and the views over its table ask."""
        if table.qname not in self._live:
            views = map(wanted_by_view, self._ground.texts.views_over(table.qname))
            wanted = reduce(lambda known, more: more | known, views, wanted_by_policies(table))
            columns = {c.name: c for c in self._ground.usable(table.qname)}
            self._live[table.qname] = {
                name: value
                for name, value in wanted.items()
                if name in columns and self._may_hold(table, columns[name], value)
            }
        return self._live[table.qname]

    def _may_hold(self, table: Table, column: Column, value: str | None) -> bool:
        """Tell whether a row may hold the value and still be the tenant's, and unlike the others."""
        if value is None:
            return not column.not_null and not self._ground.tells_owner(table.qname, column.name)
        tied = self._ground.binds(table, column) or column.name in _keyed(table)
        return not tied and self._ground.takes(value, column)

    def _variants(self, table: Table) -> list[Variant]:
        text = self._ground.texts.own(table)
        named = [*literals(text), *numbers(text)]
        choices: dict[str, list[str | None]] = {}
        for column in self._ground.usable(table.qname):
            if mentions(text, column.name) and not self._ground.binds(table, column):
                words = nearest(text, [column.name], named)
                wanted = self._choices(column, words, self._key_of_a(table, column))
                if wanted:
                    choices[column.name] = wanted
        mixed = _mixed(choices) if choices else []
        first = [*self._read(table), *self._branches(table)]
        return list({tuple(v.items()): v for v in [*first, *mixed]}.values())[
            : max(_MOST, len(first) + _LEAST)
        ]

    def _branches(self, table: Table) -> list[Variant]:
        """Return a row for each branch of the policies that asks something plain of it."""
        columns = {c.name: c for c in self._ground.usable(table.qname)}
        found = (
            {n: v for n, v in way.items() if n in columns and self._may_hold(table, columns[n], v)}
            for way in ways_of_policies(table)
        )
        return [variant for variant in found if variant]

    def _read(self, table: Table) -> list[Variant]:
        """Return the rows that open a branch, as the reading of the policies found them."""
        usable = {c.name: c for c in self._ground.usable(table.qname) if not self._ground.binds(table, c)}
        found = [
            {
                name: value
                for name, value in said.example
                if name in usable and (value is None or self._ground.fits(value, usable[name]))
            }
            for said in self._ground.facts.judgements.get(table.qname, ())
        ]
        return [variant for variant in found if variant]

    def _key_of_a(self, table: Table, column: Column) -> list[str]:
        """Return tenant A's keys for a column that no key is made of: a policy may compare the wrong one."""
        return (
            [] if column.name in _keyed(table) else sorted({keys[A] for keys in self._ground.keys.values()})
        )

    def _choices(self, column: Column, named: list[str], keys: list[str]) -> list[str | None]:
        kind, _ = self._ground.values.bottom(column.type, column.modifier)
        found: list[str | None] = []
        if kind.name == "bool":
            found = ["true", "false"]
        elif kind.kind == "e":
            labels = [label for label in kind.labels if label in named]
            found += [*labels, *(label for label in kind.labels if label not in labels)][
                : max(2, len(labels) + 1)
            ]
        elif kind.category in "SNUD":
            found += [s for s in keys if self._ground.fits(s, column)][:1]
            found += islice(
                (s for s in named if s not in found and self._ground.fits(s, column)), _MOST_NAMED
            )
        if not column.not_null:
            found.append(None)
        return found


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


def _keyed(table: Table) -> set[str]:
    keyed = {c for k in table.constraints if k.kind in ("primary key", "unique") for c in k.columns}
    return keyed | {c for i in table.indexes if i.unique for c in i.columns if c is not None}
