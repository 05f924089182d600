"""Django models as a contract: the tables that Django makes of them in an empty database.

The tables are made from the models themselves, not from the migrations, so that a migration that was
forgotten is found. Django runs in a process of its own, because its settings are one per process.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..catalog.reader import read_catalog
from ..contract.observed import Where, observed_contract
from ..model.catalog import Catalog, QName
from ..model.contract import Contract, ExpectedTable
from ..model.errors import ConfigError
from ..scratch.standins import missing_extension
from . import SourceContext

if TYPE_CHECKING:
    from ..scratch import Database

_UNTRUSTED = re.compile(r'permission denied to create extension "(.+?)"')
# Settings often insist on it; it leads nowhere, so that nothing can reach the project's database.
_NOWHERE = "postgresql://nobody@localhost:1/nowhere"


def read(entry: str, base: Path, context: SourceContext) -> Contract:
    """Return what the models of a project declare; the entry is ``django:settings.module``.

    Django connects to the scratch database whatever the settings say. Raises `ConfigError` in one line for
    settings and models that fail, `ScratchError` where there is no scratch server.
    """
    module = entry.removeprefix("django:")
    if not all(part.isidentifier() for part in module.split(".")):
        raise ConfigError(f'contract source "{entry}" names no module; write django:project.settings')
    server = context.server(f"{base.resolve()} {module}")
    missing, refused = set[str](), dict[str, None]()
    while True:
        with server.database() as database:
            _make_extensions(database, refused)
            made = _make_tables(module, base, database)
            failure = made.get("error")
            if failure is None:
                with database.connect() as connection:
                    catalog = read_catalog(connection, default_schema="public")
                return _unnamed(observed_contract(catalog, entry, _places(made, catalog)), made)
        untrusted = _UNTRUSTED.search(failure) if server.lends_no_superuser else None
        if untrusted is not None and untrusted[1] not in refused:
            refused[untrusted[1]] = None
            continue
        lacking = missing_extension(failure)
        if lacking is None or lacking in missing:
            raise ConfigError(f'contract source "{entry}": {failure}')
        missing.add(lacking)
        server.stand_in(lacking)


def _make_extensions(database: "Database", names: Iterable[str]) -> None:
    """Create extensions that take a superuser, as those of migrations in SQL are (`behalf`)."""
    with database.connect(autocommit=True) as connection:
        for name in names:
            connection.execute(
                "select pg_catalog.validate_schema_extension(%s, null, null, true, true)", [name]
            )


def _make_tables(module: str, base: Path, database: "Database") -> dict[str, Any]:
    """Let Django make the tables; return the lines of the models, or the error in one line."""
    with tempfile.TemporaryDirectory(prefix="validate-schema-") as folder:
        result = Path(folder, "result.json")
        given = {
            "settings": module,
            "base": str(base.resolve()),
            "connection": database.parameters,
            "result": str(result),
        }
        ran = subprocess.run(
            [sys.executable, "-m", f"{__package__}.django_process"],
            input=json.dumps(given),
            cwd=base,
            env=_environment(module),
            capture_output=True,
            text=True,
            check=False,
        )
        if result.exists():
            found: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
            return found
    last = (ran.stderr.strip().splitlines() or ["no message"])[-1]
    return {"error": f"Django ended with exit status {ran.returncode}: {last}"}


def _environment(module: str) -> dict[str, str]:
    """Return the environment without what would lead to another database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"DATABASE_URL": _NOWHERE, "DJANGO_SETTINGS_MODULE": module}


def _unnamed(contract: Contract, made: dict[str, Any]) -> Contract:
    """Return the contract without the names that no model gives: Django names a unique or a foreign key
    otherwise where a later migration adds it."""

    def named(table: ExpectedTable) -> ExpectedTable:
        given = made["tables"].get(table.name, {}).get("keys", {})
        key = table.primary_key
        return replace(
            table,
            primary_key=replace(key, name=None) if key is not None else None,
            uniques=tuple(k if k.name in given else replace(k, name=None) for k in table.uniques),
            foreign_keys=tuple(replace(k, name=None) for k in table.foreign_keys),
            objects=tuple(o for o in table.objects if o.kind == "check" and o.label in given),
            lists=(),
        )

    return replace(contract, tables=tuple(map(named, contract.tables)), objects=(), lists=())


def _places(made: dict[str, Any], catalog: Catalog) -> Where:
    """Return the function that says where something was written: keys without a line of their own on
    that of their only column, else on their table's."""
    tables: dict[str, dict[str, Any]] = made["tables"]
    columns: dict[tuple[QName, str], tuple[str | None, ...]] = {}
    for table in catalog.tables:
        columns |= {(table.qname, index.name): index.columns for index in table.indexes}
        columns |= {(table.qname, key.name): key.columns for key in table.constraints}

    def where(kind: str, owner: QName, name: str) -> str:
        lines = tables.get(owner.name)
        if lines is None:
            return ""
        whole: str = lines["where"]
        if kind == "column":
            return lines["columns"].get(name) or whole
        if kind == "key":
            only = columns.get((owner, name), ())
            column = lines["columns"].get(only[0]) if len(only) == 1 else None
            return lines["keys"].get(name) or column or whole
        return whole

    return where
