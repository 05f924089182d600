"""Connecting to the database that is examined: forms of URL, limits, errors without secrets.

Nothing is set in the session by SQL: behind a pooler in transaction mode it would stay with the
server connection and meet the next client. Limits travel as startup options; where a pooler refuses
those, the reader sets its own inside its transaction.
"""

import logging
import os
import re
from collections.abc import Callable, Generator, Iterator
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import psycopg
from psycopg import conninfo, pq

from ..model.errors import ConnectError, UsageError
from ..model.secret import Secret, mask, password, reveal
from ..model.wording import did_you_mean
from ..sql.ident import visible

# What psycopg logs of a connection that is lost, it raises as well: once is enough, unless somebody listens.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

Connection = psycopg.Connection[Any]
"""What a room that does not connect calls the connection that it hands on."""
OLDEST = 140000
# What ALTER DATABASE and ALTER ROLE may have set: it would change what is counted, quoted and shown, or end a
# session between two statements.
_SETTINGS = {
    "standard_conforming_strings": "on",
    "escape_string_warning": "off",
    "bytea_output": "hex",
    "DateStyle": "iso",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "xmloption": "content",
    "idle_in_transaction_session_timeout": "0",
}
_FORMS = "postgresql://user@host:5432/dbname, postgresql+psycopg://… or host=… dbname=…"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DIALECTS = frozenset({"postgresql", "postgres"})
_SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_REFUSES_OPTIONS = re.compile(r"unsupported startup parameter|support command-line options", re.I)


class Patience(NamedTuple):
    """How long a server may say nothing, in seconds, and whether nobody wants to hear it any more."""

    seconds: float
    stopped: Callable[[], bool]


class Destination(NamedTuple):
    """Where to connect: `conninfo` for libpq (it holds the password), `shown` for people (it does
    not). `default_schema` is set where the URL names the schema of unqualified names."""

    conninfo: str
    default_schema: str | None
    shown: str

    def __repr__(self) -> str:
        return f"Destination({self.shown!r})"

    def hide_in(self, said: object) -> str:
        """Return the first line of what was said, libpq's error for example, without the password."""
        line = (str(said).strip().splitlines() or [""])[0]
        for known in (Secret(self.conninfo), password(os.environ.get("PGPASSWORD", ""))):
            line = known.hide_in(line)
        return mask(line)


def connect(
    url: str | Secret | None,
    *,
    statement_timeout_ms: int = 30_000,
    lock_timeout_ms: int = 2_000,
    writable: bool = False,
    patience: Patience | None = None,
) -> psycopg.Connection:
    """Return a connection in autocommit mode to the database at `url`, read-only unless `writable`.

    `url` may be any form that `parse_url` takes; None means the PG* environment variables. Time-outs
    are in milliseconds; the server keeps them. `patience` is the client's own, with a server that stands
    still: without it, one is waited for. Raises `UsageError` for a URL that cannot be used, `ConnectError`
    when the server cannot be reached, refuses, or is not PostgreSQL 14 or newer. No message holds a password.
    """
    destination = parse_url(url)
    limits = f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms}"
    limits += "" if writable else " -c default_transaction_read_only=on"
    limits += "".join(f" -c {name}={value}" for name, value in _SETTINGS.items())
    try:
        conn = _open(destination, limits, patience)
    except psycopg.Error as error:
        if not _REFUSES_OPTIONS.search(str(error)):
            raise _refused(destination, error) from None
        try:
            conn = _open(destination, "", patience)
        except psycopg.Error as again:
            raise _refused(destination, again) from None
    try:
        conn.read_only = None if writable else True
        _require_postgresql(conn, destination)
    except BaseException:
        conn.close()
        raise
    return conn


class _Patient(psycopg.Connection[Any]):
    """A connection that is given up, and closed, when its `patience` with the server is at an end."""

    patience: Patience | None = None

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **kwargs: Any) -> Any:
        """Wait for the server. Raises `OperationalError` where that is given up."""
        if self.patience is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(_heard(gen, self.patience), *args, **kwargs)
        except _GivenUpError:
            self.pgconn.finish()  # asked to end the transaction, the server would be silent again
            raise


class _GivenUpError(psycopg.OperationalError):
    pass


def _heard(gen: Generator[Any, Any, Any], patience: Patience) -> Generator[Any, Any, Any]:
    """Pass on what `gen` waits for, and raise `_GivenUpError` when nothing came of it for so long. psycopg
    comes back each tenth of a second, whether there is anything or not."""
    last, came = monotonic(), None
    while True:
        try:
            wanted = gen.send(came)
        except StopIteration as end:
            return end.value
        if patience.stopped():
            raise _GivenUpError("the run was interrupted")
        came = yield wanted
        if came:
            last = monotonic()
        elif monotonic() - last > patience.seconds:
            raise _GivenUpError(
                f"it did not answer for {patience.seconds:.0f} s; with a longer --statement-timeout it is"
                " waited for longer"
            )


