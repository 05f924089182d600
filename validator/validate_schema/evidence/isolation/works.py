"""What tenant A works with: its own rows, shared ones, views, functions, and a look at every table.

The conditions of a policy run in the order of their cost, whatever they tell meanwhile (PostgreSQL
documentation, CREATE FUNCTION, COST): a look without indexes shows them every row.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ...facts.facts import Facts
from ...model.catalog import QName, Table, View
from ...sql.ident import quote_ident, quote_qname
from .attempt import Attempt
from .attempts import Target
from .roles import Rights
from .rows import FRESH, A, B, inserts, literal
from .seed import Seeder
from .sessions import Said, setting
from .surfaces import Surface, find_surfaces, guarded_tables

_REACHES = ("cascade", "set null", "set default")
_MOST_SET, _MOST_CALLS = 6, 12  # columns of a view, calls of a function
HEARS_ALL = (setting("client_min_messages", "debug1"),)
_ALL_ROWS = tuple(setting(f"enable_{way}", "off") for way in ("indexscan", "indexonlyscan", "bitmapscan"))


@dataclass(frozen=True)
class Work:
    """A statement that A may run, and on what. `said` is what its session says first, where it only looks at
    what the server answers."""

    object: QName
    kind: str
    attempt: Attempt
    said: Said = ()


@dataclass(frozen=True)
class Works:
    """The statements of a session of tenant A, which says `context`."""

    seeder: Seeder
    context: Said

    def of(self, role: str, rights: dict[QName, Rights]) -> Iterator[Work]:
        """Yield what a role with these rights may do."""
        guarded = guarded_tables(self.seeder.facts)
        for table in setting_off(self.seeder.facts):
            rows = self.seeder.seeded.get(table.qname)
            held = rights.get(table.qname, Rights())
            if rows is None or not rows.rows:
                continue
            target = Target(self.seeder, rows, held, True, self.context)
            for attempt in _own_work(target, table.qname not in guarded):
                yield Work(table.qname, "table", attempt)
        for view in self.seeder.facts.catalog.views:
            if view.kind == "view" and self._leads_to(view, guarded):
                held = rights.get(view.qname, Rights())
                for attempt in _with_returning(self._through(view, held, guarded), held):
                    yield Work(view.qname, view.kind, attempt)
        yield from self._looks(rights, guarded)
        for surface in find_surfaces(self.seeder, role):
            if surface.kind == "function":
                yield from self._calls(surface)

    def _looks(self, rights: dict[QName, Rights], guarded: set[QName]) -> Iterator[Work]:
        """Yield statements on all rows of what leads to a function or an operator of somebody's."""
        facts = self.seeder.facts
        for table in (t for t in facts.tables if t.qname in guarded and t.policies):
            held = rights.get(table.qname, Rights())
            for attempt in _look(table.qname, held):
                yield Work(table.qname, "table", attempt, _ALL_ROWS)
        for view in (v for v in facts.catalog.views if self._leads_to(v, guarded)):
            for attempt in _look(view.qname, Rights(select=rights.get(view.qname, Rights()).select)):
                yield Work(view.qname, view.kind, attempt, _ALL_ROWS)

    def _leads_to(self, view: View, guarded: set[QName]) -> bool:
        return any(view in self.seeder.texts.views_over(name) for name in guarded)

    def _through(self, view: View, held: Rights, guarded: set[QName]) -> Iterator[Attempt]:
        """Yield what changes rows through a view, in every way that the role may."""
        name, facts = quote_qname(view.qname), self.seeder.facts
        if held.delete:
            yield Attempt(f"delete from {name}", "deletes")
        for column in held.update[:_MOST_SET]:
            yield Attempt(f"update {name} set {quote_ident(column)} = {quote_ident(column)}", "changes")
        for base in sorted(
            n for n in guarded if view in self.seeder.texts.views_over(n) and n in self.seeder.seeded
        ):
            live = self.seeder.variety.live(facts.tables_by_name[base])
            for label, number in ((B, 70), (A, 71)):
                row = self.seeder.row(base, label, FRESH + number).values
                for given in (row, row | live)[: 1 + bool(live)]:
                    values = {c: v for c, v in given.items() if c in held.insert}
                    if values:
                        said = inserts(view.qname, tuple(values), [values])
                        yield Attempt(said.replace(" overriding system value", ""), "inserts")
            row = self.seeder.row(base, B, FRESH + 70).values
            levels = facts.held_levels.get(base, {}).values()
            moved = {c: row[c] for c in levels if c in held.update and c in row}
            if moved:
                sets = ", ".join(f"{quote_ident(c)} = {literal(v)}" for c, v in moved.items())
                yield Attempt(f"update {name} set {sets}", "moves")

    def _calls(self, surface: Surface) -> Iterator[Work]:
        for statement in surface.statements[:_MOST_CALLS]:
            yield Work(surface.name, surface.kind, Attempt(statement, "calls"))


def setting_off(facts: Facts) -> list[Table]:
    """Return the tables where a change sets something off."""
    return [t for t in facts.tables if sets_off(facts, t.qname) or _spreads(t, facts)]


def sets_off(facts: Facts, name: QName) -> bool:
    """Tell whether a change of the table runs SQL of somebody's: a trigger, a rule, a default."""
    table = facts.tables_by_name.get(name)
    if table is None:
        return True
    called = any(c.default and facts.named_functions.within(c.default) for c in table.columns)
    return bool(table.triggers or table.rules) or called


def _spreads(table: Table, facts: Facts) -> bool:
    """Tell whether a foreign key carries a change of the table's rows to those that refer to them."""
    keys = (key for _, key in facts.referrers.get(table.qname, ()))
    return any(key.on_delete in _REACHES or key.on_update in _REACHES for key in keys)


def _own_work(target: Target, shared: bool) -> Iterator[Attempt]:
    """Yield what A may do with its rows of a table, or with shared ones."""
    own = target.rows.rows if shared else target.rows.of(A)
    if not target.is_root:
        made = target.insert(A, 80)
        yield from (*made[:1], *target.insert_varied(A, 80))
        yield from (a for a in made if " returning " in a.statement)
    yield from _with_returning(target.update_to(own)[:1], target.rights)
    yield from target.update_to(own)[1:]
    yield from _with_returning(target.delete_only(own), target.rights)


def _with_returning(attempts: Iterable[Attempt], held: Rights) -> Iterator[Attempt]:
    """Yield each statement, and with what the role may read of the rows that it reaches."""
    shown = "*" if held.whole else ", ".join(map(quote_ident, held.select))
    for attempt in attempts:
        yield attempt
        if shown:
            yield replace(attempt, statement=f"{attempt.statement} returning {shown}", base="")


def _look(name: QName, held: Rights) -> Iterator[Attempt]:
    """Yield a statement of each verb on all rows."""
    columns = ", ".join(map(quote_ident, held.select))
    if columns:
        yield Attempt(f"select {columns} from {quote_qname(name)}", "reads")
    for column in held.update[-1:]:
        yield Attempt(
            f"update {quote_qname(name)} set {quote_ident(column)} = {quote_ident(column)}", "changes"
        )
    if held.delete:
        yield Attempt(f"delete from {quote_qname(name)}", "deletes")
