"""The ledgers of all members of a database, read together."""

from collections import defaultdict
from collections.abc import Collection

from ..catalog.connect import Connection
from ..migrations.ledger import read_ledgers, read_ledgers_of
from ..model.fleet import LedgerRows


def read_versions(
    connection: Connection, schemas: Collection[str] | None
) -> dict[str, tuple[LedgerRows, ...]]:
    """Return what the ledgers of these schemas hold, by schema; None: of all. The snapshot is open."""
    found: dict[str, list[LedgerRows]] = defaultdict(list)
    whole = schemas is None
    for ledger in read_ledgers(connection) if whole else read_ledgers_of(connection, sorted(schemas or ())):
        rows = tuple((e.version, str(e.state)) for e in ledger.entries)
        found[ledger.schema].append(LedgerRows(ledger.tool, ledger.relation, rows, ledger.reason))
    return {schema: tuple(rows) for schema, rows in found.items()}
