"""What the tenant column of a table should be: its type, and where its value may come from."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, ObjectRef, Severity
from validate_schema.pack.model import catalog
from validate_schema.pack.sql import parse_type
from validate_schema.pack.subjects import TableColumn, tenant_columns

_TEXTS = frozenset({"text", "character varying"})
_LITERAL = re.compile(r"E?'(?:[^']|'')*'")
_CALL = re.compile(r'([\w".]+)\(')
_SESSION = re.compile(r"\b(current_setting\(|current_user\b|session_user\b|current_role\b)", re.IGNORECASE)
_GENERATOR = re.compile(r"\b(nextval|random|(gen_random_)?uuid\w*|uuid_generate\w*|uuidv[47])\(")
_NULL = re.compile(r"NULL(::.+)?", re.DOTALL)


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
    return None if found is None or column.generated or _NULL.fullmatch(found) else found


def judge_default(found: str, column: catalog.Column) -> tuple[Severity | None, str]:
    """Return the severity of a default (None: the check's own) and what it does, in words."""
    text = _LITERAL.sub("''", found)
    if column.identity or _GENERATOR.search(text):
        return None, f"makes its own values: {found}"
    if _SESSION.search(text):
        if _falls_back(found):
            return None, f"falls back to a constant: {found}"
        return Severity.INFO, "takes its default from the session"
    if _CALL.search(text):
        return Severity.INFO, "takes its default from a function"
    return None, f"has a constant default {found}"


def _falls_back(found: str) -> bool:
    """Tell whether a constant takes the place of a missing session value, as in
    ``COALESCE(NULLIF(current_setting('app.tenant'), ''), 'temp')``."""
    text = re.sub(r"current_setting\([^()]*\)", "session", found)
    text = re.sub(r"NULLIF\((session[^,]*), ''[^,()]*\)", r"\1", text)
    return "COALESCE(" in text and re.search(r"'|\b\d", text) is not None
