"""What a folder of migrations holds, and what its replay had to make up."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from ..model.errors import MigrationError
from ..model.history import Failure, HiddenRows

Mode = Literal["message", "transaction", "statements"]

# Part of every digest: raised when the same files come to be replayed in another way.
REPLAY_VERSION = 4


@dataclass(frozen=True)
class MigrationFile:
    """One migration as its tool would run it.

    `version` is what the tool orders and records by, `sql` the up section, `first_line` the line of
    the file (from 1) on which `sql` begins. `mode` says how it is sent: as one message (an implicit
    transaction), in an explicit transaction, or statement by statement.

    `raw` is the whole file, for checksums. `program`: it is code that only its tool can run, so `sql` is
    empty. `requires` are versions that come before it, `replaces` versions that it stands for, where the
    tool says so in the file. `baseline`: it stands for all before it, on new databases. `undo` is the file
    that takes it back (the same file, where that is a section of it) and `undo_sql` what that runs, ""
    where it is a program.
    """

    version: str
    name: str
    path: Path
    sql: str
    first_line: int = 1
    mode: Mode = "transaction"
    raw: bytes = field(default=b"", compare=False, repr=False)
    program: bool = False
    requires: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    baseline: bool = False
    undo: Path | None = None
    undo_sql: str = field(default="", repr=False)

    @property
    def transactional(self) -> bool:
        """Whether all of the file happens or nothing, as long as it has no COMMIT of its own."""
        return self.mode != "statements"


@dataclass(frozen=True)
class MigrationSet:
    """The migrations of one folder in the order in which `tool` runs them on an empty database.

    `stray` are SQL files below the folder that the tool never runs; undo scripts and seeds are not
    counted. `shadowed` are files that it passes over because another has their version, `superseded`
    those that a later baseline or checkpoint holds. `notes` are sentences about what could not be taken
    from the files, and `remedy` says how to get the SQL of files that are programs. `role` is who runs them
    where they are replayed; None is whoever logs in there. `undecided` says which tools would do different
    things with the files, where nothing but a ledger can tell.
    """

    tool: str
    folder: Path
    files: tuple[MigrationFile, ...]
    stray: tuple[Path, ...] = ()
    shadowed: tuple[MigrationFile, ...] = ()
    notes: tuple[str, ...] = ()
    digest: str = field(default="", compare=False)
    superseded: tuple[MigrationFile, ...] = ()
    remedy: str = ""
    role: str | None = None
    undecided: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", self._digest())

    def label(self, path: Path) -> str:
        """Return `path` as messages and reports show it: relative to the folder, with slashes."""
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)

    @property
    def program(self) -> bool:
        """Whether some of the files are programs, so that there is no SQL to replay."""
        return any(file.program for file in self.files)

    def require_sql(self) -> "MigrationSet":
        """Return this set. Raises `MigrationError` if some of its files are programs."""
        for file in self.files:
            if file.program:
                raise MigrationError(self.remedy or _only(file.path, self.tool))
        return self

    def require_decided(self) -> "MigrationSet":
        """Return this set. Raises `MigrationError` if it is open which tool it is for."""
        if self.undecided:
            raise MigrationError(self.undecided)
        return self

    @property
    def duplicates(self) -> tuple[tuple[MigrationFile, ...], ...]:
        """Groups of files that share a version, in order of their first file."""
        groups: dict[str, list[MigrationFile]] = {}
        for file in (*self.files, *self.shadowed):
            groups.setdefault(file.version, []).append(file)
        return tuple(tuple(group) for group in groups.values() if len(group) > 1)

    def _digest(self) -> str:
        """Return the SHA-256 of everything that decides what a replay leaves behind."""
        replayed = [(self.label(f.path), f.mode, f.raw if f.program else f.sql) for f in self.files]
        whole = (REPLAY_VERSION, self.tool, replayed, *([self.role] if self.role is not None else []))
        return hashlib.sha256(msgspec.json.encode(whole)).hexdigest()


def _only(path: Path, tool: str) -> str:
    return (
        f"{path}: only {tool} itself can run it; name what does as command in [migrations], or run the"
        " migrations on a database and give its URL instead"
    )


class ReplayNotes(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened in a replay.

    `applied` are the files' labels in order, and `purposes` what each of them changed, in words, where
    the replay was recorded: None for a file that was not looked at. `losses` is what data undoing each of
    them would lose. `stand_in_roles` were named by the migrations and created by none of them;
    `stand_in_extensions` are those that the scratch server lacks. `at_once`: a command of the project's ran
    them all, and `notes` tell of that. `hidden` is what row security kept from the role that migrates.
    """

    applied: tuple[str, ...] = ()
    stand_in_roles: tuple[str, ...] = ()
    stand_in_extensions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    purposes: tuple[tuple[str, ...] | None, ...] = ()
    losses: tuple[tuple[str, ...], ...] = ()
    at_once: bool = False
    hidden: tuple[HiddenRows, ...] = ()

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Everything that was made up, in words: for the report's line about the server."""
        return (*self.stand_in_extensions, *(f"role {name}" for name in self.stand_in_roles))


class FailedMigration(MigrationError):  # noqa: N818 - named for what happened, as its siblings are
    """A migration failed on the scratch server; `failure` says in which statement and why."""

    def __init__(self, message: str, failure: Failure) -> None:
        super().__init__(message)
        self.failure = failure
