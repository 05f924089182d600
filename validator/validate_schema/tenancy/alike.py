"""Schemas that hold the same tables: each may be a tenant, so that no column in them tells whose a row is."""

from collections import Counter, defaultdict
from itertools import takewhile
from typing import NamedTuple

from ..model.catalog import Catalog

_FEWEST = 3  # schemas: two may as well be a schema and its copy
_TABLES = 2
_ALIKE = 0.5  # of all tables of both: a migration that is on its way leaves more in common


class Alike(NamedTuple):
    """The names of schemas that are alike, in order, and a pattern as in LIKE that fits them and no other
    schema; "" where there is none."""

    schemas: tuple[str, ...]
    pattern: str


def alike_schemas(catalog: Catalog) -> Alike | None:
    """Return the schemas that hold the same tables, by name: most of those with any tables, and three at
    least. None where there are none."""
    tables: dict[str, set[str]] = defaultdict(set)
    for table in catalog.tables:
        if table.parent is None:
            tables[table.schema].add(table.name)
    sets = Counter(frozenset(names) for names in tables.values())
    if not sets:
        return None
    usual = max(sets, key=lambda names: (sets[names], len(names), sorted(names)))
    found = sorted(
        schema for schema, names in tables.items() if len(names & usual) > _ALIKE * len(names | usual)
    )
    if len(found) < _FEWEST or len(usual) < _TABLES or 2 * len(found) <= len(tables):
        return None
    return Alike(tuple(found), _pattern(found, {s.name for s in catalog.schemas}))


def _pattern(names: list[str], known: set[str]) -> str:
    """Return what all names begin with, for a LIKE, if no other schema does."""
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(min(names), max(names), strict=False))
    begin = "".join(letter for letter, _ in alike)
    others = any(name.startswith(begin) for name in known.difference(names))
    return "" if not begin or others else begin.replace("\\", "\\\\").replace("%", "\\%") + "%"
