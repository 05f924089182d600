"""A copy that belongs to a role which is no superuser: it is restored by one, in whose session no code of the
schema runs.

A dump makes objects and gives them to their owners; it has no rows, which CHECKs and triggers would look at.
Extensions and event triggers are made as `postgres` makes them; the latter last, for they would run in the
session that restores.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..model.catalog import Catalog
from ..model.objects import EventTrigger
from ..sql.ident import quote_literal, quote_qname

if TYPE_CHECKING:
    import psycopg

    from . import Database

    Connection = psycopg.Connection[Any]

_NAME = r'("(?:[^"]|"")+"|[^\s";]+)'
# As pg_dump writes it.
_EXTENSION = re.compile(rf"CREATE EXTENSION IF NOT EXISTS {_NAME} WITH SCHEMA {_NAME};?")
_EVENT_TRIGGER = re.compile(r"(?:CREATE|ALTER) EVENT TRIGGER ")
_ENABLED = {"origin": "O", "always": "A", "replica": "R", "disabled": "D"}


@contextmanager
def restoring(
    database: "Database", catalog: Catalog, notes: list[str]
) -> "Iterator[tuple[Connection, Callable[[str], bool]]]":
    """Yield the connection that runs the dump of a database with `catalog`, and what is asked before each
    statement whether it is done already. Notes on what could not be made at the end are added."""
    if not database.server.lends_no_superuser:
        with database.connect(autocommit=True) as conn:
            yield conn, lambda _: False
        return
    with database.admin(autocommit=True) as conn, database.connect(autocommit=True) as owner:
        yield conn, lambda statement: _done(owner, statement)
        for trigger in catalog.event_triggers:
            _event_trigger(conn, owner, trigger, notes)


def _done(owner: "Connection", statement: str) -> bool:
    found = _EXTENSION.fullmatch(statement.strip())
    if found:
        words = ", ".join(quote_literal(_plain(name)).strip() for name in found.groups())
        made = f"select pg_catalog.validate_schema_extension({words}, null, false, true)"
        owner.execute(made.encode())
    return found is not None or _EVENT_TRIGGER.match(statement.strip()) is not None


def _plain(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _event_trigger(conn: "Connection", owner: "Connection", trigger: EventTrigger, notes: list[str]) -> None:
    import psycopg

    called = f"{quote_qname(trigger.function)}()"
    try:
        owner.execute(
            "select pg_catalog.validate_schema_event_trigger(%s, %s, %s::text[], %s::text::regprocedure)",
            [trigger.name, trigger.event, list(trigger.tags), called],
        )
    except psycopg.Error as error:
        notes.append(f"not on the copy: the event trigger {trigger.name} ({error.diag.message_primary})")
        return
    conn.execute(
        "update pg_catalog.pg_event_trigger set evtenabled = %s, evtowner = coalesce((select oid from"
        " pg_catalog.pg_roles where rolname = %s), evtowner) where evtname = %s",
        [_ENABLED[trigger.enabled], trigger.owner, trigger.name],
    )
