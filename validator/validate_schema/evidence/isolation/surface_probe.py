"""Does what tenant A gets from a view or a function depend on B's rows?

Each is read twice, with the other tenant's rows there and without them. A difference is a leak,
however the rows are folded into the result. As tenant B the same pair must differ, or the probe could
not have seen anything. A session of A tries it with every value in sight of the settings that the view's or
the function's own text reads, and without a tenant.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from ...model.isolation import AppRole, Cell, Outcome, Probe
from ...model.wording import some
from ...sql.ident import quote_qname
from .attempt import Answer, Attempt
from .context import ContextSetup
from .hints import literals, nearest
from .markers import Markers
from .rows import MALFORMED, A, B, Row
from .script import all_rows, view_script
from .seed import Seeder
from .sessions import Said, asks_for_tenant, other_settings
from .stage import LATE, MOST_ROWS, OutOfTimeError, Stage, bounded
from .surfaces import Surface, find_surfaces, guarded_tables

_MOST_CONTEXTS, _MOST_DARED = 40, 3  # of one surface; of its statements with each
_MOST_WORDS = 8
_UNFINISHED = ("54000", "57014")  # more rows than that; it took too long
_TOGETHER = 25  # surfaces that are read while the rows of B are away


class _Reading(NamedTuple):
    """One statement with one context, and when a session says that, in words."""

    surface: Surface
    statement: str
    said: Said
    when: str = ""


_Answers = dict[_Reading, tuple[Answer, Answer]]  # with B's rows there, and without them


@dataclass
class SurfaceProber:
    """Reads all surfaces as all roles. `contexts` are what sessions of A and B say, `setup` how; `both` is
    what the person of both tenants says in a session for A, nothing where nobody is."""

    stage: Stage
    seeder: Seeder
    roles: tuple[AppRole, ...]
    setup: ContextSetup | None
    contexts: dict[str, Said]
    both: Said = ()
    _unset: dict[str, _Answers] = field(default_factory=dict)

    def read_unset(self) -> None:
        """Read them with the context unset: to be called before anything sets it."""
        for role in self.roles:
            found = find_surfaces(self.seeder, role.name)
            readings = [_Reading(s, x, (), "without a tenant") for s in found for x in s.statements]
            self._unset[role.name] = self._told(role.name, readings)

    def cells(self) -> list[Cell]:
        """Return a cell for each surface that reads protected tables and each role that may use it."""
        cells: list[Cell] = []
        for role in self.roles:
            surfaces = find_surfaces(self.seeder, role.name)
            for first in range(0, len(surfaces), _TOGETHER):
                some = surfaces[first : first + _TOGETHER]
                try:
                    cells += self._tried(role.name, some)
                except OutOfTimeError:
                    cells += [_late(role.name, surface) for surface in some]
        return cells

    def _tried(self, role: str, surfaces: list[Surface]) -> list[Cell]:
        mine = [r for surface in surfaces for r in self._readings(surface)]
        theirs = [_Reading(s, x, self.contexts[B]) for s in surfaces for x in s.statements]
        answers = self._told(role, mine) | self._unset.get(role, {})
        answers |= self._told(role, self._by_both(surfaces), self._his)
        of_b = self._read(role, theirs)
        cells = []
        for surface in surfaces:
            found = {r: pair for r, pair in answers.items() if r.surface == surface}
            control = {r.statement: pair for r, pair in of_b.items() if r.surface == surface}
            cells.append(_judge(role, surface, found, control, self._rows))
        return cells

    @cached_property
    def _rows(self) -> tuple[str, ...]:
        return all_rows(self.seeder)

    def _readings(self, surface: Surface) -> Iterator[_Reading]:
        """Yield what tenant A's session tries, the plainest first."""
        for statement in surface.statements:
            yield _Reading(surface, statement, self.contexts[A])
        dared = list(self._dared(surface))[:_MOST_CONTEXTS]
        for said, when in dared:
            for statement in surface.statements[:_MOST_DARED]:
                yield _Reading(surface, statement, said, when)

    def _by_both(self, surfaces: list[Surface]) -> list[_Reading]:
        """Return what the person of both tenants tries in a session for A, where it asks for the tenant."""
        facts, when = self.seeder.facts, "when its session is of a person of both"
        asked = [s for s in surfaces if self.both and asks_for_tenant(facts, s.text)]
        return [_Reading(s, x, self.both, when) for s in asked for x in s.statements[:_MOST_DARED]]

    @cached_property
    def _his(self) -> list[Row]:
        """The rows of B that the person of both may read in whichever session: his memberships, and what is
        told apart by who asks alone."""
        found: list[Row] = []
        for rows in self.seeder.seeded.values():
            text = self.seeder.texts.own(rows.table)
            alone = rows.table.policies and not asks_for_tenant(self.seeder.facts, text)
            found += rows.of(B) if alone else self.seeder.people.memberships(rows)
        return found

    def _dared(self, surface: Surface) -> Iterator[tuple[Said, str]]:
        context, setting = self.contexts[A], self.seeder.facts.tenancy.setting
        keys = [key for held in self.seeder.keys.values() for key in (held[B], held[A])]
        sessions = other_settings(self.seeder.facts, context, surface.text, lambda _: keys)
        for statements in sessions.switched():
            yield (*context, *statements), "once its session sets another setting that it reads"
        if self.setup is None:
            return
        words = [w for w in literals(surface.text) if w not in keys]
        near = nearest(surface.text, [setting] if setting else [], words)[:_MOST_WORDS]
        for word in ("", *MALFORMED, *near):
            yield (*sessions.spent, *self.setup.of(word, word)), f"with {word!r} in place of a tenant"

    def _read(self, role: str, readings: list[_Reading], kept: Sequence[Row] = ()) -> _Answers:
        """Read them with the rows of B there, and without them but those that are kept."""
        if not readings:
            return {}
        there = [self._answer(r, role) for r in readings]
        with self.stage.conn.transaction(force_rollback=True):
            self._remove(B, kept)
            gone = [self._answer(r, role) for r in readings]
        return dict(zip(readings, zip(there, gone, strict=True), strict=True))

    def _answer(self, reading: _Reading, role: str) -> Answer:
        called = reading.statement.startswith("call ")
        asked = reading.statement if called else bounded(reading.statement)
        answer = self.stage.run(Attempt(asked, "reads"), role, reading.said)
        if len(answer.rows) < MOST_ROWS:
            return answer
        return Answer(state="54000", message=f"it gives {MOST_ROWS:,} rows or more, and no more are read")

    def _told(self, role: str, readings: list[_Reading], kept: Sequence[Row] = ()) -> _Answers:
        """Read them so that B's rows can be told by the answers: where the same statement answers otherwise
        each time (a new key, a clock), by the words of B in them."""
        found = self._read(role, readings, kept)
        for reading, (there, gone) in found.items():
            if _differ(there, gone):
                again = self._answer(reading, role)
                if _differ(there, again):
                    found[reading] = self._worded(there), self._worded(gone)
        return found

    def _worded(self, answer: Answer) -> Answer:
        return replace(answer, rows=tuple(sorted(self._markers.within(map(str, answer.rows)))))

    @cached_property
    def _markers(self) -> Markers:
        return Markers(self.seeder)

    def _remove(self, label: str, kept: Sequence[Row]) -> None:
        """Delete a tenant's rows everywhere but some, and fill the materialized views again."""
        import psycopg

        conn = self.stage.conn
        conn.execute("set local session_replication_role = replica")
        for name in guarded_tables(self.seeder.facts):
            rows = self.seeder.seeded.get(name)
            places = [r.tid for r in rows.of(label) if r.tid and r not in kept] if rows else []
            if places:
                there = "ctid = any(%s::tid[]) and tableoid = any(%s::oid[])"
                given = [[p[1] for p in places], list({p[0] for p in places})]
                conn.execute(f"delete from {quote_qname(name)} where {there}".encode(), given)
        conn.execute("set local session_replication_role = origin")
        for view in self.seeder.facts.catalog.views:
            if view.kind == "materialized view":
                try:
                    with conn.transaction():
                        refresh = f"refresh materialized view {quote_qname(view.qname)}"
                        conn.execute(self.stage.seat.owning(refresh, view.qname).encode())
                except psycopg.Error:
                    continue


