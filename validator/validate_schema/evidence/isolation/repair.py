"""What is done when a made-up row does not fit: other values, and where none fit, a constraint less."""

import re
from itertools import islice, product
from typing import TYPE_CHECKING

from ...catalog.asking import catalog_rows
from ...model.catalog import Constraint, QName
from ...sql.ident import quote_ident, quote_qname
from ...sql.predicates import check_expression
from .ground import Ground, casts
from .rows import Column, Row, Rows, literal

if TYPE_CHECKING:
    import psycopg


_TEXTS = (
    *("a{n}", "{n}", "A{n}", "a{n}@example.com", "https://example.com/{n}", "a{n}.example.com", "/a{n}"),
    *("A-{n}", "a_{n}", "+1555{n}", "#a{n}", "a", "A", "ab", "AB", "abc", "ABC", "AAAA", "0", "1", "12"),
    *(
        "123",
        "1234",
        "12345",
        "123456",
        "a" * 10,
        "a" * 32,
        "0" * 40,
        "a" * 64,
        "en",
        "en-US",
        "USD",
        "1.0.0",
    ),
    *("#ffffff", "12:00", "2020-01-01", "a b", "[]", "{}", "", "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"),
)
_NUMBERS = (
    "{n}",
    "0",
    "1",
    "2",
    "3",
    "5",
    "10",
    "50",
    "90",
    "100",
    "200",
    "404",
    "1000",
    "2024",
    "-1",
    "0.5",
    "0.01",
)
_DATES = ("2020-01-01", "2099-12-31", "1970-01-01", "2024-02-01")
_JSON = ('{"n": {n}}', "{}", "[]", '["a"]', "null", '"a"', "1", '{"type": "a"}')
_ARRAYS = ("{}", '{"a"}', '{"1"}', '{"1","2"}', '{"a","b"}')
_RANGES = ("empty", "[1,2)", "[2020-01-01,2020-02-01)", "(,)")
_INTERVALS = ("1 second", "1 day", "1 year", "-1 day")
_ANYTHING = ("{n}", "0", "1", "a", "", "{}", "[]", "()", "(0,0)")
_QUOTED = re.compile(r"'((?:[^']|'')*)'")
_NUMBER = re.compile(r"(?<![\w.'])-?\d+(?:\.\d+)?(?![\w.'])")
_MOST = 3_000
_NUMBERS_TRIED = (7, 187_654)
_TRIES = 4  # of one constraint, before it is dropped


