"""A saved catalog as a contract: the target shall be as that database was."""

from pathlib import Path

from ..catalog.snapshot import load_snapshot
from ..contract.observed import observed_contract
from ..model.contract import Contract
from . import SourceContext, require_file


def read(entry: str, base: Path, _context: SourceContext) -> Contract:
    """Return what the snapshot holds. Raises `ConfigError`, or `SnapshotError` for another file."""
    return observed_contract(load_snapshot(require_file(entry, base)), entry, owners=True)
