"""The commit that a run's files are of, as git says it."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

_SECONDS = 10
_ID = re.compile(r"# branch\.oid ([0-9a-f]{40,64})")
# Nothing of the repository's own config is run to answer, and no index is written.
_COMMAND = (
    *("git", "--no-optional-locks", "-c", "core.fsmonitor=false", "status", "--porcelain=v2", "--branch"),
    *("--untracked-files=normal", "--ignore-submodules", "-z"),
)


class Commit(msgspec.Struct, frozen=True):
    """A commit's id; `dirty`: a tracked file of the work tree differs from it, or a file that the run reads
    is not tracked."""

    id: str
    dirty: bool


def commit_of(folder: Path, read: Iterable[Path], environ: Mapping[str, str]) -> Commit | None:
    """Return the commit of the repository that `folder` is in, for a run that reads these files and folders.
    None where there is no repository, no commit, no git, or no answer within ten seconds.

    Source: git documentation, git-status, "Porcelain Format Version 2".
    """
    kept = {k: v for k, v in (environ or os.environ).items() if not k.startswith("GIT_")}
    try:
        ran = subprocess.run(
            _COMMAND,
            cwd=folder,
            env=kept | {"LC_ALL": "C"},
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = ran.stdout.decode("utf-8", "surrogateescape").split("\0")
    id = next((found[1] for line in lines if (found := _ID.fullmatch(line))), "")
    if ran.returncode or not id:
        return None
    top = next((p for p in (folder.resolve(), *folder.resolve().parents) if (p / ".git").exists()), folder)
    changed = any(line[:2] in ("1 ", "2 ", "u ") for line in lines)
    untracked = [top / line[2:] for line in lines if line.startswith("? ")]
    return Commit(id, changed or _touches(untracked, [path.resolve() for path in read]))


def _touches(untracked: Iterable[Path], read: Iterable[Path]) -> bool:
    """Return whether one of these paths is, holds or lies in one of those."""
    files = list(read)
    return any(u.is_relative_to(f) or f.is_relative_to(u) for u in untracked for f in files)
