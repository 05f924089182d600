"""Every tool's history is judged in every situation: real files, a ledger as the tool writes it."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from validate_schema.migrations import MigrationSet, discover
from validate_schema.migrations.history.compare import compare, shared
from validate_schema.migrations.ledger import ledger_for, read_ledgers
from validate_schema.model.history import HistoryEntry
from validate_schema.scratch import Server, open_server

DATA = Path(__file__).parents[1] / "data" / "ledgers"
Statuses = list[tuple[str, str]]


@dataclass
class Tool:
    """What a tool records, and how its files are named. `numbers` are those of the second file, of one
    between it and the first, and of one after the last. `fail` breaks the ledger of the second."""

    content: bool = False
    names: bool = False
    by_name: bool = False
    numbers: tuple[str, str, str] = ("20240102000000", "20240101120000", "20240104000000")
    fail: str = ""
    late: str = ""
    exceptions: dict[str, list[str]] = field(default_factory=dict)


STAMPS = ("1704102600000", "1704102000000", "1704109600000")
PLAIN = Tool()
TOOLS = {
    "prisma": Tool(
        content=True,
        by_name=True,
        fail="update _prisma_migrations set finished_at = null, logs = 'boom' where migration_name ~ 'projects'",
        late="update _prisma_migrations set started_at = '2027-01-01' where migration_name ~ 'projects'",
    ),
    "flyway": Tool(
        content=True,
        names=True,
        fail="update flyway_schema_history set success = false where installed_rank = 2",
        late="update flyway_schema_history set installed_rank = 9 where installed_rank = 2",
        exceptions={"line ends": ["applied", "applied", "applied"], "duplicate": ["applied", "gap", "applied", "applied"]},
    ),
    "sqlx": Tool(
        content=True,
        names=True,
        fail="update _sqlx_migrations set success = false where description = 'projects'",
        late="update _sqlx_migrations set installed_on = '2027-01-01' where description = 'projects'",
    ),
    "refinery": Tool(
        content=True,
        names=True,
        numbers=("2", "3", "5"),
        late="update refinery_schema_history set applied_on = '2027' where version = 2",
        exceptions={"gap": ["applied", "applied", "gap", "applied"]},
    ),
    "atlas": Tool(
        content=True,
        names=True,
        fail="update atlas_schema_revisions.atlas_schema_revisions set applied = 0, error = 'boom' where description = 'projects'",
        late="update atlas_schema_revisions.atlas_schema_revisions set executed_at = '2027-01-01' where description = 'projects'",
        exceptions={
            # Its checksums cover the files before: what comes after a difference cannot be told.
            "edited": ["applied", "edited", "unverifiable"],
            "missing": ["applied", "missing", "unverifiable"],
            "stray": ["applied", "applied", "applied", "pending"],
            "duplicate": ["applied", "applied", "gap", "applied"],
        },
    ),
    "applied-set": Tool(
        content=True,
        names=True,
        late="update applied_migrations set applied_at = '2027-01-01' where name = 'projects'",
    ),
    "supabase": Tool(content=True, names=True),
    "drizzle": Tool(
        content=True,
        late="update drizzle.__drizzle_migrations set id = 9 where id = 2",
        exceptions={"gap": ["applied", "applied", "applied", "gap"]},
    ),
    "sqitch": Tool(
        content=True,
        fail="delete from sqitch.changes where change = 'projects';"
        " insert into sqitch.events values ('fail', 'id1', 'projects', 'shop', '', '2027-01-01')",
        late="update sqitch.changes set committed_at = '2027-01-01' where change = 'projects'",
        exceptions={"renamed": ["applied", "renamed", "applied"]},
    ),
    "goose": Tool(late="update goose_db_version set id = 9 where id = 3"),
    "dbmate": PLAIN,
    "rails": PLAIN,
    "pop": PLAIN,
    "diesel": Tool(late="update __diesel_schema_migrations set run_on = '2027-01-01' where version = '20240102000000'"),
    "ecto": Tool(late="update schema_migrations set inserted_at = '2027-01-01' where version = 20240102000000"),
    "knex": Tool(
        by_name=True,
        fail="update knex_migrations_lock set is_locked = 1",
        late="update knex_migrations set id = 9 where id = 2",
        exceptions={"failed": ["unverifiable", "unverifiable", "unverifiable", "failed"]},
    ),
    "sequelize": Tool(by_name=True),
    "typeorm": Tool(by_name=True, numbers=STAMPS, late="update migrations set id = 9 where id = 2"),
    "node-pg-migrate": Tool(
        by_name=True, numbers=STAMPS, late="update pgmigrations set run_on = '2027-01-01' where id = 2"
    ),
    "golang-migrate": Tool(
        fail="update schema_migrations set dirty = true",
        exceptions={
            "gap": ["unverifiable", "unverifiable", "unverifiable", "unverifiable"],
            "missing": ["unverifiable", "unverifiable"],
            "failed": ["unverifiable", "unverifiable", "failed"],
        },
    ),
    "sql-migrate": Tool(
        by_name=True,
        late="update gorp_migrations set applied_at = '2027-01-01' where id ~ 'projects'",
        exceptions={"stray": ["unverifiable", "unverifiable", "unverifiable", "pending"]},
    ),
    "rambler": Tool(by_name=True, exceptions={"stray": ["unverifiable", "unverifiable", "unverifiable", "pending"]}),
    "micrate": Tool(
        fail="insert into micrate_db_version (version_id, is_applied) values (20240102000000, false)",
        late="update micrate_db_version set id = 9 where id = 2",
        exceptions={"failed": ["unverifiable", "rolled_back", "unverifiable"]},
    ),
    "mybatis": Tool(
        names=True,
        late="update changelog set applied_at = '2027-01-01 00:00:00' where description = 'projects'",
        exceptions={"duplicate": ["unverifiable", "unverifiable", "gap", "unverifiable"]},
    ),
    "play": Tool(
        content=True,
        numbers=("2", "", "4"),
        fail="update play_evolutions set state = 'applying_up', last_problem = 'boom' where id = 2",
        late="update play_evolutions set applied_at = '2027-01-01' where id = 2",
        exceptions={
            "line ends": ["applied", "applied", "applied"],
            # It reads its files from 1 to the first that is not there.
            "missing": ["applied", "missing", "missing"],
        },
    ),
    "postgrator": Tool(content=True, names=True, late="update schemaversion set run_at = '2027-01-01' where name = 'projects'"),
    "graphile-migrate": Tool(
        content=True,
        numbers=("000002", "000002", "000004"),
        late="update graphile_migrate.migrations set date = '2027-01-01' where filename = '000002.sql'",
    ),
    "evolve": Tool(
        content=True,
        names=True,
        fail="update changelog set success = false where description = 'projects'",
        late="update changelog set id = 9 where id = 2",
        exceptions={"line ends": ["applied", "applied", "applied"]},
    ),
    "kysely": Tool(by_name=True, late="update kysely_migration set timestamp = '2027-01-01T00:00:00.000Z' where name ~ 'projects'"),
    "mikro-orm": Tool(by_name=True, late="update mikro_orm_migrations set id = 9 where id = 2"),
    "db-migrate": Tool(by_name=True, late="update migrations set run_on = '2027-01-01' where id = 2"),
    "pgroll": Tool(
        by_name=True,
        fail="update pgroll.migrations set done = false where name ~ 'projects'",
        late="update pgroll.migrations set created_at = '2027-01-01' where name ~ 'projects'",
    ),
    "tern": Tool(
        numbers=("002", "002", "004"),
        exceptions={
            "gap": ["unverifiable", "unverifiable", "unverifiable", "unverifiable"],
            "missing": ["unverifiable", "unverifiable"],
        },
    ),
}  # fmt: skip


def expected(tool: Tool, situation: str) -> list[str]:
    """Return the statuses that a tool's history has, from what the tool records."""
    one = "applied" if tool.content else "unverifiable"
    if situation in tool.exceptions:
        return tool.exceptions[situation]
    if situation == "duplicate":
        second = "gap" if tool.by_name or tool.content else "unverifiable"
        return [one, one, second, one]
    return {
        "clean": [one, one, one],
        "pending": [one, one, one, "pending"],
        "gap": [one, "gap", one, one],
        "missing": [one, "missing", one],
        "edited": [one, "edited" if tool.content else one, one],
        "line ends": [one, "line_endings" if tool.content else one, one],
        "renamed": [one, "renamed" if tool.names or tool.by_name else one, one],
        "failed": [one, "failed", one],
        "stray": [one, one, one],
        "late": [one, one, one],
    }[situation]


