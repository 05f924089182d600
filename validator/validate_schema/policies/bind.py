"""Put a condition on the rows that it talks about: columns become variables, sub-selects become rows.

A table of a sub-select that a foreign key ties to the row at hand is the row's parent: the same
tenant's, with known keys. (That foreign keys stay within a tenant is what FKY001 and DAT004 watch.)
The policies of that table hold for the sub-select too.
"""

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from ..model.catalog import Constraint, QName, Table
from ..model.principals import Kind
from ..model.tenancy import OWNED, TableClass
from ..sql.tree import FALSE, ROW, SELECTS, TRUE, Node, Relation, conjuncts, every, opaque, some, walk
from ..sql.words import reads_as_ticket
from .claims import exactly, identity, of_the_row_alone, variable_name
from .promises import is_unique
from .world import Schema

TENANT = "tenant"
_DEEPEST = 5
_APART = "other#"
_ORDERS = ("<", ">", "<=", ">=")


class Variable(NamedTuple):
    """A column of a row that the condition reads: the kind of its values, and whether NULL is one. `apart`:
    of a row that nothing ties to the row at hand. `personal`: compared with the person who asks."""

    kind: str
    nullable: bool
    labels: tuple[str, ...] = ()
    apart: bool = False
    personal: bool = False


class Row(NamedTuple):
    """A row in scope: its table, the name it goes by in variables, and columns that stand for others."""

    table: Table
    name: str
    known: dict[str, str]


Scopes = tuple[dict[str, Row], ...]
Filter = Callable[[Table, str], Node | None]


