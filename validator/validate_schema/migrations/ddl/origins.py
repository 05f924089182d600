"""Which line of which migration created an object: reports send people there.

Read from the files alone, by parsing. What SQL in strings creates (DO blocks) is not seen.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ...model.finding import ObjectRef
from ...sql.parser import Unreadable, parse_messages
from ...sql.script import pieces
from ..records import MigrationFile, MigrationSet
from .indexed import Indexed

_DDL = re.compile(r"(?:create|alter|drop|set)\b", re.IGNORECASE)
_DEFAULT_SCHEMA = "public"
# What an object's kind in a finding is here. Indexes and the constraints over them share their names.
_KINDS = {
    "column": "column", "constraint": "key", "index": "key", "foreign key": "key",
    "policy": "policy", "trigger": "trigger", "enum": "type", "function": "function",
}  # fmt: skip
_SUFFIXES = {
    "CONSTR_PRIMARY": "pkey",
    "CONSTR_UNIQUE": "key",
    "CONSTR_FOREIGN": "fkey",
    "CONSTR_CHECK": "check",
}
_DROPPED = {
    "OBJECT_TABLE": "relation",
    "OBJECT_VIEW": "relation",
    "OBJECT_MATVIEW": "relation",
    "OBJECT_INDEX": "key",
    "OBJECT_TYPE": "type",
    "OBJECT_POLICY": "policy",
    "OBJECT_TRIGGER": "trigger",
}
_RENAMED = {
    "OBJECT_COLUMN": "column",
    "OBJECT_TABCONSTRAINT": "key",
    "OBJECT_POLICY": "policy",
    "OBJECT_TRIGGER": "trigger",
}


class Origin(NamedTuple):
    """A file of the set, by its label, and a line in it, from 1."""

    file: str
    line: int


class _Key(NamedTuple):
    """An object: relations by schema and table, what belongs to one by its own name too."""

    kind: str
    schema: str
    table: str
    name: str = ""


class Origins:
    """Where each object was created last, after everything that was dropped and renamed."""

    def __init__(self, made: Indexed[_Key, Origin] | None = None) -> None:
        self._made = made if made is not None else Indexed(_terms)

    def exact(self, ref: ObjectRef) -> Origin | None:
        """Return where the object itself was created."""
        if ref.table and not ref.name:
            return self._made.get(_Key("relation", ref.schema, ref.table))
        kind = _KINDS.get(ref.kind)
        if kind is None:
            return None
        name = ref.name.partition("(")[0] if kind == "function" else ref.name
        return self._made.get(_Key(kind, ref.schema, ref.table, name))

    def of_table(self, ref: ObjectRef) -> Origin | None:
        """Return where the table that the object belongs to was created."""
        return self._made.get(_Key("relation", ref.schema, ref.table)) if ref.table else None


def find_origins(migrations: MigrationSet) -> Origins:
    """Parse the files in their order. A statement that the parser refuses is passed over."""
    reading = _Reading()
    for file in migrations.files:
        reading.read(file, migrations.label(file.path))
    return Origins(reading.made)


class _Reading:
    """Follows statements, keeping where what exists was created."""

    def __init__(self) -> None:
        self.made: Indexed[_Key, Origin] = Indexed(_terms)
        self._schema = _DEFAULT_SCHEMA
        self._text, self._file, self._line = "", "", 1

    def read(self, file: MigrationFile, label: str) -> None:
        self._file, self._schema = label, _DEFAULT_SCHEMA
        at, line = 0, file.first_line
        for piece in pieces(file.sql):
            if piece.kind != "sql" or not _DDL.match(piece.text):
                continue
            line += file.sql.count("\n", at, piece.start)
            at = piece.start
            self._text, self._line = piece.text, line
            try:
                parsed = parse_messages(piece.text)
            except Unreadable:
                continue
            for statement in parsed:
                kind = statement.stmt.WhichOneof("node")
                follow: Callable[[Any], None] | None = getattr(self, f"_{kind}", None)
                if follow is not None:
                    follow(getattr(statement.stmt, kind))

    def _create(self, key: _Key, offset: int = 0, *, keep: bool = False) -> None:
        """Take in an object that is written `offset` bytes into the statement; `keep` the one there is."""
        if keep and key in self.made:
            return
        lines = self._text.encode()[: max(offset, 0)].count(b"\n")
        self.made[key] = Origin(self._file, self._line + lines)

    def _create_stmt(self, message: Any) -> None:
        schema, table = self._relation(message.relation)
        key = _Key("relation", schema, table)
        if message.if_not_exists and key in self.made:
            return
        self._create(key)
        for element in message.table_elts:
            if element.WhichOneof("node") == "column_def":
                self._column(schema, table, element.column_def)
            elif element.WhichOneof("node") == "constraint":
                self._constraint(schema, table, element.constraint)

    def _create_table_as_stmt(self, message: Any) -> None:
        self._create(_Key("relation", *self._relation(message.into.rel)), keep=message.if_not_exists)

    def _view_stmt(self, message: Any) -> None:
        self._create(_Key("relation", *self._relation(message.view)))

    def _index_stmt(self, message: Any) -> None:
        schema, table = self._relation(message.relation)
        columns = [part.index_elem.name or "expr" for part in message.index_params]
        name = message.idxname or "_".join((table, *columns, "idx"))
        self._create(_Key("key", schema, table, name), keep=message.if_not_exists)

    def _create_enum_stmt(self, message: Any) -> None:
        schema, name = self._named(message.type_name)
        self._create(_Key("type", schema, "", name))

    def _create_function_stmt(self, message: Any) -> None:
        schema, name = self._named(message.funcname)
        self._create(_Key("function", schema, "", name))

    def _create_policy_stmt(self, message: Any) -> None:
        self._create(_Key("policy", *self._relation(message.table), message.policy_name))

    def _create_trig_stmt(self, message: Any) -> None:
        self._create(_Key("trigger", *self._relation(message.relation), message.trigname))

    def _column(self, schema: str, table: str, column: Any, *, keep: bool = False) -> None:
        key = _Key("column", schema, table, column.colname)
        if keep and key in self.made:
            return
        self._create(key, column.location)
        for wrapped in column.constraints:
            self._constraint(schema, table, wrapped.constraint, column.colname)

    def _constraint(self, schema: str, table: str, constraint: Any, column: str = "") -> None:
        """Take in a constraint; one without a name by the name that PostgreSQL derives."""
        suffix = _SUFFIXES.get(_name_of(constraint, "contype"))
        if suffix is None:
            return
        columns = _strings(constraint.keys or constraint.fk_attrs) or ([column] if column else [])
        derived = "_".join((table, *([] if suffix == "pkey" else columns), suffix))
        self._create(_Key("key", schema, table, constraint.conname or derived), constraint.location)

    def _alter_table_stmt(self, message: Any) -> None:
        schema, table = self._relation(message.relation)
        for wrapped in message.cmds:
            command = wrapped.alter_table_cmd
            what = getattr(command, "def")
            match _name_of(command, "subtype"):
                case "AT_AddColumn":
                    self._column(schema, table, what.column_def, keep=command.missing_ok)
                case "AT_AddConstraint":
                    self._constraint(schema, table, what.constraint)
                case "AT_DropConstraint":
                    self.made.pop(_Key("key", schema, table, command.name))
                case "AT_DropColumn":
                    self.made.pop(_Key("column", schema, table, command.name))

    def _drop_stmt(self, message: Any) -> None:
        kind = _DROPPED.get(_name_of(message, "remove_type"))
        for wrapped in message.objects if kind else ():
            names = _strings(wrapped.type_name.names if kind == "type" else wrapped.list.items)
            if kind in ("policy", "trigger"):
                self.made.pop(_Key(kind, *self._of(names[:-1]), names[-1]))
            else:
                self._drop(str(kind), *self._of(names))

    def _drop(self, kind: str, schema: str, name: str) -> None:
        """Forget an object of a schema; with a relation goes all that belongs to it."""
        for key in self.made.named((kind, schema, name)):
            self.made.pop(key)

    def _rename_stmt(self, message: Any) -> None:
        what, new = _name_of(message, "rename_type"), message.newname
        schema, name = self._relation(message.relation)
        if what in _RENAMED:
            old = _Key(_RENAMED[what], schema, name, message.subname)
            self.made.move([old], lambda k: k._replace(name=new))
        elif what in ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW"):
            self.made.move(self.made.named(("relation", schema, name)), lambda k: k._replace(table=new))
        elif what == "OBJECT_INDEX":
            self.made.move(self.made.named(("key", schema, name)), lambda k: k._replace(name=new))

    def _alter_object_schema_stmt(self, message: Any) -> None:
        if _name_of(message, "object_type") == "OBJECT_TABLE":
            of, new = self._relation(message.relation), message.newschema
            self.made.move(self.made.named(("relation", *of)), lambda k: k._replace(schema=new))

    def _variable_set_stmt(self, message: Any) -> None:
        if message.name == "search_path":
            path = (argument.a_const.sval.sval for argument in message.args)
            self._schema = _first_schema(path)

    def _relation(self, message: Any) -> tuple[str, str]:
        return message.schemaname or self._schema, message.relname

    def _named(self, parts: Any) -> tuple[str, str]:
        return self._of(_strings(parts))

    def _of(self, names: list[str]) -> tuple[str, str]:
        return (names[-2] if len(names) > 1 else self._schema), names[-1]


def _terms(key: _Key, _: Origin) -> Iterator[tuple[str, str, str]]:
    """Yield what a statement may name an object by: its relation, or its own kind and name."""
    yield "relation", key.schema, key.table
    if key.kind != "relation":
        yield key.kind, key.schema, key.name


def _first_schema(path: Iterator[str]) -> str:
    return next((p for p in path if p and p not in ("$user", "pg_catalog")), _DEFAULT_SCHEMA)


def _strings(parts: Any) -> list[str]:
    return [part.string.sval for part in parts]


def _name_of(message: Any, attribute: str) -> str:
    number = getattr(message, attribute)
    name: str = message.DESCRIPTOR.fields_by_name[attribute].enum_type.values_by_number[number].name
    return name
