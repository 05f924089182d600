"""What a statement does besides what it says: triggers, rules, cascades, defaults that call functions.

Tenant A works with what it may work with: its own rows, shared rows, views, functions. Afterwards every row
of B in every table must lie where it lay, B must have no more rows than before, and nothing that A can read
holds a value of B that it did not read before; nor does any row that is returned, any notice or error.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ...model.catalog import QName
from ...model.isolation import AppRole, Cell, Outcome, Probe
from ...sql.ident import quote_ident, quote_qname
from .attempt import Attempt
from .markers import Markers
from .roles import Rights, rights_of
from .rows import B, literal, tid_of, tids
from .script import all_rows, view_script
from .seed import Seeder
from .sessions import Said
from .stage import LATE, MOST_ROWS, OutOfTimeError, Stage, bounded
from .surfaces import guarded_tables
from .works import HEARS_ALL, Work, Works, sets_off, setting_off

_CHECK, _NOTHING = "execute validate_schema_check", "select where false"
_TOLD, _READS = "is in what the server answers", "can be read"
_State = dict[str, tuple[int, int]]  # by table: B's rows that lie where they lay, and all rows of B


@dataclass
class Effects:
    """Watches B's rows while A works. `context` is what A's session says."""

    stage: Stage
    seeder: Seeder
    roles: tuple[AppRole, ...]
    context: Said
    _rows: tuple[str, ...] = field(default_factory=tuple)

    def cells(self) -> list[Cell]:
        """Return a cell for each table whose rows set something off, and for whatever else reaches B."""
        self.stage.conn.execute(f"prepare validate_schema_check as {self._check}".encode())
        cells: list[Cell] = []
        for role in self.roles:
            try:
                cells += self._of(role.name)
            except OutOfTimeError:
                cells += self._late(role.name)
        return cells

    def _late(self, role: str) -> Iterator[Cell]:
        """Yield a cell for whatever may set something off, and was not watched to the end."""
        for name in sorted(self._guarded):
            yield Cell(role=role, table=name, probe=Probe.EFFECT, outcome=Outcome.INCONCLUSIVE, why=LATE)

    def _of(self, role: str) -> Iterator[Cell]:
        rights = rights_of(self.stage.conn, role)
        before = self._state()
        read = self._readable(role, rights)
        known = self._visible(role, read, None) if read else frozenset[str]()
        worked: dict[QName, bool] = {}
        leaks: dict[tuple[QName, str], Cell] = {}
        for work in Works(self.seeder, self.context).of(role, rights):
            check = _NOTHING if work.said else _CHECK
            done = self.stage.watched(work.attempt, role, (*self.context, *HEARS_ALL, *work.said), check)
            told = self._markers.plain(done.told, (work.attempt.statement,)) - known
            if told:
                leaks.setdefault((work.object, ""), self._leak(role, work, "", min(told), _TOLD))
            if work.said:
                continue
            if done.rows is None:
                worked.setdefault(work.object, False)
                continue
            state = {name: (there, all) for name, there, all in done.rows}
            worked[work.object] = True
            harmed = next((name for name in before if state[name] != before[name]), "")
            seen = "" if harmed or not read else self._told(role, work, read, known)
            if harmed or seen:
                leaks.setdefault((work.object, harmed), self._leak(role, work, harmed, seen, _READS))
        yield from leaks.values()
        for table in setting_off(self.seeder.facts):
            if table.qname in worked and not any(name == table.qname for name, _ in leaks):
                yield self._held(role, table.qname, worked[table.qname])

    # What came of it

    def _state(self) -> _State:
        found = self.stage.conn.execute(_CHECK.encode()).fetchall()
        return {name: (there, all) for name, there, all in found}

    @cached_property
    def _check(self) -> str:
        """The query for the state of B's rows in every table."""
        parts = []
        for name in sorted(self._guarded):
            rows = self.seeder.seeded.get(name)
            foreign = tids(rows.foreign(True)) if rows is not None else frozenset()
            if not foreign:
                continue
            places = ", ".join(map(literal, sorted(foreign)))
            owned = self.seeder.owned_by(name, B)
            counted = f"(select count(*) from {quote_qname(name)} where {owned})" if owned else "0"
            there = f"(select count(*) from {quote_qname(name)} where {tid_of()} in ({places}))"
            parts.append(f"select {literal(self.seeder.facts.show(name))}::text, {there}, {counted}")
        return " union all ".join(parts) or "select ''::text, 0, 0 where false"

    def _told(self, role: str, work: Work, read: list[str], known: frozenset[str]) -> str:
        """Return a value of B that A can read after the statement, and could not before."""
        if work.kind == "table" and not sets_off(self.seeder.facts, work.object):
            return ""
        told = self._visible(role, read, work.attempt) - known
        return min(told, default="")

    def _visible(self, role: str, read: list[str], attempt: Attempt | None) -> frozenset[str]:
        """Return the values of B that A reads anywhere, after a statement that did not bring them along."""
        said = [attempt.statement] if attempt is not None else []
        query = " union all ".join(f"select q.t::text from ({one}) as q(t)" for one in read)
        answer = self.stage.run(Attempt(query, "reads"), role, (*self.context, *said))
        return self._markers.within((str(row[0]) for row in answer.rows), said)

    def _readable(self, role: str, rights: dict[QName, Rights]) -> list[str]:
        """Return queries for all that A can read to its end, each row as a text; the probe of views has the
        rest."""
        found = []
        for name, held in sorted(rights.items()):
            if held.select:
                columns = ", ".join(map(quote_ident, held.select))
                query = bounded(f"select row({columns})::text from {quote_qname(name)}")
                answer = self.stage.run(Attempt(query, "reads"), role, self.context)
                if not answer.state and len(answer.rows) < MOST_ROWS:
                    found.append(query)
        return found

    @cached_property
    def _markers(self) -> Markers:
        return Markers(self.seeder)

    # Cells

    def _leak(self, role: str, work: Work, harmed: str, seen: str, how: str) -> Cell:
        self._rows = self._rows or all_rows(self.seeder)
        what = (
            f"rows of tenant B in {harmed} are not what they were" if harmed else f"a value of tenant B {how}"
        )
        return Cell(
            role=role,
            table=work.object,
            probe=Probe.EFFECT,
            outcome=Outcome.LEAK,
            why=f"after tenant A {work.attempt.label} what it may, {what}",
            detail=harmed,
            kind=work.kind,
            observed=f"{seen!r} is B's" if seen else "",
            statements=view_script(
                role, (*self.context, *HEARS_ALL, *work.said), self._rows, work.attempt.statement
            ),
        )

    def _held(self, role: str, name: QName, worked: bool) -> Cell:
        return Cell(
            role=role,
            table=name,
            probe=Probe.EFFECT,
            outcome=Outcome.ISOLATED if worked else Outcome.DENIED,
            why="what A's own work sets off leaves the rows of B as they were"
            if worked
            else "no statement of A goes through",
        )

    # Where

    @cached_property
    def _guarded(self) -> set[QName]:
        return guarded_tables(self.seeder.facts)
