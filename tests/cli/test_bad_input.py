"""Bad input of any kind: one clear line, the right exit code, nothing half-written, no secret."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path

import psycopg
import pytest

from tests.fix_cli import SHOP, SHOP_CONFIG, Ran, Terminal
from tests.fix_server import fresh
from validate_schema.scratch import Database, Server
from validate_schema.sql.ident import quote_ident

SECRET = "s3cr3t-w0rd"


@pytest.mark.parametrize(
    ("url", "status", "says"),
    [
        (f"postgresql://ana:{SECRET}@no-such-host.invalid/shop", 3, "no-such-host.invalid"),
        (f"postgresql://ana:{SECRET}@127.0.0.1:1/shop", 3, "127.0.0.1"),
        (f"postgresql+psycopg://ana:{SECRET}@127.0.0.1:1/shop", 3, "127.0.0.1"),
        (f"mysql://ana:{SECRET}@127.0.0.1/shop", 2, "mysql"),
        (f"postgresql://ana:{SECRET}@127.0.0.1:port/shop", 2, "port"),
        ("", 2, "empty"),
        (f"postgresql://ana:{SECRET}@127.0.0.1:1/shop\nx", 2, "a line break is %0A"),
        (f"postgresql://ana:{SECRET}@127.0.0.1:1/shop%0Ax", 3, "127.0.0.1:1/shop␊x"),
        (f"host=127.0.0.1 port=1 password={SECRET} dbname='shop\nx'", 3, "127.0.0.1:1/shop␊x"),
    ],
)
def test_a_database_that_cannot_be_reached_is_one_line(
    terminal: Terminal, url: str, status: int, says: str
) -> None:
    ran = terminal.run("--database-url", url, "--report", "out.md")

    assert ran.status == status
    assert says in ran.complaint
    assert SECRET not in ran.err
    assert list(terminal.folder.iterdir()) == []


def test_migrations_and_servers_that_are_not_there_are_wrong_options(terminal: Terminal) -> None:
    assert terminal.run("--migrations", "nope.sql").complaint == "error: nope.sql: no such file"
    assert terminal.run("--migrations", "nope").complaint == "error: nope: no such folder"
    terminal.write("one.sql", SHOP)
    ran = terminal.run("--migrations", "one.sql", "--scratch", "/nowhere")
    assert ran.status == 2
    assert ran.complaint.startswith("error: no PostgreSQL in '/nowhere': give embedded, system")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            b"select 1;\nselect '\xaa';",
            "error: standard input:2: byte 0xaa is not UTF-8; save the file as UTF-8",
        ),
        (b"select '\0';", "error: standard input:1: holds a NUL character, which no SQL text may"),
    ],
)
def test_what_stands_on_standard_input_is_called_so(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, given: bytes, said: str
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(given)))
    ran = terminal.run("--migrations", "-")
    assert (ran.status, ran.complaint) == (2, said)


def test_no_finding_on_standard_input_tells_where_it_was_kept(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(b"create table a ();\ncreate tabel b ();")))
    ran = terminal.run("--migrations", "-")
    assert ran.status == 1
    assert "  stdin.sql:2\n" in ran.out
    assert "standard input on scratch PostgreSQL" in ran.out
    assert "tmp" not in ran.out + ran.err


@pytest.fixture
def web_server() -> Iterator[int]:
    """A port where something answers that is not PostgreSQL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            try:
                while True:
                    peer, _ = listener.accept()
                    with peer:
                        peer.recv(1024)
                        peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            except OSError:
                return

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_something_that_is_not_postgresql_is_said_so(terminal: Terminal, web_server: int) -> None:
    ran = terminal.run("--database-url", f"postgresql://ana:{SECRET}@127.0.0.1:{web_server}/shop")

    assert ran.status == 3
    assert "PostgreSQL" in ran.complaint
    assert SECRET not in ran.err


def test_no_target_says_how_to_name_one(terminal: Terminal) -> None:
    ran = terminal.run()

    assert ran.status == 2
    assert "--database-url" in ran.complaint


