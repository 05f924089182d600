"""What the statements of migrations create and drop, followed by name as they are parsed."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...model.history import Statement
from .indexed import Indexed

DEFAULT_SCHEMA = "public"
_LONGEST = 63
_PLACE = re.compile(r"location: \d+")
_TYPES = ("OBJECT_TYPE", "OBJECT_DOMAIN")
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

    `columns` are those that it goes away with, `target` the table that a foreign key refers to, `shape`
    what tells two objects without names of their own apart.
    """

    columns: frozenset[str] = frozenset()
    target: tuple[str, str] | None = None
    shape: bytes = b""
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
        self._file, self._place, self._text = 0, Statement(file="", line=0), b""

    def begin_file(self, number: int) -> None:
        """A file starts with the search path of a new session."""
        self._file, self.schema = number, DEFAULT_SCHEMA

    def apply(self, node: Any, place: Statement, text: str) -> None:
        """Follow one parsed statement of `text`, which begins at `place`."""
        self._place, self._text = place, text.encode()
        kind = node.WhichOneof("node")
        follow = getattr(self, f"_{kind}", None)
        if follow is not None:
            follow(getattr(node, kind))

    def _create(self, key: Key, made: Made | None = None, *, hidden: bool = False, offset: int = 0) -> None:
        """Take in an object that is written `offset` bytes into the text. `hidden`: where it is there
        already, nothing happens."""
        made, here = made or Made(), (self._file, self._place)
        line = self._place.line + self._text.count(b"\n", 0, max(offset, 0))
        made.origin = Origin(self._place.file, line)
        found = self.made.get(key)
        if found is None:
            made.places.append(here)
            self.made[key] = made
            return
        if not hidden and not made.shape:
            found.origin = made.origin
        if found.places[-1][0] != self._file and found.shape == made.shape:
            found.places.append(here)
            found.hidden = found.hidden or hidden or bool(made.shape)
            if self._again is not None:
                self._again(key, found)

    def _create_stmt(self, message: Any) -> None:
        if message.relation.relpersistence == "t" or message.relation.schemaname == "pg_temp":
            return
        schema, table = self._relation(message.relation)
        key = Key("table", schema, table)
        exists = key in self.made
        self._create(key, hidden=message.if_not_exists)
        if exists:
            return  # its columns and constraints are part of that
        for element in message.table_elts:
            if element.WhichOneof("node") == "column_def":
                self._column(schema, table, element.column_def, hidden=False)
            elif element.WhichOneof("node") == "constraint":
                self._constraint(schema, table, element.constraint)

    def _create_table_as_stmt(self, message: Any) -> None:
        if message.into.rel.relpersistence == "t":
            return
        kind = "table" if _name_of(message, "objtype") == "OBJECT_TABLE" else "view"
        self._create(Key(kind, *self._relation(message.into.rel)), hidden=message.if_not_exists)

    def _view_stmt(self, message: Any) -> None:
        self._create(Key("view", *self._relation(message.view)))

    def _index_stmt(self, message: Any) -> None:
        schema, table = self._relation(message.relation)
        parts = [p.index_elem.name or "expr" for p in message.index_params]
        included = [p.index_elem.name for p in message.index_including_params]
        columns = frozenset(parts) | set(included) | set(column_names(message.where_clause))
        columns |= {c for p in message.index_params for c in column_names(p.index_elem.expr)}
        name = message.idxname or _derived(table, parts, "idx")
        if name:
            shape = b"" if message.idxname else _shape(message)
            made = Made(frozenset(columns), shape=shape)
            self._create(Key("index", schema, table, name), made, hidden=message.if_not_exists)

    def _create_enum_stmt(self, message: Any) -> None:
        self._create(Key("type", *self._named(message.type_name)))

    def _create_domain_stmt(self, message: Any) -> None:
        self._create(Key("type", *self._named(message.domainname)))

    def _composite_type_stmt(self, message: Any) -> None:
        self._create(Key("type", *self._relation(message.typevar)))

    def _create_range_stmt(self, message: Any) -> None:
        self._create(Key("type", *self._named(message.type_name)))

    def _create_function_stmt(self, message: Any) -> None:
        self._create(Key("function", *self._named(message.funcname)))

    def _create_policy_stmt(self, message: Any) -> None:
        self._create(Key("policy", *self._relation(message.table), message.policy_name))

    def _create_trig_stmt(self, message: Any) -> None:
        self._create(Key("trigger", *self._relation(message.relation), message.trigname))

    def _column(self, schema: str, table: str, column: Any, *, hidden: bool) -> None:
        key = Key("column", schema, table, column.colname)
        exists = key in self.made
        self._create(key, Made(frozenset({column.colname})), hidden=hidden, offset=column.location)
        if not exists:
            for wrapped in column.constraints:
                self._constraint(schema, table, wrapped.constraint, column.colname)

    def _constraint(self, schema: str, table: str, constraint: Any, column: str = "") -> None:
        """Take in a constraint. One without a name is known by the name that PostgreSQL gives it.

        PostgreSQL numbers the second of those, so nothing fails; of checks no two files are taken to make
        the same one.
        """
        kind = _constraint_kind(constraint)
        if kind is None:
            return
        columns = _constrained(constraint) or ([column] if column else [])
        name = constraint.conname or _named_after(kind, table, columns)
        if not name:
            return
        target = self._relation(constraint.pktable) if kind == "foreign key" else None
        shape = b"" if constraint.conname or kind == "primary key" else repr((kind, columns, target)).encode()
        if shape and kind == "check":
            shape = str(self._file).encode()
        made = Made(frozenset(columns), target, shape, primary=kind == "primary key")
        self._create(Key("constraint", schema, table, name), made, offset=constraint.location)
        if kind == "primary key" and (schema, table) in self._without_key:
            self._without_key.discard((schema, table))
            self.rekeyed.setdefault((schema, table), []).append((self._file, self._place))

    def _alter_table_stmt(self, message: Any) -> None:
        schema, table = self._relation(message.relation)
        for wrapped in message.cmds:
            command = wrapped.alter_table_cmd
            subtype = _name_of(command, "subtype")
            if subtype == "AT_AddColumn":
                self._column(schema, table, getattr(command, "def").column_def, hidden=command.missing_ok)
            elif subtype == "AT_AddConstraint":
                self._constraint(schema, table, getattr(command, "def").constraint)
            elif subtype == "AT_DropConstraint":
                made = self.made.pop(Key("constraint", schema, table, command.name))
                if made is not None and made.primary:
                    self._without_key.add((schema, table))
            elif subtype == "AT_DropColumn":
                self._drop_column(schema, table, command.name)

    def _drop_column(self, schema: str, table: str, name: str) -> None:
        for key in self.made.named(("table", schema, table)):
            if name in self.made[key].columns:
                self.made.pop(key)

    def _drop_stmt(self, message: Any) -> None:
        kind = _name_of(message, "remove_type")
        for wrapped in message.objects:
            if kind == "OBJECT_SCHEMA":
                self._drop_schema(wrapped.string.sval)
            elif kind in _RELATIONS:
                self._drop_table(*self._named(wrapped.list.items))
            elif kind in _PARTS:
                *of, name = _strings(wrapped.list.items)
                self.made.pop(Key(_PARTS[kind], *self._qualified(of), name))
            elif kind == "OBJECT_INDEX":
                self._drop_index(*self._named(wrapped.list.items))
            elif kind in _TYPES:
                self.made.pop(Key("type", *self._named(wrapped.type_name.names)))

    def _drop_table(self, schema: str, table: str) -> None:
        for key in (*self._of(schema, table), *self.made.named(("target", schema, table))):
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

    def _rename_stmt(self, message: Any) -> None:
        kind, new = _name_of(message, "rename_type"), message.newname
        if kind == "OBJECT_SCHEMA":
            self.made.move(self.made.named(("schema", message.subname)), lambda k: k._replace(schema=new))
            return
        if kind in _TYPES:
            named = Key("type", *self._named(message.object.list.items))
            self.made.move([named], lambda k: k._replace(table=new))
            return
        schema, name = self._relation(message.relation)
        if kind in _PARTS:
            wanted = Key(_PARTS[kind], schema, name, message.subname)
            if kind == "OBJECT_COLUMN":
                self._rename_column(schema, name, message.subname, new)
            self.made.move([wanted], lambda k: k._replace(name=new))
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

    def _alter_object_schema_stmt(self, message: Any) -> None:
        kind, new = _name_of(message, "object_type"), message.newschema
        if kind in _RELATIONS:
            schema, name = self._relation(message.relation)
            self.made.move(self._of(schema, name), lambda k: k._replace(schema=new))
            self._retarget((schema, name), (new, name))
        elif kind in _TYPES:
            named = Key("type", *self._named(message.object.list.items))
            self.made.move([named], lambda k: k._replace(schema=new))

    def _retarget(self, old: tuple[str, str], new: tuple[str, str]) -> None:
        for key in self.made.named(("target", *old)):
            self.made[key].target = new
            self.made.changed(key)

    def _variable_set_stmt(self, message: Any) -> None:
        if message.name == "search_path" and message.args:
            self._search(a.a_const.sval.sval for a in message.args)

    def _select_stmt(self, message: Any) -> None:
        """pg_dump sets the search path through a function."""
        for target in message.target_list:
            call = target.res_target.val.func_call
            if call.funcname and call.funcname[-1].string.sval == "set_config" and len(call.args) > 1:
                name, value = (a.a_const.sval.sval for a in list(call.args)[:2])
                if name == "search_path":
                    self._search(part.strip().strip('"') for part in value.split(","))

    def _search(self, path: Iterator[str]) -> None:
        self.schema = next((p for p in path if p and p not in ("$user", "pg_catalog")), DEFAULT_SCHEMA)

    def _relation(self, message: Any) -> tuple[str, str]:
        return message.schemaname or self.schema, message.relname

    def _named(self, parts: Any) -> tuple[str, str]:
        return self._qualified(_strings(parts))

    def _qualified(self, names: list[str]) -> tuple[str, str]:
        return (names[-2] if len(names) > 1 else self.schema), names[-1]


