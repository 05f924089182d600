"""Whether SQL that runs past the policies keeps to the current tenant by its own conditions.

A reading on the safe side: every relation with tenants' rows must be tied to the tenant context,
directly (tenant column = context) or by a join to one that is. What is not understood is not tied.
"""

from dataclasses import dataclass, field
from typing import Any

from ..facts.facts import Facts
from ..model.catalog import Function, QName, Table, View
from ..model.tenancy import TableClass
from ..sql.nodes import conjuncts, name_parts, range_vars, sublinks, uncast
from ..sql.parser import Unreadable, parse_messages
from ..sql.routines import given_values, sql_statements
from .tenant_context import ContextReader

_OWNED = (TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)
_JOIN_INNER, _JOIN_LEFT, _JOIN_RIGHT = 1, 2, 4
_EXISTS, _ANY = 1, 3
_OPERATOR = 1
_NO_SETOP = 1


def keeps_to_tenant(
    subject: Function | View, facts: Facts, row: Table | None = None, given: tuple[str, ...] = ()
) -> bool:
    """Tell whether each statement of a function, or a view's query, is confined to the tenant of the
    session by its own conditions. False where it is not, or cannot be told.

    `row` is the table of the row that a trigger function is given under the names `given` (``new``,
    ``old``): what stands there is the session's own, for the policies of the table let the statement
    reach it.
    """
    if any(s.partition("=")[0] == facts.tenancy.setting for s in getattr(subject, "settings", ())):
        return False
    try:
        texts: tuple[str, ...]
        variables: dict[str, list[str | None]] = {}
        if isinstance(subject, View):
            texts = (subject.definition,)
        else:
            told = (subject.language, subject.body or "", subject.arguments, subject.returns or "")
            texts, variables = sql_statements(*told), given_values(*told)
        reader = _Reader(facts)
        reader.context.variables = frozenset(
            name
            for name, given in variables.items()
            if all(reader.context.gives_context(text) for text in given)
        )
        outer = reader.given_row(row, given) if row is not None else None
        return "set_config" not in "".join(texts) and all(
            reader.statement(parsed.stmt, outer) for text in texts for parsed in parse_messages(text)
        )
    except (Unreadable, RecursionError):
        return False


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


@dataclass(frozen=True)
class _Item:
    """A relation in FROM: whether it holds tenants' rows, its columns (None: not known), those that
    hold the tenant, and its name."""

    owned: bool
    columns: frozenset[str] | None = None
    keys: frozenset[str] = frozenset()
    name: QName | None = None


@dataclass(frozen=True)
class _Scope:
    """The relations of one query block and of those around it, and the WITH queries in sight (True:
    confined). `ties_outer`: its conditions hold for the rows of the blocks around it too."""

    items: dict[str, _Item] = field(default_factory=dict)
    outer: "_Scope | None" = None
    queries: dict[str, bool] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
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


_Condition = tuple[Any, frozenset[str] | None]  # an expression; the aliases that it confines, None: all


_Place = tuple[tuple[_Scope, str], str]  # where a relation stands, its alias, and a column of it


