"""SQL read into the blocks of `blocks`: what stands in FROM, and what the conditions equate.

Only an equation of whole values is one: `=` of PostgreSQL's own, through casts that keep two values two.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from ..facts.context import ContextReader
from ..facts.facts import Facts
from ..model.catalog import Column, Function, QName, Table, View
from ..sql import syntax as s
from ..sql.built import run_by
from ..sql.parser import Unreadable
from ..sql.reading import read_statements
from ..sql.words import reads_as_ticket
from .blocks import (
    CONTEXT,
    PERSON,
    UNKNOWN,
    Block,
    Called,
    Conditions,
    Fact,
    Item,
    Place,
    Query,
    Scope,
    Union,
    origin,
    renamed,
    variable,
)
from .haste import outruns
from .relations import NUMBERED, Relations
from .shapes import aggregates, counts, expressions_of, known_as, negated, results, sealed, windows

_EXACT = frozenset({"uuid", "text", "varchar", "int2", "int4", "int8", "bigint", "integer", "smallint"})
_NESTED_VIEWS = 12
_HASHES = {"sha224", "sha256", "sha384", "sha512", "md5", "digest", "hmac", "crypt", "encode", "convert_to"}


class Returned(NamedTuple):
    """What a function that only works out a value returns: an expression of its parameters; where it is
    `strict`, NULL for a NULL among them. `keeps` tells of each parameter whether its type leaves two tenants
    two."""

    parameters: tuple[str, ...]
    value: s.Node
    strict: bool
    keeps: tuple[bool, ...]


class Reads(Protocol):
    """What is known of the functions that are called; and what all queries of a database share: their
    relations by number, and the views as far as they were read, each as it is and as it was stored."""

    items: dict[int, Item]
    views: dict[tuple[QName, bool], Query]

    def returned(self, call: s.Call) -> Returned | None:
        """Return what a function returns; None where it does more than that."""

    def behind(self, node: s.Node) -> list[s.Call]:
        """Return the calls of functions of the database that an operator, a cast or a field stands for."""

    def gives(self, call: s.Call) -> bool:
        """Tell whether every value that a function returns is a tenant of the session."""

    def named(self, name: str) -> Sequence[Function]:
        """Return the functions of the database that have a name."""

    def tells(self, function: Function) -> bool:
        """Tell whether a function may hand on what it is given."""


class At(NamedTuple):
    """Where an expression stands: what its names mean, the conditions that it belongs to, and the
    relations for which they hold; None: all."""

    scope: Scope
    conditions: Conditions
    confines: frozenset[int] | None = None


class Builder:
    """Builds the blocks of one routine or view. `rows` are relations that only its text knows: transition
    tables. `words` are qualifiers that mean its own variables."""

    def __init__(self, facts: Facts, reads: "Reads", words: frozenset[str] = frozenset()) -> None:
        self.facts = facts
        self.reads = reads
        self.context = ContextReader(facts)
        self.items = reads.items
        self.rows: dict[str, Item] = {}
        self.change: Callable[[s.Node, Scope], Item] = _unread  # what a WITH query that changes rows hands on
        self._words = words
        self.relations = Relations(facts)
        self.timeless = False  # inside a materialized view: what the session says was said long ago
        self.acts = True  # what is called runs with the same rights
        self.as_tenant = False  # CURRENT_USER is one tenant's role, whoever asks
        self._depth = 0

    # relations

    def item(self, **fields: object) -> Item:
        """Return a new relation."""
        made = Item(len(self.items) + 1, **fields)  # type: ignore[arg-type]
        self.items[made.number] = made
        return made

    def relation(self, table: s.Table, scope: Scope) -> Item:
        """Return what a name in FROM stands for."""
        query = None if table.schema else scope.query(table.name)
        if isinstance(query, Item):
            return query
        if isinstance(query, _Cte):
            return self._derived(query.build(self))
        if not table.schema and table.name in self.rows:
            return self.rows[table.name]
        name = self.relations.named(table)
        if name is not None and name in self.facts.tables_by_name:
            return self._rows_of(self.facts.tables_by_name[name], table)
        if name is None and (apart := self.relations.apart(table)) is not None:
            return self._rows_of(apart, table)
        return self._view(self.facts.views_by_name[name]) if name is not None else self.item()

    def _rows_of(self, table: Table, named: s.Table) -> Item:
        owned = table.qname in self.relations.of_tenants
        if named.columns:  # under other names: which is which is not worked out
            return self.item(columns=None, owned=owned, held=not owned)
        columns = tuple(column.name for column in table.columns)
        keys, persons = self.relations.keys(table), self.relations.persons(table)
        mixed = not named.only and table.qname in self.relations.with_heirs
        return self.item(
            columns=columns,
            keys=keys,
            persons=persons,
            table=table,
            owned=owned,
            held=not owned,
            mixed=mixed,
            parents=self.relations.parents(table),
        )

    def _view(self, view: View) -> Item:
        owned = view.qname in self.relations.of_tenants
        if not owned or self._depth > _NESTED_VIEWS:
            return self.item(columns=view.columns, owned=owned, held=not owned)
        before = self.timeless
        self.timeless = before or view.kind != "view"
        self._depth += 1
        try:
            key = (view.qname, self.timeless)
            if key not in self.reads.views:
                (statement,) = read_statements(view.definition)
                self.reads.views[key] = renamed(self.query(statement, Scope()), view.columns)
            return self._derived(self.reads.views[key], alone=True)
        finally:
            self.timeless = before
            self._depth -= 1

    def _derived(self, query: Query, *, alone: bool = False) -> Item:
        return self.item(columns=query.columns, query=query, owned=True, held=False, alone=alone)

    # queries

    def query(self, node: s.Node, outer: Scope) -> Query:
        """Read a query. Raises `Unreadable` where it is none, or WITH changes rows."""
        at = At(Scope(outer=outer), Conditions())
        self.name_queries(node, at.scope)
        if isinstance(node, s.Compound):
            return Union(self.query(node.left, at.scope), self.query(node.right, at.scope))
        if not isinstance(node, s.Select):
            raise Unreadable("no query")
        late = Conditions() if self._has_a_row_of_none(node) else None
        outputs, over = self.select(node, at, late), windows(node)
        places = [{self.value(part, at) for part in parts} for parts in over]
        divided = frozenset(p for p in set.intersection(*places) if p is not None) if places else frozenset()
        chosen = sealed(node)
        known = frozenset() if chosen else divided
        return Block(at.conditions, outputs, chosen or bool(over), known, late)

    def _has_a_row_of_none(self, node: s.Select) -> bool:
        return aggregates(node, lambda name: any(f.kind == "aggregate" for f in self.reads.named(name)))

    def select(
        self, node: s.Select, at: At, late: Conditions | None = None
    ) -> tuple[tuple[str, Place | None], ...] | None:
        """Read a SELECT as part of the conditions; return its columns with their places. What it works out
        goes to `late`, where that is given."""
        before = len(at.conditions.items)
        for source in node.sources:
            self.source(source, at)
        if at.confines is not None:
            own = frozenset(item.number for item in at.conditions.items[before:])
            at = at._replace(confines=at.confines | own)
        self.condition(node.where, at)
        after = at if late is None else at._replace(conditions=late)
        self.expressions(after, *expressions_of(node))
        return self.outputs(node, after)

    def name_queries(self, node: s.Node, scope: Scope) -> None:
        """Put the WITH queries of a statement into its scope."""
        queries: s.With | None = getattr(node, "queries", None)
        for query in queries.queries if queries is not None else ():
            if not isinstance(query.query, (s.Select, s.Compound)):
                scope.queries[query.name] = self.change(query.query, scope)
                continue
            recursive = queries is not None and queries.recursive
            scope.queries[query.name] = _Cte(query, scope, recursive=recursive)

    def outputs(self, node: s.Select, at: At) -> tuple[tuple[str, Place | None], ...] | None:
        """Return the columns of a SELECT with their places; None where they are not known."""
        if node.values:
            rows = [[self.value(value, at) for value in row] for row in node.values]
            columns = enumerate(zip(*rows, strict=False), 1)
            return tuple((f"column{n}", self._one_of(places, at)) for n, places in columns)
        found: list[tuple[str, Place | None]] = []
        for target in node.targets:
            if isinstance(target.value, s.Star):
                merged = any(isinstance(n, s.Join) and (n.natural or n.using) for n in s.walk(*node.sources))
                columns_of = None if merged else _all_columns(target.value, at.scope)
                if columns_of is None:
                    return None
                found += columns_of
            else:
                found.append((target.name or known_as(target.value), self.value(target.value, at)))
        return tuple(found)

    # FROM

    def source(self, node: s.Node, at: At) -> frozenset[int]:
        """Read what stands in FROM; return the numbers of its relations."""
        match node:
            case s.Table():
                return _enter(node.known_as, self.relation(node, at.scope), at)
            case s.FromSelect(query=query, alias=alias, columns=columns):
                item = self._derived(renamed(self.query(query, at.scope), columns))
                return _enter(alias or f"subquery {len(at.scope.items)}", item, at)
            case s.Join():
                return self._join(node, at)
            case s.FromCall():
                return self._from_call(node, at)
            case s.Sampled(source=source, args=args):
                self.expressions(at, *args)
                return self.source(source, at)
        self.expressions(at, node)
        return _enter(f"source {len(at.scope.items)}", self.item(), at)

    def _from_call(self, node: s.FromCall, at: At) -> frozenset[int]:
        self.expressions(at, *node.calls)
        call = node.calls[0] if len(node.calls) == 1 else None
        name = node.alias or (call.name if isinstance(call, s.Call) else f"function {len(at.scope.items)}")
        place = self.value(call, at) if call is not None else None
        columns = node.columns or ((name,) if place is not None else None)
        item = self.item(columns=columns)
        if place is not None and columns is not None and len(columns) == 1:
            at.conditions.facts.append(Fact(item.place(columns[0]), place))
        return _enter(name, item, at)

    def _join(self, join: s.Join, at: At) -> frozenset[int]:
        left = self._side(join.left, at, lacks=join.kind in ("right", "full"))
        right = self._side(join.right, at, lacks=join.kind in ("left", "full"))
        sides = {"inner": None, "left": right, "right": left, "full": frozenset[int]()}
        at = at._replace(confines=sides[join.kind])
        self.condition(join.condition, at)
        for name in self._common(left, right) if join.natural else join.using:
            found = [
                [i for i in map(self.items.get, side) if i and name in (i.columns or ())]
                for side in (left, right)
            ]
            if all(len(items) == 1 for items in found):
                one, other = (items[0].place(name) for items in found)
                at.conditions.facts.append(Fact(one, other, at.confines))
        return left | right

    def _side(self, node: s.Node, at: At, *, lacks: bool) -> frozenset[int]:
        """Read one side of a join. What is true within one that `lacks` rows is true of its rows alone."""
        held = at.conditions
        before = len(held.items), len(held.facts), len(held.choices)
        numbers = self.source(node, at)
        if lacks:
            within = numbers.union(item.number for item in held.items[before[0] :])
            held.facts[before[1] :] = [fact.confined(within) for fact in held.facts[before[1] :]]
            held.choices[before[2] :] = [
                tuple(way.confined(within) for way in ways) for ways in held.choices[before[2] :]
            ]
        return numbers

    def _common(self, left: frozenset[int], right: frozenset[int]) -> list[str]:
        """Return the columns that both sides of a NATURAL JOIN have."""
        one, other = ([self.items[n].columns or () for n in sorted(side)] for side in (left, right))
        return list(dict.fromkeys(c for columns in one for c in columns if any(c in o for o in other)))

    # conditions

    def condition(self, node: s.Node | None, at: At) -> None:
        """Add what is true where the condition is."""
        parts = [*s.conjuncts(node)]
        at.conditions.hasty = at.conditions.hasty or self._is_hasty(parts, at)
        for part in parts:
            if not (self._equation(part, at) or self._membership(part, at) or self._composed(part, at)):
                self._veil(part, at)
                self.expressions(at, part)

    def _is_hasty(self, parts: Sequence[s.Node], at: At) -> bool:
        """Tell whether one of the conditions may tell of a row before another has hidden it."""

        def found(column: s.Column) -> tuple[Item | None, str]:
            place = at.scope.find(column.names)
            return (self.items.get(place[0]), place[1]) if place is not None else (None, "")

        def row(column: s.Column) -> Column | None:
            item, name = found(column)
            return item.table.column(name) if item is not None and item.owned and item.table else None

        def own(column: s.Column) -> bool:
            item, name = found(column)
            return item is not None and name in item.keys

        return len(parts) > 1 and outruns(parts, row, own, self.reads.named, self.reads.tells)

    def _equation(self, part: s.Node, at: At) -> bool:
        match part:
            case s.Operation(operator="=", left=s.Row(items=left), right=s.Row(items=right)):
                for pair in zip(left, right, strict=False):
                    self._equal(*pair, at)
            case s.Operation(operator="=", left=s.Node() as one, right=other, schema="" | "pg_catalog"):
                self._equal(one, other, at)
            case s.In(value=value, items=(item,), negated=False):
                self._equal(value, item, at)
            case s.Quantified(operator="=", left=value, array=s.Array(items=(item,)), every=False):
                self._equal(value, item, at)
            case s.Distinct(left=one, right=other, negated=True):
                self._same(one, other, at)
            case _:
                return False
        return True

    def _membership(self, part: s.Node, at: At) -> bool:
        match part:
            case s.AnySelect(operator="=", left=value, query=query, every=False):
                self._among(value, query, at)
            case s.Quantified(operator="=", left=value, array=s.ArraySelect(query=query), every=False):
                self._among(value, query, at)
            case s.Exists(query=s.Select() as query) if not counts(query):
                self._flatten(query, at)
            case _:
                return False
        return True

    def _composed(self, part: s.Node, at: At) -> bool:
        match part:
            case s.BooleanTest(arg=arg, wanted=True, negated=False):
                self.condition(arg, at)
            case s.Coalesce(args=(arg, s.Const(kind="bool", value=False))):
                self.condition(arg, at)
            case s.Or(args=args):
                ways = tuple(at._replace(conditions=Conditions()) for _ in args)
                for arg, way in zip(args, ways, strict=True):
                    self.condition(arg, way)
                at.conditions.choices.append(tuple(way.conditions for way in ways))
            case s.Not(arg=arg) if (told := negated(arg)) is not None:
                self.condition(told, at)
            case s.Call():
                return self._inlined(part, at)
            case _:
                return False
        return True

    def _inlined(self, call: s.Call, at: At) -> bool:
        """Read what a function returns in place of its call, where it does no more than return it."""
        found = self.reads.returned(call) if self._depth <= _NESTED_VIEWS else None
        if found is None:
            return False
        given = zip(call.args, found.keeps, strict=False)
        places = [self.value(arg, at) if keeps else None for arg, keeps in given]
        params = {f"${n}": place for n, place in enumerate(places, 1)}
        for name, place in zip(found.parameters, places, strict=False):
            params |= {name: place, f"{call.name}.{name}": place} if name else {}
        self._depth += 1
        self.expressions(at, *call.args)
        self.condition(found.value, at._replace(scope=Scope(params=params, closed=True)))
        self._depth -= 1
        return True

    def _equal(self, one: s.Node, other: s.Node, at: At) -> None:
        left, right = (self._compared(side, at) for side in (one, other))
        if left is not None and right is not None:
            at.conditions.facts.append(Fact(left, right, at.confines))
        asked = [place or self._hashed(side, at) for side, place in ((one, left), (other, right))]
        if asked[0] is not None and asked[1] is not None:
            at.conditions.veiled = at.conditions.veiled or self._is_ticket(asked[0], asked[1])
        for side, place in ((one, left), (other, right)):
            if place is None:
                self._veil(side, at)
                self.expressions(at, side)

    def _hashed(self, side: s.Node, at: At) -> Place | None:
        """Return what an expression is the hash of."""
        call = node = s.uncast(side)
        while isinstance(node, s.Call) and node.name in _HASHES and node.args:
            node = s.uncast(node.args[0])
        return self.value(node, at) if node is not call else None

    def _is_ticket(self, left: Place, right: Place) -> bool:
        """Tell whether a secret of the row is asked for: whoever knows it may have been given it."""
        sides = [self.items.get(place[0]) for place in (left, right)]
        given = (left, right)[sides.index(None)][0] == 0 if None in sides else False
        held = next(((i, p[1]) for p, i in zip((left, right), sides, strict=True) if i is not None), None)
        if held is None or not given:
            return False
        table = held[0].table
        return reads_as_ticket(held[1], table.name if table is not None else "")

    def _same(self, one: s.Node, other: s.Node, at: At) -> None:
        """Read IS NOT DISTINCT FROM: an equation where a column is never NULL, and for variables, whose
        value is compared again."""
        for place in (self.value(side, at) for side in (one, other)):
            item = self.items.get(place[0]) if place is not None else None
            column = item.table.column(place[1]) if place and item is not None and item.table else None
            if place is not None and (place[0] == 0 or (column is not None and column.not_null)):
                self._equal(one, other, at)
                return
        self.expressions(at, one, other)

    def _among(self, value: s.Node, query: s.Query, at: At) -> None:
        """Read ``value IN (query)``: a row of the query has the value."""
        if isinstance(query, s.Select) and not counts(query):
            outputs = self._flatten(query, at)
        else:
            item = self._derived(self.query(query, at.scope))
            at.conditions.items.append(item)
            outputs = tuple((column, item.place(column)) for column in item.columns or ())
        values = value.items if isinstance(value, s.Row) else (value,)
        for node, (_, place) in zip(values, outputs or (), strict=False):
            found = self.value(node, at)
            if found is not None and place is not None:
                at.conditions.facts.append(Fact(found, place, at.confines))
            elif found is None:
                self.expressions(at, node)

    def _flatten(self, query: s.Select, at: At) -> tuple[tuple[str, Place | None], ...] | None:
        """Read a query of which a row must be there as part of the conditions around it."""
        at = at._replace(scope=Scope(outer=at.scope))
        self.name_queries(query, at.scope)
        return self.select(query, at)

    def _veil(self, node: s.Node, at: At) -> None:
        """Note that something is asked that may guard the rows: a function of the schema, the user."""
        at.conditions.veiled = at.conditions.veiled or self.context.asks_who(node)

    # values

    def expressions(self, at: At, *nodes: s.Node) -> None:
        """Note the queries and the calls in expressions. Raises `Unreadable` where rows of tenants are named
        in some other way."""
        stack = [*reversed(nodes)]
        while stack:
            found = stack.pop()
            if isinstance(found, s.Unknown) and found.kind == "LockingClause":
                continue  # it names again what FROM names
            if isinstance(found, (s.Select, s.Compound)):
                at.conditions.nested.append(self.query(found, at.scope))
                continue
            if isinstance(found, s.Table) and self.relations.owned(found):
                raise Unreadable("rows of tenants where no query is known to be")
            if isinstance(found, (s.Exists, s.ScalarSelect, s.ArraySelect, s.AnySelect)):
                at.conditions.nested.append(self.query(found.query, at.scope))
                stack += [found.left] if isinstance(found, s.AnySelect) else []
                continue
            if isinstance(found, (s.Operation, s.Cast)) or self._is_no_column(found, at):
                at.conditions.calls += [Called(call, ()) for call in self.reads.behind(found)]
            if isinstance(found, s.Call):
                args = tuple(self.value(arg, at) for arg in found.args)
                at.conditions.calls.append(Called(found, args))
                runs = run_by(found) if self.acts else ()
                at.conditions.nested += [self.query(statement, at.scope) for statement in runs]
            stack.extend(reversed([*s.children(found)]))

    def _is_no_column(self, node: s.Node, at: At) -> bool:
        """Tell whether a name behind that of a row is none of its columns: it may be a function of one."""
        match node:
            case s.Column(names=(*_, row, name)):
                place = at.scope.find((row, name))
            case s.Part(arg=s.Column(names=(row,)), path=(*_, str() as name)):
                place = at.scope.find((row, name))
            case _:
                return isinstance(node, s.Part)
        item = self.items.get(place[0]) if place is not None else None
        return item is None or (item.columns is not None and name not in item.columns)

    def value(self, node: s.Node | None, at: At) -> Place | None:
        """Return the place of a value; None where it has none."""
        if node is None:
            return None
        bare = s.uncast(node)
        match bare:
            case s.NullIf(value=value):
                found = self.value(value, at)
            case s.Column() | s.Part() if self._is_no_column(bare, at) and self.reads.behind(bare):
                found = None
            case s.Column():
                found = self._column(bare, at.scope)
            case s.Param(number=number):
                held = at.scope.find((f"${number}",)) or variable(f"${number}")
                found = held if held != UNKNOWN else None
            case s.Part(arg=s.Column(names=names), path=(str() as field,)):
                found = self._column(s.Column((*names, field)), at.scope)
            case s.Coalesce() | s.Case():
                found = self._one_of([self.value(result, at) for result in results(bare)], at)
            case _:
                found = None if self.timeless else self._said(bare)
                if found is None and isinstance(bare, s.ScalarSelect):
                    found = self._scalar(bare.query, at)
        return found if found is not None and self._exact(node, found) else None

    def _said(self, node: s.Node) -> Place | None:
        """Return the place of what the session says."""
        if self.as_tenant and s.uncast(node) != s.SessionValue("session_user"):
            return None
        if self.context.gives_context(node) or (isinstance(node, s.Call) and self.reads.gives(node)):
            return CONTEXT
        return PERSON if self.context.gives_person(node) else None

    def _compared(self, node: s.Node, at: At) -> Place | None:
        """Return the place of what something is equal to: a sub-select has its row there, so that it is
        part of the conditions."""
        bare = s.uncast(node)
        if isinstance(bare, s.ScalarSelect) and (self.timeless or self._said(bare) is None):
            query = bare.query
            if isinstance(query, s.Select) and not counts(query):
                outputs = self._flatten(query, at)
                found = outputs[0][1] if outputs else None
                return found if found is not None and self._exact(node, found) else None
        return self.value(node, at)

    def _scalar(self, query: s.Query, at: At) -> Place | None:
        """Read a sub-select of one value, which may have no row."""
        item = self._derived(self.query(query, at.scope))
        at.conditions.items.append(item)
        return item.place(item.columns[0]) if item.columns else None

    def _one_of(self, places: Sequence[Place | None], at: At) -> Place | None:
        known = tuple(place for place in places if place is not None)
        if not places or len(known) < len(places):
            return None
        if len(set(known)) == 1:
            return known[0]
        place = self.item().place("one of")
        at.conditions.groups[place] = known
        return place

    def _column(self, column: s.Column, scope: Scope) -> Place | None:
        names = column.names
        if not names[0]:  # of a text that was put together: a variable of the function around it
            return variable(".".join(names[1:]))
        found = scope.find(names)
        if found == UNKNOWN:
            return None
        if found is None:
            names = names[1:] if len(names) > 1 and names[0] in self._words else names
            return variable(".".join(names))
        return found

    def _exact(self, node: s.Node, place: Place) -> bool:
        """Tell whether the casts around a value leave two of them two: a text that is cast to something else
        may spell one value in several ways, a shorter type cuts it, and a number loses its fraction."""
        if place == CONTEXT:
            return self.context.keeps_tenants(node)
        if place == PERSON:
            return self.context.keeps_persons(node)
        if not isinstance(node, s.Cast):
            return True
        item = self.items.get(place[0])
        stored = origin(item, place[1]) if item is not None else None
        column = stored[1].column(stored[2]) if stored is not None else None
        other = self.relations.spelt if column is None else column.base_type not in NUMBERED
        while isinstance(node, s.Cast):
            name = node.type.names[-1]
            lossy = node.type.modifiers or node.type.dimensions or (other and name not in ("text", "varchar"))
            if name not in _EXACT or lossy:
                return False
            node = node.arg
        return True


def _unread(*_: object) -> Item:
    raise Unreadable("a WITH query that changes rows")


def _enter(name: str, item: Item, at: At) -> frozenset[int]:
    at.scope.items[name] = item
    at.conditions.items.append(item)
    return frozenset({item.number})


def _all_columns(star: s.Star, scope: Scope) -> list[tuple[str, Place | None]] | None:
    items = [i for name, i in scope.items.items() if not star.names or name == star.names[-1]]
    if not items or any(i.columns is None for i in items):
        return None
    return [(column, item.place(column)) for item in items for column in item.columns or ()]


class _Cte:
    """A WITH query, read anew wherever it is named."""

    def __init__(self, query: s.Cte, scope: Scope, *, recursive: bool) -> None:
        said = dict(query.rest).get("aliascolnames", ())
        self._names = tuple(map(str, said)) if isinstance(said, tuple) else ()
        self._query, self._recursive = query, recursive
        self._scope = Scope(queries=dict(scope.queries), outer=scope.outer)

    def build(self, builder: Builder) -> Query:
        node, scope = self._query.query, self._scope
        refers = any(t.name == self._query.name and not t.schema for t in s.relations(node))
        if not (self._recursive and refers and isinstance(node, s.Compound)):
            return renamed(builder.query(node, scope), self._names)
        return self._recursion(builder, node)

    def _recursion(self, builder: Builder, node: s.Compound) -> Query:
        """Read a recursion: what it starts with, and one step from there. A column counts in the step as what
        it is at the start where the step hands on the same one."""
        left = renamed(builder.query(node.left, self._scope), self._names)
        for _ in range(2):
            item = builder.item(columns=left.columns, query=left, owned=True)
            scope = Scope(queries={self._query.name: item}, outer=self._scope)
            right = builder.query(node.right, scope)
            handed_on = _handed_on(left, right)
            if handed_on == left:
                break
            left = handed_on
        return Union(left, right, recursive=True)


def _handed_on(left: Query, right: Query) -> Query:
    """Return the start of a recursion without the columns that its step does not take from the same table."""
    if not isinstance(left, Block) or not isinstance(right, Block) or left.outputs is None:
        raise Unreadable("a recursion over more than two queries")
    outputs = tuple(
        (name, place if place is not None and _same_origin(left, right, n) else None)
        for n, (name, place) in enumerate(left.outputs)
    )
    return replace(left, outputs=outputs)


def _same_origin(left: Block, right: Block, column: int) -> bool:
    found = []
    for block in (left, right):
        place = block.outputs[column][1] if block.outputs and column < len(block.outputs) else None
        item = next((i for i in block.conditions.items if place is not None and i.number == place[0]), None)
        found.append(origin(item, place[1]) if item is not None and place is not None else None)
    one, other = found
    return one is not None and other is not None and one[1:] == other[1:]
