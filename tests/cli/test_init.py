"""`init` writes what it saw, and keeps what others wrote."""

from pathlib import Path

import pytest

from tests.fix_cli import Terminal
from tests.fix_server import fresh
from tests.migrations.test_command import PYTHON
from tests.migrations.test_command_fence import ALEMBIC, DJANGO
from validate_schema.config import load
from validate_schema.config.sections import kept, sections
from validate_schema.model.errors import ConfigError
from validate_schema.scratch import Database, Server

FILE = "validate-schema.toml"
SQL = """
create table organization (id uuid primary key default gen_random_uuid());
create table note (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organization);
create table tag (id uuid primary key default gen_random_uuid(), organization_id uuid not null references organization);
create index on note (organization_id);
create index on tag (organization_id);
"""
PLACES = {
    "prisma/migrations/20240101000000_a/migration.sql": "prisma/migrations",
    "supabase/migrations/20240101000000_a.sql": "supabase/migrations",
    "db/migrate/000001_a.up.sql": "db/migrate",
    "migrations/0001_a.sql": "migrations",
}


@pytest.mark.parametrize("file", PLACES)
def test_migrations_are_found_without_being_named(terminal: Terminal, file: str) -> None:
    terminal.write(file, SQL)
    ran = terminal.run("init")
    assert (ran.status, ran.complaints[-1][:5]) == (0, "wrote"), ran.err
    config = load(None, terminal.folder).config
    assert config.migrations.path == PLACES[file]
    assert (config.tenancy.root, config.tenancy.column) == ("organization", "organization_id")
    again = terminal.run("--migrations", ".")
    assert again.status in (0, 1, 3)
    assert "--migrations " in terminal.run().complaint


def test_a_prisma_schema_becomes_the_contract(terminal: Terminal) -> None:
    terminal.write("prisma/migrations/20240101000000_a/migration.sql", SQL)
    terminal.write("prisma/schema.prisma", "model organization {\n  id String @id @db.Uuid\n}\n")
    assert terminal.run("init").status == 0
    config = load(None, terminal.folder).config
    assert config.contract.from_ == ("prisma/schema.prisma",)


def test_a_dump_beside_programs_becomes_the_contract(terminal: Terminal) -> None:
    terminal.write(
        "db/migrate/20240101000000_a.rb", "class A < ActiveRecord::Migration[7.1]\n  def change\n  end\nend\n"
    )
    terminal.write("db/structure.sql", SQL)
    ran = terminal.run("init")
    assert ran.status == 0, ran.err
    config = load(None, terminal.folder).config
    assert (config.migrations.path, config.migrations.command) == ("db/migrate", "bin/rails db:schema:load")
    assert config.contract.from_ == ("db/structure.sql",)


def test_programs_get_their_command_and_the_next_run_works(terminal: Terminal) -> None:
    pytest.importorskip("django")
    settings = "SECRET_KEY = 'x'\nINSTALLED_APPS = ['notes']\nDATABASES = {'default': {}}\nUSE_TZ = True\n"
    for name, text in (DJANGO | {"shop/settings.py": settings}).items():
        terminal.write(name, text)
    ran = terminal.run("init")
    assert ran.status == 0, ran.err
    written = (terminal.folder / FILE).read_text()
    config = load(None, terminal.folder).config
    assert config.migrations.command == "python manage.py migrate"
    assert config.contract.from_ == ("django:shop.settings",)
    terminal.write(FILE, written.replace("python manage.py", f"{PYTHON} manage.py"))
    assert terminal.run("init", "--migrations", ".", "--force").status == 0
    assert "nothing was looked at" not in (terminal.folder / FILE).read_text()


def test_models_that_alembic_compares_with_become_the_contract(terminal: Terminal) -> None:
    pytest.importorskip("alembic")
    env = "from app.models import Base\n\ntarget_metadata = Base.metadata\n"
    for name, text in (ALEMBIC | {"alembic/env.py": env, "app/models.py": "Base = None\n"}).items():
        terminal.write(name, text)
    assert terminal.run("init").status == 0
    config = load(None, terminal.folder).config
    assert config.contract.from_ == ("models:app.models:Base",)
    assert (config.migrations.command, config.migrations.path) == ("alembic upgrade head", ".")


def test_force_keeps_what_was_written_by_hand(terminal: Terminal, shop: Database) -> None:
    by_hand = (
        '# ours\n[tenancy]\nroot = "organization"\ncolumn = "org_id"\nglobal = ["country"]\n'
        'trusted = [{ setting = "app.admin", values = ["on"], reason = "set by the console" }]\n\n'
        '# why this is accepted\n[[checks.suppress]]\ncheck = "UNQ001"\nobject = "a.b"\nreason = "r" # really\n\n'
        '[report.groups]\nsales = [\n  "purchase",\n]\n'
    )
    terminal.write(FILE, by_hand)
    ran = terminal.run("init", "--database-url", shop.conninfo, "--force")
    assert ran.status == 0, ran.err
    text = (terminal.folder / FILE).read_text()
    kept_part = by_hand[by_hand.index("# why") :].strip("\n")
    assert kept_part.split("\n\n")[0] in text
    assert kept_part.split("\n\n")[1] in text
    config = load(None, terminal.folder).config
    assert config.tenancy.global_ == ("country",)
    assert config.tenancy.trusted[0].values == ("on",)
    assert terminal.run("init", "--database-url", shop.conninfo, "--force").status == 0
    assert (terminal.folder / FILE).read_text() == text


