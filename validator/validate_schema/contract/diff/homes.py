"""One schema of a database under another name: two schemas beside each other, whatever they are called."""

import re
from typing import Any

import msgspec

from ...model.catalog import Catalog, Comment, QName, Routine
from ...model.relations import Record
from ...sql.ident import quote_ident, quote_literal, unquote_ident

# What stands in a schema, by the attribute of the catalog that lists it.
_STANDING = (
    "tables", "views", "enums", "domains", "functions", "sequences", "operators", "composites", "definitions",
    "collations",
)  # fmt: skip
_NAMES = frozenset({"name", "owner", "grantee", "role", "columns", "labels", "index", "constraint"})
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*")
_PATH = re.compile(r"search_path\s*=", re.IGNORECASE)


def only_schema(catalog: Catalog, schema: str, home: str) -> Catalog:
    """Return what `catalog` holds in `schema`, with `home` for that name wherever it stands, in the texts of
    types, expressions, queries and bodies as well.

    What stands in no schema is left out: extensions, publications, casts and the like.
    """
    moved = _Mover(schema, home)
    found = Catalog(
        server=msgspec.structs.replace(catalog.server, default_schema=home),
        format=catalog.format,
        roles=catalog.roles,
        schemas=tuple(msgspec.structs.replace(s, name=home) for s in catalog.schemas if s.name == schema),
        default_privileges=tuple(moved.record(d) for d in catalog.default_privileges if d.schema == schema),
        comments=tuple(map(moved.comment, filter(moved.concerns, catalog.comments))),
        unreadable=catalog.unreadable,
    )
    standing = {
        name: tuple(moved.record(o) for o in getattr(catalog, name) if o.schema == schema)
        for name in _STANDING
    }
    return msgspec.structs.replace(found, **standing)


def moved_text(text: str, schema: str, home: str) -> str:
    """Return a text that the server printed, with `home` for the name of a schema wherever that stands before
    a dot, or as an element of a search_path that a function is given."""
    said = _Mover(schema, home).text(text)
    if "SET search_path TO" not in said:
        return said
    element = re.compile(rf"(?<=[ ,]){re.escape(quote_literal(schema).strip())}(?=[,\n]|$)")
    lines = said.split("\n")
    return "\n".join(
        element.sub(quote_literal(home).strip(), line) if line.startswith(" SET search_path TO") else line
        for line in lines
    )


class _Mover:
    """Writes one schema's name for another's in every field of a record, and the reverse: what is called
    `home` already is another schema."""

    def __init__(self, schema: str, home: str) -> None:
        self._schema = schema
        self._names = {schema: home, home: schema}
        self._spelt = {text: name for name in self._names for text in _spellings(name)}
        spelt = "|".join(map(re.escape, self._spelt))
        self._qualified = re.compile(rf'(?<![\w$."])({spelt})(?=\.["\w])')
        self._word = re.compile(rf'(?<![\w$."])({spelt})(?![\w$."])')

    def record(self, record: Any) -> Any:
        found = {name: self._value(name, getattr(record, name)) for name in record.__struct_fields__}
        return type(record)(**found)

    def concerns(self, comment: Comment) -> bool:
        """Tell whether a comment is on something in the schema, or on itself."""
        pattern = self._word if comment.kind == "schema" else self._qualified
        return any(unquote_ident(name) == self._schema for name in pattern.findall(comment.name))

    def comment(self, comment: Comment) -> Comment:
        pattern = self._word if comment.kind == "schema" else self._qualified
        return msgspec.structs.replace(comment, name=pattern.sub(self._other, comment.name))

    def _value(self, field: str, value: Any) -> Any:
        if field == "schema":
            return self._names.get(value, value)
        if field == "owned_by" and value is not None:
            return (self._names.get(value[0], value[0]), *value[1:])
        if isinstance(value, (QName, Routine)):
            return value._replace(schema=self._names.get(value.schema, value.schema))
        if isinstance(value, Record):
            return self.record(value)
        if isinstance(value, tuple):
            return tuple(self._value(field, each) for each in value)
        return self.text(value) if isinstance(value, str) and field not in _NAMES else value

    def text(self, value: str) -> str:
        return (self._word if _PATH.match(value) else self._qualified).sub(self._other, value)

    def _other(self, found: re.Match[str]) -> str:
        text, name = found[1], self._names[self._spelt[found[1]]]
        if text == _in_literal(self._spelt[text]) != quote_ident(self._spelt[text]):
            return _in_literal(name)
        return name if _PLAIN.fullmatch(name) else quote_ident(name)


def _spellings(name: str) -> tuple[str, ...]:
    """Return how a name may stand in a text: bare, quoted, and in a literal, as `nextval` has it."""
    return (name, quote_ident(name), _in_literal(name))


def _in_literal(name: str) -> str:
    return quote_ident(name).replace("'", "''")