class Binder:
    """Binds the conditions of one table for one role. `policies` gives the rows of another table that the
    role, or the one that is named, may see: unbound, or None where nothing limits them. `moved`: the row at
    hand is as an UPDATE leaves it, which may have given it to another tenant: rows that refer to it tell
    whose it was, not whose it is."""

    def __init__(self, schema: Schema, table: Table, policies: Filter, *, moved: bool = False) -> None:
        self.schema = schema
        self.policies = policies
        self._moved = moved
        self.variables: dict[str, Variable] = {}
        self.undecided: list[str] = []
        self.reads: list[QName] = []
        self.members: list[Node] = []  # sub-selects over the memberships of the person who asks
        # Tables, with a condition on their rows, that are taken not to tie who asks to the tenant of the row.
        self.rests: set[tuple[QName, Node]] = set()
        self.row = self._row(table, "row")
        self._open: tuple[QName, ...] = (table.qname,)
        self._count = 0

    def bind(self, node: Node) -> Node:
        return self._bind(node, (_around(self.row),))

    def _row(self, table: Table, name: str, known: dict[str, str] | None = None) -> Row:
        columns = dict.fromkeys(self.schema.tenant_columns(table), TENANT)
        return Row(table, name, columns if known is None else known)

    def _bind(self, node: Node, scopes: Scopes) -> Node:
        if node.op == "column":
            return self._column(node, scopes)
        if node.op in SELECTS:
            return self._sub_select(node, scopes)
        if node.op == "compare" and node.value == "=" and (secret := self._ticket(node, scopes)):
            return self._give_up(f"{secret}, which whoever knows it may have been given")
        args = tuple(self._bind(arg, scopes) for arg in node.args)
        if node.op in ("compare", "any", "all") and node.value in _ORDERS:
            return self._ordered(node._replace(args=args))
        if node.op == "opaque":
            self.undecided.append(str(node.value))
        return node._replace(args=args)

    def _ordered(self, node: Node) -> Node:
        """Labels of an enum have the order of their enum."""
        labels = next((found for arg in node.args if (found := self._labels(arg))), ())
        if not labels:
            return node
        if node.op != "compare":
            return self._give_up("the order of the labels of an enum")
        return node._replace(args=tuple(Node("rank", (arg,), labels) for arg in node.args))

    def _labels(self, node: Node) -> tuple[str, ...]:
        if node.op == "cast" and node.value.startswith("enum "):
            name = self.schema.types.named_type(node.value.removeprefix("enum ").removesuffix("[]"))
            return self.schema.types.enums.get(name, ())
        variable = self.variables.get(node.value[0]) if node.op == "variable" else None
        return variable.labels if variable is not None else ()

    def _ticket(self, equation: Node, scopes: Scopes) -> str:
        """Return the secret of a row, its column, that whoever asks has to give in what he writes himself; ""
        where something else is compared."""
        for one, other in (equation.args, equation.args[::-1]):
            given, held = identity(one), identity(other)
            if given.op != "variable" or held.op != "column" or given.value[0] not in self._written:
                continue
            qualifier, name = held.value
            row = self._found(qualifier, name, scopes)
            if row is not None and reads_as_ticket(name, row.table.name):
                return f"{row.table.name}.{name}"
        return ""

    @cached_property
    def _written(self) -> frozenset[str]:
        """What whoever asks writes himself."""
        return frozenset(variable_name(v.variable) for v in self.schema.principals.of_kind(Kind.CLIENT))

    def _found(self, qualifier: str | None, name: str, scopes: Scopes) -> Row | None:
        """Return the row whose column a name means; None where no row in scope has it."""
        for scope in reversed(scopes):
            rows = [scope[qualifier]] if qualifier in scope else []
            if qualifier is None:
                rows = [row for row in scope.values() if row.table.column(name) is not None]
            if rows and rows[0].table.column(name) is not None:
                return rows[0]
        return None

    def _column(self, node: Node, scopes: Scopes) -> Node:
        qualifier, name = node.value
        row = self._found(qualifier, name, scopes)
        column = row.table.column(name) if row is not None else None
        if row is not None and column is not None:
            if column.collation and self.schema.types.is_ambiguous(column.collation):
                return self._give_up(f"the collation of {name}")
            return node._replace(op="variable", value=(self._key(row, name), False))
        self.undecided.append(f"the name {name}")
        return opaque(f"the name {name}")

    def _key(self, row: Row, name: str) -> str:
        column = row.table.column(name)
        key = row.known.get(name, f"{row.name}.{name}")
        if key not in self.variables and column is not None:
            labels = self.schema.types.enums.get(column.type_name, ()) if column.type_name else ()
            kind = (
                "text"
                if labels and not column.type.endswith("[]")
                else self.schema.types.kind(column.base_type)
            )
            nullable = self.schema.promises.may_be_null(row.table, column)
            self.variables[key] = Variable(kind, nullable, labels, row.name.startswith(_APART))
        return key

    def _sub_select(self, node: Node, scopes: Scopes) -> Node:
        select = node.value
        tables = [self._table(relation) for relation in select.relations]
        if not tables or None in tables or len(scopes) > _DEEPEST:
            return self._give_up("a sub-select over something that is no table")
        parts = conjuncts(select.where)
        outer = self._bind(node.args[0], scopes) if node.op == "in" else None
        asked = parts
        if node.op == "in" and select.target is not None:
            parts = (*parts, Node("compare", (node.args[0], select.target), "="))
        pairs = [(r, t) for r, t in zip(select.relations, tables, strict=True) if t is not None]
        scope, footing = self._tie(pairs, parts, scopes)
        inner = (*scopes, scope)
        rights = {relation.alias: relation.rights for relation in select.relations}
        guards = [self._guard(row, rights[alias]) for alias, row in scope.items()]
        if None in guards:
            return self._give_up("policies that look at one another")
        tied = self._ties(pairs, scope, parts, inner)
        footing = "free" if tied and footing == "crowded" else footing
        bound = (*(self._bind(part, inner) for part in asked), *self._there(scope, footing), *tied)
        wanted = select.target if node.op != "exists" else None
        target = self._bind(wanted, inner) if wanted is not None else opaque("a row")
        if outer is not None:  # what stands before IN is not in the sub-select's scope
            bound = (*bound, Node("compare", (outer, target), "="))
        where = every((*bound, *(g for g in guards if g is not None)))
        if not tied and not self._looked_up(pairs, parts):
            footing = self._data(where, footing)
        if footing == "crowded" and node.op == "scalar" and self._looked_up(pairs, parts):
            footing = "looked up"
        found = Node("row value", (where, target), footing, node.source)
        if node.op == "exists":
            found = Node("rows", (where,), footing, node.source)
        elif outer is not None:
            found = Node("row in", (where, outer, target), footing, node.source)
        self.members += [found] if tied else []
        return found

    def _there(self, scope: dict[str, Row], footing: str) -> tuple[Node, ...]:
        """Return that the rows which nothing says must be there are."""
        names = [f"{row.name} is there" for row in scope.values() if row.name.startswith(_APART)]
        if footing not in ("free", "crowded"):
            return ()
        self.variables.update(dict.fromkeys(names, Variable("bool", nullable=False)))
        return tuple(Node("variable", value=(name, False)) for name in names)

    def _ties(
        self,
        pairs: list[tuple[Relation, Table]],
        scope: dict[str, Row],
        parts: tuple[Node, ...],
        scopes: Scopes,
    ) -> tuple[Node, ...]:
        """Return, for each row that a person is asked for by, that it is of another tenant than the row at
        hand: nobody belongs to a tenant whose rows he must not see, as long as nobody can join one."""
        found = []
        for relation, table in pairs:
            demanded = self.policies(table, relation.rights) if table.row_security else None
            asked = [(part, relation.alias) for part in parts]
            asked += [(part, ROW) for part in conjuncts(demanded)]
            spelled = self.schema.types.spelled(table)
            if not any(names_person(part, alias, self.schema.persons, spelled) for part, alias in asked):
                continue
            if table.qname in self.schema.trusted_tables:
                found.append(FALSE)
                continue
            keys = self._tenants_of(scope[relation.alias], relation.alias, parts, scopes)
            if keys:
                self.rests.add((table.qname, of_the_row_alone(parts, relation.alias)))
                self.variables.setdefault(TENANT, Variable("other", nullable=False))
                here = Node("variable", value=(TENANT, False))
                found.append(some(tuple(Node("distinct", (key, here)) for key in keys)))
        return tuple(found)

    def _tenants_of(self, row: Row, alias: str, parts: tuple[Node, ...], scopes: Scopes) -> list[Node]:
        """Return what holds the tenant of a row: its own columns, or those of a row that a key ties it to."""
        own = sorted(self.schema.tenant_columns(row.table))
        if own:
            return [Node("variable", value=(self._key(row, column), False)) for column in own]
        for scope in reversed(scopes):
            for other, beside in scope.items():
                if other != alias and self._of_one_parent((alias, row.table), (other, beside), parts):
                    columns = sorted(self.schema.tenant_columns(beside.table))
                    if columns or not beside.name.startswith(_APART):
                        names = [self._key(beside, column) for column in columns] or [TENANT]
                        return [Node("variable", value=(name, False)) for name in names]
        return []

    def _of_one_parent(
        self, mine: tuple[str, Table], theirs: tuple[str, Row], parts: tuple[Node, ...]
    ) -> bool:
        """Tell whether keys tie two rows to one row of a tenant's: that of the other, or a third."""
        (alias, table), (other, row) = mine, theirs
        beside = row.table
        for key in self._tenants_keys(table):
            standing = self.schema.standings.get(key.references) if key.references else None
            if standing is None or standing.table_class not in OWNED:
                continue
            told = key.references == beside.qname and self._tells(row)
            ends = [key.referenced_columns] if told else []
            ends += [
                k.columns
                for k in self._tenants_keys(beside)
                if k.references == key.references and k.referenced_columns == key.referenced_columns
            ]
            for end in ends:
                pairs = zip(key.columns, end, strict=True)
                if all(
                    self._equated(parts, (alias, table, column), (other, their)) for column, their in pairs
                ):
                    return True
        return False

    def _equated(
        self, parts: tuple[Node, ...], keyed: tuple[str, Table, str], other: tuple[str, str]
    ) -> bool:
        """Tell whether conditions equate a column of a key with what it references, each by its alias: whole,
        for a cast to another type may make two keys one."""
        alias, table, column = keyed
        found, wanted = table.column(column), {(alias, column), other}
        kept = ("text", self.schema.types.kind(found.base_type) if found is not None else "text")
        for part in parts:
            if part.op == "compare" and part.value == "=":
                names = {s.value for s in (_bare(arg, kept) for arg in part.args) if s.op == "column"}
                if {(alias if q is None and (alias, n) in wanted else q, n) for q, n in names} == wanted:
                    return True
        return False

    def _tells(self, row: Row) -> bool:
        """Tell whether what refers to a row is of the row's tenant."""
        return not (self._moved and row.name == self.row.name)

    def _tenants_keys(self, table: Table) -> list[Constraint]:
        """Return the foreign keys that every row obeys and that lead to rows of the same tenant."""
        keys = self.schema.promises.standing_keys(table)
        return [
            key
            for key in keys
            if self.schema.tells_tenant(table, key) and not self.schema.promises.has_heirs(key.references)
        ]

    def _give_up(self, why: str) -> Node:
        self.undecided.append(why)
        return opaque(why)

    def _table(self, relation: Relation) -> Table | None:
        return self.schema.tables.get(QName(relation.schema or self.schema.home, relation.name))

    def _data(self, where: Node, footing: str) -> str:
        """Rows that stand for who may see what are data when they are asked for by an identity."""
        if footing == "sure":
            return footing
        asked = [
            n
            for n in walk(where)
            if n.op == "user" or (n.op == "variable" and str(n.value[0]).startswith(("setting ", "claim ")))
        ]
        if asked:
            self.undecided.append("rows that say who belongs to which tenant")
            return "data"
        return footing

    def _guard(self, row: Row, rights: str) -> Node | None:
        """Return what the policies of a sub-select's table demand of its row; None for a loop."""
        demanded = self.policies(row.table, rights) if row.table.row_security else None
        if demanded is None:
            return TRUE
        if row.table.qname in self._open or len(self._open) > _DEEPEST:
            return None
        before, self._open = self._open, (*self._open, row.table.qname)
        bound = self._bind(demanded, (_around(row),))
        self._open = before
        return bound

    def _tie(
        self, pairs: list[tuple[Relation, Table]], parts: tuple[Node, ...], scopes: Scopes
    ) -> tuple[dict[str, Row], str]:
        """Give each table of a sub-select its row, tied to the rows around it where keys say so."""
        scope: dict[str, Row] = {}
        aliases = {relation.alias for relation, _ in pairs}
        around = {name: row for rows in scopes for name, row in rows.items() if name not in aliases}
        footing = "sure"
        waiting = list(pairs)
        while waiting:
            found = next((p for p in waiting if self._parent(p, parts, {**around, **scope})), None)
            relation, table = found or waiting[0]
            waiting.remove((relation, table))
            name, known = self._parent((relation, table), parts, {**around, **scope}) or ("", None)
            if known is None:
                self._count += 1
                name = f"{_APART}{self._count}"
                known = self._child((relation, table), parts, {**around, **scope})
                footing = "crowded" if self._crowded(table) or footing == "crowded" else "free"
            self.reads.append(table.qname)
            scope[relation.alias] = self._row(table, name, known or {})
        return scope, footing

    def _looked_up(self, pairs: list[tuple[Relation, Table]], parts: tuple[Node, ...]) -> bool:
        """Tell whether the one table is the root, asked for one row by its key."""
        relation, table = pairs[0]
        standing = self.schema.standings.get(table.qname)
        is_root = standing is not None and standing.table_class is TableClass.ROOT
        key = table.primary_key
        return (
            len(pairs) == 1
            and is_root
            and key is not None
            and len(key.columns) == 1
            and any(_finds(part, relation.alias, key.columns[0]) for part in parts)
        )

    def _crowded(self, table: Table) -> bool:
        """Tell whether rows of the table must be there, or are spoken of elsewhere."""
        standing = self.schema.standings.get(table.qname)
        is_root = standing is not None and standing.table_class is TableClass.ROOT
        return is_root or table.qname in self.reads or table.qname in self._open

    def _parent(
        self, pair: tuple[Relation, Table], parts: tuple[Node, ...], rows: dict[str, Row]
    ) -> tuple[str, dict[str, str]] | None:
        """Return the row that a foreign key of a row around it leads to: its name, the same wherever the
        same row is meant, and its known columns."""
        relation, table = pair
        for alias, row in rows.items():
            for key in self._tenants_keys(row.table):
                if key.references == table.qname:
                    columns = tuple(zip(key.columns, key.referenced_columns, strict=True))
                    if self._picked(parts, (alias, row.table), (relation.alias, table), columns):
                        return f"{row.name}>{key.name}", self._inherited(row, table, columns)
        return None

    def _picked(
        self,
        parts: tuple[Node, ...],
        mine: tuple[str, Table],
        theirs: tuple[str, Table],
        columns: tuple[tuple[str, str], ...],
    ) -> bool:
        """Tell whether conditions pick the row that a key leads to: by all of its columns, or by those that
        are a unique key by themselves, where the others are never NULL and so the key always holds."""
        (alias, table), (other, target) = mine, theirs
        met = [c for c in columns if self._equated(parts, (alias, table, c[0]), (other, c[1]))]
        if len(met) == len(columns):
            return True
        rest = (table.column(name) for name, _ in columns if (name, _) not in met)
        held = all(c is not None and not self.schema.promises.may_be_null(table, c) for c in rest)
        return held and is_unique(target, {name for _, name in met})

    def _inherited(self, row: Row, table: Table, columns: tuple[tuple[str, str], ...]) -> dict[str, str]:
        standing = self.schema.standings.get(table.qname)
        own = self.schema.tenant_columns(table)
        root = standing is not None and standing.table_class is TableClass.ROOT
        ours = TENANT in {row.known.get(mine) for mine, _ in columns}
        known = dict.fromkeys(own, TENANT) if not root or ours else {}
        return known | {theirs: self._key(row, mine) for mine, theirs in columns}

    def _child(
        self, pair: tuple[Relation, Table], parts: tuple[Node, ...], rows: dict[str, Row]
    ) -> dict[str, str] | None:
        """Return the known columns of a table whose foreign key leads to a row around it."""
        relation, table = pair
        for key in self._tenants_keys(table):
            for alias, row in rows.items():
                if key.references == row.table.qname and row.known and self._tells(row):
                    columns = zip(key.columns, key.referenced_columns, strict=True)
                    if all(
                        self._equated(parts, (relation.alias, table, mine), (alias, theirs))
                        for mine, theirs in columns
                    ):
                        return dict.fromkeys(self.schema.tenant_columns(table), TENANT)
        for alias, row in rows.items():
            siblings = (relation.alias, table), (alias, row)
            if not row.name.startswith(_APART) and self._of_one_parent(*siblings, parts):
                return dict.fromkeys(self.schema.tenant_columns(table), TENANT)
        return None


