"""The proof as part of a run: whether it is wanted, on which copy it is made, what it is told."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from ..config import ProveConfig
from ..facts.facts import Facts
from ..model.catalog import POSTGRESQL
from ..model.errors import UsageError
from ..model.isolation import Isolation
from ..model.progress import Progress
from ..sql.ident import quote_literal

if TYPE_CHECKING:
    import psycopg

    from ..evidence.isolation import ContextSetup
    from ..scratch import Database

NOT_WANTED = "not proven in this run (--prove)"
NO_DATABASE = "a snapshot holds no database to prove isolation on: give --migrations or --database-url"
NO_LIVE_ROWS = "--prove-live counts the rows of a live database: give --database-url, or --prove"

NO_ROLES = "SQLite has no roles and no row-level security: there is no isolation to prove"

Copy = Callable[[], AbstractContextManager[tuple["Database", tuple[str, ...]]]]


class Proving(StrEnum):
    """What is asked for: nothing, the proof on a copy, or the read-only count among live rows."""

    NO = ""
    COPY = "copy"
    LIVE = "live"


def require_provable(wanted: Proving, kind: str) -> None:
    """Raise `UsageError` where a source of that kind (database, migrations, snapshot) has nothing to
    prove on."""
    if wanted and kind == "sqlite":
        raise UsageError(NO_ROLES)
    if wanted and kind == "snapshot":
        raise UsageError(NO_DATABASE)
    if wanted is Proving.LIVE and kind == "migrations":
        raise UsageError(NO_LIVE_ROWS)


def prove_isolation(
    wanted: Proving,
    facts: Facts,
    config: ProveConfig,
    *,
    copy: Copy | None,
    connection: "psycopg.Connection | None",
    progress: Progress,
    beside: tuple[str, ...] = (),
) -> Isolation:
    """Return the proof that was asked for. `copy` opens a throwaway database with the schema, and says
    what it lacks; `connection` is the live one; `beside` are the ids of the checks of this run. What was
    asked for is marked `wanted`, so that none is no pass."""
    if wanted is Proving.NO:
        return Isolation(reason=NOT_WANTED if facts.catalog.server.product == POSTGRESQL else NO_ROLES)
    from ..evidence.isolation import live_counts, prove

    if not facts.tenancy.identified:
        found = Isolation(reason="the tenant root and tenant column were not identified")
    elif wanted is Proving.LIVE:
        assert connection is not None, "only a database is live"
        with progress.step("counting rows of other tenants as the app roles"):
            found = live_counts(connection, facts, context=context_of(config))
    else:
        assert copy is not None, "what is no snapshot can be copied"
        with progress.step("copying the schema to prove isolation"), copy() as (database, lacks):
            found = prove(database, facts, context=context_of(config), lacks=lacks, progress=progress)
    return msgspec.structs.replace(found, wanted=True, beside=beside)


def context_of(config: ProveConfig) -> "ContextSetup | None":
    """Return the configured statements; None leaves it to the setting that the policies read."""
    if not config.context:
        return None
    from ..evidence.isolation import ContextSetup

    if config.user is None:
        return ContextSetup(config.context)
    return ContextSetup(tuple(_with_user(s, config.user) for s in config.context))


def _with_user(statement: str, user: str) -> str:
    import re

    return re.sub(r"(?<!:):user\b", lambda _: quote_literal(user).strip(), statement)
