"""SQLAlchemy models as a contract: what `metadata.create_all` would make of them in PostgreSQL.

No database is asked: types and expressions are compiled with SQLAlchemy's PostgreSQL dialect.
Source: SQLAlchemy documentation, "PostgreSQL" (dialect options) and "Configuring Constraint Naming
Conventions".
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from ..model.contract import Contract, ExpectedTable, ExpectedView
from ..model.errors import ConfigError
from . import SourceContext
from .class_lines import ClassLines
from .models_columns import Reader, column, enums
from .models_keys import checks, foreign_keys, indexes, primary_key, uniques
from .models_where import TableLines
from .modules import brief, import_object, project_modules

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table

_FORM = "write models:package.module:Base"
_VIEW = "is_view"


def read(entry: str, base: Path, _context: SourceContext) -> Contract:
    """Return what models declare: ``models:module:Base``, where Base is a declarative base, a registry,
    a MetaData, a Table or a collection of them. ``?tenant=public`` puts tables of the schema ``tenant``
    into ``public``, as `schema_translate_map` does; an empty name stands for the default schema.

    Raises `ConfigError` in one line for a module that fails and for models that cannot be compiled.
    """
    module, path, schemas = _parts(entry)
    with project_modules(base):
        found = import_object(entry, module, path)
        try:
            tables = tuple(_tables(found))
        except TypeError:
            raise ConfigError(
                f'contract source "{entry}": {path} is a {type(found).__name__}, '
                "not a declarative base, MetaData, Table or collection of these"
            ) from None
        if not tables:
            raise ConfigError(
                f'contract source "{entry}": {path} has no tables; name a module that imports all models'
            )
        try:
            contract = _contract(tables, Reader(entry, schemas), TableLines(ClassLines(base), found, module))
        except _sqlalchemy_error() as error:
            raise ConfigError(f'contract source "{entry}": {brief(error)}') from None
    # SQLAlchemy's names are a kind of text of its own, which no encoder knows.
    return msgspec.json.decode(msgspec.json.encode(contract, enc_hook=str), type=Contract)


def _parts(entry: str) -> tuple[str, str, dict[str, str]]:
    target, _, query = entry.removeprefix("models:").partition("?")
    module, colon, path = target.partition(":")
    if not (module and colon and path):
        raise ConfigError(f'contract source "{entry}" names no object of a module; {_FORM}')
    return module, path, dict(parse_qsl(query, keep_blank_values=True))


def _sqlalchemy_error() -> type[Exception]:
    from sqlalchemy.exc import SQLAlchemyError

    return SQLAlchemyError


def _tables(found: Any) -> Iterator["Table"]:
    """Yield the tables of whatever was named, each once. Raises TypeError for anything else."""
    from sqlalchemy import MetaData, Table

    if isinstance(found, Table):
        yield found
    elif isinstance(found, MetaData):
        yield from found.tables.values()
    elif isinstance(getattr(found, "__table__", None), Table):
        yield found.__table__
    elif isinstance(metadata := getattr(found, "metadata", None), MetaData):
        yield from _mapped(found, metadata)
    elif isinstance(found, Iterable) and not isinstance(found, str):
        items = found.values() if hasattr(found, "values") else found
        seen: dict[int, Table] = {}
        for item in items:
            seen |= {id(table): table for table in _tables(item)}
        yield from seen.values()
    else:
        raise TypeError


def _mapped(found: Any, metadata: "MetaData") -> Iterator["Table"]:
    """Yield a base's tables. Its classes may keep theirs in MetaData of their own."""
    from sqlalchemy import Table

    tables = {id(table): table for table in metadata.tables.values()}
    registry = getattr(found, "registry", None)
    for mapper in getattr(registry, "mappers", ()):
        if isinstance(mapper.local_table, Table):
            tables.setdefault(id(mapper.local_table), mapper.local_table)
    yield from tables.values()


def _contract(tables: tuple["Table", ...], reader: Reader, lines: TableLines) -> Contract:
    views = [t for t in tables if t.info.get(_VIEW)]
    plain = [t for t in tables if not t.info.get(_VIEW)]
    found = [_table(table, reader, lines) for table in plain]
    return Contract(
        tuple(sorted(found, key=lambda t: (t.schema or "", t.name))),
        tuple(sorted(enums(plain, reader, lines), key=lambda e: (e.schema or "", e.name))),
        views=tuple(
            ExpectedView(
                name=view.name,
                schema=reader.schema(view.schema),
                columns=tuple(c.name for c in view.columns),
                origin=reader.entry,
                where=lines.table(view),
            )
            for view in sorted(views, key=lambda v: (v.schema or "", v.name))
        ),
    )


def _table(table: "Table", reader: Reader, lines: TableLines) -> ExpectedTable:
    references = tuple(foreign_keys(table, reader, lines))  # first: columns may take their types from there
    return ExpectedTable(
        name=table.name,
        schema=reader.schema(table.schema),
        columns=tuple(column(c, reader, lines) for c in table.columns),
        primary_key=primary_key(table, reader, lines),
        uniques=tuple(uniques(table, reader, lines)),
        indexes=tuple(indexes(table, reader, lines)),
        foreign_keys=references,
        complete=True,
        objects=tuple(sorted(checks(table, reader, lines), key=lambda item: item.label)),
        origin=reader.entry,
        where=lines.table(table),
    )
