"""Find a folder's migrations and the tool that they were written for."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ...model.errors import MigrationError
from ...sql import script
from ..records import MigrationSet
from . import layouts, programs, sqitch, undo, versioned
from .folder import Folder
from .layouts import Layout, Loaded

# In order of preference where two tools would do exactly the same with a folder.
LAYOUTS = (
    Layout("prisma", layouts.prisma, "<name>/migration.sql"),
    Layout("drizzle", layouts.drizzle, "meta/_journal.json or <date>_<name>/migration.sql"),
    Layout("sqitch", sqitch.sqitch, "sqitch.plan"),
    Layout("supabase", layouts.supabase, "<digits>_<name>.sql"),
    Layout("atlas", layouts.atlas, "atlas.sum and <version>_<name>.sql"),
    Layout("goose", layouts.goose, "<n>_<name>.sql with `-- +goose Up`"),
    Layout("dbmate", layouts.dbmate, "<digits>_<name>.sql with `-- migrate:up`"),
    Layout("node-pg-migrate", layouts.node_pg_migrate, "<n>_<name>.sql with `-- Up Migration`"),
    Layout("tern", layouts.tern, "<n>_<name>.sql with tern's separator"),
    Layout("golang-migrate", layouts.golang_migrate, "<n>_<name>.up.sql", ("go.mod",)),
    Layout("sqlx", layouts.sqlx, "<n>_<name>.sql or <n>_<name>.up.sql", ("Cargo.toml",)),
    Layout("pop", layouts.pop, "<version>_<name>.up.sql", ("go.mod",)),
    Layout("flyway", versioned.flyway, "V<version>__<name>.sql", ("flyway.conf", "flyway.toml", "pom.xml")),
    Layout("refinery", versioned.refinery, "V<n>__<name>.sql", ("Cargo.toml",)),
    Layout("yoyo", versioned.yoyo, "<id>.sql with `-- depends:`, or yoyo.ini"),
    Layout("applied-set", versioned.applied_set, "<version>_<name>.sql"),
)
PLAIN = Layout("plain", versioned.plain, "<n>_<name>.sql")
# Tools whose migrations only they can run: enough for a history, not for a replay.
PROGRAMS = (
    Layout("alembic", programs.alembic, "versions/*.py with `revision`"),
    Layout("django", programs.django, "<app>/migrations/<name>.py"),
    Layout("rails", programs.rails, "<n>_<name>.rb"),
    Layout("ecto", programs.ecto, "<n>_<name>.exs"),
    Layout("typeorm", programs.typeorm, "classes <Name><13 digits>"),
    Layout("node-pg-migrate", programs.node_pg_migrate, "<n>_<name>.js"),
    Layout("sequelize", programs.sequelize, "<n>-<name>.js"),
    Layout("knex", programs.knex, "<n>_<name>.js"),
)
TOOLS = tuple(dict.fromkeys(layout.tool for layout in (*LAYOUTS, PLAIN, *PROGRAMS)))

# Tools that are known by more than the names of their files.
_CERTAIN = frozenset(layout.tool for layout in LAYOUTS if not layout.home) | {
    layout.tool for layout in PROGRAMS
}

# Source: liquibase, AbstractFormattedChangeLogParser.java.
_LIQUIBASE = re.compile(r"\s*--\s*liquibase\s*formatted", re.IGNORECASE)

# Where projects keep their migrations, seen from the project or one folder below it.
_PLACES = (
    "migrations", "prisma/migrations", "supabase/migrations", "drizzle", "db/migrations", "db/migrate",
    "db/migration", "database/migrations", "src/main/resources/db/migration", "src/migrations",
    "sql/migrations", "sql",
)  # fmt: skip
_DUMPS = ("db/structure.sql", "structure.sql", "db/schema.sql", "schema.sql", "priv/repo/structure.sql")
_PROGRAMS = (
    ("versions/*.py", "Alembic", "alembic upgrade head --sql"),
    ("alembic/versions/*.py", "Alembic", "alembic upgrade head --sql"),
    ("migrations/versions/*.py", "Alembic", "alembic upgrade head --sql"),
    ("[0-9]*_*.py", "Django", "python manage.py sqlmigrate"),
    ("*/migrations/[0-9]*_*.py", "Django", "python manage.py sqlmigrate"),
    ("[0-9]*_*.rb", "Rails", "db/structure.sql"),
    ("db/migrate/[0-9]*_*.rb", "Rails", "db/structure.sql"),
    ("[0-9]*_*.exs", "Ecto", "priv/repo/structure.sql"),
    ("priv/repo/migrations/[0-9]*_*.exs", "Ecto", "priv/repo/structure.sql"),
    ("*changelog*.xml", "Liquibase", "liquibase update-sql"),
    ("*changelog*.y*ml", "Liquibase", "liquibase update-sql"),
    ("[0-9]*[-_]*.[jt]s", "a JavaScript tool", "pg_dump --schema-only of a migrated database"),
)


def discover(
    folder: Path, tool: str | None = None, *, programs: bool = False, ledgers: Sequence[str] = ()
) -> MigrationSet:
    """Return the migrations of `folder`: a migrations folder, a project around one, or an SQL file.

    `tool` (one of `TOOLS`) decides where the layout does not; failing that, so do `ledgers`, the tools
    whose tracker tables the database has. `programs`: also find migrations that are no SQL, for callers
    who only compare them with a ledger. Raises `MigrationError` when nothing is found, when a file
    cannot be read, and when two tools would do different things with it.
    """
    if tool is not None and tool not in TOOLS:
        raise MigrationError(f"unknown migration tool {tool!r}; known are {', '.join(TOOLS)}")
    if folder.is_file():
        return _single_file(folder)
    if not folder.is_dir():
        raise MigrationError(f"{folder}: no such folder")
    if tool is None and ledgers:
        return _by_ledger(folder, ledgers, programs)
    if programs and (found := _programs(folder, tool)):
        return found
    found = _sql(folder, tool)
    if found is None:
        raise _nothing(folder, tool)
    return found if programs else found.require_sql()


def _sql(folder: Path, tool: str | None) -> MigrationSet | None:
    found = _in_folder(folder, tool, deep=False) or _in_places(folder, tool) or _in_folder(folder, tool)
    if found is None and tool in (None, PLAIN.tool):
        found = _plain(folder) or _dump(folder)
    return found


def _by_ledger(folder: Path, ledgers: Sequence[str], programs: bool) -> MigrationSet:
    """Return the migrations where the files leave it open which tool they are for."""
    try:
        found = discover(folder, programs=programs)
    except MigrationError:
        found = None
    if found is not None and (found.tool in ledgers or found.tool in _CERTAIN):
        return found
    fitting = []
    for tool in dict.fromkeys(t for t in ledgers if t in TOOLS):
        with suppress(MigrationError):
            fitting.append(discover(folder, tool, programs=programs))
    if len(fitting) > 1:
        listed = " or ".join(f.tool for f in fitting)
        raise MigrationError(
            f"{folder}: the database has ledgers of {listed}, and the files fit each; say which with --tool"
            " or `tool` in [migrations]"
        )
    if not fitting:
        return found or discover(folder, programs=programs)
    note = f"The files were read as those of {fitting[0].tool}, whose ledger the database has."
    return replace(fitting[0], notes=(*fitting[0].notes, note))


def _programs(path: Path, tool: str | None) -> MigrationSet | None:
    """Return the migrations that are programs, in `path` or the usual place below it."""
    if tool is None and _is_certain(path):
        return None
    for place in (path, *(path / p for p in _PLACES), *sorted(path.glob("priv/*/migrations"))):
        if not place.is_dir():
            continue
        folder = Folder(place)
        found = [
            (layout, loaded)
            for layout in PROGRAMS
            if tool in (None, layout.tool)
            and not (place != path and layout.tool == "alembic")
            and (loaded := layout.load(folder, tool is not None))
        ]
        found = [f for f in found if f[1].files]
        if len(found) > 1:
            tools = " or ".join(layout.tool for layout, _ in found)
            raise MigrationError(
                f"{place}: reads as {tools}; say which with --tool or `tool` in [migrations]"
            )
        if found:
            return _set(found[0][0].tool, folder, found[0][1])
    return None


def _is_certain(path: Path) -> bool:
    """Return whether SQL files of a known tool are here, beside which a program is something else."""
    try:
        found = _in_folder(path, None, deep=False) or _in_places(path, None)
    except MigrationError:
        return True
    return found is not None and found.tool != PLAIN.tool


def _single_file(path: Path) -> MigrationSet:
    folder = Folder(path.parent)
    _refuse_liquibase(folder, (path.name,))
    return MigrationSet(PLAIN.tool, path.parent, (versioned.single(folder, path.name),))


def _in_folder(path: Path, tool: str | None, *, deep: bool = True) -> MigrationSet | None:
    """Return the migrations that lie in `path` itself, but for plain numbered files."""
    folder = Folder(path, deep=deep)
    chosen = tool is not None
    tried = [layout for layout in LAYOUTS if tool in (None, layout.tool)]
    found = [(layout, loaded) for layout in tried if (loaded := layout.load(folder, chosen))]
    found = [f for f in found if f[1].files]
    if not found:
        return None
    by_content = [f for f in found if not f[0].home]
    at_home = [f for f in found if folder.near(*f[0].home)]
    return _settle(folder, by_content or at_home or found)


def _settle(folder: Folder, found: Sequence[tuple[Layout, Loaded]]) -> MigrationSet:
    layout, loaded = found[0]
    alike = [_effect(other) == _effect(loaded) for _, other in found]
    if not all(alike):
        tools = [f.tool for f, _ in found]
        raise MigrationError(
            f"{folder.path}: reads as {' or '.join(tools)}, which would run it differently;"
            f" say which with --tool or `tool` in [migrations]"
        )
    return _set(layout.tool, folder, loaded)


def _effect(loaded: Loaded) -> list[tuple[Path, str, str]]:
    """Return what decides the outcome: the mode does where a statement refuses a transaction."""
    return [(f.path, f.sql, f.mode if script.refuses_transaction(f.sql) else "") for f in loaded.files]


def _set(tool: str, folder: Folder, loaded: Loaded) -> MigrationSet:
    used = {f.path for f in (*loaded.files, *loaded.shadowed, *loaded.superseded)}
    _refuse_liquibase(folder, (f.path for f in loaded.files if f.path.suffix.lower() == ".sql"))
    territory = loaded.territory or folder.path
    dumps = {Path(dump).name for dump in _DUMPS}
    stray = tuple(p for p in folder.tree if p not in used and territory in p.parents and p.name not in dumps)
    files = tuple(undo.with_undo(tool, folder, file) for file in loaded.files)
    return MigrationSet(
        tool, folder.path, files, stray, loaded.shadowed, loaded.notes, superseded=loaded.superseded
    )


def _in_places(path: Path, tool: str | None) -> MigrationSet | None:
    """Return the migrations of the one usual place below `path` that has any."""
    found = []
    for place in _PLACES:
        inner = path / place
        if inner.is_dir() and (result := _in_folder(inner, tool)):
            found.append(result)
    if not found and tool in (None, PLAIN.tool):
        found = [s for place in _PLACES if (path / place).is_dir() and (s := _plain(path / place))]
    if len(found) > 1:
        listed = ", ".join(f"{s.folder.relative_to(path).as_posix()} ({s.tool})" for s in found)
        raise MigrationError(f"{path}: holds several folders of migrations: {listed}; name one of them")
    return found[0] if found else None


def _plain(path: Path) -> MigrationSet | None:
    folder = Folder(path)
    _refuse_liquibase(folder, folder.tree)
    numbered = versioned.plain(folder, False)
    return _set(PLAIN.tool, folder, numbered) if numbered else None


def _dump(path: Path) -> MigrationSet | None:
    """Return the structure dump that projects keep when their migrations are programs."""
    place = next((path / dump for dump in _DUMPS if (path / dump).is_file()), None)
    return _single_file(place) if place else None


def _refuse_liquibase(folder: Folder, names: Iterable[str | Path]) -> None:
    """Raise `MigrationError` for a changelog of Liquibase in SQL: its changesets are no files, and only
    Liquibase knows which of them run, in which order and with which parameters."""
    for name in names:
        if _LIQUIBASE.match(folder.text(name)):
            raise MigrationError(
                f"{folder.at(name)}: a Liquibase changelog; give the SQL that `liquibase update-sql` writes"
                " as a file, or the URL of a database that it migrated"
            )


def _nothing(path: Path, tool: str | None) -> MigrationError:
    """Return the error that says what was looked for."""
    for pattern, name, command in _PROGRAMS:
        if tool is None and next(path.glob(pattern), None):
            return MigrationError(
                f"{path}: these are migrations of {name}, which are programs; give their SQL as a file"
                f" ({command}) or the URL of a migrated database"
            )
    versioned.plain(Folder(path), True)
    looked = [layout.looks_for for layout in (*LAYOUTS, PLAIN) if tool in (None, layout.tool)]
    what = (
        looked[0] if len(looked) == 1 else "SQL files with numbers, or the layout of " + ", ".join(TOOLS[:-1])
    )
    return MigrationError(f"{path}: no migrations found; looked for {what}")
