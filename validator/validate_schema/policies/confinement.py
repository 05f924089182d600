"""Whether SQL that runs past the policies keeps to the current tenant by its own conditions.

A reading on the safe side: every relation with tenants' rows must be tied to the tenant context,
directly (tenant column = context) or by a join to one that is. What is not understood is not tied.
"""

from collections.abc import Iterator

import msgspec

from ..facts.context import ContextReader, is_setting
from ..facts.facts import Facts
from ..model.catalog import Function, QName, Table, View
from ..model.tenancy import TableClass
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.reading import read_statements
from ..sql.routines import Body, read_body

_OWNED = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
_QUERIES = (s.Select, s.Compound)


def keeps_to_tenant(
    subject: Function | View, facts: Facts, row: Table | None = None, given: tuple[str, ...] = ()
) -> bool:
    """Tell whether each statement of a function, or a view's query, is confined to the tenant of the
    session by its own conditions. False where it is not, or cannot be told.

    `row` is the table of the row that a trigger function is given under the names `given` (``new``,
    ``old``): what stands there is the session's own, for the policies of the table let the statement
    reach it.
    """
    settings = getattr(subject, "settings", ())
    if any(is_setting(setting.partition("=")[0], facts.tenancy) for setting in settings):
        return False
    try:
        body = _body(subject)
        reader = _Reader(facts)
        reader.context.variables = frozenset(_holding_context(body, reader.context))
        outer = reader.given_row(row, given, body) if row is not None else None
        return not _sets_variables(body) and all(reader.statement(node, outer) for node in body.statements)
    except (Unreadable, RecursionError):
        return False


def _body(subject: Function | View) -> Body:
    if isinstance(subject, View):
        return Body(read_statements(subject.definition), {})
    return read_body(subject.language, subject.body or "", subject.arguments, subject.returns or "")


def _holding_context(body: Body, context: ContextReader) -> Iterator[str]:
    """Yield the variables, and the fields of records, that hold the tenant context and nothing else."""
    for name, values in body.given.items():
        record, _, field_of = name.partition(".")
        if all(map(context.gives_context, values)) and not (field_of and record in body.given):
            yield name


def _sets_variables(body: Body) -> bool:
    return any(isinstance(n, s.Call) and n.name == "set_config" for n in s.walk(*body.statements))


def _relations(facts: Facts) -> dict[str, list[QName]]:
    found: dict[str, list[QName]] = {}
    for name in (*facts.tables_by_name, *facts.views_by_name):
        found.setdefault(name.name, []).append(name)
    return found


def _tenant_columns(facts: Facts) -> frozenset[str]:
    named = (c for level in facts.tenancy.levels for c in level.columns)
    return frozenset([*named, *(s.column for s in facts.tenancy.standings if s.column)])


def _owned(facts: Facts) -> frozenset[QName]:
    """Return the relations that hold tenants' rows: tables, what is below them, and views over those."""
    above: dict[QName, list[QName]] = {}
    for view in facts.catalog.views:
        for name in view.depends_on:
            above.setdefault(name, []).append(view.qname)
    found = {name for name in facts.tables_by_name if facts.class_of(name) in _OWNED}
    waiting = list(found)
    while waiting:
        name = waiting.pop()
        for other in (*(child.qname for child in facts.children.get(name, ())), *above.get(name, ())):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return frozenset(found)


class _Item(msgspec.Struct, frozen=True):
    """A relation in FROM: whether it holds tenants' rows, its columns (None: not known), those that
    hold the tenant, and its name."""

    owned: bool
    columns: frozenset[str] | None = None
    keys: frozenset[str] = frozenset()
    name: QName | None = None


class _Scope(msgspec.Struct, frozen=True):
    """The relations of one query block and of those around it, and the WITH queries in sight (True:
    confined). `ties_outer`: its conditions hold for the rows of the blocks around it too."""

    items: dict[str, _Item] = msgspec.field(default_factory=dict)
    outer: "_Scope | None" = None
    queries: dict[str, bool] = msgspec.field(default_factory=dict)
    bound: set[str] = msgspec.field(default_factory=set)
    ties_outer: bool = False

    def owner(self, parts: tuple[str, ...]) -> "tuple[_Scope, str] | None":
        """Return the scope and alias that a column belongs to."""
        if len(parts) > 1:
            found = [parts[-2]] if parts[-2] in self.items else []
        else:
            found = [a for a, i in self.items.items() if i.columns is None or parts[-1] in i.columns]
        if len(found) == 1:
            return self, found[0]
        return self.outer.owner(parts) if not found and self.outer is not None else None


_Condition = tuple[s.Node, frozenset[str] | None]  # an expression; the aliases that it confines, None: all


_Place = tuple[tuple[_Scope, str], str]  # where a relation stands, its alias, and a column of it