def second(folder: Path, discovered: MigrationSet) -> Path:
    return discovered.files[1].path


def add(folder: Path, tool: str, number: str, title: str) -> None:
    """Add a migration like the second with another number and name."""
    if tool == "drizzle":
        return add_entry(folder, number, title)
    if tool == "sqitch":
        return plan(folder, number, title)
    old = TOOLS[tool].numbers[0]
    for path in list(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if path.is_file() and ("projects" in relative or relative == f"{old}.sql"):
            new = folder / relative.replace(old, number).replace("projects", title)
            new.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text().replace(old, number).replace("projects", title)
            new.write_text(text.replace("Projects", title.capitalize()))
    return None


def add_entry(folder: Path, number: str, title: str) -> None:
    journal = json.loads((folder / "meta/_journal.json").read_text())
    day = {"20240101120000": 43_200_000, "20240102000000": 86_400_000, "20240104000000": 259_200_000}[number]
    journal["entries"].append({"idx": 3, "when": 1_704_067_200_000 + day, "tag": f"0003_{title}"})
    (folder / "meta/_journal.json").write_text(json.dumps(journal))
    (folder / f"0003_{title}.sql").write_text(f"create table {title} (id int);\n")


def plan(folder: Path, number: str, title: str) -> None:
    lines = (folder / "sqitch.plan").read_text().splitlines()
    line = f"{title} 2024-01-09T00:00:00Z A <a@example.com> # x"
    at = len(lines) if number > "20240103" else -2
    lines.insert(at, line)
    (folder / "sqitch.plan").write_text("\n".join(lines) + "\n")
    (folder / f"deploy/{title}.sql").write_text(f"create table {title} (id int);\n")


def rename(folder: Path, tool: str, path: Path) -> None:
    if tool == "drizzle":
        journal = folder / "meta/_journal.json"
        journal.write_text(journal.read_text().replace("projects", "renamed"))
    if tool == "typeorm":
        path.write_text(path.read_text().replace("Projects", "Renamed"))
    if tool == "sqitch":
        (folder / "sqitch.plan").write_text(
            (folder / "sqitch.plan").read_text().replace("projects", "renamed")
        )
    if tool == "prisma":
        path = path.parent
    path.rename(path.with_name(path.name.replace("projects", "renamed")))


def remove(folder: Path, tool: str, path: Path) -> None:
    if tool == "drizzle":
        journal = json.loads((folder / "meta/_journal.json").read_text())
        del journal["entries"][1]
        (folder / "meta/_journal.json").write_text(json.dumps(journal))
    if tool == "sqitch":
        lines = (folder / "sqitch.plan").read_text().splitlines()
        (folder / "sqitch.plan").write_text("\n".join(x for x in lines if "projects" not in x) + "\n")
    if tool == "prisma":
        shutil.rmtree(path.parent)
    else:
        path.unlink()


def write(path: Path, change: Callable[[bytes], bytes]) -> None:
    path.write_bytes(change(path.read_bytes()))


DIVIDED = ("sql-migrate", "rambler", "micrate", "mybatis", "play")


def comment(tool: str) -> bytes:
    marks = {"rails": b"# changed\n", "ecto": b"# changed\n", "pgroll": b"# changed\n"}
    scripts = ("knex", "sequelize", "typeorm", "kysely", "mikro-orm", "db-migrate")
    return marks.get(tool, b"// changed\n" if tool in scripts else b"alter table projects add a int;\n")


def edit(tool: str, raw: bytes) -> bytes:
    """Change the up section: a migration that ran is not what it was."""
    if tool in ("goose", "dbmate", "node-pg-migrate", "tern", *DIVIDED):
        return raw.replace(b"bigint", b"int", 1)
    return raw + comment(tool)


def mutate(folder: Path, tool: str, situation: str, found: MigrationSet) -> None:
    """Bring `situation` about in the files."""
    path, (same, between, after) = second(folder, found), TOOLS[tool].numbers
    match situation:
        case "pending":
            add(folder, tool, after, "later")
        case "gap":
            add(folder, tool, between, "forgotten")
        case "duplicate":
            add(folder, tool, same, "second")
        case "missing":
            remove(folder, tool, path)
        case "edited":
            write(path, lambda raw: edit(tool, raw))
        case "line ends":
            write(path, lambda raw: raw.replace(b"\n", b"\r\n"))
        case "renamed":
            rename(folder, tool, path)
        case "stray":
            (folder / "notes.sql").write_text(
                f"-- {'+migrate Up' if tool == 'sql-migrate' else 'x'}\nselect 1;\n"
            )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with open_server(key="ledgers") as opened:
        yield opened


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[psycopg.Connection[Any]]:
    with server.database() as database, database.connect(autocommit=True) as opened:
        yield opened


@pytest.fixture
def open_ledger(connection: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Give a transaction that ends in nothing."""
    with connection.transaction(force_rollback=True):
        yield connection


def tool_name(tool: str) -> str | None:
    """Return what the user must say: nothing, unless the files do not tell."""
    return tool if tool in ("applied-set", "sqlx", "refinery", "supabase", "pop", "evolve") else None


def judge(
    connection: psycopg.Connection[Any], tmp_path: Path, tool: str, situation: str
) -> tuple[MigrationSet, tuple[HistoryEntry, ...]]:
    folder = tmp_path / "migrations"
    shutil.copytree(DATA / tool, folder)
    connection.execute((DATA / f"{tool}.sql").read_text().encode())
    found = discover(folder, tool_name(tool), programs=True)
    mutate(folder, tool, situation, found)
    spec = TOOLS[tool]
    if situation in ("failed", "late"):
        connection.execute((spec.fail if situation == "failed" else spec.late).encode())
    found = discover(folder, tool_name(tool), programs=True)
    assert found.tool == tool
    ledger = ledger_for(read_ledgers(connection), found, None)
    return found, compare(found, ledger)


def versioned(entries: tuple[HistoryEntry, ...]) -> list[str]:
    """Return the statuses but for Flyway's repeatable migration."""
    return [entry.status for entry in entries if not entry.version.startswith("R:")]


SITUATIONS = ("clean", "pending", "gap", "missing", "edited", "line ends", "renamed", "stray")


@pytest.mark.parametrize(
    ("tool", "situation"), [(t, s) for t in TOOLS for s in SITUATIONS if (t, s) != ("play", "gap")]
)
def test_each_situation_is_judged_as_the_ledger_allows(
    open_ledger: psycopg.Connection[Any], tmp_path: Path, tool: str, situation: str
) -> None:
    found, entries = judge(open_ledger, tmp_path, tool, situation)
    assert versioned(entries) == expected(TOOLS[tool], situation)
    assert all(entry.why and not entry.late for entry in entries)
    strays = [found.label(path) for path in found.stray]
    # sqitch looks at deploy/ alone, and others take every SQL file.
    none = situation != "stray" or tool in ("sqitch", "atlas", "sql-migrate", "rambler")
    behind = ["3.sql"] if (tool, situation) == ("play", "missing") else []
    assert strays == (behind if none else ["notes.sql"])


DUPLICATES = [t for t in TOOLS if t not in ("sqitch", "play")]


@pytest.mark.parametrize("tool", DUPLICATES)
def test_of_two_files_with_one_version_the_recorded_one_is_applied(
    open_ledger: psycopg.Connection[Any], tmp_path: Path, tool: str
) -> None:
    found, entries = judge(open_ledger, tmp_path, tool, "duplicate")
    assert sorted(versioned(entries)) == sorted(expected(TOOLS[tool], "duplicate"))
    assert [len(group.files) for group in shared(found)] == ([] if TOOLS[tool].by_name else [2])


@pytest.mark.parametrize("tool", [t for t in TOOLS if TOOLS[t].fail])
def test_what_the_ledger_calls_failed_is_failed(
    open_ledger: psycopg.Connection[Any], tmp_path: Path, tool: str
) -> None:
    _, entries = judge(open_ledger, tmp_path, tool, "failed")
    assert versioned(entries) == expected(TOOLS[tool], "failed")


@pytest.mark.parametrize("tool", [t for t in TOOLS if TOOLS[t].late])
def test_what_was_applied_after_a_later_version_is_late(
    open_ledger: psycopg.Connection[Any], tmp_path: Path, tool: str
) -> None:
    _, entries = judge(open_ledger, tmp_path, tool, "late")
    assert versioned(entries) == expected(TOOLS[tool], "late")
    assert [entry.late for entry in entries if not entry.version.startswith("R:")] == [False, True, False]


@pytest.mark.parametrize("tool", TOOLS)
def test_without_a_ledger_nothing_is_claimed(tmp_path: Path, tool: str) -> None:
    found = discover(DATA / tool, tool_name(tool), programs=True)
    entries = compare(found, ledger_for((), found, None))
    assert {entry.status for entry in entries} == {"on_disk"}
    assert len(entries) == len(found.files)


def test_a_deploy_that_prisma_gave_up_is_failed_in_prismas_own_ledger(
    open_ledger: psycopg.Connection[Any], tmp_path: Path
) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(DATA / "prisma", folder)
    broken = folder / "20240104000000_broken" / "migration.sql"
    broken.parent.mkdir()
    broken.write_text(
        'CREATE TABLE "extra" ("id" BIGINT PRIMARY KEY);\nALTER TABLE "nowhere" ADD COLUMN "a" INTEGER;\n'
    )
    open_ledger.execute((DATA / "failed" / "prisma.sql").read_text().encode())
    found = discover(folder)
    entries = compare(found, ledger_for(read_ledgers(open_ledger), found, None))
    assert [entry.status for entry in entries] == ["applied", "applied", "applied", "failed"]
    assert entries[-1].why == "the ledger says that it failed: external connector error"
    assert entries[-1].checksum == entries[-1].recorded_checksum
