"""What a run over a fleet is asked for, and where its members are found."""

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

import msgspec

from ..model.errors import UsageError
from ..model.fleet import Excluded
from ..model.secret import Secret
from ..run.request import Request
from .survey import pattern


class Target(msgspec.Struct, frozen=True):
    """A database of the fleet: what it is called, and where it is. An empty name: the fleet has no other."""

    name: str
    url: Secret | None


class FleetRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A run over a fleet.

    `run` holds the config, the checks and the time of the run; its source is the database that lists others
    (`databases`, `targets_query`) or holds the members (`schemas`, `schemas_query`). `schemas` and
    `databases` are LIKE patterns, or regular expressions between slashes or behind a ^. `targets` are
    databases by name. `expected` is a query of the names that there should be. `reference` names a member.
    `excluded` are members left out on purpose, by name or pattern, each with a reason. `shard` (K, N) is the
    K-th of N parts, for as many machines.
    """

    run: Request
    schemas: str = ""
    schemas_query: str = ""
    databases: str = ""
    targets: tuple[Target, ...] = ()
    targets_query: str = ""
    expected: str = ""
    reference: str = ""
    excluded: tuple[Excluded, ...] = ()
    parallel: int = 4
    shard: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        ways = [
            flag
            for flag, given in (
                ("--databases", self.databases),
                ("--targets", self.targets),
                ("--targets-query", self.targets_query),
            )
            if given
        ]
        if len(ways) > 1:
            raise UsageError(f"{' and '.join(ways)} name different databases: give one")
        if not (ways or self.schemas or self.schemas_query):
            raise UsageError(
                "which are the members? give --schemas, --schemas-query, --databases, --targets or"
                " --targets-query"
            )
        if not 1 <= self.shard[0] <= self.shard[1]:
            raise UsageError(f"--shard {self.shard[0]}/{self.shard[1]}: write K/N, K from 1 to N")
        for text in (self.schemas, self.databases, *(e.name for e in self.excluded)):
            pattern(text)

    @property
    def of_schemas(self) -> bool:
        return bool(self.schemas or self.schemas_query)


def read_targets(lines: TextIO | Iterable[str], source: str) -> tuple[Target, ...]:
    """Return databases from CSV rows of name and URL; a header ``name,url`` and comments (#) are skipped.

    Raises `UsageError` for a row that is neither, which is not repeated: it holds a password.
    """
    found = []
    for number, row in enumerate(csv.reader(lines), 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or cells[0].startswith("#") or [c.lower() for c in cells[:2]] == ["name", "url"]:
            continue
        if len(cells) != 2 or not all(cells):
            raise UsageError(f"{source}, row {number}: write name,url (quote a URL that holds a comma)")
        found.append(Target(cells[0], Secret(cells[1])))
    return distinct(found, source)


def distinct(targets: Sequence[Target], source: str) -> tuple[Target, ...]:
    """Return the targets. Raises `UsageError` where there are none, or two have one name."""
    if not targets:
        raise UsageError(f"{source}: names no database")
    seen: set[str] = set()
    for target in targets:
        if target.name in seen:
            raise UsageError(f"{source}: two databases are called {target.name}")
        seen.add(target.name)
    return tuple(targets)


def reason_to_leave_out(name: str, excluded: Iterable[Excluded]) -> str | None:
    """Return why a member is left out, if it is."""
    return next((e.reason for e in excluded if pattern(e.name).fullmatch(name)), None)
