"""Another database as a contract: the target shall be as that one is. It is only read."""

from pathlib import Path

from ...model.contract import Contract
from ..observed import observed_contract
from . import SourceContext


def read(entry: str, _base: Path, _context: SourceContext) -> Contract:
    """Return what the database at the URL `entry` holds.

    Raises `UsageError` for a URL that cannot be used, `ConnectError` when the server cannot be reached.
    Neither a message nor an expectation holds the password.
    """
    from ...catalog import read_catalog
    from ...target import connect, parse_url

    destination = parse_url(entry)
    with connect(entry) as connection:
        catalog = read_catalog(connection, default_schema=destination.default_schema)
    return observed_contract(catalog, destination.shown)
