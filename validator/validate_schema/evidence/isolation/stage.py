"""One connection, one transaction that is never committed, and attempts inside savepoints of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from ...model.catalog import QName
from ...sql.ident import quote_literal
from .attempt import Answer, Attempt
from .batch import FUNCTION, together
from .ground import brief
from .seat import Seat

if TYPE_CHECKING:
    import psycopg


class OutOfTimeError(Exception):
    """The time for the proof is up: what was not tried by now is not decided."""


LONGEST_STATEMENT = "60s"  # what takes longer may have no end, and says nothing
MOST_ROWS = 10_000  # of one answer: a view that reads itself may never end
LATE = "not tried: the time for the proof was up ([limits] proof_seconds)"
_QUIET = "set local session_replication_role = replica"
_CHECKED = "set constraints all immediate"
_UNDO = ("rollback to savepoint attempt", "release savepoint attempt")
_TOGETHER = 400  # statements of one round trip
_CALLED_IMMUTABLE = """
select exists (
    select from pg_catalog.pg_proc p
    join pg_catalog.pg_language l on l.oid = p.prolang
    where p.provolatile = 'i' and l.lanname <> 'c'
      and p.pronamespace <> all (array['pg_catalog', 'information_schema']::pg_catalog.regnamespace[])
)
"""


def bounded(query: str) -> str:
    """Return a query that gives `MOST_ROWS` rows at most."""
    return f"{query} limit {MOST_ROWS}"


class Watched(NamedTuple):
    """What came of a statement: the rows of the check, None where it failed, and what the role was told: the
    rows that it returned, and messages of the server."""

    rows: tuple[Any, ...] | None
    told: tuple[str, ...]


@dataclass
class Stage:
    """The connection, and who sits at it. `settings` are what ALTER ROLE gives each role for its sessions.
    Nothing more is tried once the clock, `time.monotonic`, shows `end`: `OutOfTimeError` is raised instead.
    """

    conn: "psycopg.Connection[Any]"
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    end: float = inf
    seat: Seat = field(default_factory=Seat)

    def _in_time(self) -> None:
        if monotonic() > self.end:
            raise OutOfTimeError

    def run(
        self,
        attempt: Attempt,
        role: str,
        context: Sequence[str],
        *,
        quiet: bool = False,
        opened: QName | None = None,
    ) -> Answer:
        """Run an attempt and undo it. `quiet`: foreign keys and triggers off; `opened`: the table whose
        row security is switched off, for the self-check."""
        import psycopg

        self._in_time()
        prepared = ["savepoint attempt"]
        if opened is not None:
            prepared.append(self.seat.opens(opened))
        if attempt.before:
            prepared += [_QUIET, *attempt.before, "set local session_replication_role = origin"]
        if attempt.count:
            prepared.append(attempt.count)
        whole = [*prepared, *([_QUIET] if quiet else []), _CHECKED, *self._become(role, context)]
        after = [s for s in (attempt.present or attempt.count,) if s]
        after = [self.seat.back, *after, *_UNDO] if after else [*_UNDO]
        try:
            if attempt.copied is None:
                results = self._all([*whole, attempt.statement, *after])
                rows = results[-len(after) - 1]
            else:
                base = self._all(whole)[: len(prepared)]
                rows = self._copy(attempt)
                results = base + self._all(after)
        except psycopg.Error as error:
            self._all(_UNDO)
            return Answer(0, error.sqlstate or "", _line(error), error.diag.source_function or "")
        seen = results[-len(_UNDO) - 1]
        if attempt.present:
            hits = len(attempt.wanted - {row[0] for row in seen})
        elif attempt.count:
            hits = max(0, int(seen[0][0]) - int(results[len(prepared) - 1][0][0]))
        else:
            hits = len(attempt.wanted & {str(row[0]) for row in rows})
        return Answer(hits, rows=tuple(rows))

    def watched(self, attempt: Attempt, role: str, context: Sequence[str], check: str) -> Watched:
        """Run a statement as the role, then `check` as whoever sees all rows, and undo it; return its rows
        and what the role was told."""
        import psycopg

        self._in_time()
        heard: list[str] = []

        def hear(said: "psycopg.errors.Diagnostic") -> None:
            heard.extend(_texts(said))

        whole = ["savepoint attempt", _CHECKED, *self._become(role, context), attempt.statement]
        self.conn.add_notice_handler(hear)
        try:
            results = self._all([*whole, self.seat.back, check, *_UNDO])
        except psycopg.Error as error:
            self._all(_UNDO)
            return Watched(None, (*heard, *_texts(error.diag)))
        finally:
            self.conn.remove_notice_handler(hear)
        given = (str(row) for row in results[len(whole) - 1])
        return Watched(tuple(results[-len(_UNDO) - 1]), (*heard, *given))

    def nothing_reached(
        self,
        tries: Sequence[tuple[Sequence[str], Attempt]],
        role: str,
        *,
        quiet: bool = False,
        strict: bool = False,
    ) -> bool:
        """Tell whether none of the statements reaches a row or raises a unique violation, each after what
        a session says first; hundreds in one round trip. False where one may, or cannot be tried so: then
        each is to be run for itself. An error is no row, unless it is `strict` and the error hangs on one."""
        import psycopg

        if any(attempt.copied is not None for _, attempt in tries) or not self._tries_many:
            return False
        for first in range(0, len(tries), _TOGETHER):
            self._in_time()
            some = tries[first : first + _TOGETHER]
            many = together(
                some,
                lambda said: self._become(role, said),
                self.seat.back,
                quiet=quiet,
                strict=strict,
                lasting=self._plans_last,
            )
            try:
                self._all(["savepoint attempt", _CHECKED, *([_QUIET] if quiet else []), many])
            except psycopg.Error:
                return False
            finally:
                self._all([*_UNDO, "deallocate all"])
        return True

    @cached_property
    def _tries_many(self) -> bool:
        """Whether the session has the function that tries many at once: somebody's event trigger may not let
        it be made."""
        import psycopg

        try:
            with self.conn.transaction():
                self._all([_QUIET, FUNCTION, "set local session_replication_role = origin"])
        except psycopg.Error:
            return False
        return True

    @cached_property
    def _plans_last(self) -> bool:
        """Whether a plan that one session made is as good in another: what is called IMMUTABLE is worked out
        with it, and a function of the schema may be called so and yet ask the session."""
        return not self._all([_CALLED_IMMUTABLE])[0][0][0]

    def _copy(self, attempt: Attempt) -> list[Any]:
        with self.conn.cursor() as cursor, cursor.copy(attempt.statement.encode()) as copy:
            if attempt.copied:
                copy.write(attempt.copied.encode())
                return []
            text = b"".join(bytes(block) for block in copy).decode()
        return [(line,) for line in text.split("\n") if line]

    def _become(self, role: str, context: Sequence[str]) -> list[str]:
        """Return what makes the session the role's, with its own settings and the tenant context."""
        found = [*self.seat.become(role, context)]
        for setting in self.settings.get(role, ()):
            name, _, value = setting.partition("=")
            found.append(f"select pg_catalog.set_config({quote_literal(name)}, {quote_literal(value)}, true)")
        return [*found, *context]

    def _all(self, statements: Sequence[str]) -> list[list[Any]]:
        """Run the statements in one round trip; return the rows of each."""
        cursor = self.conn.execute(";\n".join(statements).encode())
        found = [cursor.fetchall() if cursor.description else []]
        while cursor.nextset():
            found.append(cursor.fetchall() if cursor.description else [])
        return found


def _line(error: "psycopg.Error") -> str:
    return error.diag.message_primary or brief(error)


def _texts(said: "psycopg.errors.Diagnostic") -> list[str]:
    fields = (said.message_primary, said.message_detail, said.message_hint, said.context)
    return [text for text in fields if text]
