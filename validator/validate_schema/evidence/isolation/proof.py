"""The whole proof on one copy: seed, probe, and tell."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ...facts.facts import Facts, NotExamined
from ...model.catalog import Table
from ...model.errors import ScratchError
from ...model.isolation import AppRole, Cell, Isolation, Outcome, Probe
from ...model.tenancy import TableClass
from ...model.wording import some
from ...scratch.seats import seated
from ...sql.ident import display
from .attempts import Target
from .context import ContextSetup, default_context
from .effects import Effects
from .gaps import Gaps, find_gaps
from .ground import brief
from .keyed import Keyed
from .parts import Part, whole
from .probe import Prober, unless_blocked
from .roles import app_roles, make_up, may_call, rights_of
from .rows import MALFORMED, A, B, sibling
from .script import Script
from .seat import Seat
from .seed import Seeder
from .stage import LATE, LONGEST_STATEMENT, OutOfTimeError, Stage
from .surface_probe import SurfaceProber
from .surfaces import missing_surfaces
from .trial import Found
from .ways import unmet

_Said = TypeVar("_Said")

if TYPE_CHECKING:
    import psycopg

    from ...scratch import Database


_ENDED = (
    "its session on the copy was ended, by the server or by code of the schema (a CHECK, a trigger or a"
    " policy that calls pg_terminate_backend)"
)


def prove(
    database: "Database",
    facts: Facts,
    *,
    context: ContextSetup | None = None,
    lacks: tuple[str, ...] = (),
    progress: Callable[[str], None] | None = None,
    seconds: float = inf,
) -> Isolation:
    """Prove the isolation of tenants on `database`, a private copy of the schema that `facts` describe.

    Each role is proven in a session of its own, in one transaction that is rolled back.
    `context` replaces the setting that was inferred. `lacks` are notes on what could not be copied: with
    any, an object that is not all there is inconclusive. `progress` gets a line per step. Not identified
    tenancy, or no tables: not attempted, with the reason. What was not tried within `seconds` is
    inconclusive. Raises `ScratchError` where the session ends.
    """
    setup = context or default_context(facts)
    try:
        tables = facts.of_class(TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
    except NotExamined as error:
        return Isolation(reason=str(error))
    if not tables:
        return Isolation(reason="there are no tenant tables")
    say, end = progress or _silent, monotonic() + seconds
    with database.admin() as admin:
        gaps = find_gaps(admin, facts) if lacks else Gaps()
        roles = app_roles(admin, facts)
    say(f"proving {some(len(tables), 'table')} as {', '.join(r.name for r in roles)}")
    parts = []
    for place, role in enumerate(roles):
        now = monotonic()
        share = now + (end - now) / (len(roles) - place)
        with session_of(database, role.name, made_up=role.made_up) as (conn, seat):
            parts.append(_Proof(conn, seat, facts, tables, role, setup, say, gaps, share).run())
    found = whole(parts, lacks)
    return msgspec.structs.replace(
        found,
        roles=roles,
        tables=tuple(t.qname for t in tables),
        cells=(*found.cells, *missing_surfaces(facts, gaps, roles)),
        preset=setup.preset if setup else "",
    )


@contextmanager
def session_of(
    database: "Database", role: str, *, made_up: bool = False
) -> "Iterator[tuple[psycopg.Connection[Any], Seat]]":
    """Yield the session in which a role is proven; it sees and writes all rows until it becomes the role, and
    is rolled back. Raises `ScratchError` where it ends."""
    import psycopg

    conn = None
    try:
        with seated(database, role, made_up=made_up) as (conn, login):
            conn.prepare_threshold = (
                None  # most statements are run once; and ours would be deallocated with psycopg's
            )
            seat = Seat(login)
            try:
                conn.execute(
                    f"{seat.back}; set local lc_messages = 'C';"
                    f" set local statement_timeout = '{LONGEST_STATEMENT}'".encode()
                )
                may_call(conn, seat)
                yield conn, seat
            finally:
                if not conn.closed:
                    conn.rollback()
    except psycopg.OperationalError as error:
        why = (database.server.want or _ENDED) if conn is not None and conn.closed else brief(error)
        raise ScratchError(f"the proof did not come to its end: {why}") from None


def _silent(_: str) -> None:
    """Report nothing."""


@dataclass
class _Proof:
    """The proof of one role. Nothing is tried after `end`."""

    conn: "psycopg.Connection[Any]"
    seat: Seat
    facts: Facts
    tables: tuple[Table, ...]
    role: AppRole
    setup: ContextSetup | None
    say: Callable[[str], None]
    gaps: Gaps
    end: float

    def run(self) -> Part:
        self.say("making rows for two tenants")
        seeder = Seeder(self.conn, self.facts, self.setup, self.seat)
        seeder.seed()
        self._refresh()
        if self.role.made_up:
            make_up(self.conn, self.seat, self.facts, self.role.name)
        roles = (self.role,)
        settings = {r.name: r.settings for r in self.facts.catalog.roles if r.settings}
        stage = Stage(self.conn, settings, self.end, self.seat)
        probers = self._probers(stage, seeder)
        bare = self._cells_of_unprovable(seeder)
        self.say(f"probing as {self.role.name}")
        contexts = {x: self._context(seeder, x, self.setup) for x in (A, B)}
        both = self._session_of_both(seeder)
        surfaces = SurfaceProber(stage, seeder, roles, self.setup, contexts, both)
        keyed = Keyed(stage, seeder, roles, self.setup)
        with suppress(OutOfTimeError):
            keyed.read_unset()
            surfaces.read_unset()  # a setting that was once set is '' afterwards
        tables = self._cells(probers)
        self.say("reading views and calling functions")
        read = surfaces.cells()
        self.say("watching what own work sets off")
        effects = Effects(stage, seeder, roles, contexts[A]).cells()
        late = monotonic() > self.end
        return Part(
            bare=bare,
            tables=tables,
            surfaces=_still_isolated(read, effects),
            effects=effects,
            relaxed=tuple(n for r in seeder.seeded.values() for n in r.notes),
            notes=self._notes(seeder),
            broken=tuple(self._broken(probers)),
            people=seeder.people.told,
            unmet=tuple(unmet(self.conn, seeder, roles, contexts[A])),
            tested=_in_time(keyed.tested, ()),
            late=late,
        )

    def _cells(self, probers: list[Prober]) -> list[Cell]:
        """Return the cells of all tables and roles; inconclusive ones for what there was no time for."""
        cells: list[Cell] = []
        with suppress(OutOfTimeError):
            self._probe(probers, cells)
        tried = {(cell.role, cell.table, cell.probe) for cell in cells}
        late = [
            p.cell(probe, Found(Outcome.INCONCLUSIVE, LATE))
            for p in probers
            for probe in _PROBES
            if (p.role, p.target.table.qname, probe) not in tried
        ]
        return [*cells, *late]

    def _probe(self, probers: list[Prober], cells: list[Cell]) -> None:
        """Add the cells, those of a table and role together. A setting that was once set is '' afterwards,
        not unset: so what needs it unset comes first."""
        open_ended = [(p, [("unset", p.without_context(()))]) for p in probers]
        pretended = [prober.pretending(()) for prober in probers]
        for (prober, states), unset in zip(open_ended, pretended, strict=True):
            context = (*prober.dares.sessions.spent, *prober.target.session)
            tried = _tried(prober, context, cells)
            known = {_VERBS[c.probe] for c in tried if c.outcome is Outcome.LEAK and c.probe in _VERBS}
            again = f"unset {_PRETENDING}", [r for r in unset if r[0] not in known]
            try:
                summed = _summed(prober, [*states, again, *self._other_states(prober, known)])
                own = next(c for c in tried if c.probe is Probe.OWN)
                cells.append(unless_blocked(summed, own))
            finally:  # what was found stays, though the time is up
                cells += [prober.in_doubt(cell) for cell in tried]
            cells += self._within(prober, context)

    def _other_states(self, prober: Prober, known: set[str]) -> Iterator["State"]:
        """Yield what the verbs come to with a context that is no tenant's."""
        if self.setup is None or self.setup.by_role:
            return
        spent = prober.dares.sessions.spent
        empty = (*spent, *prober.context(""))
        yield f"empty {_PRETENDING}", prober.pretending(empty, known)
        words = [("empty", empty), *((repr(m), (*spent, *prober.context(m, m))) for m in MALFORMED)]
        leaks = prober.saying([*words, *prober.dares.sentinels()])
        yield from leaks
        yield from prober.saying(
            [("empty, for who says what policies ask for", (*empty, *m)) for m in prober.claimed]
        )
        if not leaks:
            yield from ((word, [("", Found(Outcome.ISOLATED, ""))]) for word, _ in words)

    def _probers(self, stage: Stage, seeder: Seeder) -> list[Prober]:
        rights = rights_of(self.conn, self.role.name)
        shared, setup = set(self.facts.tenancy.null_means_global), self.setup
        both = self._session_of_both(seeder)
        if setup is not None and self.facts.principals.is_nobody(self.role.name):
            setup, both = setup.of_nobody(), ()
        session = self._context(seeder, A, setup)
        return [
            Prober(
                stage,
                self.role.name,
                Target(seeder, seeder.seeded[t.qname], rights[t.qname], t.qname in shared, session, both),
                Script(seeder, t.qname),
                setup,
            )
            for t in self.tables
            if not self._unprovable(seeder, t)
        ]

    def _context(self, seeder: Seeder, label: str, setup: ContextSetup | None) -> tuple[str, ...]:
        """Return what a tenant's session says of itself: the first level's key, a user, deeper keys."""
        if setup is None:
            return ()
        below = tuple(seeder.keys.get(n, {}).get(label, "") for n in self._deeper())
        return setup.of(self._tenant(seeder, label), seeder.people.session(label), below)

    def _session_of_both(self, seeder: Seeder) -> tuple[str, ...]:
        """Return what the person of both tenants says in a session for A; nothing where nobody is."""
        if self.setup is None or seeder.people.of_both is None:
            return ()
        below = tuple(seeder.keys.get(n, {}).get(A, "") for n in self._deeper())
        return self.setup.of(self._tenant(seeder, A), seeder.people.of_both, below)

    def _deeper(self) -> range:
        return range(1, len(self.facts.tenancy.levels))

    def _within(self, prober: Prober, context: tuple[str, ...]) -> list[Cell]:
        """Probe the boundaries inside one tenant that the context names."""
        if self.setup is None:
            return []
        named = [n for n in self._deeper() if self.setup.names(n)]
        return [c for n in named for c in prober.within(sibling(n), self._called(n - 1), context)]

    def _called(self, level: int) -> str:
        root = self.facts.tenancy.levels[level].root
        return self.facts.show(root) if root else f"tenant of level {level + 1}"

    def _unprovable(self, seeder: Seeder, table: Table) -> str:
        if table.qname in self.gaps.tables:
            return f"the copy is not whole: {self.gaps.tables[table.qname]}"
        rows = seeder.seeded.get(table.qname)
        if rows is None:
            return "it is a foreign table or a partition: its rows are made elsewhere"
        if not rows.of(A) or not rows.of(B):
            return f"no rows could be made for both tenants: {rows.failed or 'nothing tells whose a row is'}"
        return ""

    def _cells_of_unprovable(self, seeder: Seeder) -> list[Cell]:
        return [
            Cell(role=self.role.name, table=t.qname, probe=probe, outcome=Outcome.INCONCLUSIVE, why=why)
            for t in self.tables
            if (why := self._unprovable(seeder, t))
            for probe in _PROBES
        ]

    def _refresh(self) -> None:
        import psycopg

        from ...sql.ident import quote_qname

        for view in self.facts.catalog.views:
            if view.kind == "materialized view":
                try:
                    with self.conn.transaction():
                        refresh = f"refresh materialized view {quote_qname(view.qname)}"
                        self.conn.execute(self.seat.owning(refresh, view.qname).encode())
                except psycopg.Error:
                    continue  # it is read as it is; its self-check tells

    def _tenant(self, seeder: Seeder, label: str) -> str:
        """Return the key that the context names: the first level's, which the others share where they can."""
        return next((keys[label] for keys in seeder.keys.values()), "")

    def _notes(self, seeder: Seeder) -> tuple[str, ...]:
        found = []
        for level in self._deeper():
            if self.setup is None or not self.setup.names(level):
                found.append(
                    f"not probed: whether one {self._called(level)} reaches another of the same"
                    f" {self._called(level - 1)}; name it by :tenant{level + 1} in [prove] context"
                )
        if self.setup is None:
            found.append(
                "no setting or statement that sets the tenant context is known: every probe ran without one"
            )
        for name, rows in seeder.seeded.items():
            if rows.failed:
                found.append(
                    f"no row could be made in {display(name, self.facts.default_schema)}: {rows.failed}"
                )
        return tuple(found)

    def _broken(self, probers: list[Prober]) -> Iterator[str]:
        """Yield what does not work for a person of two tenants."""
        for prober in probers:
            if said := _in_time(prober.breaks_for_both, ""):
                name = self.facts.show(prober.target.table.qname)
                yield f"{name} does not work for a person of two tenants, as {prober.role}: {said}"


