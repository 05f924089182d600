"""Tools that npm has, run as they are: their clients take the URL of the scratch database, and what they write
down is read as applied.

The tools are what `make servers` fetches; without them the tests are left out.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.migrations.test_discovery import lay
from validate_schema.catalog.reader import read_catalog
from validate_schema.migrations import discover
from validate_schema.migrations.history.compare import compare
from validate_schema.migrations.ledger import ledger_for, read_ledgers
from validate_schema.migrations.run.command import run_command
from validate_schema.scratch import Database

MODULES = Path(sys.prefix, "servers/node_modules")
SQL = "create table organization (id uuid primary key); create table note (id uuid primary key)"
PROJECTS = {
    "knex": (
        "npx knex migrate:latest",
        {
            "knexfile.js": "module.exports = {client: 'pg', connection: process.env.DATABASE_URL};",
            "migrations/20250101000000_a.js": f"""
                exports.up = knex => knex.raw(`{SQL}`);
                exports.down = knex => knex.schema.dropTable('note').dropTable('organization');
            """,
        },
    ),
    "node-pg-migrate": (
        "npx node-pg-migrate up",
        {
            "migrations/1700000000000_a.js": f"""
                exports.up = pgm => pgm.sql(`{SQL}`);
                exports.down = pgm => {{ pgm.dropTable('note'); pgm.dropTable('organization'); }};
            """
        },
    ),
    "sequelize": (
        "npx sequelize-cli db:migrate",
        {
            "config/config.json": '{"development": {"use_env_variable": "DATABASE_URL", "dialect": "postgres"}}',
            "migrations/20250101000000-a.js": f"""
                module.exports = {{
                    up: async queryInterface => {{ await queryInterface.sequelize.query(`{SQL}`); }},
                    down: async queryInterface => {{ await queryInterface.dropAllTables(); }},
                }};
            """,
        },
    ),
    "typeorm": (
        "npx typeorm migration:run -d data-source.js",
        {
            "data-source.js": """
                const { DataSource } = require('typeorm');
                module.exports.source = new DataSource(
                    {type: 'postgres', url: process.env.DATABASE_URL, migrations: ['migrations/*.js']}
                );
            """,
            "migrations/1700000000000-a.js": f"""
                module.exports = class a1700000000000 {{
                    name = 'a1700000000000';
                    async up(queryRunner) {{ await queryRunner.query(`{SQL}`); }}
                    async down(queryRunner) {{ await queryRunner.query('drop table note, organization'); }}
                }};
            """,
        },
    ),
    "kysely": (
        "npx kysely migrate:latest",
        {
            "package.json": '{"type": "module"}',
            "kysely.config.ts": """
                import { PostgresDialect } from 'kysely';
                import { Pool } from 'pg';
                import { defineConfig } from 'kysely-ctl';
                const pool = new Pool({ connectionString: process.env.DATABASE_URL });
                export default defineConfig(
                    { dialect: new PostgresDialect({ pool }), migrations: { migrationFolder: 'migrations' } }
                );
            """,
            "migrations/20250101_a.ts": """
                import { Kysely, sql } from 'kysely';
                export async function up(db: Kysely<any>) {
                    await sql`create table organization (id uuid primary key)`.execute(db);
                    await sql`create table note (id uuid primary key)`.execute(db);
                }
                export async function down(db: Kysely<any>) { await db.schema.dropTable('note').execute(); }
            """,
        },
    ),
    "mikro-orm": (
        "npx mikro-orm migration:up",
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
            "migrations/Migration20250101000000.js": f"""
                const {{ Migration }} = require('@mikro-orm/migrations');
                exports.Migration20250101000000 = class Migration20250101000000 extends Migration {{
                    async up() {{ this.addSql(`{SQL}`); }}
                    async down() {{ this.addSql('drop table note, organization'); }}
                }};
            """,
        },
    ),
    "drizzle": (
        "npx drizzle-kit migrate",
        {
            "drizzle.config.js": """
                module.exports = {
                    dialect: 'postgresql', out: './migrations', dbCredentials: { url: process.env.DATABASE_URL },
                };
            """,
            "migrations/meta/_journal.json": json.dumps(
                {
                    "version": "7",
                    "dialect": "postgresql",
                    "entries": [
                        {
                            "idx": 0,
                            "version": "7",
                            "when": 1735689600000,
                            "tag": "0000_a",
                            "breakpoints": True,
                        }
                    ],
                }
            ),
            "migrations/0000_a.sql": f"{SQL};",
        },
    ),
    "dbmate": (
        'npx dbmate --url "$DATABASE_URL?sslmode=disable" --migrations-dir migrations --no-dump-schema migrate',
        {
            "migrations/20250101000000_a.sql": f"-- migrate:up\n{SQL};\n-- migrate:down\ndrop table note, organization;\n"
        },
    ),
}
OF_SQL = ("drizzle", "dbmate")


@pytest.mark.skipif(not MODULES.exists(), reason="no tools of Node: `make servers` fetches them")
@pytest.mark.parametrize("tool", PROJECTS)
def test_the_tools_own_client_reaches_the_scratch_database(
    tmp_path: Path, database: Database, tool: str
) -> None:
    command, files = PROJECTS[tool]
    lay(tmp_path, files)
    (tmp_path / "node_modules").symlink_to(MODULES)
    migrations = discover(tmp_path / "migrations", tool, programs=True)
    assert migrations.program == (tool not in OF_SQL)
    run_command(database, command, tmp_path, 600)
    with database.connect() as conn:
        made = {table.name for table in read_catalog(conn).tables}
        ledger = ledger_for(read_ledgers(conn), migrations, None)
    assert made >= {"organization", "note"}
    assert ledger is not None
    assert {entry.status for entry in compare(migrations, ledger)} <= {"applied", "unverifiable"}