class Repairs:
    """What is done about the rows of one schema that do not fit."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._settled: set[tuple[int, int]] = set()
        self._readable: dict[tuple[int, int, str], bool] = {}

    def settle_types(self, rows: Rows) -> None:
        """Find, once for each type, values that the server takes; leave out columns that have none."""
        for column in rows.columns:
            if column.generated or column.type in self._ground.values.patterns:
                continue
            if self._works(column):
                continue
            pattern = self._pattern(column)
            if pattern is not None:
                self._ground.values.patterns[column.type] = pattern
            elif not self._relax_domain(rows, column):
                self._ground.omitted.add((rows.name, column.name))

    def _works(self, column: Column) -> bool:
        """Tell whether the values that are made for the type are taken, low and high numbers."""
        known, place = self._settled, (column.type, column.modifier)
        if place not in known:
            made = (self._ground.values.make(column.type, column.modifier, n) for n in _NUMBERS_TRIED)
            if all(casts(self._ground.conn, text, column.type_text) for text in made):
                known.add(place)
        return place in known

    def _pattern(self, column: Column) -> str | None:
        definition = self._domain_checks(column.type)
        found = self._candidates(column, definition)
        return next(
            (p for p in found if p is not None and casts(self._ground.conn, _filled(p), column.type_text)),
            None,
        )

    def _domain_checks(self, oid: int) -> str:
        rows = catalog_rows(
            self._ground.conn,
            "select coalesce(string_agg(pg_catalog.pg_get_constraintdef(oid), ' '), '')"
            " from pg_catalog.pg_constraint where contypid = %s",
            [oid],
        )
        return str(rows[0][0])

    def _relax_domain(self, rows: Rows, column: Column) -> bool:
        """Drop a domain's checks on the copy; tell whether a value fits then."""
        known = self._ground.values.types[column.type]
        if known.kind != "d":
            return False
        found = catalog_rows(
            self._ground.conn,
            "select conname, contypid::regtype::text from pg_catalog.pg_constraint"
            " where contypid = %s and contype = 'c'",
            [column.type],
        )
        for name, domain in found:
            note = f"check {name} of the domain {domain} was dropped on the copy: no value satisfies it"
            statement = f"alter domain {domain} drop constraint {quote_ident(name)}"
            self._relax(rows, statement, note, self._ground.seat.owning_type(statement, domain))
        return bool(found) and self._works(column)

    def mend(self, rows: Rows, row: Row, error: "psycopg.Error") -> bool:
        """Change patterns or the copy so that the next try may succeed. False: give the row up."""
        state, diag = error.sqlstate or "", error.diag
        if state == "23514" and diag.constraint_name is None:
            return self._place_in_partition(rows)
        if state in ("23514", "23P01") and diag.constraint_name is not None and diag.table_name:
            rows.tries[diag.constraint_name] = rows.tries.get(diag.constraint_name, 0) + 1
            if state == "23514" and rows.tries[diag.constraint_name] <= _TRIES and self._satisfy(rows, row):
                return True
            table = QName(diag.schema_name or "", diag.table_name)
            return self._drop_constraint(rows, table, diag.constraint_name)
        if state == "23502" and diag.column_name:
            column = quote_ident(diag.column_name)
            statement = f"alter table {quote_qname(rows.name)} alter column {column} drop not null"
            note = (
                f"NOT NULL of {rows.name.name}.{diag.column_name} was dropped on the copy: no value was found"
            )
            return self._relax(rows, statement, note)
        return False

    def _drop_constraint(self, rows: Rows, table: QName, name: str) -> bool:
        statement = f"alter table {quote_qname(rows.name)} drop constraint {quote_ident(name)}"
        note = (
            f"constraint {name} of {table.name} was dropped on the copy: no row was found that satisfies it"
        )
        return self._relax(rows, statement, note)

    def _relax(self, rows: Rows, statement: str, note: str, done: str = "") -> bool:
        """Change the table, or what `done` does as its owner; tell whether it could be."""
        import psycopg

        if statement in rows.relaxed:
            return False
        try:
            with self._ground.conn.transaction():
                done = done or self._ground.seat.owning(statement, rows.name)
                self._ground.conn.execute(done.encode())
        except psycopg.Error:
            return False
        rows.relaxed.append(statement)
        rows.notes.append(note)
        return True

    def _place_in_partition(self, rows: Rows) -> bool:
        """Give the partition key a value that the bounds name; else make a default partition."""
        bounds = [p.partition_bound or "" for p in self._ground.facts.partitions.get(rows.name, ())]
        key = rows.table.partition_key or ""
        for column in rows.columns:
            place = (rows.name, column.name)
            named = [s.replace("''", "'") for b in bounds for s in _QUOTED.findall(b) or _NUMBER.findall(b)]
            if (
                place not in self._ground.patterns
                and re.search(rf"(?<!\w){re.escape(column.name)}(?!\w)", key)
                and named
            ):
                if self._ground.binds(rows.table, column):
                    continue
                self._ground.patterns[place] = named[0]
                return True
        name = quote_qname(QName(rows.name.schema, "validate_schema_rest"))
        statement = f"create table {name} partition of {quote_qname(rows.name)} default"
        return self._relax(rows, statement, f"a default partition of {rows.name.name} was made on the copy")

    def _satisfy(self, rows: Rows, row: Row) -> bool:
        """Look, for each unmet CHECK, for values with which it and those that share columns with it hold;
        keep them as patterns. Tell whether any was found."""
        checks = [c for c in rows.table.checks if c.definition and c.enforced and not _was_dropped(rows, c)]
        solved = False
        for check in checks:
            if self._first_that_holds(rows, row, [check], [{}]) is not None:
                continue
            found = self._solution(rows, row, check, checks)
            for name, pattern in (found or {}).items():
                row.values[name] = None if pattern is None else _filled(pattern)
                solved = True
                if pattern is None:
                    self._ground.omitted.add((rows.name, name))
                else:
                    self._ground.patterns[rows.name, name] = pattern
        return solved

    def _solution(
        self, rows: Rows, row: Row, check: Constraint, checks: list[Constraint]
    ) -> dict[str, str | None] | None:
        usable = [c for c in self._ground.usable(rows.name) if c.name in check.columns]
        free = [c for c in usable if not self._ground.binds(rows.table, c)]
        if not free or len(free) > 5:
            return None
        near = [c for c in checks if not {x.name for x in free}.isdisjoint(c.columns)]
        share = max(4, int(_MOST ** (1 / len(free))))
        text = " ".join(c.definition or "" for c in near)
        options = [self._candidates(c, text)[:share] for c in free]
        names = [c.name for c in free]
        tried = [dict(zip(names, v, strict=True)) for v in islice(product(*options), _MOST)]
        return self._first_that_holds(rows, row, near, tried)

    def _first_that_holds(
        self, rows: Rows, row: Row, checks: list[Constraint], tried: list[dict[str, str | None]]
    ) -> dict[str, str | None] | None:
        """Return the first of the changes with which the row satisfies the checks, asked of the server."""
        import psycopg

        if not tried:
            return None
        changed = list(tried[0])
        given = {c.name: c.type_text for c in rows.columns}
        constant = ", ".join(
            f"{literal(row.values.get(n))}::{t} as {quote_ident(n)}"
            for n, t in given.items()
            if n not in changed
        )
        tuples = ", ".join(
            "(" + ", ".join([str(i), *(literal(None if v is None else _filled(v)) for v in t.values())]) + ")"
            for i, t in enumerate(tried)
        )
        names = ", ".join(["place", *(quote_ident(f"v{i}") for i in range(len(changed)))])
        cast = ", ".join(f"v{i}::{given[n]} as {quote_ident(n)}" for i, n in enumerate(changed))
        columns = ", ".join(x for x in (constant, cast) if x)
        holds = (
            " and ".join(f"({check_expression(c.definition or '')}) is not false" for c in checks) or "true"
        )
        query = (
            f"select place from (values {tuples}) as t({names}), lateral (select {columns}) as r"
            f" where {holds} order by place limit 1"
        )
        try:
            with self._ground.conn.transaction():
                found = self._ground.conn.execute(query.encode()).fetchone()
        except psycopg.Error:
            return None
        return tried[int(found[0])] if found else None

    def _candidates(self, column: Column, definition: str) -> list[str | None]:
        """Return patterns to try, the most distinctive first; those that the type takes."""
        kind, _ = self._ground.values.bottom(column.type, column.modifier)
        quoted = [s.replace("''", "'") for s in _QUOTED.findall(definition)]
        numbers = _NUMBER.findall(re.sub(_QUOTED, "", definition)) + [
            s for s in quoted if _NUMBER.fullmatch(s)
        ]
        found: list[str | None] = []
        if kind.kind == "e":
            found += kind.labels
        elif kind.name == "bool":
            found += ["true", "false"]
        elif kind.category == "N":
            found += [*_NUMBERS, *_around(numbers)]
        elif kind.category == "D":
            found += [*_DATES, *quoted]
        elif kind.category == "T":
            found += [*_INTERVALS, *quoted]
        elif kind.name in ("json", "jsonb"):
            found += [
                *_JSON,
                *(f'{{"{q}": 1}}' for q in quoted),
                *(f'{{"{q}": "a"}}' for q in quoted),
                *quoted,
            ]
        elif kind.category == "A":
            found += [*_ARRAYS, *(f'{{"{q}"}}' for q in quoted)]
        elif kind.category == "R":
            found += _RANGES
        elif kind.category == "S":
            found += [*_shaped(quoted), *_lengths(numbers), *quoted, *_TEXTS]
        else:
            found += [*_ANYTHING, *quoted]
        fitting = [p for p in dict.fromkeys(found) if p is not None and self._reads(p, column)]
        first: list[str | None] = [*fitting]
        if not column.not_null:
            first.append(None)
        return first

    def _reads(self, pattern: str, column: Column) -> bool:
        known, place = self._readable, (column.type, column.modifier, pattern)
        if place not in known:
            texts = {pattern.replace("{n}", str(n)) for n in _NUMBERS_TRIED}
            known[place] = all(casts(self._ground.conn, text, column.type_text) for text in texts)
        return known[place]


def _was_dropped(rows: Rows, check: Constraint) -> bool:
    return any(s.endswith(f"drop constraint {quote_ident(check.name)}") for s in rows.relaxed)


def _filled(pattern: str) -> str:
    return pattern.replace("{n}", str(_NUMBERS_TRIED[-1]))


def _around(numbers: list[str]) -> list[str]:
    return [
        str(x)
        for n in numbers[:6]
        for x in (n, float(n) + 1, float(n) - 1, int(float(n)) + 1, int(float(n)) - 1)
    ]


def _lengths(numbers: list[str]) -> list[str]:
    sizes = [int(float(n)) for n in numbers if 0 < float(n) < 200]
    return [c * s for s in sizes for c in ("a", "0", "A")]


def _shaped(patterns: list[str]) -> list[str]:
    """Return texts of the shape that a regular expression or a LIKE pattern describes."""
    from .values import sample

    found = []
    for pattern in patterns:
        found += sample(pattern)
        if "%" in pattern:
            found += [pattern.replace("%", "{n}"), pattern.replace("%", "")]
    return found
