"""What is done when a made-up row does not fit: other values, and where none fit, a constraint less."""

import re
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from ...model.catalog import Constraint, QName
from ...sql.ident import quote_ident, quote_literal, quote_qname
from ...sql.predicates import check_expression
from .rows import Column, Row, Rows, literal

if TYPE_CHECKING:
    import psycopg

    from .seed import Seeder

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


def brief(error: BaseException) -> str:
    """Return the first line of what the server said."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def casts(conn: "psycopg.Connection[Any]", text: str, type_text: str) -> bool:
    """Tell whether the server reads `text` as a value of the type, domain checks included."""
    import psycopg

    try:
        with conn.transaction():
            conn.execute(f"select {quote_literal(text)}::{type_text}".encode())
    except psycopg.Error:
        return False
    return True


def settle_types(seeder: "Seeder", rows: Rows) -> None:
    """Find, once for each type, values that the server takes; leave out columns that have none."""
    for column in rows.columns:
        if column.generated or column.type in seeder.values.patterns:
            continue
        if _works(seeder, column):
            continue
        pattern = _pattern(seeder, column)
        if pattern is not None:
            seeder.values.patterns[column.type] = pattern
        elif not _relax_domain(seeder, rows, column):
            seeder.omitted.add((rows.name, column.name))


def _works(seeder: "Seeder", column: Column) -> bool:
    """Tell whether the values that are made for the type are taken, low and high numbers."""
    known, place = seeder.settled, (column.type, column.modifier)
    if place not in known:
        made = (seeder.values.make(column.type, column.modifier, n) for n in _NUMBERS_TRIED)
        if all(casts(seeder.conn, text, column.type_text) for text in made):
            known.add(place)
    return place in known


def _pattern(seeder: "Seeder", column: Column) -> str | None:
    definition = _domain_checks(seeder, column.type)
    found = _candidates(seeder, column, definition)
    return next(
        (p for p in found if p is not None and casts(seeder.conn, _filled(p), column.type_text)), None
    )


def _domain_checks(seeder: "Seeder", oid: int) -> str:
    rows = seeder.conn.execute(
        "select coalesce(string_agg(pg_catalog.pg_get_constraintdef(oid), ' '), '')"
        " from pg_catalog.pg_constraint where contypid = %s",
        [oid],
    ).fetchone()
    return str(rows[0]) if rows else ""


def _relax_domain(seeder: "Seeder", rows: Rows, column: Column) -> bool:
    """Drop a domain's checks on the copy; tell whether a value fits then."""
    known = seeder.values.types[column.type]
    if known.kind != "d":
        return False
    found = seeder.conn.execute(
        "select conname, contypid::regtype::text from pg_catalog.pg_constraint"
        " where contypid = %s and contype = 'c'",
        [column.type],
    ).fetchall()
    for name, domain in found:
        note = f"check {name} of the domain {domain} was dropped on the copy: no value satisfies it"
        _relax(seeder, rows, f"alter domain {domain} drop constraint {quote_ident(name)}", note)
    return bool(found) and _works(seeder, column)


def mend(seeder: "Seeder", rows: Rows, row: Row, error: "psycopg.Error") -> bool:
    """Change patterns or the copy so that the next try may succeed. False: give the row up."""
    state, diag = error.sqlstate or "", error.diag
    if state == "23514" and diag.constraint_name is None:
        return _place_in_partition(seeder, rows)
    if state in ("23514", "23P01") and diag.constraint_name is not None and diag.table_name:
        rows.tries[diag.constraint_name] = rows.tries.get(diag.constraint_name, 0) + 1
        if state == "23514" and rows.tries[diag.constraint_name] <= _TRIES and _satisfy(seeder, rows, row):
            return True
        table = QName(diag.schema_name or "", diag.table_name)
        return _drop_constraint(seeder, rows, table, diag.constraint_name)
    if state == "23502" and diag.column_name:
        statement = (
            f"alter table {quote_qname(rows.name)} alter column {quote_ident(diag.column_name)} drop not null"
        )
        note = f"NOT NULL of {rows.name.name}.{diag.column_name} was dropped on the copy: no value was found"
        return _relax(seeder, rows, statement, note)
    return False


def _drop_constraint(seeder: "Seeder", rows: Rows, table: QName, name: str) -> bool:
    statement = f"alter table {quote_qname(rows.name)} drop constraint {quote_ident(name)}"
    note = f"constraint {name} of {table.name} was dropped on the copy: no row was found that satisfies it"
    return _relax(seeder, rows, statement, note)


def _relax(seeder: "Seeder", rows: Rows, statement: str, note: str) -> bool:
    import psycopg

    if statement in rows.relaxed:
        return False
    try:
        with seeder.conn.transaction():
            seeder.conn.execute(statement.encode())
    except psycopg.Error:
        return False
    rows.relaxed.append(statement)
    rows.notes.append(note)
    return True


def _place_in_partition(seeder: "Seeder", rows: Rows) -> bool:
    """Give the partition key a value that the bounds name; else make a default partition."""
    bounds = [p.partition_bound or "" for p in seeder.facts.partitions.get(rows.name, ())]
    key = rows.table.partition_key or ""
    for column in rows.columns:
        place = (rows.name, column.name)
        named = [s.replace("''", "'") for b in bounds for s in _QUOTED.findall(b) or _NUMBER.findall(b)]
        if (
            place not in seeder.patterns
            and re.search(rf"(?<!\w){re.escape(column.name)}(?!\w)", key)
            and named
        ):
            if seeder.binds(rows.table, column):
                continue
            seeder.patterns[place] = named[0]
            return True
    name = quote_qname(QName(rows.name.schema, "validate_schema_rest"))
    statement = f"create table {name} partition of {quote_qname(rows.name)} default"
    return _relax(seeder, rows, statement, f"a default partition of {rows.name.name} was made on the copy")