def _late(role: str, surface: Surface) -> Cell:
    return Cell(
        role=role,
        table=surface.name,
        probe=Probe.SURFACE,
        outcome=Outcome.INCONCLUSIVE,
        why=LATE,
        kind=surface.kind,
    )


def _judge(
    role: str,
    surface: Surface,
    found: _Answers,
    control: dict[str, tuple[Answer, Answer]],
    rows: tuple[str, ...],
) -> Cell:
    """Return the cell of a surface: what A got by each statement, and what B did by the same."""
    plain = {r: pair[0] for r, pair in found.items() if not r.when}
    leak = next((r for r, pair in found.items() if _differ(*pair)), None)
    seen = [r for r in plain if _differ(*control[r.statement])]
    clear = next((r for r in seen if _says_something(plain[r])), None)
    shown = leak or clear or next(iter(seen or plain))
    endless = next((a for pair in found.values() for a in pair if a.state in _UNFINISHED), None)
    observed = found[shown][0]
    if leak is not None:
        outcome, why = (
            Outcome.LEAK,
            f"what tenant A gets from it changes with the rows of tenant B{_when(leak)}",
        )
    elif all(a.state == "42501" and a.source.startswith("aclcheck_error") for a in plain.values()):
        outcome, why = Outcome.DENIED, f"the role lacks a privilege: {observed.message}"
    elif endless is not None:
        outcome, why = Outcome.INCONCLUSIVE, f"it was not read to its end: {endless.said}"
    elif clear is not None:
        why = "tenant A gets the same with and without B's rows; tenant B does not"
        if surface.ways > len(surface.statements):
            why += f"; called with {len(surface.statements)} of {surface.ways} choices of arguments"
        outcome = Outcome.ISOLATED
        if surface.planted:
            outcome = Outcome.INCONCLUSIVE
            why = f"it finds what {role} may create in {surface.planted}: what it reads then was not tried"
    elif observed.state:
        outcome, why = Outcome.INCONCLUSIVE, f"using it failed: {observed.said}"
    else:
        why = "the self-check failed: tenant B sees nothing of its rows in it either"
        outcome = Outcome.INCONCLUSIVE
    return Cell(
        role=role,
        table=surface.name,
        probe=Probe.SURFACE,
        outcome=outcome,
        why=why,
        kind=surface.kind,
        observed=observed.said if observed.state else some(len(observed.rows), "row"),
        statements=view_script(role, shown.said, rows, shown.statement),
    )


def _when(reading: _Reading) -> str:
    return f" {reading.when}" if reading.when else ""


def _says_something(answer: Answer) -> bool:
    """Tell whether an answer tells of rows: an error that a function raises on purpose does, or a policy."""
    return answer.state in ("", "42501", "P0001")


def _differ(there: Answer, gone: Answer) -> bool:
    if there.state or gone.state:
        return False
    return sorted(map(repr, there.rows)) != sorted(map(repr, gone.rows))