def _open(destination: Destination, limits: str, patience: Patience | None) -> psycopg.Connection:
    given = conninfo.conninfo_to_dict(destination.conninfo)
    options = given.pop("options", None) or os.environ.get("PGOPTIONS", "")
    given.setdefault("application_name", "validate-schema")
    if "PGCONNECT_TIMEOUT" not in os.environ:
        given.setdefault("connect_timeout", 10)
    conn = _Patient.connect(
        conninfo.make_conninfo("", **given),
        autocommit=True,
        client_encoding="UTF8",
        options=f"{options} {limits}".strip(),
    )
    conn.patience = patience
    return conn


def parse_url(url: str | Secret | None) -> Destination:
    """Read a database URL or libpq key/value string; None means the PG* environment.

    Takes what SQLAlchemy (``postgresql+psycopg://``), Prisma (``?schema=``, ``sslaccept``), Rails and
    Heroku (``postgres://``) write. Parameters that libpq does not know are left out, but for those
    that begin with ``ssl``: a misspelt one would quietly connect without protection. Raises
    `UsageError`.
    """
    if url is None:
        return Destination("", None, _shown({}))
    text = reveal(url).strip()
    if not text:
        raise UsageError(f"the database URL is empty; write {_FORMS}")
    if "://" in text and _CONTROL.search(text):
        raise UsageError(
            "the database URL holds a control character, which must be percent-encoded (a line break is %0A)"
        )
    schema = None
    if "://" in text:
        text, schema = _plain_uri(text)
    elif "=" not in text:
        shown = repr(text) if re.fullmatch(r"[\w.-]{1,63}", text) else "this"
        raise UsageError(f"{shown} is not a database URL; write {_FORMS}")
    try:
        given = conninfo.conninfo_to_dict(text)
    except psycopg.Error as error:
        raise UsageError(f"the database URL cannot be read ({_reason(error)}); write {_FORMS}") from None
    _require_ports(given.get("port"))
    return Destination(conninfo.make_conninfo("", **given), schema, _shown(given))


def _reason(error: psycopg.Error) -> str:
    """Return what libpq did not like, without what it quotes: that may be a piece of the password."""
    said = " ".join(str(error).split()).replace('missing "="', "missing '='")
    return re.sub(r'".*"', "…", said).rstrip(": …").replace("'='", '"="')


def _require_ports(port: str | int | None) -> None:
    """Raise `UsageError` for a port that is none: where the @ is missing, the password stands there."""
    for each in str(port or "").split(","):
        if each and not (each.isdecimal() and 0 < int(each) <= 65_535):
            raise UsageError(
                "the database URL cannot be read: invalid port (where the @ before the host is missing,"
                f" the password stands there); write {_FORMS}"
            )


def _plain_uri(text: str) -> tuple[str, str | None]:
    """Return the URI as libpq wants it and the schema that it names."""
    scheme, _, rest = text.partition("://")
    dialect = scheme.lower().removeprefix("jdbc:").partition("+")[0]
    if scheme.lower().startswith("prisma"):
        raise UsageError("a prisma:// URL leads to a proxy; give the database's own URL (directUrl)")
    if dialect not in _DIALECTS:
        shown = scheme if re.fullmatch(r"(jdbc:)?[\w+.-]{1,30}", scheme) else "this URL"
        raise UsageError(f"{shown} is not supported: only PostgreSQL is; write {_FORMS}")
    authority_end = rest.find("@", 0, (rest + "/").find("/"))
    place, mark, query = rest[max(authority_end, 0) :].partition("?")
    place = rest[: max(authority_end, 0)] + place
    if place.count("@") > 1 or "@" in place.partition("/")[2]:
        raise UsageError(
            "the user, password or database in the URL holds a character that must be percent-encoded"
            " (@ is %40, / is %2F, : is %3A)"
        )
    if not mark:
        return f"postgresql://{place}", None
    pairs = dict(_pairs(query))
    schema = pairs.pop("schema", None) or pairs.pop("currentSchema", None)
    kept = "&".join(f"{key}={quote(value, safe='')}" for key, value in _libpq_parameters(pairs).items())
    return f"postgresql://{place}?{kept}", schema


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for part in query.split("&"):
        key, _, value = part.partition("=")
        if key:
            yield unquote(key), unquote(value)


def _libpq_parameters(pairs: dict[str, str]) -> dict[str, str]:
    """Return the parameters that libpq knows, TLS settings of other drivers translated.

    Sources: Prisma documentation, "PostgreSQL connector" (sslcert is the *server's* certificate
    there, sslaccept=strict verifies it); asyncpg and JDBC (ssl=true, ssl=require).
    """
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    kept = {key: value for key, value in pairs.items() if key in known}
    accept = pairs.get("sslaccept")
    if accept is not None and "sslcert" in kept:
        kept["sslrootcert"] = kept.pop("sslcert")
        if accept == "strict":
            kept["sslmode"] = "verify-full"
    ssl = pairs.get("ssl", "").lower()
    if ssl in ("true", "1", "on"):
        kept.setdefault("sslmode", "require")
    elif ssl in _SSL_MODES:
        kept.setdefault("sslmode", ssl)
    for key in pairs.keys() - known - {"ssl", "sslaccept", "sslidentity"}:
        if key.lower().startswith("ssl"):
            hint = did_you_mean(key.lower(), (name for name in known if name.startswith("ssl")))
            raise UsageError(f"unknown parameter {key!r} in the database URL{hint}")
    return kept


