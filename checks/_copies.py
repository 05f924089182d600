"""What triggers and rules write of a row to where it is no tenant's."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple

from validate_schema.pack import Facts
from validate_schema.pack.model import OWNED
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.rights import acts, body_of, candidates, is_guarded, is_trusted
from validate_schema.pack.sql import Unreadable, plpgsql, read_expression, syntax

from ._access import is_of_persons, may, sources, users_of

_SENDS = (
    "pg_notify",
    "setval",
    "lo_put",
    "lo_from_bytea",
    "lowrite",
)  # what they are given, every session may get
_CHANGES = "triggered_change_notification"
_SURROGATE = ("uuid", "smallint", "integer", "bigint")
_SAY_WHO = ("current_setting", "current_query", "query_to_xml", "dblink", "lo_get", "loread")


class Copy(NamedTuple):
    """A table of no tenant that an app role may read and that something writes to. `of_row`: values of the
    row at hand; else nothing, or what was read from tables of the tenants. `doubtful`: of where the values come
    from, not all is known. `personal`: its policies show each person what names him, whoever that is."""

    table: cat.Table
    of_row: bool
    doubtful: bool = False
    personal: bool = False

    @property
    def certain(self) -> bool:
        """Whether every tenant may read values of the row there."""
        return self.of_row and not self.personal


def shown_to(found: Iterable[Copy]) -> str:
    """Return who may read what was copied, as a finding says it behind the tables' names."""
    if all(copy.personal for copy in found):
        return "whose policies give each person his own rows"
    return "open to every tenant"


class Rows(NamedTuple):
    """The rows that a trigger or rule is given: their table, and what they are called."""

    table: cat.Table
    names: frozenset[str]
    silent: frozenset[str] = frozenset()  # columns of NEW and OLD that tell nothing

    def told_by(
        self, node: syntax.Node, variables: frozenset[str], facts: Facts, into: cat.QName | None = None
    ) -> bool:
        """Tell whether an expression has a value of the row, or of a variable that has one. The key of a row
        that all share tells nothing of the tenant; but what is written `into` that table makes such a row."""
        shared = {
            column
            for key in self.table.foreign_keys
            if _is_shared(key, facts) and key.references != into
            for column in key.columns
        }
        for found in syntax.walk(node):
            match found:
                case syntax.Column(names=("", *names)) | syntax.Column(names=(*names,)):
                    mine = names[0] in self.names and names[-1] not in shared
                    mine = mine and not (names[0] in ("new", "old") and names[-1] in self.silent)
                    told = names[0] in variables or mine
                case syntax.Table(name=name):
                    told = name in self.names
                case syntax.Star(names=names):
                    told = bool(self.names.intersection(names))
                case _:
                    told = False
            if told:
                return True
        return False


def _is_shared(key: cat.Constraint, facts: Facts) -> bool:
    return key.references is not None and facts.class_of(key.references) not in OWNED


def variables_of(function: plpgsql.Function | None, rows: Rows, facts: Facts) -> frozenset[str]:
    """Return the variables that are given values of the rows, directly or through others."""
    given = [*_given(function)] if function is not None else []
    found: frozenset[str] = frozenset()
    while True:
        more = {name for name, value in given if rows.told_by(value, found, facts)}
        if more <= found:
            return found
        found |= more


def _given(function: plpgsql.Function) -> Iterator[tuple[str, syntax.Node]]:
    for node in syntax.walk(function):
        match node:
            case plpgsql.Declared(name=name, default=syntax.Node() as default):
                yield name, default
            case plpgsql.Assign(target=target, value=value) if target[0] not in ("new", "old"):
                yield target[0], value
            case plpgsql.Sql(statement=statement, into=into):
                yield from ((target[0], statement) for target in into)
            case plpgsql.Loop(targets=targets, query=query, values=values):
                nodes = [*values, *([query] if query is not None else [])]
                yield from ((target[0], value) for target in targets for value in nodes)


def copies(
    statements: Iterable[syntax.Node],
    rows: Rows,
    variables: frozenset[str],
    facts: Facts,
    plain: frozenset[str] = frozenset(),
) -> list[Copy]:
    """Return what statements write to tables of no tenant that an app role may read. `plain` are variables that
    hold nothing of a row."""
    found = []
    for node in syntax.walk(*statements):
        if not isinstance(node, (syntax.Insert, syntax.Update)) and not _merges(node):
            continue
        written = node.table if isinstance(node, (syntax.Insert, syntax.Update)) else _target(node)
        for table in _tables(written, facts):
            if readers(table, facts):
                told = any(rows.told_by(value, variables, facts, table.qname) for value in _values(node))
                put = _values(node), _defaults(node, table)
                doubtful = not all(_is_plain(value, written, rows, plain, facts) for value in chain(*put))
                found.append(Copy(table, told, doubtful, is_of_persons(table, facts)))
    return found


