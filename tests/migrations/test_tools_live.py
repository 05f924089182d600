"""Tools run as they are: their clients take the URL of the scratch database, and what they write down is judged
in every situation.

The tools of npm are what `make servers` fetches; sqitch and Rails are those of the system (Debian: sqitch and
libdbd-pg-perl; ruby-railties, ruby-activerecord, ruby-pg and rake). Tests of a tool that is not here are left out,
and say so. By day each tool runs once, HYPOTHESIS_PROFILE=nightly brings about each situation of `test_history`.
Alembic, Django and yoyo run in `test_history_live`.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fix_children import NIGHTLY
from tests.migrations.test_discovery import lay
from tests.migrations.test_history import DATA, SITUATIONS, TOOLS, expected, mutate, tool_name
from validate_schema.catalog.reader import read_catalog
from validate_schema.migrations import discover
from validate_schema.migrations.history.compare import compare
from validate_schema.migrations.ledger import ledger_for, read_ledgers
from validate_schema.migrations.records import FailedMigration
from validate_schema.migrations.run.command import run_command
from validate_schema.model.history import HistoryEntry
from validate_schema.scratch import Database, Server

MODULES = Path(sys.prefix, "servers/node_modules")
at_night = pytest.mark.skipif(not NIGHTLY, reason="at night: HYPOTHESIS_PROFILE=nightly")


@dataclass
class Run:
    """How a tool applies the files that lie in `at`: its `command`, run in `home`, and the `files` that tell it
    where. `late` is the command that applies a file below applied ones, empty where the tool never does.
    `missing` ends with an error where the tool is not here, and `package` is what brings it."""

    command: str
    files: dict[str, str] = field(default_factory=dict)
    at: str = "migrations"
    home: str = "."
    late: str | None = None
    missing: tuple[str, ...] = ("test", "-d", str(MODULES))
    package: str = "`make servers`"


RUNS = {
    "knex": Run(
        "npx knex migrate:latest",
        {"knexfile.js": "module.exports = {client: 'pg', connection: process.env.DATABASE_URL};"},
    ),
    "node-pg-migrate": Run("npx node-pg-migrate up", late="npx node-pg-migrate up --no-check-order"),
    "sequelize": Run(
        "npx sequelize-cli db:migrate",
        {
            "config/config.json": '{"development": {"use_env_variable": "DATABASE_URL", "dialect": "postgres"}}',
        },
    ),
    "typeorm": Run(
        "npx typeorm migration:run -d data-source.js",
        {
            "data-source.js": """
                const { DataSource } = require('typeorm');
                module.exports.source = new DataSource(
                    {type: 'postgres', url: process.env.DATABASE_URL, migrations: ['migrations/*.js']}
                );
            """,
        },
    ),
    "kysely": Run(
        "npx kysely migrate:latest",
        {
            "kysely.config.ts": """
                import { PostgresDialect } from 'kysely';
                import { Pool } from 'pg';
                import { defineConfig } from 'kysely-ctl';
                const pool = new Pool({ connectionString: process.env.DATABASE_URL });
                export default defineConfig(
                    { dialect: new PostgresDialect({ pool }), migrations: { migrationFolder: 'migrations', allowJS: true } }
                );
            """,
        },
        late="",
    ),
    "mikro-orm": Run(
        "NODE_OPTIONS='--import tsx' npx mikro-orm migration:up",
        {
            "package.json": '{"dependencies": {"@mikro-orm/cli": "*"}}',
            "mikro-orm.config.js": """
                const { defineConfig } = require('@mikro-orm/postgresql');
                const { Migrator } = require('@mikro-orm/migrations');
                module.exports = defineConfig({
                    clientUrl: process.env.DATABASE_URL, entities: [], discovery: { warnWhenNoEntities: false },
                    extensions: [Migrator], migrations: { path: 'migrations', snapshot: false },
                });
            """,
        },
    ),
    "drizzle": Run(
        "npx drizzle-kit migrate",
        {
            "drizzle.config.js": """
                module.exports = {
                    dialect: 'postgresql', out: './migrations', dbCredentials: { url: process.env.DATABASE_URL },
                };
            """,
        },
        late="",
    ),
    "dbmate": Run(
        'npx dbmate --url "$DATABASE_URL?sslmode=disable" --migrations-dir migrations --no-dump-schema migrate',
    ),
    "supabase": Run(
        'npx supabase db push --yes --remote="$DATABASE_URL"',
        at="supabase/migrations",
        late='npx supabase db push --yes --include-all --remote="$DATABASE_URL"',
    ),
    "sqitch": Run(
        "sqitch deploy --no-verify db:pg:",
        {"migrations/sqitch.conf": "[core]\n engine = pg\n[user]\n name = A\n email = a@example.com\n"},
        home="migrations",
        late="",
        missing=("sh", "-c", "sqitch --version && perl -MDBD::Pg -e 1"),
        package="sqitch and libdbd-pg-perl",
    ),
    "rails": Run(
        "rake db:migrate",
        {
            "Rakefile": 'require_relative "config/application"\nRails.application.load_tasks\n',
            "config/environment.rb": 'require_relative "application"\nRails.application.initialize!\n',
            "config/application.rb": """
                require "active_record/railtie"
                class Shop < Rails::Application
                  config.eager_load = false
                  config.paths["db/migrate"] = ["migrations"]
                end
            """,
        },
        missing=("ruby", "-e", "require 'rails'; require 'active_record'; require 'pg'; require 'rake'"),
        package="ruby-railties, ruby-activerecord, ruby-pg and rake",
    ),
}


def here(run: Run) -> None:
    """Leave the test out, with what would bring the tool, where it is not here."""
    with suppress(FileNotFoundError):
        if subprocess.run(run.missing, capture_output=True, check=False).returncode == 0:
            return
    pytest.skip(f"not here: {run.package}")


def laid(folder: Path, tool: str) -> Path:
    """Lay out the three migrations of a tool and what tells it where they are; return their folder."""
    run = RUNS[tool]
    shutil.copytree(DATA / tool, folder / run.at, dirs_exist_ok=True)
    lay(folder, run.files)
    if tool == "rails":
        for path in (folder / run.at).iterdir():
            path.write_text(path.read_text().replace("Migration[8.0]", "Migration[6.1]"))
    if tool not in ("sqitch", "rails"):
        (folder / "node_modules").symlink_to(MODULES)
    return folder / run.at


def apply(database: Database, folder: Path, tool: str, command: str = "") -> None:
    run_command(database, command or RUNS[tool].command, folder / RUNS[tool].home, 600)


def judged(database: Database, migrations: Path, tool: str) -> tuple[HistoryEntry, ...]:
    found = discover(migrations, tool_name(tool), programs=True)
    assert found.tool == tool
    with database.connect() as conn:
        ledger = ledger_for(read_ledgers(conn), found, None)
    assert ledger is not None
    return compare(found, ledger)


@pytest.fixture(scope="module", params=RUNS)
def applied(
    request: pytest.FixtureRequest, any_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path, Database]]:
    """Give a tool, the folder of the three migrations that it applied, and the database: look, do not touch."""
    tool: str = request.param
    here(RUNS[tool])
    folder = tmp_path_factory.mktemp(tool)
    laid(folder, tool)
    with any_server.database() as database:
        apply(database, folder, tool)
        yield tool, folder, database


@pytest.mark.parametrize(
    "situation", [pytest.param(s, marks=at_night if s != "clean" else ()) for s in SITUATIONS]
)
def test_what_a_tool_wrote_down_itself_is_judged(
    applied: tuple[str, Path, Database], tmp_path: Path, situation: str
) -> None:
    tool, folder, database = applied
    migrations = tmp_path / RUNS[tool].at
    shutil.copytree(folder / RUNS[tool].at, migrations)
    if situation == "clean":
        with database.connect() as conn:
            assert {t.name for t in read_catalog(conn).tables} >= {"accounts", "projects", "tasks"}
    mutate(migrations, tool, situation, discover(migrations, tool_name(tool), programs=True))
    assert [e.status for e in judged(database, migrations, tool)] == expected(TOOLS[tool], situation)


@at_night
@pytest.mark.parametrize("tool", RUNS)
def test_what_fails_under_the_tool_is_not_called_applied(
    tmp_path: Path, any_database: Database, tool: str
) -> None:
    here(RUNS[tool])
    migrations = laid(tmp_path, tool)
    apply(any_database, tmp_path, tool)
    mutate(migrations, tool, "pending", discover(migrations, tool_name(tool), programs=True))
    with any_database.connect(autocommit=True) as conn:
        conn.execute("create type later as enum ()")  # IF NOT EXISTS passes over a table
    with pytest.raises(FailedMigration):
        apply(any_database, tmp_path, tool)
    last = "failed" if tool == "sqitch" else "pending"
    assert [e.status for e in judged(any_database, migrations, tool)] == [
        *expected(TOOLS[tool], "clean"),
        last,
    ]


@at_night
@pytest.mark.parametrize("tool", RUNS)
def test_what_the_tool_applies_late_is_late(tmp_path: Path, any_database: Database, tool: str) -> None:
    here(RUNS[tool])
    migrations = laid(tmp_path, tool)
    apply(any_database, tmp_path, tool)
    mutate(migrations, tool, "gap", discover(migrations, tool_name(tool), programs=True))
    late = RUNS[tool].late
    if late == "":
        with suppress(FailedMigration):
            apply(any_database, tmp_path, tool)
        assert [e.status for e in judged(any_database, migrations, tool)] == expected(TOOLS[tool], "gap")
        return
    apply(any_database, tmp_path, tool, late or "")
    entries = judged(any_database, migrations, tool)
    assert {e.status for e in entries} == set(expected(TOOLS[tool], "clean"))
    # Where the ledger does not say when, nothing is called late.
    forgotten = ["forgotten" in e.file for e in entries] if TOOLS[tool].late else [False] * 4
    assert [e.late for e in entries] == forgotten
