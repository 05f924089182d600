"""Small schemas of two tenants, proven on a copy."""

from typing import Any

import psycopg
import pytest

from tests.fix_examples import facts_of
from tests.fix_server import fresh
from validate_schema.evidence.isolation import ContextSetup, prove
from validate_schema.model.isolation import Cell, Isolation, Outcome, Probe
from validate_schema.scratch import Database, Server

ORGANIZATION = """
create role app_user login;
create table organization (id uuid primary key default gen_random_uuid(), name text not null);
alter table organization enable row level security;
create policy own on organization using (id = nullif(current_setting('app.tenant_id', true), '')::uuid);
grant select, insert, update, delete on organization to app_user;
"""
NOTE = """
create table note (
    id uuid primary key default gen_random_uuid(), org_id uuid not null references organization (id), body text
);
grant select, insert, update, delete on note to app_user;
"""
TENANT = "org_id = nullif(current_setting('app.tenant_id', true), '')::uuid"
PROTECTED = NOTE + "alter table note enable row level security;"
HEALTHY = f"{PROTECTED} create policy own on note using ({TENANT});"

Outcomes = dict[Probe, Outcome]


class Bed:
    """Makes schemas in fresh databases of one server, and proves them."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def prove(self, *scripts: str, toml: str = "", context: ContextSetup | None = None) -> Isolation:
        return self.proven(ORGANIZATION, *scripts, toml=toml, context=context)

    def proven(self, *scripts: str, toml: str = "", context: ContextSetup | None = None) -> Isolation:
        """Prove a schema that has a root of its own."""
        with fresh(self.server) as database:
            return prove_here(database, *scripts, toml=toml, context=context)

    def cells(self, *scripts: str, table: str = "note") -> dict[Probe, Cell]:
        return {c.probe: c for c in self.prove(*scripts).cells if c.table.name == table}

    def outcomes(self, *scripts: str, table: str = "note") -> Outcomes:
        return {probe: cell.outcome for probe, cell in self.cells(*scripts, table=table).items()}

    def repeats(self, cell: Cell, *scripts: str) -> int:
        """Run the cell's script on a schema without rows; return how many rows its statement reached."""
        return self.repeats_alone(cell, ORGANIZATION, *scripts)

    def repeats_alone(self, cell: Cell, *scripts: str) -> int:
        """Do so on a schema that has a root of its own."""
        with fresh(self.server) as database, database.connect(autocommit=True) as conn:
            execute(conn, *scripts)
            return replay(conn, cell)


def execute(conn: psycopg.Connection[Any], *scripts: str) -> None:
    for script in scripts:
        conn.execute(script.encode())


def replay(conn: psycopg.Connection[Any], cell: Cell) -> int:
    """Run a reproduction statement by statement; return the row count of the last but the rollback."""
    count = 0
    for statement in cell.statements[:-1]:
        if statement.startswith("copy "):
            count = _copy(conn, statement)
        else:
            count = conn.execute(statement.encode()).rowcount
    conn.execute(cell.statements[-1].encode())
    return count


def _copy(conn: psycopg.Connection[Any], statement: str) -> int:
    """Run a COPY as psql does, with the lines that follow it; return how many rows went through."""
    command, _, lines = statement.partition(";\n")
    with conn.cursor() as cursor:
        with cursor.copy(command.encode()) as copy:
            if lines:
                copy.write(lines.removesuffix("\\.").encode())
            else:
                list(copy)
        return cursor.rowcount


def prove_here(
    database: Database, *scripts: str, toml: str = "", context: ContextSetup | None = None
) -> Isolation:
    with database.connect(autocommit=True) as conn:
        execute(conn, *scripts)
        facts = facts_of(conn, toml)
    return prove(database, facts, context=context)


@pytest.fixture
def bed(server: Server) -> Bed:
    """PostgreSQL 18."""
    return Bed(server)


@pytest.fixture
def any_bed(any_server: Server) -> Bed:
    """Every server at hand."""
    return Bed(any_server)
