"""The ledgers of all members of a database, read together."""

from collections import defaultdict
from collections.abc import Collection

from ..catalog.connect import Connection
from ..migrations.ledger import read_ledgers
from ..model.fleet import LedgerRows


def read_versions(
    connection: Connection, schemas: Collection[str] | None
) -> dict[str, tuple[LedgerRows, ...]]:
    """Return what the ledgers of these schemas hold, by schema; None: of all. The snapshot is open."""
    wanted = None if schemas is None else frozenset(schemas)
    found: dict[str, list[LedgerRows]] = defaultdict(list)
    for ledger in read_ledgers(connection):
        if wanted is not None and ledger.schema not in wanted:
            continue
        rows = tuple((e.version, str(e.state)) for e in ledger.entries)
        found[ledger.schema].append(LedgerRows(ledger.tool, ledger.relation, rows, ledger.reason))
    return {schema: tuple(rows) for schema, rows in found.items()}
