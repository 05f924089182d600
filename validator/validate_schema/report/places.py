"""Where in the repository a finding belongs: pipelines want a file and a line for each."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..model.finding import Finding
from ..model.report import Report
from ..sql.ident import visible

_LINE = re.compile(r"[0-9]{1,9}")
FALLBACK = "validate-schema.toml"


@dataclass(frozen=True)
class Place:
    """A file, relative to the repository's root, and a line in it, from 1."""

    path: str
    line: int = 1


def place_of(finding: Finding, report: Report) -> Place:
    """Return the finding's own location; without one the config, which is where it would be declared
    or accepted."""
    if finding.location:
        path, _, line = finding.location.rpartition(":")
        if path and _LINE.fullmatch(line):
            return Place(_relative(path), max(1, int(line)))
        return Place(_relative(finding.location))
    return Place(_relative(report.provenance.config_path or FALLBACK))


def _relative(path: str) -> str:
    """Return `path` with slashes, without what would leave the repository, controls made visible."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    kept = [p for p in parts if p not in ("/", ".", "..")]
    return visible("/".join(kept)) or FALLBACK
