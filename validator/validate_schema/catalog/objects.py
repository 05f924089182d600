"""Everything but tables, types and functions: views, sequences, roles, extensions and the rest."""

from collections import defaultdict
from typing import Any, Literal, cast

from ..model.catalog import (
    Cast,
    Collation,
    Database,
    DefaultPrivileges,
    Details,
    EventTrigger,
    Extension,
    Language,
    LargeObjects,
    Membership,
    Operator,
    Publication,
    Published,
    QName,
    Role,
    Schema,
    Sequence,
    View,
)
from .details import numbers_of, said
from .names import ENABLED, Names, Row, numbers
from .tables import Tables

_OBJECT_TYPES = {
    "r": "tables",
    "S": "sequences",
    "f": "functions",
    "T": "types",
    "n": "schemas",
    "L": "large objects",
}
_CHECK_OPTIONS: dict[str, Literal["local", "cascaded"]] = {"local": "local", "cascaded": "cascaded"}
_OPTIONS = frozenset({"security_invoker", "security_barrier", "check_option"})
_CONTEXTS = {"i": "implicit", "a": "assignment", "e": "explicit"}
_METHODS = {"f": "function", "i": "inout", "b": "binary"}
_PROVIDERS = {"b": "builtin", "c": "libc", "i": "icu", "d": "default"}
_GENERATED = {"n": None, "s": "stored"}
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
    settings = _settings(setting_rows)
    inherits = {row[0]: row[5] for row in names.role_rows}
    memberships: dict[int, dict[str, Membership]] = defaultdict(dict)
    for member, role, admin, inherit, set_role in membership_rows:
        if member == names.owner or role in names.hidden:
            continue  # what it needs to stand for a superuser, and what the proof needs
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
            settings=settings.get(row[0], ()),
            member_of=tuple(m for _, m in sorted(memberships.get(row[0], {}).items())),
        )
        for row in names.role_rows
    )


def _settings(rows: list[Row]) -> dict[int, tuple[str, ...]]:
    """Return each role's settings, 0 being every role's; what is set in this database goes before what is
    set in all of them, and comes after it in `rows`."""
    found: dict[int, dict[str, str]] = {}
    for role, _, configured in rows:
        for item in configured:
            found.setdefault(role, {})[item.partition("=")[0]] = item
    return {role: tuple(sorted(items.values())) for role, items in found.items()}


def database(names: Names, rows: list[Row], setting_rows: list[Row]) -> Database | None:
    """Return the database's own properties; None where its row may not be read."""
    settings = _settings(setting_rows).get(0, ())
    found = [
        Database(names.role(owner), settings, names.grants(acl, "database", owner)) for owner, acl in rows
    ]
    return found[0] if found else None


def views(names: Names, tables: Tables, definitions: list[Row], sources: list[Row]) -> tuple[View, ...]:
    """Return views and materialized views by name."""
    texts: dict[int, str] = dict(definitions)
    depends: dict[int, list[QName]] = defaultdict(list)
    for view, schema, name in sources:
        depends[view].append(names.qname(schema, name))
    found = []
    for oid, name, schema, owner, kind, _, _, _, options, _, acl, _, _ in tables.relation_rows:
        if kind not in ("v", "m") or not texts.get(oid) or oid in names.vanished:
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
                rules=tuple(tables.rules.get(oid, ())),
                check_option=_CHECK_OPTIONS.get(_value(options, "check_option")),
                extension=names.extension("pg_class", oid),
                indexes=tables.indexes(oid),
                altered=tuple(c for c in tables.columns.get(oid, ()) if c.default or c.grants or c.details),
                details=(*_other_options(options), *tables.details(oid)),
            )
        )
    return tuple(sorted(found, key=lambda v: v.qname))


def _other_options(options: list[str] | None) -> Details:
    """Return the options of a view that it has no field for."""
    others = (o for o in sorted(options or ()) if o.partition("=")[0] not in _OPTIONS)
    return said([("options", ", ".join(others))])


def _option(options: list[str] | None, name: str) -> bool:
    """Return a boolean storage parameter, spelled as PostgreSQL lets people spell booleans."""
    value = _value(options, name)
    return bool(value) and (value in ("1", "on") or "true".startswith(value) or "yes".startswith(value))


def _value(options: list[str] | None, name: str) -> str:
    return dict(option.partition("=")[::2] for option in options or ()).get(name, "").lower()


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
            identity=dependency == "i",
            unlogged=unlogged,
            details=numbers_of(kind, given),
        )
        for (
            oid,
            name,
            schema,
            owner,
            kind,
            acl,
            table_schema,
            table,
            column,
            dependency,
            unlogged,
            *given,
        ) in rows
        if not names.belongs_to_extension("pg_class", oid)
    )
    return tuple(sorted(found, key=lambda s: (s.schema, s.name)))