def column_names(message: Any) -> Iterator[str]:
    """Yield the columns that an expression mentions."""
    if not hasattr(message, "ListFields"):
        return
    for spec, value in message.ListFields():
        if spec.name == "column_ref":
            yield from _strings(value.fields)[-1:]
        elif hasattr(value, "ListFields"):
            yield from column_names(value)
        elif not isinstance(value, (str, bytes, int, float)):
            for item in value:
                yield from column_names(item)


def _terms(key: Key, made: Made) -> Iterator[tuple[str, ...]]:
    """Yield what a statement may name an object by."""
    yield "schema", key.schema
    yield "table", key.schema, key.table
    if key.name:
        yield "name", key.schema, key.name
    if made.target is not None:
        yield "target", *made.target


def _constraint_kind(constraint: Any) -> str | None:
    return {
        "CONSTR_PRIMARY": "primary key",
        "CONSTR_UNIQUE": "unique",
        "CONSTR_FOREIGN": "foreign key",
        "CONSTR_CHECK": "check",
        "CONSTR_EXCLUSION": "exclusion",
    }.get(_name_of(constraint, "contype"))


def _constrained(constraint: Any) -> list[str]:
    """Return the columns that a constraint names, each once."""
    named = _strings(constraint.keys or constraint.fk_attrs)
    named += [e.list.items[0].index_elem.name or "expr" for e in constraint.exclusions]
    return list(dict.fromkeys(named or column_names(constraint.raw_expr)))


