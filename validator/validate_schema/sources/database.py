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
    from ..catalog.connect import connect, parse_url
    from ..catalog.engines import engine_at
    from ..catalog.reader import read_catalog

    if (engine := engine_at(entry)) is not None:
        return observed_contract(*engine.offers().read(entry))
    destination = parse_url(entry)
    with connect(entry) as own:
        catalog = read_catalog(own, default_schema=destination.default_schema)
    return observed_contract(catalog, destination.shown, owners=True)
