"""Where to connect, and what is said when that fails. No host but 127.0.0.1 is asked."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import conninfo

from validate_schema.catalog.connect import connect, parse_url, unsupported
from validate_schema.model.errors import ConnectError, UsageError
from validate_schema.model.secret import mask
from validate_schema.scratch import Database

pytestmark = pytest.mark.every_server

SECRET = "hunter2/ü@?#"
ENCODED = quote(SECRET, safe="")


def given(url: str) -> dict[str, str | int | None]:
    return conninfo.conninfo_to_dict(parse_url(url).conninfo)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:pw@db:5433/app",
        "postgres://me:pw@db:5433/app",
        "postgresql+psycopg://me:pw@db:5433/app",
        "postgresql+asyncpg://me:pw@db:5433/app",
        "jdbc:postgresql://me:pw@db:5433/app",
        "  postgresql://me:pw@db:5433/app\n",
        "host=db port=5433 user=me password=pw dbname=app",
    ],
)
def test_every_form_of_url_means_the_same(url: str) -> None:
    destination = parse_url(url)

    assert conninfo.conninfo_to_dict(destination.conninfo) == {
        "host": "db",
        "port": "5433",
        "user": "me",
        "password": "pw",
        "dbname": "app",
    }
    assert (destination.shown, destination.default_schema) == ("db:5433/app", None)


def test_prisma_parameters_are_understood_or_left_out() -> None:
    url = (
        "postgresql://me:pw@db/app?schema=My%20Schema&connection_limit=5&pool_timeout=2&pgbouncer=true"
        "&sslmode=require&statement_cache_size=0"
    )

    assert parse_url(url).default_schema == "My Schema"
    assert given(url) == {"host": "db", "user": "me", "password": "pw", "dbname": "app", "sslmode": "require"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ssl=true", {"sslmode": "require"}),
        ("ssl=verify-full", {"sslmode": "verify-full"}),
        ("ssl=false", {}),
        ("ssl=true&sslmode=verify-ca", {"sslmode": "verify-ca"}),
        ("sslaccept=strict&sslcert=ca.pem", {"sslrootcert": "ca.pem", "sslmode": "verify-full"}),
        ("sslaccept=accept_invalid_certs&sslidentity=x", {}),
        ("sslcert=me.pem&sslkey=me.key", {"sslcert": "me.pem", "sslkey": "me.key"}),
        ("options=-csearch_path%3Da%2Cb&application_name=ci", {"options": "-csearch_path=a,b", "application_name": "ci"}),
    ],
)  # fmt: skip
def test_encryption_is_never_lost_in_translation(query: str, expected: dict[str, str]) -> None:
    assert given(f"postgresql://db/app?{query}") == {"host": "db", "dbname": "app"} | expected


def test_a_password_may_hold_anything_when_encoded() -> None:
    assert given(f"postgresql+psycopg://me:{ENCODED}@db/app?schema=s")["password"] == SECRET


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "the database URL is empty"),
        (" \n", "the database URL is empty"),
        ("app", "'app' is not a database URL"),
        (f"postgres:/me:{ENCODED}@db/app", "this is not a database URL"),
        (f"mysql://me:{ENCODED}@db/app", "mysql is not supported: only PostgreSQL is"),
        (f"sqlite:///{ENCODED}", "sqlite is not supported: only PostgreSQL is"),
        (f"prisma+postgres://accelerate.example/?api_key={ENCODED}", "a prisma:// URL leads to a proxy"),
        ("postgresql://me:hunter2@x@db/app", "the user, password or database in the URL holds a character"),
        ("postgresql://me:hunter2/x@db/app", "the user, password or database in the URL holds a character"),
        ("postgresql://me:hunter2%zz@db/app", "the database URL cannot be read (invalid percent-encoded token)"),
        ("postgresql://me:hunter2@[::1/app", "the database URL cannot be read (end of string reached"),
        ("host=db password=my hunter2", "the database URL cannot be read (missing \"=\" after …"),
        ("host=db passwort=hunter2", "the database URL cannot be read (invalid connection option)"),
        (f"postgresql://me:{ENCODED}@db/app?sslmod=require", "unknown parameter 'sslmod' in the database URL; did you mean \"sslmode\"?"),
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_used_is_the_users_mistake(url: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_url(url)

    assert message in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("port", ["99999", "abc"])
def test_an_impossible_port_is_the_users_mistake(port: str) -> None:
    with pytest.raises(UsageError, match=r"the database URL cannot be read: .*invalid"):
        connect(f"postgresql://me:hunter2@127.0.0.1:{port}/app")


def refusal(url: str | None) -> str:
    with pytest.raises(ConnectError) as caught:
        connect(url)
    message = str(caught.value)
    assert "hunter2" not in message
    assert ENCODED not in message
    assert "\n" not in message
    return message


def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        message = refusal(f"postgresql://me:{ENCODED}@127.0.0.1:{port}/app")

    assert message == (
        f"cannot connect to 127.0.0.1:{port}/app: nothing listens there; "
        "is PostgreSQL running, and is the port right?"
    )


def test_a_host_that_does_not_exist() -> None:
    assert refusal(f"postgresql://me:{ENCODED}@no-such-host.invalid/app") == (
        "cannot connect to no-such-host.invalid:5432/app: there is no such host; check the host name"
    )


def test_a_folder_without_a_socket(tmp_path: Path) -> None:
    assert refusal(f"host='{tmp_path}' dbname=app password='{SECRET}'") == (
        f"cannot connect to {tmp_path}:5432/app: there is no socket there; "
        "is PostgreSQL running, or is a host missing?"
    )


@contextmanager
def answering(reply: bytes | None, heard: list[bytes] | None = None) -> Iterator[int]:
    """Listen on a port and give everyone this answer; None keeps silent. `heard` collects what came."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    visitor, _ = listener.accept()
                except OSError:
                    return
                visitor.settimeout(30)
                with visitor:
                    packet = visitor.recv(8192)
                    if heard is not None and packet:
                        heard.append(packet)
                    if reply is None:
                        done.wait(30)
                    else:
                        visitor.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            socket.create_connection(listener.getsockname()).close()
            thread.join()


