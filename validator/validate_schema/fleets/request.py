"""What a run over a fleet is asked for, and where its members are found."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

import msgspec
from msgspec.structs import replace

from ..checking.declare import FLEET_PROOF
from ..model.errors import UsageError
from ..model.fleet import Excluded
from ..model.secret import Secret
from ..run.request import Request
from .state import State
from .survey import pattern


class Target(msgspec.Struct, frozen=True):
    """A database of the fleet: what it is called, and where it is. An empty name: the fleet has no other."""

    name: str
    url: Secret | None


class Outside(NamedTuple):
    """A reference that is no member: a snapshot's file or a folder of migrations, and the schema of it that
    is meant ("": the only one)."""

    kind: Literal["snapshot", "migrations"]
    path: Path
    schema: str = ""


def outside_of(text: str, base: Path) -> Outside | None:
    """Return what a reference names that is no member: after ``snapshot:`` or ``migrations:``, or a file that
    is there and ends in .json; it may end in ``#schema=…``. None for the name of a member."""
    entry, mark, schema = text.rpartition("#schema=")
    entry = entry if mark else schema
    for kind in ("snapshot", "migrations"):
        if entry.startswith(f"{kind}:"):
            return Outside(kind, base / entry.partition(":")[2], schema if mark else "")
    if entry.endswith(".json") and (base / entry).is_file():
        return Outside("snapshot", base / entry, schema if mark else "")
    return None


class FleetRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A run over a fleet.

    `run` holds the config, the checks and the time of the run; its source is the database that lists others
    (`databases`, `targets_query`) or holds the members (`schemas`, `schemas_query`). `schemas` and
    `databases` are LIKE patterns, or regular expressions between slashes or behind a ^. `targets` are
    databases by name. `expected` is a query of the names that there should be. `reference` names a member.
    `excluded` are members left out on purpose, by name or pattern, each with a reason. `shard` (K, N) is the
    K-th of N parts, for as many machines. `prove`: what the roles of one member can do to another's rows is
    tried on a copy. `state` is what an earlier run knew of the members, and where this one writes it down.
    `outside` is a reference that is no member. `scheduler` is the address of a Dask cluster that reads the
    databases.
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
    prove: bool = False
    scheduler: str = ""
    state: State | None = None
    outside: Outside | None = None

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
        if self.reference and self.outside:
            raise UsageError("--reference and --migrations both say what to measure against: give one")
        if self.prove and not self.of_schemas:
            raise UsageError("--prove is between members that are schemas: give --schemas or --schemas-query")
        if self.prove and self.shard[1] > 1:
            raise UsageError("--prove needs members side by side: give it to a run without --shard")
        for text in (self.schemas, self.databases, *(e.name for e in self.excluded)):
            pattern(text)

    @property
    def of_schemas(self) -> bool:
        return bool(self.schemas or self.schemas_query)


def judging_proof(run: Request) -> Request:
    """Return the run with the check that judges the proof, whatever is selected: what was reached shall not
    pass because nobody asked. Who ignores it by name knows what he does."""
    found = tuple(c for c in run.known if c.needs == FLEET_PROOF and not c.id.startswith(run.ignored))
    return replace(run, checks=(*run.checks, *(c for c in found if c not in run.checks)))


def targets_in(path: str | Path) -> tuple[Target, ...]:
    """Return the databases that a CSV file names. Raises `UsageError` where it cannot be read, and as
    `read_targets` does."""
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return read_targets(file, str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{path}: cannot read: {reason}") from None


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


def excluded_of(pairs: Iterable[tuple[str, str]]) -> tuple[Excluded, ...]:
    """Return what is left out, by pattern. Raises `UsageError` where no reason is given."""
    found = []
    for name, reason in pairs:
        if not reason.strip():
            raise UsageError(f"--exclude {name}: say why, as in --exclude '{name}=being moved'")
        found.append(Excluded(name, reason.strip()))
    return tuple(found)


def reason_to_leave_out(name: str, excluded: Iterable[Excluded]) -> str | None:
    """Return why a member is left out, if it is: by its name, or by a pattern with a % or of a regular
    expression. The _ of a name is no wildcard here, or more would be left out than was meant."""
    return next((e.reason for e in excluded if _names(e.name, name)), None)


def _names(text: str, name: str) -> bool:
    is_pattern = "%" in text or text.startswith(("/", "^"))
    return text == name or (is_pattern and pattern(text).fullmatch(name) is not None)