def _shown(given: dict[str, str | int | None]) -> str:
    """Return host:port/dbname for people, the environment's values where the URL has none."""
    if given.get("service") and not given.get("host"):
        return visible(f"service {given['service']}")
    known = {
        option.keyword.decode(): option.val.decode()
        for option in pq.Conninfo.get_defaults()
        if option.val is not None
    }
    host = given.get("host") or given.get("hostaddr") or known.get("host") or "the local socket"
    port = given.get("port") or known.get("port") or 5432
    database = given.get("dbname") or known.get("dbname") or given.get("user") or known.get("user") or ""
    return visible(mask(f"{host}:{port}/{database}"))


def first_line(error: BaseException | None) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [""])[0]


def _require_postgresql(conn: psycopg.Connection, destination: Destination) -> None:
    """Raise `ConnectError` for a server that speaks PostgreSQL's protocol without being it."""
    try:
        row = conn.execute("select pg_catalog.version()").fetchone()
    except psycopg.Error as error:
        reason = destination.hide_in(error)
        raise ConnectError(f"{destination.shown} does not answer as PostgreSQL would: {reason}") from None
    reason = unsupported(str(row[0]) if row else "", conn.info.server_version)
    if reason:
        raise ConnectError(f"{destination.shown} {reason}")


def unsupported(version: str, version_num: int) -> str:
    """Return why a server is not supported, judged by its `version()` and number; "" if it is."""
    for product in ("CockroachDB", "Redshift", "Materialize", "QuestDB", "CrateDB", "Greenplum"):
        if product.lower() in version.lower():
            return f"is {product}, which is not supported: its catalogs are not PostgreSQL's"
    if not version.startswith(("PostgreSQL", "EnterpriseDB")):
        return f"says it is {version[:60]!r}, not PostgreSQL"
    if version_num < OLDEST:
        return f"runs PostgreSQL {version_num // 10000}; 14 is the oldest that is supported"
    return ""


# What libpq and the server say, and what to tell people. First match wins.
_CAUSES = (
    (
        r"could not translate host name|name or service not known|nodename nor servname|errno -[235]\b",
        "there is no such host; check the host name",
    ),
    (r"connection refused", "nothing listens there; is PostgreSQL running, and is the port right?"),
    (r"no such file or directory", "there is no socket there; is PostgreSQL running, or is a host missing?"),
    (r"authentication failed", "user or password is wrong"),
    (r"no password supplied", "it asks for a password; put it in the URL, PGPASSWORD or a password file"),
    (r'database "[^"]*" does not exist', "there is no such database"),
    (r'role "[^"]*" does not exist', "there is no such role"),
    (
        r"starting up|shutting down|in recovery mode|not yet accepting",
        "it is starting up or shutting down; try again",
    ),
    (
        r"too many clients|connection slots|too many connections",
        "all its connections are taken; try again",
    ),
    (
        r"no pg_hba\.conf entry.*no encryption|ssl (connection )?is required|requires ssl|ssl off",
        "it accepts encrypted connections only; add ?sslmode=require",
    ),
    (r"no pg_hba\.conf entry", "its pg_hba.conf lets nobody in from here as this user"),
    (r"does not support ssl", "it does not offer encryption; sslmode=disable would do without"),
    (
        r"certificate verify failed|root certificate file",
        "its certificate cannot be verified; see sslrootcert",
    ),
    (r"timeout expired|timed out", "it did not answer in time"),
    (r"network is unreachable|no route to host", "the network does not lead there"),
    (
        r"received invalid response|expected authentication request|invalid response|protocol error"
        r"|error response during ssl exchange|unexpected response from server",
        "what answers there is not PostgreSQL; is the port right?",
    ),
    (
        r"server closed the connection unexpectedly|connection reset",
        "it closed the connection; is that PostgreSQL?",
    ),
    (
        r"permission denied for database",
        "the role may not connect to this database; GRANT CONNECT would allow it",
    ),
)


def _refused(destination: Destination, error: psycopg.Error) -> ConnectError | UsageError:
    text = str(error)
    missing = re.search(r'(?:definition of service|service file) "([^"]*)" not found', text)
    if missing:
        return UsageError(f"service {missing[1]!r} is not defined; see ~/.pg_service.conf or PGSERVICEFILE")
    if re.search(r"invalid port number|invalid integer value", text):
        return UsageError(f"the database URL cannot be read: {destination.hide_in(error)}")
    for pattern, cause in _CAUSES:
        if re.search(pattern, text, re.I | re.S):
            return ConnectError(f"cannot connect to {destination.shown}: {cause}")
    return ConnectError(f"cannot connect to {destination.shown}: {destination.hide_in(error)}")
