"""Whether one SQL statement of a routine keeps to the tenant of the session, given what is known before
it.

A row that is written is one of the session's tenant where its tenant column is given that tenant, or where
the table has none and a key leads to a tied row. ON CONFLICT changes the row that has the same key.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..facts.context import is_setting
from ..facts.facts import Facts
from ..model.catalog import QName, Table
from ..model.tenancy import TableClass
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.predicates import check_expression
from ..sql.reading import read_expression
from .blocks import CONTEXT, Block, Conditions, Fact, Item, Known, Place, Query, Scope, origin, variable
from .doors import dropped, is_door
from .promises import is_unique
from .queries import At, Builder
from .sessions import is_read
from .settle import Keeps, Settler

_UPDATES = 3  # OnConflictAction in PostgreSQL's nodes.h


class Result(NamedTuple):
    """What a statement comes to, and what it returns: each column's name, and whether it holds the tenant
    of the session, or its person."""

    keeps: Keeps
    columns: tuple[tuple[str, bool, bool], ...] = ()


class Statements:
    """Judges the statements of one routine. `rows` are those that a trigger is given, by their names."""

    def __init__(self, facts: Facts, builder: Builder, settler: Settler, rows: Mapping[str, Item]) -> None:
        self.facts = facts
        self.builder = builder
        self.settler = settler
        self.scope = Scope(dict(rows), by_alias=True)
        self._known = Known()
        builder.change = self._changing_query

    def judge(self, node: s.Node, known: Known) -> Result:
        """Judge a statement. What cannot be followed is not decided."""
        self._known = known = self._with_rows(known)
        try:
            return self._judged(node, known, self.scope)
        except Unreadable:
            return Result(Keeps.UNCLEAR)

    def _judged(self, node: s.Node, known: Known, scope: Scope) -> Result:
        match node:
            case s.Select() | s.Compound():
                return self._select(node, known, scope)
            case s.Insert():
                return self._insert(node, known, scope)
            case s.Update() | s.Delete():
                return self._change(node, known, scope)
            case s.SetVariable(name=name) if is_setting(name, self.facts.tenancy):
                return Result(Keeps.OPEN)
            case s.SetVariable(name=name) if is_read(name, self.facts):
                return Result(Keeps.UNCLEAR)
        return Result(self._other(node, known, scope))

    def _with_rows(self, known: Known) -> Known:
        """Return it with what is known of the rows: as variables they may have been given other values."""
        places = {
            item.place(column): variable(f"{name}.{column}")
            for name, item in self.scope.items.items()
            for column in item.columns or ()
        }
        tenant = frozenset(place for place, field in places.items() if field in known.tenant)
        return known._replace(tenant=known.tenant | tenant)

    def learn(self, nodes: tuple[s.Node, ...], known: Known) -> Known:
        """Return what is known of variables where these conditions are true."""
        at = At(self.scope, Conditions())
        try:
            for node in nodes:
                self.builder.condition(node, at)
            after = self.settler.conditions(at.conditions, self._with_rows(known))[1]
            return known.learned(after)
        except Unreadable:
            return known

    def holds(self, node: s.Node, known: Known) -> tuple[bool, bool]:
        """Tell whether a value is the tenant of the session, and whether it is its person."""
        ((_, tenant, person),) = self.judge(s.Select((s.Target("", node),)), known).columns or (
            ("", False, False),
        )
        return tenant, person

    def founded(self, node: s.Node) -> frozenset[Place]:
        """Return the variable that is the key of a tenant which a statement founds: it ran, so that no tenant
        had that key before, and it is the session's own. None where the row may be there, or be no row."""
        match node:
            case s.Insert(table=named, conflict=None, source=s.Select(values=(row,)), columns=columns):
                table = self._root(named) if _override(node) is None else None
            case _:
                return frozenset()
        top, *deeper = self.facts.tenancy.levels
        if table is None or deeper or top.key is None or not _is_new(table, top.key):
            return frozenset()
        names = [column.name for column in columns] or [column.name for column in table.columns]
        at = At(self.scope, Conditions())
        places = (self.builder.value(v, at) for name, v in zip(names, row, strict=False) if name == top.key)
        return frozenset(p for p in places if p is not None and p[0] == 0)

    def _root(self, named: s.Table) -> Table | None:
        """Return the tenants' table where the name means it, whatever the search_path."""
        root = self.facts.tenancy.levels[0].root
        return (
            self.facts.tables_by_name[root] if root and root == self.builder.relations.sole(named) else None
        )

    def never_null(self, query: s.Query) -> bool:
        """Tell whether the first column of a query is one that holds no NULL: none of the side of a join
        that may lack a row, nor of a set of groups."""
        outer = any(isinstance(n, s.Join) and n.kind != "inner" for n in s.walk(query))
        if outer or any(isinstance(n, s.Unknown) and n.kind == "GroupingSet" for n in s.walk(query)):
            return False
        try:
            found = self.builder.query(query, self.scope)
        except Unreadable:
            return False
        place = found.outputs[0][1] if isinstance(found, Block) and found.outputs else None
        item = self.builder.items.get(place[0]) if place is not None else None
        column = item.table.column(place[1]) if place and item is not None and item.table else None
        return column is not None and column.not_null

    def _changing_query(self, query: s.Node, scope: Scope) -> Item:
        """Judge a WITH query that changes rows; return the rows that it hands on."""
        result = self._judged(query, self._known, scope)
        if result.keeps is not Keeps.KEPT:
            raise Unreadable("a WITH query that changes rows")
        return self.builder.item(columns=tuple(name for name, _, _ in result.columns) or None)

    # queries

    def _select(self, node: s.Node, known: Known, scope: Scope) -> Result:
        query = self.builder.query(node, scope)
        settled = self.settler.query(query, known)
        if isinstance(query, Block) and query.outputs is not None:
            return Result(settled.keeps, _columns(query, settled.known))
        names = query.columns or ()
        return Result(settled.keeps, tuple((c, n in settled.columns, False) for n, c in enumerate(names)))

    def _other(self, node: s.Node, known: Known, scope: Scope) -> Keeps:
        """Judge a statement that is no query and writes no rows by itself: CALL, TRUNCATE, MERGE and the
        like."""
        if is_door(node):
            return Keeps.UNCLEAR
        tables = [*dropped(node), *(found for found in s.walk(node) if isinstance(found, s.Table))]
        if any(map(self.builder.relations.owned, tables)):
            return (
                Keeps.OPEN if isinstance(node, s.Unknown) and node.kind == "TruncateStmt" else Keeps.UNCLEAR
            )
        at = At(scope, Conditions())
        self.builder.expressions(at, node)
        return self.settler.conditions(at.conditions, known)[0]

    # what writes rows

    def _change(self, node: s.Update | s.Delete, known: Known, scope: Scope) -> Result:
        at = At(Scope(), Conditions())
        self.builder.source(node.table, at)  # the table, whatever WITH queries are called
        at = at._replace(scope=Scope(items=at.scope.items, outer=scope))
        self.builder.name_queries(node, at.scope)
        target = at.conditions.items[0]
        for source in node.sources:
            self.builder.source(source, at)
        self.builder.condition(node.where, at)
        given = [(entry.name, entry.value) for entry in node.sets] if isinstance(node, s.Update) else []
        places = [(name, self.builder.value(value, at)) for name, value in given]
        self.builder.expressions(at, *(value for _, value in given if value is not None))
        returned = self._returned(node, at)
        keeps, after = self.settler.conditions(at.conditions, known)
        for name, place in places:
            if target.owned and self._moves(target, name) and place not in after.tenant:
                keeps = max(keeps, Keeps.UNCLEAR if at.conditions.veiled else Keeps.OPEN)
        if target.table is not None and isinstance(node, s.Update):
            keeps = max(keeps, self._worked_out(target.table, after))
        return Result(keeps, _columns(returned, after))

    def _worked_out(self, table: Table, known: Known) -> Keeps:
        """Judge what the server calls for a row that is written: defaults, generated columns, CHECKs, those
        of domains too."""
        named = {column.type_name for column in table.columns}
        domains = [d for d in self.facts.catalog.domains if d.qname in named]
        texts = [*(column.default for column in table.columns), *(domain.default for domain in domains)]
        checks = [*table.checks, *(check for domain in domains for check in domain.checks)]
        texts += [check_expression(check.definition) for check in checks if check.definition is not None]
        return self._calls_of(texts, known)

    def _calls_of(self, texts: Iterable[str | None], known: Known) -> Keeps:
        at = At(Scope(), Conditions())
        for text in texts:
            if text is not None and "(" in text:
                self.builder.expressions(at, read_expression(text))
        return self.settler.conditions(at.conditions, known)[0]

    def _moves(self, target: Item, column: str) -> bool:
        """Tell whether a column decides whose the row is."""
        found = origin(target, column)
        if found is None:
            return target.table is None
        table = found[1]
        return found[2] in self.builder.relations.keys(table) | self._to_owner(table)

    def _to_owner(self, table: Table) -> frozenset[str]:
        """Return the columns by which a table without a tenant column leads to its owner."""
        standing = self.facts.standings.get(table.qname)
        if standing is None or standing.table_class is not TableClass.INHERITED or not standing.path:
            return frozenset()
        keys = (key for key in table.foreign_keys if key.references == standing.path[0])
        return frozenset(column for key in keys for column in key.columns)

    def _insert(self, node: s.Insert, known: Known, scope: Scope) -> Result:
        at = At(Scope(outer=scope), Conditions())
        self.builder.name_queries(node, at.scope)
        target = self.builder.relation(node.table, Scope())
        source = self.builder.query(node.source, at.scope) if node.source is not None else None
        keeps, after = Keeps.KEPT, known
        if source is not None:
            keeps, after, _ = self.settler.query(source, known)
        keeps = max(keeps, self._told(node, target, at, after))
        name = self.builder.relations.named(node.table)
        view = self.facts.views_by_name.get(name) if name is not None else None
        if view is not None:
            keeps = max(keeps, self._calls_of((column.default for column in view.altered), after))
        elif target.table is not None:
            keeps = max(keeps, self._worked_out(target.table, after))
        if not target.owned:
            return Result(keeps)
        if target.table is None:
            return Result(max(keeps, Keeps.UNCLEAR))
        row = self._new_row(target.table, node, source, at)
        keeps = max(keeps, self._taken(row, target.table, at, after))
        if node.conflict is not None:
            keeps = max(keeps, self._conflict(node, row, target, at, after))
        return Result(keeps, self._returned_new(node, row, target.table, after))

    def _new_row(self, table: Table, node: s.Insert, source: Query | None, at: At) -> Item:
        """Return the row that is written, with what its columns are given."""
        row = self.builder.item(columns=tuple(c.name for c in table.columns), table=table)
        given = [target.name for target in node.columns] or [c.name for c in table.columns]
        outputs = source.outputs if isinstance(source, Block) else None
        for name, (_, place) in zip(given, outputs or (), strict=False):
            if place is not None:
                at.conditions.facts.append(Fact(row.place(name), place))
        for column in table.columns:
            if column.name not in given and column.default is not None:
                place = self.builder.value(read_expression(column.default), At(Scope(), Conditions()))
                if place == CONTEXT:
                    at.conditions.facts.append(Fact(row.place(column.name), place))
        return row

    def _taken(self, row: Item, table: Table, at: At, known: Known) -> Keeps:
        """Judge whose the row is: a new tenant's is nobody else's."""
        standing = self.facts.standings.get(table.qname)
        if standing is not None and standing.table_class is TableClass.ROOT:
            return Keeps.KEPT
        column = standing.column if standing is not None else None
        keys = frozenset({column}) if column else self.builder.relations.keys(table)
        parents = frozenset(standing.path[:1]) if standing is not None else frozenset[QName]()
        made = Item(row.number, row.columns, keys, table, owned=True, held=False, parents=parents)
        only_by_key = bool(keys)
        conditions = Conditions([made], at.conditions.facts, groups=at.conditions.groups)
        if only_by_key:
            _, after = self.settler.conditions(Conditions(facts=conditions.facts), known)
            kept = any(row.place(key) in after.tenant for key in keys)
            return Keeps.KEPT if kept else Keeps.OPEN
        return self.settler.conditions(conditions, known)[0]

    def _conflict(self, node: s.Insert, row: Item, target: Item, at: At, known: Known) -> Keeps:
        """Judge the row that ON CONFLICT changes: the one with the same key."""
        said = dict(getattr(node.conflict, "rest", ()))
        if said.get("action") != _UPDATES or target.table is None:
            return Keeps.KEPT
        there = self.builder.relation(node.table, Scope())
        scope = Scope({node.table.known_as: there, "excluded": row}, outer=at.scope)
        inner = At(scope, Conditions([there], [*at.conditions.facts]))
        for column in _arbiter(said.get("infer"), target.table):
            inner.conditions.facts.append(Fact(there.place(column), row.place(column)))
        where = said.get("where_clause")
        self.builder.condition(where if isinstance(where, s.Node) else None, inner)
        sets = said.get("target_list", ())
        entries = [entry for entry in sets if isinstance(entry, s.Target)] if isinstance(sets, tuple) else []
        places = [(entry.name, self.builder.value(entry.value, inner)) for entry in entries]
        self.builder.expressions(inner, *(entry.value for entry in entries if entry.value is not None))
        keeps, after = self.settler.conditions(inner.conditions, known)
        moved = [p for name, p in places if self._moves(there, name) and p not in after.tenant]
        return max(keeps, Keeps.OPEN) if moved else keeps

    # RETURNING

    def _is_founded(self, node: s.Insert, table: Table, key: str) -> bool:
        """Tell whether a key that was inserted is a tenant's of the session: a new one. Of several levels, a
        key that is given may be another level's, and so may the next number."""
        if self.builder.relations.sole(node.table) != table.qname:
            return False
        column = table.column(key)
        drawn = column is not None and column.base_type == "uuid" and not _is_given(node, key)
        return drawn or (len(self.facts.tenancy.levels) == 1 and is_unique(table, (key,)))

    def _returned(self, node: s.Node, at: At) -> Block:
        targets = returning(node)
        select = s.Select(targets)
        outputs = self.builder.outputs(select, at)
        self.builder.expressions(at, *(t for t in targets))
        return Block(at.conditions, outputs)

    def _told(self, node: s.Insert, target: Item, at: At, known: Known) -> Keeps:
        """Judge the queries within RETURNING."""
        told = At(Scope({node.table.known_as: target}, outer=at.scope), Conditions())
        self.builder.expressions(told, *returning(node))
        return self.settler.conditions(told.conditions, known)[0]

    def _returned_new(
        self, node: s.Insert, row: Item, table: Table, known: Known
    ) -> tuple[tuple[str, bool, bool], ...]:
        at = At(Scope({node.table.known_as: row}), Conditions())
        level = self.facts.level_of_root.get(table.qname)
        key = self.facts.tenancy.levels[level].key if level is not None else None
        if key and node.conflict is None and self._is_founded(node, table, key):
            known = known._replace(tenant=known.tenant | {row.place(key)})
        return _columns(Block(at.conditions, self.builder.outputs(s.Select(returning(node)), at)), known)


