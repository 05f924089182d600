"""Indexes, their column numbers and operator classes turned into names."""

from collections import defaultdict

from ..model.catalog import Details, Index
from .names import Names, Row, numbers

_DEFAULT_COLLATION = 100


def indexes(
    rows: list[Row],
    names: Names,
    attributes: dict[int, dict[int, str]],
    implements: dict[int, str],
    details: dict[int, Details],
) -> defaultdict[int, list[Index]]:
    """Return each table's indexes. `implements` maps an index to the constraint it serves."""
    found: defaultdict[int, list[Index]] = defaultdict(list)
    classes = _NameLists(names.opclasses)
    collations = _NameLists(names.collations | {0: "", _DEFAULT_COLLATION: ""})
    methods, relations, vanished = names.methods, names.relations, names.vanished
    shared = names.shared
    for row in rows:
        (table, oid, name, method, unique, primary, valid, ready, nulls, child, keys, numbered) = row[:12]
        if table not in relations:
            continue
        of_table = attributes.get(table, {})
        all_columns = tuple([of_table.get(number) for number in numbers(numbered)])
        all_columns = shared.setdefault(all_columns, all_columns)
        has_include = len(all_columns) > keys
        expressions, predicate = row[15], row[16]
        if predicate == "" or (expressions and "" in expressions):
            vanished.add(table)
        found[table].append(
            Index(
                name,
                all_columns[:keys] if has_include else all_columns,
                methods.get(method, ""),
                unique,
                primary,
                valid,
                ready,
                nulls,
                tuple([_bare(text) for text in expressions]) if expressions else (),
                predicate,
                tuple([column or "" for column in all_columns[keys:]]) if has_include else (),
                classes[row[12]],
                collations[row[13]],
                numbers(row[14]),
                implements.get(oid),
                child,
                details.get(oid, ()),
            )
        )
    return found


def _bare(expression: str) -> str:
    """Return an expression without the parentheses that CREATE INDEX wants around all but function
    calls; the printer adds exactly one pair, and what is no function call starts with it."""
    return expression[1:-1] if expression.startswith("(") else expression


class _NameLists(dict[str, tuple[str, ...]]):
    """Turns an oidvector's text into names; () where no name says anything."""

    def __init__(self, by_oid: dict[int, str]) -> None:
        super().__init__()
        self._by_oid = by_oid

    def __missing__(self, text: str) -> tuple[str, ...]:
        names = tuple(self._by_oid.get(oid, "") for oid in numbers(text))
        self[text] = names if any(names) else ()
        return self[text]
