"""A corrective migration is tried as the role that migrates: what row security hides from it is no success."""

from tests.fix_cli import Ran, Terminal
from tests.migrations.test_discovery import lay
from validate_schema.scratch import Database

SCHEMA = """
create table organization (id uuid primary key);
create table project (id uuid primary key, org_id uuid not null references organization (id), unique (org_id, id));
create table task (id uuid primary key, project_id uuid not null references project (id), org_id uuid);
alter table project enable row level security;
create policy own on project using (org_id = current_setting('app.org', true)::uuid);
alter table task enable row level security;
create policy own on task using (org_id = current_setting('app.org', true)::uuid);
"""
FORCE = "alter table task force row level security;"
CONFIG = '[tenancy]\nroot = "organization"\ncolumn = "org_id"\n'
ROLE = '[migrations]\nrole = "mender"\n'


def fixed(terminal: Terminal, config: str, *target: str) -> Ran:
    terminal.write("validate-schema.toml", config)
    return terminal.run("fix", *target, "--select", "TEN002", "--output", "fix.sql")


def test_a_backfill_that_row_security_empties_is_not_written(terminal: Terminal) -> None:
    lay(terminal.folder, {"m/1_a.sql": SCHEMA + FORCE})
    ran = fixed(terminal, CONFIG + ROLE, "--migrations", "m")
    assert ran.status == 1
    assert "row security hides rows of task from mender" in ran.out + ran.err
    assert not (terminal.folder / "fix.sql").exists()


def test_one_that_nothing_is_hidden_from_is(terminal: Terminal) -> None:
    lay(terminal.folder, {"m/1_a.sql": SCHEMA})
    ran = fixed(terminal, CONFIG + ROLE, "--migrations", "m")
    assert ran.status == 0, ran.err
    assert "backfill" in (terminal.folder / "fix.sql").read_text()


def test_on_a_live_database_the_role_is_its_own(terminal: Terminal, database: Database) -> None:
    with database.connect(autocommit=True) as live:
        live.execute((SCHEMA + FORCE).encode())
    lacks = fixed(terminal, CONFIG + ROLE, "--database-url", database.conninfo)
    assert (lacks.status, "the target has no role mender" in lacks.out + lacks.err) == (1, True)

    with database.connect(autocommit=True) as live:
        live.execute("create role mender bypassrls")
        try:
            owned = "; ".join(f"alter table {t} owner to mender" for t in ("organization", "project", "task"))
            live.execute(f'alter database "{database.name}" owner to mender; {owned}'.encode())
            ran = fixed(terminal, CONFIG + ROLE, "--database-url", database.conninfo)
        finally:
            live.execute(f'alter database "{database.name}" owner to postgres'.encode())
            live.execute("reassign owned by mender to postgres; drop role mender")
    assert ran.status == 0, ran.out + ran.err
