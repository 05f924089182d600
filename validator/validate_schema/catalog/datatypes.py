"""Types of columns, with domains followed to the bottom; domains and enums as objects."""

from typing import NamedTuple

from ..model.catalog import Constraint, Domain, Enum, QName
from .names import Fetch, Names, Row

_USER_KINDS = frozenset("edc")


class ColumnType(NamedTuple):
    text: str
    collation: int
    type_name: QName | None
    domain_base: str | None
    storage: str  # how a column of it is usually stored


class Types:
    """Column types by (type, modifier), and the records of domains."""

    def __init__(self, fetch: Fetch, names: Names) -> None:
        self._names = names
        self._domains = {row[0]: row for row in fetch("domains")}
        self._checks: dict[int, list[Constraint]] = {}
        for oid, name, kind, validated, enforced, definition in fetch("domain_checks"):
            if definition == "":
                names.vanished.add(oid)
            self._checks.setdefault(oid, []).append(
                Constraint(name, "check" if kind == "c" else "not null", (), definition, validated, enforced)
            )
        self.of: dict[tuple[int, int], ColumnType] = {
            row[:2]: self._column_type(row) for row in fetch("types")
        }

    def _column_type(self, row: Row) -> ColumnType:
        oid, _, text, collation, element, name, schema, kind, storage = row
        user = kind in _USER_KINDS and self._names.is_user(schema)
        return ColumnType(
            text,
            collation,
            self._names.qname(schema, name) if user else None,
            self._bottom(oid) if element == oid and kind == "d" else None,
            storage,
        )

    def _bottom(self, oid: int) -> str:
        """Return what lies under a domain, with the modifiers of the last step."""
        row = self._domains[oid]
        while row[5] in self._domains:
            row = self._domains[row[5]]
        text: str = row[6]
        return text

    def domains(self) -> tuple[Domain, ...]:
        """Return the user's domains by name."""
        names = self._names
        found = (
            self._domain(row)
            for oid, row in self._domains.items()
            if names.is_user(row[2])
            and oid not in names.vanished
            and not names.belongs_to_extension("pg_type", oid)
        )
        return tuple(sorted(found, key=lambda d: (d.schema, d.name)))

    def _domain(self, row: Row) -> Domain:
        oid, name, schema, owner, acl, _, text, not_null, default, base, base_schema, base_kind, collation = (
            row
        )
        names = self._names
        user = base_kind in _USER_KINDS and names.is_user(base_schema)
        return Domain(
            schema=names.schemas[schema],
            name=name,
            owner=names.role(owner),
            type=text,
            base_type=self._bottom(oid),
            type_name=names.qname(base_schema, base) if user else None,
            not_null=not_null,
            default=default,
            checks=tuple(self._checks.get(oid, ())),
            grants=names.grants(acl, "type", owner),
            collation=names.collations.get(collation),
        )


def enums(rows: list[Row], names: Names) -> tuple[Enum, ...]:
    """Return the user's enums by name."""
    found = (
        Enum(names.schemas[schema], name, names.role(owner), tuple(labels), names.grants(acl, "type", owner))
        for oid, name, schema, owner, acl, labels in rows
        if not names.belongs_to_extension("pg_type", oid)
    )
    return tuple(sorted(found, key=lambda e: e.qname))
