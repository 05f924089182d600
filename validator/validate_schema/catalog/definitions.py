"""Types that are neither enum nor domain, and the kinds of objects that are rarely seen."""

from collections.abc import Mapping

from ..model.catalog import Column, Comment, Composite, Definition, Details, QName, SystemPrivileges
from ..sql.ident import quote_ident, quote_qname
from .details import options, said
from .names import Names, Row

# What the queries say of each kind, in their order.
_WORDS = {
    "range type": ("subtype", "operator class", "collation", "canonical", "difference", "multirange"),
    "base type": (
        "input", "output", "receive", "send", "modifiers in", "modifiers out", "analyze", "subscript",
        "length", "by value", "alignment", "storage", "category", "preferred", "delimiter", "element",
        "default", "collatable",
    ),
    "text search parser": ("start", "token", "end", "headline", "token types"),
    "text search template": ("init", "lexize"),
    "text search dictionary": ("template", "options"),
    "text search configuration": ("parser", "mappings"),
    "foreign-data wrapper": ("handler", "validator", "options"),
    "foreign server": ("wrapper", "type", "version", "options"),
    "user mapping": ("options",),
    "access method": ("kind", "handler"),
    "operator family": ("operators", "functions"),
    "operator class": ("type", "family", "default", "storage"),
    "conversion": ("from", "to", "function", "default"),
    "transform": ("from SQL", "to SQL"),
    "dependence": (),
    "statistics": ("definition", "statistics"),
    "subscription": ("publications", "slot", "synchronous commit", "enabled", "options"),
}  # fmt: skip
_EVERYBODY = {"foreign-data wrapper", "foreign server"}


def composites(names: Names, rows: list[Row], columns: Mapping[int, list[Column]]) -> tuple[Composite, ...]:
    """Return the composite types that stand by themselves, by name; `columns` are by relation."""
    found = (
        Composite(
            names.schemas[schema],
            name,
            names.role(owner),
            tuple(columns.get(relation, ())),
            names.grants(acl, "type", owner),
        )
        for _, name, schema, owner, acl, kind, _, relation, _ in rows
        if kind == "c"
    )
    return tuple(sorted(found, key=lambda c: c.qname))


def definitions(names: Names, types: list[Row], *others: list[Row]) -> tuple[Definition, ...]:
    """Return all other objects, by kind and name."""
    found = [_type(names, row) for row in types if row[5] != "c"]
    found += [_definition(names, row) for rows in others for row in rows]
    return tuple(sorted(found, key=lambda d: (d.kind, d.qname)))


def _type(names: Names, row: Row) -> Definition:
    _, name, schema, owner, acl, kind, defined, _, values = row
    words = "shell type" if not defined else "range type" if kind == "r" else "base type"
    details = said(zip(_WORDS[words], values, strict=True)) if defined else ()
    grants = names.grants(acl, "type", owner) if defined else ()
    return Definition(words, names.schemas[schema], name, names.role(owner), details, grants)


def _definition(names: Names, row: Row) -> Definition:
    kind, schema, name, owner, acl, values, *given = row
    words = (*(values or ()), *(options(own) for own in given))
    held = names.grants(acl, "foreign", owner) if kind in _EVERYBODY else ()
    return Definition(
        kind,
        names.schemas.get(schema, "") if schema else "",
        name,
        names.role(owner) if owner else "",
        _details(kind, words),
        held,
    )


def _details(kind: str, values: tuple[str | None, ...]) -> Details:
    return said(zip(_WORDS[kind], values, strict=True))


def system_privileges(names: Names, rows: list[Row]) -> tuple[SystemPrivileges, ...]:
    """Return the privileges that somebody changed on what the server or an extension brought along."""
    found = (
        SystemPrivileges(
            *(kind, names.schemas.get(schema, ""), name, names.role(owner)),
            names.acls.parse(acl),
            names.acls.parse(initial),
        )
        for kind, schema, name, owner, acl, initial in rows
        if names.acls.parse(acl) != names.acls.parse(initial) and not _of_owner(names, kind, acl)
    )
    return tuple(sorted(found, key=lambda s: (s.kind, s.schema, s.name)))


def comments(names: Names, rows: list[Row]) -> tuple[Comment, ...]:
    """Return the comments on the user's objects, by kind and name."""
    found = []
    for kind, schema, name, column, identity, text in rows:
        relation = QName(names.schemas.get(schema, ""), name) if identity is None else None
        shown = identity if relation is None else quote_qname(relation)
        found.append(Comment(kind, shown if column is None else f"{shown}.{quote_ident(column)}", text))
    return tuple(sorted(found, key=lambda c: (c.kind, c.name)))


def _of_owner(names: Names, kind: str, acl: str | None) -> bool:
    """Tell whether a scratch server lends a setting to whoever runs migrations, and to nobody else."""
    return (
        bool(names.owner)
        and kind == "parameter"
        and {g.grantee for g in names.acls.parse(acl or "")} == {names.roles[names.owner]}
    )
