"""Folders for scratch servers that a test has to itself: no other worker or run tidies up in them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_server import quick_folder
from validate_schema.scratch import builds, clean_scratch, home, open_server
from validate_schema.scratch.sources import find_install


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
    """What a first run of this test session prepared: this build's, since other builds' come and go."""
    with open_server(key="blank"):
        build = builds.within_reach(find_install("embedded"), lambda _: None)
        with tempfile.TemporaryDirectory(prefix="vs-blank-", dir=quick_folder()) as folder:
            account = home.Account(os.geteuid(), os.getegid())
            builds.copy_blank(build, account, Path(folder, "data"), lambda _: None)
        return builds.blank(build)


@pytest.fixture
def prepared_home(done_once: Path, own_home: Path) -> Path:
    """The same after a first run: initdb's work is linked, not done again."""
    own_home.mkdir()
    own_home.chmod(0o711)
    (own_home / "blank").mkdir(mode=0o711)
    busy = shutil.ignore_patterns("lock", "data.new")
    shutil.copytree(done_once, own_home / "blank" / done_once.name, copy_function=os.link, ignore=busy)
    return own_home
