"""What a role may not read is no empty list: whoever looks at it is told that nobody knows.

A record that lacks a field stands where the whole one would. Asking for the field raises `NotExamined`, so
that a check that needs it is skipped with the reason, and one that does not runs on.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec.structs import fields, replace

from ..model.catalog import Catalog, Unreadable
from ..model.reading import Analysis
from .facts import Facts, NotExamined

_Record = TypeVar("_Record", bound=msgspec.Struct)

# What each query of the reader fills: paths from the catalog down to the field.
_INDEXES = ("tables.indexes", "views.indexes", "extension_tables.indexes", "extension_views.indexes")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "settings of roles and of the database": ("roles.settings", "database.settings"),
    "memberships of roles": ("roles.member_of",),
    "index methods": _INDEXES,
    "operator classes": _INDEXES,
    "collations": (*_INDEXES, "tables.columns.collation", "collations"),
    "constraints of domains": ("domains",),
    "partitions and inheritance": ("tables.parent", "tables.inherits"),
    "storage of tables": ("tables.details", "views.details"),
    "column defaults": ("tables.columns.default", "views.altered"),
    "storage of columns and keys of indexes": (
        "tables.columns.details",
        "views.altered",
        "tables.indexes.details",
        "views.indexes.details",
    ),
    "constraints": ("tables.constraints", *_INDEXES),
    "foreign keys": ("tables.constraints",),
    "triggers of foreign keys": ("tables.constraints",),
    "indexes": _INDEXES,
    "storage of indexes": ("tables.indexes.details", "views.indexes.details"),
    "policies": ("tables.policies",),
    "triggers": ("tables.triggers", "views.triggers"),
    "rules": ("tables.rules", "views.rules"),
    "enums": ("enums",),
    "definitions of views": ("views", "extension_views"),
    "what views depend on": ("views.depends_on", "extension_views.depends_on"),
    "functions": ("functions", "extension_functions"),
    "what functions depend on": ("functions.touches", "extension_functions.touches"),
    "sequences": ("sequences",),
    "event triggers": ("event_triggers",),
    "publications": ("publications",),
    "tables of publications": ("publications",),
    "schemas of publications": ("publications",),
    "default privileges": ("default_privileges",),
    "aggregates": ("functions",),
    "operators": ("operators",),
    "casts": ("casts",),
    "languages": ("languages",),
    "the database's owner and privileges": ("database",),
    "large objects": ("large_objects",),
    "types": ("composites", "definitions"),
    "text search objects": ("definitions",),
    "foreign-data wrappers, servers and user mappings": ("definitions",),
    "access methods, operator classes, conversions, transforms and statistics": ("definitions",),
    "subscriptions": ("definitions",),
    "privileges on the server's own objects": ("system_privileges",),
    "comments": ("comments",),
}
# What the tenancy would only be guessed in; which tables are whose is asked for together with these.
_GUESSED = ("levels", "setting", "current_tenant", "app_roles")


def reason_of(unread: Unreadable) -> str:
    """Return in a line what could not be read, of which object, and why."""
    name = ".".join(filter(None, unread.object)) if unread.object else ""
    return f"{unread.what}{f' of {name}' if name else ''}: {unread.reason}"


def lists_of(unread: Unreadable) -> frozenset[str]:
    """Return the fields of the catalog that lack it; none where it stands behind everything."""
    return frozenset(path.partition(".")[0] for path in _FIELDS.get(unread.what, ()))


def withheld(catalog: Catalog, *, objects: bool = True) -> Catalog:
    """Return the catalog without what could not be read: asking for it raises `NotExamined`.

    What could not be read of a single object is withheld of that one; with `objects` False it counts as
    empty. Raises `NotExamined` where what is missing stands behind everything.
    """
    whole: dict[str, str] = {}
    for unread in catalog.unreadable:
        reason = reason_of(unread)
        if unread.object is not None:
            catalog = _without_of(catalog, unread, reason) if objects else catalog
            continue
        if unread.what not in _FIELDS:
            raise NotExamined(reason)
        for path in _FIELDS[unread.what]:
            whole.setdefault(path, reason)
    return lacking(catalog, whole) if whole else catalog


def emptied(catalogs: Sequence[Catalog]) -> tuple[Catalog, ...]:
    """Return the catalogs for comparing them: what one of them could not read of all objects is in none.

    Raises `NotExamined` where what is missing stands behind everything.
    """
    paths: set[str] = set()
    for unread in (u for catalog in catalogs for u in catalog.unreadable if u.object is None):
        if unread.what not in _FIELDS:
            raise NotExamined(reason_of(unread))
        paths |= set(_FIELDS[unread.what])
    for path in sorted(paths):
        catalogs = [_empty(catalog, path) for catalog in catalogs]
    return tuple(catalogs)


def _empty(record: Any, path: str) -> Any:
    """Return a record, or a tuple of them, with the default of the field at the end of the path."""
    if isinstance(record, tuple):
        return tuple(_empty(each, path) for each in record)
    if record is None:
        return None
    head, dot, rest = path.partition(".")
    if dot:
        return replace(record, **{head: _empty(getattr(record, head), rest)})
    return replace(record, **{head: next(f.default for f in fields(record) if f.name == head)})


def withheld_facts(facts: Facts) -> Facts:
    """Return the facts as the checks may see them: without what could not be read."""
    if not facts.catalog.unreadable:
        return facts
    analysis, tenancy = facts.analysis, facts.tenancy
    if tenancy.unread:
        tenancy = lacking(tenancy, dict.fromkeys(_GUESSED, tenancy.unread))
    if analysis.unread:
        read = (name for name in Analysis.__struct_fields__ if name != "unread")
        analysis = lacking(analysis, dict.fromkeys(read, analysis.unread))
    half = frozenset(unread.object for unread in facts.catalog.unreadable if unread.object is not None)
    try:
        catalog = withheld(facts.catalog)
        return replace(facts, tenancy=tenancy, analysis=analysis, catalog=catalog, half_read=half)
    except NotExamined as reason:
        return replace(facts, no_catalog=facts.no_catalog or str(reason))


def lacking(record: _Record, reasons: Mapping[str, str]) -> _Record:
    """Return the record without the fields at the ends of these paths; each is a reason for `NotExamined`."""
    here = {path: reason for path, reason in reasons.items() if "." not in path}
    below: dict[str, dict[str, str]] = {}
    for path, reason in reasons.items():
        head, dot, rest = path.partition(".")
        if dot and head not in here:
            below.setdefault(head, {})[rest] = reason
    values = {name: _value(record, name) for name in record.__struct_fields__}
    for name, inner in below.items():
        values[name] = _each(values[name], inner)
    kind: type[_Record] = type(record)
    for name, reason in sorted(here.items()):
        kind = _kind_without(kind, name, reason)
    return kind(**values)


def _each(value: Any, reasons: Mapping[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(lacking(item, reasons) for item in value)
    return value if value is None else lacking(value, reasons)


def _value(record: msgspec.Struct, name: str) -> Any:
    """Return a field of a record, also one that it lacks."""
    for kind in type(record).__mro__:
        place = kind.__dict__.get(name)
        if place is not None and not isinstance(place, property):
            return place.__get__(record)
    raise AttributeError(name)


@cache
def _kind_without(kind: type[_Record], field: str, reason: str) -> type[_Record]:
    def refuse(_record: object) -> None:
        raise NotExamined(reason)

    meta: Any = type(kind)
    lesser: type[_Record] = meta(kind.__name__, (kind,), {field: property(refuse)}, frozen=True)
    return lesser


def _without_of(catalog: Catalog, unread: Unreadable, reason: str) -> Catalog:
    """Return the catalog whose one object lacks what could not be read of it."""
    paths = [path.partition(".") for path in _FIELDS.get(unread.what, ())]
    for kind in dict.fromkeys(head for head, dot, _ in paths if dot):
        inner = {rest: reason for head, _, rest in paths if head == kind}
        records = _value(catalog, kind)
        if isinstance(records, tuple):
            found = tuple(_lacking_if(record, unread, inner) for record in records)
            catalog = replace(catalog, **{kind: found})
    return catalog


def _lacking_if(record: Any, unread: Unreadable, reasons: Mapping[str, str]) -> Any:
    return lacking(record, reasons) if getattr(record, "qname", None) == unread.object else record
