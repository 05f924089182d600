"""The proof between two members of a fleet that are schemas: as the roles of one, every verb on the other.

Every table of both members and of what they share gets rows, as in the proof within one schema. What a role
is refused says nothing by itself, so the same statement is run again as whoever writes all rows: only where
that reaches a row was there something to hold.
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
from ...scratch.owner import OWNER
from ...sql.ident import display, quote_ident, quote_literal, quote_qname
from .attempt import Answer, Attempt
from .attempts import Target
from .context import ContextSetup, default_context
from .gaps import find_gaps
from .proof import session_of
from .roles import rights_of
from .rows import A, B, Column, Row
from .script import Script
from .seat import Seat
from .seed import Seeder
from .stage import LATE, OutOfTimeError, Stage

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database

_RIGHTS = """
    with home as (select oid, nspowner from pg_catalog.pg_namespace where nspname = %(member)s),
    held as (
      select r.oid, r.rolname::text as role, r.rolcanlogin,
             pg_catalog.pg_has_role(r.oid, home.nspowner, 'USAGE') as owns
      from pg_catalog.pg_roles r, home
      where not r.rolsuper and r.rolname !~ '^pg_' and r.rolname <> all (%(apart)s)
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
      on l.rolcanlogin and not l.rolsuper and l.oid <> h.oid and l.rolname <> all (%(apart)s)
      and pg_catalog.pg_has_role(l.oid, h.oid, 'MEMBER')
    where not h.rolcanlogin and not exists (select from held o where o.oid = l.oid)
    group by h.role, h.owns
    order by 1, 2
"""
_LENT = (SCRATCH_PROVER, SCRATCH_SESSION)  # what a scratch server has for proofs
_BECOMES = """
    with recursive apart as (select oid from pg_catalog.pg_roles where rolsuper or rolname = any (%(apart)s)),
    become as (
      select m.roleid from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.member
      where r.rolname = %(role)s
      union
      select m.roleid from pg_catalog.pg_auth_members m join become b on b.roleid = m.member
      where b.roleid not in (select oid from apart)
    )
    select distinct r.rolname::text from become b join pg_catalog.pg_roles r on r.oid = b.roleid,
      pg_catalog.pg_namespace n
    where n.nspname = %(other)s and r.rolname <> %(role)s and r.oid not in (select oid from apart)
      and pg_catalog.has_schema_privilege(r.oid, n.oid, 'USAGE')
    order by 1
"""
# A superuser of the source sees all rows on the copy by what its members have too.
_CHIEFS = """
    select r.rolname::text from pg_catalog.pg_roles r, pg_catalog.pg_roles chief
    where chief.rolname = any (%(superusers)s) and r.oid <> chief.oid
      and pg_catalog.pg_has_role(r.oid, chief.oid, 'MEMBER') and r.rolname <> all (%(superusers)s)
    order by 1
"""
_MOST_ROLES = 3  # that one session is let become on its way to the other member
NO_TABLE = "the other member has no table: nothing was tried"
NO_ROLE = "no role but a superuser has rights in it: nothing binds a superuser"
_UNMET = "the self-check failed: the statement of whoever writes all rows reaches none either"
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
        self,
        conn: "psycopg.Connection[Any]",
        facts: Facts,
        setup: ContextSetup | None,
        named: "_Named",
        seat: Seat,
    ) -> None:
        self._named = named
        super().__init__(conn, facts, setup, seat)

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

    `database` is a private copy with both, which `facts` describe; each role has a session of its own, whose
    one transaction is rolled back. `control` is the tenants' table: where it is known the rows of shared
    tables that lead to it are the members'. `whole` describe the members where they come from: who is a
    superuser there is not bound. `lacks` are notes on what could not be copied of them. Raises `ScratchError`
    where a session ends.
    """
    named, end = _Named(member, other, control), monotonic() + seconds
    setup = context or (default_context(facts) if facts.tenancy.identified else None)
    with database.admin() as admin:
        gaps = {t: why for f in whole if lacks for t, why in find_gaps(admin, f).tables.items()}
        found, notes = _sessions(admin, named, whole)
        ways = [_ways(admin, session, named, whole) for session in found]
    if not found:
        return MemberProof(member=member, other=other, reason=NO_ROLE, notes=(*lacks, *notes))
    attempted: list[Attempted] = []
    idle, untied = list[str](), dict[str, None]()
    for session, tried in zip(found, ways, strict=True):
        with session_of(database, session.login) as (conn, seat):
            seeder = _MemberSeeder(conn, facts, setup, named, seat)
            seeder.seed()
            proof = _Between(conn, facts, named, seeder, setup, gaps, session, tried, end)
            attempted += proof.attempted()
            idle += proof.idle()
            untied |= dict.fromkeys(proof.untied())
    if not attempted:
        return MemberProof(member=member, other=other, reason=NO_TABLE, notes=lacks)
    return MemberProof(
        member=member,
        other=other,
        attempted=tuple(attempted),
        notes=(*lacks, *notes, *idle, *untied, _NOT_CALLED),
    )


def _apart(whole: Sequence[Facts]) -> list[str]:
    """Return the roles that nothing binds at the source, or that only a scratch server has."""
    return [*_LENT, OWNER, *_superusers(whole)]


def _superusers(whole: Sequence[Facts]) -> list[str]:
    return sorted({r.name for f in whole for r in f.catalog.roles if r.superuser})


def _sessions(
    admin: "psycopg.Connection[Any]", named: _Named, whole: Sequence[Facts]
) -> tuple[list[Session], list[str]]:
    """Return who works for the member; whoever owns it only where nobody else does: that one migrates."""
    given = {"member": named.member, "apart": _apart(whole), "superusers": _superusers(whole)}
    chiefs = [name for (name,) in admin.execute(_CHIEFS.encode(), given).fetchall() if name not in _LENT]
    given["apart"] = [*_apart(whole), *chiefs]
    notes = [f"nothing was tried as {name}, which may become a superuser" for name in chiefs if name != OWNER]
    rows = admin.execute(_RIGHTS.encode(), given).fetchall()
    used = [Session(login, via) for login, via, owns in rows if not owns]
    if not used:
        return [Session(login, via) for login, via, _ in rows], notes
    owners = [login for login, _, owns in rows if owns]
    return used, notes + [
        f"nothing was tried as {login}, which owns the member: others work in it" for login in owners
    ]


def _ways(
    admin: "psycopg.Connection[Any]", session: Session, named: _Named, whole: Sequence[Facts]
) -> list[_Way]:
    """Return how a session may come by the other's tables, before it is let do what a proof needs."""
    usual = session.becomes
    found = [_Way("by name", usual, named.member), _Way("by search_path", usual, named.other)]
    asked = {"other": named.other, "role": session.login, "apart": _apart(whole)}
    roles = admin.execute(_BECOMES.encode(), asked).fetchall()
    for (name,) in [row for row in roles if row[0] != session.via][:_MOST_ROLES]:
        become = f"set local role {quote_ident(name)}"
        found.append(_Way(f"by SET ROLE {name}", (become,), named.member))
    return found


@dataclass
class _Between:
    """The proof as one session of the member."""

    conn: "psycopg.Connection[Any]"
    facts: Facts
    named: _Named
    seeder: Seeder
    setup: ContextSetup | None
    gaps: dict[QName, str]
    session: Session
    ways: list[_Way]
    end: float

    def __post_init__(self) -> None:
        settings = {r.name: r.settings for r in self.facts.catalog.roles if r.settings}
        self.seat = self.seeder.seat
        self.stage = Stage(self.conn, settings, self.end, self.seat)
        self.writes_all = SCRATCH_PROVER if self.seat.login else self.conn.info.user

    def attempted(self) -> Iterator[Attempted]:
        """Yield what each verb on each table came to."""
        session = self.session
        rights = rights_of(self.conn, session.via or session.login)
        for table in self._tables():
            target = Target(self.seeder, self.seeder.seeded[table.qname], rights[table.qname], False)
            for verb, attempts in self._verbs(target):
                yield self._attempted(target, verb, attempts)
        for name in self._foreign():
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

    def _foreign(self) -> list[QName]:
        tables = self.facts.catalog.tables
        return [t.qname for t in tables if t.schema == self.named.other and t.kind == "foreign"]

    def untied(self) -> Iterator[str]:
        """Yield what is not known of shared tables."""
        mine = (self.named.member, self.named.other)
        tables = [t for t in self.facts.tables if t.schema not in mine and not self._is_tied(t)]
        if tables:
            names = ", ".join(display(t.qname, self.facts.default_schema) for t in tables[:5])
            more = f" and {len(tables) - 5} more" if len(tables) > 5 else ""
            yield f"nothing tells whose rows are in shared tables, which FLT006 reads: {names}{more}"

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

    def _attempted(self, target: Target, verb: str, attempts: list[Attempt]) -> Attempted:
        session, table = self.session, target.table.qname
        made = Attempted(role=session.login, via=session.via, table=table, verb=verb, outcome="not tried")
        if why := self._why_not(target):
            return with_(made, why=why)
        settled = [(way, self._settle(table, attempts, way)) for way in self.ways]
        reached = [(way, s) for way, s in settled if s.outcome == "reached"]
        if reached:
            way, first = reached[0]
            return with_(
                made,
                outcome="reached",
                ways=tuple(way.name for way, _ in reached),
                statements=self._script(table, first, way),
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

    def _settle(self, table: QName, attempts: list[Attempt], way: _Way) -> _Settled:
        """Return what the attempts come to: what is refused was held only where the same statement of who
        writes all rows reaches one. Where a key or a trigger stood in the way nobody knows."""
        if way.name == "by search_path":
            attempts = [unqualified(a, table) for a in attempts]
        context = self._context(way)
        try:
            for attempt in attempts:
                used, answer = self._try(attempt, (*way.becomes, *context), quiet=False)
                if answer.hits:
                    return _Settled("reached", "", used)
            return self._held(table, attempts, way, context)
        except OutOfTimeError:
            return _Settled("not tried", LATE)

    def _held(self, table: QName, attempts: list[Attempt], way: _Way, context: tuple[str, ...]) -> _Settled:
        shown = ""
        for attempt in attempts:
            _, answer = self._try(attempt, (*way.becomes, *context), quiet=True)
            if answer.hits:
                return _Settled("not tried", "only a key or a trigger was in the way")
            if not self._reaches(attempt, table, context):
                continue
            if answer.state and not answer.state.startswith("42"):
                return _Settled("not tried", f"stopped by {answer.said}, which says nothing of rights")
            shown = shown or (answer.message if answer.state else "no row is seen")
        if not shown:
            return _Settled("not tried", _UNMET)
        return _Settled("held", shown)

    def _reaches(self, attempt: Attempt, table: QName, context: tuple[str, ...]) -> bool:
        """Tell whether whoever writes all rows reaches one by the statement; owners alone empty tables."""
        if attempt.statement.startswith("truncate "):
            attempt = replace(attempt, statement=self.seat.owning(attempt.statement, table))
        return bool(self._try(attempt, context, quiet=True, role=self.writes_all)[1].hits)

    def _try(
        self, attempt: Attempt, context: tuple[str, ...], *, quiet: bool, role: str = ""
    ) -> tuple[Attempt, Answer]:
        role = role or self.session.login
        answer = self.stage.run(attempt, role, context, quiet=quiet)
        if answer.state == "23505" and attempt.again is not None:
            attempt = attempt.again
            answer = self.stage.run(attempt, role, context, quiet=quiet)
        return attempt, answer

    def _script(self, table: QName, found: _Settled, way: _Way) -> tuple[str, ...]:
        assert found.attempt is not None, "what was reached was tried"
        said = (*way.becomes, *self._context(way))
        return Script(self.seeder, table).of(self.session.login, said, found.attempt)

    def idle(self) -> list[str]:
        """Return a note where the role gets at no row of its own member either."""
        session = self.session
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
                    return []
                if answer.hits:
                    return []
        return [f"{session.via or session.login} reads no row of its own member either"]


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