def test_force_keeps_the_comment_at_the_head(terminal: Terminal, shop: Database) -> None:
    assert terminal.run("init", "--database-url", shop.conninfo).status == 0
    made = (terminal.folder / FILE).read_text()
    head = "# Owned by the platform team.\n#\n# Ask before you change it.\n\n# And this."
    terminal.write(FILE, f"{head}\n\n{made.replace('[tenancy]', '# ours' + chr(10) + '[tenancy]')}")
    written = []
    for _ in range(2):
        assert terminal.run("init", "--database-url", shop.conninfo, "--force").status == 0
        written.append((terminal.folder / FILE).read_text())
    assert written[0].startswith(f"{head}\n\n# ours\n\n{made.partition('[tenancy]')[0]}[tenancy]\n")
    assert written[0].count("# validate-schema:") == 1
    assert written[1] == written[0]


MADE = """
create role app login; create role shipper login; create role crew;
create table organization (id int primary key);
create table note (id int primary key, organization_id int not null references organization);
create index on note (organization_id);
grant select, insert on note, organization to app;
"""
OWNS = "alter table organization owner to {}; alter table note owner to {};"
ALL = ["# shipper owns all 2 tables and is bound by row security, as migrations then are", 'role = "shipper"']
LEDGER = "create table pgmigrations (id serial primary key, name varchar(255) not null, run_on timestamp not null);"


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (OWNS.format("shipper", "shipper"), ALL),
        (
            OWNS.format("app", "app"),
            ["# app owns all 2 tables and is bound by row security, as migrations then are", 'role = "app"'],
        ),
        (
            OWNS.format("shipper", "postgres"),
            ["# shipper owns 1 of 2 tables; name whoever migrates", '# role = "shipper"'],
        ),
        (
            OWNS.format("crew", "crew"),
            ["# crew owns all 2 tables, but does not log in; name whoever migrates", '# role = "crew"'],
        ),
        (OWNS.format("shipper", "crew"), []),
        (OWNS.format("postgres", "postgres"), []),
        ("alter role shipper bypassrls;" + OWNS.format("shipper", "shipper"), []),
        (LEDGER + OWNS.format("shipper", "shipper"), []),
        (
            f"{LEDGER}alter table pgmigrations owner to shipper;" + OWNS.format("shipper", "shipper"),
            ["# shipper owns all 3 tables and is bound by row security, as migrations then are", ALL[1]],
        ),
    ],
)
def test_who_migrates_is_said_where_owners_show_it(
    terminal: Terminal, server: Server, sql: str, said: list[str]
) -> None:
    terminal.write("migrations/0001_a.sql", SQL)
    with fresh(server) as database, database.connect(autocommit=True) as connection:
        connection.execute(f"{MADE}{sql}".encode())
        try:
            ran = terminal.run("init", "--database-url", database.conninfo)
        finally:
            connection.execute("drop owned by app, shipper, crew cascade; drop role app, shipper, crew")
    assert ran.status == 0, ran.err
    (section,) = (s for s in sections((terminal.folder / FILE).read_text()) if s.name == "migrations")
    assert section.text.partition("\n\n")[0].splitlines()[2:] == said
    role = load(None, terminal.folder).config.migrations.role
    assert (f'role = "{role}"' in said) == (role is not None)


def test_who_replayed_migrations_is_not_who_migrates(terminal: Terminal) -> None:
    terminal.write("migrations/0001_a.sql", SQL)
    assert terminal.run("init").status == 0
    assert "role" not in (terminal.folder / FILE).read_text().partition("[migrations]")[2].partition("[")[0]


def test_pyproject_is_never_replaced(terminal: Terminal, shop: Database) -> None:
    terminal.write("pyproject.toml", "[project]\nname = 'x'\n")
    ran = terminal.run("init", "--database-url", shop.conninfo, "-o", "pyproject.toml", "--force")
    assert ran.status == 2
    assert "holds more than this config" in ran.complaint


def test_a_bracket_within_a_value_begins_no_section() -> None:
    text = 'a = [\n["b"],\n]\ns = """\n[not.one]\n"""\n\n# of c\n[c]\nx = 1\n[[d."e.f"]]\ny = 2\n'
    assert [(s.name, s.text.splitlines()[0]) for s in sections(text)] == [
        ("", "a = ["), ("c", "# of c"), ("d", '[[d."e.f"]]')
    ]  # fmt: skip
    assert kept(text, "x", without=("c",)) == '[[d."e.f"]]\ny = 2'
    with pytest.raises(ConfigError, match="x: "):
        kept("[", "x", without=())


def test_the_config_of_the_targets_folder_is_taken_and_said(terminal: Terminal) -> None:
    terminal.write("services/a/migrations/0001_a.sql", SQL)
    terminal.write(f"services/a/{FILE}", '[tenancy]\nroot = "organization"\ncolumn = "organization_id"\n')
    terminal.write(FILE, '[tenancy]\nroot = "nowhere"\ncolumn = "x"\n')
    ran = terminal.run("--migrations", "services/a/migrations")
    assert ran.complaints == [f"config: {Path('services', 'a', FILE)}"]
    assert "nowhere" not in ran.out
    chosen = terminal.run("--migrations", "services/a/migrations", "--config", FILE)
    assert (chosen.complaints, "nowhere" in chosen.out) == ([], True)


def test_status_finds_the_migrations_by_itself(terminal: Terminal, database: Database) -> None:
    terminal.write("migrations/0001_a.sql", SQL)
    ran = terminal.run("migrations", "status", "--database-url", database.conninfo)
    assert ran.status == 0, ran.err
    assert "on disk" in ran.out