def _tried(prober: Prober, context: tuple[str, ...], cells: list[Cell]) -> list[Cell]:
    """Return what a tenant comes to at a table. Where the time is up before everything was tried, what was
    goes to the cells."""
    found: list[Cell] = []
    try:
        for cell in prober.with_context(context):
            found.append(cell)
    except OutOfTimeError:
        cells += found
        raise
    return sorted(found, key=lambda cell: _LAST.get(cell.probe, 0))


def _still_isolated(cells: list[Cell], effects: list[Cell]) -> list[Cell]:
    """Return the cells without the surfaces that keep to the tenant when they are read, but not when used."""
    leaks = {(c.role, c.table) for c in effects if c.outcome is Outcome.LEAK}
    kept_to = (Probe.SURFACE, Outcome.ISOLATED)
    return [c for c in cells if (c.probe, c.outcome) != kept_to or (c.role, c.table) not in leaks]


def _in_time(tried: Callable[[], _Said], otherwise: _Said) -> _Said:
    """Return what comes of it, or the other where there was no time for it."""
    try:
        return tried()
    except OutOfTimeError:
        return otherwise


_PROBES = (
    Probe.READ,
    Probe.INSERT,
    Probe.UPDATE,
    Probe.DELETE,
    Probe.REHOME,
    Probe.NO_CONTEXT,
    Probe.OWN,
)
_LAST = {Probe.OWN: 1, Probe.REFERENCE: 2}  # in the order of what is told
_PRETENDING = "once the session sets another setting that a policy reads"
_VERBS = {Probe.READ: "SELECT", Probe.INSERT: "INSERT", Probe.UPDATE: "UPDATE", Probe.DELETE: "DELETE"}
State = tuple[str, list[tuple[str, Found]]]  # of the context; what each verb came to
_ORDER = (Outcome.LEAK, Outcome.INCONCLUSIVE, Outcome.ISOLATED, Outcome.DENIED)


def _summed(prober: Prober, states: list[State]) -> Cell:
    """Return one cell for all verbs and states of the context: the worst of them."""
    found = [(state, verb, f) for state, results in states for verb, f in results]
    state, verb, worst = min(found, key=lambda x: _ORDER.index(x[2].outcome))
    if worst.outcome is Outcome.ISOLATED:
        tried = ", ".join(state for state, results in states if results)
        worst = replace(worst, why=f"nothing is reached with the context {tried}")
    elif worst.outcome is Outcome.INCONCLUSIVE:
        worst = replace(worst, why=f"{verb} with the context {state}: {worst.why}")
    return prober.cell(Probe.NO_CONTEXT, worst, f"{verb} reaches rows with the context {state}")
