"""Reports as files: whole or not at all, and refused with one line when they are something else."""

import os
import resource
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fix_report
from validate_schema.model.errors import SnapshotError, UsageError
from validate_schema.report import format_of, read_report, render, write


@pytest.mark.parametrize(
    ("name", "format"),
    [
        ("a.md", "md"),
        ("b/c.HTML", "html"),
        ("x.json", "json"),
        ("r.txt", "txt"),
        ("r.markdown", "md"),
        ("i.htm", "html"),
    ],
)
def test_the_suffix_names_the_format(name: str, format: str) -> None:
    assert format_of(name) == format


@pytest.mark.parametrize("name", ["report", "report.pdf", ".md", "-"])
def test_an_unknown_suffix_names_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=r"\.md \.html \.json \.txt"):
        format_of(name)


def test_a_written_file_holds_the_text_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write("first ✓\n", tmp_path / "r.md")
    write("second ✗\n", tmp_path / "r.md")
    assert (tmp_path / "r.md").read_bytes() == "second ✗\n".encode()
    assert os.listdir(tmp_path) == ["r.md"]


def test_a_new_file_follows_the_umask_and_an_old_one_keeps_its_mode(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write("x", tmp_path / "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "new").chmod(0o604)
    write("y", tmp_path / "new")
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o604


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write("new", tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write: the folder .*/no/where does not exist") as caught:
        write("x", tmp_path / "no" / "where" / "r.md")
    assert "\n" not in str(caught.value)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is a folder"):
        write("x", tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device_is_an_error() -> None:
    with pytest.raises(UsageError, match="/dev/full: cannot write: No space left"):
        write("x", "/dev/full")


def test_a_disk_that_fills_up_leaves_the_old_report_whole(tmp_path: Path) -> None:
    path = tmp_path / "r.md"
    path.write_text("old")
    program = (
        "import resource, sys; from validate_schema.report import write; from validate_schema.model.errors import UsageError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write('x' * 100_000, sys.argv[1])\n"
        "except UsageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == f"{path}: cannot write: {os.strerror(27)}\n"
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["r.md"]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 1000


def test_a_lone_surrogate_is_written_escaped(tmp_path: Path) -> None:
    write("\ud800", tmp_path / "r.md")
    assert (tmp_path / "r.md").read_text() == "\\ud800"


def test_a_saved_report_is_read_back(tmp_path: Path) -> None:
    report = fix_report.small()
    write(render(report, "json"), tmp_path / "r.json")
    assert read_report(tmp_path / "r.json") == report


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a JSON report"),
        (b"\xff\xfe", "not a JSON report"),
        (b"# FAIL", "not a JSON report"),
        (b"[]", "not a JSON report"),
        (b"{}", "it has no schema_version"),
        (b'{"server": {}, "tables": []}', "it has no schema_version"),
        (b'{"schema_version": 2}', "report version 2; this program reads version 1"),
        (b'{"schema_version": 1}', "missing required field"),
        (b'{"schema_version": 1, "verdict": "MAYBE"}', "MAYBE"),
    ],
)
def test_another_file_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(content)
    with pytest.raises(SnapshotError, match=message) as caught:
        read_report(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="No such file"):
        read_report(tmp_path / "none.json")
    with pytest.raises(SnapshotError, match="Is a directory"):
        read_report(tmp_path)


def test_a_report_of_a_later_release_with_more_fields_is_read(tmp_path: Path) -> None:
    report = fix_report.small()
    text = render(report, "json").replace(
        '"schema_version": 1,', '"schema_version": 1, "new_part": {"x": 1},'
    )
    write(text, tmp_path / "r.json")
    assert read_report(tmp_path / "r.json") == report
