"""What is released: the same files give the same bytes, so that anybody can build and compare."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def copied(to: Path, *, mode: int, modified: int) -> Path:
    """Copy what git knows of the repository, with other modes and times."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, names)):
        source, target = ROOT / name, to / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(mode)
            os.utime(target, (modified, modified))
    return to


def digests(project: Path) -> dict[str, str]:
    out = project / "built"
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out)],
        cwd=project,
        env=environment,
        capture_output=True,
        check=True,
    )
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}


def test_two_builds_of_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    one = digests(copied(tmp_path / "one", mode=0o644, modified=1_000_000_000))
    other = digests(copied(tmp_path / "another place", mode=0o600, modified=1_700_000_000))
    assert len(one) == 2
    assert one == other
