"""Who asks, as the policies tell: what each variable of the session stands for, and which tables say to
which tenants a person belongs.

A variable is known by what it is compared with: the tenant column, a column of people, or constants alone.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..model.catalog import QName, Table
from ..model.principals import ContextVariable, Kind, Membership, Principals, Variable
from ..model.tenancy import TableClass
from ..model.wording import some as so_many
from ..sql.ident import display
from ..sql.settings import is_written_by_client
from ..sql.tree import ROW, SELECTS, TRUE, Node, Select, conjuncts, some
from ..sql.words import of_people, reads_as_person
from .claims import OWN_CLAIMS, identity, of_the_row_alone, variable_of
from .signup import fillers
from .world import Schema

_GATEWAY = ("request.", "hasura.")
_PERSONAL = frozenset({"sub", "user_id", "userid", "uid", "email", "x-hasura-user-id"})


class Place(NamedTuple):
    """A column of a table, or of the row that a sub-select finds under a name."""

    table: Table
    column: str
    alias: str


class Met(NamedTuple):
    """What a policy compares for equality: a variable with a column, a constant, or something else."""

    variable: Variable
    place: Place | None = None
    word: str | None = None


class Found(NamedTuple):
    """A relation of a sub-select that a person's variable picks rows of, with the columns that matter."""

    table: Table
    person: str
    variable: Variable
    tied: frozenset[str]  # columns that the sub-select gives back, or compares with rows around it
    counts: Node  # which of its rows count


def principals(schema: Schema) -> tuple[Principals, dict[QName, Node]]:
    """Return who asks, as all policies of the catalog tell; and which rows of each table of memberships count
    for any of them."""
    reader = _Reader(schema)
    for text in _texts(schema.catalog.tables):
        reader.read(*text)
    variables = tuple(reader.variables())
    gateway, why = schema.tenancy.session == "gateway", "the config says so"
    if not schema.tenancy.session:
        gateway, why = _threat(v.variable for v in variables)
    people = reader.people({v.variable for v in variables if v.kind is Kind.PERSON})
    memberships = tuple(reader.memberships(variables))
    counting = {m.table: reader.counting(m.table) for m in memberships}
    filled = tuple(fillers(schema.catalog, memberships))
    return Principals(variables, memberships, *people, gateway, why, filled), counting


def _texts(tables: Iterable[Table]) -> Iterator[tuple[Table, str]]:
    for table in tables:
        texts = (text for policy in table.policies for text in (policy.using, policy.check) if text)
        yield from ((table, text) for text in dict.fromkeys(texts))


def _threat(variables: Iterable[Variable]) -> tuple[bool, str]:
    """Tell whether requests come through a gateway, and why it is thought so."""
    read = next((v.setting for v in variables if v.setting.startswith(_GATEWAY)), None)
    if read is None:
        return False, "no policy reads what a gateway sets: whoever holds the connection sets any setting"
    return True, f"policies read {read}, which a gateway (PostgREST, Supabase, Hasura) sets for each request"


