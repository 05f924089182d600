"""SQL files as a contract: what they create in an empty database.

They are run on the scratch server as a migration tool would run them, so that whatever PostgreSQL
understands is understood: dumps, declarative schema files, migrations.
"""

import re
from pathlib import Path

from ..catalog.reader import read_catalog
from ..contract.observed import Where, observed_contract
from ..migrations import MigrationFile, MigrationSet, discover, templated
from ..migrations.ddl.origins import find_origins
from ..model.catalog import QName
from ..model.contract import Contract
from ..model.finding import ObjectRef
from . import SourceContext, require_file

_OF_A_TOOL = re.compile(r"V?\d.*\.sql|migration\.sql|.*\.(?:up|down)\.sql", re.IGNORECASE)
_KINDS = {"column": "column", "key": "index", "policy": "policy"}


def read(entry: str, base: Path, context: SourceContext) -> Contract:
    """Return what an ``.sql`` file, or those of a folder, create.

    A folder of migrations is run in its tool's order, any other folder by path. Raises `MigrationError`
    with file and line for a statement that fails, `ScratchError` where there is no scratch server.
    """
    path = require_file(entry, base)
    files = files_of(path)
    server = context.server(files.digest)
    template, _ = templated(server, files, progress=context.progress)
    with server.database(template) as database, database.admin() as connection:
        catalog = read_catalog(connection, default_schema="public")
    return observed_contract(catalog, entry, places(files, entry, path))


def files_of(path: Path) -> MigrationSet:
    """Return the files in the order in which they are run. Raises `MigrationError` for a folder of
    migrations that two tools would run differently."""
    if path.is_file():
        return discover(path)
    found = sorted(p for p in path.rglob("*.sql") if "node_modules" not in p.relative_to(path).parts)
    if any(_OF_A_TOOL.fullmatch(p.name) for p in found):
        return discover(path)
    files = tuple(file for p in found for file in discover(p).files)
    return MigrationSet("plain", path, tuple(_named(file, path) for file in files))


def _named(file: MigrationFile, folder: Path) -> MigrationFile:
    name = file.path.relative_to(folder).as_posix()
    return MigrationFile(name, name, file.path, file.sql, file.first_line, file.mode)


def places(files: MigrationSet, entry: str, path: Path) -> Where:
    """Return the function that says where something was written: on its own line, else on its table's."""
    origins = find_origins(files)

    def where(kind: str, owner: QName, name: str) -> str:
        if kind == "enum":
            found = origins.exact(ObjectRef("enum", owner.schema, name=owner.name))
        elif kind in _KINDS:
            ref = ObjectRef.on_table(_KINDS[kind], owner, name)
            found = origins.exact(ref) or origins.of_table(ref)
        else:
            found = origins.exact(ObjectRef.of_table(owner))
        if found is None:
            return ""
        if path.is_file():
            return f"{entry}:{found.line}"
        file = (files.folder / found.file).relative_to(path).as_posix()
        return f"{entry.rstrip('/')}/{file}:{found.line}"

    return where
