"""The statements of remedies: what takes one back, what a transaction takes, which are detours."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, LiteralString

if TYPE_CHECKING:
    import psycopg

_ID = r'"(?:[^"]|"")+"'
_NAME = rf"(?:{_ID}\.)?{_ID}"
_SWAP = re.compile(
    rf"ALTER TABLE ({_NAME}) DROP CONSTRAINT ({_ID})(?:, ADD CONSTRAINT ({_ID}) .*?)?;?", re.DOTALL
)
_ADOPT = re.compile(
    rf"ALTER TABLE ({_ID}\.)({_ID}) ADD CONSTRAINT ({_ID}) .* USING INDEX ({_ID}).*", re.DOTALL
)
_DROP_INDEX = re.compile(rf"DROP INDEX( CONCURRENTLY)? ({_NAME});?")
_COLUMN = re.compile(
    rf"ALTER TABLE ({_NAME}) ALTER COLUMN ({_ID}) (DROP NOT NULL|(?:SET|DROP) DEFAULT\b.*?);?", re.DOTALL
)
_ADD_COLUMN = re.compile(rf"ALTER TABLE ({_NAME}) ADD COLUMN ({_ID}) .*", re.DOTALL)
_CREATE = re.compile(rf"CREATE (TABLE|TYPE) ({_NAME}) .*", re.DOTALL)

_CONSTRAINT = (
    "select pg_get_constraintdef(oid) from pg_constraint where conrelid = %s::regclass and conname = %s"
)
_INDEX = "select pg_get_indexdef(%s::regclass)"
_DEFAULT = """
    select pg_get_expr(d.adbin, d.adrelid)
    from pg_attribute a join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
    where a.attrelid = %s::regclass and a.attname = %s
"""


def inverse_of(connection: "psycopg.Connection", statement: str) -> tuple[str, ...]:
    """Return what undoes a remedy's statement, which `connection` has yet to run; nothing where that
    follows from its words alone (`report.rollback`) or is not known.

    It must be called inside a transaction.
    """
    if found := _SWAP.fullmatch(statement):
        table, name, added = found.groups()
        was = _told(connection, _CONSTRAINT, table, _bare(name))
        drop = f"DROP CONSTRAINT {added}, " if added else ""
        return (f"ALTER TABLE {table} {drop}ADD CONSTRAINT {name} {was};",) if was else ()
    if found := _ADOPT.fullmatch(statement):
        schema, table, added, index = found.groups()
        was = _told(connection, _INDEX, schema + index)
        return (f"ALTER TABLE {schema}{table} DROP CONSTRAINT {added};", f"{was};")
    if found := _DROP_INDEX.fullmatch(statement):
        was = _told(connection, _INDEX, found[2])
        return (was.replace(" INDEX ", f" INDEX{found[1] or ''} ", 1) + ";",) if was else ()
    if found := _COLUMN.fullmatch(statement):
        return (f"ALTER TABLE {found[1]} ALTER COLUMN {found[2]} {_column(connection, *found.groups())};",)
    if found := _ADD_COLUMN.fullmatch(statement):
        return (f"ALTER TABLE {found[1]} DROP COLUMN {found[2]};",)
    if found := _CREATE.fullmatch(statement):
        return (f"DROP {found[1]} {found[2]};",)
    return ()


def _column(connection: "psycopg.Connection", table: str, column: str, change: str) -> str:
    if change == "DROP NOT NULL":
        return "SET NOT NULL"
    was = _told(connection, _DEFAULT, table, _bare(column))
    return f"SET DEFAULT {was}" if was else "DROP DEFAULT"


def _told(connection: "psycopg.Connection", query: LiteralString, *values: str) -> str | None:
    """Return the one value of a query, with every name in it qualified: the migration may run under
    another search_path."""
    path = connection.execute("select current_setting('search_path')").fetchone()
    connection.execute("set local search_path to ''")
    row = connection.execute(query, values).fetchone()
    connection.execute("select set_config('search_path', %s, true)", path)
    return row[0] if row else None


def _bare(name: str) -> str:
    return name[1:-1].replace('""', '"')


_BUILT = re.compile(rf"CREATE INDEX CONCURRENTLY (?:IF NOT EXISTS )?({_ID}) ON ({_ID})\.")
_DROPPED = re.compile(rf"DROP INDEX CONCURRENTLY ({_ID})\.({_ID});?$")


def without_detours(remedies: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the statements of each remedy without the pairs that build a plain index and drop it again.

    Unique ones stay: a foreign key may have been made on them in between.
    """
    built: set[tuple[str, str]] = set()
    undone: set[tuple[str, str]] = set()
    for statement in (s for remedy in remedies for s in remedy):
        if made := _BUILT.match(statement):
            built.add((made[2], made[1]))
        elif (gone := _DROPPED.match(statement)) and (gone[1], gone[2]) in built:
            undone.add((gone[1], gone[2]))
    return [tuple(s for s in remedy if _index(s) not in undone) for remedy in remedies]


def _index(statement: str) -> tuple[str, str] | None:
    if made := _BUILT.match(statement):
        return made[2], made[1]
    gone = _DROPPED.match(statement)
    return (gone[1], gone[2]) if gone else None


_CONCURRENTLY = re.compile(r"^(CREATE (?:UNIQUE )?INDEX|DROP INDEX|REINDEX (?:INDEX|TABLE)) CONCURRENTLY\b")
_WORD = re.compile(r" CONCURRENTLY\b")
_BATCHES = "DO $backfill$ "
_COMMIT = " COMMIT;"


def is_concurrent(statement: str) -> bool:
    """Return whether the statement refuses to run inside a transaction block.

    Source: PostgreSQL documentation, CREATE INDEX, DROP INDEX, REINDEX ("Notes").
    """
    return bool(_CONCURRENTLY.match(statement))


def in_transaction(statement: str) -> str:
    """Return the statement in the form that a transaction block takes: without CONCURRENTLY, and without
    the COMMIT after each batch of a backfill."""
    if statement.startswith(_BATCHES):
        return "".join(statement.rsplit(_COMMIT, 1))
    return _WORD.sub("", statement, count=1) if is_concurrent(statement) else statement
