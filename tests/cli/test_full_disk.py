"""A full disk, wherever it is met: it is said, nothing is half written, and nothing passes for it."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fix_cli import Terminal

Small = Callable[[str], Path]
HISTORY = """
create table organization (id uuid primary key);
create table note (id uuid primary key default gen_random_uuid(), org_id uuid not null references organization, body text);
alter table note enable row level security;
create role app_user login;
grant select, insert, update, delete on note to app_user;
create policy own on note using (org_id = current_setting('app.tenant', true)::uuid);
"""
FILLING = """
create {} table log (line text);
grant insert on log to app_user;
create function fills() returns trigger language plpgsql as $$ begin
    insert into public.log select repeat('x', 1000) from generate_series(1, 1000000); return new;
end $$;
"""


@contextmanager
def mounted(size: str) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="small-", dir="/tmp"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "tmpfs", place]
    if subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode:
        place.rmdir()
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
        place.rmdir()


@pytest.fixture
def small() -> Iterator[Small]:
    """Mount file systems of a size; skips where that is not allowed."""
    with ExitStack() as stack:
        yield lambda size: stack.enter_context(mounted(size))


def fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as filler:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError:
                continue


@pytest.mark.parametrize("name", ["report.json", "report.html", "report.md", "report.xml", "report.sarif"])
def test_a_report_is_written_whole_or_the_last_one_stays(terminal: Terminal, small: Small, name: str) -> None:
    terminal.write("sql/001_a.sql", HISTORY)
    place = small("1m")
    (place / name).write_text("the last one")
    fill(place)
    ran = terminal.run("--migrations", "sql", "--no-prove", "--report", str(place / name))
    assert (ran.status, ran.complaint) == (
        2,
        f"error: {place / name}: cannot write: No space left on device",
    )
    assert (place / name).read_text() == "the last one"
    assert sorted(os.listdir(place)) == ["filler", name]


@pytest.mark.parametrize("size", ["2m", "20m", "45m"])
def test_a_cache_without_room_is_said_and_what_was_begun_is_no_cache(
    terminal: Terminal, small: Small, size: str
) -> None:
    terminal.write("sql/001_a.sql", HISTORY)
    place = small(size)
    asked = ("--migrations", "sql", "--no-prove")
    process = terminal.start(*asked, VALIDATE_SCHEMA_SCRATCH=str(place / "cache"))
    out, err = process.communicate()
    assert (process.returncode, out) == (3, ""), (out, err)
    assert "No space left on device" in err.splitlines()[-1], err
    assert "Traceback" not in err
    subprocess.run(["mount", "-o", "remount,size=400m", place], check=True)
    process = terminal.start(*asked, VALIDATE_SCHEMA_SCRATCH=str(place / "cache"))
    out, err = process.communicate()
    assert (process.returncode, "anew" in err) == (0, False), (out, err)


@pytest.mark.parametrize("when", ["insert", "update"])
@pytest.mark.parametrize("kind", ["", "unlogged"])  # the server ends where its log cannot be written
def test_a_proof_that_fills_the_disk_proves_nothing_of_what_it_tried(
    terminal: Terminal, small: Small, when: str, kind: str
) -> None:
    trigger = f"create trigger t before {when} on note for each row execute function fills();"
    terminal.write(
        "sql/001_a.sql",
        HISTORY.replace("alter table note enable row level security;", "") + FILLING.format(kind) + trigger,
    )
    terminal.write("validate-schema.toml", '[tenancy]\nroot = "organization"\ncolumn = "org_id"\n')
    process = terminal.start(
        "prove", "--migrations", "sql", "--format", "json", VALIDATE_SCHEMA_SCRATCH=str(small("200m"))
    )
    out, err = process.communicate()
    assert "Traceback" not in err
    assert process.returncode in (1, 3), (out, err)
    if kind == "":
        assert process.returncode == 3
        assert err.splitlines()[-1].endswith("No space left on device"), err
        assert "the proof did not come to its end: " in err
    else:
        tried = [c for c in json.loads(out)["isolation"]["cells"] if c.get("probe") == when]
        told = [(c["outcome"], c.get("why", "")) for c in tried]
        assert [why for _, why in told if "53100" in why and why.endswith("No space left on device")], told
        met = [(outcome, why) for outcome, why in told if "table organization" not in why]
        assert {outcome for outcome, _ in met} == {"inconclusive"}, told
