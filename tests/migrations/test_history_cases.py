"""What files and ledger together say where a version alone does not tell: moved, replaced, backfilled."""

from dataclasses import replace
from pathlib import Path

import pytest

from validate_schema.migrations.history.checksums import checksum
from validate_schema.migrations.history.compare import compare, notes, shared
from validate_schema.migrations.records import MigrationFile, MigrationSet
from validate_schema.model.history import Ledger, LedgerEntry, LedgerState, SharedVersion

FOLDER = Path("migrations")


def file(version: str, name: str, sql: str = "", path: str = "", **more: object) -> MigrationFile:
    text = sql or f"create table {name} (id int);\n"
    made = MigrationFile(version, name, FOLDER / (path or f"{version}_{name}.sql"), text, raw=text.encode())
    return replace(made, **more)  # type: ignore[arg-type]


def migrations(tool: str, *files: MigrationFile, **more: object) -> MigrationSet:
    return replace(MigrationSet(tool, FOLDER, files), **more)  # type: ignore[arg-type]


def row(
    tool: str, source: MigrationFile, state: LedgerState = "applied", rank: int | None = None, **more: str
) -> LedgerEntry:
    given = {"version": source.version, "name": source.name, "checksum": checksum(tool, source), **more}
    return LedgerEntry(state=state, rank=rank, **given)


def ledger(tool: str, *entries: LedgerEntry, **more: object) -> Ledger:
    return Ledger(tool=tool, table="t", entries=entries, **more)  # type: ignore[arg-type]


def statuses(found: MigrationSet, recorded: Ledger | None) -> list[tuple[str, str]]:
    return [(e.file.split("/")[-1] or e.version, e.status) for e in compare(found, recorded)]


A, B, C = file("1", "a"), file("2", "b"), file("3", "c")
SET = "applied-set"


def test_gaps_are_found_whatever_was_applied_after_them() -> None:
    files = [file(str(n), f"t{n}") for n in range(1, 8)]
    recorded = ledger(SET, *(row(SET, f) for f in files if f.version in ("1", "3", "6")))
    assert [s for _, s in statuses(migrations(SET, *files), recorded)] == [
        "applied", "gap", "applied", "gap", "gap", "applied", "pending",
    ]  # fmt: skip


def test_a_version_above_without_a_file_makes_a_gap_too() -> None:
    recorded = ledger(SET, row(SET, A), row(SET, C))
    assert statuses(migrations(SET, A, B), recorded) == [
        ("1_a.sql", "applied"),
        ("2_b.sql", "gap"),
        ("3", "missing"),
    ]


def test_a_number_is_a_version_however_it_is_padded() -> None:
    recorded = ledger(SET, row(SET, A, version="0001"), row(SET, B, version="002"))
    assert [s for _, s in statuses(migrations(SET, A, B), recorded)] == ["applied", "applied"]


def test_another_name_with_the_same_content_is_renamed_and_with_another_reused() -> None:
    recorded = ledger(SET, row(SET, A, name="old"), row(SET, B, name="old", checksum="0" * 64))
    found = compare(migrations(SET, A, B), recorded)
    assert [(e.status, e.verified, e.recorded_name) for e in found] == [
        ("renamed", True, "old"),
        ("reused", True, "old"),
    ]
    assert found[0].why == "applied as old, the file is now a, with the same content"


def test_a_file_that_took_another_number_is_renumbered_and_its_old_number_reused() -> None:
    moved = file("6", "b", B.sql)
    taken = file("2", "other")
    recorded = ledger(SET, row(SET, A), row(SET, B))
    assert statuses(migrations(SET, A, taken, moved), recorded) == [
        ("1_a.sql", "applied"),
        ("2_other.sql", "reused"),
        ("6_b.sql", "renumbered"),
    ]


def test_a_moved_file_is_not_also_missing() -> None:
    moved = file("6", "b", B.sql)
    assert statuses(migrations(SET, A, moved), ledger(SET, row(SET, A), row(SET, B))) == [
        ("1_a.sql", "applied"),
        ("6_b.sql", "renumbered"),
    ]


def test_what_two_files_could_be_is_not_guessed() -> None:
    one, other = file("5", "x", B.sql), file("6", "y", B.sql)
    assert statuses(migrations(SET, A, one, other), ledger(SET, row(SET, A), row(SET, B))) == [
        ("1_a.sql", "applied"),
        ("2", "missing"),
        ("5_x.sql", "pending"),
        ("6_y.sql", "pending"),
    ]


def test_a_backfilled_row_is_unverifiable_and_not_drift() -> None:
    (entry,) = compare(migrations(SET, A), ledger(SET, row(SET, A, checksum="")))
    assert (entry.status, entry.verified) == ("unverifiable", False)
    assert entry.why == "applied; the ledger has no checksum of it, so that an edit would not show"


