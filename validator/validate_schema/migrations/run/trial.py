"""The pending migrations of a project whose migrations are programs, tried by its own command on a copy."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ...catalog.asking import asking
from ...model.catalog import QName
from ...model.errors import MigrationError
from ...model.history import DryRun, DryRuns, Failure
from ...model.limits import limits
from ...sql.ident import quote_ident, quote_qname
from .. import tools
from ..ledger import tables
from ..records import FailedMigration, MigrationFile, MigrationSet
from .command import left_over, run_command

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

_COLUMNS = """
select attname from pg_catalog.pg_attribute
where attrelid = %s::pg_catalog.regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum
"""
# What the tool writes next must not meet the numbers that were copied.
_SEQUENCE = "select pg_catalog.pg_get_serial_sequence(%s, %s)"


def tried(
    database: "Database",
    target: "psycopg.Connection[Any]",
    migrations: MigrationSet,
    pending: Sequence[MigrationFile],
    *,
    command: str,
    folder: Path,
    timeout_ms: int,
) -> DryRuns:
    """Run `command` in `folder` on `database`, a copy of the schema of `target`, with the rows of the tool's
    own tables, and return what became of the `pending` files.

    A command that fails tells nothing of files: the first that its ledger does not have afterwards is said to
    be the one. What cannot be tried at all is said in the result's `reason`. `timeout_ms` is for each of the
    tool's tables.
    """
    import psycopg

    labels, tool = [migrations.label(f.path) for f in pending], tools.find(migrations.tool)
    try:
        _copy_rows(target, database, migrations.tool, timeout_ms)
        run_command(database, command, folder, limits().migration_seconds, tool)
        left = left_over(database, migrations)
        if left:
            return DryRuns(wanted=True, reason=f"the command did not apply {left[0]} on a copy of the schema")
    except FailedMigration as failed:
        left = left_over(database, migrations)
        culprit = next((label for label in labels if label in left), labels[0])
        ran = labels[: labels.index(culprit)]
        return DryRuns(
            wanted=True,
            examined=True,
            runs=(*(DryRun(file=f) for f in ran), DryRun(file=culprit, failure=_of(culprit, failed))),
        )
    except (MigrationError, psycopg.Error) as error:
        said = str(error).partition("\n")[0]
        return DryRuns(wanted=True, reason=said)
    return DryRuns(wanted=True, examined=True, runs=tuple(DryRun(file=label) for label in labels))


def _of(file: str, failed: FailedMigration) -> Failure:
    """Return the failure of a command as that of a file."""
    given = failed.failure
    return replace(given, statement=replace(given.statement, file=file, text=given.statement.file))


def _copy_rows(target: "psycopg.Connection[Any]", database: "Database", tool: str, timeout_ms: int) -> None:
    """Copy the rows of the tool's own tables: what is applied, who runs, for which environment."""
    with (
        asking(target, statement_timeout_ms=timeout_ms, lock_timeout_ms=timeout_ms),
        database.connect(autocommit=True) as copy,
    ):
        for table in _own_tables(target, tool):
            name = quote_qname(table)
            columns = [column for (column,) in copy.execute(_COLUMNS, [name]).fetchall()]
            listed = ", ".join(map(quote_ident, columns))
            with (
                target.cursor().copy(f"copy (select {listed} from {name}) to stdout".encode()) as rows,
                copy.cursor().copy(f"copy {name} ({listed}) from stdin".encode()) as written,
            ):
                for piece in rows:
                    written.write(piece)
            for column in columns:
                row = copy.execute(_SEQUENCE, [name, column]).fetchone()
                if row and row[0]:
                    highest = f"select pg_catalog.max({quote_ident(column)}) from {name}"
                    copy.execute(f"select pg_catalog.setval(%s, ({highest}))".encode(), row)


def _own_tables(connection: "psycopg.Connection[Any]", tool: str) -> list[QName]:
    found = tables.trackers(connection)
    names = {t.qname for t in found}
    shapes = tools.find(tool).shapes()
    return [t.qname for t in found if any(s.reads(t.qname, t.columns, names) for s in shapes)]