def extensions(names: Names, rows: list[Row], member_rows: list[Row]) -> tuple[Extension, ...]:
    """Return extensions by name with the objects that they own."""
    members: dict[int, list[str]] = defaultdict(list)
    for _, _, _, extension, words in member_rows:
        if words is not None:
            members[extension].append(words)
    names.extensions.update((row[0], row[1]) for row in rows)
    return tuple(
        Extension(
            name, version, names.schemas[schema], tuple(sorted(members.get(oid, ()))), names.role(owner)
        )
        for oid, name, version, schema, owner in rows
    )


def event_triggers(names: Names, rows: list[Row]) -> tuple[EventTrigger, ...]:
    """Return event triggers by name."""
    return tuple(
        EventTrigger(
            name,
            event,
            names.qname(schema, function),
            ENABLED[enabled],
            names.role(owner),
            tuple(sorted(tags or ())),
        )
        for oid, name, event, schema, function, enabled, owner, tags in rows
        if not names.belongs_to_extension("pg_event_trigger", oid)
    )


def publications(
    names: Names,
    rows: list[Row],
    table_rows: list[Row],
    schema_rows: list[Row],
    attributes: dict[int, dict[int, str]],
) -> tuple[Publication, ...]:
    """Return publications by name."""
    tables: dict[int, set[QName]] = defaultdict(set)
    narrowed: dict[int, list[Published]] = defaultdict(list)
    for publication, schema, name, oid, columns, condition in table_rows:
        table = names.qname(schema, name)
        tables[publication].add(table)
        if columns or condition:
            of_table = attributes.get(oid, {})
            kept = tuple(of_table.get(number, "") for number in numbers(columns or ""))
            narrowed[publication].append(Published(table, kept, condition))
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
            names.role(owner),
            tuple(sorted(narrowed.get(oid, ()), key=lambda p: p.table)),
            said([("via root", "yes" if root else None), ("generated columns", _GENERATED.get(generated))]),
        )
        for oid, name, everything, owner, root, generated, *operations in rows
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


def operators(names: Names, rows: list[Row]) -> tuple[Operator, ...]:
    """Return operators by name and argument types."""
    found = (
        Operator(
            *(names.schemas[schema], name, names.role(owner), left, right, result),
            function=names.routine(function),
            commutator=names.named(commutator),
            negator=names.named(negator),
            restrict=names.named(restrict),
            join=names.named(join),
            hashes=hashes,
            merges=merges,
        )
        for (
            name, schema, owner, left, right, result, function, commutator, negator, restrict, join,
            hashes, merges,
        ) in rows
    )  # fmt: skip
    return tuple(sorted(found, key=lambda o: (o.qname, o.left or "", o.right or "")))


def casts(names: Names, rows: list[Row]) -> tuple[Cast, ...]:
    """Return the casts that are not the server's own, by their types."""
    found = (
        Cast(
            source,
            target,
            cast(Any, _CONTEXTS[context]),
            cast(Any, _METHODS[method]),
            names.routine(function),
        )
        for source, target, context, method, function in rows
    )
    return tuple(sorted(found, key=lambda c: (c.source, c.target)))


def languages(names: Names, rows: list[Row]) -> tuple[Language, ...]:
    """Return all languages by name, the server's own too."""
    return tuple(
        Language(
            name,
            names.role(owner),
            trusted,
            names.named(handler),
            names.named(inline),
            names.named(validator),
            names.grants(acl, "language", owner),
            names.extension("pg_language", oid),
        )
        for oid, name, owner, trusted, handler, inline, validator, acl in rows
    )


def collations(names: Names, rows: list[Row]) -> tuple[Collation, ...]:
    """Return the user's collations by name."""
    found = (
        Collation(
            names.schemas[schema],
            name,
            names.role(owner),
            _PROVIDERS.get(provider) or str(provider),
            deterministic,
            locale,
            rules,
        )
        for name, schema, owner, provider, deterministic, locale, rules in rows
    )
    return tuple(sorted(found, key=lambda c: c.qname))


def large_objects(names: Names, rows: list[Row]) -> tuple[LargeObjects, ...]:
    """Return who owns large objects, and who else may use them."""
    found = {LargeObjects(names.role(owner), names.grants(acl, "large object", owner)) for owner, acl in rows}
    return tuple(sorted(found, key=lambda o: (o.owner, [g.grantee for g in o.grants])))
