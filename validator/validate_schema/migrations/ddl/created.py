"""What the statements of migrations create and drop, followed by name as they are parsed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...model.history import Statement
from ...sql import ddl
from ...sql import syntax as s
from .indexed import Indexed

DEFAULT_SCHEMA = "public"
_LONGEST = 63
_TYPES = ("OBJECT_TYPE", "OBJECT_DOMAIN")
_CONSTRAINTS = {
    "CONSTR_PRIMARY": "primary key",
    "CONSTR_UNIQUE": "unique",
    "CONSTR_FOREIGN": "foreign key",
    "CONSTR_CHECK": "check",
    "CONSTR_EXCLUSION": "exclusion",
}
_RELATIONS = ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW")
# What belongs to a table, has its own name, and is dropped or renamed by both.
_PARTS = {
    "OBJECT_COLUMN": "column",
    "OBJECT_TABCONSTRAINT": "constraint",
    "OBJECT_POLICY": "policy",
    "OBJECT_TRIGGER": "trigger",
}


class Origin(NamedTuple):
    """A file of the set, by its label, and a line in it, from 1."""

    file: str
    line: int


class Key(NamedTuple):
    """An object: a table, view, type or function by schema and name (`table`), what belongs to a table by
    its own name too."""

    kind: str
    schema: str
    table: str
    name: str = ""


@dataclass
class Made:
    """An object that exists: the line that it is made on, and every creation since it was last dropped.

    `columns` are those that it goes away with, `target` the table that a foreign key refers to, `reads` the
    relations that a view is of, `shape` what tells two objects without names of their own apart.
    """

    columns: frozenset[str] = frozenset()
    target: tuple[str, str] | None = None
    reads: frozenset[tuple[str, str]] = frozenset()
    shape: str = ""
    primary: bool = False
    hidden: bool = False
    origin: Origin = Origin("", 0)
    places: list[tuple[int, Statement]] = field(default_factory=list)


class Objects:
    """The objects at one point of the history. `again` gets each that another file creates while it exists;
    `rekeyed` holds, for each table, where its primary key was replaced."""

    def __init__(self, again: Callable[[Key, Made], None] | None = None) -> None:
        self.made: Indexed[Key, Made] = Indexed(_terms)
        self.rekeyed: dict[tuple[str, str], list[tuple[int, Statement]]] = {}
        self.schema = DEFAULT_SCHEMA
        self._without_key: set[tuple[str, str]] = set()
        self._again = again
        self._file, self._place, self._text = 0, Statement(file="", line=0), ""

    def begin_file(self, number: int) -> None:
        """A file starts with the search path of a new session."""
        self._file, self.schema = number, DEFAULT_SCHEMA

    def apply(self, node: s.Node, place: Statement, text: str) -> None:
        """Follow one statement of `text`, which begins at `place`."""
        self._place, self._text = place, text
        follow = _FOLLOWED.get(type(node))
        if follow is not None:
            follow(self, node)

    def _create(self, key: Key, made: Made | None = None, *, hidden: bool = False, at: int = 0) -> None:
        """Take in an object that is written `at` a character of the text. `hidden`: where it is there
        already, nothing happens."""
        made, here = made or Made(), (self._file, self._place)
        line = self._place.line + self._text.count("\n", 0, max(at, 0))
        made.origin = Origin(self._place.file, line)
        found = self.made.get(key)
        if found is None:
            made.places.append(here)
            self.made[key] = made
            return
        if not hidden and not made.shape:
            found.origin = made.origin
        alike = found.shape == made.shape and (not made.shape or found.columns == made.columns)
        if found.places[-1][0] != self._file and alike:
            found.places.append(here)
            found.hidden = found.hidden or hidden or bool(made.shape)
            if self._again is not None:
                self._again(key, found)

    def _create_table(self, node: ddl.CreateTable) -> None:
        if node.table.temporary:
            return
        schema, table = self._relation(node.table)
        key = Key("table", schema, table)
        exists = key in self.made
        self._create(key, hidden=node.if_not_exists)
        if exists:
            return  # its columns and constraints are part of that
        for element in node.elements:
            if isinstance(element, ddl.ColumnDef):
                self._column(schema, table, element, hidden=False)
            elif isinstance(element, ddl.ConstraintDef):
                self._constraint(schema, table, element)

    def _create_table_as(self, node: ddl.CreateTableAs) -> None:
        if not node.into.table.temporary:
            named = self._relation(node.into.table)
            if node.kind == "OBJECT_TABLE":
                self._create(Key("table", *named), hidden=node.if_not_exists)
            else:
                self._view(Key("view", *named), node.query, hidden=node.if_not_exists)

    def _create_view(self, node: ddl.CreateView) -> None:
        self._view(Key("view", *self._relation(node.view)), node.query)

    def _view(self, key: Key, query: s.Node, *, hidden: bool = False) -> None:
        reads = frozenset(self._relation(n) for n in s.walk(query) if isinstance(n, s.Table))
        self._create(key, Made(), hidden=hidden)
        if not hidden:
            self.made[key].reads = reads
            self.made.changed(key)

    def _create_index(self, node: ddl.CreateIndex) -> None:
        schema, table = self._relation(node.table)
        parts = [part.name or "expr" for part in node.keys]
        expressions = [part.expression for part in node.keys]
        columns = {*parts, *(part.name for part in node.included), *column_names(node.where, *expressions)}
        name = node.name or _derived(table, parts, "idx")
        if name:
            alike = [part.name or part.expression for part in node.keys]
            shape = "" if node.name else repr((alike, node.where, node.unique, node.method))
            made = Made(frozenset(columns), shape=shape)
            self._create(Key("index", schema, table, name), made, hidden=node.if_not_exists)

    def _create_type(self, node: ddl.CreateEnum | ddl.CreateDomain | ddl.CreateRange) -> None:
        self._create(Key("type", *self._named(node.names)))

    def _create_composite(self, node: ddl.CreateComposite) -> None:
        self._create(Key("type", *self._relation(node.type)))

    def _create_function(self, node: ddl.CreateFunction) -> None:
        self._create(Key("function", *self._named(node.names)))

    def _create_policy(self, node: ddl.CreatePolicy) -> None:
        self._create(Key("policy", *self._relation(node.table), node.name))

    def _create_trigger(self, node: ddl.CreateTrigger) -> None:
        self._create(Key("trigger", *self._relation(node.table), node.name))

    def _column(self, schema: str, table: str, column: ddl.ColumnDef, *, hidden: bool) -> None:
        key = Key("column", schema, table, column.name)
        exists = key in self.made
        self._create(key, Made(frozenset({column.name})), hidden=hidden, at=column.at)
        if not exists:
            for constraint in column.constraints:
                self._constraint(schema, table, constraint, column.name)

    def _constraint(self, schema: str, table: str, constraint: ddl.ConstraintDef, column: str = "") -> None:
        """Take in a constraint. One without a name is known by the name that PostgreSQL gives it.

        PostgreSQL numbers the second of those, so nothing fails; of checks no two files are taken to make
        the same one.
        """
        kind = _CONSTRAINTS.get(constraint.kind)
        if kind is None:
            return
        columns = _constrained(constraint) or ([column] if column else [])
        name = constraint.name or _named_after(kind, table, columns)
        if not name:
            return
        target = self._relation(constraint.references) if constraint.references is not None else None
        shape = "" if constraint.name or kind == "primary key" else repr((kind, columns, target))
        if shape and kind == "check":
            shape = str(self._file)
        made = Made(frozenset(columns), target, shape=shape, primary=kind == "primary key")
        self._create(Key("constraint", schema, table, name), made, at=constraint.at)
        if kind == "primary key" and (schema, table) in self._without_key:
            self._without_key.discard((schema, table))
            self.rekeyed.setdefault((schema, table), []).append((self._file, self._place))

    def _alter_table(self, node: ddl.AlterTable) -> None:
        schema, table = self._relation(node.table)
        for command in node.commands:
            match command.kind, command.definition:
                case "AT_AddColumn", ddl.ColumnDef() as column:
                    self._column(schema, table, column, hidden=command.missing_ok)
                case "AT_AddConstraint", ddl.ConstraintDef() as constraint:
                    self._constraint(schema, table, constraint)
                case "AT_DropConstraint", _:
                    made = self.made.pop(Key("constraint", schema, table, command.name))
                    if made is not None and made.primary:
                        self._without_key.add((schema, table))
                case "AT_DropColumn", _:
                    self._drop_column(schema, table, command.name)

    def _drop_column(self, schema: str, table: str, name: str) -> None:
        for key in self.made.named(("table", schema, table)):
            if name in self.made[key].columns:
                self.made.pop(key)

    def _drop(self, node: ddl.Drop) -> None:
        for names in map(ddl.names_of, node.objects):
            if node.kind == "OBJECT_SCHEMA":
                self._drop_schema(names[0])
            elif node.kind in _RELATIONS:
                self._drop_relation(*self._named(names))
            elif node.kind in _PARTS:
                self.made.pop(Key(_PARTS[node.kind], *self._named(names[:-1]), names[-1]))
            elif node.kind == "OBJECT_INDEX":
                self._drop_index(*self._named(names))
            elif node.kind in _TYPES:
                self.made.pop(Key("type", *self._named(names)))

    def _drop_relation(self, schema: str, name: str) -> None:
        """Take away a relation, and the views of it: unless they went before, or go by CASCADE, it stays."""
        gone = [(schema, name)]
        for relation in gone:
            views = self.made.named(("reads", *relation))
            gone += (view for key in views if (view := (key.schema, key.table)) not in gone)
            for key in (*self._of(*relation), *self.made.named(("target", *relation))):
                self.made.pop(key)

    def _drop_schema(self, schema: str) -> None:
        for key in self.made.named(("schema", schema)):
            self.made.pop(key)

    def _drop_index(self, schema: str, name: str) -> None:
        for key in self.made.named(("name", schema, name)):
            if key.kind == "index":
                self.made.pop(key)

    def _of(self, schema: str, table: str) -> list[Key]:
        """Return a table or view and what belongs to it."""
        return [k for k in self.made.named(("table", schema, table)) if k.kind not in ("type", "function")]

    def _rename(self, node: ddl.Rename) -> None:
        new = node.new
        if node.kind == "OBJECT_SCHEMA":
            self.made.move(self.made.named(("schema", node.old)), lambda k: k._replace(schema=new))
        elif node.kind in _TYPES:
            named = Key("type", *self._named(ddl.names_of(node.object)))
            self.made.move([named], lambda k: k._replace(table=new))
        elif node.table is not None:
            self._rename_relation(node, *self._relation(node.table))

    def _rename_relation(self, node: ddl.Rename, schema: str, name: str) -> None:
        kind, new = node.kind, node.new
        if kind in _PARTS:
            if kind == "OBJECT_COLUMN":
                self._rename_column(schema, name, node.old, new)
            self.made.move([Key(_PARTS[kind], schema, name, node.old)], lambda k: k._replace(name=new))
        elif kind in _RELATIONS and any(Key(k, schema, name) in self.made for k in ("table", "view")):
            self.made.move(self._of(schema, name), lambda k: k._replace(table=new))
            self._retarget((schema, name), (schema, new))
        elif kind in ("OBJECT_INDEX", "OBJECT_TABLE"):
            alike = [k for k in self.made.named(("name", schema, name)) if k.kind in ("index", "constraint")]
            self.made.move(alike, lambda k: k._replace(name=new))

    def _rename_column(self, schema: str, table: str, old: str, new: str) -> None:
        for made in map(self.made.__getitem__, self._of(schema, table)):
            if old in made.columns:
                made.columns = made.columns - {old} | {new}

    def _set_schema(self, node: ddl.SetSchema) -> None:
        new = node.schema
        if node.kind in _RELATIONS and node.table is not None:
            schema, name = self._relation(node.table)
            self.made.move(self._of(schema, name), lambda k: k._replace(schema=new))
            self._retarget((schema, name), (new, name))
        elif node.kind in _TYPES:
            named = Key("type", *self._named(ddl.names_of(node.object)))
            self.made.move([named], lambda k: k._replace(schema=new))

    def _retarget(self, old: tuple[str, str], new: tuple[str, str]) -> None:
        for key in self.made.named(("target", *old)):
            self.made[key].target = new
            self.made.changed(key)

    def _set(self, node: s.SetVariable) -> None:
        if node.name == "search_path":
            self._search(map(_text, node.values))

    def _select(self, node: s.Select) -> None:
        """pg_dump sets the search path through a function."""
        for call in (target.value for target in node.targets):
            if isinstance(call, s.Call) and call.name == "set_config" and len(call.args) > 1:
                name, value = map(_text, call.args[:2])
                if name == "search_path":
                    self._search(part.strip().strip('"') for part in value.split(","))

    def _search(self, path: Iterable[str]) -> None:
        self.schema = next((p for p in path if p and p not in ("$user", "pg_catalog")), DEFAULT_SCHEMA)

    def _relation(self, table: s.Table) -> tuple[str, str]:
        return table.schema or self.schema, table.name

    def _named(self, names: tuple[str, ...]) -> tuple[str, str]:
        return (names[-2] if len(names) > 1 else self.schema), names[-1]


_FOLLOWED: dict[type[s.Node], Callable[[Objects, Any], None]] = {
    ddl.AlterTable: Objects._alter_table,
    ddl.CreateComposite: Objects._create_composite,
    ddl.CreateDomain: Objects._create_type,
    ddl.CreateEnum: Objects._create_type,
    ddl.CreateFunction: Objects._create_function,
    ddl.CreateIndex: Objects._create_index,
    ddl.CreatePolicy: Objects._create_policy,
    ddl.CreateRange: Objects._create_type,
    ddl.CreateTable: Objects._create_table,
    ddl.CreateTableAs: Objects._create_table_as,
    ddl.CreateTrigger: Objects._create_trigger,
    ddl.CreateView: Objects._create_view,
    ddl.Drop: Objects._drop,
    ddl.Rename: Objects._rename,
    ddl.SetSchema: Objects._set_schema,
    s.Select: Objects._select,
    s.SetVariable: Objects._set,
}


def column_names(*expressions: s.Node | None) -> Iterator[str]:
    """Yield the columns that expressions mention."""
    nodes = s.walk(*(expression for expression in expressions if expression is not None))
    yield from (node.name for node in nodes if isinstance(node, s.Column))


def _text(node: s.Node) -> str:
    return str(node.value) if isinstance(node, s.Const) and node.kind == "string" else ""


def _terms(key: Key, made: Made) -> Iterator[tuple[str, ...]]:
    """Yield what a statement may name an object by."""
    yield "schema", key.schema
    yield "table", key.schema, key.table
    if key.name:
        yield "name", key.schema, key.name
    if made.target is not None:
        yield "target", *made.target
    for relation in made.reads:
        yield "reads", *relation


def _constrained(constraint: ddl.ConstraintDef) -> list[str]:
    """Return the columns that a constraint names, each once."""
    named = [*(constraint.keys or constraint.referencing)]
    named += [key.name or "expr" for key, _ in constraint.excluded]
    return list(dict.fromkeys(named or column_names(constraint.expression)))


def _named_after(kind: str, table: str, columns: list[str]) -> str:
    """Return the name that PostgreSQL gives a constraint without one; see `ChooseConstraintName`."""
    suffix = {"primary key": "pkey", "unique": "key", "exclusion": "excl", "check": "check"}.get(kind, "fkey")
    silent = kind == "primary key" or (kind == "check" and len(columns) > 1)
    return _derived(table, [] if silent else columns, suffix)


def _derived(table: str, columns: list[str], suffix: str) -> str:
    """Return the name that PostgreSQL derives; "" where it would have to shorten it."""
    name = "_".join((table, *columns, suffix))
    return name if len(name.encode()) <= _LONGEST else ""
