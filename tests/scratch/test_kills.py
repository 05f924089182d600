"""Commands that are ended at any moment, in any way: the next run finds nothing of them running."""

import os
import random
from pathlib import Path

import pytest

from tests.fix_children import NIGHTLY, WAYS, rest_of
from tests.fix_cli import Terminal
from validate_schema.scratch import list_scratch, locks, open_server

MIGRATION = """
create table organization (id uuid primary key);
create table note (id uuid primary key, org_id uuid not null references organization, body text);
alter table note enable row level security;
create role app_user login;
grant select, insert on note to app_user;
create policy own on note to app_user using (org_id = current_setting('app.tenant', true)::uuid);
"""
COMMANDS = {
    "--migrations": ["--migrations", "db", "--no-prove"],
    "prove": ["prove", "--migrations", "db"],
    "fix": ["fix", "--migrations", "db", "--output", "fixes"],
    "migrations test": ["migrations", "test", "--migrations", "db", "--fixtures", "rows"],
}


FINISHED = (0, 1, 3)  # before it was ended
ENDED = {"KILL": (-9,), "TERM": (143,), "INT": (130,), "HUP": (143,), "closed pipe": (141,)}
EACH = [(command, way, number) for command in COMMANDS for way in WAYS for number in range(50)]
USUAL = [("--migrations", way, 0) for way in WAYS] + [(command, "KILL", 0) for command in COMMANDS][1:]


def users_of_processes() -> set[int]:
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.add(entry.stat().st_uid)
            except OSError:
                continue
    return found


@pytest.mark.parametrize(("command", "way", "number"), EACH if NIGHTLY else USUAL)
def test_the_next_run_finds_nothing_of_a_run_that_was_ended(
    terminal: Terminal, prepared_home: Path, command: str, way: str, number: int
) -> None:
    terminal.write("db/001_init.sql", MIGRATION)
    terminal.write("rows/001.sql", "insert into organization values (gen_random_uuid());")
    chance = random.Random(f"{command} {way} {number}")
    process = terminal.start(*COMMANDS[command], VALIDATE_SCHEMA_SCRATCH=str(prepared_home))
    assert process.stderr is not None
    for _ in range(chance.randrange(1, 5)):
        process.stderr.readline()
    for _ in range(chance.randrange(2000)):
        os.sched_yield()
    WAYS[way](process)
    said = rest_of(process)
    assert "Traceback" not in said
    assert process.returncode in (*FINISHED, *ENDED[way]), said

    used = {
        e.folder: (e.folder / "data").lstat().st_uid for e in list_scratch() if (e.folder / "data").exists()
    }
    with open_server(key="the next run"):
        pass
    for entry in list_scratch():
        assert not entry.running
        assert not locks.taken(entry.folder / "server.lock")
        assert [name for name in ("server.pid", "sockets") if (entry.folder / name).exists()] == []
    if os.geteuid() == 0:
        assert users_of_processes().isdisjoint(used.values())
