"""The statements that are tried against one table, from the rows that are there."""

from dataclasses import replace
from functools import cached_property

from ...model.catalog import Constraint, QName
from ...model.tenancy import TableClass
from ...sql.ident import quote_ident
from ...sql.mentions import mentions
from .attempt import Attempt
from .hints import literals
from .met_table import MetTable
from .moves import by_triggers, replaced
from .routes import copies, insertions, returning, upserts
from .rows import FRESH, NOBODY, SPARE, THIRD, A, B, Row, insert, literal, tid_of, tids, where
from .variety import Variant

_MOST_OWN = 8  # columns that hold what the session says of itself
_MOST_SET = 3  # values of one column
_MOST_PLACES = 3  # rows of one parent that inserted rows refer to


class Target(MetTable):
    """The statements that are tried against a table."""

    def read(self, rows: list[Row]) -> list[Attempt]:
        """Return a SELECT of the rows; by the columns that may be read where that is not all of them."""
        shown = f"select * from {self.sql} where {self.condition(rows)}"
        if self.rights.whole or not self.rights.select:
            said = f"select {tid_of()} from {self.sql}"
            plain = Attempt(said, "reads", tids(rows), shown=shown, base=said)
            return [plain, *copies(self, rows)]
        columns = self.rights.select
        names = ", ".join(map(quote_ident, columns))
        theirs = self._texts(names, rows)
        others = self._texts(names, [r for r in self.rows.of(A) if r not in rows])
        said, shown = f"select row({names})::text from {self.sql}", f"select {names} from {self.sql}"
        plain = Attempt(said, "reads", theirs - others, shown=shown, base=said)
        return [plain, *copies(self, rows)]

    def singles(self, attempt: Attempt) -> list[Attempt]:
        """Return the attempt on each of the foreign rows for itself; none where it takes no condition."""
        if not attempt.base or not self.rights.select:
            return []
        return [
            replace(attempt, statement=f"{attempt.base} where {self.condition([row])}", shown="", again=None)
            for row in self.everyone()
            if row.label != A
        ]

    def _texts(self, names: str, rows: list[Row]) -> frozenset[str]:
        wanted = tids(rows)
        query = f"select {tid_of()}, row({names})::text from {self.sql}"
        return frozenset(t for tid, t in self.seeder.conn.execute(query.encode()) if tid in wanted)

    def insert(self, label: str, first: int = 0) -> list[Attempt]:
        """Return INSERTs of a new row for a tenant, in every way."""
        if self.is_root:
            return []
        values, plain = self._new(label, FRESH + first, {})
        return [plain, *insertions(self, plain, values, plain.again.before if plain.again else ())]

    def insert_varied(self, label: str, first: int = 0) -> list[Attempt]:
        """Return INSERTs of new rows for a tenant, one for each thing that a policy looks at."""
        if self.is_root:
            return []
        varied = [*self.variants, *self._placed(label)]
        return [self._new(label, FRESH + first + n, each)[1] for n, each in enumerate(varied, 1)]

    def _new(self, label: str, number: int, varied: Variant) -> tuple[dict[str, str | None], Attempt]:
        row = self.seeder.row(self.table.qname, label, number, varied)
        values = {c: v for c, v in row.values.items() if c in self.insertable()}
        owned = self.seeder.owned_by(self.table.qname, label)
        count = f"select count(*) from {self.sql} where {owned or 'true'}"
        return values, self._insert_of(values, count, label)

    @cached_property
    def variants(self) -> list[Variant]:
        """What to change in further rows: what policies look at, what they and views ask of a row, and who
        the session says it is in each column that policies name."""
        asked = self.seeder.variety.live(self.table)
        found = [*self.seeder.variety.variants(self.table), *([asked] if asked else []), *self._mine]
        return list({tuple(v.items()): v for v in found}.values())

    @cached_property
    def _mine(self) -> list[Variant]:
        """Return each of a session's words, its tenant's keys aside, in a column that policies look at."""
        keys = {key for held in self.seeder.keys.values() for key in held.values()}
        words = [w for w in literals(" ".join(self.session)) if w not in keys]
        text = self.seeder.texts.own(self.table)
        columns = [c for c in self.rows.columns if mentions(text, c.name) and not self._held(c.name)]
        found: list[Variant] = [{c.name: w} for c in columns for w in words if self.seeder.fits(w, c)]
        return found[:_MOST_OWN]

    def _placed(self, label: str) -> list[Variant]:
        """Return references to the tenant's several rows of a parent that policies look at."""
        found: list[Variant] = []
        for key in self.table.foreign_keys:
            parent = self.seeder.seeded.get(key.references) if key.references is not None else None
            if parent is None or len(key.columns) > 1 or not self._is_owned(key.references):
                continue
            if parent.table.name in self.seeder.texts.own(self.table):
                column, target = key.columns[0], key.referenced_columns[0]
                rows = [r for r in parent.of(label) if r.number != SPARE and target in r.values]
                found += [{column: r.values[target]} for r in rows[:_MOST_PLACES]]
        return found

    def insert_named(self) -> list[Attempt]:
        """Return INSERTs of new rows for the tenants that the table's policies name, and for none."""
        if self.is_root:
            return []
        nobody = [NOBODY] if self.rows.of(NOBODY) and not self.shared else []
        labels = (*self.named, *nobody)
        made = [[*self.insert(x, 60), *self.insert_varied(x, 60)] for x in labels]
        return [a for attempts in made for a in attempts if not a.by_another_way]

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

    def update(self, rows: list[Row]) -> list[Attempt]:
        """Return UPDATEs that touch the rows: of all rows at once, of theirs by key, through an upsert."""
        keep, first = self._keep(), self._set()[:1]
        found = [self.touching(said, "changes", rows) for said in first or [keep]]
        if self.rights.select:
            found.append(self.touching(keep, "changes", rows, self.condition(rows)))
        return [*found, *returning(self, found[-1:]), *upserts(self, rows)]

    def update_varied(self, rows: list[Row]) -> list[Attempt]:
        """Return further UPDATEs of all rows that read no column, so that only UPDATE policies apply: they
        set what policies look at to what it may be."""
        return [self.touching(said, "changes", rows) for said in self._set()[1:]]

    def update_to(self, rows: list[Row]) -> list[Attempt]:
        """Return UPDATEs of these rows alone: each as it is, and with what policies look at changed."""
        keys = self.condition(rows)
        return [self.touching(said, "changes", rows, keys) for said in (self._keep(), *self._set())]

    def delete_only(self, rows: list[Row]) -> list[Attempt]:
        """Return DELETEs of each of these rows alone."""
        return [self.touching(f"delete from {self.sql}", "deletes", [r], self.condition([r])) for r in rows]

    def _set(self) -> list[str]:
        """Return UPDATEs of all rows that set one column to a constant: first one that nothing hangs on."""
        text = self.seeder.texts.own(self.table)
        plain = self.plain_column()
        free = [c for c in self._updatable() if c not in self._keyed]
        looked_at = [c for c in free if not self._held(c) and mentions(text, c) and c != plain]
        keys = [c for k in self.table.foreign_keys for c in k.columns if c in free and not self._held(c)]
        found = [(c, v) for c in filter(None, [plain]) for v in self._values_of(c)[:1]]
        found += [(c, v) for c in looked_at for v in self._values_of(c)[:_MOST_SET]]
        found += [(c, v) for c in dict.fromkeys(keys) for v in self._values_of(c)[:1]]
        sets = [_set({c: v}) for c, v in found]
        both = [
            ", ".join(f"{quote_ident(c)} = {literal(v)}" for c, v in each.items()) for each in self._settable
        ]
        return [f"update {self.sql} set {said}" for said in dict.fromkeys((*sets, *both))]

    @property
    def _settable(self) -> list[Variant]:
        """Return the variants as far as the role may set them."""
        allowed = set(self._updatable()) - self._keyed
        kept = ({c: v for c, v in each.items() if c in allowed} for each in self.variants)
        return list(filter(None, kept))

    def _values_of(self, column: str) -> list[str | None]:
        """Return what A's rows hold in a column, each once."""
        return list(dict.fromkeys(r.values[column] for r in self.rows.of(A) if column in r.values))

    def _keep(self) -> str:
        changeable = [c for c in self._updatable() if c in self.rights.select] or self._updatable()
        column = quote_ident((changeable or [self.rows.columns[0].name])[-1])
        return f"update {self.sql} set {column} = {column}"

    def delete(self, rows: list[Row]) -> list[Attempt]:
        found = [self.touching(f"delete from {self.sql}", "deletes", rows)]
        if self.rights.select:
            unused = [r for r in rows if r.number == SPARE]  # no key is in their way
            for some in (rows, unused):
                said = f"delete from {self.sql}"
                found += [self.touching(said, "deletes", some, self.condition(some))] if some else []
        return [*found, *returning(self, found[:1])]

    def joins(self) -> list[Attempt]:
        """Return what makes the person of both tenants a member of a third one: a new row, his own moved."""
        people, name = self.seeder.people, self.table.qname
        columns = [c.name for c in self.rows.columns if people.is_membership(name, c.name)]
        held = self.seeder.facts.held_levels.get(name, {}).get(0)
        if not columns or held is None or not self.seeder.owned_by(name, THIRD):
            return []
        values, plain = self._new(THIRD, FRESH + 90, dict.fromkeys(columns, people.of_both))
        owned = self.seeder.owned_by(name, THIRD)
        moved = f"update {self.sql} set {_set({held: values.get(held)})}"
        found = [replace(plain, label="inserts a membership of its own")]
        if held in self._updatable() and values.get(held) is not None:
            mine = where({columns[0]: people.of_both, held: self.seeder.keys[0][A]})
            count = f"select count(*) from {self.sql} where {owned}"
            said = f"{moved} where {mine}" if self.rights.select else moved
            found.append(Attempt(said, "moves a membership", count=count))
        return found

    def rehome(self) -> list[Attempt]:
        """Return UPDATEs that give A's row to B, and B's rows to A, with the references that go along."""
        to_b, to_a = self._moved(B), self._moved(A)
        owned = self.seeder.owned_by(self.table.qname, B)
        if not self.rows.of(A) or not self.rows.of(B) or not to_b or not owned:
            return []
        if self.is_root:
            count = f"select count(*) from {self.sql} where {owned}"
            mine = self.seeder.owned_by(self.table.qname, A)
            said, clear = f"update {self.sql} set {_set(to_b)}", (f"delete from {self.sql} where not {mine}",)
            return [Attempt(said, "gives away", count=count, before=clear)]
        return [*self._given(B, to_b), *self._taken(to_a), *replaced(self, to_b)]

    def rehome_varied(self) -> list[Attempt]:
        """Return the same with what policies look at changed too, and moves to tenants that they name."""
        if self.is_root or not self.rehome():
            return []
        allowed = {c for c in self._updatable() if not self._held(c)}
        found = []
        for each in ({c: v for c, v in variant.items() if c in allowed} for variant in self.variants):
            if each:
                found += self._given(B, self._moved(B) | each)
                found += self._taken(self._moved(A) | each)
        found += [g for label in self.named for g in self._given(label, self._moved(label))]
        return [*found, *by_triggers(self, self._moved(B), self._updatable())]

    def _given(self, label: str, moved: Variant) -> list[Attempt]:
        """Return UPDATEs that give A's rows to a tenant: one of them, and all."""
        owned, first = self.seeder.owned_by(self.table.qname, label), self.rows.of(A)[:1]
        if not moved or not owned:
            return []
        count, clear = (
            f"select count(*) from {self.sql} where {owned}",
            f"delete from {self.sql} where {owned}",
        )
        give = Attempt(f"update {self.sql} set {_set(moved)}", "gives away", count=count)
        give = replace(give, again=replace(give, before=(clear,)))
        said = f"{give.statement} where {self.condition(first)}"
        one = replace(give, statement=said, again=replace(give, statement=said, before=(clear,), again=None))
        return [one, give] if self.rights.select else [give]

    def _taken(self, moved: Variant) -> list[Attempt]:
        """Return UPDATEs that make rows of B those of A: one of them, and all."""
        theirs, owned = self.rows.of(B), self.seeder.owned_by(self.table.qname, A)
        said, clear = f"update {self.sql} set {_set(moved)}", (f"delete from {self.sql} where {owned}",)
        takes = [self.touching(said, "takes", theirs)]
        if self.rights.select:
            takes.insert(0, self.touching(said, "takes", theirs, self.condition(theirs[:1])))
        return [replace(x, again=replace(x, before=clear)) for x in takes]

    @property
    def stays(self) -> bool:
        """Whether nobody can say whose a row is, for the server alone makes what tells it."""
        return not self._moved(B) and any(self._held(name) for name in self._made)

    def _moved(self, label: str) -> Variant:
        """Return what makes a row the tenant's: its key and its references."""
        moved: Variant = {}
        for name, value in self.seeder.row(self.table.qname, label, FRESH + 30).values.items():
            reference = self.seeder.reference(self.table.qname, name)
            owned = reference is not None and self._is_owned(reference[0].references)
            if (self._held(name) or owned) and name not in self._made:
                moved[name] = value
        return moved

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
                statement = f"update {self.sql} set {change} where {self.condition(first)}"
                found[label].append(
                    Attempt(statement, "refers to it from a row of its own, by UPDATE", count=count)
                )
        return found[B], found[A]

    def refer_varied(self, key: Constraint) -> list[Attempt]:
        """Return INSERTs of rows of A that refer to B's, with what policies look at changed too."""
        across = [a for a in self.refer(key)[0] if a.values]
        found = []
        for plain in across:
            for each in self.variants:
                free = {c: v for c, v in each.items() if c in plain.values and c not in key.columns}
                if free and not any(map(self._held, free)):
                    made = self._insert_of({**plain.values, **free}, plain.count, A)
                    found.append(replace(made, label=plain.label))
        return found


def _set(values: Variant) -> str:
    return ", ".join(f"{quote_ident(column)} = {literal(value)}" for column, value in values.items())