def test_the_two_checksums_of_an_edit_are_given() -> None:
    changed = file("1", "a", "create table a (id bigint);\n")
    (entry,) = compare(migrations(SET, changed), ledger(SET, row(SET, A, applied_at="2026-01-01T00:00:00Z")))
    assert (entry.checksum, entry.recorded_checksum) == (checksum(SET, changed), checksum(SET, A))
    assert entry.applied_at == "2026-01-01T00:00:00Z"


def test_only_what_came_after_a_later_version_is_late() -> None:
    recorded = ledger(SET, row(SET, A, rank=2), row(SET, B, rank=1), row(SET, C, rank=2))
    assert [e.late for e in compare(migrations(SET, A, B, C), recorded)] == [True, False, False]
    together = ledger(SET, row(SET, A, rank=1), row(SET, B, rank=1), row(SET, C))
    assert [e.late for e in compare(migrations(SET, A, B, C), together)] == [False, False, False]


def test_what_was_taken_back_is_said_while_its_file_is_there() -> None:
    recorded = ledger("prisma", row("prisma", A, "rolled_back"), row("prisma", C, "rolled_back"))
    assert statuses(migrations("prisma", A), recorded) == [("1_a.sql", "rolled_back")]


def test_a_failed_version_without_its_file_stays_failed() -> None:
    recorded = ledger(SET, row(SET, A), row(SET, B, "failed", message="boom"))
    assert statuses(migrations(SET, A), recorded)[1] == ("2", "failed")


@pytest.mark.parametrize("reason", ["", "t could not be read: this role has no SELECT on it"])
def test_without_rows_that_were_read_nothing_is_pending(reason: str) -> None:
    given = ledger(SET, reason=reason) if reason else None
    (entry,) = compare(migrations(SET, A), given)
    assert entry.status == "on_disk"
    assert entry.why == (reason or "there is no ledger that would say whether it was applied")


def test_an_empty_ledger_says_that_all_is_pending() -> None:
    assert [s for _, s in statuses(migrations(SET, A, B), ledger(SET))] == ["pending", "pending"]


def test_flyways_baseline_row_covers_what_is_below_it() -> None:
    base = LedgerEntry(version="2", name="<< Flyway Baseline >>", state="baseline")
    files = (A, file("2", "b"), C)
    assert [s for _, s in statuses(migrations("flyway", *files), ledger("flyway", base))] == [
        "baseline",
        "baseline",
        "pending",
    ]
    (_, last) = compare(migrations("flyway", A), ledger("flyway", base))
    assert (last.version, last.status) == ("2", "baseline")


def test_flyways_baseline_script_is_not_wanted_where_its_parts_ran() -> None:
    script = file("2", "base", path="B2__base.sql")
    old = (file("1", "a", path="V1__a.sql"), file("2", "b", path="V2__b.sql"))
    found = migrations("flyway", script, C, superseded=old)
    assert statuses(found, ledger("flyway", *(row("flyway", f) for f in (*old, C)))) == [
        ("V1__a.sql", "applied"),
        ("V2__b.sql", "applied"),
        ("B2__base.sql", "baseline"),
        ("3_c.sql", "applied"),
    ]
    assert statuses(found, ledger("flyway", row("flyway", script))) == [
        ("V1__a.sql", "baseline"),
        ("V2__b.sql", "baseline"),
        ("B2__base.sql", "applied"),
        ("3_c.sql", "pending"),
    ]


def test_a_repeatable_that_changed_will_run_again_and_makes_no_gap() -> None:
    view = file("R:the view", "the view", "create view v as select 2;\n", path="R__the_view.sql")
    old = replace(view, raw=b"create view v as select 1;\n")
    recorded = ledger("flyway", row("flyway", A), row("flyway", old))
    assert [s for _, s in statuses(migrations("flyway", A, B, view), recorded)] == [
        "applied",
        "pending",
        "pending",
    ]
    placeholders = replace(view, raw=b"select '${name}';\n")
    assert (
        statuses(migrations("flyway", placeholders), ledger("flyway", row("flyway", old)))[0][1]
        == "unverifiable"
    )


def test_flyway_cuts_long_descriptions() -> None:
    name = "x" * 250
    recorded = ledger("flyway", row("flyway", file("1", name), name="x" * 197 + "..."))
    assert statuses(migrations("flyway", file("1", name)), recorded)[0][1] == "applied"