def _is_new(table: Table, key: str) -> bool:
    """Tell whether a row that was inserted has a key that none had before: by a unique key that is looked at
    at once, and nothing that makes another row of it, or none."""
    spread = table.kind == "partitioned"  # a partition has triggers of its own
    before = any(t.timing == "before" and "INSERT" in t.events for t in table.triggers)
    return is_unique(table, (key,)) and not before and not spread and not table.rules


def _is_given(node: s.Insert, column: str) -> bool:
    """Tell whether an INSERT says what a column holds."""
    return not node.columns or any(target.name == column for target in node.columns)


def _columns(query: Block, known: Known) -> tuple[tuple[str, bool, bool], ...]:
    found = query.outputs or ()
    return tuple((name, place in known.tenant, place in known.person) for name, place in found)


def _override(node: s.Insert) -> object:
    """Return what OVERRIDING says of the values of identity columns; None where it is not there."""
    return dict(node.rest).get("override")


def returning(node: s.Node) -> tuple[s.Target, ...]:
    """Return what RETURNING lists; nothing for a statement without it."""
    clause = dict(getattr(node, "rest", ())).get("returning_clause")
    listed = dict(clause.rest).get("exprs", ()) if isinstance(clause, s.Unknown) else ()
    return tuple(t for t in listed if isinstance(t, s.Target)) if isinstance(listed, tuple) else ()


def _arbiter(infer: object, table: Table) -> tuple[str, ...]:
    """Return the columns of the key that ON CONFLICT names."""
    said = dict(infer.rest) if isinstance(infer, s.Unknown) else {}
    named = said.get("conname")
    if named:
        return next((c.columns for c in table.constraints if c.name == named), ())
    elements = said.get("index_elems", ())
    names = [getattr(e, "name", "") for e in elements] if isinstance(elements, tuple) else []
    return tuple(name for name in names if name)
