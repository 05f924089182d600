"""Rows for two tenants in every table, with foreign keys and triggers off."""

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

from ...facts.facts import Facts
from ...model.catalog import Constraint, QName, Table
from ...sql.ident import quote_ident, quote_qname
from .context import ContextSetup
from .ground import Ground, brief
from .people import People
from .repair import Repairs
from .rows import (
    BOTH,
    FRESH,
    LIVE,
    MINE,
    NOBODY,
    OTHERS,
    SIBLING,
    SPARE,
    THIRD,
    A,
    B,
    Column,
    Row,
    Rows,
    inserts,
    literal,
    sibling,
)
from .seat import Seat
from .tenant_keys import find_keys
from .variety import Variety

if TYPE_CHECKING:
    import psycopg

_LONGEST_WAY = 64  # tables to the owner that a condition goes by: the server nests no deeper for long
Planned = tuple[str, int, dict[str, str | None] | None]  # whose, its number, what is varied


class _Cell(NamedTuple):
    """A column of a tenant's row."""

    table: QName
    column: Column
    label: str
    number: int

    @property
    def place(self) -> tuple[QName, str, str, int]:
        return self.table, self.column.name, self.label, self.number


class Seeder(Ground):
    """Makes the rows and inserts them. `keys` holds each level's tenant keys by label."""

    def __init__(
        self,
        conn: "psycopg.Connection[Any]",
        facts: Facts,
        setup: ContextSetup | None = None,
        seat: Seat | None = None,
    ) -> None:
        super().__init__(conn, facts, seat or Seat())
        self.people = People(self, self.cell, setup)
        self.variety = Variety(self)
        self._repairs = Repairs(self)
        self._made: dict[tuple[QName, str, str, int], str | None] = {}
        self._count: dict[tuple[QName, str], int] = {}
        self._place = {t.qname: i for i, t in enumerate(facts.catalog.tables)}
        self._siblings: dict[QName, tuple[str, ...]] = {}
        self.seeded: dict[QName, Rows] = {}

    def seed(self) -> dict[QName, Rows]:
        """Insert rows into every table, parents first as far as cycles allow."""
        self.keys = find_keys(self)
        self.conn.execute("set local session_replication_role = replica")
        for table in self._in_order():
            rows = Rows(table, self._columns.get(table.qname, ()))
            self.seeded[table.qname] = rows
            self._fill(rows)
        self.conn.execute("set local session_replication_role = origin")
        return self.seeded

    def _in_order(self) -> list[Table]:
        tables = {t.qname: t for t in self.facts.catalog.tables if t.kind != "foreign" and t.parent is None}
        edges = {  # in the order of the keys: the same schema gives the same script
            name: dict.fromkeys(
                k.references for k in t.foreign_keys if k.references in tables and k.references != name
            )
            for name, t in tables.items()
        }
        while True:
            try:
                return [tables[n] for n in TopologicalSorter(edges).static_order() if n in tables]
            except CycleError as error:
                cycle = error.args[1]
                edges[cycle[1]].pop(cycle[0], None)

    # Values

    def cell(self, table: QName, column: Column, label: str, number: int) -> str | None:
        """Return what stands in a column of a tenant's row: its key, its parent's, or a value of its own."""
        here, waiting = _Cell(table, column, label, number), list[_Cell]()
        while here.place not in self._made:
            self._made[here.place] = None  # cycles end here
            found = self._found(here)
            if isinstance(found, _Cell):
                waiting.append(here)
                here = found
            else:
                self._made[here.place] = found
        value = self._made[here.place]
        for each in reversed(waiting):
            value = self._made[each.place] = value if value is not None else self.own(each.table, each.column)
        return value

    def _found(self, cell: _Cell) -> str | _Cell | None:
        """Return what stands in a cell, or the cell of a parent that it is taken from."""
        table, column, label, _ = cell
        held = self.facts.held_levels.get(table, {})
        for level, name in held.items():
            if name == column.name and level in self.keys:
                return None if label == NOBODY else self.keys[level].get(label)
        if label == NOBODY and column.name in self.owner_columns(table):
            return None
        if cell.number == BOTH and self.people.is_key(table, column):
            return self.own(table, column)
        if cell.number == BOTH and (person := self.people.both_in(table, column)) is not None:
            return person
        reference = self.reference(table, column.name)
        found = self._parents(*reference, cell) if reference is not None else None
        if found is None:
            found = self.people.key(table, column, label, cell.number)
        return found if found is not None else self.own(table, column)

    def own(self, table: QName, column: Column) -> str:
        """Return a new value for the column, unlike all before."""
        count = self._count[table, column.name] = self._count.get((table, column.name), 0) + 1
        n = self._place[table] * 997 + count
        pattern = self.patterns.get((table, column.name))
        if pattern is not None:
            return pattern.replace("{n}", str(n))
        return self.values.make(column.type, column.modifier, n)

    def _parents(self, key: Constraint, column: str, cell: _Cell) -> str | _Cell | None:
        parent, (child, _, label, number) = key.references, cell
        if parent is None:
            return None
        target = next((c for c in self._columns.get(parent, ()) if c.name == column), None)
        if target is None or parent not in self._place:
            return None
        label = B if label == NOBODY else label
        if label.startswith(SIBLING) and label not in self.siblings_in(parent):
            label = A
        wanted = SPARE if number >= SPARE and parent != child else number % 2
        if number in range(SPARE, FRESH) or number >= BOTH:
            wanted = number % 2
        seeded = self.seeded.get(parent)
        if seeded is not None and parent != child:
            alive = seeded.of(label)
            row = next((r for r in alive if r.number == wanted), alive[0] if alive else None)
            if row is not None and column in row.values:
                return row.values[column]
        return _Cell(parent, target, label, wanted)

    # Rows

    def row(self, table: QName, label: str, number: int, varied: dict[str, str | None] | None = None) -> Row:
        """Return a row, not inserted."""
        whose = B if label == MINE else label
        values = {c.name: self.cell(table, c, whose, number) for c in self.usable(table)}
        if number in (LIVE, BOTH) or table in self.facts.level_of_root:
            values |= self.variety.live(self.facts.tables_by_name[table])
        return Row(label, number, values | (varied or {}))

    def _fill(self, rows: Rows) -> None:
        name = rows.name
        self._repairs.settle_types(rows)
        labels = [A, B]
        planned: list[Planned] = [(label, n, None) for n in (0, 1, SPARE) for label in labels]
        if name in self.facts.level_of_root:
            planned = [(label, 0, None) for label in labels]
            third = THIRD in self.keys.get(self.facts.level_of_root[name], {}) and self.people.of_both
            planned += [(THIRD, 0, {})] if third else []
        else:
            found = self.variety.variants(rows.table)
            owners = [*labels, *self.variety.named_tenants(rows.table)]
            owners += [NOBODY] if self._may_lack_tenant(rows.table) else []
            planned += [(label, 3 + i, v) for i, v in enumerate(found) for label in owners]
            planned += [(label, BOTH, {}) for label in self.people.naming_both(rows.table)]
            planned += self.people.owners(rows.table)
        numbers = (0,) if name in self.facts.level_of_root else (0, SPARE)
        planned += [(label, n, None) for label in self.siblings_in(name) for n in numbers]
        extra = [label for label in OTHERS if any(label in keys for keys in self.keys.values())]
        planned += [(label, 0, None) for label in extra]
        if self._may_lack_tenant(rows.table):
            planned.append((NOBODY, 0, None))
        made = [self.row(name, label, n, v) for label, n, v in planned]
        if self._insert_all(rows, made):
            rows.rows = made
            return
        for label, number, varied in planned:
            self._insert_one(rows, label, number, varied)

    def siblings_in(self, table: QName) -> tuple[str, ...]:
        """Return the sub-tenants of A, besides its session's, whose rows the table can tell apart: by a key
        of its own, else by that of the first on its way to its owner that has one."""
        passed: dict[QName, None] = {}
        while table not in self._siblings:
            passed[table] = None
            held, onward = self.facts.held_levels.get(table, {}), self._toward_owner(table)
            if held or onward is None or onward in passed:
                self._siblings[table] = tuple(sibling(n) for n in self.keys if n and n in held)
            else:
                table = onward
        self._siblings |= dict.fromkeys(passed, self._siblings[table])
        return self._siblings[table]

    def _toward_owner(self, table: QName) -> QName | None:
        standing = self.facts.standings.get(table)
        return standing.path[0] if standing is not None and standing.path else None

    def _may_lack_tenant(self, table: Table) -> bool:
        own = self.facts.tenant_column(table)
        names = self.owner_columns(table.qname) or ({own} if own else set())
        columns = [c for c in self._columns.get(table.qname, ()) if c.name in names]
        return bool(columns) and not any(c.not_null for c in columns)

    def _insert_all(self, rows: Rows, made: list[Row]) -> bool:
        import psycopg

        columns = tuple(c.name for c in self.usable(rows.name))
        if not columns:
            return False
        statement = inserts(rows.name, columns, [r.values for r in made])
        try:
            with self.conn.transaction():
                tids = self.conn.execute(
                    f"{statement} returning tableoid::int8, ctid::text".encode()
                ).fetchall()
        except psycopg.Error:
            return False
        for row, tid in zip(made, tids, strict=True):
            row.tid = (tid[0], tid[1])
        return True

    def _insert_one(self, rows: Rows, label: str, number: int, varied: dict[str, str | None] | None) -> None:
        """Insert a row, repairing what is in the way; a variant that does not fit is left out."""
        import psycopg

        for _ in range(24):
            row = self.row(rows.name, label, number, varied)
            statement = inserts(rows.name, tuple(row.values), [row.values])
            try:
                with self.conn.transaction():
                    tid = self.conn.execute(
                        f"{statement} returning tableoid::int8, ctid::text".encode()
                    ).fetchone()
            except psycopg.Error as error:
                if varied is not None or not self._repairs.mend(rows, row, error):
                    if varied is None and label in (A, B) and number == 0:
                        rows.failed = brief(error)
                    return
                self.forget(rows.name)
                continue
            if tid is not None:
                row.tid = (tid[0], tid[1])
                rows.rows.append(row)
                rows.failed = "" if label in (A, B) else rows.failed
            return

    def forget(self, table: QName) -> None:
        """Make the values of rows that are not inserted anew."""
        kept = {(r.label, r.number) for r in self.seeded[table].rows}
        self._made = {p: v for p, v in self._made.items() if p[0] != table or (p[2], p[3]) in kept}

    # SQL about rows

    def owned_by(self, table: QName, label: str) -> str:
        """Return a condition on `table` that holds for the rows of a tenant; "" if none can be said, as when
        the owner is further away than a query had better go."""
        opened = ""
        for depth in range(_LONGEST_WAY + 1):
            if (held := self._held_by(table, label)) is not None:
                return opened + held + ")" * depth
            parent = self._toward_owner(table)
            keys = self.facts.tables_by_name[table].foreign_keys
            key = next((k for k in keys if k.references == parent), None)
            if parent is None or key is None:
                return ""
            pairs = zip(key.columns, key.referenced_columns, strict=True)
            joined = " and ".join(
                f"{quote_qname(table)}.{quote_ident(a)} = {quote_qname(parent)}.{quote_ident(b)}"
                for a, b in pairs
            )
            opened += f"exists (select from {quote_qname(parent)} where {joined} and "
            table = parent
        return ""

    def _held_by(self, table: QName, label: str) -> str | None:
        """Return the condition that a key in the table itself is the tenant's."""
        held = self.facts.held_levels.get(table, {})
        for level, column in sorted(held.items(), reverse=True):  # the deepest tells most
            if level in self.keys and label in self.keys[level]:
                return f"{quote_qname(table)}.{quote_ident(column)} = {literal(self.keys[level][label])}"
        return None
