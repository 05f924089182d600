"""What a migration tool is. Each module of `tools/` declares one, and nothing else knows a tool by name."""

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalog.ledgers import Shape
from ..model.catalog import QName
from ..model.history import Ledger, LedgerEntry, ToolWords
from .discovery.folder import Folder, read
from .records import MigrationFile
from .rows import Reader
from .versions import TEXT, Versions
from .writing import Writing

if TYPE_CHECKING:
    import psycopg

    from .ledger.tables import Tracker

_LATER = 100  # than those that say where they stand


@dataclass(frozen=True)
class Loaded:
    """What a layout found: files in order, those another one hides, and what must be said.

    SQL files below `territory` (None: the folder) that are not among them are stray. `superseded` are files
    before the baseline or checkpoint at which a fresh database begins. `beside` are SQL files that are no
    migrations and have their place there. `remedy` says what is to be done about files that are programs.
    """

    files: tuple[MigrationFile, ...]
    shadowed: tuple[MigrationFile, ...] = ()
    notes: tuple[str, ...] = ()
    territory: Path | None = None
    superseded: tuple[MigrationFile, ...] = ()
    beside: tuple[Path, ...] = ()
    remedy: str = ""


Load = Callable[[Folder, bool], Loaded | None]
Undo = Callable[[Folder, MigrationFile], MigrationFile]


def for_ever(_: Folder, file: MigrationFile) -> MigrationFile:
    """Return `file`: nothing in the folder takes it back but what its loader knows of already."""
    return file


@dataclass(frozen=True)
class Layout:
    """How a tool lays out its folder.

    `load(folder, chosen)` returns what it would run on an empty database, in order; None where the folder
    is not its own. `chosen` is True when the user named the tool: then signs that only tell tools apart are
    not asked for. `looks_for` completes the sentence of an empty folder. `undo` adds to a file what takes
    it back.

    `home` is set where only file names tell: files of projects that use this tool rather than one with the
    same names. Layouts known by their content come before these. `places` are folders, or patterns of them,
    in which projects keep such files besides the usual ones; None: the layout looks for its folder by itself.
    `programs`: the files are code that only the tool can run, enough for a history and not for a replay.
    """

    load: Load
    looks_for: str
    undo: Undo = for_ever
    home: tuple[str, ...] = ()
    places: tuple[str, ...] | None = ()
    programs: bool = False


def recorded_names(file: MigrationFile) -> set[str]:
    """Return what most tools that record a name beside the version may have recorded for `file`."""
    return {file.name, file.path.name, file.path.stem}


@dataclass(frozen=True)
class Lock:
    """A table beside the ledger, `pattern` of its name, whose `column` says `taken` while a run goes on."""

    pattern: str
    column: str
    taken: str


@dataclass(frozen=True)
class LedgerTable:
    """A table that a tool records in: its shape, the order of its rows, and what makes entries of them.
    Not `complete`: it holds the current version alone."""

    shape: Shape
    read: Reader
    order: tuple[str, ...]
    complete: bool = True
    lock: Lock | None = None


@dataclass(frozen=True)
class Checksum:
    """How a tool sums a file up.

    `spellings(file, before)` yields what its versions and settings give, the usual one first. One that
    covers the files in front of each too is `chained`: `add(before, file)` sums a file up with those before
    it, None for the first, and `before` is such a sum. `normal` brings a recorded one to the form of
    `spellings`. `content`: it covers what the file holds; `named`: the version and name too. `line_ends`
    completes "the file differs by line ends alone; <tool> …".
    """

    spellings: Callable[[MigrationFile, Any], Collection[str]]
    normal: Callable[[str], str] = str
    content: bool = True
    add: Callable[[Any, MigrationFile], Any] | None = None
    named: bool = False
    line_ends: str = "takes it for another file"

    @property
    def chained(self) -> bool:
        return self.add is not None


@dataclass(frozen=True)
class Sources:
    """Where the SQL of a tool's programs can be had: `command` gives it. `patterns` are files that are known
    to be such programs, where nothing else was found; `lacks` is what stands in none of them."""

    patterns: tuple[str, ...]
    command: str
    lacks: bytes = b""

    def lie_in(self, folder: Path) -> bool:
        """Tell whether such programs are in a folder. Raises `MigrationError` for one that cannot be read."""
        found = (path for pattern in self.patterns for path in folder.glob(pattern) if path.is_file())
        return any(not self.lacks or self.lacks not in read(path) for path in found)


@dataclass(frozen=True)
class Tool:
    """A migration tool. `name` is what configs, ledgers and reports call it, `title` what people do.

    Layouts and ledgers of lower `rank` come first: of two tools that would do the same with a folder, that is
    the one. `companions` are the tool's tables beside its ledger: locks, logs. `registry` reads a ledger that
    is more than one table; `platforms` tells the tables of that shape which a platform keeps for itself.
    `shares` names the tools with whose ledger its own could be confused: the files decide.

    `names` are the spellings under which a file may be recorded, None where no name stands beside the
    version. `align` brings a ledger's entries into the terms of the files, for tools whose rows mean nothing
    without them; `others` says, in a sentence, what the ledger has besides that has no
    files here by design.

    `refuses(text)` says why a file cannot be read as SQL by anything but the tool, "" otherwise. `dumps` are
    files in which projects keep the schema that its programs make. `passes_over`: a file that comes too late
    is never run. `platform`: the files expect what the tool's platform provides. `placeholder` is a pattern
    for what the tool fills in from settings of the project, its name in a group.

    `runs` are files at the root of a project and the command that runs its programs there, the first that is
    found; failing that, `words.apply` does. `leads(folder, beside,
    environ)` returns variables that lead the programs which the project in `folder` runs to the database of
    the PG* variables in `environ`; it may put files into the folder `beside`.
    """

    name: str
    title: str
    proves: str = ""
    rank: int = _LATER
    layouts: tuple[Layout, ...] = ()
    ledgers: tuple[LedgerTable, ...] = ()
    companions: tuple[Shape, ...] = ()
    registry: "Callable[[psycopg.Connection[Any], Sequence[Tracker]], list[Ledger]] | None" = None
    platforms: Callable[[QName, Container[QName]], bool] | None = None
    shares: tuple[str, ...] = ()
    versions: Versions = TEXT
    names: Callable[[MigrationFile], Collection[str]] | None = None
    checksum: Checksum | None = None
    align: Callable[[Sequence[MigrationFile], Sequence[LedgerEntry]], list[LedgerEntry]] | None = None
    others: Callable[[Sequence[MigrationFile], Sequence[LedgerEntry]], str] | None = None
    writing: Writing | None = None
    words: ToolWords = ToolWords()
    refuses: Callable[[str], str] | None = None
    sources: Sources | None = None
    dumps: tuple[str, ...] = ()
    passes_over: bool = False
    platform: bool = False
    placeholder: str = ""
    runs: tuple[tuple[str, str], ...] = ()
    leads: Callable[[Path, Path, Mapping[str, str]], Mapping[str, str]] | None = None

    def shapes(self) -> tuple[Shape, ...]:
        """Return what all of its tables look like."""
        return (*(ledger.shape for ledger in self.ledgers), *self.companions)