class _Reader:
    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.context = ContextReader(facts)
        self._relations, self._owned = facts.once(_relations), facts.once(_owned)
        self._tenant_columns = facts.once(_tenant_columns)

    def given_row(self, table: Table, names: tuple[str, ...]) -> _Scope:
        """Return the scope around a trigger's statements: NEW and OLD, rows of the table."""
        keys = {c.name for c in table.columns} & self._tenant_columns
        self.context.variables |= {f"{name}.{key}" for name in names for key in keys}
        columns = frozenset(c.name for c in table.columns)
        item = _Item(owned=True, columns=columns, keys=frozenset(keys), name=table.qname)
        return _Scope(items=dict.fromkeys(names, item), bound=set(names))

    # statements

    def statement(self, node: Any, outer: _Scope | None = None) -> bool:
        kind = node.WhichOneof("node")
        message = getattr(node, kind)
        if kind == "select_stmt":
            return self._select(message, outer)
        if kind in ("update_stmt", "delete_stmt", "insert_stmt"):
            return self._write(kind, message, outer)
        if kind == "variable_set_stmt" and message.name.lower() == (self.facts.tenancy.setting or "").lower():
            return False
        return not any(self._item(r).owned for r in range_vars(node))

    def _select(self, message: Any, outer: _Scope | None) -> bool:
        scope = self._scope(message, outer)
        if scope is None:
            return False
        if message.op > _NO_SETOP:
            return self._select(message.larg, scope) and self._select(message.rarg, scope)
        conditions = [c for item in message.from_clause for c in self._from(item, scope)]
        return self._confined(message, scope, conditions)

    def _write(self, kind: str, message: Any, outer: _Scope | None) -> bool:
        scope = self._scope(message, outer)
        if scope is None:
            return False
        if kind == "insert_stmt":
            return self._insert(message, scope)
        conditions = self._from_range_var(message.relation, scope)
        others = message.from_clause if kind == "update_stmt" else message.using_clause
        conditions += [c for item in others for c in self._from(item, scope)]
        target = self._item(message.relation)
        if kind == "update_stmt" and target.owned:
            for entry in message.target_list:
                if entry.res_target.name in target.keys and not self.context.is_context(entry.res_target.val):
                    return False
        return self._confined(message, scope, conditions)

    def _insert(self, message: Any, scope: _Scope) -> bool:
        target, source = self._item(message.relation), message.select_stmt.select_stmt
        if message.on_conflict_clause.ByteSize() or not self._select(source, scope):
            return False
        if not target.owned:
            return True
        places = [n for n, c in enumerate(message.cols) if c.res_target.name in target.keys]
        rows = [list(v.list.items) for v in source.values_lists]
        rows = rows or [[t.res_target.val for t in source.target_list]]
        return bool(places) and all(self.context.is_context(row[p]) for row in rows for p in places)

    def _scope(self, message: Any, outer: _Scope | None, *, ties_outer: bool = False) -> _Scope | None:
        """Open a block; None where a WITH query writes more than the tenant's rows."""
        queries = dict(outer.queries) if outer else {}
        scope = _Scope(outer=outer, queries=queries, ties_outer=ties_outer)
        for query in message.with_clause.ctes if message.HasField("with_clause") else ():
            name, inner = query.common_table_expr.ctename, query.common_table_expr.ctequery
            if message.with_clause.recursive:
                scope.queries[name] = False
            confined = self.statement(inner, scope)
            if not confined and inner.WhichOneof("node") != "select_stmt":
                return None
            scope.queries[name] = confined
        return scope

    # FROM

    def _from(self, node: Any, scope: _Scope) -> list[_Condition]:
        kind = node.WhichOneof("node")
        if kind == "range_var":
            return self._from_range_var(node.range_var, scope)
        if kind == "range_subselect":
            confined = self._select(node.range_subselect.subquery.select_stmt, scope)
            alias = node.range_subselect.alias.aliasname or f"subquery {len(scope.items)}"
            scope.items[alias] = _Item(owned=True, keys=self._tenant_columns)
            if confined:
                scope.bound.add(alias)
            return []
        if kind == "join_expr":
            return self._join(node.join_expr, scope)
        alias = f"function {len(scope.items)}"
        scope.items[getattr(node, kind).alias.aliasname or alias] = _Item(owned=False)
        return []

    def _from_range_var(self, message: Any, scope: _Scope) -> list[_Condition]:
        alias = message.alias.aliasname or message.relname
        if not message.schemaname and message.relname in scope.queries:
            scope.items[alias] = _Item(owned=True, keys=self._tenant_columns)
            if scope.queries[message.relname]:
                scope.bound.add(alias)
        else:
            scope.items[alias] = self._item(message)
        return []

    def _join(self, join: Any, scope: _Scope) -> list[_Condition]:
        before = set(scope.items)
        conditions = self._from(join.larg, scope)
        left = set(scope.items) - before
        conditions += self._from(join.rarg, scope)
        right = set(scope.items) - before - left
        if join.jointype == _JOIN_INNER:
            confines = None
        else:
            sides = {_JOIN_LEFT: right, _JOIN_RIGHT: left}
            confines = frozenset(sides.get(join.jointype, set()))
        if join.HasField("quals"):
            conditions.append((join.quals, confines))
        return conditions

    def _item(self, message: Any) -> _Item:
        names = [n for n in self._relations.get(message.relname, ()) if message.schemaname in ("", n.schema)]
        name = next((n for n in names if n in self._owned), names[0] if names else None)
        if name is None:
            return _Item(owned=False, columns=frozenset())
        view, table = self.facts.views_by_name.get(name), self.facts.tables_by_name.get(name)
        columns = frozenset(view.columns if view else (c.name for c in table.columns) if table else ())
        keys = set(self._tenant_columns)
        keys.update(level.key for level in self.facts.tenancy.levels if level.root == name and level.key)
        return _Item(name in self._owned, columns, frozenset(keys), name)

    # conditions

    def _confined(self, message: Any, scope: _Scope, conditions: list[_Condition]) -> bool:
        if message.HasField("where_clause"):
            conditions = [*conditions, (message.where_clause, None)]
        self._bind(conditions, scope)
        if any(item.owned and alias not in scope.bound for alias, item in scope.items.items()):
            return False
        elsewhere = ("with_clause", "larg", "rarg", "from_clause", "where_clause")
        parts = [value for spec, value in message.ListFields() if spec.name not in elsewhere]
        parts += [expression for expression, _ in conditions]
        return all(self.statement(link.subselect, scope) for part in parts for link in sublinks(part))

    def _bind(self, conditions: list[_Condition], scope: _Scope) -> None:
        """Add to `scope.bound`, and to those around it, what the conditions tie to the tenant."""
        parts = [(c, confines) for expr, confines in conditions for c in conjuncts(expr)]
        before = -1
        while before != (before := _count(scope)):
            for part, confines in parts:
                self._tie(part, scope, confines)

    def _tie(self, part: Any, scope: _Scope, confines: frozenset[str] | None) -> None:
        kind = part.WhichOneof("node")
        if kind == "sub_link":
            self._tie_link(part.sub_link, scope, confines)
        if kind != "a_expr" or part.a_expr.kind != _OPERATOR or part.a_expr.name[-1].string.sval != "=":
            return
        sides = (part.a_expr.lexpr, part.a_expr.rexpr)
        for mine, other in (sides, sides[::-1]):
            place = self._place(mine, scope)
            if place is None:
                continue
            (home, alias), column = place
            if (home is not scope and not scope.ties_outer) or not (confines is None or alias in confines):
                continue
            theirs = self._place(other, scope)
            joined = theirs is not None and theirs[0] != place[0] and self._follows(place, theirs)
            if joined or (column in home.items[alias].keys and self.context.is_context(other)):
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

    def _tie_link(self, link: Any, scope: _Scope, confines: frozenset[str] | None) -> None:
        """EXISTS over a tied relation ties what it is correlated with; so does IN."""
        select = link.subselect.select_stmt
        inner = self._scope(select, scope, ties_outer=link.sub_link_type == _EXISTS)
        if inner is None or confines is not None or select.op > _NO_SETOP:
            return
        conditions = [c for item in select.from_clause for c in self._from(item, inner)]
        if select.HasField("where_clause"):
            conditions.append((select.where_clause, None))
        if link.sub_link_type == _EXISTS:
            self._bind(conditions, inner)
        elif link.sub_link_type == _ANY and not link.oper_name:
            place = self._place(link.testexpr, scope)
            self._bind(conditions, inner)
            source = self._place(select.target_list[0].res_target.val, inner) if select.target_list else None
            if place is not None and source is not None and self._follows(place, source):
                place[0][0].bound.add(place[0][1])

    def _place(self, node: Any, scope: _Scope) -> _Place | None:
        node = uncast(node)
        if node.WhichOneof("node") != "column_ref":
            return None
        parts = name_parts(node.column_ref)
        owner = scope.owner(parts) if parts else None
        return (owner, parts[-1]) if owner is not None else None


def _count(scope: _Scope | None) -> int:
    return 0 if scope is None else len(scope.bound) + _count(scope.outer)
