"""A reference that is no member: a snapshot, or migrations, replayed into a schema or database."""

from itertools import pairwise

from msgspec.structs import replace

from ..catalog.reader import read_catalog
from ..catalog.snapshot import fingerprint, load_snapshot
from ..contract.diff.catalogs import compare
from ..contract.diff.homes import only_schema
from ..facts.platforms import set_apart
from ..migrations import MigrationSet, discover
from ..migrations.records import FailedMigration, MigrationFile
from ..migrations.run.drift import certain_changes
from ..migrations.run.replay import replay
from ..migrations.run.steps import first_read
from ..model.catalog import Catalog
from ..model.errors import ReplayError, UsageError
from ..model.fleet import MemberKind, Milestone, Yardstick
from ..model.progress import Progress
from ..model.wording import some
from ..run.history import shown_folder
from ..run.source import Source
from ..scratch import Database, open_server
from ..sql.ident import quote_ident, visible
from .request import Outside

_HOME = "member"


def yardstick_of(outside: Outside, kind: MemberKind, source: Source, progress: Progress) -> Yardstick:
    """Return what the members are measured against. Raises `UsageError` for what cannot be used, and what
    `diff` raises for migrations that fail and for a server that cannot be had."""
    if outside.kind == "snapshot":
        name = outside.path.name
        catalog = set_apart(load_snapshot(outside.path))
        return _cut(Yardstick(name=name, why="the snapshot that was named", catalog=catalog), outside, kind)
    return _replayed(outside, kind, source, progress)


def _replayed(outside: Outside, kind: MemberKind, source: Source, progress: Progress) -> Yardstick:
    migrations = discover(outside.path, source.tool, placeholders=source.placeholders, role=source.role)
    states: list[tuple[str, Catalog]] = []
    files = some(len(migrations.files), "migration")
    with (
        open_server(
            source.scratch, key=migrations.digest, progress=progress, superuser=source.superuser
        ) as server,
        progress.step(f"replaying {files}"),
        server.database() as database,
    ):
        home = _prepared(database) if kind == "schema" else "public"
        try:
            _run(database, migrations, home, states)
        except FailedMigration as failed:
            raise ReplayError(str(failed)) from None
    whole = Yardstick(
        name=shown_folder(outside.path, source.base),
        why=f"the migrations that were named, replayed: {files}",
        catalog=states[-1][1],
        replayed=True,
    )
    found = _cut(whole, outside, kind)
    cut = [(label, only_schema(c, found.schema, _HOME) if found.schema else c) for label, c in states]
    return _with_milestones(found, cut)


def _prepared(database: Database) -> str:
    """Give a database a schema of a member's own, and have its sessions work in it; return its name."""
    with database.connect(autocommit=True) as connection:
        named = quote_ident(database.name)
        connection.execute(f"create schema {_HOME}".encode())
        connection.execute(f"alter database {named} set search_path = {_HOME}, public".encode())
    return _HOME


def _run(database: Database, migrations: MigrationSet, home: str, states: list[tuple[str, Catalog]]) -> None:
    """Run the migrations, and keep the catalog after each, of the last ones where they are many."""
    left = [first_read(migrations)]
    with database.admin(autocommit=True, prepare_threshold=0) as reader:

        def take(file: MigrationFile | None, _: object = None) -> None:
            left[0] -= 1
            if left[0] < 0:
                label = migrations.label(file.path) if file else ""
                states.append((label, set_apart(read_catalog(reader, default_schema=home))))

        replay(database, migrations, before=lambda: take(None), after=take)
        if not states:
            states.append(("", set_apart(read_catalog(reader, default_schema=home))))


def _with_milestones(found: Yardstick, states: list[tuple[str, Catalog]]) -> Yardstick:
    head = states[-1][1]
    made = [compare(before, after) for (_, before), (_, after) in pairwise(states)]
    milestones = (
        Milestone(label=label, behind=certain_changes(head, state), made=changes)
        for (label, state), changes in zip(states, [(), *made], strict=True)
        if label
    )
    return replace(found, milestones=tuple(milestones))


def _cut(found: Yardstick, outside: Outside, kind: MemberKind) -> Yardstick:
    """Return the yardstick with the schema of it that is a member's: the one that was named, else the only
    one that holds anything, else a default one that is not `public`. Raises `UsageError` where that is not
    told."""
    found = replace(found, id=fingerprint(found.catalog))
    if kind == "database":
        if outside.schema:
            raise UsageError("the members are databases: name the reference without #schema=")
        return found
    known = [s.name for s in found.catalog.schemas]
    if outside.schema:
        if outside.schema not in known:
            listed = ", ".join(map(visible, known)) or "none"
            raise UsageError(f"{found.name}: there is no schema {visible(outside.schema)}; it has {listed}")
        return replace(found, schema=outside.schema)
    holding = {t.schema for t in found.catalog.tables} | {v.schema for v in found.catalog.views}
    own = found.catalog.server.default_schema
    if len(holding) == 1:
        return replace(found, schema=holding.pop())
    if own in holding - {"public"}:
        return replace(found, schema=own)
    listed = ", ".join(map(visible, sorted(holding))) or "none that holds a table"
    raise UsageError(f"{found.name}: which of its schemas is a member's ({listed})? add #schema=NAME")
