"""Find a folder's migrations and the tool that they were written for."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ...model.errors import MigrationError
from ...model.limits import limits, require_size
from ...sql import script
from ...sql.ident import visible
from .. import tools
from ..filling import filled
from ..records import MigrationFile, MigrationSet
from ..tool import Layout, Loaded, Tool
from .folder import Folder
from .foreign import way_down
from .plain import PLAIN, plain, single
from .proposal import what_runs

# Where projects keep their migrations, seen from the project or one folder below it.
_PLACES = (
    "migrations", "db/migrations", "db/migrate", "db/migration", "database/migrations", "src/migrations",
    "sql/migrations", "sql",
)  # fmt: skip
NOTHING: Mapping[str, str] = MappingProxyType({})
_DUMPS = ("structure.sql", "db/schema.sql", "schema.sql")
_SCRIPTS = "[0-9]*[-_]*.[jt]s"


class _Read(NamedTuple):
    """A folder as one layout of a tool reads it."""

    tool: Tool
    layout: Layout
    folder: Folder
    loaded: Loaded

    def as_set(self, undecided: str = "") -> MigrationSet:
        loaded, folder = self.loaded, self.folder
        files = tuple(f if f.program else self.layout.undo(folder, f) for f in loaded.files)
        used = {f.path for f in (*files, *loaded.shadowed, *loaded.superseded)}
        used |= {f.undo for f in files if f.undo} | set(loaded.beside)
        _refuse(folder, (f.path for f in loaded.files if f.path.suffix.lower() == ".sql"))
        if not undecided:  # what another tool cuts at may be a mark to this one
            _refuse_marks(files, "take it out, or name the tool with --tool or `tool` in [migrations]")
        territory = loaded.territory or folder.path
        dumps = {Path(dump).name for dump in _dumps()}
        stray = (p for p in folder.tree if p not in used and territory in p.parents and p.name not in dumps)
        return MigrationSet(
            self.tool.name,
            folder.path,
            files,
            tuple(stray),
            loaded.shadowed,
            loaded.notes,
            superseded=loaded.superseded,
            remedy=loaded.remedy,
            undecided=undecided,
        )


def discover(
    folder: Path,
    tool: str | None = None,
    *,
    programs: bool = False,
    ledgers: Sequence[str] = (),
    placeholders: Mapping[str, str] = NOTHING,
    role: str | None = None,
    decided: bool = True,
) -> MigrationSet:
    """Return the migrations of `folder`: a migrations folder, a project around one, or an SQL file.

    `tool` (one of `tools.names`) decides where the layout does not; failing that, so do `ledgers`, the tools
    whose tracker tables the database has. `programs`: also find migrations that are no SQL, for callers
    who only compare them with a ledger. `placeholders` are values for what the tool would fill in, `role` is
    who is to run them. Not `decided`: for callers who ask again once they know the ledgers. Raises
    `MigrationError` when nothing is found, when a file cannot be read, when there is more than `[limits]`
    allow, and when two tools would do different things with it and that is to be decided.
    """
    found = _within_limits(_discovered(folder, tool, programs, ledgers, placeholders))
    if decided:
        found.require_decided()
    return found if role is None else replace(found, role=role)


def _within_limits(found: MigrationSet) -> MigrationSet:
    allowed, size = limits(), 0
    for file in found.files:
        size += len(file.sql)
        if endless := script.beyond_lexer(file.sql):  # the server's, which does not hear of its end meanwhile
            raise MigrationError(f"{file.path}: holds {endless}")
        if file.sql.count(";") > allowed.statements:
            count = len(script.pieces(file.sql))
            if count > allowed.statements:
                most = f"{allowed.statements} are run ([limits] statements)"
                raise MigrationError(f"{file.path}: holds {count} statements; {most}")
    require_size(found.folder, size, "migrations_bytes", MigrationError)
    return found


def _discovered(
    folder: Path, tool: str | None, programs: bool, ledgers: Sequence[str], placeholders: Mapping[str, str]
) -> MigrationSet:
    if tool is not None and tool not in tools.names():
        raise MigrationError(f"unknown migration tool {tool!r}; known are {', '.join(tools.names())}")
    if folder.is_file():
        return _single_file(folder)
    if not folder.is_dir():
        what = "file" if folder.suffix.lower() == ".sql" else "folder"
        raise MigrationError(f"{folder}: no such {what}")
    if tool is None and ledgers:
        return _by_ledger(folder, ledgers, programs, placeholders)
    if programs and (found := _programs(folder, tool)):
        return found
    found = _sql(folder, tool)
    if found is None:
        raise _nothing(folder, tool)
    found = filled(found, placeholders)
    return found if programs else found.require_sql()


def _layouts(tool: str | None, *, programs: bool) -> Iterator[tuple[Tool, Layout]]:
    """Yield the layouts of one kind, in order of preference, but for plain numbered files."""
    for each in tools.everything():
        for layout in each.layouts:
            if tool in (None, each.name) and layout.programs is programs and each.name != PLAIN:
                yield each, layout


def _sql(folder: Path, tool: str | None) -> MigrationSet | None:
    found = _in_folder(folder, tool, deep=False) or _in_places(folder, tool) or _in_folder(folder, tool)
    if found is None and tool in (None, PLAIN):
        found = _plain(folder) or _dump(folder)
    return found


def _by_ledger(
    folder: Path, ledgers: Sequence[str], programs: bool, placeholders: Mapping[str, str]
) -> MigrationSet:
    """Return the migrations where the files leave it open which tool they are for."""
    try:
        found = discover(folder, programs=programs, placeholders=placeholders)
    except MigrationError:
        found = None
    if found is not None and (found.tool in ledgers or _is_known_by_more_than_names(found.tool)):
        return found
    fitting = []
    for tool in dict.fromkeys(t for t in ledgers if t in tools.names()):
        with suppress(MigrationError):
            fitting.append(discover(folder, tool, programs=programs, placeholders=placeholders))
    if len(fitting) > 1:
        listed = " or ".join(f.tool for f in fitting)
        raise MigrationError(
            f"{folder}: the database has ledgers of {listed}, and the files fit each; say which with --tool"
            " or `tool` in [migrations]"
        )
    if not fitting:
        return found or discover(folder, programs=programs, placeholders=placeholders)
    note = f"The files were read as those of {fitting[0].tool}, whose ledger the database has."
    return replace(fitting[0], notes=(*fitting[0].notes, note))


def _is_known_by_more_than_names(tool: str) -> bool:
    return tool != PLAIN and any(not layout.home for layout in tools.find(tool).layouts)


def _programs(path: Path, tool: str | None) -> MigrationSet | None:
    """Return the migrations that are programs, in `path` or the usual place below it."""
    if tool is None and _is_certain(path):
        return None
    for place in dict.fromkeys((path, *_places(path, programs=True))):
        folder = Folder(place)
        found = [
            read
            for each, layout in _layouts(tool, programs=True)
            if not (place != path and layout.places is None) and (read := _load(each, layout, folder, tool))
        ]
        if found:
            named = " or ".join(read.tool.name for read in found)
            several = f"{place}: reads as {named}; say which with --tool or `tool` in [migrations]"
            return found[0].as_set(several if len(found) > 1 else "")
    return None


def _load(tool: Tool, layout: Layout, folder: Folder, chosen: str | None) -> _Read | None:
    loaded = layout.load(folder, chosen is not None)
    return _Read(tool, layout, folder, loaded) if loaded and loaded.files else None


def _places(path: Path, *, programs: bool) -> Iterator[Path]:
    """Yield the usual places below `path` that are there; also those of programs if those are wanted."""
    own = [layout for _, layout in _layouts(None, programs=False)]
    own += [layout for _, layout in _layouts(None, programs=True)] if programs else []
    for place in dict.fromkeys((*_PLACES, *(place for layout in own for place in layout.places or ()))):
        found = sorted(path.glob(place)) if "*" in place else [path / place]
        yield from (p for p in found if p.is_dir())


def _is_certain(path: Path) -> bool:
    """Return whether SQL files of a known tool are here, beside which a program is something else."""
    try:
        found = _in_folder(path, None, deep=False) or _in_places(path, None)
    except MigrationError:
        return True
    return found is not None and found.tool != PLAIN


def _single_file(path: Path) -> MigrationSet:
    folder = Folder(path.parent)
    _refuse(folder, (path.name,))
    files = (single(folder, path.name),)
    _refuse_marks(files, "give the folder, which tells the tool, or take it out")
    return MigrationSet(PLAIN, path.parent, files)


def _in_folder(path: Path, tool: str | None, *, deep: bool = True) -> MigrationSet | None:
    """Return the migrations that lie in `path` itself, but for plain numbered files."""
    folder = Folder(path, deep=deep)
    tried = _layouts(tool, programs=False)
    found = [read for each, layout in tried if (read := _load(each, layout, folder, tool))]
    if not found:
        return None
    by_content = [f for f in found if not f.layout.home]
    at_home = [f for f in found if folder.near(*f.layout.home)]
    return _settle(folder, by_content or at_home or found)


def _settle(folder: Folder, found: Sequence[_Read]) -> MigrationSet:
    first = _effect(found[0].loaded)
    if any(_effect(other.loaded) != first for other in found[1:]):
        named = " or ".join(f.tool.name for f in found)
        undecided = (
            f"{folder.path}: reads as {named}, which would run it differently;"
            f" say which with --tool or `tool` in [migrations]"
        )
        return found[0].as_set(undecided)
    return found[0].as_set()


def _effect(loaded: Loaded) -> list[tuple[Path, list[str], str]]:
    """Return what decides the outcome: the statements, without comments between them, and the mode where one
    of them refuses a transaction."""
    return [
        (f.path, [p.text for p in script.pieces(f.sql)], f.mode if script.refuses_transaction(f.sql) else "")
        for f in loaded.files
    ]


def _in_places(path: Path, tool: str | None) -> MigrationSet | None:
    """Return the migrations of the one usual place below `path` that has any."""
    places = tuple(dict.fromkeys(_places(path, programs=False)))
    found = [result for inner in places if (result := _in_folder(inner, tool))]
    if not found and tool in (None, PLAIN):
        found = [result for inner in places if (result := _plain(inner))]
    if len(found) > 1:
        listed = ", ".join(f"{s.folder.relative_to(path).as_posix()} ({s.tool})" for s in found)
        raise MigrationError(f"{path}: holds several folders of migrations: {listed}; name one of them")
    return found[0] if found else None


def _plain(path: Path) -> MigrationSet | None:
    folder, tool = Folder(path), tools.find(PLAIN)
    _refuse(folder, folder.tree)
    found = [read for layout in tool.layouts if (read := _load(tool, layout, folder, None))]
    return found[0].as_set() if found else None


def _dumps() -> tuple[str, ...]:
    return (*(dump for tool in tools.everything() for dump in tool.dumps), *_DUMPS)


def _dump(path: Path) -> MigrationSet | None:
    """Return the structure dump that projects keep when their migrations are programs."""
    place = next((path / dump for dump in _dumps() if (path / dump).is_file()), None)
    return _single_file(place) if place else None


def _refuse(folder: Folder, names: Iterable[str | Path]) -> None:
    """Raise `MigrationError` for a file that looks like SQL and is not, to anything but its tool."""
    refusing = [tool.refuses for tool in tools.everything() if tool.refuses]
    for name in names:
        for refuses in refusing:
            if why := refuses(folder.text(name)):
                raise MigrationError(f"{folder.at(name)}: {why}")


def _refuse_marks(files: Iterable[MigrationFile], remedy: str) -> None:
    """Raise `MigrationError` where what would run reads as if a part of it were the way down."""
    for file in files:
        at = None if file.program else way_down(file.sql)
        if at is not None:
            line = file.first_line + script.line_at(file.sql, at) - 1
            mark = file.sql[at:].lstrip().splitlines()[0].strip()
            raise MigrationError(
                f"{file.path}:{line}: `{visible(mark)}` reads as the mark of a way down, and what stands"
                f" below would run too: {remedy}"
            )


def _nothing(path: Path, tool: str | None) -> MigrationError:
    """Return the error that says what was looked for."""
    if (found := _known_programs(path, tool)) is not None:
        return MigrationError(f"{path}: {found}")
    plain(Folder(path), True)
    looked = [each.layouts[0].looks_for for each in tools.everything() if tool == each.name]
    listed = ", ".join(name for name in tools.names() if name != PLAIN)
    what = looked[0] if looked else f"SQL files with numbers, or the layout of {listed}"
    return MigrationError(f"{path}: no migrations found; looked for {what}")


def _known_programs(path: Path, tool: str | None) -> str | None:
    """Return whose programs are here and how they are run, or their SQL is had, in a sentence."""
    try:
        programs = _programs(path, tool)
    except MigrationError:
        programs = None
    if programs is not None:
        return what_runs(tools.find(programs.tool), programs.folder)
    for each in tools.everything():
        if tool is None and each.sources and each.sources.lie_in(path):
            return what_runs(each, path)
    if tool is None and next(path.glob(_SCRIPTS), None):
        return what_runs(None, path)
    return None
