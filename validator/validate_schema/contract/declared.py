"""Expectations written in the config itself."""

from collections.abc import Iterator

from msgspec.structs import replace

from ..catalog.details import numbers_of
from ..config import (
    ColumnConfig,
    ContractConfig,
    ForeignKeyConfig,
    FunctionConfig,
    PolicyConfig,
    SequenceConfig,
    TableConfig,
    TriggerConfig,
    UniqueConfig,
    ViewConfig,
)
from ..model.catalog import Constraint, Extension, Function, QName, Rule, Sequence, Trigger
from ..model.contract import (
    Contract,
    ExpectedColumn,
    ExpectedEnum,
    ExpectedForeignKey,
    ExpectedGrant,
    ExpectedKey,
    ExpectedObject,
    ExpectedPolicy,
    ExpectedTable,
    ExpectedView,
)
from ..model.errors import ConfigError
from ..model.wording import some
from ..sql.patterns import parse_name

_EVENTS = ("INSERT", "UPDATE", "DELETE", "TRUNCATE")
# What the attributes are called that a function's keys declare.
_FUNCTION = {
    "returns": "returns", "language": "language", "body": "body", "volatility": "volatility",
    "security_definer": "security", "leakproof": "leakproof", "strict": "strict", "parallel": "parallel",
    "settings": "settings", "owner": "owner",
}  # fmt: skip
_OF_A_CHECK = ("definition", "validated", "enforced")
_NUMBERS = ("start", "increment", "minimum", "maximum", "cache", "cycle")
_PRIVILEGES = ("DELETE", "INSERT", "MAINTAIN", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE")


def declared_contract(config: ContractConfig) -> Contract:
    """Return the tables, enums and views of ``[contract]``, sorted by name."""
    tables = [_table(name, table) for name, table in config.tables.items()]
    enums = []
    for name, labels in config.enums.items():
        schema, plain = parse_name(name)
        enums.append(ExpectedEnum(name=plain, schema=schema, labels=labels, origin="[contract] enums"))
    views = [_view(name, view) for name, view in config.views.items()]
    return Contract(
        tuple(sorted(tables, key=lambda t: (t.schema or "", t.name))),
        tuple(sorted(enums, key=lambda e: (e.schema or "", e.name))),
        views=tuple(sorted(views, key=lambda v: (v.schema or "", v.name))),
        objects=tuple(declared_objects(config)),
        lists=tuple(kind for kind in ("function", "sequence", "extension") if getattr(config, f"{kind}s")),
    )


def _table(name: str, table: TableConfig) -> ExpectedTable:
    schema, plain = parse_name(name)
    origin = f"[contract.tables.{name}]"
    return ExpectedTable(
        name=plain,
        schema=schema,
        columns=tuple(_column(column, spec, origin) for column, spec in table.columns.items()),
        uniques=tuple(_unique(unique, origin) for unique in table.unique),
        indexes=tuple(ExpectedKey(columns=columns, origin=origin) for columns in table.indexes),
        foreign_keys=tuple(_foreign_key(key, origin) for key in table.foreign_keys),
        policies=tuple(_policy(policy, spec, origin) for policy, spec in table.policies.items()),
        grants=tuple(_grant(role, words, origin) for role, words in table.grants.items()),
        objects=tuple(_on_table(table, origin)),
        lists=tuple(kind for kind in ("check", "trigger", "rule") if getattr(table, f"{kind}s")),
        owner=table.owner,
        tenant=table.tenant,
        primary_key=ExpectedKey(columns=table.primary_key, origin=origin) if table.primary_key else None,
        origin=origin,
    )


def _view(name: str, written: tuple[str, ...] | ViewConfig) -> ExpectedView:
    schema, plain = parse_name(name)
    if isinstance(written, tuple):
        return ExpectedView(name=plain, schema=schema, columns=written, origin="[contract] views")
    origin = f"[contract.views.{name}]"
    return ExpectedView(
        name=plain,
        schema=schema,
        columns=written.columns,
        objects=tuple(_on_relation(written, origin)),
        lists=tuple(kind for kind in ("trigger", "rule") if getattr(written, f"{kind}s")),
        origin=origin,
    )


def _on_table(table: TableConfig, origin: str) -> Iterator[ExpectedObject]:
    """Yield the checks, triggers and rules of a table."""
    for name, expression in table.checks.items():
        check = Constraint(name, "check", (), f"CHECK ({expression})")
        yield ExpectedObject.of("check", check, _OF_A_CHECK, origin=origin)
    yield from _on_relation(table, origin)


def _on_relation(relation: TableConfig | ViewConfig, origin: str) -> Iterator[ExpectedObject]:
    """Yield the triggers and rules of a table or view."""
    for name, trigger in relation.triggers.items():
        record = _trigger(name, trigger)
        yield ExpectedObject.of("trigger", record, _said(trigger), origin=origin)
    for name in relation.rules:
        yield ExpectedObject.of("rule", Rule(name, "SELECT", ""), ("enabled",), origin=origin)


def _trigger(name: str, spec: TriggerConfig) -> Trigger:
    schema, function = parse_name(spec.function)
    return Trigger(
        name,
        spec.timing,
        tuple(event for event in _EVENTS if event in spec.events),
        spec.level,
        QName(schema or "", function),
        spec.enabled,
        columns=spec.columns or (),
        condition=spec.when,
        arguments=spec.arguments or (),
    )


def _said(spec: TriggerConfig) -> tuple[str, ...]:
    given = {"condition": spec.when, "columns": spec.columns, "arguments": spec.arguments}
    return ("fires", "function", "enabled", *(what for what, value in given.items() if value is not None))


def declared_objects(config: ContractConfig) -> Iterator[ExpectedObject]:
    """Yield the functions, sequences and extensions of ``[contract]``."""
    for name, function in config.functions.items():
        yield _function(name, function)
    for name, sequence in config.sequences.items():
        yield _sequence(name, sequence)
    for name in config.extensions:
        record = Extension(name, "", "")
        yield ExpectedObject.of("extension", record, (), origin="[contract] extensions")


def _function(written: str, spec: FunctionConfig) -> ExpectedObject:
    """Return a function. Raises `ConfigError` where its arguments are not given."""
    name, opened, arguments = written.partition("(")
    if not (opened and arguments.endswith(")")):
        raise ConfigError(
            f'[contract.functions] "{written}": write the argument types too, "{written}()" for none'
        )
    schema, plain = parse_name(name)
    given = {word: getattr(spec, word) for word in _FUNCTION if getattr(spec, word) is not None}
    record = Function(schema or "", plain, arguments[:-1].strip(), spec.owner or "", spec.language or "")
    said = tuple(_FUNCTION[word] for word in given)
    return ExpectedObject.of(
        "function", replace(record, **given), said, origin=f"[contract.functions.{written}]"
    )


def _sequence(name: str, spec: SequenceConfig) -> ExpectedObject:
    schema, plain = parse_name(name)
    kind = spec.type or "bigint"
    numbers = [getattr(spec, word) for word in _NUMBERS]
    record = Sequence(schema or "", plain, spec.owner or "", kind, details=numbers_of(kind, numbers))
    said = tuple(word for word in ("type", *_NUMBERS, "owner") if getattr(spec, word) is not None)
    return ExpectedObject.of("sequence", record, said, origin=f"[contract.sequences.{name}]")


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
        match=key.match,
        deferral=key.deferrable,
        origin=origin,
    )


def _unique(unique: tuple[str, ...] | UniqueConfig, origin: str) -> ExpectedKey:
    if isinstance(unique, tuple):
        return ExpectedKey(columns=unique, origin=origin)
    return ExpectedKey(
        columns=unique.columns,
        name=unique.name,
        predicate=unique.where,
        nulls_distinct=unique.nulls_distinct,
        include=unique.include,
        deferral=unique.deferrable,
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
