"""Expectations written in the config itself."""

from ..config import ColumnConfig, ContractConfig, ForeignKeyConfig, PolicyConfig, TableConfig
from ..model.contract import (
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedGrant,
    ExpectedKey,
    ExpectedPolicy,
    ExpectedTable,
    ExpectedView,
)
from ..model.errors import ConfigError
from ..model.wording import some
from ..sql.patterns import parse_name

_PRIVILEGES = ("DELETE", "INSERT", "MAINTAIN", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE")


def declared_contract(config: ContractConfig) -> Contract:
    """Return the tables, enums and views of ``[contract]``, sorted by name."""
    tables = [_table(name, table) for name, table in config.tables.items()]
    enums = []
    for name, labels in config.enums.items():
        schema, plain = parse_name(name)
        enums.append(ExpectedEnum(name=plain, schema=schema, labels=labels, origin="[contract] enums"))
    views = []
    for name, columns in config.views.items():
        schema, plain = parse_name(name)
        views.append(ExpectedView(name=plain, schema=schema, columns=columns, origin="[contract] views"))
    return Contract(
        tuple(sorted(tables, key=lambda t: (t.schema or "", t.name))),
        tuple(sorted(enums, key=lambda e: (e.schema or "", e.name))),
        views=tuple(sorted(views, key=lambda v: (v.schema or "", v.name))),
    )


def _table(name: str, table: TableConfig) -> ExpectedTable:
    schema, plain = parse_name(name)
    origin = f"[contract.tables.{name}]"
    return ExpectedTable(
        name=plain,
        schema=schema,
        columns=tuple(_column(column, spec, origin) for column, spec in table.columns.items()),
        uniques=tuple(ExpectedKey(columns=columns, origin=origin) for columns in table.unique),
        indexes=tuple(ExpectedKey(columns=columns, origin=origin) for columns in table.indexes),
        foreign_keys=tuple(_foreign_key(key, origin) for key in table.foreign_keys),
        policies=tuple(_policy(policy, spec, origin) for policy, spec in table.policies.items()),
        grants=tuple(_grant(role, words, origin) for role, words in table.grants.items()),
        tenant=table.tenant,
        primary_key=ExpectedKey(columns=table.primary_key, origin=origin) if table.primary_key else None,
        origin=origin,
    )


def _column(name: str, spec: ColumnConfig, origin: str) -> ExpectedColumn:
    return ExpectedColumn(
        name=name,
        type=spec.type,
        nullable=spec.nullable,
        default=None if spec.default is None or spec.default is False else str(spec.default),
        default_declared=spec.default is not None,
        origin=origin,
    )


def _foreign_key(key: ForeignKeyConfig, origin: str) -> ExpectedForeignKey:
    schema, name = parse_name(key.references)
    if key.referenced_columns and len(key.referenced_columns) != len(key.columns):
        raise ConfigError(
            f"{origin} foreign_keys: {some(len(key.columns), 'column')} to {key.references}, "
            f"but {len(key.referenced_columns)} in referenced_columns"
        )
    return ExpectedForeignKey(
        columns=key.columns,
        references=name,
        references_schema=schema,
        referenced_columns=key.referenced_columns,
        on_delete=key.on_delete,
        on_update=key.on_update,
        origin=origin,
    )


def _policy(name: str, spec: PolicyConfig, origin: str) -> ExpectedPolicy:
    return ExpectedPolicy(
        name=name,
        command=spec.command,
        permissive=spec.permissive,
        roles=tuple(sorted(map(_role, spec.roles))),
        using=spec.using,
        check=spec.check,
        origin=origin,
    )


def _grant(role: str, words: tuple[str, ...], origin: str) -> ExpectedGrant:
    privileges = sorted({word.upper() for word in words})
    unknown = [word for word in privileges if word not in _PRIVILEGES]
    if unknown:
        raise ConfigError(
            f"{origin} grants.{role}: {unknown[0]} is not a privilege on tables; name them: "
            + ", ".join(_PRIVILEGES)
        )
    return ExpectedGrant(role=_role(role), privileges=tuple(privileges), origin=origin)


def _role(name: str) -> str:
    """Everybody is the keyword PUBLIC; no role can have that name in lower case."""
    return "PUBLIC" if name == "public" else name
