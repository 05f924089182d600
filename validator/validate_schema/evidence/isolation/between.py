"""The proof between two members of a fleet that are schemas: as the roles of one, every verb on the other.

Every table of both members and of what they share gets rows, as in the proof within one schema. What a role
is refused says nothing by itself, so the same statement is run again as a superuser: only where that reaches
a row was there something to hold.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace as with_

from ...catalog.names import SCRATCH_PROVER, SCRATCH_SESSION
from ...facts.facts import Facts
from ...model.catalog import QName, Table
from ...model.crossing import Attempted, Crossed, MemberProof
from ...model.errors import ScratchError
from ...sql.ident import display, quote_ident, quote_literal, quote_qname
from .attempt import Answer, Attempt
from .attempts import Target
from .context import ContextSetup, default_context
from .gaps import find_gaps
from .ground import brief
from .roles import rights_of
from .rows import A, B, Column, Row
from .script import Script
from .seed import Seeder
from .stage import LATE, LONGEST_STATEMENT, OutOfTimeError, Stage

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

_RIGHTS = """
    with home as (select oid, nspowner from pg_catalog.pg_namespace where nspname = %(member)s),
    held as (
      select r.oid, r.rolname::text as role, r.rolcanlogin,
             pg_catalog.pg_has_role(r.oid, home.nspowner, 'USAGE') as owns
      from pg_catalog.pg_roles r, home
      where not r.rolsuper and r.rolname !~ '^pg_' and r.rolname <> all (%(lent)s)
        and pg_catalog.has_schema_privilege(r.oid, home.oid, 'USAGE')
        and exists (
          select from pg_catalog.pg_class c
          where c.relnamespace = home.oid and c.relkind in ('r', 'p', 'v', 'm')
          and (pg_catalog.has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
               or pg_catalog.has_any_column_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE')))
    )
    select role, '', owns from held where rolcanlogin
    union all
    select min(l.rolname::text), h.role, h.owns
    from held h join pg_catalog.pg_roles l
      on l.rolcanlogin and not l.rolsuper and l.oid <> h.oid and l.rolname <> all (%(lent)s)
      and pg_catalog.pg_has_role(l.oid, h.oid, 'MEMBER')
    where not h.rolcanlogin and not exists (select from held o where o.oid = l.oid)
    group by h.role, h.owns
    order by 1, 2
"""
_LENT = [SCRATCH_PROVER, SCRATCH_SESSION]  # what a scratch server has for other proofs
_BECOMES = """
    select r.rolname::text from pg_catalog.pg_roles r, pg_catalog.pg_namespace n
    where n.nspname = %(other)s and r.rolname <> %(role)s and not r.rolsuper
      and pg_catalog.pg_has_role(%(role)s, r.oid, 'MEMBER')
      and pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
    order by 1
"""
_MOST_ROLES = 3  # that one session is let become on its way to the other member
NO_TABLE = "the other member has no table: nothing was tried"
NO_ROLE = "no role but a superuser has rights in it: nothing binds a superuser"
_NOT_CALLED = "functions were not called: FLT001, FLT002 and FLT005 read them"


class Session(NamedTuple):
    """A role that works for a member: `login`, that becomes `via` by SET ROLE where that is said."""

    login: str
    via: str = ""

    @property
    def becomes(self) -> tuple[str, ...]:
        return (f"set local role {quote_ident(self.via)}",) if self.via else ()


class Control(NamedTuple):
    """The tenants' table that members share, and its column that holds their names."""

    table: QName
    column: str


class _Way(NamedTuple):
    """How the other's table is come by: what the session says first, the role that it becomes aside."""

    name: str
    becomes: tuple[str, ...]
    path: str = ""  # the schema that is searched first


class _Settled(NamedTuple):
    outcome: Crossed
    why: str = ""
    attempt: Attempt | None = None


class _MemberSeeder(Seeder):
    """Makes rows whose tenants are called as the members are, in the tenants' table."""

    def __init__(
        self, conn: "psycopg.Connection[Any]", facts: Facts, setup: ContextSetup | None, named: "_Named"
    ) -> None:
        self._named = named
        super().__init__(conn, facts, setup)

    def cell(self, table: QName, column: Column, label: str, number: int) -> str | None:
        control = self._named.control
        if control is not None and (table, column.name) == control and label in (A, B):
            return self._named.member if label == A else self._named.other
        return super().cell(table, column, label, number)


class _Named(NamedTuple):
    member: str
    other: str
    control: Control | None


def prove_between(
    database: "Database",
    facts: Facts,
    member: str,
    other: str,
    *,
    control: Control | None = None,
    context: ContextSetup | None = None,
    whole: Sequence[Facts] = (),
    lacks: tuple[str, ...] = (),
    seconds: float = inf,
) -> MemberProof:
    """Try every verb on the rows of the schema `other`, and on its rows in shared tables, as the roles of the
    schema `member`.

    `database` is a private copy with both, which `facts` describe; everything happens in one transaction that
    is rolled back. `control` is the tenants' table: where it is known the rows of shared tables that lead to
    it are the members'. `lacks` are notes on what could not be copied of what `whole` describe. Raises
    `ScratchError` where the session ends.
    """
    import psycopg

    named = _Named(member, other, control)
    setup = context or (default_context(facts) if facts.tenancy.identified else None)
    with database.connect() as conn:
        conn.prepare_threshold = None
        try:
            conn.execute("set local lc_messages = 'C'")
            gaps = {t: why for f in whole if lacks for t, why in find_gaps(conn, f).tables.items()}
            seeder = _MemberSeeder(conn, facts, setup, named)
            seeder.seed()
            return _Between(conn, facts, named, seeder, setup, gaps, lacks, monotonic() + seconds).run()
        except psycopg.OperationalError as error:
            raise ScratchError(f"the proof between members did not come to its end: {brief(error)}") from None
        finally:
            if not conn.closed:
                conn.rollback()


@dataclass
class _Between:
    conn: "psycopg.Connection[Any]"
    facts: Facts
    named: _Named
    seeder: Seeder
    setup: ContextSetup | None
    gaps: dict[QName, str]
    lacks: tuple[str, ...]
    end: float

    def run(self) -> MemberProof:
        found, notes = self._sessions()
        if not found:
            return MemberProof(
                member=self.named.member, other=self.named.other, reason=NO_ROLE, notes=self.lacks
            )
        settings = {r.name: r.settings for r in self.facts.catalog.roles if r.settings}
        self.conn.execute(f"set local statement_timeout = '{LONGEST_STATEMENT}'".encode())
        self.stage = Stage(self.conn, settings, self.end)
        self.superuser = self.conn.info.user
        attempted = [a for session in found for a in self._as(session)]
        if not attempted:
            return MemberProof(
                member=self.named.member, other=self.named.other, reason=NO_TABLE, notes=self.lacks
            )
        notes += [n for session in found if (n := self._idle(session))]
        return MemberProof(
            member=self.named.member,
            other=self.named.other,
            attempted=tuple(attempted),
            notes=(*self.lacks, *notes, *self._untied(), _NOT_CALLED),
        )

    def _sessions(self) -> tuple[list[Session], list[str]]:
        """Return who works for the member; whoever owns it only where nobody else does: that one migrates."""
        rows = self.conn.execute(_RIGHTS.encode(), {"member": self.named.member, "lent": _LENT}).fetchall()
        used = [Session(login, via) for login, via, owns in rows if not owns]
        if not used:
            return [Session(login, via) for login, via, _ in rows], []
        return used, [
            f"nothing was tried as {login}, which owns the member: others work in it"
            for login, _, owns in rows
            if owns
        ]

    def _as(self, session: Session) -> Iterator[Attempted]:
        rights = rights_of(self.conn, session.via or session.login)
        ways = self._ways(session)
        for table in self._tables():
            target = Target(self.seeder, self.seeder.seeded[table.qname], rights[table.qname], False)
            for verb, attempts in self._verbs(target):
                yield self._attempted(session, target, verb, attempts, ways)
        for name in self._apart():
            yield Attempted(
                role=session.login,
                via=session.via,
                table=name,
                verb="SELECT",
                outcome="not tried",
                why="it is a foreign table: its rows are made elsewhere",
            )

    def _tables(self) -> list[Table]:
        """Return the other member's tables, and the shared ones in which rows are a member's."""
        found = [t for t in self.facts.catalog.tables if t.qname in self.seeder.seeded]
        return [t for t in found if t.schema == self.named.other or self._is_tied(t)]

    def _is_tied(self, table: Table) -> bool:
        shared = table.schema not in (self.named.member, self.named.other)
        return shared and bool(self.seeder.owned_by(table.qname, B))

    def _apart(self) -> list[QName]:
        tables = self.facts.catalog.tables
        return [t.qname for t in tables if t.schema == self.named.other and t.kind == "foreign"]

    def _untied(self) -> Iterator[str]:
        """Yield what is not known of shared tables."""
        mine = (self.named.member, self.named.other)
        tables = [t for t in self.facts.tables if t.schema not in mine and not self._is_tied(t)]
        if tables:
            names = ", ".join(display(t.qname, self.facts.default_schema) for t in tables[:5])
            more = f" and {len(tables) - 5} more" if len(tables) > 5 else ""
            yield f"nothing tells whose rows are in shared tables, which FLT006 reads: {names}{more}"

    def _ways(self, session: Session) -> list[_Way]:
        other, usual = self.named.other, session.becomes
        found = [_Way("by name", usual, self.named.member), _Way("by search_path", usual, other)]
        roles = self.conn.execute(_BECOMES.encode(), {"other": other, "role": session.login}).fetchall()
        for (name,) in [row for row in roles if row[0] != session.via][:_MOST_ROLES]:
            become = f"set local role {quote_ident(name)}"
            found.append(_Way(f"by SET ROLE {name}", (become,), self.named.member))
        return found

    def _rows(self, target: Target) -> list[Row]:
        own = target.table.schema == self.named.other
        return [r for r in target.rows.rows if r.tid is not None] if own else target.rows.of(B)

    def _verbs(self, target: Target) -> Iterator[tuple[str, list[Attempt]]]:
        rows = self._rows(target)
        yield "SELECT", target.read(rows)
        yield "INSERT", target.insert_root() if target.is_root else target.insert(B)
        yield "UPDATE", target.update(rows)
        yield "DELETE", target.delete(rows)
        yield "TRUNCATE", [target.touching(f"truncate {target.sql} cascade", "empties", rows)]

    def _attempted(
        self, session: Session, target: Target, verb: str, attempts: list[Attempt], ways: list[_Way]
    ) -> Attempted:
        table = target.table.qname
        made = Attempted(role=session.login, via=session.via, table=table, verb=verb, outcome="not tried")
        if why := self._why_not(target):
            return with_(made, why=why)
        settled = [(way, self._settle(session, table, attempts, way)) for way in ways]
        reached = [(way, s) for way, s in settled if s.outcome == "reached"]
        if reached:
            way, first = reached[0]
            return with_(
                made,
                outcome="reached",
                ways=tuple(way.name for way, _ in reached),
                statements=self._script(session, table, first, way),
            )
        told = next((s for _, s in settled if s.outcome == "not tried"), settled[0][1])
        return with_(made, outcome=told.outcome, why=told.why)

    def _why_not(self, target: Target) -> str:
        if target.table.qname in self.gaps:
            return f"the copy is not whole: {self.gaps[target.table.qname]}"
        if not self._rows(target):
            return f"no row could be made: {target.rows.failed or 'nothing tells whose a row is'}"
        return ""

    def _context(self, way: _Way) -> tuple[str, ...]:
        """Return what a session of the member says after it became its role."""
        shared = sorted({t.schema for t in self.facts.catalog.tables} - {self.named.member, self.named.other})
        path = ", ".join(quote_ident(name) for name in (way.path, *shared))
        said = f"select pg_catalog.set_config('search_path', {quote_literal(path).strip()}, true)"
        if self.setup is None:
            return (said,)
        keys = next(iter(self.seeder.keys.values()), {})
        return (said, *self.setup.of(keys.get(A, ""), self.seeder.people.session(A)))

    def _settle(self, session: Session, table: QName, attempts: list[Attempt], way: _Way) -> _Settled:
        """Return what the attempts come to: what is refused was held only where a superuser's same statement
        reaches a row. Where a key or a trigger stood in the way nobody knows."""
        if way.name == "by search_path":
            attempts = [unqualified(a, table) for a in attempts]
        context = self._context(way)
        try:
            for attempt in attempts:
                used, answer = self._try(attempt, session.login, (*way.becomes, *context), quiet=False)
                if answer.hits:
                    return _Settled("reached", "", used)
            return self._held(session, attempts, way, context)
        except OutOfTimeError:
            return _Settled("not tried", LATE)

    def _held(
        self, session: Session, attempts: list[Attempt], way: _Way, context: tuple[str, ...]
    ) -> _Settled:
        shown = ""
        for attempt in attempts:
            _, answer = self._try(attempt, session.login, (*way.becomes, *context), quiet=True)
            if answer.hits:
                return _Settled("not tried", "only a key or a trigger was in the way")
            if not self._try(attempt, self.superuser, context, quiet=True)[1].hits:
                continue
            if answer.state and not answer.state.startswith("42"):
                return _Settled("not tried", f"stopped by {answer.said}, which says nothing of rights")
            shown = shown or (answer.message if answer.state else "no row is seen")
        if not shown:
            return _Settled(
                "not tried", "the self-check failed: a superuser's statement reaches no row either"
            )
        return _Settled("held", shown)

    def _try(
        self, attempt: Attempt, role: str, context: tuple[str, ...], *, quiet: bool
    ) -> tuple[Attempt, Answer]:
        answer = self.stage.run(attempt, role, context, quiet=quiet)
        if answer.state == "23505" and attempt.again is not None:
            attempt = attempt.again
            answer = self.stage.run(attempt, role, context, quiet=quiet)
        return attempt, answer

    def _script(self, session: Session, table: QName, found: _Settled, way: _Way) -> tuple[str, ...]:
        assert found.attempt is not None, "what was reached was tried"
        said = (*way.becomes, *self._context(way))
        return Script(self.seeder, table).of(session.login, said, found.attempt)

    def _idle(self, session: Session) -> str:
        """Return a note where the role gets at no row of its own member either."""
        rights = rights_of(self.conn, session.via or session.login)
        way = _Way("own", session.becomes, self.named.member)
        for table in self.facts.catalog.tables:
            if table.schema != self.named.member or table.qname not in self.seeder.seeded:
                continue
            target = Target(self.seeder, self.seeder.seeded[table.qname], rights[table.qname], False)
            rows = [r for r in target.rows.rows if r.tid is not None]
            for attempt in target.read(rows)[:1]:
                try:
                    answer = self.stage.run(attempt, session.login, (*way.becomes, *self._context(way)))
                except OutOfTimeError:
                    return ""
                if answer.hits:
                    return ""
        return f"{session.via or session.login} reads no row of its own member either"


def unqualified(attempt: Attempt, table: QName) -> Attempt:
    """Return the attempt on whatever table of that name the search_path leads to."""

    def bare(text: str) -> str:
        return text.replace(quote_qname(table), quote_ident(table.name))

    again = unqualified(attempt.again, table) if attempt.again is not None else None
    return replace(
        attempt,
        statement=bare(attempt.statement),
        shown=bare(attempt.shown),
        base=bare(attempt.base),
        again=again,
    )