def test_golang_migrate_proves_nothing_below_its_version() -> None:
    at = LedgerEntry(version="2")
    found = compare(migrations("golang-migrate", A, B, C), ledger("golang-migrate", at, complete=False))
    assert [e.status for e in found] == ["unverifiable", "unverifiable", "pending"]
    assert found[0].why == (
        "not above version 2; golang-migrate records that version alone, so nothing proves that it ran"
    )


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (LedgerEntry(version="2", state="failed"), ["unverifiable", "failed", "pending"]),
        (LedgerEntry(version="9"), ["unverifiable", "unverifiable", "unverifiable", "missing"]),
        (LedgerEntry(version="-1", state="failed"), ["failed", "pending", "pending", "pending"]),
        (None, ["pending", "pending", "pending"]),
    ],
)
def test_golang_migrates_one_row_is_all_that_is_known(at: LedgerEntry | None, expected: list[str]) -> None:
    recorded = ledger("golang-migrate", *([at] if at else []), complete=False)
    assert [s for _, s in statuses(migrations("golang-migrate", A, B, C), recorded)] == expected


def test_a_long_version_of_popx_is_applied_by_its_first_14_digits() -> None:
    long = file("20240101000000000001", "a")
    short = file("20240102000000", "b")
    rows = [LedgerEntry(version=v) for v in ("20240101000000", "20240102000000")]
    assert [s for _, s in statuses(migrations("pop", long, short), ledger("pop", *rows))] == [
        "unverifiable"
    ] * 2
    both = [*rows, LedgerEntry(version="20240101000000000001")]
    assert [s for _, s in statuses(migrations("pop", long, short), ledger("pop", *both))] == [
        "unverifiable"
    ] * 2


def test_a_reworked_change_of_sqitch_is_deployed_once_for_each_time() -> None:
    first, again = file("users@v1", "users", "select 1;\n"), file("users", "users", "select 2;\n")
    one = ledger("sqitch", row("sqitch", first, version="users"))
    assert [s for _, s in statuses(migrations("sqitch", first, again), one)] == ["applied", "pending"]
    both = ledger("sqitch", row("sqitch", first, version="users"), row("sqitch", again, version="users"))
    assert [s for _, s in statuses(migrations("sqitch", first, again), both)] == ["applied", "applied"]
    assert shared(migrations("sqitch", first, again)) == ()


def test_drizzles_directories_meet_rows_from_before_it_recorded_names() -> None:
    one, two = file("20240101000000_a", "a"), file("20240102000000_b", "b")
    rows = [
        row("drizzle", one, version="1704067200000", name=""),
        row("drizzle", two),
    ]
    rows[1] = LedgerEntry(version=two.version, name=two.version, checksum=checksum("drizzle", two))
    assert [s for _, s in statuses(migrations("drizzle", one, two), ledger("drizzle", *rows))] == [
        "applied"
    ] * 2


def test_prismas_directory_is_renamed_by_its_content() -> None:
    old, new = file("20240101_a", "a"), file("20240101_z", "z", A.sql)
    other = file("20250505_a", "a", A.sql)
    recorded = ledger("prisma", row("prisma", old, name=old.version))
    assert statuses(migrations("prisma", new), recorded)[0][1] == "renamed"
    assert statuses(migrations("prisma", other), recorded)[0][1] == "renumbered"
    edited = file("20240101_z", "z")
    assert [s for _, s in statuses(migrations("prisma", edited), recorded)] == ["missing", "pending"]


def test_refinerys_checksum_covers_the_name_under_which_it_ran() -> None:
    recorded = ledger(
        "refinery", row("refinery", A, name="old", checksum=checksum("refinery", replace(A, name="old")))
    )
    (entry,) = compare(migrations("refinery", A), recorded)
    assert (entry.status, entry.why) == (
        "renamed",
        "applied as old, the file is now a, with the same content",
    )


def test_files_of_one_version_are_listed_together() -> None:
    other = file("1", "b")
    assert shared(migrations("dbmate", A, B, shadowed=(other,))) == (
        SharedVersion("1", ("1_a.sql", "1_b.sql")),
    )


def test_a_hidden_file_of_a_version_cannot_be_told_from_the_one_that_ran() -> None:
    found = compare(
        migrations("dbmate", A, B, shadowed=(file("1", "b"),)), ledger("dbmate", LedgerEntry(version="1"))
    )
    assert [(e.file, e.status) for e in found] == [
        ("1_a.sql", "unverifiable"),
        ("1_b.sql", "unverifiable"),
        ("2_b.sql", "pending"),
    ]
    assert (
        found[0].why
        == "2 files have version 1, which is applied; the ledger of dbmate does not say which ran"
    )


def test_a_ledger_without_notes_has_none() -> None:
    assert (notes(migrations(SET, A), ledger(SET)), notes(migrations(SET, A), None)) == ((), ())
