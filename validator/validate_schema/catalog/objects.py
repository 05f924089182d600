"""Everything but tables and types: views, functions, sequences, roles, extensions and the rest."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

from ..model.catalog import (
    DefaultPrivileges,
    EventTrigger,
    Extension,
    Function,
    Membership,
    Publication,
    QName,
    Role,
    Schema,
    Sequence,
    View,
)
from .names import Named, Names, Row
from .tables import ENABLED, Tables

_KINDS = {"f": "function", "p": "procedure", "a": "aggregate", "w": "window"}
_VOLATILITY = {"i": "immutable", "s": "stable", "v": "volatile"}
_NO_SOURCE = frozenset({"c", "internal"})
_OBJECT_TYPES = {
    "r": "tables",
    "S": "sequences",
    "f": "functions",
    "T": "types",
    "n": "schemas",
    "L": "large objects",
}
_OPERATIONS = ("insert", "update", "delete", "truncate")


def schemas(names: Names) -> tuple[Schema, ...]:
    """Return the user's schemas by name."""
    return tuple(
        Schema(name, names.role(owner), names.grants(acl, "schema", owner))
        for oid, name, owner, acl in names.schema_rows
        if names.is_user(oid) and not names.belongs_to_extension("pg_namespace", oid)
    )


def roles(names: Names, setting_rows: list[Row], membership_rows: list[Row]) -> tuple[Role, ...]:
    """Return all roles of the cluster by name, with the settings that hold in this database."""
    settings: dict[int, dict[str, str]] = {}
    for role, _, configured in setting_rows:
        for item in configured:
            settings.setdefault(role, {})[item.partition("=")[0]] = item
    inherits = {row[0]: row[5] for row in names.role_rows}
    memberships: dict[int, dict[str, Membership]] = defaultdict(dict)
    for member, role, admin, inherit, set_role in membership_rows:
        name = names.role(role)
        # Before PostgreSQL 16 the member's own INHERIT attribute decides.
        inherited = inherits.get(member, True) if inherit is None else inherit
        old = memberships[member].get(name, Membership(name, False, False, False))
        memberships[member][name] = Membership(
            name, old.admin or admin, old.inherit or inherited, old.set_role or set_role
        )
    return tuple(
        Role(
            *(row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8]),
            settings=tuple(sorted(settings.get(row[0], {}).values())),
            member_of=tuple(m for _, m in sorted(memberships.get(row[0], {}).items())),
        )
        for row in names.role_rows
    )


def views(names: Names, tables: Tables, definitions: list[Row], sources: list[Row]) -> tuple[View, ...]:
    """Return views and materialized views by name."""
    texts: dict[int, str] = dict(definitions)
    depends: dict[int, list[QName]] = defaultdict(list)
    for view, schema, name in sources:
        depends[view].append(names.qname(schema, name))
    found = []
    for oid, name, schema, owner, kind, _, _, _, options, _, acl, _, _ in tables.relation_rows:
        if kind not in ("v", "m") or not texts.get(oid):
            continue
        found.append(
            View(
                schema=names.schemas[schema],
                name=name,
                owner=names.role(owner),
                kind="view" if kind == "v" else "materialized view",
                definition=texts[oid],
                security_invoker=_option(options, "security_invoker"),
                security_barrier=_option(options, "security_barrier"),
                columns=tuple(tables.attributes.get(oid, {}).values()),
                depends_on=tuple(sorted(depends.get(oid, ()))),
                grants=names.grants(acl, "table", owner),
                triggers=tuple(tables.triggers.get(oid, ())),
            )
        )
    return tuple(sorted(found, key=lambda v: v.qname))


def _option(options: list[str] | None, name: str) -> bool:
    """Return a boolean storage parameter, spelled as PostgreSQL lets people spell booleans."""
    value = dict(option.partition("=")[::2] for option in options or ()).get(name, "").lower()
    return bool(value) and (value in ("1", "on") or "true".startswith(value) or "yes".startswith(value))


