"""What a config must satisfy beyond its shape: names that can be read, no contradictions."""

import re
from collections.abc import Iterator

from ..sql.patterns import parse_pattern
from .shape import Config, ProveConfig, TenancyConfig

_PLACEHOLDER = re.compile(r"(?<!:):(tenant|user|person)\b")


def broken_rule(config: Config) -> str | None:
    """Return the first contradiction as ``key: what is wrong``, or None."""
    return (
        next(_unreadable_names(config), None)
        or next(_contradictions(config.tenancy), None)
        or next(_without_placeholder(config.prove), None)
    )


def named_tables(config: Config) -> Iterator[tuple[str, str]]:
    """Yield (key in the config, table name or pattern) for every table that the config names."""
    tenancy = config.tenancy
    if tenancy.root is not None:
        yield "tenancy.root", tenancy.root
    for index, level in enumerate(tenancy.levels):
        if level.root is not None:
            yield f"tenancy.levels[{index}].root", level.root
    for key, names in _lists(tenancy):
        for name in names:
            yield key, name
    for row in tenancy.null_rows:
        yield "tenancy.null_rows", row.table
    yield from (("tenancy.trusted", trusted.table) for trusted in tenancy.trusted if trusted.table)
    for title, names in config.report.groups.items():
        for name in names:
            yield f"report.groups.{title}", name


def _lists(tenancy: TenancyConfig) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("tenancy.tenant", tenancy.tenant),
        ("tenancy.inherited", tenancy.inherited),
        ("tenancy.global", tenancy.global_),
        ("tenancy.exempt", tuple(e.table for e in tenancy.exempt)),
    )


def _unreadable_names(config: Config) -> Iterator[str]:
    for key, name in named_tables(config):
        try:
            parse_pattern(name)
        except ValueError as error:
            yield f"{key}: {error}"
    for table, declared in config.contract.tables.items():
        for name in (table, *(key.references for key in declared.foreign_keys)):
            try:
                parse_pattern(name)
            except ValueError as error:
                yield f"contract.tables: {error}"
        for column in declared.columns:
            if declared.columns[column].default is True:
                yield (
                    f'contract.tables.{table}.columns.{column}.default: write default = "true"; '
                    "without quotes only false is known, and means that there is no default"
                )


def _without_placeholder(prove: ProveConfig) -> Iterator[str]:
    """A context that says neither tenant nor person would be the same for both: nothing to prove by."""
    said = {name for statement in prove.context for name in _PLACEHOLDER.findall(statement)}
    if prove.preset is not None:
        return  # a gateway says who asks
    if prove.context and not said & {"tenant", "person"}:
        yield (
            "prove.context: no statement says :tenant, which stands for the tenant's key, or :person, where"
            " the person alone says who asks"
        )
    if prove.user is not None and not said & {"user", "person"}:
        yield "prove.user: no statement of prove.context says :person or :user"


def _contradictions(tenancy: TenancyConfig) -> Iterator[str]:
    seen: dict[str, str] = {}
    for key, names in _lists(tenancy):
        for name in names:
            if seen.setdefault(name, key) != key:
                yield f"{key}: {name!r} is also in {seen[name]}; a table has one class"
    for index, trusted in enumerate(tenancy.trusted):
        if sum(map(bool, (trusted.setting, trusted.claim, trusted.table))) != 1:
            yield f"tenancy.trusted[{index}]: name one of setting, claim and table"
    roots = {tenancy.root, *(level.root for level in tenancy.levels)} - {None}
    above = {level.root: level.parent for level in tenancy.levels}
    for index, level in enumerate(tenancy.levels):
        if level.parent is not None and level.parent not in roots:
            yield f"tenancy.levels[{index}].parent: {level.parent!r} is not the root of another level"
        trail, step = {level.root}, level.parent
        while step is not None and step not in trail:
            trail.add(step)
            step = above.get(step)
        if step is not None:
            yield f"tenancy.levels[{index}].parent: the levels form a circle at {step!r}"
