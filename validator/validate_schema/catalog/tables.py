"""Tables with their columns, constraints, indexes, policies and triggers."""

from collections import defaultdict
from typing import Any, Literal, TypeVar, cast

from ..model.catalog import (
    Action,
    Column,
    Constraint,
    ConstraintKind,
    Policy,
    Table,
    Trigger,
)
from .datatypes import Types
from .indexes import indexes
from .names import Fetch, Names, Row, numbers

_KINDS: dict[str, ConstraintKind] = {
    "p": "primary key",
    "u": "unique",
    "f": "foreign key",
    "c": "check",
    "x": "exclusion",
    "n": "not null",
}
_ACTIONS: dict[str, Action] = {
    "a": "no action",
    "r": "restrict",
    "c": "cascade",
    "n": "set null",
    "d": "set default",
}
_MATCH = {"s": "simple", "f": "full", "p": "partial"}
_TABLES = {"r": "table", "p": "partitioned", "f": "foreign"}
_IDENTITY = {"a": "always", "d": "by default", "": None}
_GENERATED = {"s": "stored", "v": "virtual", "": None}
_COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
ENABLED: dict[str, Literal["origin", "always", "replica", "disabled"]] = {
    "O": "origin",
    "A": "always",
    "R": "replica",
    "D": "disabled",
}
_EVENTS = ((4, "INSERT"), (16, "UPDATE"), (8, "DELETE"), (32, "TRUNCATE"))
_IMPLEMENTED_BY_INDEX = frozenset("pux")

T = TypeVar("T")
Lists = defaultdict[int, list[T]]


