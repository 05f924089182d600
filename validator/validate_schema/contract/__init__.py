"""The declared state, from ``[contract]`` and the files that it names, as one `Contract`."""

from collections.abc import Callable
from pathlib import Path

from ..config import Config
from ..errors import ConfigError
from ..model.contract import Contract
from .declared import declared_contract
from .merge import merged

Source = Callable[[Path, str], Contract]


def build_contract(config: Config, base: Path) -> Contract:
    """Return what `config` declares; files in ``contract.from`` are relative to the folder `base`.

    Later files add to earlier ones and replace what both name; what the config itself says comes
    last. Raises `ConfigError` for a source that cannot be used, `SnapshotError` for a file that is
    not a snapshot.
    """
    contract = Contract()
    for name in config.contract.from_:
        contract = merged(contract, _source(name)(base / name, name))
    contract = merged(contract, declared_contract(config.contract))
    return Contract(contract.tables, contract.enums, config.contract.closed, config.contract.from_)


def _source(name: str) -> Source:
    if name.endswith(".json") and "://" not in name:
        return _snapshot
    raise ConfigError(
        f'contract.from: "{_masked(name)}" is not a source that can be read; supported is a catalog snapshot '
        "(.json), as written by validate-schema snapshot"
    )


def _masked(name: str) -> str:
    """A URL may hold a password: only its scheme is repeated."""
    return name.partition("://")[0] + "://…" if "://" in name else name


def _snapshot(path: Path, name: str) -> Contract:
    from ..catalog.snapshot import load_snapshot
    from .observed import observed_contract

    if not path.is_file():
        raise ConfigError(f'contract.from: there is no file "{name}" in {path.parent}')
    return observed_contract(load_snapshot(path), name)
