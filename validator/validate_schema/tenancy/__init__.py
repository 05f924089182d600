"""Who owns the rows: the root, the tenant column, the context, the app roles, a class for every table.

Taken from the config where it says so and inferred from the catalog otherwise, always with a reason.
"""

from datetime import date

from msgspec.structs import replace

from ..config import TenancyConfig, ThreatConfig
from ..facts.facts import NotExamined
from ..facts.unread import withheld
from ..model.catalog import Catalog
from ..model.principals import Trusted
from ..model.tenancy import Tenancy
from ..sql.patterns import parse_pattern
from ..sql.settings import word_for
from .classify import classify, table_names
from .context import find_app_roles, find_context
from .graph import Graph
from .levels import decide
from .lookups import shared
from .members import MemberReader
from .policies import PolicyReader

PLACEHOLDERS = ("", "0", "00000000-0000-0000-0000-000000000000", "default", "default-org-id", "temp")
_THREAT = ThreatConfig()


def identify(
    catalog: Catalog, config: TenancyConfig, *, today: date, threat: ThreatConfig = _THREAT
) -> Tenancy:
    """Return the tenancy of `catalog`.

    `today` decides whether an exemption still holds. When no root or column can be settled on, the
    tenancy is not `identified`; `problem` and `candidates` say what was looked at. Where what it takes may
    not be read, it is what the rest tells, and `Tenancy.unread` says so.
    """
    try:
        return _identified(withheld(catalog, objects=False), config, today, threat)
    except NotExamined as unread:
        return replace(_identified(catalog, config, today, threat), unread=str(unread))


def _identified(catalog: Catalog, config: TenancyConfig, today: date, threat: ThreatConfig) -> Tenancy:
    graph = Graph(catalog)
    reader = PolicyReader(catalog)
    compared = reader.by_table(catalog.tables)
    asked = MemberReader(catalog, reader).by_table(catalog.tables)
    read = {name: asked[name] | {c.column for c in found} for name, found in compared.items()}
    nobodys = table_names(graph, (*config.global_, *(entry.table for entry in config.exempt)))
    decision = decide(graph, config, read, frozenset(nobodys))
    standings = classify(graph, decision.levels, config, today, read)
    inferred = dict(decision.inferred)
    context = find_context(catalog, config, decision.levels, reader.helpers, compared, read=read)
    app_roles, why = find_app_roles(catalog, config, standings, tenants=bool(word_for(context.setting)))
    inferred |= context.inferred
    standings = shared(graph, catalog, standings, app_roles)
    if why is not None:
        inferred["app_roles"] = why
    return Tenancy(
        levels=decision.levels,
        standings=standings,
        setting=context.setting,
        current_tenant=context.current_tenant,
        app_roles=app_roles,
        null_means_global=table_names(
            graph, (row.table for row in config.null_rows if row.null_means == "global")
        ),
        owned_otherwise=tuple(
            (name, row.owner)
            for row in config.null_rows
            if row.null_means == "owner"
            for name in table_names(graph, (row.table,))
        ),
        placeholders=tuple(sorted({*PLACEHOLDERS, *config.placeholders})),
        inferred=inferred,
        candidates=decision.candidates,
        problem=decision.problem,
        trusted=_trusted(config, catalog.server.default_schema),
        session=threat.session or "",
    )


def _trusted(config: TenancyConfig, home: str) -> tuple[Trusted, ...]:
    return tuple(
        Trusted(
            entry.reason,
            entry.setting,
            entry.claim,
            parse_pattern(entry.table).qname(home) if entry.table else None,
            entry.values,
        )
        for entry in config.trusted
    )
