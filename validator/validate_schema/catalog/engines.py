"""The database engines beside PostgreSQL: a row for each, and a package of its name beside this module.

What the package offers is a `Package`: it is imported when a database of the engine is met.
"""

from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

from ..model.catalog import Catalog
from ..model.contract import Contract
from ..model.secret import Secret, reveal
from ..model.wording import listed

ADVICE = "Mend it with a migration of your tool."


class Package(Protocol):
    """What an engine's package offers."""

    def read(self, given: Any) -> tuple[Catalog, str]:
        """Return what the database at a URL holds, or at the engine or connection of a caller, and its name
        for people, which holds no secret. Raises `UsageError` for a URL that cannot be used, `ConnectError`
        where there is no such database."""

    def fitted(self, catalog: Catalog, contract: Contract) -> tuple[Catalog, Contract]:
        """Return a catalog of the engine and a contract, in words of PostgreSQL, that can be compared."""


class Engine(NamedTuple):
    """An engine: the product's name in reports, its package, and how its databases are recognised: by the
    scheme of a URL, which is the name of SQLAlchemy's dialect as well, and by the module of a driver's own
    connections. `example` is a URL for people; what it `lacks` is nothing to be examined, and
    `advice` is what can be said of mending a finding there."""

    product: str
    package: str
    dialects: tuple[str, ...]
    example: str
    drivers: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ("roles", "row-level security")
    advice: str = ADVICE

    def offers(self) -> Package:
        """Return the engine's package."""
        return cast("Package", import_module(f".{self.package}", __package__))

    @property
    def without(self) -> str:
        """What it lacks, for people."""
        return listed([f"no {what}" for what in self.lacks])


ENGINES = (
    Engine(
        "SQLite",
        "sqlite",
        ("sqlite",),
        "sqlite:///…",
        drivers=("sqlite3",),
        advice=f"{ADVICE} SQLite adds tables, columns and indexes in place, and takes any other change by"
        " making the table anew.",
    ),
)


def engine_at(url: str | Secret | None) -> Engine | None:
    """Return the engine that a database URL names, with a driver's name or without; None is PostgreSQL."""
    scheme = reveal(url or "").strip().partition("://")[0].lower().partition("+")[0]
    return next((engine for engine in ENGINES if scheme in engine.dialects), None)


def engine_behind(given: Any) -> Engine | None:
    """Return the engine behind an engine or connection of SQLAlchemy, or a driver's own connection; None is
    PostgreSQL, or nothing that is known."""
    dialect = getattr(getattr(given, "dialect", None), "name", None)
    driver = type(given).__module__ if hasattr(given, "execute") else None
    return next((e for e in ENGINES if dialect in e.dialects or driver in e.drivers), None)


def engine_of(catalog: Catalog) -> Engine | None:
    """Return the engine that a catalog was read from; None is PostgreSQL."""
    return next((engine for engine in ENGINES if engine.product == catalog.server.product), None)
