"""What a session may say of itself besides the tenant: every other setting that policies read."""

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ...sql.mentions import mentions
from .hints import forged, nearest, other_settings, setting
from .rows import A, B
from .variety import named_tenants, text_around

if TYPE_CHECKING:
    from .attempts import Target

_WORD = re.compile(r"[\w.]+")
_NEAR, _MOST_HELD = 2, 3  # columns that are looked at for one setting, and values of each
_MOST_MIRRORS = 12


def pretences(target: "Target", context: Sequence[str] = ()) -> list[tuple[str, ...]]:
    """Return the statements of each: they set what the policies that decide over the table's rows read,
    each setting alone, and all together; but not what the statements of `context` set."""
    text, own = text_around(target.seeder, target.table), _own(target, context)
    rows = target.rows.of(B, *named_tenants(target.seeder, target.table))
    mirrored = dict.fromkeys(mirror(target, row.values, context) for row in rows)
    found = [
        *forged(text, own, partial(_theirs, target, text)),
        *list(filter(None, mirrored))[:_MOST_MIRRORS],
    ]
    return list(dict.fromkeys(found))


def spent(target: "Target", context: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the statements that say what the other settings hold in a session that has once set them:
    they are '' from then on, never unset again."""
    names = other_settings(text_around(target.seeder, target.table), _own(target, context))
    return tuple(setting(name, "") for name in names)


def mirror(
    target: "Target", values: Mapping[str, str | None], context: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the statements that set each of them to what a row holds in the column that the text names
    nearest to the setting."""
    text = text_around(target.seeder, target.table)
    names = other_settings(text, _own(target, context))
    columns = [c for c in values if mentions(text, c)] if names else []
    held = {name: values[nearest(text, [name], columns)[0]] for name in names if columns}
    return tuple(setting(name, value) for name, value in held.items() if value is not None)


def _own(target: "Target", context: Sequence[str]) -> Container[str | None]:
    return {target.seeder.facts.tenancy.setting, *(w for s in context for w in _WORD.findall(s))}


def _theirs(target: "Target", text: str, name: str) -> list[str]:
    """Return what a policy may compare the setting with: B's keys, what its rows hold in the columns that
    the text names nearest to the setting, and A's keys."""
    keys, rows = target.seeder.keys.values(), target.rows.of(B)
    named = [c for c in (rows[0].values if rows else ()) if mentions(text, c)]
    held: list[str] = []
    for column in nearest(text, [name], named)[:_NEAR]:
        values = [v for row in rows if (v := row.values.get(column))]
        held += [v for v, _ in Counter(values).most_common(_MOST_HELD)] + values[:1]
    return list(dict.fromkeys([*(k[B] for k in keys), *held, *(k[A] for k in keys)]))
