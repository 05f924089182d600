"""The pytest plugin: a migrated database for each test, assertions on its schema, an item per check.

Loaded by pytest wherever validate-schema is installed, so it imports nothing but pytest until a test
asks for something. See docs/testing-migrations.md.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from . import MigratedDatabase, SchemaAssertion
    from .examples import Bench
    from .pool import Pool

_POOL = pytest.StashKey["Pool"]()
_WORKERS = pytest.StashKey[bool]()
_USED = "validate_schema_used"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("validate-schema", "validate-schema: migrated databases, a test per check")
    group.addoption(
        "--validate-schema",
        action="store_true",
        dest="validate_schema_items",
        help="Collect a test per check: validate-schema::UNQ001 and so on, on the migrated schema.",
    )
    options = {
        "config": "validate-schema.toml; otherwise searched upwards from the root directory.",
        "server": "Where databases are made: embedded (default), system, a bin directory, or a URL.",
        "migrations": "The migrations, if they are not the config's [migrations] path.",
    }
    for name, text in options.items():
        group.addoption(f"--validate-schema-{name}", dest=f"validate_schema_{name}", metavar="X", help=text)
        parser.addini(f"validate_schema_{name}", text)


@pytest.fixture
def migrated_db(pytestconfig: pytest.Config) -> "Iterator[MigratedDatabase]":
    """A database of this test's own with the project's migrations applied: `.url`, `.connect()`, `.name`.

    It is a clone of a template that is built once; it goes when the test ends, however it ends.
    """
    with ExitStack() as stack:
        with _told():
            database = stack.enter_context(_pool(pytestconfig).database())
        yield database


@pytest.fixture
def assert_schema(pytestconfig: pytest.Config, request: pytest.FixtureRequest) -> "SchemaAssertion":
    """Call it to assert that checks pass and that tables are as declared, in `migrated_db` by default."""
    from . import SchemaAssertion

    with _told():
        return SchemaAssertion(_pool(pytestconfig), lambda: request.getfixturevalue("migrated_db"))


@pytest.fixture(scope="session")
def validate_schema_bench(pytestconfig: pytest.Config) -> "Iterator[Bench]":
    """The server that `testing.examples` runs the examples of a pack's checks on."""
    from .examples import open_bench
    from .pool import server_of

    with ExitStack() as stack:
        with _told():
            bench = stack.enter_context(
                open_bench(server_of(pytestconfig), os.environ.get("PYTEST_XDIST_WORKER", ""))
            )
        yield bench


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    if config.getoption("validate_schema_items"):
        from ..model.errors import ValidateSchemaError
        from .items import schema_items

        try:
            items.extend(schema_items(session, _pool(config)))
        except ValidateSchemaError as error:
            raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Note, beside pytest-xdist's workers, whether one used a server, or died and cannot say."""
    if error or getattr(node, "workeroutput", {}).get(_USED):
        node.config.stash[_WORKERS] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    pool = session.config.stash.get(_POOL, None)
    if pool is not None and pool.used and hasattr(session.config, "workeroutput"):
        session.config.workeroutput[_USED] = True


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave the server. Workers are given little time to end, so the controller clears up after them."""
    pool = config.stash.get(_POOL, None)
    if pool is not None:
        pool.close(clear=not hasattr(config, "workerinput"))
    elif config.stash.get(_WORKERS, False):
        from ..model.errors import ValidateSchemaError
        from .pool import clear_up, read_settings

        with suppress(ValidateSchemaError):
            clear_up(read_settings(config))


@contextmanager
def _told() -> Iterator[None]:
    """Fail a test with one line, not a traceback, where the user can act."""
    from ..model.errors import ValidateSchemaError

    try:
        yield
    except ValidateSchemaError as error:
        pytest.fail(str(error), pytrace=False)


def _pool(config: pytest.Config) -> "Pool":
    pool = config.stash.get(_POOL, None)
    if pool is None:
        from .pool import Pool, read_settings

        pool = config.stash[_POOL] = Pool(read_settings(config))
    return pool