class _Reader:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.context = ContextReader(facts)
        self._relations, self._owned = facts.once(_relations), facts.once(_owned)
        self._tenant_columns = facts.once(_tenant_columns)

    def given_row(self, table: Table, names: tuple[str, ...], body: Body) -> _Scope:
        """Return the scope around a trigger's statements: NEW and OLD, rows of the table."""
        keys = {c.name for c in table.columns} & self._tenant_columns
        others = body.given.keys() - self.context.variables
        kept = {n for n in names if others.isdisjoint((n, *(f"{n}.{key}" for key in keys)))}
        self.context.variables |= {f"{name}.{key}" for name in kept for key in keys}
        columns = frozenset(c.name for c in table.columns)
        item = _Item(owned=True, columns=columns, keys=frozenset(keys), name=table.qname)
        return _Scope(items=dict.fromkeys(names, item), bound=kept)

    # statements

    def statement(self, node: s.Node, outer: _Scope | None = None) -> bool:
        match node:
            case s.Select() | s.Compound():
                return self._select(node, outer)
            case s.Insert() | s.Update() | s.Delete():
                return self._write(node, outer)
            case s.SetVariable(name=name) if is_setting(name, self.facts.tenancy):
                return False
        return not self._names_owned(node)

    def _names_owned(self, node: s.Node) -> bool:
        return any(self._item(found).owned for found in s.walk(node) if isinstance(found, s.Table))

    def _select(self, query: s.Query, outer: _Scope | None) -> bool:
        scope = self._scope(query, outer)
        if scope is None:
            return False
        if isinstance(query, s.Compound):
            return self._select(query.left, scope) and self._select(query.right, scope)
        conditions = [c for item in query.sources for c in self._from(item, scope)]
        return self._confined(query, scope, conditions)

    def _write(self, node: s.Insert | s.Update | s.Delete, outer: _Scope | None) -> bool:
        scope = self._scope(node, outer)
        if scope is None:
            return False
        if isinstance(node, s.Insert):
            return self._insert(node, scope)
        conditions = self._from_table(node.table, scope)
        conditions += [c for item in node.sources for c in self._from(item, scope)]
        target = self._item(node.table)
        if isinstance(node, s.Update) and target.owned:
            for entry in node.sets:
                if entry.name in target.keys and not self.context.gives_context(entry.value):
                    return False
        return self._confined(node, scope, conditions)

    def _insert(self, node: s.Insert, scope: _Scope) -> bool:
        target = self._item(node.table)
        if node.conflict is not None or (node.source is not None and not self._select(node.source, scope)):
            return False
        if not target.owned:
            return True
        places = [n for n, column in enumerate(node.columns) if column.name in target.keys]
        rows = _rows(node.source)
        return bool(places and rows) and all(
            p < len(row) and self.context.gives_context(row[p]) for row in rows for p in places
        )

    def _scope(self, node: s.Node, outer: _Scope | None, *, ties_outer: bool = False) -> _Scope | None:
        """Open a block; None where a WITH query writes more than the tenant's rows."""
        scope = _Scope(outer=outer, queries=dict(outer.queries) if outer else {}, ties_outer=ties_outer)
        queries: s.With | None = getattr(node, "queries", None)
        for query in queries.queries if queries is not None else ():
            if queries is not None and queries.recursive:
                scope.queries[query.name] = False
            confined = self.statement(query.query, scope)
            if not confined and not isinstance(query.query, _QUERIES):
                return None
            scope.queries[query.name] = confined
        return scope

    # FROM

    def _from(self, node: s.Node, scope: _Scope) -> list[_Condition]:
        match node:
            case s.Table():
                return self._from_table(node, scope)
            case s.Join():
                return self._join(node, scope)
            case s.FromSelect(query=query, alias=alias):
                confined = self._select(query, scope)
                alias = alias or f"subquery {len(scope.items)}"
                scope.items[alias] = _Item(owned=True, keys=self._tenant_columns)
                if confined:
                    scope.bound.add(alias)
                return []
        alias = getattr(node, "alias", "") or f"function {len(scope.items)}"
        scope.items[alias] = _Item(owned=self._names_owned(node))
        return []

    def _from_table(self, table: s.Table, scope: _Scope) -> list[_Condition]:
        if not table.schema and table.name in scope.queries:
            scope.items[table.known_as] = _Item(owned=True, keys=self._tenant_columns)
            if scope.queries[table.name]:
                scope.bound.add(table.known_as)
        else:
            scope.items[table.known_as] = self._item(table)
        return []

    def _join(self, join: s.Join, scope: _Scope) -> list[_Condition]:
        before = set(scope.items)
        conditions = self._from(join.left, scope)
        left = set(scope.items) - before
        conditions += self._from(join.right, scope)
        right = set(scope.items) - before - left
        confined = {
            "inner": None,
            "left": frozenset(right),
            "right": frozenset(left),
            "full": frozenset[str](),
        }
        if join.condition is not None:
            conditions.append((join.condition, confined[join.kind]))
        return conditions

    def _item(self, found: s.Table) -> _Item:
        names = [n for n in self._relations.get(found.name, ()) if found.schema in ("", n.schema)]
        name = next((n for n in names if n in self._owned), names[0] if names else None)
        if name is None:
            return _Item(owned=False, columns=frozenset())
        view, table = self.facts.views_by_name.get(name), self.facts.tables_by_name.get(name)
        columns = frozenset(view.columns if view else (c.name for c in table.columns) if table else ())
        keys = set(self._tenant_columns)
        keys.update(level.key for level in self.facts.tenancy.levels if level.root == name and level.key)
        return _Item(name in self._owned, columns, frozenset(keys), name)

    # conditions

    def _confined(
        self, node: s.Select | s.Update | s.Delete, scope: _Scope, conditions: list[_Condition]
    ) -> bool:
        if node.where is not None:
            conditions = [*conditions, (node.where, None)]
        self._bind(conditions, scope)
        if any(item.owned and alias not in scope.bound for alias, item in scope.items.items()):
            return False
        elsewhere = (node.queries, node.where, *node.sources)
        parts = [part for part in s.children(node) if not any(part is other for other in elsewhere)]
        parts += [expression for expression, _ in conditions]
        return all(self.statement(query, scope) for query in s.subselects(*parts))

    def _bind(self, conditions: list[_Condition], scope: _Scope) -> None:
        """Add to `scope.bound`, and to those around it, what the conditions tie to the tenant."""
        parts = [(c, confines) for expr, confines in conditions for c in s.conjuncts(expr)]
        before = -1
        while before != (before := _count(scope)):
            for part, confines in parts:
                self._tie(part, scope, confines)

    def _tie(self, part: s.Node, scope: _Scope, confines: frozenset[str] | None) -> None:
        if isinstance(part, (s.Exists, s.AnySelect)):
            self._tie_select(part, scope, confines)
        if not isinstance(part, s.Operation) or part.operator != "=" or part.left is None:
            return
        sides = (part.left, part.right)
        for mine, other in (sides, sides[::-1]):
            place = self._place(mine, scope)
            if place is None:
                continue
            (home, alias), column = place
            if (home is not scope and not scope.ties_outer) or not (confines is None or alias in confines):
                continue
            theirs = self._place(other, scope)
            joined = theirs is not None and theirs[0] != place[0] and self._follows(place, theirs)
            if joined or (column in home.items[alias].keys and self.context.gives_context(other)):
                home.bound.add(alias)

    def _follows(self, place: _Place, other: _Place) -> bool:
        """Tell whether equality with a tied relation's column ties this one: both hold the tenant, or
        a foreign key leads from one to the other, or it is the same row's key."""
        ((scope, alias), column), ((their_scope, their_alias), their_column) = place, other
        if their_alias not in their_scope.bound:
            return False
        mine, theirs = scope.items[alias], their_scope.items[their_alias]
        if column in mine.keys and their_column in theirs.keys:
            return True
        return (
            self._refers(mine, column, theirs, their_column)
            or self._refers(theirs, their_column, mine, column)
            or (mine.name == theirs.name and column == their_column and self._is_key(mine, column))
        )

    def _refers(self, item: _Item, column: str, target: _Item, referenced: str) -> bool:
        table = self.facts.tables_by_name.get(item.name) if item.name else None
        return table is not None and any(
            key.references == target.name
            and (column, referenced) in zip(key.columns, key.referenced_columns, strict=False)
            for key in table.foreign_keys
        )

    def _is_key(self, item: _Item, column: str) -> bool:
        table = self.facts.tables_by_name.get(item.name) if item.name else None
        key = table.primary_key if table is not None else None
        return key is not None and key.columns == (column,)

    def _tie_select(
        self, part: s.Exists | s.AnySelect, scope: _Scope, confines: frozenset[str] | None
    ) -> None:
        """EXISTS over a tied relation ties what it is correlated with; so does IN."""
        query = part.query
        inner = self._scope(query, scope, ties_outer=isinstance(part, s.Exists))
        if inner is None or confines is not None or isinstance(query, s.Compound):
            return
        conditions = [c for item in query.sources for c in self._from(item, inner)]
        if query.where is not None:
            conditions.append((query.where, None))
        if isinstance(part, s.Exists):
            self._bind(conditions, inner)
        elif part.operator == "=" and not part.every:
            place = self._place(part.left, scope)
            self._bind(conditions, inner)
            source = self._place(query.targets[0].value, inner) if query.targets else None
            if place is not None and source is not None and self._follows(place, source):
                place[0][0].bound.add(place[0][1])

    def _place(self, node: s.Node | None, scope: _Scope) -> _Place | None:
        column = s.uncast(node) if node is not None else None
        if not isinstance(column, s.Column):
            return None
        owner = scope.owner(column.names)
        return (owner, column.name) if owner is not None else None


def _rows(source: s.Query | None) -> list[tuple[s.Node | None, ...]]:
    """Return the rows that an INSERT takes, as far as each value has its place in the text."""
    if not isinstance(source, s.Select):
        return []
    listed = tuple(target.value for target in source.targets)
    rows: list[tuple[s.Node | None, ...]] = [*source.values] or [listed]
    return rows if not any(isinstance(value, s.Star) for row in rows for value in row) else []


def _count(scope: _Scope | None) -> int:
    return 0 if scope is None else len(scope.bound) + _count(scope.outer)
