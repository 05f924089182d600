"""Tables with their columns, constraints, indexes, policies and triggers."""

from collections import defaultdict
from operator import attrgetter
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from ..model.catalog import Column, Details, Index, Policy, Rule, Table, Trigger
from . import details, printed
from .constraints import constraints
from .datatypes import Types
from .indexes import indexes
from .names import ENABLED, Fetch, Names, Row, numbers

_TABLES = {"r": "table", "p": "partitioned", "f": "foreign"}
_IDENTITY = {"a": "always", "d": "by default", "": None}
_GENERATED = {"s": "stored", "v": "virtual", "": None}
_COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
_EVENTS = ((4, "INSERT"), (16, "UPDATE"), (8, "DELETE"), (32, "TRUNCATE"))
_RULE_EVENTS = {"1": "SELECT", "2": "UPDATE", "3": "INSERT", "4": "DELETE"}
_BY_NAME = attrgetter("name")

T = TypeVar("T")
Lists = defaultdict[int, list[T]]


class Tables:
    """Builds the tables; `attributes` maps each relation to its column names by number.

    The queries give their rows ordered by table.
    """

    def __init__(self, fetch: Fetch, names: Names, types: Types) -> None:
        self._names = names
        self._types = types
        self.attributes: dict[int, dict[int, str]] = {}
        self.relation_rows = fetch("relations")
        for row in self.relation_rows:
            names.relations[row[0]] = names.qname(row[2], row[1])
            if row[11] == "" or row[12] == "":
                names.vanished.add(row[0])
        self._parents: Lists[int] = defaultdict(list)
        for child, parent in fetch("inheritance"):
            self._parents[child].append(parent)
        self._details = details.of_relations(fetch("relation_details"))
        defaults, column_rows, more = fetch("defaults"), fetch("columns"), fetch("column_details")
        self.columns = self._read_columns(column_rows, defaults, details.of_columns(more))
        self._constraints, implements = constraints(fetch, names, self.attributes)
        for table, number in names.unproven:
            self._forget_not_null(table, number)
        index_rows = fetch("indexes")
        index_details = details.of_indexes(fetch("index_details"), more)
        self._indexes = indexes(index_rows, names, self.attributes, implements, index_details)
        self._policies = self._read_policies(fetch("policies"))
        self.triggers = self._read_triggers(fetch("triggers"))
        self.rules = self._read_rules(fetch("rules"))

    def tables(self) -> tuple[Table, ...]:
        """Return the tables by schema and name, those of extensions too."""
        skip = self._names.vanished
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
            options=names.share(tuple(options or ())),
            estimated_rows=None if estimate < 0 else int(estimate),
            columns=tuple(self.columns.get(oid, ())),
            constraints=tuple(sorted(self._constraints.get(oid, ()), key=_BY_NAME)),
            indexes=self.indexes(oid),
            policies=tuple(self._policies.get(oid, ())),
            grants=names.grants(acl, "table", owner),
            triggers=tuple(self.triggers.get(oid, ())),
            rules=tuple(self.rules.get(oid, ())),
            extension=names.extension("pg_class", oid),
            details=self.details(oid),
        )

    def indexes(self, oid: int) -> tuple[Index, ...]:
        """Return the indexes of a table or materialized view by name."""
        return tuple(sorted(self._indexes.get(oid, ()), key=_BY_NAME))

    def details(self, oid: int) -> Details:
        """Return what else was said of a table or materialized view."""
        return self._details.get(oid, ())

    def _read_columns(
        self, rows: list[Row], default_rows: list[Row], said: dict[tuple[int, int], Details]
    ) -> Lists[Column]:
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
            more = said.get((table, number), ())
            key = (row[2:], default, more)
            column = shared.get(key)
            if column is None:
                column = shared[key] = self._column(row, default, more)
            into.append(column)
        return found

    def _column(self, row: Row, default: str | None, more: Details) -> Column:
        table, _, name, type_oid, modifier, not_null, identity, generated, collation, acl, storage = row
        kind = self._types.of.get((type_oid, modifier))
        if default == "" or (kind is not None and kind.text == "???"):
            self._names.vanished.add(table)
        if kind is None:
            return Column(name, "", default=default)
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
            (*details.of_storage(storage, kind.storage), *more),
        )

    def _forget_not_null(self, table: int, number: int) -> None:
        position = list(self.attributes[table]).index(number)
        columns = self.columns[table]
        columns[position] = replace(columns[position], not_null=False)

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
        return self._names.share(tuple(sorted(self._names.role(oid) for oid in numbers(text))))

    def _read_triggers(self, rows: list[Row]) -> Lists[Trigger]:
        found: Lists[Trigger] = defaultdict(list)
        for table, name, bits, schema, function, enabled, inherited, *more in rows:
            numbered, old_table, new_table, constraint, deferrable, deferred, other, text = more
            if text == "":
                self._names.vanished.add(table)
                continue
            of_table = self.attributes.get(table, {})
            found[table].append(
                Trigger(
                    name,
                    "before" if bits & 2 else "instead of" if bits & 64 else "after",
                    tuple(word for bit, word in _EVENTS if bits & bit),
                    "row" if bits & 1 else "statement",
                    self._names.qname(schema, function),
                    ENABLED[enabled],
                    inherited,
                    tuple(of_table.get(number, "") for number in numbers(numbered)),
                    printed.when(text) if text else None,
                    printed.arguments(text) if text else (),
                    old_table,
                    new_table,
                    constraint,
                    deferrable,
                    deferred,
                    self._names.relations.get(other),
                )
            )
        return found

    def _read_rules(self, rows: list[Row]) -> Lists[Rule]:
        found: Lists[Rule] = defaultdict(list)
        for relation, name, event, instead, enabled, conditional, text in rows:
            if text == "":
                self._names.vanished.add(relation)
                continue
            condition = printed.where(text) if conditional else None
            event_word = cast(Any, _RULE_EVENTS[event])
            found[relation].append(Rule(name, event_word, text, instead, condition, ENABLED[enabled]))
        return found