def names_person(part: Node, alias: str, persons: frozenset[str], spelled: frozenset[str]) -> bool:
    """Tell whether a condition holds only for rows of the person who asks: one of the row's columns is
    equal to what says who that is. Those `spelled` in more than one way are so as text."""
    if part.op == "or":
        return all(names_person(arg, alias, persons, spelled) for arg in part.args)
    if part.op == "and":
        return any(names_person(arg, alias, persons, spelled) for arg in part.args)
    if part.op not in ("compare", "any") or part.value != "=":
        return False
    if any(_respelled(node, alias, spelled) for arg in part.args for node in walk(arg)):
        return False
    sides = [exactly(arg) for arg in part.args]
    column = any(side.op == "column" and side.value[0] == alias for side in sides)
    return column and any(side.op == "variable" and side.value[0] in persons for side in sides)


def _respelled(node: Node, alias: str, spelled: frozenset[str]) -> bool:
    """Tell whether a cast makes one value of texts, or numbers, that are two."""
    held = node.args[0] if node.op == "cast" and node.value != "text" else node
    return held is not node and held.op == "column" and held.value[0] == alias and held.value[1] in spelled


def _around(row: Row) -> dict[str, Row]:
    return {row.table.name: row, ROW: row}


def _finds(part: Node, alias: str, column: str) -> bool:
    """Tell whether a condition gives the column a value that comes from elsewhere."""
    if part.op != "compare" or part.value != "=":
        return False
    plain = [side.args[0] if side.op == "cast" else side for side in part.args]
    mine = [side.op == "column" and side.value == (alias, column) for side in plain]
    other = part.args[mine.index(True) - 1] if sum(mine) == 1 else None
    return other is not None and not any(n.op == "column" and n.value[0] == alias for n in walk(other))


def _bare(node: Node, kept: tuple[str, ...]) -> Node:
    while node.op == "cast" and node.value in kept:
        node = node.args[0]
    return node
