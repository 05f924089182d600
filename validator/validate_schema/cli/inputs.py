"""What a run reads is not what it writes: an output onto an input is refused before anything is read."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..config import LoadedConfig
from ..model.errors import UsageError
from .options import Options

STDOUT = "-"


def refuse_inputs(outputs: Iterable[str | Path], inputs: Iterable[Path]) -> None:
    """Raise `UsageError` for an output that is one of the inputs, or lies in one that is a folder: by its
    path or by a link of either kind. What does not exist yet overwrites nothing."""
    known = {found: str(path) for path in outputs if str(path) != STDOUT and (found := _identity(Path(path)))}
    if not known:
        return
    for given in inputs:
        for path in _files(given):
            written = known.get(_identity(path) or (0, 0))
            if written is not None:
                raise UsageError(f"{written} is {path}, which this run reads: write to another file")


def inputs_of(options: Options, config: LoadedConfig) -> Iterator[Path]:
    """Yield the files and folders that a run reads, as its options and its config name them."""
    named, base = config.config, config.base
    migrations = named.migrations
    contracts = (contract.reveal() for contract in options.contracts)
    of_options = (options.snapshot, options.migrations, *contracts, *options.packs)
    of_config = (migrations.path, migrations.fixtures, *named.contract.from_, *named.checks.packs)
    yield from filter(None, (config.path, options.baseline))
    yield from (Path(entry) for entry in of_options if entry is not None)
    yield from (base / entry for entry in of_config if entry is not None)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _files(given: Path) -> Iterator[Path]:
    if not os.path.isdir(given):  # a long URL is no name of a file at all, which Path.is_dir raises for
        yield given
        return
    for folder, _, names in os.walk(given):
        yield from (Path(folder, name) for name in names)
