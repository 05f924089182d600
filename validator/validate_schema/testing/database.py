"""A test's own database, as drivers, SQLAlchemy and Django want to be told of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from ..catalog.connect import Connection
    from ..scratch import Database

# What a URL for every driver may hold: others take the rest for server settings, and fail.
_COMMON = ("host", "hostaddr", "port", "user", "password", "dbname")


@dataclass(frozen=True, repr=False)
class MigratedDatabase:
    """A database that holds what the migrations made, for one test alone."""

    _database: "Database"

    def __repr__(self) -> str:
        return f"MigratedDatabase({self.name!r})"  # the URL may hold a password

    @property
    def name(self) -> str:
        return self._database.name

    @property
    def url(self) -> str:
        """A postgresql:// URL that libpq, psycopg, SQLAlchemy, asyncpg and other drivers understand."""
        return self.url_for("postgresql")

    def url_for(self, scheme: str) -> str:
        """Return the URL with another scheme, such as ``postgresql+asyncpg``."""
        said = dict(self.parameters)
        user, password, port = said.pop("user", ""), said.pop("password", ""), said.pop("port", "")
        host, name = said.pop("host", ""), said.pop("dbname", self.name)
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        at, place = (f"{login}@" if login else ""), ""
        if host.startswith(("/", "@")) or "," in host:
            said = {"host": host, "port": port} | said
        elif host:
            place = f"[{host}]" if ":" in host else quote(host, safe=".-_")
            place += f":{port}" if port else ""
        query = urlencode({k: v for k, v in said.items() if v}, quote_via=quote, safe="/")
        return f"{scheme}://{at}{place}/{quote(name, safe='')}" + (f"?{query}" if query else "")

    @cached_property
    def parameters(self) -> dict[str, str]:
        """host, port, user, password and dbname, as far as they are known, by libpq's names; and what
        the URL of the server says of SSL."""
        given = self._database.parameters
        local = given.get("host", "").startswith("/")
        return {k: v for k, v in given.items() if k in _COMMON or (k.startswith("ssl") and not local)}

    @property
    def django(self) -> dict[str, str]:
        """The entry of Django's DATABASES."""
        given = self.parameters
        said = {key: given.get(key.lower(), "") for key in ("HOST", "PORT", "USER", "PASSWORD")}
        return {"ENGINE": "django.db.backends.postgresql", "NAME": self.name, **said}

    def connect(self, **options: Any) -> "Connection":
        """Return a new psycopg connection; `options` as for `psycopg.connect`."""
        return self._database.connect(**options)