def _named_after(kind: str, table: str, columns: list[str]) -> str:
    """Return the name that PostgreSQL gives a constraint without one; see `ChooseConstraintName`."""
    suffix = {"primary key": "pkey", "unique": "key", "exclusion": "excl", "check": "check"}.get(kind, "fkey")
    silent = kind == "primary key" or (kind == "check" and len(columns) > 1)
    return _derived(table, [] if silent else columns, suffix)


def _derived(table: str, columns: list[str], suffix: str) -> str:
    """Return the name that PostgreSQL derives; "" where it would have to shorten it."""
    name = "_".join((table, *columns, suffix))
    return name if len(name.encode()) <= _LONGEST else ""


def _strings(parts: Any) -> list[str]:
    return [part.string.sval for part in parts]


def _shape(message: Any) -> bytes:
    """Return what tells two index definitions apart, without their places in the text."""
    parts = [p.index_elem.name or _PLACE.sub("", str(p.index_elem.expr)) for p in message.index_params]
    where = _PLACE.sub("", str(message.where_clause))
    return repr((parts, where, message.unique, message.access_method)).encode()


def _name_of(message: Any, attribute: str) -> str:
    number = getattr(message, attribute)
    name: str = message.DESCRIPTOR.fields_by_name[attribute].enum_type.values_by_number[number].name
    return name
