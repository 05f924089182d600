"""What a statement does besides what it says: triggers, rules, cascades, defaults that call functions.

Tenant A works with what it may work with: its own rows, shared rows, views, functions. Afterwards every row
of B in every table must lie where it lay, B must have no more rows than before, and nothing that A can read
holds a value of B that it did not read before.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from ...facts.facts import Facts
from ...model.catalog import QName, Table, View
from ...model.isolation import AppRole, Cell, Outcome, Probe
from ...sql.ident import quote_ident, quote_qname
from .attempt import Attempt
from .attempts import Target
from .markers import Markers
from .roles import Rights, rights_of
from .rows import FRESH, A, B, inserts, literal, tid_of, tids
from .script import all_rows, view_script
from .seed import Seeder
from .sessions import Said
from .stage import Stage
from .surfaces import Surface, find_surfaces, guarded_tables

_REACHES = ("cascade", "set null", "set default")
_MOST_SET, _MOST_CALLS = 6, 12  # columns of a view, calls of a function
_CHECK = "execute validate_schema_check"
_State = dict[str, tuple[int, int]]  # by table: B's rows that lie where they lay, and all rows of B


@dataclass(frozen=True)
class _Work:
    """A statement that A may run, and on what."""

    object: QName
    kind: str
    attempt: Attempt


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
        return [cell for role in self.roles for cell in self._of(role.name)]

    def _of(self, role: str) -> Iterator[Cell]:
        rights = rights_of(self.stage.conn, role)
        before = self._state()
        read = self._readable(role, rights)
        known = self._visible(role, read, None) if read else frozenset[str]()
        worked: dict[QName, bool] = {}
        leaks: dict[tuple[QName, str], Cell] = {}
        for work in self._works(role, rights):
            state = self._after(work.attempt, role)
            if state is None:
                worked.setdefault(work.object, False)
                continue
            worked[work.object] = True
            harmed = next((name for name in before if state[name] != before[name]), "")
            seen = "" if harmed or not read else self._told(role, work, read, known)
            if harmed or seen:
                leaks.setdefault((work.object, harmed), self._leak(role, work, harmed, seen))
        yield from leaks.values()
        for table in self._setting_off():
            if table.qname in worked and not any(name == table.qname for name, _ in leaks):
                yield self._held(role, table.qname, worked[table.qname])

    # What A does

    def _works(self, role: str, rights: dict[QName, Rights]) -> Iterator[_Work]:
        for table in self._setting_off():
            rows = self.seeder.seeded.get(table.qname)
            held = rights.get(table.qname, Rights())
            if rows is None or not rows.rows:
                continue
            target = Target(self.seeder, rows, held, True, self.context)
            shared = table.qname not in self._guarded
            for attempt in _own_work(target, shared):
                yield _Work(table.qname, "table", attempt)
        for view in self.seeder.facts.catalog.views:
            for attempt in self._through(view, rights.get(view.qname, Rights())):
                yield _Work(view.qname, view.kind, attempt)
        for surface in find_surfaces(self.seeder, role):
            if surface.kind == "function":
                yield from self._calls(surface)

    def _through(self, view: View, held: Rights) -> Iterator[Attempt]:
        """Yield what changes rows through a view, in every way that the role may."""
        name = quote_qname(view.qname)
        if view.kind != "view" or not self._leads_to_rows(view):
            return
        if held.delete:
            yield Attempt(f"delete from {name}", "deletes")
        for column in held.update[:_MOST_SET]:
            yield Attempt(f"update {name} set {quote_ident(column)} = {quote_ident(column)}", "changes")
        for base in (n for n in view.depends_on if n in self.seeder.seeded and n in self._guarded):
            row = self.seeder.row(base, B, FRESH + 70).values
            values = {c: v for c, v in row.items() if c in held.insert}
            if values:
                said = inserts(view.qname, tuple(values), [values]).replace(" overriding system value", "")
                yield Attempt(said, "inserts")
            levels = self.seeder.facts.held_levels.get(base, {}).values()
            moved = {c: row[c] for c in levels if c in held.update and c in row}
            if moved:
                sets = ", ".join(f"{quote_ident(c)} = {literal(v)}" for c, v in moved.items())
                yield Attempt(f"update {name} set {sets}", "moves")

    def _calls(self, surface: Surface) -> Iterator[_Work]:
        for statement in surface.statements[:_MOST_CALLS]:
            yield _Work(surface.name, surface.kind, Attempt(statement, "calls"))

    # What came of it

    def _after(self, attempt: Attempt, role: str) -> _State | None:
        """Return the state after a statement of A that went through; None where it did not."""
        answer = self.stage.watched(attempt, role, self.context, _CHECK)
        return None if answer.state else {name: (there, all) for name, there, all in answer.rows}

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

    def _told(self, role: str, work: _Work, read: list[str], known: frozenset[str]) -> str:
        """Return a value of B that A can read after the statement, and could not before."""
        if work.kind == "table" and not self._copies(work.object):
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
        """Return queries for all that A can read, each row as a text."""
        found = []
        for name, held in sorted(rights.items()):
            if held.select:
                columns = ", ".join(map(quote_ident, held.select))
                query = f"select row({columns})::text from {quote_qname(name)}"
                if not self.stage.run(Attempt(query, "reads"), role, self.context).state:
                    found.append(query)
        return found

    @cached_property
    def _markers(self) -> Markers:
        return Markers(self.seeder)

    # Cells

    def _leak(self, role: str, work: _Work, harmed: str, seen: str) -> Cell:
        self._rows = self._rows or all_rows(self.seeder)
        what = (
            f"rows of tenant B in {harmed} are not what they were"
            if harmed
            else "a value of tenant B can be read"
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
            statements=view_script(role, self.context, self._rows, work.attempt.statement),
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

    def _setting_off(self) -> list[Table]:
        """Return the tables where a change sets something off."""
        facts = self.seeder.facts
        return [t for t in facts.tables if self._copies(t.qname) or _spreads(t, facts)]

    def _copies(self, name: QName) -> bool:
        """Tell whether a change of the table runs SQL of somebody's: a trigger, a rule, a default."""
        table = self.seeder.facts.tables_by_name.get(name)
        if table is None:
            return True
        named = self.seeder.facts.named_functions
        called = any(c.default and named.within(c.default) for c in table.columns)
        return bool(table.triggers or table.rules) or called

    def _leads_to_rows(self, view: View) -> bool:
        return any(view in self.seeder.texts.views_over(name) for name in self._guarded)


def _spreads(table: Table, facts: Facts) -> bool:
    """Tell whether a foreign key carries a change of the table's rows to those that refer to them."""
    keys = (key for _, key in facts.referrers.get(table.qname, ()))
    return any(key.on_delete in _REACHES or key.on_update in _REACHES for key in keys)


def _own_work(target: Target, shared: bool) -> Iterator[Attempt]:
    """Yield what A may do with its rows of a table, or with shared ones."""
    own = target.rows.rows if shared else target.rows.of(A)
    if not target.is_root:
        yield from (*target.insert(A, 80)[:1], *target.insert_varied(A, 80))
    yield from target.update_to(own)
    yield from target.delete_only(own)
