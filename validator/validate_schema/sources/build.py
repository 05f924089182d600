"""The declared state, from ``[contract]`` and the sources that it names, as one `Contract`."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ..config import Config
from ..contract.declared import declared_contract
from ..contract.merge import merged
from ..model.contract import Contract
from ..model.secret import Secret
from . import SourceContext, read_source, shown


def build_contract(
    config: Config, base: Path, context: SourceContext | None = None, *, named: Sequence[Secret] = ()
) -> Contract:
    """Return what `config` declares, and the sources that the command line `named`.

    Entries of ``contract.from`` are relative to the folder `base`, those of `named` to the working
    directory. Later sources add to earlier ones and replace what both name; what the config itself
    says comes last. `context` holds what sources need, such as the scratch server.
    Raises `ConfigError` for a source that cannot be used, `SnapshotError` for a file that is not a
    snapshot, `ScratchError` where a source needs a server and there is none.
    """
    entries = [(Secret(entry), base) for entry in config.contract.from_]
    entries += [(entry, Path()) for entry in named]
    contract = Contract()
    with context or SourceContext() as given:
        for entry, folder in entries:
            contract = merged(contract, read_source(entry, folder, given))
    return msgspec.structs.replace(
        merged(contract, declared_contract(config.contract)),
        closed=config.contract.closed,
        sources=tuple(shown(entry) for entry, _ in entries),
    )