def _satisfy(seeder: "Seeder", rows: Rows, row: Row) -> bool:
    """Look, for each unmet CHECK, for values with which it and those that share columns with it hold;
    keep them as patterns. Tell whether any was found."""
    checks = [c for c in rows.table.checks if c.definition and c.enforced and not _was_dropped(rows, c)]
    solved = False
    for check in checks:
        if _first_that_holds(seeder, rows, row, [check], [{}]) is not None:
            continue
        found = _solution(seeder, rows, row, check, checks)
        for name, pattern in (found or {}).items():
            row.values[name] = None if pattern is None else _filled(pattern)
            solved = True
            if pattern is None:
                seeder.omitted.add((rows.name, name))
            else:
                seeder.patterns[rows.name, name] = pattern
    return solved


def _solution(
    seeder: "Seeder", rows: Rows, row: Row, check: Constraint, checks: list[Constraint]
) -> dict[str, str | None] | None:
    usable = [c for c in seeder.usable(rows.name) if c.name in check.columns]
    free = [c for c in usable if not seeder.binds(rows.table, c)]
    if not free or len(free) > 5:
        return None
    near = [c for c in checks if not {x.name for x in free}.isdisjoint(c.columns)]
    share = max(4, int(_MOST ** (1 / len(free))))
    text = " ".join(c.definition or "" for c in near)
    options = [_candidates(seeder, c, text)[:share] for c in free]
    names = [c.name for c in free]
    tried = [dict(zip(names, v, strict=True)) for v in islice(product(*options), _MOST)]
    return _first_that_holds(seeder, rows, row, near, tried)


def _was_dropped(rows: Rows, check: Constraint) -> bool:
    return any(s.endswith(f"drop constraint {quote_ident(check.name)}") for s in rows.relaxed)


def _first_that_holds(
    seeder: "Seeder", rows: Rows, row: Row, checks: list[Constraint], tried: list[dict[str, str | None]]
) -> dict[str, str | None] | None:
    """Return the first of the changes with which the row satisfies the checks, evaluated by the server."""
    import psycopg

    if not tried:
        return None
    changed = list(tried[0])
    given = {c.name: c.type_text for c in rows.columns}
    constant = ", ".join(
        f"{literal(row.values.get(n))}::{t} as {quote_ident(n)}" for n, t in given.items() if n not in changed
    )
    tuples = ", ".join(
        "(" + ", ".join([str(i), *(literal(None if v is None else _filled(v)) for v in t.values())]) + ")"
        for i, t in enumerate(tried)
    )
    names = ", ".join(["place", *(quote_ident(f"v{i}") for i in range(len(changed)))])
    cast = ", ".join(f"v{i}::{given[n]} as {quote_ident(n)}" for i, n in enumerate(changed))
    columns = ", ".join(x for x in (constant, cast) if x)
    holds = " and ".join(f"({check_expression(c.definition or '')}) is not false" for c in checks) or "true"
    query = (
        f"select place from (values {tuples}) as t({names}), lateral (select {columns}) as r"
        f" where {holds} order by place limit 1"
    )
    try:
        with seeder.conn.transaction():
            found = seeder.conn.execute(query.encode()).fetchone()
    except psycopg.Error:
        return None
    return tried[int(found[0])] if found else None


def _filled(pattern: str) -> str:
    return pattern.replace("{n}", str(_NUMBERS_TRIED[-1]))


def _candidates(seeder: "Seeder", column: Column, definition: str) -> list[str | None]:
    """Return patterns to try, the most distinctive first; those that the type takes."""
    kind, _ = seeder.values.bottom(column.type, column.modifier)
    quoted = [s.replace("''", "'") for s in _QUOTED.findall(definition)]
    numbers = _NUMBER.findall(re.sub(_QUOTED, "", definition)) + [s for s in quoted if _NUMBER.fullmatch(s)]
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
        found += [*_JSON, *(f'{{"{q}": 1}}' for q in quoted), *(f'{{"{q}": "a"}}' for q in quoted), *quoted]
    elif kind.category == "A":
        found += [*_ARRAYS, *(f'{{"{q}"}}' for q in quoted)]
    elif kind.category == "R":
        found += _RANGES
    elif kind.category == "S":
        found += [*_shaped(quoted), *_lengths(numbers), *quoted, *_TEXTS]
    else:
        found += [*_ANYTHING, *quoted]
    fitting = [p for p in dict.fromkeys(found) if p is not None and _reads(seeder, p, column)]
    first: list[str | None] = [*fitting]
    if not column.not_null:
        first.append(None)
    return first


def _reads(seeder: "Seeder", pattern: str, column: Column) -> bool:
    known, place = seeder.readable, (column.type, column.modifier, pattern)
    if place not in known:
        texts = {pattern.replace("{n}", str(n)) for n in _NUMBERS_TRIED}
        known[place] = all(casts(seeder.conn, text, column.type_text) for text in texts)
    return known[place]


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
