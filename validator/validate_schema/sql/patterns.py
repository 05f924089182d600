"""Names of relations as people write them in the config: ``Task``, ``auth.users``, ``audit_*``.

A name is what the catalog stores, case-sensitive and unquoted. Without a schema the database's
default schema is meant. A part that itself holds a dot, a star or a quote is written in double
quotes, as in SQL: ``'"weird.name"'``. A star in an unquoted part stands for any characters.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ..model.catalog import QName

_PART = r'"(?:[^"]|"")+"|[^."]+'
_NAME = re.compile(rf"(?:({_PART})\.)?({_PART})")


class NamePattern(NamedTuple):
    """A parsed name. `schema_like` and `name_like` are regular expressions where a star was used."""

    schema: str | None
    name: str
    schema_like: str | None = None
    name_like: str | None = None

    @property
    def exact(self) -> bool:
        """Whether this names one relation rather than all that match."""
        return self.schema_like is None and self.name_like is None

    def matches(self, name: QName, default_schema: str) -> bool:
        """Tell whether `name` is meant, in a database whose default schema is `default_schema`."""
        if self.schema_like is not None:
            schema_fits = re.fullmatch(self.schema_like, name.schema, re.DOTALL) is not None
        else:
            schema_fits = name.schema == (default_schema if self.schema is None else self.schema)
        if not schema_fits or self.name_like is None:
            return schema_fits and name.name == self.name
        return re.fullmatch(self.name_like, name.name, re.DOTALL) is not None

    def qname(self, default_schema: str) -> QName:
        """Return the one relation that an exact pattern names."""
        return QName(default_schema if self.schema is None else self.schema, self.name)


@lru_cache(maxsize=4096)
def parse_pattern(text: str) -> NamePattern:
    """Parse ``name``, ``schema.name`` or either with stars. Raises ValueError with the reason."""
    found = _NAME.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r} is not a table name: write name or schema.name, and put a part "
            "that holds a dot or a quote in double quotes"
        )
    schema, name = found.groups()
    return NamePattern(
        _plain(schema) if schema is not None else None,
        _plain(name),
        _glob(schema) if schema is not None else None,
        _glob(name),
    )


def parse_name(text: str) -> tuple[str | None, str]:
    """Parse the name of one relation into (schema or None, name). Raises ValueError; a star is
    part of the name here."""
    parsed = parse_pattern(text)
    return parsed.schema, parsed.name


def write_name(name: QName, default_schema: str) -> str:
    """Return the text that `parse_pattern` reads back as exactly `name`."""
    parts = (name.name,) if name.schema == default_schema else (name.schema, name.name)
    return ".".join(_written(part) for part in parts)


def _written(part: str) -> str:
    return '"' + part.replace('"', '""') + '"' if re.search(r'[."*]', part) else part


def _plain(part: str) -> str:
    return part[1:-1].replace('""', '"') if part.startswith('"') else part


def _glob(part: str) -> str | None:
    if part.startswith('"') or "*" not in part:
        return None
    return ".*".join(re.escape(piece) for piece in part.split("*"))
