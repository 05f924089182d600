"""Leads Django to the scratch database whatever a project's settings say.

As the module of that name in ``DJANGO_SETTINGS_MODULE`` it is the project's settings with databases of its
own. It is copied beside a project that need not have validate-schema, so it imports nothing of it.
"""

import os
import re
from collections.abc import Mapping
from importlib import import_module
from typing import Any

NAME = "validate_schema_django_settings"
OWN = "VALIDATE_SCHEMA_DJANGO_SETTINGS"  # the variable that names the project's settings
_POSTGRESQL = "django.db.backends.postgresql"


def moved(own: Mapping[str, Mapping[str, Any]], given: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return a project's databases all led to the scratch one, `given` by libpq's names; an engine for
    PostgreSQL is kept."""
    engine = own.get("default", {}).get("ENGINE", "")
    options = {name: value for name, value in given.items() if value}
    database = {
        "ENGINE": engine if re.search("postg|psql", engine) else _POSTGRESQL,
        "NAME": options.pop("dbname", ""),
        "USER": options.pop("user", ""),
        "PASSWORD": options.pop("password", ""),
        "HOST": options.pop("host", ""),
        "PORT": options.pop("port", ""),
        "OPTIONS": options,
    }
    return {alias: dict(database) for alias in {"default", *own}}


def _settings() -> dict[str, Any]:
    own = import_module(os.environ[OWN])
    found = {name: getattr(own, name) for name in dir(own) if name.isupper()}
    names = ("host", "port", "user", "password", "dbname")
    given = {name: os.environ.get(f"PG{name}".upper(), "") for name in names[:4]}
    given["dbname"] = os.environ["PGDATABASE"]
    return found | {"DATABASES": moved(found.get("DATABASES", {}), given)}


if __name__ == NAME:
    globals().update(_settings())