def test_a_missing_database_url_is_never_replaced_by_the_configs_migrations(terminal: Terminal) -> None:
    terminal.write("db/001.sql", SHOP)
    terminal.write("validate-schema.toml", '[migrations]\npath = "db"\n')
    ran = terminal.run()

    assert ran.status == 2
    assert "--migrations db" in ran.complaint


def test_two_targets_are_one_too_many(terminal: Terminal) -> None:
    ran = terminal.run("--database-url", "postgresql:///x", "--snapshot", "y.json")

    assert ran.status == 2
    assert "--database-url and --snapshot" in ran.complaint


def test_an_empty_database_never_passes(terminal: Terminal, database: Database) -> None:
    ran = terminal.run("--database-url", database.conninfo)

    assert ran.status == 3
    assert "INCOMPLETE" in ran.out


def test_an_unidentified_tenancy_shows_the_lines_to_write(terminal: Terminal, database: Database) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute("create table a (id int primary key); create table b (id int primary key)")
    ran = terminal.run("--database-url", database.conninfo)

    assert ran.status == 3
    assert "[tenancy]" in ran.out
    assert "root =" in ran.out
    assert "column =" in ran.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[tenancy]\nglobl = ["a"]\n', 'did you mean "global"'),
        ("[tenancy\n", "validate-schema.toml:1"),
        ("[tenancy]\nroot = 3\n", "tenancy.root"),
        ("[checks]\nselect = ['NOPE']\n", "NOPE"),
        ("[checks.severity]\nUNQ0O1 = 'error'\n", "UNQ001"),
        ("[contract]\nfrom = ['nowhere.json']\n", "nowhere.json"),
    ],
)
def test_a_bad_config_names_the_place(terminal: Terminal, shop: Database, text: str, says: str) -> None:
    terminal.write("validate-schema.toml", text)
    ran = terminal.run("--database-url", shop.conninfo)

    assert ran.status == 2
    assert says in ran.complaint


def test_a_contract_that_names_a_missing_table_is_a_finding(terminal: Terminal, shop: Database) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG + "[contract.tables.invoice]\n")
    ran = terminal.run("--database-url", shop.conninfo, "--select", "TBL001")

    assert ran.status == 1
    assert "TBL001" in ran.out
    assert "invoice" in ran.out


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "db"),
        ({"db/README.md": "nothing here"}, "db"),
        ({"db/001_a.sql": "create table a (id int);\n\0"}, "001_a.sql:2"),
    ],
)
def test_migrations_that_cannot_be_read_are_refused(
    terminal: Terminal, files: dict[str, str], says: str
) -> None:
    for name, text in files.items():
        terminal.write(name, text)
    ran = terminal.run("--migrations", "db", "--report", "out.md")

    assert ran.status == 2
    assert says in ran.complaint
    assert not (terminal.folder / "out.md").exists()


@pytest.mark.parametrize(
    ("text", "says"), [("", "catalog.json"), ("{}", "catalog.json"), ('{"format": "other"}', "catalog.json")]
)
def test_a_file_that_is_no_snapshot_is_refused(terminal: Terminal, text: str, says: str) -> None:
    terminal.write("catalog.json", text)
    ran = terminal.run("--snapshot", "catalog.json")

    assert ran.status == 2
    assert says in ran.complaint


def test_a_file_that_is_no_report_is_refused(terminal: Terminal) -> None:
    terminal.write("a.json", '{"schema_version": 99}')

    assert terminal.run("render", "a.json", "--report", "a.md").status == 2
    assert terminal.run("render", "missing.json", "--report", "a.md").status == 2
    assert not (terminal.folder / "a.md").exists()


@pytest.mark.parametrize("path", ["missing/out.md", "out.docx", "out"])
def test_a_report_that_cannot_be_written_is_refused_before_the_run(terminal: Terminal, path: str) -> None:
    ran = terminal.run("--database-url", "postgresql://127.0.0.1:1/never-reached", "--report", path)

    assert ran.status == 2
    assert path.partition("/")[0] in ran.complaint


@pytest.mark.parametrize("option", ["--no-such-option", "--fail-on=fatal", "nonsense"])
def test_a_wrong_word_on_the_command_line_is_one_line(terminal: Terminal, option: str) -> None:
    ran = terminal.run(option)

    assert ran.status == 2
    assert "--help" in ran.complaint


