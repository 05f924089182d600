"""The environment of a project's own command: whatever in it names a PostgreSQL database names the scratch
one."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

from ..tool import Tool

# What psycopg, SQLAlchemy, Django's and Rails' URL readers and JDBC call a PostgreSQL URL.
_URL = re.compile(r"(?P<jdbc>jdbc:)?(?P<scheme>(?:postgres|postgresql|postgis)(?:\+\w+)?)://", re.IGNORECASE)
_SETTINGS = re.compile(r"(?:^|\s)(?:dbname|host|service)\s*=\s*\S")
_VARIABLES = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "options": "PGOPTIONS",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


def environment(
    given: Mapping[str, str], folder: Path, beside: Path, tool: Tool | None = None
) -> dict[str, str]:
    """Return this process's environment with the database of `given`, by libpq's names, as the one that
    programs run in `folder` connect to.

    DATABASE_URL names it, as do JDBC_DATABASE_URL and PGHOST, PGDATABASE and the like; other PG* variables
    are gone, files of services and passwords are none, and every variable that holds a PostgreSQL URL holds
    the scratch database's, in its own scheme. `tool` adds what leads its programs there where they read none
    of these; it may put files into `beside`, an empty folder.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    own = {variable: given[name] for name, variable in _VARIABLES.items() if given.get(name)}
    nothing = str(beside / "none")
    own |= {"PGSERVICEFILE": nothing, "PGPASSFILE": nothing, "PGSYSCONFDIR": nothing}
    led = {name: _led(value, given) for name, value in kept.items()}
    own |= {"DATABASE_URL": _url("postgresql", given), "JDBC_DATABASE_URL": _jdbc(given)}
    found = led | own
    return found | (dict(tool.leads(folder, beside, found)) if tool and tool.leads else {})


def _led(value: str, given: Mapping[str, str]) -> str:
    """Return the value of a variable, that of one which leads to a database changed to lead to `given`."""
    if found := _URL.match(value):
        return _jdbc(given) if found["jdbc"] else _url(found["scheme"], given)
    if "dbname" in value and _SETTINGS.search(value):
        return " ".join(f"{name}='{_escaped(said)}'" for name, said in given.items() if said)
    return value


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("'", r"\'")


def _url(scheme: str, given: Mapping[str, str]) -> str:
    """Return the URL as libpq, SQLAlchemy, Django's and Rails' readers and node-postgres share it: a socket's
    folder is the parameter ``host``."""
    host, port = given.get("host", ""), given.get("port", "")
    user = quote(given.get("user", ""), safe="")
    secret = f":{quote(given['password'], safe='')}" if given.get("password") else ""
    socket = host.startswith("/")
    place = "" if socket else host + (f":{port}" if port else "")
    options = {"host": host} | ({"port": port} if port else {}) if socket else {}
    query = f"?{urlencode(options)}" if options else ""
    return f"{scheme}://{user}{secret}@{place}/{quote(given['dbname'], safe='')}{query}"


def _jdbc(given: Mapping[str, str]) -> str:
    """Source: pgJDBC documentation, "Connecting to the Database"."""
    place = given.get("host", "") + (f":{given['port']}" if given.get("port") else "")
    said = {name: given[name] for name in ("user", "password") if given.get(name)}
    return f"jdbc:postgresql://{place}/{quote(given['dbname'], safe='')}?{urlencode(said, quote_via=quote)}"
