"""Another database as a contract: the target shall be as that one is. It is only read."""

from pathlib import Path

from ..contract.observed import observed_contract
from ..model.contract import Contract
from . import SourceContext


def read(entry: str, _base: Path, _context: SourceContext) -> Contract:
    """Return what the database at the URL `entry` holds.

    Raises `UsageError` for a URL that cannot be used, `ConnectError` when the server cannot be reached.
    Neither a message nor an expectation holds the password.
    """
    from ..catalog import read_catalog
    from ..catalog.connect import connect, parse_url
    from ..catalog.sqlite import is_sqlite

    if is_sqlite(entry):
        from ..catalog.sqlite.opening import opened, shown
        from ..catalog.sqlite.reader import read_sqlite

        with opened(entry) as connection:
            name = shown(entry)
            return observed_contract(read_sqlite(connection, name), name)
    destination = parse_url(entry)
    with connect(entry) as own:
        catalog = read_catalog(own, default_schema=destination.default_schema)
    return observed_contract(catalog, destination.shown, owners=True)