def plain_variables(function: plpgsql.Function | None, rows: Rows, facts: Facts) -> frozenset[str]:
    """Return the variables that are given nothing but what is known not to come from a row: constants, the clock, what
    all share. One that is filled in a way that is not followed (FETCH, GET DIAGNOSTICS) is none."""
    given: dict[str, list[syntax.Node]] = {}
    for name, value in _given(function) if function is not None else ():
        given.setdefault(name, []).append(value)
    filled = {target[0] for node in syntax.walk(function) for target in _filled(node)} if function else set()
    plain = frozenset[str]()
    while True:
        more = frozenset(
            name
            for name, values in given.items()
            if name not in filled and all(_is_plain(v, None, rows, plain, facts) for v in values)
        )
        if more <= plain:
            return plain
        plain |= more


def _filled(node: syntax.Node) -> Iterator[tuple[str, ...]]:
    """Yield the variables that a statement fills which is neither an assignment nor a query."""
    if not isinstance(node, (plpgsql.Sql, plpgsql.Assign, plpgsql.Loop)):
        yield from (t for t in getattr(node, "into", ()) or () if isinstance(t, tuple))
        yield from (t for t in getattr(node, "targets", ()) or () if isinstance(t, tuple))


def _is_plain(
    node: syntax.Node, written: syntax.Table | None, rows: Rows, plain: frozenset[str], facts: Facts
) -> bool:
    """Tell whether a value comes from nothing but constants, the clock, chance, columns of what is written, and what
    all tenants share."""
    tables = [t for t in syntax.walk(node) if isinstance(t, syntax.Table)]
    shared = [table for t in tables for table in _of_nobody(t, facts)]
    if len(shared) < len(tables):
        return False
    known = {t.known_as for t in (*tables, *([written] if written is not None else []))}
    held = {c.name for table in shared for c in table.columns}
    if written is not None:
        held |= {c.name for table in _of_nobody(written, facts) for c in table.columns}
    for found in syntax.walk(node):
        match found:
            case syntax.Column(names=names):
                name = names[0] or names[1]
                mine = len(names) > 1 and (name in rows.names or name in known or name == "excluded")
                if not (
                    mine or name in plain or name.startswith("tg_") or (len(names) == 1 and name in held)
                ):
                    return False
            case syntax.Call(name=name) if name in _SAY_WHO or candidates(found, facts):
                return False
            case plpgsql.Execute():
                return False
    return True


def _of_nobody(named: syntax.Table, facts: Facts) -> list[cat.Table]:
    """Return the table of no tenant that a name means."""
    return [
        table
        for name, table in facts.tables_by_name.items()
        if name.name == named.name and named.schema in ("", name.schema) and facts.class_of(name) not in OWNED
    ][:1]


def _merges(node: syntax.Node) -> bool:
    return isinstance(node, syntax.Unknown) and node.kind == "MergeStmt"


def _target(node: syntax.Node) -> syntax.Table:
    return next(found for found in syntax.walk(node) if isinstance(found, syntax.Table))


def _values(node: syntax.Node) -> Iterator[syntax.Node]:
    """Yield what a statement puts into columns."""
    match node:
        case syntax.Insert(source=source, conflict=conflict):
            yield from (part for part in (source, conflict) if part is not None)
        case syntax.Update(sets=sets):
            yield from sets
        case _:
            yield node


def _defaults(node: syntax.Node, table: cat.Table) -> Iterator[syntax.Node]:
    """Yield what the columns of a new row hold that the statement leaves out: of a MERGE, any may be."""
    if isinstance(node, syntax.Update) or (isinstance(node, syntax.Insert) and _by_position(node)):
        return
    named = {target.name for target in node.columns} if isinstance(node, syntax.Insert) else set()
    for column in table.columns:
        if column.default is not None and column.generated is None and column.name not in named:
            yield read_expression(column.default)


def _by_position(node: syntax.Insert) -> bool:
    return not node.columns and node.source is not None


def _tables(named: syntax.Table, facts: Facts) -> Iterator[cat.Table]:
    """Yield the tables of no tenant that a name may mean, or that a view of the name is over."""
    views = facts.views_by_name
    names = [n for n in (*facts.tables_by_name, *views) if n.name == named.name]
    for name in (n for n in names if named.schema in ("", n.schema)):
        for below in views[name].depends_on if name in views else (name,):
            table = facts.tables_by_name.get(below)
            if table is not None and facts.class_of(below) not in OWNED and not is_guarded(table, facts):
                yield table