def functions(names: Names, rows: list[Row], sources: list[Row], default_schema: str) -> tuple[Function, ...]:
    """Return functions, procedures and aggregates by name and arguments."""
    recorded: dict[int, set[QName]] = defaultdict(set)
    for oid, schema, name in sources:
        recorded[oid].add(names.qname(schema, name))
    known = set(names.relations.values())
    found = []
    for row in rows:
        oid, name, schema, arguments, owner, language, returns, kind = row[:8]
        volatility, definer, leakproof, settings, body, standard, acl, full_arguments = row[8:]
        if arguments is None or (standard and body == ""):
            continue
        touches: set[QName] | None
        if standard:
            touches = recorded[oid]
        else:
            named = _named(language, body, full_arguments or "", returns or "")
            path = _search_path(settings, default_schema)
            touches = None if named is None else _resolved(named, path, known)
        found.append(
            Function(
                schema=names.schemas[schema],
                name=name,
                arguments=arguments,
                owner=names.role(owner),
                language=language,
                returns=returns,
                kind=cast(Any, _KINDS[kind]),
                volatility=cast(Any, _VOLATILITY[volatility]),
                security_definer=definer,
                leakproof=leakproof,
                settings=tuple(settings or ()),
                body=None if language in _NO_SOURCE else body,
                touches=None if touches is None else tuple(sorted(touches)),
                grants=names.grants(acl, "function", owner),
            )
        )
    return tuple(sorted(found, key=lambda f: (f.schema, f.name, f.arguments)))


def _named(language: str, body: str, arguments: str, returns: str) -> frozenset[Named] | None:
    """Return the relations that a body names; None where it cannot be read."""
    if language not in ("sql", "plpgsql"):
        return None
    from .bodies import mentioned  # the parser takes longer to import than most schemas to read

    return mentioned(language, body, arguments, returns)


def _resolved(named: Iterable[Named], path: tuple[str, ...], known: set[QName]) -> set[QName]:
    """Return the known relations among `named`, unqualified ones looked up along `path`."""
    found = set()
    for schema, name in named:
        candidates = (QName(place, name) for place in ((schema,) if schema else path))
        match = next((candidate for candidate in candidates if candidate in known), None)
        if match is not None:
            found.add(match)
    return found


def _search_path(settings: list[str] | None, default_schema: str) -> tuple[str, ...]:
    """Return the schemas in which a function looks up names: its own setting, else the default's."""
    for setting in settings or ():
        name, _, value = setting.partition("=")
        if name == "search_path":
            parts = (part.strip() for part in value.split(","))
            return tuple(part[1:-1].replace('""', '"') if part[:1] == '"' else part for part in parts)
    return (default_schema, "public")


def sequences(names: Names, rows: list[Row]) -> tuple[Sequence, ...]:
    """Return sequences by name."""
    found = (
        Sequence(
            schema=names.schemas[schema],
            name=name,
            owner=names.role(owner),
            type=kind,
            owned_by=(names.schemas[table_schema], table, column) if column is not None else None,
            grants=names.grants(acl, "sequence", owner),
        )
        for oid, name, schema, owner, kind, acl, table_schema, table, column in rows
        if not names.belongs_to_extension("pg_class", oid)
    )
    return tuple(sorted(found, key=lambda s: (s.schema, s.name)))


def extensions(names: Names, rows: list[Row], member_rows: list[Row]) -> tuple[Extension, ...]:
    """Return extensions by name with the objects that they own."""
    members: dict[int, list[str]] = defaultdict(list)
    for _, _, _, extension, words in member_rows:
        if words is not None:
            members[extension].append(words)
    return tuple(
        Extension(name, version, names.schemas[schema], tuple(sorted(members.get(oid, ()))))
        for oid, name, version, schema in rows
    )


def event_triggers(names: Names, rows: list[Row]) -> tuple[EventTrigger, ...]:
    """Return event triggers by name."""
    return tuple(
        EventTrigger(name, event, names.qname(schema, function), ENABLED[enabled])
        for oid, name, event, schema, function, enabled in rows
        if not names.belongs_to_extension("pg_event_trigger", oid)
    )


def publications(
    names: Names, rows: list[Row], table_rows: list[Row], schema_rows: list[Row]
) -> tuple[Publication, ...]:
    """Return publications by name."""
    tables: dict[int, set[QName]] = defaultdict(set)
    for publication, schema, name in table_rows:
        tables[publication].add(names.qname(schema, name))
    whole: dict[int, set[str]] = defaultdict(set)
    for publication, schema in schema_rows:
        whole[publication].add(names.schemas.get(schema, ""))
    return tuple(
        Publication(
            name,
            everything,
            tuple(word for word, on in zip(_OPERATIONS, operations, strict=True) if on),
            tuple(sorted(tables.get(oid, ()))),
            tuple(sorted(whole.get(oid, ()))),
        )
        for oid, name, everything, *operations in rows
    )


def default_privileges(names: Names, rows: list[Row]) -> tuple[DefaultPrivileges, ...]:
    """Return default privileges by role, schema and kind of object."""
    found = (
        DefaultPrivileges(
            names.role(role),
            names.schemas.get(schema) if schema else None,
            _OBJECT_TYPES.get(kind, str(kind)),
            names.acls.parse(acl),
        )
        for role, schema, kind, acl in rows
    )
    return tuple(sorted(found, key=lambda d: (d.role, d.schema or "", d.object_type)))