class _Reader:
    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.met: dict[Met, None] = {}
        self.found: dict[Found, None] = {}

    def read(self, table: Table, text: str) -> None:
        rows = {table.name: table, ROW: table}
        self._walk(self.schema.expand(text), (rows,))

    def _walk(self, node: Node, scopes: tuple[dict[str, Table], ...]) -> None:
        for arg in node.args:
            self._walk(arg, scopes)
        if node.op == "variable" and (variable := variable_of(node.value[0], self.schema.context)):
            self.met[Met(variable)] = None
        if node.op in ("compare", "any") and node.value == "=":
            self._compared(node.args[0], node.args[1], scopes, scopes)
        if node.op in SELECTS:
            self._select(node, scopes)

    def _select(self, node: Node, scopes: tuple[dict[str, Table], ...]) -> None:
        select: Select = node.value
        scope = {}
        for relation in select.relations:
            table = self.schema.tables.get(QName(relation.schema or self.schema.home, relation.name))
            if table is not None:
                scope[relation.alias] = table
        inner = (*scopes, scope)
        for part in (select.where, select.target):
            if part is not None:
                self._walk(part, inner)
        if node.op == "in" and select.target is not None:
            self._compared(node.args[0], select.target, scopes, inner)
        parts = conjuncts(select.where)
        if node.op == "in" and select.target is not None:
            parts = (*parts, Node("compare", (node.args[0], select.target), "="))
        for alias, table in scope.items():
            self._membership(alias, table, select, parts, inner)

    def _compared(
        self,
        left: Node,
        right: Node,
        scopes: tuple[dict[str, Table], ...],
        others: tuple[dict[str, Table], ...],
    ) -> None:
        for mine, other, around in ((left, right, others), (right, left, scopes)):
            variable = self._variable(mine)
            if variable is None:
                continue
            plain = identity(other)
            place = self._place(plain, around)
            word = str(plain.value) if plain.op == "const" and plain.value is not None else None
            if plain.op == "array":
                for item in map(identity, plain.args):
                    if item.op == "const":
                        self.met[Met(variable, word=str(item.value))] = None
            self.met[Met(variable, place, word)] = None

    def _variable(self, node: Node) -> Variable | None:
        plain = identity(node)
        return variable_of(plain.value[0], self.schema.context) if plain.op == "variable" else None

    def _place(self, node: Node, scopes: tuple[dict[str, Table], ...]) -> Place | None:
        if node.op != "column":
            return None
        qualifier, name = node.value
        for scope in reversed(scopes):
            for alias, table in scope.items():
                if qualifier in (None, alias) and table.column(name) is not None:
                    return Place(table, name, alias)
        return None

    def _membership(
        self,
        alias: str,
        table: Table,
        select: Select,
        parts: tuple[Node, ...],
        scopes: tuple[dict[str, Table], ...],
    ) -> None:
        """Note a relation that a sub-select picks by a variable, and which of its columns it is tied by."""
        for part in parts:
            for person, variable in self._picked(part, alias, scopes):
                nodes = [arg for p in parts if p is not part and p.op in ("compare", "any") for arg in p.args]
                nodes += [select.target] if select.target is not None else []
                places = (self._place(identity(node), scopes) for node in nodes)
                tied = frozenset(p.column for p in places if p is not None and p.alias == alias)
                self.found[Found(table, person, variable, tied, of_the_row_alone(parts, alias))] = None

    def _picked(
        self, part: Node, alias: str, scopes: tuple[dict[str, Table], ...]
    ) -> Iterator[tuple[str, Variable]]:
        if part.op in ("or", "and"):
            for arg in part.args:
                yield from self._picked(arg, alias, scopes)
        if part.op not in ("compare", "any") or part.value != "=":
            return
        for mine, other in (part.args, part.args[::-1]):
            variable, place = self._variable(mine), self._place(identity(other), scopes)
            if variable is not None and place is not None and place.alias == alias:
                yield place.column, variable

    # what was read

    def variables(self) -> Iterator[ContextVariable]:
        """Yield each variable with its kind and the reason, in order."""
        for variable in sorted({m.variable for m in self.met}):
            met = [m for m in self.met if m.variable == variable]
            words = tuple(sorted({m.word for m in met if m.word is not None}))
            yield ContextVariable(variable, *self._kind(variable, met), words)

    def _kind(self, variable: Variable, met: list[Met]) -> tuple[Kind, str]:
        if (variable.path and variable.path[0] in OWN_CLAIMS) or is_written_by_client(variable.setting):
            return Kind.CLIENT, "whoever asks writes it himself, and nothing vouches for it"
        places = list(dict.fromkeys(m.place for m in met if m.place is not None))
        of_tenants = [p for p in places if p.column in self.schema.tenant_columns(p.table)]
        if variable == self.schema.context:
            why = self._compared_with(of_tenants) if of_tenants else "the config names it"
            return Kind.TENANT, why
        of_people = [p for p in places if self._of_people(p)]
        if len(of_tenants) > len(of_people):
            return Kind.TENANT, self._compared_with(of_tenants)
        if of_people:
            return Kind.PERSON, self._compared_with(of_people)
        if variable.path and variable.path[-1] in _PERSONAL:
            return Kind.PERSON, "the claim says who it is"
        words = [m.word for m in met if m.word is not None]
        if words:
            return Kind.SWITCH, f"compared with the constant {words[0]!r}" + (
                " and others" if words[1:] else ""
            )
        return Kind.OTHER, "compared with no tenant, no person and no constant"

    def _compared_with(self, places: list[Place]) -> str:
        counted = Counter(f"{self._show(p.table.qname)}.{p.column}" for p in places)
        first = sorted(counted)[0]
        tables = len({p.table.qname for p in places})
        return f"compared with {first}" + (
            f" and in {so_many(tables - 1, 'other table')}" if tables > 1 else ""
        )

    def _of_people(self, place: Place) -> bool:
        """Tell whether a column holds people: it leads to their table, is the key of it, or reads so."""
        table, column = place.table, place.column
        if any(_people(led) for led, _ in self._led(table, column)):
            return True
        if reads_as_person(column):
            return True
        primary = table.primary_key
        return _people(table.qname) and primary is not None and primary.columns == (column,)

    def people(self, persons: set[Variable]) -> tuple[QName | None, str | None]:
        """Return the table whose rows are people, and its key: what columns of people lead to most often,
        else the one whose key is compared itself."""
        led: Counter[tuple[QName, str]] = Counter()
        for met in self.met:
            if met.place is None or met.variable not in persons:
                continue
            table, column = met.place.table, met.place.column
            led.update(self._led(table, column))
            if table.primary_key is not None and table.primary_key.columns == (column,):
                led[table.qname, column] += 1
        if not led:
            return None, None
        return max(sorted(led), key=led.__getitem__)

    def _led(self, table: Table, column: str) -> Iterator[tuple[QName, str]]:
        """Yield where a column leads, with the column there: by a key of its own, or one that holds the
        tenant beside it."""
        held = self.schema.tenant_columns(table)
        for key in table.foreign_keys:
            if (
                key.references is not None
                and column in key.columns
                and held.issuperset({*key.columns} - {column})
            ):
                yield key.references, key.referenced_columns[key.columns.index(column)]

    def memberships(self, variables: tuple[ContextVariable, ...]) -> Iterator[Membership]:
        """Yield the tables that tie people to tenants, each once for each column of a person."""
        persons = {v.variable for v in variables if v.kind is Kind.PERSON}
        seen = set()
        places = ((m.place, m.variable) for m in self.met if m.place is not None)
        own = {Found(place.table, place.column, variable, frozenset(), TRUE) for place, variable in places}
        both = (*sorted(self.found, key=_by_place), *sorted(own - self.found.keys(), key=_by_place))
        for number, found in enumerate(both):
            name, asked = found.table.qname, number < len(self.found)
            tenant = self._leads_to_tenant(found.table)
            if found.variable not in persons or tenant is None or (name, found.person) in seen:
                continue
            keyed = _keyed_by(found.table, tenant, found.person)
            if not (keyed or tenant in found.tied):
                continue
            seen.add((name, found.person))
            how = "keyed by both" if keyed else "policies ask it for the tenants of the person"
            why = f"{self._show(name)} holds {tenant} and {found.person}, {how}"
            yield Membership(name, tenant, found.person, found.variable, why, asked)

    def counting(self, name: QName) -> Node:
        """Return the condition on the rows of a table that count for some policy; all, where none asks."""
        found = dict.fromkeys(f.counts for f in self.found if f.table.qname == name)
        return some(tuple(found)) if found and TRUE not in found else TRUE

    def _leads_to_tenant(self, table: Table) -> str | None:
        """Return the column by which a table's rows belong to a tenant: its own, or a key to its owner."""
        schema = self.schema
        standing = schema.standings.get(table.qname)
        if standing is not None and standing.table_class is TableClass.INHERITED and standing.path:
            keys = [k for k in table.foreign_keys if k.references == standing.path[0]]
            return keys[0].columns[0] if keys else None
        own = schema.tenant_columns(table)
        if standing is not None and standing.column in own:
            return standing.column
        level = next((c.name for c in table.columns if c.name in schema.level_columns), None)
        return next(iter(sorted(own)), level)

    def _show(self, name: QName) -> str:
        return display(name, self.schema.home)


def _by_place(found: Found) -> tuple[QName, str]:
    return found.table.qname, found.person


def _people(name: QName) -> bool:
    return name == QName("auth", "users") or of_people(name.name)


def _keyed_by(table: Table, *columns: str) -> bool:
    keys = (set(i.columns) for i in table.indexes if i.unique and i.predicate is None)
    return any(key == set(columns) for key in keys)
