"""Other ways to the same rows: COPY, INSERT … ON CONFLICT, RETURNING.

The policies for SELECT apply to COPY … TO, and COPY … FROM is refused on a table with row security
(PostgreSQL documentation, COPY); but rules, triggers and missing row security meet each way differently.
"""

from collections.abc import Sequence
from dataclasses import replace

from ...sql.ident import quote_ident, quote_idents
from .attempt import Attempt
from .met_table import MetTable
from .rows import FRESH, A, Row, insert, tid_of, tids

_MOST_KEYS = 2
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def copies(target: MetTable, rows: list[Row]) -> list[Attempt]:
    """Return COPY (query) TO and, where the table itself can be copied, COPY table TO."""
    held = target.rights
    columns = [c for c in target.rows.columns if not c.generated]
    names = tuple(c.name for c in columns if held.whole or c.name in held.select)
    if not names or not rows:
        return []
    shown = quote_idents(names)
    lines = _lines(target, shown)
    wanted = tids(rows)
    theirs = frozenset(text for tid, text in lines if tid in wanted)
    mine = tids([r for r in target.rows.of(A) if r not in rows])
    wanted_lines = theirs - {text for tid, text in lines if tid in mine}
    query = Attempt(f"copy (select {shown} from {target.sql}) to stdout", "reads, by COPY,",
                    wanted_lines, copied="")  # fmt: skip
    if target.table.kind == "partitioned":
        return [query]
    return [replace(query, statement=f"copy {target.sql} ({shown}) to stdout"), query]


def _lines(target: MetTable, columns: str) -> list[tuple[str, str]]:
    """Return each row's place with its line, as the superuser copies them."""
    statement = f"copy (select {tid_of()}, {columns} from {target.sql}) to stdout"
    with target.seeder.conn.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        text = b"".join(bytes(block) for block in copy).decode()
    pairs = (line.split("\t", 1) for line in text.split("\n") if line)
    return [(tid, rest) for tid, rest in pairs]


def insertions(
    target: MetTable, plain: Attempt, values: dict[str, str | None], clear: Sequence[str]
) -> list[Attempt]:
    """Return the INSERT with RETURNING and ON CONFLICT DO NOTHING, and the row as COPY … FROM takes it.
    `clear` makes room where a unique constraint would be in the way."""
    said = plain.statement
    found = [replace(plain, statement=f"{said} on conflict do nothing", before=tuple(clear), again=None)]
    shown = target.readable
    if shown:
        found.append(_restated(plain, f"{said} returning {shown}"))
    if values:
        line = "\t".join("\\N" if v is None else _escaped(v) for v in values.values())
        statement = f"copy {target.sql} ({quote_idents(tuple(values))}) from stdin"
        copied = replace(plain, statement=statement, label=f"{plain.label}, by COPY", copied=f"{line}\n",
                         shown=f"{statement};\n{line}\n\\.")  # fmt: skip
        found.append(replace(copied, again=replace(copied, before=tuple(clear), again=None)))
    return found


def _restated(attempt: Attempt, statement: str) -> Attempt:
    again = attempt.again and replace(attempt.again, statement=statement)
    return replace(attempt, statement=statement, again=again)


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(c, c) for c in text)


def returning(target: MetTable, attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the statements with what the role may read of the rows that they reach."""
    shown = target.readable
    if not shown:
        return []
    return [replace(a, statement=f"{a.statement} returning {shown}", base="") for a in attempts]


def upserts(target: MetTable, rows: list[Row]) -> list[Attempt]:
    """Return INSERTs of A's row that meet one of the rows by a unique key: DO UPDATE and DO NOTHING."""
    column, held = target.plain_column(), target.rights
    if column is None or not rows or target.is_root or not (held.insert and held.update):
        return []
    name = quote_ident(column)
    found: list[Attempt] = []
    for key in _unique_keys(target, rows[0]):
        values = dict(target.seeder.row(target.table.qname, A, FRESH + 40).values)
        values |= {c: rows[0].values[c] for c in key}
        kept = {c: v for c, v in values.items() if c in target.insertable()}
        if not set(key) <= set(kept):
            continue
        statement = insert(target.table.qname, kept).replace(
            ") overriding system value values (", ") values (", 1
        )
        meets = f"{statement} on conflict ({quote_idents(key)})"
        said = "changes, by INSERT … ON CONFLICT,"
        update = target.touching(f"{meets} do update set {name} = excluded.{name}", said, rows[:1])
        found += [update, *returning(target, [update])]
        if len(found) <= _MOST_KEYS:
            found.append(target.touching(f"{meets} do nothing", said, rows[:1]))
    return found


def _unique_keys(target: MetTable, row: Row) -> list[tuple[str, ...]]:
    """Return the unique keys that a row of A can share with the row: all their columns are given."""
    kinds = ("primary key", "unique")
    keys = sorted((c for c in target.table.constraints if c.kind in kinds), key=lambda c: c.kind)
    full = (c.columns for c in keys if all(row.values.get(n) is not None for n in c.columns))
    return list(dict.fromkeys(full))[:_MOST_KEYS]
