"""A Prisma schema as a contract: what Prisma Migrate would make of it in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

from ..model.contract import Contract, ExpectedEnum, ExpectedTable, ExpectedView
from ..model.errors import ConfigError
from ..model.limits import require_size
from . import SourceContext, require_file
from .prisma_columns import column
from .prisma_keys import indexes, primary_key, uniques
from .prisma_relations import foreign_keys, join_tables
from .prisma_schema import Schema, column_name, mapped, resolve, schema_of
from .prisma_syntax import Block, parse


def read(entry: str, base: Path, _context: SourceContext) -> Contract:
    """Return the tables, enums and views of a ``.prisma`` file, or of all such files in a folder.

    Raises `ConfigError` with file and line for what cannot be read.
    """
    blocks = [block for path, name in _files(entry, base) for block in parse(_text(path, name), name)]
    return contract_of(resolve(blocks), entry)


def contract_of(schema: Schema, origin: str) -> Contract:
    """Return what a schema declares, sorted by name."""
    tables = [_table(schema, block, origin) for block in schema.models.values()]
    tables += join_tables(schema, origin)
    return Contract(
        tuple(sorted(tables, key=lambda t: (t.schema or "", t.name))),
        tuple(sorted(_enums(schema, origin), key=lambda e: (e.schema or "", e.name))),
        views=tuple(sorted(_views(schema, origin), key=lambda v: (v.schema or "", v.name))),
    )


def _files(entry: str, base: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files, each with its name for people: the entry, and what follows it."""
    path = require_file(entry, base)
    if path.is_file():
        yield path, entry
        return
    found = sorted(p for p in path.rglob("*.prisma") if "node_modules" not in p.relative_to(path).parts)
    if not found:
        raise ConfigError(f'contract source "{entry}": the folder holds no .prisma file')
    for file in found:
        yield file, f"{entry.rstrip('/')}/{file.relative_to(path).as_posix()}"


def _text(path: Path, name: str) -> str:
    try:
        require_size(name, path.stat().st_size, "contract_bytes", ConfigError)
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot read {name}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8 text (byte {error.start})") from None


def _table(schema: Schema, block: Block, origin: str) -> ExpectedTable:
    return ExpectedTable(
        name=mapped(block),
        schema=schema_of(block),
        columns=tuple(column(schema, field, origin) for field in schema.columns(block)),
        primary_key=primary_key(schema, block, origin),
        uniques=tuple(uniques(schema, block, origin)),
        indexes=tuple(indexes(schema, block, origin)),
        foreign_keys=tuple(foreign_keys(schema, block, origin)),
        complete=True,
        origin=origin,
        where=str(block.place),
    )


def _enums(schema: Schema, origin: str) -> Iterator[ExpectedEnum]:
    for block in schema.enums.values():
        yield ExpectedEnum(
            name=mapped(block),
            schema=schema_of(block),
            labels=tuple(map(column_name, block.fields)),
            ordered=False,  # Prisma Migrate adds new values last, wherever they stand in the schema
            origin=origin,
            where=str(block.place),
        )


def _views(schema: Schema, origin: str) -> Iterator[ExpectedView]:
    for block in schema.views.values():
        yield ExpectedView(
            name=mapped(block),
            schema=schema_of(block),
            columns=tuple(map(column_name, schema.columns(block))),
            origin=origin,
            where=str(block.place),
        )
