"""A copy of a live schema without its data, on a scratch server."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..catalog.connect import Destination
from ..model.catalog import Catalog
from ..model.errors import ScratchError
from ..sql.ident import quote_ident
from ..sql.script import pieces
from .copied_owner import restoring
from .copied_roles import borrowed_roles
from .programs import credentials

if TYPE_CHECKING:
    from . import Database, Server


@contextmanager
def copy_schema(
    server: "Server",
    source: Destination,
    catalog: Catalog,
    progress: Callable[[str], None] | None = None,
    *,
    without: Sequence[str] = (),
) -> Iterator[tuple["Database", tuple[str, ...]]]:
    """Yield a database on `server` with the schema at `source`, and notes on what it lacks.

    pg_dump reads the source; nothing is written to it and no row is read. Roles come from `catalog`,
    as `borrowed_roles` makes them. `without` are schemas that are left out.
    Raises `ScratchError` when there is no pg_dump or it fails.
    """
    say = progress or (lambda _: None)
    say("copying the schema with pg_dump")
    script = _dump(server, source, without)
    with borrowed_roles(server, catalog, say) as notes, server.database() as database:
        yield database, (*notes, *_restore(server, database, catalog, script))


def _dump(server: "Server", source: Destination, without: Sequence[str]) -> str:
    if server.bin_dir is None or not (server.bin_dir / "pg_dump").exists():
        raise ScratchError("no pg_dump to copy the schema with: install PostgreSQL's client tools")
    target, environ = credentials(source, "-c default_transaction_read_only=on")
    command = [str(server.bin_dir / "pg_dump"), "--schema-only", "--no-comments", "--no-publications",
               "--no-subscriptions", "--no-security-labels", "--no-tablespaces", "--encoding=UTF8",
               "--lock-wait-timeout=5000", "--dbname", target]  # fmt: skip
    command += [f"--exclude-schema={quote_ident(name)}" for name in without]
    try:
        said = subprocess.run(command, capture_output=True, env=environ, check=False)
    except OSError as error:  # more names than a command line holds
        raise ScratchError(f"pg_dump could not be started: {error.strerror or error}") from None
    if said.returncode != 0:
        lines = said.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        reason = source.hide_in(next((line for line in lines if "error:" in line), lines[-1]))
        raise ScratchError(f"pg_dump could not copy the schema of {source.shown}: {reason}")
    return said.stdout.decode()


def _restore(server: "Server", database: "Database", catalog: Catalog, script: str) -> list[str]:
    """Run the dump statement by statement; what fails is a note, since the rest can still be proven."""
    import psycopg

    notes: list[str] = []
    with restoring(database, catalog, notes) as (conn, instead):
        for extension in catalog.extensions:
            found = conn.execute(
                "select from pg_catalog.pg_available_extensions where name = %s", [extension.name]
            ).fetchone()
            if found is None:
                try:
                    server.stand_in(extension.name)
                    notes.append(f"the extension {extension.name} is a stand-in on the copy")
                except ScratchError as error:
                    notes.append(str(error))
        for piece in pieces(script):
            if piece.kind != "sql":
                continue
            try:
                if not instead(piece.text):
                    conn.execute(piece.text.encode())
            except psycopg.Error as error:
                said = error.diag.message_primary or type(error).__name__
                notes.append(f"not on the copy: {piece.text.splitlines()[0][:120]} ({said})")
    return notes