def error_packet(code: str, text: str) -> bytes:
    """Return PostgreSQL's ErrorResponse message. Source: documentation, "Message Formats"."""
    fields = b"".join(
        key + value.encode() + b"\0" for key, value in ((b"S", "FATAL"), (b"C", code), (b"M", text))
    )
    return b"E" + (len(fields) + 5).to_bytes(4, "big") + fields + b"\0"


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "what answers there is not PostgreSQL; is the port right?"),
        (b"", "it closed the connection; is that PostgreSQL?"),
        (error_packet("57P03", "the database system is starting up"), "it is starting up or shutting down; try again"),
        (error_packet("53300", "sorry, too many clients already"), "all its connections are taken; try again"),
        (
            error_packet("28000", 'no pg_hba.conf entry for host "1.2.3.4", user "me", database "app", no encryption'),
            "it accepts encrypted connections only; add ?sslmode=require",
        ),
        (
            error_packet("28000", 'no pg_hba.conf entry for host "1.2.3.4", user "me", database "app", SSL encryption'),
            "its pg_hba.conf lets nobody in from here as this user",
        ),
        (error_packet("28P01", 'password authentication failed for user "me"'), "user or password is wrong"),
        (error_packet("XX000", "something\nnew"), 'FATAL:  something'),
    ],
)  # fmt: skip
def test_what_a_server_answers_is_put_in_plain_words(reply: bytes, cause: str) -> None:
    with answering(reply) as port:
        message = refusal(
            f"postgresql://me:{ENCODED}@127.0.0.1:{port}/app?sslmode=disable&gssencmode=disable"
        )

    assert message.startswith(f"cannot connect to 127.0.0.1:{port}/app: ")
    assert message.endswith(cause)


def test_a_pooler_that_refuses_options_is_asked_again_without_ours() -> None:
    heard: list[bytes] = []
    with answering(error_packet("08P01", "unsupported startup parameter: options"), heard) as port:
        refusal(f"postgresql://127.0.0.1:{port}/app?sslmode=disable&gssencmode=disable")

    assert [b"statement_timeout" in packet for packet in heard] == [True, False]
    assert all(b"validate-schema" in packet for packet in heard)


def test_a_server_that_keeps_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGCONNECT_TIMEOUT", raising=False)
    with answering(None) as port:
        message = refusal(f"postgresql://127.0.0.1:{port}/app?connect_timeout=2&gssencmode=disable")

    assert message == f"cannot connect to 127.0.0.1:{port}/app: it did not answer in time"


