"""Statements that make, change and drop objects, as nodes like those of `syntax`. Kinds of objects, of
constraints and of changes go by the parser's names: ``OBJECT_TABLE``, ``CONSTR_CHECK``, ``AT_AddColumn``."""

from typing import Any

from .syntax import Node, Rest, Table, TypeRef, Value

Names = tuple[str, ...]  # of one object: its schema, where it is written, and its own


class CreateTable(Node, frozen=True):
    """`elements`: columns (`ColumnDef`), constraints (`ConstraintDef`) and LIKE."""

    table: Table
    elements: tuple[Node, ...]
    if_not_exists: bool
    rest: Rest = ()


class ColumnDef(Node, frozen=True):
    name: str
    type: TypeRef | None
    constraints: tuple["ConstraintDef", ...]
    rest: Rest = ()


class ConstraintDef(Node, frozen=True):
    """A constraint; one without a name has "". `keys` are its columns, `referencing` those of a foreign
    key, empty where it stands with its column; `exclusions` pairs of an `IndexKey` and an operator."""

    kind: str
    name: str
    keys: Names
    referencing: Names
    references: Table | None
    expression: Node | None
    exclusions: tuple[Value, ...]
    rest: Rest = ()

    @property
    def excluded(self) -> tuple[tuple["IndexKey", str], ...]:
        """What an exclusion constraint compares, each with its operator."""
        pairs = (pair for pair in self.exclusions if isinstance(pair, tuple))
        return tuple((key, names_of(names)[-1]) for key, names in pairs if isinstance(key, IndexKey))


class Into(Node, frozen=True):
    table: Table
    rest: Rest = ()


class CreateTableAs(Node, frozen=True):
    """CREATE TABLE AS, or CREATE MATERIALIZED VIEW, as `kind` says."""

    kind: str
    into: Into
    query: Node
    if_not_exists: bool
    rest: Rest = ()


class CreateView(Node, frozen=True):
    view: Table
    query: Node
    rest: Rest = ()


class IndexKey(Node, frozen=True):
    """A column of an index, or an expression."""

    name: str
    expression: Node | None
    rest: Rest = ()


class CreateIndex(Node, frozen=True):
    name: str
    table: Table
    method: str
    unique: bool
    keys: tuple[IndexKey, ...]
    included: tuple[IndexKey, ...]
    where: Node | None
    if_not_exists: bool
    rest: Rest = ()


class CreateEnum(Node, frozen=True):
    names: Names
    labels: tuple[str, ...]


class CreateDomain(Node, frozen=True):
    names: Names
    type: TypeRef
    constraints: tuple[Node, ...]
    rest: Rest = ()


class CreateRange(Node, frozen=True):
    names: Names
    rest: Rest = ()


class CreateComposite(Node, frozen=True):
    type: Table
    columns: tuple[Node, ...]


class CreateFunction(Node, frozen=True):
    """A function or procedure; `body` is that of the standard's syntax, outside quotes."""

    names: Names
    body: Value | None
    rest: Rest = ()


class CreatePolicy(Node, frozen=True):
    name: str
    table: Table
    using: Node | None
    check: Node | None
    rest: Rest = ()


class CreateTrigger(Node, frozen=True):
    name: str
    table: Table
    rest: Rest = ()


class AlterCommand(Node, frozen=True):
    """One change of a table, to what `name` names; `definition` is what comes."""

    kind: str
    name: str
    definition: Value | None
    missing_ok: bool
    rest: Rest = ()


class AlterTable(Node, frozen=True):
    table: Table
    commands: tuple[AlterCommand, ...]
    rest: Rest = ()


class Drop(Node, frozen=True):
    """DROP; `objects` are names, or types, or, of a schema, one name."""

    kind: str
    objects: tuple[Value, ...]
    rest: Rest = ()


class Rename(Node, frozen=True):
    """RENAME of a relation, or of its part `old`; of other objects by their names."""

    kind: str
    table: Table | None
    object: Value | None
    old: str
    new: str
    rest: Rest = ()


class SetSchema(Node, frozen=True):
    kind: str
    table: Table | None
    object: Value | None
    schema: str
    rest: Rest = ()


# The parser's message: what it becomes, and its fields in the order of the node's.
MAPPED: dict[str, tuple[Any, tuple[str, ...]]] = {
    "AlterObjectSchemaStmt": (SetSchema, ("object_type", "relation", "object", "newschema")),
    "AlterTableCmd": (AlterCommand, ("subtype", "name", "def", "missing_ok")),
    "AlterTableStmt": (AlterTable, ("relation", "cmds")),
    "ColumnDef": (ColumnDef, ("colname", "type_name", "constraints")),
    "CompositeTypeStmt": (CreateComposite, ("typevar", "coldeflist")),
    "Constraint": (
        ConstraintDef,
        ("contype", "conname", "keys", "fk_attrs", "pktable", "raw_expr", "exclusions"),
    ),
    "CreateDomainStmt": (CreateDomain, ("domainname", "type_name", "constraints")),
    "CreateEnumStmt": (CreateEnum, ("type_name", "vals")),
    "CreateFunctionStmt": (CreateFunction, ("funcname", "sql_body")),
    "CreatePolicyStmt": (CreatePolicy, ("policy_name", "table", "qual", "with_check")),
    "CreateRangeStmt": (CreateRange, ("type_name",)),
    "CreateStmt": (CreateTable, ("relation", "table_elts", "if_not_exists")),
    "CreateTableAsStmt": (CreateTableAs, ("objtype", "into", "query", "if_not_exists")),
    "CreateTrigStmt": (CreateTrigger, ("trigname", "relation")),
    "DropStmt": (Drop, ("remove_type", "objects")),
    "IndexElem": (IndexKey, ("name", "expr")),
    "IndexStmt": (
        CreateIndex,
        (
            *("idxname", "relation", "access_method", "unique", "index_params", "index_including_params"),
            *("where_clause", "if_not_exists"),
        ),
    ),
    "IntoClause": (Into, ("rel",)),
    "RenameStmt": (Rename, ("rename_type", "relation", "object", "subname", "newname")),
    "ViewStmt": (CreateView, ("view", "query")),
}


def names_of(found: Value | None) -> Names:
    """Return the names by which `Drop`, `Rename` and `SetSchema` speak of an object."""
    if isinstance(found, TypeRef):
        return found.names
    if isinstance(found, str):
        return (found,)
    return tuple(part for part in found if isinstance(part, str)) if isinstance(found, tuple) else ()
