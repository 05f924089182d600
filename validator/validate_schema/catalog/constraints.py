"""Constraints of tables, their column numbers turned into names."""

from collections import defaultdict
from typing import Any, cast, get_args

from ..model.catalog import Action, Constraint, ConstraintKind
from .names import ENABLED, Fetch, Names, Row, numbers

_KINDS: dict[str, ConstraintKind] = {
    "p": "primary key",
    "u": "unique",
    "f": "foreign key",
    "c": "check",
    "x": "exclusion",
    "n": "not null",
}
# The model's own strings: msgspec leaves a default out of JSON by identity, and a snapshot read back
# must encode to the same bytes.
_ACTIONS: dict[str, Action] = dict(zip("arcnd", get_args(Action), strict=True))
_MATCH = {"s": "simple", "f": "full", "p": "partial"}
_IMPLEMENTED_BY_INDEX = frozenset("pux")
_MAY_STAY_BEHIND = frozenset("cn")  # NO INHERIT says something of these kinds alone
_NO_NAMES: dict[int, str] = {}

Found = defaultdict[int, list[Constraint]]


def constraints(
    fetch: Fetch, names: Names, attributes: dict[int, dict[int, str]]
) -> tuple[Found, dict[int, str]]:
    """Return each table's constraints, and the constraint that each index implements by its oid."""
    found: Found = defaultdict(list)
    rows = fetch("constraints")
    _read_keys(rows, found, names, attributes)
    implements = {row[11]: row[1] for row in rows if row[2] in _IMPLEMENTED_BY_INDEX}
    del rows
    _read_foreign_keys(fetch("foreign_keys"), dict(fetch("guards")), found, names, attributes)
    return found, implements


def _read_keys(rows: list[Row], found: Found, names: Names, attributes: dict[int, dict[int, str]]) -> None:
    relations, shared = names.relations, names.shared
    for (
        table, name, kind, validated, enforced, deferrable, deferred, inherited, no_inherit, temporal,
        keys, _, definition,
    ) in rows:  # fmt: skip
        if table not in relations:
            continue
        if definition == "":
            names.vanished.add(table)
        if kind == "n" and not validated:
            names.unproven.add((table, numbers(keys)[0]))
        columns: tuple[str, ...] = ()
        if keys is not None:
            of_table = attributes.get(table, _NO_NAMES)
            columns = tuple([of_table.get(number, "") for number in numbers(keys)])
        found[table].append(
            Constraint(
                name,
                _KINDS[kind],
                shared.setdefault(columns, columns),
                definition,
                validated,
                enforced,
                deferrable,
                deferred,
                inherited,
                no_inherit and kind in _MAY_STAY_BEHIND,
                temporal,
                name if kind in _IMPLEMENTED_BY_INDEX else None,  # the index always bears its name
            )
        )


def _read_foreign_keys(
    rows: list[Row],
    guards: dict[int, str],
    found: Found,
    names: Names,
    attributes: dict[int, dict[int, str]],
) -> None:
    relations, shared = names.relations, names.shared
    for oid, *row in rows:
        table, target, setting = row[0], row[9], row[14]
        if table not in relations:
            continue
        if row[15] == "":
            names.vanished.add(table)
        of_table, of_target = attributes.get(table, _NO_NAMES), attributes.get(target, _NO_NAMES)
        columns = tuple([of_table.get(number, "") for number in numbers(row[8])])
        referenced = tuple([of_target.get(number, "") for number in numbers(row[10])])
        found[table].append(
            Constraint(
                row[1],
                "foreign key",
                shared.setdefault(columns, columns),
                row[15],
                row[2],
                row[3],
                row[4],
                row[5],
                row[6],
                False,
                row[7],
                None,
                relations.get(target),
                shared.setdefault(referenced, referenced),
                _ACTIONS[row[11]],
                _ACTIONS[row[12]],
                cast(Any, _MATCH[row[13]]),
                tuple([of_table.get(number, "") for number in numbers(setting)]) if setting else (),
                ENABLED[guards.get(oid, "O")],
            )
        )
