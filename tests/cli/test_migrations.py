"""`migrations status` and `verify`, and how wrong input is answered."""

import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.fix_apply import Project
from tests.fix_cli import Terminal
from validate_schema.scratch import Database

FILES = {"0001_a.sql": "create table a ();\n", "0002_b.sql": "create table b ();\n"}
LEDGER = "create table schema_migrations (version bigint primary key, dirty boolean not null)"


@contextmanager
def service(*answers: int, certificate: Path | None = None) -> Iterator[tuple[str, list[str]]]:
    """A service on a port of its own: the n-th request gets the n-th status, later ones the last. With a
    certificate (and its key, in one file) it speaks TLS as localhost."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = answers[min(len(asked), len(answers) - 1)]
            asked.append(self.path)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            place = "https://localhost" if certificate else "http://127.0.0.1"
            yield f"{place}:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def applied(project: Project) -> Project:
    """A project whose migrations are all applied."""
    project.lay(FILES)
    project.run("apply")
    return project


def test_status_lists_every_migration(applied: Project) -> None:
    applied.lay({"0003_c.sql": "select 1;", "0001_a.sql": "create table a (id int);\n"})
    ran = applied.run("status")
    head, *table = ran.out.splitlines()

    assert ran.status == 0
    assert head.startswith("m (plain), ")
    assert head.endswith("ledger: validate_schema.applied_migrations (applied-set)")
    assert [line.split()[:3] for line in table[:4]] == [
        ["version", "name", "state"],
        ["1", "a", "edited"],
        ["2", "b", "applied"],
        ["3", "c", "pending"],
    ]
    assert any(line.startswith("1 a: ") for line in table[5:])


def test_status_as_json_holds_the_entries(applied: Project) -> None:
    told = json.loads(applied.run("status", "--format", "json").out)

    assert told["ledger"] == {"table": "validate_schema.applied_migrations", "tool": "applied-set"}
    assert [(e["version"], e["file"], e["status"], e["verified"]) for e in told["entries"]] == [
        ("1", "0001_a.sql", "applied", True),
        ("2", "0002_b.sql", "applied", True),
    ]


def test_status_and_verify_read_another_tools_ledger(project: Project) -> None:
    project.lay({"1_a.up.sql": "create table a ();", "2_b.up.sql": "create table b ();", "go.mod": ""})
    project.sql(LEDGER, "insert into schema_migrations values (1, false)")
    status, verify = project.run("status"), project.run("verify")
    project.sql("update schema_migrations set version = 2")
    whole = project.run("verify")

    assert "ledger: schema_migrations (golang-migrate)" in status.out
    assert (verify.status, verify.out.splitlines()[0]) == (1, "✗ 2 b: not applied")
    assert whole.status == 0
    assert "it records the current version alone" in whole.out


SQLX = (
    "create table _sqlx_migrations (version bigint primary key, description text not null,"
    " installed_on timestamptz not null default now(), success boolean not null, checksum bytea not null,"
    " execution_time bigint not null)"
)
FIRST, SECOND = "create table a ();", "create index concurrently i on a (id);"


def sqlx_row(version: int, name: str, text: str) -> str:
    summed = hashlib.sha384(text.encode()).hexdigest()
    return f"insert into _sqlx_migrations values ({version}, '{name}', now(), true, '\\x{summed}', 1)"


def test_the_ledger_decides_whose_the_files_are(project: Project) -> None:
    project.lay({"1_a.sql": FIRST, "2_b.sql": "create table b ();"})
    before = project.run("status")
    project.sql(SQLX, sqlx_row(1, "a", FIRST), sqlx_row(2, "b", "create table b ();"))
    status, verify = project.run("status"), project.run("verify")

    assert before.out.splitlines()[0].startswith("m (plain)")
    assert status.out.splitlines()[0].startswith("m (sqlx)")
    assert status.out.splitlines()[0].endswith("ledger: _sqlx_migrations (sqlx)")
    assert verify.status == 0
    assert verify.out.startswith("✓ 2 of 2 applied by _sqlx_migrations: 2 with the same checksum\n")


def test_what_the_ledgers_tool_has_applied_is_not_applied_again(project: Project) -> None:
    project.lay({"1_a.sql": "create table if not exists a (); insert into a default values;"})
    project.sql("create table a ()", SQLX, sqlx_row(1, "a", FIRST))
    for arguments in ((), ("--dry-run",)):
        ran = project.run("apply", *arguments)
        assert ran.status == 2
        assert ran.complaint == (
            "error: m: reads as plain, and the database has the ledger of sqlx, which the files fit; say which"
            " with --tool or `tool` in [migrations]"
        )
    assert project.sql("select count(*) from a") == [(0,)]
    assert project.run("apply", "--tool", "plain").status == 0
    assert project.run("apply").status == 0  # its own ledger leaves nothing open


@pytest.mark.parametrize("ledger", ["sqlx", "golang-migrate"])
def test_the_ledger_decides_between_tools_that_would_differ(project: Project, ledger: str) -> None:
    project.lay({"1_a.up.sql": FIRST, "1_a.down.sql": "drop table a;", "2_b.up.sql": SECOND})
    unknown = project.run("status")
    if ledger == "sqlx":
        project.sql(SQLX, sqlx_row(1, "a", FIRST))
    else:
        project.sql(LEDGER, "insert into schema_migrations values (1, false)")
    status, verify = project.run("status"), project.run("verify")
    project.terminal.write("validate-schema.toml", '[migrations]\npath = "m"\n')
    judged = project.terminal.run("--database-url", project.database.conninfo, "--select", "MIG")

    assert (unknown.status, "reads as golang-migrate or sqlx" in unknown.complaint) == (2, True)
    assert status.out.splitlines()[0].startswith(f"m ({ledger})")
    assert (verify.status, verify.out.splitlines()[0]) == (1, "✗ 2 b: not applied")
    assert (judged.status, judged.complaints) == (1, [])
    assert "MIG002" in judged.out
    assert "2_b.up.sql" in judged.out


def test_what_a_head_without_a_file_leaves_open_is_said(project: Project) -> None:
    revision = 'revision = "{}"\ndown_revision = {}\n\n\ndef upgrade():\n    pass\n'
    project.lay({"versions/a.py": revision.format("a", None), "versions/b.py": revision.format("b", '"a"')})
    project.sql(
        "create table alembic_version (version_num varchar(32) primary key)",
        "insert into alembic_version values ('gone')",
    )
    said = "note: No file is revision gone: which of the others it descends from cannot be told."

    lines = project.run("status").out.splitlines()
    assert said in lines
    assert [" ".join(line.split()[:5]) for line in lines[2:5]] == [
        "a a cannot be told",
        "b b cannot be told",
        "gone missing –",
    ]


def test_what_a_file_has_that_its_tool_never_runs_is_said(project: Project) -> None:
    pair = "-- migrate:up\ncreate table {0} ();\n-- migrate:down\ndrop table {0};\n"
    project.lay({"1_a.sql": pair.format("a") + pair.format("b")})
    said = "note: 1_a.sql:5: a second `-- migrate:up`, which dbmate never runs"

    assert said in project.run("status").out.splitlines()
    assert said in project.run("apply").out.splitlines()
    assert said in project.run("verify").out.splitlines()
    assert project.sql("select to_regclass('b')") == [(None,)]


def test_verify_passes_on_equal_sets_alone(applied: Project) -> None:
    equal = applied.run("verify")
    applied.sql("delete from validate_schema.applied_migrations where version = '1'")
    gap = applied.run("verify")

    assert (equal.status, equal.out) == (
        0,
        "✓ 2 of 2 applied by validate_schema.applied_migrations: 2 with the same checksum\n",
    )
    assert gap.status == 1
    assert gap.out.splitlines() == [
        "✗ 1 a: not applied, though later ones are",
        "✗ the applied set is not that of m: 1 differ",
    ]


def test_verify_says_which_rows_have_no_checksum(applied: Project) -> None:
    applied.sql("update validate_schema.applied_migrations set checksum = null where version = '2'")
    ran = applied.run("verify")

    assert ran.status == 0
    assert ran.out.endswith("1 with the same checksum, 1 without one to compare\n")


@pytest.mark.parametrize("answers", [(200,), (503, 500, 200), (302, 200)])
def test_the_boot_check_passes_once_the_service_answers_200(
    applied: Project, answers: tuple[int, ...]
) -> None:
    with service(*answers) as (url, asked):
        ran = applied.run("verify", "--health", f"{url}/healthz")

    assert (ran.status, ran.out.splitlines()[1]) == (0, "✓ the service answers 200")
    assert asked[0] == "/healthz"
    assert len(asked) == len(answers)


def test_the_boot_check_fails_on_a_service_that_stays_ill(applied: Project) -> None:
    with service(503) as (url, _):
        ran = applied.run("verify", "--health", f"{url}/healthz?token=secret", "--health-timeout", "0")

    assert ran.status == 1
    assert ran.complaint == f"error: {url}/healthz did not answer 200 within 0 s: 503 Service Unavailable"


def test_the_boot_check_fails_where_nothing_listens(applied: Project) -> None:
    with service(200) as (url, _):
        pass
    ran = applied.run("verify", "--health", url, "--health-timeout", "0")

    assert ran.status == 1
    assert "Connection refused" in ran.complaint


def test_the_boot_check_fails_on_a_service_that_takes_the_call_and_says_nothing(applied: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        ran = applied.run("verify", "--health", url, "--health-timeout", "0")

    assert ran.status == 1
    assert ran.complaint == f"error: {url} did not answer 200 within 0 s: timed out"


def test_the_boot_check_fails_on_what_does_not_speak_http(applied: Project) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            caller, _ = other.accept()
            with caller:
                caller.recv(1000)
                caller.sendall(b"220 mail\r\nis\r\nours\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}/"
        ran = applied.run("verify", "--health", url, "--health-timeout", "0")
        thread.join()

    assert (ran.status, ran.complaint) == (1, f"error: {url} did not answer 200 within 0 s: 220 mail")


def test_redirects_that_never_end_are_said_in_one_line(applied: Project) -> None:
    with service(302) as (url, _):
        ran = applied.run("verify", "--health", url, "--health-timeout", "0")

    assert ran.status == 1
    assert ran.complaint.startswith(f"error: {url} did not answer 200 within 0 s: 302 ")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that nobody signed, with its key in the same file."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, path = tmp_path / "key.pem", tmp_path / "both.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", path],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_text(path.read_text() + key.read_text())
    return path


def test_over_https_the_certificate_must_be_one_that_is_trusted(
    applied: Project, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service(200, certificate=certificate) as (url, asked):
        stranger = applied.run("verify", "--health", url, "--health-timeout", "0")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        trusted = applied.run("verify", "--health", url)

    assert stranger.status == 1
    assert "certificate verify failed" in stranger.complaint
    assert (trusted.status, trusted.out.splitlines()[1]) == (0, "✓ the service answers 200")
    assert asked == ["/"]


def test_the_service_is_not_asked_when_the_sets_differ(applied: Project) -> None:
    applied.lay({"0003_c.sql": "select 1;"})
    with service(200) as (url, asked):
        assert applied.run("verify", "--health", url).status == 1
    assert asked == []


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://x/", "x", "http://u:p@localhost/", "http://x:port/", "http://[::1/"]
)
def test_a_health_url_that_is_no_web_address_is_a_mistake_before_anything_is_asked(
    applied: Project, url: str
) -> None:
    ran = applied.run("verify", "--health", url)

    assert (ran.status, ran.out) == (2, "")
    assert ran.complaint.startswith("error: --health takes http://host/path")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("aply",), 2, 'no such command: aply; did you mean "apply"?'),
        (("apply",), 2, "--migrations is missing"),
        (("apply", "--migrations", "nowhere"), 2, "nowhere: no such folder"),
        (("apply", "--migrations", "."), 2, "no migrations found"),
        (("status", "--migrations", "m"), 2, "no database: give --database-url"),
        (("backup",), 2, "no database: give --database-url"),
        (("apply", "--migrations", "m", "--database-url", "mysql://u:hush@h/d"), 2, "only PostgreSQL is"),
        (
            ("apply", "--migrations", "m", "--database-url", "postgresql://u:hush@127.0.0.1:1/d"),
            3,
            "cannot connect",
        ),
        (("restore", "nothing.dump"), 2, "nothing.dump: No such file"),
        (("restore", "m/0001_a.sql"), 2, "not a backup in pg_dump's custom format"),
    ],
)
def test_wrong_input_gets_one_line(
    terminal: Terminal, arguments: tuple[str, ...], status: int, said: str
) -> None:
    terminal.write("m/0001_a.sql", FILES["0001_a.sql"])
    ran = terminal.run("migrations", *arguments)

    assert (ran.status, ran.out) == (status, "")
    assert said in ran.complaint
    assert "hush" not in ran.complaint


def test_a_database_that_may_not_be_written_to_is_said_so(applied: Project) -> None:
    applied.lay({"0003_c.sql": "create table c ();"})
    applied.sql(f'alter database "{applied.database.name}" set default_transaction_read_only = on')
    ran = applied.run("apply")

    assert ran.status == 3
    assert "read-only transaction" in ran.complaint


def test_the_config_names_the_folder(terminal: Terminal, project: Project) -> None:
    project.lay(FILES)
    terminal.write("validate-schema.toml", '[migrations]\npath = "m"\n')
    ran = terminal.run("migrations", "apply", "--database-url", project.database.conninfo)

    assert ran.status == 0
    assert project.tables() == {"a", "b"}


def test_the_config_names_the_folder_of_backups(terminal: Terminal, project: Project) -> None:
    project.lay(FILES)
    terminal.write("app/validate-schema.toml", '[migrations]\npath = "../m"\nbackup = "kept"\n')
    where = ["--config", "app/validate-schema.toml", "--database-url", project.database.conninfo]
    applied = terminal.run("migrations", "apply", *where)
    by_hand = terminal.run("migrations", "backup", *where)
    elsewhere = terminal.run("migrations", "backup", *where, "--dir", "other")

    assert [line for line in applied.out.splitlines() if line.startswith("backup: app/kept/")]
    assert by_hand.out.startswith("backup: app/kept/")
    assert elsewhere.out.startswith("backup: other/")


def test_a_backup_needs_a_folder(project: Project) -> None:
    Path("b").write_text("in the way")

    assert project.run("backup", "--dir", "b").complaint == "error: b: not a folder"


def test_the_status_of_programs_is_told_by_their_graph(database: Database, terminal: Terminal) -> None:
    head = 'revision = "{}"\ndown_revision = {}\n\n\ndef upgrade():\n    pass\n'
    (terminal.folder / "al" / "versions").mkdir(parents=True)
    terminal.write("al/versions/a.py", head.format("aaa", "None"))
    terminal.write("al/versions/b.py", head.format("bbb", '"aaa"'))
    with database.connect(autocommit=True) as conn:
        conn.execute("create table alembic_version (version_num varchar(32) primary key)")
        conn.execute("insert into alembic_version values ('aaa')")

    ran = terminal.run("migrations", "status", "--migrations", "al", "--database-url", database.conninfo)

    assert ran.status == 0
    assert [line.split()[::2][:2] for line in ran.out.splitlines()[2:4]] == [
        ["aaa", "applied"],
        ["bbb", "pending"],
    ]
