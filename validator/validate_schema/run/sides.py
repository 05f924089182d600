"""The two sides of a comparison: which form each has, and what is in it."""

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from ..migrations import discover
from ..model.catalog import Catalog
from ..model.contract import Contract
from ..model.difference import Compared
from ..model.errors import MigrationError, ReplayError, UsageError
from ..model.progress import Progress
from ..model.secret import Secret, reveal
from ..sources import SourceContext, read_source, shown
from .source import Source, open_source

PREFIXES = ("url", "snapshot", "migrations", "contract")
_OWN = re.compile(r"(models|django):")  # forms of contract that have a prefix of their own
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]*://")
_SCHEMA = "#schema="
_SETTINGS = re.compile(r"\s*[a-z_]+\s*=")


class Named(NamedTuple):
    """What was given on the command line: the kind of thing, what it is called, and the one schema of it
    that is meant ("": all of it)."""

    kind: str
    entry: Secret
    schema: str = ""


@dataclass(frozen=True)
class Side:
    """One side: a catalog, or what was declared. `replayed`: the catalog is a scratch server's. `schema` is
    the only one that is meant, "" where all are."""

    compared: Compared
    catalog: Catalog | None = None
    contract: Contract = Contract()
    replayed: bool = False
    notes: tuple[str, ...] = ()
    schema: str = ""


def recognise(given: str | Secret, tool: str | None = None) -> Named:
    """Return what was `given`: by its prefix, else a URL by its scheme, a file by its suffix, a folder by
    what is in it. It may end in ``#schema=…``.

    Raises `UsageError` where it is nothing, or could be two things: then it names the prefix to use.
    """
    entry, mark, schema = reveal(given).rpartition(_SCHEMA)
    if not mark:
        return _recognise(schema, tool)
    named = _recognise(entry, tool)
    if not schema or named.kind == "contract":
        why = "a declaration has no schema of its own" if schema else "the schema's name is missing"
        raise UsageError(f"{_SCHEMA}{schema}: {why}")
    return named._replace(schema=schema)


def _recognise(entry: str, tool: str | None) -> Named:
    prefix, colon, rest = entry.partition(":")
    if colon and prefix in PREFIXES and not rest.startswith("//"):
        if not rest.strip():
            raise UsageError(f"{entry}: what follows the colon is missing")
        return Named(prefix, Secret(rest))
    if _OWN.match(entry):
        return Named("contract", Secret(entry))
    if _URL.match(entry):
        return Named("url", Secret(entry))
    path = Path(entry)
    if path.is_dir():
        return Named(_folder(path, tool), Secret(entry))
    if path.exists():
        return Named(_file(path), Secret(entry))
    if _SETTINGS.match(entry):
        return Named("url", Secret(entry))
    written = "what was given" if str(Secret(entry)) != entry else entry  # a slip of a URL or of settings
    raise UsageError(f"{written}: there is no such file or folder, and it is no URL")


def _file(path: Path) -> str:
    kinds = {".json": "snapshot", ".sql": "migrations", ".prisma": "contract"}
    if path.suffix not in kinds:
        raise UsageError(
            f"{path}: cannot tell what it is; write snapshot:{path}, migrations:{path} or contract:{path}"
        )
    return kinds[path.suffix]


def _folder(path: Path, tool: str | None) -> str:
    declares = any("node_modules" not in p.relative_to(path).parts for p in path.rglob("*.prisma"))
    try:
        discover(path, tool)
    except MigrationError as error:
        if declares:
            return "contract"
        raise MigrationError(f"{error}; if it declares a schema, write contract:{path}") from None
    if declares:
        raise UsageError(
            f"{path}: holds migrations and a Prisma schema; write migrations:{path} or contract:{path}"
        )
    return "migrations"


def open_side(
    named: Named,
    context: SourceContext,
    progress: Progress,
    *,
    tool: str | None = None,
    timeout_ms: int = 30_000,
) -> Side:
    """Read one side. Migrations are replayed on a scratch server, once for each state of their files.

    Raises `UsageError` where it cannot be used, `ConnectError` and `ReadError` for a database that does not
    answer, `ReplayError` for migrations that fail, `ScratchError` where there is no scratch server.
    """
    if named.kind == "contract":
        with progress.step(f"reading {shown(named.entry)}"):
            contract = read_source(named.entry, Path(), context)
        return Side(Compared(kind="contract", name=shown(named.entry)), contract=contract)
    return _of_schema(_open_catalog(named, context, progress, tool, timeout_ms), named.schema)


def _of_schema(side: Side, schema: str) -> Side:
    """Mark the one schema of a side that is meant."""
    if not schema or side.catalog is None:
        return side
    known = [s.name for s in side.catalog.schemas]
    if schema not in known:
        raise UsageError(
            f"{side.compared.name}: there is no schema {schema}; it has {', '.join(known) or 'none'}"
        )
    named = replace(side.compared, name=f"{side.compared.name}{_SCHEMA}{schema}")
    return dataclasses.replace(side, compared=named, schema=schema)


def _open_catalog(
    named: Named, context: SourceContext, progress: Progress, tool: str | None, timeout_ms: int
) -> Side:
    source = Source(scratch=context.scratch, statement_timeout_ms=timeout_ms, tool=tool)
    if named.kind == "url":
        return side_of(replace(source, database_url=named.entry), progress)
    path = named.entry.reveal()
    if named.kind == "snapshot":
        return side_of(replace(source, snapshot=Path(path)), progress, path)
    return side_of(replace(source, migrations=Path(path)), progress, path)


def side_of(source: Source, progress: Progress, name: str = "") -> Side:
    """Read the side that a source is, under the name that it was given, its own without one. Raises what
    `open_side` does."""
    if source.migrations is None:
        return _catalog_of(source, name or str(source.snapshot or ""), progress)
    # What is wrong with the files themselves is said as that.
    discover(source.migrations, source.tool, programs=source.command is not None)
    try:
        return _catalog_of(source, name or str(source.migrations), progress)
    except MigrationError as error:
        raise ReplayError(str(error)) from None


def _catalog_of(source: Source, name: str, progress: Progress) -> Side:
    with open_source(source, progress) as opened:
        catalog = opened.catalog
        compared = Compared(
            kind=opened.kind,
            name=name or opened.server,
            server=f"{catalog.server.product} {catalog.server.version}",
        )
        notes = []
        if opened.stand_ins:
            notes.append(
                f"made up for {compared.name}, because migrations do not: {', '.join(opened.stand_ins)}"
            )
        return Side(compared, catalog, replayed=opened.kind == "migrations", notes=tuple(notes))
