"""What the tenant column of a table should be: its type, and where its value may come from."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, ObjectRef, Severity
from validate_schema.pack.model import catalog
from validate_schema.pack.sql import Unreadable, parse_type, read_expression, syntax
from validate_schema.pack.subjects import TableColumn, tenant_columns

_TEXTS = frozenset({"text", "character varying"})
_FUNCTIONS = (syntax.Call, syntax.Coalesce, syntax.Extreme, syntax.NullIf, syntax.SessionValue)
_USERS = ("current_user", "session_user", "current_role", "user")


class TypedTenant(NamedTuple):
    """A tenant column with the type that it should have, and whose type that is."""

    table: catalog.Table
    column: catalog.Column
    wanted: str
    model: str

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("column", self.table.qname, self.column.name)


def typed_tenant_columns(facts: Facts) -> Iterator[TypedTenant]:
    """Tenant columns with the type of the root's key; without a root, the most frequent type."""
    subjects = list(tenant_columns(facts))
    wanted = {i: model_of(i, subjects, facts) for i in range(len(facts.tenancy.levels))}
    for table, column in subjects:
        model = wanted[facts.standings[table.qname].level]
        if model is not None:
            yield TypedTenant(table, column, *model)


def model_of(index: int, subjects: list[TableColumn], facts: Facts) -> tuple[str, str] | None:
    """Return the type that the tenant columns of a level should have, and where it is from."""
    level = facts.tenancy.levels[index]
    if level.root is not None:
        root = facts.tables_by_name.get(level.root)
        key = root.column(level.key) if root is not None and level.key is not None else None
        return (key.base_type, f"{facts.show(level.root)}.{level.key}") if key is not None else None
    here = [c.base_type for t, c in subjects if facts.standings[t.qname].level == index]
    if not here:
        return None
    counted = Counter(sorted(here)).most_common(1)[0]
    return counted[0], f"{counted[1]} of {len(here)} tenant tables"


def kind_of(type_name: str) -> tuple[str, str, bool]:
    """Return what two types must share to be compared without a cast; lengths do not count."""
    read = parse_type(type_name)
    return read.schema, "text" if read.name in _TEXTS else read.name, read.array


def default_of(column: catalog.Column, facts: Facts) -> str | None:
    """Return what fills the column when a statement leaves it out: an identity, its own default or that
    of its domain. None for nothing, for NULL, and for a generated column."""
    if column.identity:
        return f"generated {column.identity} as identity"
    found = column.default
    if found is None and column.type_name is not None:
        found = next((d.default for d in facts.catalog.domains if d.qname == column.type_name), None)
    return None if found is None or column.generated or _is_null(found) else found


def judge_default(found: str, column: catalog.Column) -> tuple[Severity | None, str]:
    """Return the severity of a default (None: the check's own) and what it does, in words."""
    if column.identity:
        return None, f"makes its own values: {found}"
    nodes = list(syntax.walk(*_read(found)))
    if not nodes:
        return Severity.INFO, "takes its default from an expression that cannot be read"
    if any(isinstance(n, syntax.Call) and _generates(n.name) for n in nodes):
        return None, f"makes its own values: {found}"
    if any(map(_of_the_session, nodes)):
        if any(map(_falls_back, nodes)):
            return None, f"falls back to a constant: {found}"
        return Severity.INFO, "takes its default from the session"
    if any(isinstance(n, _FUNCTIONS) for n in nodes):
        return Severity.INFO, "takes its default from a function"
    return None, f"has a constant default {found}"


def _read(text: str) -> tuple[syntax.Node, ...]:
    try:
        return (read_expression(text),)
    except Unreadable:
        return ()


def _is_null(text: str) -> bool:
    return any(syntax.uncast(tree) == syntax.Const("null") for tree in _read(text))


def _generates(name: str) -> bool:
    return name in ("nextval", "random") or name.removeprefix("gen_random_").startswith("uuid")


def _of_the_session(node: syntax.Node) -> bool:
    named = isinstance(node, syntax.SessionValue) and node.name in _USERS
    return named or (isinstance(node, syntax.Call) and node.name == "current_setting")


def _falls_back(node: syntax.Node) -> bool:
    """Tell whether a constant takes the place of a missing session value, as in
    ``COALESCE(NULLIF(current_setting('app.tenant'), ''), 'temp')``."""
    args = map(syntax.uncast, node.args) if isinstance(node, syntax.Coalesce) else ()
    return any(isinstance(arg, syntax.Const) and arg.value is not None for arg in args)