def published(
    function: cat.Function, statements: tuple[syntax.Node, ...], tree: plpgsql.Function | None, facts: Facts
) -> list[Copy]:
    """Return the tables that all may read and to which a function copies rows of the tenants' tables."""
    owned = sources(function.touches or (), facts)
    if not owned:
        return []
    rows = Rows(owned[0], frozenset(table.name for table in owned))
    found = copies(statements, rows, variables_of(tree, rows, facts), facts)
    return [copy for copy in found if copy.of_row]


def tells_all(
    function: cat.Function, statements: tuple[syntax.Node, ...], tree: plpgsql.Function | None, facts: Facts
) -> bool:
    """Tell whether a function sends rows of the tenants' tables to every session."""
    owned = sources(function.touches or (), facts)
    if not owned:
        return False
    rows = Rows(owned[0], frozenset(table.name for table in owned))
    return sends(statements, rows, variables_of(tree, rows, facts), facts)


def reads_tenants(function: cat.Function, facts: Facts) -> bool:
    """Tell whether a function reads or writes tables of the tenants."""
    return bool(sources(function.touches or (), facts))


def readers(table: cat.Table, facts: Facts) -> tuple[str, ...]:
    """Return who may read rows of the table: nobody where row security lets nobody in."""
    shown = any(p.permissive and p.command in ("ALL", "SELECT") for p in table.policies)
    if table.row_security and not shown:
        return ()
    return may(table.owner, table.grants, table.columns, facts, "SELECT")


def sends(statements: Iterable[syntax.Node], rows: Rows, variables: frozenset[str], facts: Facts) -> bool:
    """Tell whether values of the rows go into a notification, a large object, or a sequence that an app role may
    read: also where they come from a relation that stands in FROM beside the call. A notification may hold the row's
    surrogate keys, which tell nothing but which row to look up, under the policies of who does."""
    quiet = rows._replace(silent=_surrogates(rows.table))
    for node in syntax.walk(*statements):
        if isinstance(node, syntax.Select):
            for call in (n for n in syntax.walk(node) if _is_sent(n, facts)):
                given = quiet if _notifies(call) else rows
                held = any(isinstance(n, syntax.Column) for n in syntax.walk(call))
                if held and given.told_by(node, frozenset(), facts):
                    return True
        if _is_sent(node, facts) and (quiet if _notifies(node) else rows).told_by(node, variables, facts):
            return True
    return False


def _notifies(node: syntax.Node) -> bool:
    return isinstance(node, syntax.Call) and node.name == "pg_notify"


def _surrogates(table: cat.Table) -> frozenset[str]:
    """Return the columns that hold made-up keys: numbers and UUIDs in a primary or foreign key, and called so, for one
    that is called otherwise (`token`) may be a word to rest on."""
    keyed = {
        c for key in table.constraints if key.kind in ("primary key", "foreign key") for c in key.columns
    }
    return frozenset(
        c.name
        for c in table.columns
        if c.name in keyed and c.base_type in _SURROGATE and (c.name == "id" or c.name.endswith("_id"))
    )


def tells_keys(trigger: cat.Trigger, function: cat.Function | None, table: cat.Table) -> bool:
    """Tell whether a trigger whose function is in C sends more of the row than its surrogate keys: tcn's sends the
    whole primary key. Source: PostgreSQL documentation, "tcn"."""
    key = next((k for k in table.constraints if k.kind == "primary key"), None)
    named = (trigger.function.name, function.symbol if function is not None else None)
    return _CHANGES in named and key is not None and not _surrogates(table).issuperset(key.columns)


def _is_sent(node: syntax.Node, facts: Facts) -> bool:
    if not isinstance(node, syntax.Call) or node.name not in _SENDS:
        return False
    return node.name != "setval" or any(
        users_of(s.owner, s.grants, facts, ("SELECT",)) for s in facts.catalog.sequences
    )


def with_tenants(rows: Rows, function: cat.Function, facts: Facts) -> Rows:
    """Return the rows with those of the tenants' tables that a function reads by their names."""
    read = (table.name for table in sources(function.touches or (), facts))
    return rows._replace(names=rows.names.union(read))


def publishes(function: cat.Function, rows: Rows, facts: Facts) -> bool:
    """Tell whether a function, or one that it calls, sends what it is given to every session, or writes to what all
    may read; one that cannot be read may do so."""
    for act in acts(function, None, facts):
        if is_trusted(act.function):
            continue
        try:
            body = body_of(act.function)
        except Unreadable:
            return True
        sent = (n for n in syntax.walk(*body.statements) if isinstance(n, syntax.Call) and n.name in _SENDS)
        if any(not isinstance(arg, syntax.Const) for call in sent for arg in call.args[1:]):
            return True
        if copies(body.statements, rows, frozenset(), facts):
            return True
    return False
