"""The schema that the migrations make, compared with the one that is there: the evidence of MIG011."""

from collections.abc import Iterable

from msgspec.structs import replace

from ...catalog.ledgers import ledgers as ledgers_of
from ...contract.diff.catalogs import compare, count_objects
from ...facts.platforms import STAND_IN
from ...model.catalog import Catalog, QName
from ...model.difference import Change, ChangeKind
from ...model.history import Drift
from .platform import EXTENSIONS, PUBLICATION

# What only the live side has of these was set up there by whoever runs the server.
_SERVERS_OWN = frozenset({
    "extension", "event trigger", "publication", "default privileges", "schema", "system object",
})  # fmt: skip
# What a replay makes up for the platform is no difference where the live side lacks it.
_MADE_UP = frozenset({
    ("extension", STAND_IN), *(("extension", name) for name in EXTENSIONS), ("publication", PUBLICATION),
})  # fmt: skip
# These lead elsewhere, and elsewhere is another place for every server.
_LEADS_AWAY = frozenset({"subscription", "user mapping"})
_UNSURE = frozenset({
    "owner", "options", "version", "toast options", "server options", "tablespace", "statistics", "clustered",
})  # fmt: skip
_MEANT = ("text search dictionary", "options")  # they decide what a search finds


def drift(replayed: Catalog, live: Catalog, ledgers: Iterable[QName] = ()) -> Drift:
    """Compare the schema that a replay left with the `live` one, object by object.

    Left out is what a scratch server cannot know: the ledger's own tables (found by shape, and those
    named as `ledgers`), owners, storage parameters and statistics, subscriptions and user mappings,
    privileges but those that a role of both servers has lost, what stands in for a platform, and what only
    the live side has of extensions, publications, event triggers, partitions, and schemas that no migration
    makes. Not examined where part of the live catalog could not be read, or its default schema is not the one
    that was replayed into.
    """
    if live.unreadable:
        what = ", ".join(u.what for u in live.unreadable)
        return Drift(wanted=True, reason=f"this role may not read all of the catalog: {what}")
    here, there = live.server.default_schema, replayed.server.default_schema
    if here != there:
        return Drift(wanted=True, reason=f"the migrations ran in {there}, the database's schema is {here}")
    known = frozenset(ledgers)
    made = _without_ledgers(replayed, known)
    changes = certain_changes(made, _without_ledgers(live, known))
    return Drift(wanted=True, examined=True, objects=_comparable(made, changes), changes=changes)


def certain_changes(replayed: Catalog, live: Catalog, *, back: bool = False) -> tuple[Change, ...]:
    """Return what certainly differs from a replayed schema to a live one, or `back` from that to the
    replayed one: without what `drift` leaves out."""
    before, after = _without_ledgers(replayed), _without_ledgers(live)
    certain = _Certain(before, after, "removed" if back else "added")
    found = compare(after, before) if back else compare(before, after)
    return tuple(change for change in found if certain.of(change))


def _comparable(catalog: Catalog, changes: Iterable[Change]) -> int:
    """Return how many objects were compared. A table that is not there is one: with it goes all that is on
    it, of which the changes say nothing."""
    gone = {
        QName(c.object.schema, c.object.table)
        for c in changes
        if c.kind == "removed" and c.object.kind == "table"
    }
    bare = tuple(
        replace(t, columns=(), constraints=(), indexes=(), policies=(), triggers=(), rules=())
        if t.qname in gone
        else t
        for t in catalog.tables
    )
    sequences = tuple(
        s for s in catalog.sequences if s.owned_by is None or QName(*s.owned_by[:2]) not in gone
    )
    return count_objects(replace(catalog, tables=bare, sequences=sequences))


def _without_ledgers(catalog: Catalog, known: frozenset[QName] = frozenset()) -> Catalog:
    """Return the catalog without the tables that record migrations, and their sequences."""
    found = known | ledgers_of(catalog).keys()
    return replace(
        catalog,
        tables=tuple(t for t in catalog.tables if t.qname not in found),
        sequences=tuple(
            s for s in catalog.sequences if s.owned_by is None or QName(*s.owned_by[:2]) not in found
        ),
    )


class _Certain:
    """Tells which differences are the schema's, and not those of two servers. `extra` is what becomes of
    objects that the live side alone has."""

    def __init__(self, replayed: Catalog, live: Catalog, extra: ChangeKind) -> None:
        self._extra = extra
        self._schemas = {s.name for s in replayed.schemas} | {replayed.server.default_schema}
        self._partitions = {t.qname for t in live.tables if t.parent is not None}
        self._has_platform = STAND_IN in {e.name for e in (*replayed.extensions, *live.extensions)}
        self._roles = {r.name for r in replayed.roles} & {r.name for r in live.roles} | {"PUBLIC"}

    def of(self, change: Change) -> bool:
        """Tell whether the difference is certain."""
        ref = change.object
        if change.kind == "changed" and change.what in _UNSURE and (ref.kind, change.what) != _MEANT:
            return False
        if change.what.startswith("privileges of "):
            return self._lost(change)
        if ref.kind in _LEADS_AWAY or (self._has_platform and (ref.kind, ref.name) in _MADE_UP):
            return False
        if change.kind != self._extra:
            return True
        if ref.kind in _SERVERS_OWN:
            return False
        if ref.kind == "table" and QName(ref.schema, ref.table) in self._partitions:
            return False
        return not ref.schema or ref.schema in self._schemas

    def _lost(self, change: Change) -> bool:
        role = change.what.removeprefix("privileges of ")
        if role not in self._roles or change.object.kind in _SERVERS_OWN:
            return False
        held, left = (set(text.split(", ")) - {"none"} for text in (change.before, change.after))
        return not (held <= left if self._extra == "added" else left <= held)
