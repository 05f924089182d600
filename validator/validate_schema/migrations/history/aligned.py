"""A ledger's entries in the terms of the files: what its rows mean is for some tools in the files."""

from collections.abc import Callable, Sequence

import msgspec

from ...model.history import Ledger, LedgerEntry
from ..records import MigrationFile, MigrationSet
from .identity import identity


def aligned(migrations: MigrationSet, ledger: Ledger) -> tuple[LedgerEntry, ...]:
    """Return the entries of `ledger` that concern these files, their versions as the files have them."""
    align = _ALIGN.get(ledger.tool)
    entries = align(everything(migrations), ledger.entries) if align else ledger.entries
    return tuple(entries)


def everything(migrations: MigrationSet) -> tuple[MigrationFile, ...]:
    """Return all files that have a version, also those that another hides or a baseline holds."""
    return (*migrations.superseded, *migrations.files, *migrations.shadowed)


def others(migrations: MigrationSet, ledger: Ledger) -> tuple[str, ...]:
    """Return the Django apps in the ledger that have no migrations here: they come with packages."""
    if ledger.tool != "django":
        return ()
    apps = _apps(everything(migrations))
    return tuple(sorted({_app(entry.version) for entry in ledger.entries} - apps))


def _app(version: str) -> str:
    return version.partition(".")[0]


def _apps(files: Sequence[MigrationFile]) -> set[str]:
    return {_app(file.version) for file in files}


def _django(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Leave out apps that are not here, and add squashed migrations whose parts are all recorded.

    Source: django/db/migrations/loader.py: only then does a squashed one count as applied.
    """
    apps = _apps(files)
    here = [entry for entry in entries if _app(entry.version) in apps]
    recorded = {entry.version for entry in here}
    present = {file.version for file in files}
    held: set[str] = set()
    for file in files:
        if not file.replaces or not set(file.replaces) <= recorded:
            continue
        held |= set(file.replaces) - present
        if file.version not in recorded:
            here.append(LedgerEntry(version=file.version, name=file.name, message="by its parts"))
    for file in files:
        held |= set(file.replaces) - present if file.version in recorded else set()
    return [entry for entry in here if entry.version not in held]


def _alembic(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """The rows are heads: all that they descend from is applied too."""
    requires = {file.version: file.requires for file in files}
    found: dict[str, LedgerEntry] = {}
    waiting = [entry.version for entry in entries]
    while waiting:
        version = waiting.pop()
        if version not in found:
            found[version] = LedgerEntry(version=version)
            waiting += requires.get(version, ())
    known = {file.version for file in files}
    # A parent that is nowhere on disk was not said to be applied by the ledger: only its rows are.
    rows = {entry.version for entry in entries}
    return [entry for entry in found.values() if entry.version in known | rows]


def _sqitch(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """A change that was reworked is deployed once under its name for each time that it is planned."""
    planned: dict[str, list[str]] = {}
    for file in files:
        planned.setdefault(file.name, []).append(file.version)
    result = []
    for entry in entries:
        versions = planned.get(entry.version, [])
        version = versions.pop(0) if versions else entry.version
        result.append(msgspec.structs.replace(entry, version=version, name=version))
    return result


def _popx(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Ory's popx takes a version of 20 digits for applied where its first 14 are recorded."""
    recorded = {entry.version for entry in entries}
    long = {f.version[:14]: f.version for f in files if len(f.version) == 20}
    result = []
    for entry in entries:
        version = long.get(entry.version, entry.version) if len(entry.version) == 14 else entry.version
        if version == entry.version or version not in recorded:
            result.append(msgspec.structs.replace(entry, version=version))
    return result


def _drizzle(files: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    """Directories of 1.x may meet rows of 0.x, which have no name: the hash tells whose they are."""
    from .checksums import checksum

    if any(file.version.isdecimal() for file in files):
        by_tag = {file.name: file.version for file in files}
        return [msgspec.structs.replace(e, version=by_tag.get(e.name, e.version), name="") for e in entries]
    by_hash = {checksum("drizzle", file): file.version for file in files}
    return [
        msgspec.structs.replace(e, version=by_hash.get(e.checksum, e.version)) if not e.name else e
        for e in entries
    ]


def _flyway(_: Sequence[MigrationFile], entries: Sequence[LedgerEntry]) -> list[LedgerEntry]:
    return [msgspec.structs.replace(e, version=identity("flyway", e.version)) for e in entries]


_ALIGN: dict[str, Callable[[Sequence[MigrationFile], Sequence[LedgerEntry]], list[LedgerEntry]]] = {
    "alembic": _alembic,
    "django": _django,
    "drizzle": _drizzle,
    "flyway": _flyway,
    "pop": _popx,
    "sqitch": _sqitch,
}
