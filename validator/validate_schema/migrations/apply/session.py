"""The session that migrations run in, and what its errors mean."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...model.errors import HistoryError, RunnerError, ValidateSchemaError
from ...model.secret import mask
from ...sql.ident import quote_ident
from .screening import Body, begins

if TYPE_CHECKING:
    import psycopg

    from ...sql.script import Piece

# Not the migration's fault: run again later. Class 57 are cancellations, 53 lack of resources.
_LATER = ("55P03", "40001", "40P01", "57", "53", "08", "25006")


@dataclass(frozen=True)
class Limits:
    """Time-outs in milliseconds, 0 for none; `search_path` is the schema that the URL names."""

    lock_ms: int = 5_000
    statement_ms: int = 3_600_000
    schema: str | None = None


def reset(conn: "psycopg.Connection[Any]", limits: Limits) -> None:
    """Undo what a migration may have set for the session, then set the limits."""
    as_login(conn)
    conn.execute("reset all; discard temp")
    conn.execute(
        "select pg_catalog.set_config('lock_timeout', %s, false),"
        " pg_catalog.set_config('statement_timeout', %s, false)",
        [str(limits.lock_ms), str(limits.statement_ms)],
    )
    if limits.schema:
        conn.execute("select pg_catalog.set_config('search_path', %s, false)", [quote_ident(limits.schema)])


def as_login(conn: "psycopg.Connection[Any]") -> None:
    """Be the role that connected, whatever SET ROLE a migration holds."""
    conn.execute("reset session authorization; reset role")


def run_piece(conn: "psycopg.Connection[Any]", piece: "Piece") -> None:
    """Run one statement. The extended protocol takes no second one, however the text was split."""
    with conn.cursor() as cursor:
        if piece.kind == "copy":
            with cursor.copy(piece.text.encode()) as copy:
                copy.write(piece.data.encode())
        else:
            cursor.execute(piece.text.encode(), binary=True)


def failed(
    conn: "psycopg.Connection[Any]", body: Body, piece: "Piece | None", error: "psycopg.Error"
) -> ValidateSchemaError:
    """Return the error for people: where, what PostgreSQL said, and what became of the migration."""
    state = error.sqlstate or ""
    if piece is None:
        where = f"{body.file.path}: at COMMIT"
    else:
        position = error.diag.statement_position
        where = f"{body.place(piece.start + (int(position) - 1 if position else 0))}: {begins(piece.text)}"
    if conn.broken and not state.startswith("57"):
        lost = "before COMMIT" if piece else "during COMMIT: the next run tells whether it happened"
        return RunnerError(f"{where}: the connection was lost {lost}")
    said = ". ".join(
        filter(None, (error.diag.message_primary or str(error).strip(), error.diag.message_detail))
    )
    text = f"{where}: {mask(' '.join(said.split()))}"
    if state.startswith(_LATER):
        return RunnerError(f"{text}; nothing of this file was applied, run again")
    return HistoryError(f"{text}; nothing of this file was applied")
