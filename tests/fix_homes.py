"""Folders for scratch servers that a test has to itself: no other worker or run tidies up in them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_server import quick_folder
from validate_schema.scratch import clean_scratch, open_server
from validate_schema.scratch.home import home


@pytest.fixture
def own_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for scratch servers that this test has to itself."""
    with tempfile.TemporaryDirectory(prefix="vs-home-", dir=quick_folder()) as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("VALIDATE_SCHEMA_SCRATCH", f"{folder}/scratch")
        yield Path(folder, "scratch")
        clean_scratch()


@pytest.fixture(scope="session")
def done_once() -> Path:
    """What a first run of this test session prepared."""
    with open_server(key="blank"):
        return home() / "blank"


@pytest.fixture
def prepared_home(done_once: Path, own_home: Path) -> Path:
    """The same after a first run: initdb's work is linked, not done again."""
    own_home.mkdir()
    own_home.chmod(0o711)
    busy = shutil.ignore_patterns("lock", "data.new")
    shutil.copytree(done_once, own_home / "blank", copy_function=os.link, ignore=busy)
    for folder in (own_home / "blank").rglob("*"):
        if folder.is_dir():
            owner = (done_once / folder.relative_to(own_home / "blank")).stat()
            os.chown(folder, owner.st_uid, owner.st_gid)
    return own_home