def test_an_option_before_the_subcommand_is_not_swallowed(terminal: Terminal) -> None:
    ran = terminal.run("--database-url", "postgresql:///x", "checks")

    assert ran.status == 2
    assert "after the command" in ran.complaint


def url_as(database: Database, role: str) -> str:
    return psycopg.conninfo.make_conninfo(database.conninfo, user=role)


def test_without_select_on_a_table_its_rows_are_skipped_and_the_run_incomplete(
    terminal: Terminal, shop: Database
) -> None:
    with shop.connect(autocommit=True) as connection:
        connection.execute("create role auditor login")
    ran = terminal.run("--database-url", url_as(shop, "auditor"), "--select", "DAT003")

    assert ran.status == 3
    assert "permission" in ran.out or "SELECT" in ran.out
    alone, beside = (
        terminal.run("--database-url", url_as(shop, "auditor"), "--select", chosen, "--no-data")
        for chosen in ("DAT003", "DAT003,TBL002")
    )
    assert (alone.status, "row counts are switched off" in alone.out) == (3, True)
    assert beside.status == 0


def test_a_statement_timeout_says_how_to_raise_it(terminal: Terminal, shop: Database) -> None:
    with shop.connect(autocommit=True) as connection, connection.transaction():
        # The reader's queries wait for this lock, and the time-out ends the wait.
        connection.execute("lock table pg_catalog.pg_policy in access exclusive mode")
        ran = terminal.run("--database-url", shop.conninfo, "--statement-timeout", "200")

    assert ran.status == 3
    assert "time" in ran.complaint


def wait_for_backend(connection: "psycopg.Connection", database: Database) -> int:
    """Return the process id of the product's backend, once it is there and waits for a lock."""
    query = (
        "select pid from pg_stat_activity where application_name = 'validate-schema'"
        " and datname = %s and wait_event_type = 'Lock'"
    )
    while not (row := connection.execute(query, [database.name]).fetchone()):
        connection.execute("select pg_stat_clear_snapshot()")
    return int(row[0])


def test_a_server_that_goes_away_in_mid_run_is_one_line(terminal: Terminal, shop: Database) -> None:
    with shop.connect(autocommit=True) as connection, shop.connect() as locker:
        locker.execute("lock table pg_catalog.pg_policy in access exclusive mode")
        process = terminal.start("--database-url", shop.conninfo, "--report", "out.md")
        connection.execute("select pg_terminate_backend(%s)", [wait_for_backend(connection, shop)])
        _, err = process.communicate()

    assert process.returncode == 3
    assert Ran(3, "", err).complaint.startswith("error: ")
    assert not (terminal.folder / "out.md").exists()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_an_interrupted_run_leaves_nothing_behind(
    terminal: Terminal, shop: Database, number: signal.Signals, status: int
) -> None:
    with shop.connect(autocommit=True) as connection, shop.connect() as locker:
        locker.execute("lock table pg_catalog.pg_policy in access exclusive mode")
        process = terminal.start("--database-url", shop.conninfo, "--report", "out.md")
        wait_for_backend(connection, shop)
        os.kill(process.pid, number)
        _, err = process.communicate()

    assert process.returncode == status, err
    assert "Traceback" not in err
    assert [p for p in terminal.folder.iterdir() if not p.name.startswith(".coverage")] == []


def test_a_closed_pipe_is_no_traceback(terminal: Terminal, shop: Database) -> None:
    process = terminal.start("explain", "--all")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    process.wait()

    assert err == ""


def test_hostile_database_and_role_names_reach_the_report_escaped(terminal: Terminal, server: Server) -> None:
    with fresh(server) as database, database.connect(autocommit=True) as connection:
        connection.execute(SHOP)
        connection.execute(f"create role {quote_ident('<script>|`')} superuser login")
        ran = terminal.run("--database-url", url_as(database, "<script>|`"), "--report", "out.html")

    assert ran.status == 1
    assert "<script>|`" not in Path("out.html").read_text()
