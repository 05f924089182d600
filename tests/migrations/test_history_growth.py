"""Files against a ledger of thousands: every one is looked at a few times, not beside every other."""

from dataclasses import replace
from pathlib import Path

import pytest

from validate_schema.migrations import tools
from validate_schema.migrations.history import compare as comparing
from validate_schema.migrations.history.checksums import Ahead, checksum, spelled
from validate_schema.migrations.history.compare import compare
from validate_schema.migrations.records import MigrationFile, MigrationSet
from validate_schema.migrations.tools import atlas
from validate_schema.model.history import Ledger, LedgerEntry

MANY = 3_000


def _files(first: int = 1) -> list[MigrationFile]:
    found = []
    for n in range(MANY):
        text = f"create table t{n} (id int);\n"
        version = f"{first + n:08}"
        found.append(MigrationFile(version, "t", Path(f"/m/{version}_t.sql"), text, raw=text.encode()))
    return found


def _compared(tool: str, files: list[MigrationFile], entries: list[LedgerEntry]) -> list[str]:
    migrations = MigrationSet(tool, Path("/m"), tuple(files))
    found = compare(migrations, Ledger(tool=tool, table="t", entries=tuple(entries)))
    return [entry.status for entry in found]


def test_every_file_may_have_another_number(monkeypatch: pytest.MonkeyPatch) -> None:
    summed = 0

    def counted(tool: str, file: MigrationFile) -> set[str]:
        nonlocal summed
        summed += 1
        return spelled(tool, file)

    monkeypatch.setattr(comparing, "spelled", counted)
    entries = [
        LedgerEntry(version=f"{50_000_000 - n:08}", checksum=checksum("sqlx", file), rank=n)
        for n, file in enumerate(_files())
    ]
    assert _compared("sqlx", _files(), entries) == ["renumbered"] * MANY
    assert summed == MANY


def test_gaps_and_lost_files_stand_where_they_belong() -> None:
    files = _files()
    entries = [LedgerEntry(version=f.version, rank=n) for n, f in enumerate(files[1::3])]
    entries += [LedgerEntry(version=f.version, rank=MANY + n) for n, f in enumerate(files[2::3])]
    statuses = _compared("sqlx", [f for n, f in enumerate(files) if n % 3 != 2], entries)
    assert statuses[:4] == ["gap", "unverifiable", "missing", "gap"]
    assert (statuses.count("gap"), statuses.count("missing")) == (MANY // 3, MANY // 3)


def test_a_chain_of_checksums_is_summed_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    summed = 0
    add = atlas._add

    def counted(before: object, file: MigrationFile) -> object:
        nonlocal summed
        summed += 1
        return add(before, file)

    monkeypatch.setattr(atlas, "_add", counted)
    assert atlas.TOOL.checksum is not None
    summing = replace(atlas.TOOL, checksum=replace(atlas.TOOL.checksum, add=counted))
    monkeypatch.setitem(tools._by_name(), "atlas", summing)
    files = _files()
    ahead = Ahead("atlas", files)
    entries = [
        LedgerEntry(version=f.version, name="t", checksum=checksum("atlas", f, ahead.first(n)), rank=n)
        for n, f in enumerate(files)
    ]
    summed = 0
    assert _compared("atlas", files, entries) == ["applied"] * MANY
    assert MANY < summed < 5 * MANY


def test_a_checksum_of_the_name_too_is_not_sought_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [replace(f, version=f.version.lstrip("0")) for f in _files()[:4]]
    entries = [
        LedgerEntry(
            version=str(900 + n), name="t", checksum=checksum("refinery", replace(f, version=str(900 + n)))
        )
        for n, f in enumerate(files)
    ]
    assert _compared("refinery", files, entries) == ["renumbered"] * 4
    monkeypatch.setattr(comparing, "_MOST_PAIRS", 15)
    assert sorted(set(_compared("refinery", files, entries))) == ["gap", "missing"]
