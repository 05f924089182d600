"""One connection, one transaction that is never committed, and attempts inside savepoints of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...model.catalog import QName
from ...model.wording import some
from ...sql.ident import quote_ident, quote_literal, quote_qname
from .repair import brief
from .rows import literal

if TYPE_CHECKING:
    import psycopg


_QUIET = "set local session_replication_role = replica"
_UNDO = ("rollback to savepoint attempt", "release savepoint attempt")


@dataclass(frozen=True)
class Attempt:
    """One statement as the app role. `before` runs as superuser with triggers and keys off.

    What it achieved is read in one of three ways: the rows that it returned are in `wanted`; rows that
    `present` lists are gone from `missing_from` (touched or deleted); the superuser's `count` grew.
    `shown` is the statement for a reproduction where it reads better; `again` replaces the attempt
    when a unique constraint was in the way. `copied` marks a COPY: what is fed to it, "" for COPY … TO.
    `values` are those of the row that it inserts.
    """

    statement: str
    label: str
    wanted: frozenset[str] = frozenset()
    present: str = ""
    count: str = ""
    before: tuple[str, ...] = ()
    shown: str = ""
    again: "Attempt | None" = None
    copied: str | None = None
    values: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What the server did: nothing of the kind (`hits` 0), the other's rows (`hits`), or an error."""

    hits: int = 0
    state: str = ""
    message: str = ""
    source: str = ""
    rows: tuple[Any, ...] = ()

    @property
    def by_policy(self) -> bool:
        return self.state == "42501" and self.source == "ExecWithCheckOptions"

    def denied(self, name: QName) -> bool:
        """Tell whether the role lacks a privilege on this very object or its schema."""
        said = self.message.removeprefix("permission denied for ").partition(" ")[2]
        acl = self.state == "42501" and self.source.startswith("aclcheck_error")
        return acl and said in (name.name, name.schema)

    @property
    def said(self) -> str:
        return f"{self.state} {self.message}" if self.state else some(self.hits, "row")


@dataclass
class Stage:
    """The connection. `settings` are what ALTER ROLE gives each role for its sessions."""

    conn: "psycopg.Connection[Any]"
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)

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

        prepared = ["savepoint attempt"]
        if opened is not None:
            prepared.append(f"alter table {quote_qname(opened)} disable row level security")
        if attempt.before:
            prepared += [_QUIET, *attempt.before, "set local session_replication_role = origin"]
        if attempt.count:
            prepared.append(attempt.count)
        whole = [*prepared, *([_QUIET] if quiet else []), *self._become(role, context)]
        after = [s for s in (attempt.present or attempt.count,) if s]
        after = ["reset session authorization", *after, *_UNDO] if after else [*_UNDO]
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

    def refused(self, tries: Sequence[tuple[Sequence[str], Attempt]], role: str) -> bool:
        """Tell whether the server raises an error at every statement, each after what a session says first,
        all in one round trip. False where one may do something, or another attempt may replace it."""
        import psycopg

        if any(attempt.before or attempt.copied is not None for _, attempt in tries):
            return False
        block = "\n".join(_caught((*said, attempt.statement)) for said, attempt in tries)
        whole = ["savepoint attempt", *self._become(role, ()), f"do {literal(f'begin {block} end')}"]
        try:
            self._all(whole)
        except psycopg.Error:
            return False
        finally:
            self._all(_UNDO)
        return True

    def _copy(self, attempt: Attempt) -> list[Any]:
        with self.conn.cursor() as cursor, cursor.copy(attempt.statement.encode()) as copy:
            if attempt.copied:
                copy.write(attempt.copied.encode())
                return []
            text = b"".join(bytes(block) for block in copy).decode()
        return [(line,) for line in text.split("\n") if line]

    def _become(self, role: str, context: Sequence[str]) -> list[str]:
        """Return what makes the session the role's, with its own settings and the tenant context."""
        found = ["set constraints all immediate", f"set local session authorization {quote_ident(role)}"]
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


def _caught(statements: Sequence[str]) -> str:
    """Return a PL/pgSQL block that lets errors pass, and raises one where there is none."""
    run = " ".join(f"execute {literal(s)};" for s in statements)
    stop = "exception when unique_violation then raise; when others then null;"
    return f"begin {run} raise unique_violation; {stop} end;"


_MOST_AGAIN = 8  # attempts that are repeated by each pretence of a session


def plain_ones(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the attempts without those that take another way to the same rows."""
    return [a for a in attempts if not by_another_way(a)][:_MOST_AGAIN]


def by_another_way(attempt: Attempt) -> bool:
    says = attempt.statement
    return attempt.copied is not None or " returning " in says or says.endswith(" on conflict do nothing")


def most_telling(answers: Sequence[Answer]) -> Answer:
    """Return the answer that says most: one by a policy, then any other error."""
    return next((a for a in answers if a.by_policy), next((a for a in answers if a.state), answers[0]))


def how_it_held(answers: Sequence[Answer]) -> str:
    telling = most_telling(answers)
    if telling.state:
        return f"the policy held: {telling.message}"
    return "the policy held: no row was reached, and it is without row security"


def in_the_way(answers: Sequence[Answer]) -> str:
    telling = most_telling(answers)
    if telling.state:
        return f"the policy lets it through; stopped by {telling.said}"
    return "the policy lets it through; a trigger swallowed it"
