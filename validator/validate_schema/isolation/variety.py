"""What policies look at, so that every branch of one may meet a row."""

import re
from itertools import product
from typing import TYPE_CHECKING

from ..model.catalog import Table
from .hints import literals
from .rows import A, Column

if TYPE_CHECKING:
    from .seed import Seeder

_MOST = 12


def policy_text(seeder: "Seeder", table: Table) -> str:
    """Return the table's policies and the bodies of the functions they name, as one text."""
    known = seeder.texts
    if table.qname not in known:
        text = " ".join(f"{p.using or ''} {p.check or ''}" for p in table.policies)
        bodies = [
            f.body
            for f in seeder.facts.catalog.functions
            if f.body and re.search(rf"\b{re.escape(f.name)}\b", text)
        ]
        known[table.qname] = " ".join([text, *bodies])
    return known[table.qname]


def variants(seeder: "Seeder", table: Table) -> list[dict[str, str | None]]:
    """Return what to change in further rows so that every branch of a policy may meet one."""
    if not table.policies:
        return []
    text = policy_text(seeder, table)
    named = literals(text)
    choices: dict[str, list[str | None]] = {}
    for column in seeder.usable(table.qname):
        if re.search(rf"(?<!\w){re.escape(column.name)}(?!\w)", text) and not seeder.binds(table, column):
            wanted = _choices(seeder, column, [*named, *_key_of_a(seeder, table, column)])
            if wanted:
                choices[column.name] = wanted
    found = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    if len(found) > _MOST:
        found = [{name: value} for name, values in choices.items() for value in values][:_MOST]
    return [v for v in found if v]


def _key_of_a(seeder: "Seeder", table: Table, column: Column) -> list[str]:
    """Return tenant A's keys for a column that no key is made of: a policy may compare the wrong one."""
    keyed = {c for k in table.constraints if k.kind in ("primary key", "unique") for c in k.columns}
    keyed |= {c for i in table.indexes if i.unique for c in i.columns if c is not None}
    return [] if column.name in keyed else sorted({keys[A] for keys in seeder.keys.values()})


def _choices(seeder: "Seeder", column: Column, named: list[str]) -> list[str | None]:
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
        found += [s for s in named if seeder.fits(s, column)][:4]
    if not column.not_null:
        found.append(None)
    return found
