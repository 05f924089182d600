"""The proof as part of a run: whether it is wanted, on which copy it is made, what it is told."""

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from ..catalog.engines import engine_of
from ..checking.declare import PROOF
from ..config import ProveConfig
from ..facts.facts import NOT_IDENTIFIED, Facts
from ..model.errors import UsageError
from ..model.isolation import Isolation
from ..model.limits import limits
from ..model.progress import Progress
from .opened import Broken, Live, Opened, Replayed
from .source import Source

if TYPE_CHECKING:
    from ..evidence.isolation import ContextSetup
    from .request import Request

NOT_WANTED = "not proven in this run (--prove)"
NO_DATABASE = "a snapshot holds no database to prove isolation on: give --migrations or --database-url"
NO_LIVE_ROWS = "--prove-live counts the rows of a live database: give --database-url, or --prove"
NO_COPY = (
    "a connection that is open already cannot be copied, and prove works on a copy: give database_url or"
    " migrations"
)
NO_ISOLATION = "{} has {}: there is no isolation to prove"


class Proving(StrEnum):
    """What is asked for: nothing, the proof on a copy, the read-only count among live rows; or the proof
    where reading left something open and a copy is at hand."""

    NO = ""
    OPEN = "open"
    COPY = "copy"
    LIVE = "live"


def proof_alone(request: "Request") -> "Request":
    """Return the request for the checks on the proof, and for what rows alone do not settle: what policies
    and the texts of views and functions leave open, what leads past them, a tenant with a key that made-up
    ones do not have; whatever the config selects: that is meant for the schema."""
    beside = {"unverified", "beside", "surface", "tenant"}
    checks = tuple(c for c in request.known if c.needs == PROOF or beside & set(c.explains))
    return replace(request, checks=checks, rows=False, keys=True, proving=_asked(request.proving))


def _asked(wanted: Proving) -> Proving:
    return wanted if wanted is Proving.LIVE else Proving.COPY


def require_provable(wanted: Proving, source: Source) -> None:
    """Raise `UsageError` where the source has nothing to prove on that was asked for."""
    if wanted is Proving.OPEN:
        return
    if wanted and (engine := source.foreign) is not None:
        raise UsageError(NO_ISOLATION.format(engine.product, engine.without))
    if wanted and source.kind == "snapshot":
        raise UsageError(NO_DATABASE)
    if wanted is Proving.LIVE and source.kind == "migrations":
        raise UsageError(NO_LIVE_ROWS)
    if wanted is Proving.COPY and (source.connection is not None or source.engine is not None):
        raise UsageError(NO_COPY)


def prove_isolation(
    wanted: Proving,
    opened: Opened,
    facts: Facts,
    config: ProveConfig,
    *,
    progress: Progress,
) -> Isolation:
    """Return the proof that was asked for. What was asked for is marked `wanted`, so that none is no
    pass."""
    if isinstance(opened, Broken):
        return Isolation(wanted=wanted not in (Proving.NO, Proving.OPEN), reason=opened.reason)
    if wanted in (Proving.NO, Proving.OPEN):
        engine = engine_of(facts.catalog)
        return Isolation(reason=NO_ISOLATION.format(engine.product, engine.without) if engine else NOT_WANTED)
    if not facts.tenancy.identified:
        found = Isolation(reason=NOT_IDENTIFIED)
    else:
        found = _proven(wanted, opened, facts, config, progress)
    return msgspec.structs.replace(found, wanted=True)


def _proven(
    wanted: Proving, opened: Opened, facts: Facts, config: ProveConfig, progress: Progress
) -> Isolation:
    from ..evidence.isolation import live_counts, prove

    context = context_of(config, facts)
    if wanted is Proving.LIVE:
        assert isinstance(opened, Live), "only a database is live"
        with progress.step("counting rows of other tenants as the app roles"):
            return live_counts(opened.connection, facts, context=context)
    assert isinstance(opened, Live | Replayed), "only what runs can be copied"
    assert opened.copy is not None, "require_provable refuses a caller's connection"
    with progress.step("copying the schema to prove isolation"), opened.copy() as (database, lacks):
        seconds = limits().proof_seconds
        return prove(database, facts, context=context, lacks=lacks, progress=progress, seconds=seconds)


def context_of(config: ProveConfig, facts: Facts) -> "ContextSetup | None":
    """Return the configured statements, after those of the configured gateway; None leaves it to the settings
    that the policies read."""
    if not config.context and config.preset is None:
        return None
    from ..evidence.isolation import ContextSetup, with_preset

    setup = ContextSetup(config.context, config.user)
    return with_preset(setup, facts, config.preset) if config.preset else setup
