"""The statements that are tried against one table, from the rows that are there."""

from dataclasses import dataclass, replace

from ...model.catalog import Constraint, QName, Table
from ...model.tenancy import TableClass
from ...sql.ident import quote_ident, quote_qname
from .roles import Rights
from .routes import copies, insertions, returning, upserts
from .rows import FRESH, NOBODY, SPARE, A, B, Row, Rows, insert, literal, tid_of, tids, where
from .seed import Seeder
from .stage import Attempt
from .variety import Variant, named_tenants, policy_text, variants

_TID = tid_of()
_MOST_PLACES = 3  # rows of one parent that inserted rows refer to


@dataclass(frozen=True)
class Target:
    """One table as one role meets it. `shared`: rows without a tenant are everybody's here."""

    seeder: Seeder
    rows: Rows
    rights: Rights
    shared: bool

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

    # Attempts

    def read(self, rows: list[Row]) -> list[Attempt]:
        """Return a SELECT of the rows; by the columns that may be read where that is not all of them."""
        shown = f"select * from {self.sql} where {self._keys(rows)}"
        if self.rights.whole or not self.rights.select:
            plain = Attempt(f"select {_TID} from {self.sql}", "reads", tids(rows), shown=shown)
            return [plain, *copies(self, rows)]
        columns = self.rights.select
        names = ", ".join(map(quote_ident, columns))
        theirs = self._texts(names, rows)
        others = self._texts(names, [r for r in self.rows.of(A) if r not in rows])
        return [
            Attempt(
                f"select row({names})::text from {self.sql}",
                "reads",
                theirs - others,
                shown=f"select {names} from {self.sql}",
            ),
            *copies(self, rows),
        ]

    def _texts(self, names: str, rows: list[Row]) -> frozenset[str]:
        wanted = tids(rows)
        query = f"select {_TID}, row({names})::text from {self.sql}"
        return frozenset(t for tid, t in self.seeder.conn.execute(query.encode()) if tid in wanted)

    def insert(self, label: str, first: int = 0) -> list[Attempt]:
        """Return INSERTs of new rows for a tenant, one for each thing that a policy looks at."""
        owned = self.seeder.owned_by(self.table.qname, label)
        if self.is_root:
            return []
        found, others = [], []
        for i, varied in enumerate([{}, *variants(self.seeder, self.table), *self._placed(label)]):
            row = self.seeder.row(self.table.qname, label, FRESH + first + i, varied)
            values = {c: v for c, v in row.values.items() if c in self.insertable()}
            count = f"select count(*) from {self.sql} where {owned or 'true'}"
            plain = self._insert_of(values, count, label)
            found.append(plain)
            if i == 0:
                others = insertions(self, plain, values, plain.again.before if plain.again else ())
        return found + others

    def _placed(self, label: str) -> list[Variant]:
        """Return references to the tenant's several rows of a parent that policies look at."""
        found: list[Variant] = []
        for key in self.table.foreign_keys:
            parent = self.seeder.seeded.get(key.references) if key.references is not None else None
            if parent is None or len(key.columns) > 1 or not self._is_owned(key.references):
                continue
            if parent.table.name in policy_text(self.seeder, self.table):
                column, target = key.columns[0], key.referenced_columns[0]
                rows = [r for r in parent.of(label) if r.number != SPARE and target in r.values]
                found += [{column: r.values[target]} for r in rows[:_MOST_PLACES]]
        return found

    def insert_named(self) -> list[Attempt]:
        """Return INSERTs of new rows for the tenants that the table's policies name, and for none."""
        if self.is_root:
            return []
        nobody = [NOBODY] if self.rows.of(NOBODY) and not self.shared else []
        made = [self.insert(label, 60) for label in (*self.named, *nobody)]
        return [a for attempts in made for a in attempts if a.copied is None]

    @property
    def named(self) -> list[str]:
        """Return whose keys the policies that decide over the table's rows name."""
        return named_tenants(self.seeder, self.table)

    def _insert_of(self, values: dict[str, str | None], count: str, label: str) -> Attempt:
        statement = insert(self.table.qname, values).replace(
            ") overriding system value values (", ") values (", 1
        )
        whose = {A: "a row of its own", NOBODY: "a row of no tenant"}.get(label, "a row of the other tenant")
        attempt = Attempt(statement, f"inserts {whose}", count=count, values=values)
        owned = self.seeder.owned_by(self.table.qname, label)
        clear = f"delete from {self.sql} where {owned}" if owned else f"delete from {self.sql}"
        return replace(attempt, again=replace(attempt, before=(clear,)))

    def insert_root(self) -> list[Attempt]:
        """Return an INSERT of a tenant that is not A."""
        values = dict(self.seeder.row(self.table.qname, B, 0).values)
        for column in self.rows.columns:
            if column.name in values and not self._held(column.name):
                values[column.name] = self.seeder.own(self.table.qname, column)
        kept = {c: v for c, v in values.items() if c in self.insertable()}
        attempt = self._insert_of(kept, f"select count(*) from {self.sql}", B)
        clear = f"delete from {self.sql} where {self.seeder.owned_by(self.table.qname, B)}"
        return [replace(attempt, before=(clear,), again=None, label="inserts another tenant")]

    def _held(self, column: str) -> bool:
        return column in self.seeder.facts.held_levels.get(self.table.qname, {}).values()

    def insertable(self) -> set[str]:
        always = {c.name for c in self.rows.columns if c.identity == "a" or c.generated}
        allowed = set(self.rights.insert) or {c.name for c in self.rows.columns}
        return allowed - always

    def update(self, rows: list[Row], *, each: bool = False) -> list[Attempt]:
        """Return UPDATEs that touch the rows: of all rows at once, of theirs by key, through an upsert."""
        if each:
            return [self.touching(f"{self._keep()} where {self._keys([r])}", "changes", [r]) for r in rows]
        found = [self.touching(self._set(), "changes", rows)]
        if self.rights.select:
            found.append(self.touching(f"{self._keep()} where {self._keys(rows)}", "changes", rows))
        return [*found, *returning(self, found[-1:]), *upserts(self, rows)]

    def touching(self, statement: str, label: str, rows: list[Row]) -> Attempt:
        return Attempt(statement, label, tids(rows), present=f"select {_TID} from {self.sql}")

    def _set(self) -> str:
        """Return an UPDATE of all rows that reads no column, so that only UPDATE policies apply."""
        column = self.plain_column()
        own = next((r for r in self.rows.of(A) if column is not None and column in r.values), None)
        if column is None or own is None:
            return self._keep()
        return f"update {self.sql} set {quote_ident(column)} = {literal(own.values[column])}"

    def _keep(self) -> str:
        changeable = [c for c in self._updatable() if c in self.rights.select] or self._updatable()
        column = quote_ident((changeable or [self.rows.columns[0].name])[-1])
        return f"update {self.sql} set {column} = {column}"

    def _updatable(self) -> list[str]:
        allowed = set(self.rights.update) or {c.name for c in self.rows.columns}
        return [
            c.name for c in self.rows.columns if c.name in allowed and not c.generated and c.identity != "a"
        ]

    def plain_column(self) -> str | None:
        table, text = self.table, policy_text(self.seeder, self.table)
        kinds = ("foreign key", "primary key", "unique", "exclusion")
        keyed = {c for k in table.constraints if k.kind in kinds for c in k.columns}
        keyed |= {c for i in table.indexes if i.unique for c in i.columns if c is not None}
        plain = [c for c in self._updatable() if c not in keyed and not self._held(c)]
        return next((c for c in plain if c not in text), None)

    def delete(self, rows: list[Row]) -> list[Attempt]:
        found = [self.touching(f"delete from {self.sql}", "deletes", rows)]
        if self.rights.select:
            unused = [r for r in rows if r.number == SPARE]  # no key is in their way
            for some in (rows, unused):
                statement = f"delete from {self.sql} where {self._keys(some)}"
                found += [self.touching(statement, "deletes", some)] if some else []
        return [*found, *returning(self, found[:1])]

    def rehome(self) -> list[Attempt]:
        """Return UPDATEs that give A's row to B, and B's rows to A, with the references that go along."""
        own, theirs = self.rows.of(A), self.rows.of(B)
        to_b, to_a = self._moved(B), self._moved(A)
        if not own or not theirs or not to_b:
            return []
        owned = {label: self.seeder.owned_by(self.table.qname, label) for label in (A, B)}
        if not owned[B]:
            return []
        count = f"select count(*) from {self.sql} where {owned[B]}"
        give = Attempt(f"update {self.sql} set {to_b} where {self._keys(own[:1])}", "gives away", count=count)
        give_all = Attempt(f"update {self.sql} set {to_b}", "gives away", count=count)
        take = self.touching(f"update {self.sql} set {to_a} where {self._keys(theirs[:1])}", "takes", theirs)
        take_all = self.touching(f"update {self.sql} set {to_a}", "takes", theirs)
        clear = {label: (f"delete from {self.sql} where {owned[label]}",) for label in (A, B)}
        give, give_all = (replace(x, again=replace(x, before=clear[B])) for x in (give, give_all))
        take, take_all = (replace(x, again=replace(x, before=clear[A])) for x in (take, take_all))
        if self.is_root:
            return [replace(give_all, before=clear[B], again=None)]
        named = [g for label in self.named for g in self._given(label, own)]
        usual = [give, take, give_all, take_all] if self.rights.select else [give_all, take_all]
        return usual + named

    def _given(self, label: str, own: list[Row]) -> list[Attempt]:
        """Return UPDATEs that give A's rows to a tenant that a policy names."""
        moved, owned = self._moved(label), self.seeder.owned_by(self.table.qname, label)
        if not moved or not owned:
            return []
        count = f"select count(*) from {self.sql} where {owned}"
        give = Attempt(f"update {self.sql} set {moved}", "gives away", count=count)
        one = replace(give, statement=f"{give.statement} where {self._keys(own[:1])}")
        return [one, give] if self.rights.select else [give]

    def _moved(self, label: str) -> str:
        """Return the assignments that make a row the tenant's: its key and its references."""
        new = self.seeder.row(self.table.qname, label, FRESH + 30).values
        moved = []
        for name, value in new.items():
            reference = self.seeder.reference(self.table.qname, name)
            owned = reference is not None and self._is_owned(reference[0].references)
            if self._held(name) or owned:
                moved.append(f"{quote_ident(name)} = {literal(value)}")
        return ", ".join(moved)

    def _is_owned(self, name: QName | None) -> bool:
        owned = (TableClass.TENANT, TableClass.INHERITED)
        return name is not None and self.seeder.facts.class_of(name) in owned

    def refer(self, key: Constraint) -> tuple[list[Attempt], list[Attempt]]:
        """Return statements that make A's row refer to B's by this key, and the same to A's own."""
        table = self.table.qname
        theirs = self.seeder.row(table, B, FRESH + 31).values
        mine = self.seeder.row(table, A, FRESH + 32).values
        moved = [c for c in key.columns if not self._held(c)]
        values = {label: {c: other.get(c) for c in moved} for label, other in ((A, mine), (B, theirs))}
        insertable = self.insertable()
        found: dict[str, list[Attempt]] = {}
        owned = self.seeder.owned_by(table, A)
        for label in (A, B):
            condition = " and ".join(filter(None, [owned, where(values[label])]))
            count = f"select count(*) from {self.sql} where {condition}"
            row = {c: v for c, v in (mine | values[label]).items() if c in insertable}
            made = self._insert_of(row, count, A)
            found[label] = [replace(made, label="refers to it from a row of its own, by INSERT")]
            if self.rights.select and set(moved) <= set(self._updatable()) and self.rows.of(A):
                first = self.rows.of(A)[:1]
                change = ", ".join(f"{quote_ident(c)} = {literal(v)}" for c, v in values[label].items())
                statement = f"update {self.sql} set {change} where {self._keys(first)}"
                found[label].append(
                    Attempt(statement, "refers to it from a row of its own, by UPDATE", count=count)
                )
        return found[B], found[A]

    def _keys(self, rows: list[Row]) -> str:
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
