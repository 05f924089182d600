"""The shape of validate-schema.toml. Loading and error messages live in `config_file`."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from .model.catalog import Action

_Text = Annotated[str, msgspec.Meta(min_length=1)]
SeverityName = Literal["error", "warning", "info"]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections: an unknown key is an error."""


class LevelConfig(_Section, frozen=True, kw_only=True):
    """One level of nested tenancy (`[[tenancy.levels]]`)."""

    column: _Text | tuple[_Text, ...]
    root: str | None = None
    parent: str | None = None


class ExemptConfig(_Section, frozen=True, kw_only=True):
    """A table outside the rules, with the reason. An expired exemption no longer holds."""

    table: _Text
    reason: _Text
    expires: date | None = None
    owner: str = ""


class NullMeansConfig(_Section, frozen=True, kw_only=True):
    """`[[tenancy.null_rows]]`: tables whose NULL tenant rows are shared by design."""

    table: _Text
    null_means: Literal["global"] = "global"


class TenancyConfig(_Section, frozen=True, kw_only=True):
    """`[tenancy]`. All of it is optional; what is left out is inferred."""

    root: str | None = None
    column: _Text | tuple[_Text, ...] | None = None
    levels: tuple[LevelConfig, ...] = ()
    setting: str | None = None
    current_tenant: str | None = None
    app_roles: tuple[str, ...] | None = None
    tenant: tuple[str, ...] = ()
    global_: tuple[str, ...] = msgspec.field(name="global", default=())
    inherited: tuple[str, ...] = ()
    exempt: tuple[ExemptConfig, ...] = ()
    null_rows: tuple[NullMeansConfig, ...] = ()
    placeholders: tuple[str, ...] = ()


class ColumnConfig(_Section, frozen=True, kw_only=True):
    """`default = false` declares that the column has no default."""

    type: str | None = None
    nullable: bool | None = None
    default: str | bool | None = None


class ForeignKeyConfig(_Section, frozen=True, kw_only=True):
    columns: tuple[_Text, ...]
    references: _Text
    referenced_columns: tuple[str, ...] = ()
    on_delete: Action | None = None
    on_update: Action | None = None


class PolicyConfig(_Section, frozen=True, kw_only=True):
    command: Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"] = "ALL"
    permissive: bool = True
    roles: tuple[str, ...] = ("PUBLIC",)
    using: str | None = None
    check: str | None = None


class TableConfig(_Section, frozen=True, kw_only=True):
    unique: tuple[tuple[_Text, ...], ...] = ()
    indexes: tuple[tuple[_Text, ...], ...] = ()
    foreign_keys: tuple[ForeignKeyConfig, ...] = ()
    columns: dict[str, ColumnConfig] = {}
    policies: dict[str, PolicyConfig] = {}
    grants: dict[str, tuple[str, ...]] = {}
    tenant: bool | None = None


class ContractConfig(_Section, frozen=True, kw_only=True):
    """`[contract]`: the declared state, here or in the files that `from` names."""

    from_: tuple[_Text, ...] = msgspec.field(name="from", default=())
    closed: bool = False
    enums: dict[str, tuple[str, ...]] = {}
    tables: dict[str, TableConfig] = {}


class MigrationsConfig(_Section, frozen=True, kw_only=True):
    path: str | None = None
    tool: str | None = None
    replay: bool = False


class ReportConfig(_Section, frozen=True, kw_only=True):
    title: str | None = None
    groups: dict[str, tuple[str, ...]] = {}


class SuppressConfig(_Section, frozen=True, kw_only=True):
    """An accepted finding. `object` is a name or a pattern with `*`. `expires` is checked by
    SUP001, so a date that cannot be read is a finding, not a crash."""

    check: _Text
    object: _Text
    reason: _Text
    owner: str = ""
    expires: str | None = None


class ChecksConfig(_Section, frozen=True, kw_only=True):
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: dict[str, SeverityName] = {}
    suppress: tuple[SuppressConfig, ...] = ()


class DataConfig(_Section, frozen=True, kw_only=True):
    """`[data]`: bounds of the row counts. `statement_timeout_ms` in milliseconds."""

    enabled: bool = True
    limit: int = 100_000
    statement_timeout_ms: int = 5_000


class Config(_Section, frozen=True, kw_only=True):
    """The whole file."""

    tenancy: TenancyConfig = TenancyConfig()
    contract: ContractConfig = ContractConfig()
    migrations: MigrationsConfig = MigrationsConfig()
    report: ReportConfig = ReportConfig()
    checks: ChecksConfig = ChecksConfig()
    data: DataConfig = DataConfig()
