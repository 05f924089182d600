"""The pending migrations, tried on a copy of the target's schema: the evidence of MIG013."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...model.errors import MigrationError
from ...model.history import DryRun, DryRuns, HiddenRows
from ...sql import script
from ...sql.ident import quote_ident
from ..records import FailedMigration, MigrationFile, MigrationSet
from .observe import Watch
from .replay import replay

if TYPE_CHECKING:
    from ...scratch import Database


def dry_run(
    database: "Database",
    migrations: MigrationSet,
    pending: Sequence[MigrationFile],
    *,
    path: Sequence[str] = ("public",),
    progress: Callable[[str], None] | None = None,
    watch: Watch | None = None,
    after: Callable[[MigrationFile], None] | None = None,
) -> DryRuns:
    """Run the `pending` files of `migrations` in order on `database`, a throwaway copy of the target's
    schema, each as its tool runs it. `path` are the schemas in which the target looks for names without one.

    What a file does stays on the copy, for the next file needs it; dropping the copy is the ROLLBACK,
    which no COMMIT of a file's own can escape. A file that could not be taken back on the target, because
    part of it cannot run in one transaction, is said not to be `transactional`. Roles are those of the
    copy's server, which are the target's: a missing one is a failure. The copy has no rows, so that what
    fails on rows alone is not found. `watch` is told of each statement, `after` of each file that ran.
    """
    labels = {f.path for f in pending}
    done = tuple(f for f in migrations.files if f.path not in labels)
    ordered = replace(migrations, files=(*done, *pending))
    ran: list[DryRun] = []

    def note(file: MigrationFile, _: object) -> None:
        ran.append(DryRun(file=migrations.label(file.path), transactional=in_one_transaction(file)))
        if after:
            after(file)

    with database.connect(autocommit=True) as connection:
        shown = ", ".join(map(quote_ident, path))
        sql = f"alter database {quote_ident(database.name)} set search_path to {shown}"
        connection.execute(sql.encode())
    hidden: tuple[HiddenRows, ...] = ()
    try:
        hidden = replay(
            database,
            ordered,
            start=len(done),
            after=note,
            progress=progress,
            made_up_roles=False,
            watch=watch,
            foresee=True,
        ).hidden
    except FailedMigration as failed:
        file = pending[len(ran)]
        label, alone = migrations.label(file.path), in_one_transaction(file)
        ran.append(DryRun(file=label, transactional=alone, failure=failed.failure))
    except MigrationError as error:
        return DryRuns(wanted=True, reason=str(error))
    return DryRuns(wanted=True, examined=True, runs=tuple(ran), hidden=hidden)


def in_one_transaction(file: MigrationFile) -> bool:
    """Tell whether all of the file happens or nothing: its tool uses a transaction, no statement refuses
    one, and it does not commit by itself."""
    if not file.transactional or script.refuses_transaction(file.sql):
        return False
    return not any(map(script.controls_transactions, script.pieces(file.sql)))
