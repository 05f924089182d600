"""What reading left open is decided by the proof, by itself, where the migrations' copy is at hand."""

from pathlib import Path

import pytest

from tests.run.test_tested import CAUGHT, OPEN, SCHEMA, TENANCY
from validate_schema import Report, validate

READ = "create policy p on note using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));"


def migrated(folder: Path, script: str, prove: bool | None = None) -> Report:
    path = folder / "migrations"
    path.mkdir()
    (path / "001_first.sql").write_text(SCHEMA + script)
    return validate(migrations=path, config=TENANCY, prove=prove)


def test_what_is_open_is_proven_without_being_asked(tmp_path: Path) -> None:
    report = migrated(tmp_path, CAUGHT)

    assert (report.verdict, report.isolation.tested) == ("PASS", ("note",)), report.gate


def test_who_does_not_want_it_is_told_the_way(tmp_path: Path) -> None:
    report = migrated(tmp_path, CAUGHT, prove=False)

    assert (report.verdict, report.isolation.attempted) == ("INCOMPLETE", False)
    assert report.gate == "1 object undecided: RLS014 (--prove decides what rows can)"


def test_where_nothing_is_open_nothing_is_proven(tmp_path: Path) -> None:
    report = migrated(tmp_path, READ)

    assert (report.verdict, report.isolation.attempted) == ("PASS", False), report.gate


@pytest.mark.parametrize("name", ["a hash", "another setting"])
def test_what_rows_do_not_decide_stays_open_or_leaks(tmp_path: Path, name: str) -> None:
    report = migrated(tmp_path, OPEN[name])

    assert report.verdict != "PASS"