class Tables:
    """Builds the tables; `attributes` maps each relation to its column names by number.

    Rows come in the order of the queries, ordered by table, so that a group can be built while the
    server is still answering the next query.
    """

    def __init__(self, fetch: Fetch, names: Names, types: Types) -> None:
        self._names = names
        self._types = types
        self._shared: dict[Any, Any] = {}
        self.attributes: dict[int, dict[int, str]] = {}
        self.relation_rows = fetch("relations")
        for row in self.relation_rows:
            names.relations[row[0]] = names.qname(row[2], row[1])
            if row[11] == "" or row[12] == "":
                names.vanished.add(row[0])
        self._parents: Lists[int] = defaultdict(list)
        for child, parent in fetch("inheritance"):
            self._parents[child].append(parent)
        defaults = fetch("defaults")
        self._columns = self._read_columns(fetch("columns"), defaults)
        constraints = fetch("constraints")
        self._constraints = self._read_constraints(constraints)
        implements = {row[11]: row[1] for row in constraints if row[2] in _IMPLEMENTED_BY_INDEX}
        del constraints
        self._indexes = indexes(fetch, names, self.attributes, implements)
        self._policies = self._read_policies(fetch("policies"))
        self.triggers = self._read_triggers(fetch("triggers"))

    def tables(self) -> tuple[Table, ...]:
        """Return the tables by schema and name."""
        skip = self._names.vanished | self._names.owned.get("pg_class", set())
        built = [self._table(row) for row in self.relation_rows if row[4] in _TABLES and row[0] not in skip]
        built.sort(key=lambda t: (t.schema, t.name))
        return tuple(built)

    def _table(self, row: Row) -> Table:
        oid, name, schema, owner, kind, unlogged, rls, forced, options, estimate, acl, bound, key = row
        names = self._names
        parents = tuple(
            names.relations[parent] for parent in self._parents.get(oid, ()) if parent in names.relations
        )
        return Table(
            schema=names.schemas[schema],
            name=name,
            owner=names.role(owner),
            kind=cast(Any, _TABLES[kind]),
            unlogged=unlogged,
            row_security=rls,
            force_row_security=forced,
            parent=parents[0] if bound is not None and parents else None,
            partition_key=key,
            partition_bound=bound,
            inherits=parents if bound is None else (),
            options=self._share(tuple(options or ())),
            estimated_rows=None if estimate < 0 else int(estimate),
            columns=tuple(self._columns.get(oid, ())),
            constraints=tuple(self._constraints.get(oid, ())),
            indexes=tuple(self._indexes.get(oid, ())),
            policies=tuple(self._policies.get(oid, ())),
            grants=names.grants(acl, "table", owner),
            triggers=tuple(self.triggers.get(oid, ())),
        )

    def _share(self, value: T) -> T:
        """Return an equal value seen before: most tables repeat the same few."""
        return cast(T, self._shared.setdefault(value, value))

    def _read_columns(self, rows: list[Row], default_rows: list[Row]) -> Lists[Column]:
        defaults = {(table, number): text for table, number, text in default_rows}
        found: Lists[Column] = defaultdict(list)
        shared: dict[Any, Column] = {}
        for row in rows:
            table, number, name = row[0], row[1], row[2]
            if number == 1 or table not in self.attributes:
                here = self.attributes[table] = {}
                into = found[table]
            here[number] = name
            default = defaults.get((table, number))
            key = (row[2:], default)
            column = shared.get(key)
            if column is None:
                column = shared[key] = self._column(row, default)
            into.append(column)
        return found

    def _column(self, row: Row, default: str | None) -> Column:
        table, _, name, type_oid, modifier, not_null, identity, generated, collation, acl = row
        kind = self._types.of.get((type_oid, modifier))
        if default == "" or (kind is not None and kind.text == "???"):
            self._names.vanished.add(table)
        if kind is None:
            return Column(name, "")
        return Column(
            name,
            kind.text,
            not_null,
            default,
            cast(Any, _IDENTITY[identity]),
            cast(Any, _GENERATED[generated]),
            self._names.collations.get(collation) if collation != kind.collation else None,
            kind.type_name,
            kind.domain_base,
            () if acl is None else self._names.acls.parse(acl),
        )

    def _key(self, table: int, text: str | None) -> tuple[str, ...]:
        """Return the names of the columns that an array of column numbers stands for."""
        if text is None:
            return ()
        names = self.attributes.get(table, {})
        return self._share(tuple([names.get(number, "") for number in numbers(text)]))

    def _read_constraints(self, rows: list[Row]) -> Lists[Constraint]:
        found: Lists[Constraint] = defaultdict(list)
        relations, key = self._names.relations, self._key
        for row in rows:
            table = row[0]
            if table not in relations:
                continue
            kind, definition = row[2], row[18]
            if definition == "":
                self._names.vanished.add(table)
            foreign = kind == "f"
            found[table].append(
                Constraint(
                    row[1],
                    _KINDS[kind],
                    key(table, row[10]),
                    definition,
                    row[3],
                    row[4],
                    row[5],
                    row[6],
                    row[7],
                    row[8] and not foreign and kind not in _IMPLEMENTED_BY_INDEX,
                    row[9],
                    row[1] if kind in _IMPLEMENTED_BY_INDEX else None,
                    relations.get(row[12]) if foreign else None,
                    key(row[12], row[13]),
                    _ACTIONS[row[14]] if foreign else "no action",
                    _ACTIONS[row[15]] if foreign else "no action",
                    cast(Any, _MATCH[row[16]]) if foreign else "simple",
                    key(table, row[17]),
                )
            )
        return found

    def _read_policies(self, rows: list[Row]) -> Lists[Policy]:
        found: Lists[Policy] = defaultdict(list)
        for table, name, command, permissive, roles, using, check in rows:
            if using == "" or check == "":
                self._names.vanished.add(table)
            found[table].append(
                Policy(name, cast(Any, _COMMANDS[command]), self._role_names(roles), permissive, using, check)
            )
        return found

    def _role_names(self, text: str) -> tuple[str, ...]:
        return self._share(tuple(sorted(self._names.role(oid) for oid in numbers(text))))

    def _read_triggers(self, rows: list[Row]) -> Lists[Trigger]:
        found: Lists[Trigger] = defaultdict(list)
        for table, name, bits, schema, function, enabled, inherited in rows:
            found[table].append(
                Trigger(
                    name,
                    "before" if bits & 2 else "instead of" if bits & 64 else "after",
                    tuple(word for bit, word in _EVENTS if bits & bit),
                    "row" if bits & 1 else "statement",
                    self._names.qname(schema, function),
                    ENABLED[enabled],
                    inherited,
                )
            )
        return found