def test_encryption_that_a_server_does_not_offer() -> None:
    with answering(b"N") as port:
        message = refusal(f"postgresql://127.0.0.1:{port}/app?sslmode=require&gssencmode=disable")

    assert message == (
        f"cannot connect to 127.0.0.1:{port}/app: it does not offer encryption; sslmode=disable would do without"
    )


def changed(database: Database, **settings: str) -> str:
    return conninfo.make_conninfo(database.conninfo, **settings)


def test_a_database_or_role_that_does_not_exist(database: Database) -> None:
    assert refusal(changed(database, dbname="none", password=SECRET)).endswith(": there is no such database")
    assert refusal(changed(database, user="nobody", password=SECRET)).endswith(
        (": there is no such role", ": user or password is wrong")
    )


def test_a_service_that_is_not_defined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "services").write_text("[known]\nhost=127.0.0.1\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    with pytest.raises(UsageError, match="service 'unknown' is not defined"):
        connect("service=unknown")

    assert parse_url("service=known").shown == "service known"


def test_the_connection_is_read_only_and_bounded(any_database: Database) -> None:
    with connect(any_database.conninfo, statement_timeout_ms=1234, lock_timeout_ms=567) as conn:
        settings = ("statement_timeout", "lock_timeout", "application_name", "client_encoding")
        values = [conn.execute(f"show {name}").fetchone() for name in settings]

        assert values == [("1234ms",), ("567ms",), ("validate-schema",), ("UTF8",)]
        assert conn.autocommit
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            conn.execute("create table t (a int)")


def test_options_of_the_url_and_the_environment_are_kept(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(changed(database, options="-c search_path=app", application_name="ci")) as conn:
        assert conn.execute("show search_path").fetchone() == ("app",)
        assert conn.execute("show application_name").fetchone() == ("ci",)
    monkeypatch.setenv("PGOPTIONS", "-c search_path=env")
    with connect(database.conninfo) as conn:
        assert conn.execute("show search_path").fetchone() == ("env",)
        assert conn.execute("show statement_timeout").fetchone() == ("30s",)


def test_without_a_url_the_environment_decides(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {
        "host": "PGHOST",
        "port": "PGPORT",
        "user": "PGUSER",
        "password": "PGPASSWORD",
        "dbname": "PGDATABASE",
    }
    parts = conninfo.conninfo_to_dict(database.conninfo)
    for key, name in names.items():
        if parts.get(key):
            monkeypatch.setenv(name, str(parts[key]))
    with connect(None) as conn:
        assert conn.info.dbname == database.name
    monkeypatch.setenv("PGDATABASE", "none")

    assert refusal(None).endswith("/none: there is no such database")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql://me:hunter2@db/app", "postgresql://me:***@db/app"),
        (f"see postgres://me:{ENCODED}@db/app now", "see postgres://me:***@db/app now"),
        ("postgres://me:hunt@er:2@db/app", "postgres://me:***@db/app"),
        ("postgresql://db/app?user=me&password=hunter2&sslmode=require", "postgresql://db/app?user=me&password=***&sslmode=require"),
        (r"host=db password='it\'s hunter2' user=me", "host=db password=*** user=me"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        ("nothing to hide at 10:30@noon", "nothing to hide at 10:30@noon"),
    ],
)  # fmt: skip
def test_passwords_are_masked_wherever_they_stand(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("version", "number", "reason"),
    [
        ("PostgreSQL 18.6 on x86_64", 180006, ""),
        ("PostgreSQL 14.0", 140000, ""),
        ("PostgreSQL 13.22 on x86_64", 130022, "runs PostgreSQL 13; 14 is the oldest that is supported"),
        (
            "CockroachDB CCL v24.1.0 (x86_64)",
            130000,
            "is CockroachDB, which is not supported: its catalogs are not PostgreSQL's",
        ),
        (
            "PostgreSQL 8.0.2 on i686, Redshift 1.0.12103",
            80002,
            "is Redshift, which is not supported: its catalogs are not PostgreSQL's",
        ),
        ("MockDB 1.0", 150000, "says it is 'MockDB 1.0', not PostgreSQL"),
    ],
)
def test_only_postgresql_of_a_known_age_is_supported(version: str, number: int, reason: str) -> None:
    assert unsupported(version, number) == reason


def test_what_the_driver_logs_of_a_lost_connection_stands_on_no_terminal() -> None:
    code = "import validate_schema.catalog.connect, logging; logging.getLogger('psycopg').warning('lost')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ran.stderr == ""
