"""One table as one role meets it: its rows, what the role may do with it, how SQL finds its rows."""

from dataclasses import dataclass
from functools import cached_property

from ...model.catalog import Table
from ...model.tenancy import TableClass
from ...sql.ident import quote_ident, quote_qname
from .attempt import Attempt
from .roles import Rights
from .rows import A, Row, Rows, tid_of, tids, where
from .seed import Seeder


@dataclass(frozen=True)
class MetTable:
    """One table as one role meets it. `shared`: rows without a tenant are everybody's here. `session` are
    the statements by which a session of tenant A says who it is, `both` those of a session for A of whoever
    belongs to both tenants; none where nobody does."""

    seeder: Seeder
    rows: Rows
    rights: Rights
    shared: bool
    session: tuple[str, ...] = ()
    both: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        return self.rows.table

    @property
    def sql(self) -> str:
        return quote_qname(self.table.qname)

    @property
    def is_root(self) -> bool:
        return self.seeder.facts.class_of(self.table.qname) is TableClass.ROOT

    @property
    def readable(self) -> str:
        """Return the columns that the role may read, as a list in SQL; "" if none."""
        return "*" if self.rights.whole else ", ".join(map(quote_ident, self.rights.select))

    def everyone(self) -> list[Row]:
        """Return A's rows and the foreign ones."""
        return self.rows.of(A) + self.rows.foreign(self.shared)

    @property
    def named(self) -> list[str]:
        """Return whose keys the policies that decide over the table's rows name."""
        return self.seeder.variety.named_tenants(self.table)

    def insertable(self) -> set[str]:
        return (set(self.rights.insert) or {c.name for c in self.rows.columns}) - self._made

    def _updatable(self) -> list[str]:
        allowed = set(self.rights.update) or {c.name for c in self.rows.columns}
        return [c.name for c in self.rows.columns if c.name in allowed - self._made]

    @cached_property
    def _made(self) -> set[str]:
        """The columns whose values the server makes alone, whoever writes."""
        return {c.name for c in self.rows.columns if c.identity == "a" or c.generated}

    def plain_column(self) -> str | None:
        """Return a column that no key and no policy looks at."""
        text = self.seeder.texts.own(self.table)
        tied = self._keyed | {c for k in self.table.foreign_keys for c in k.columns}
        plain = [c for c in self._updatable() if c not in tied and not self._held(c)]
        return next((c for c in plain if c not in text), None)

    @cached_property
    def _keyed(self) -> set[str]:
        """The columns that a row must not share with another."""
        kinds = ("primary key", "unique", "exclusion")
        keyed = {c for k in self.table.constraints if k.kind in kinds for c in k.columns}
        return keyed | {c for i in self.table.indexes if i.unique for c in i.columns if c is not None}

    def _held(self, column: str) -> bool:
        return column in self.seeder.facts.held_levels.get(self.table.qname, {}).values()

    def condition(self, rows: list[Row]) -> str:
        """Return a condition for these rows: by primary key where that is given, else by plain values."""
        key = self.table.primary_key
        names = set(key.columns) if key else set()
        if not rows:
            return "false"
        if not names or not names <= set(rows[0].values) or not names <= set(self.rights.select or names):
            names = {c.name for c in self.rows.columns if self._plain(c.type)} & set(rows[0].values)
            names &= set(self.rights.select) or names
        return " or ".join(
            "(" + (where({c: r.values[c] for c in sorted(names)}) or "true") + ")" for r in rows
        )

    def _plain(self, oid: int) -> bool:
        kind, _ = self.seeder.values.bottom(oid, -1)
        return kind.kind == "e" or kind.name in (
            "uuid",
            "text",
            "varchar",
            "int2",
            "int4",
            "int8",
            "bool",
            "date",
        )

    def touching(self, statement: str, label: str, rows: list[Row], condition: str = "") -> Attempt:
        """Return an attempt that has reached the rows where they do not lie where they did."""
        whole = f"{statement} where {condition}" if condition else statement
        present = f"select {tid_of()} from {self.sql}"
        return Attempt(whole, label, tids(rows), present=present, base=statement)
