"""Which of SQLite's types stands for which of PostgreSQL's.

SQLite keeps any text as a column's type and looks only for a few words in it. A declared type is met by
every type that SQLAlchemy, Django or Prisma write for it. Source: SQLite documentation, "Datatypes In
SQLite", 3.1; SQLAlchemy documentation, "SQLite Data Types".
"""

import re

from ...sql.types import parse_type, same_type

_SIZE = re.compile(r"\(\s*([^()]*?)\s*\)")
_ALSO = {
    "boolean": {"bool", "boolean", "integer", "tinyint"},
    "uuid": {"uuid", "guid", "char", "character", "varchar", "text", "blob", "uniqueidentifier"},
    "date": {"date", "text"},
    "json": {"json", "jsonb", "text"},
    "jsonb": {"json", "jsonb", "text"},
    "bytea": {"blob", "bytea", "binary", "varbinary"},
    "interval": {"datetime", "text", "bigint", "integer"},
    "numeric": {"numeric", "decimal", "text"},
    "money": {"numeric", "decimal", "money"},
}  # fmt: skip
_MOMENTS = {"timestamp": {"datetime", "timestamp", "text"}, "time": {"time", "text"}}
_INTEGERS = frozenset({"smallint", "integer", "bigint"})
_FLOATS = frozenset({"real", "double precision"})
_SIZED = frozenset({"character varying", "character", "numeric"})


def stands_for(written: str, declared: str, default_schema: str) -> bool:
    """Tell whether the SQLite type `written` is what `declared`, a type of PostgreSQL, is there."""
    if same_type(declared, written, default_schema):
        return True
    wanted = parse_type(declared, default_schema)
    words = " ".join(_SIZE.sub(" ", written).lower().split())
    size = _SIZE.search(written)
    given = tuple(part.strip() for part in size[1].split(",")) if size else ()
    if wanted.array:
        return words in ("json", "jsonb", "text")
    if wanted.name in _SIZED and given and wanted.modifiers and given != wanted.modifiers:
        return False
    if wanted.name in _INTEGERS:
        return "int" in words
    if wanted.name in _FLOATS:
        return any(word in words for word in ("real", "floa", "doub"))
    for name, names in _MOMENTS.items():
        if wanted.name.startswith(name) and not wanted.schema:
            return words.partition(" ")[0] in names
    if not wanted.schema and wanted.name in _ALSO:
        return words in _ALSO[wanted.name]
    return is_text(words)


def is_text(words: str) -> bool:
    """Tell whether SQLite gives the type its TEXT affinity."""
    return any(word in words.lower() for word in ("char", "clob", "text"))
