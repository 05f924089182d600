"""What a schema was declared to be, whatever the declaration was written in.

`schema` is None where the declaration did not name one: the database's default schema is meant.
`origin` says where each expectation was written, for people (``validate-schema.toml``).
"""

from typing import Literal

import msgspec

from .catalog import Action


class _Expected(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    origin: str = ""


class ExpectedColumn(_Expected, frozen=True, kw_only=True):
    """None means "not declared": only what was declared is compared.

    `default` is compared when `default_declared`; then None means "no default".
    """

    name: str
    type: str | None = None
    nullable: bool | None = None
    default: str | None = None
    default_declared: bool = False


class ExpectedKey(_Expected, frozen=True, kw_only=True):
    """A unique or an index on exactly these columns in this order."""

    columns: tuple[str, ...]


class ExpectedForeignKey(_Expected, frozen=True, kw_only=True):
    columns: tuple[str, ...]
    references: str
    references_schema: str | None = None
    referenced_columns: tuple[str, ...] = ()
    on_delete: Action | None = None
    on_update: Action | None = None


class ExpectedPolicy(_Expected, frozen=True, kw_only=True):
    name: str
    command: Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"] = "ALL"
    permissive: bool = True
    roles: tuple[str, ...] = ("PUBLIC",)
    using: str | None = None
    check: str | None = None


class ExpectedGrant(_Expected, frozen=True, kw_only=True):
    """Exactly these privileges of `role` on the table, no more and no fewer."""

    role: str
    privileges: tuple[str, ...]


class ExpectedTable(_Expected, frozen=True, kw_only=True):
    name: str
    schema: str | None = None
    columns: tuple[ExpectedColumn, ...] = ()
    uniques: tuple[ExpectedKey, ...] = ()
    indexes: tuple[ExpectedKey, ...] = ()
    foreign_keys: tuple[ExpectedForeignKey, ...] = ()
    policies: tuple[ExpectedPolicy, ...] = ()
    grants: tuple[ExpectedGrant, ...] = ()
    tenant: bool | None = None


class ExpectedEnum(_Expected, frozen=True, kw_only=True):
    name: str
    labels: tuple[str, ...]
    schema: str | None = None


class Contract(msgspec.Struct, frozen=True, omit_defaults=True):
    """All expectations. `closed` makes every undeclared table and column a finding."""

    tables: tuple[ExpectedTable, ...] = ()
    enums: tuple[ExpectedEnum, ...] = ()
    closed: bool = False
    sources: tuple[str, ...] = ()
