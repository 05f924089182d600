"""Functions, procedures and aggregates."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, cast

from ..model.catalog import Aggregate, Function, QName
from .names import Named, Names, Row

_KINDS = {"f": "function", "p": "procedure", "a": "aggregate", "w": "window"}
_VOLATILITY = {"i": "immutable", "s": "stable", "v": "volatile"}
_PARALLEL = {"u": "unsafe", "r": "restricted", "s": "safe"}
_NO_SOURCE = frozenset({"c", "internal"})
_PARTS = (
    "transition", "final", "combine", "serial", "deserial", "moving transition", "moving inverse",
    "moving final",
)  # fmt: skip
_AGGREGATE_KINDS = {"o": "ordered set", "h": "hypothetical set"}
_MODIFIES = {"s": "shareable", "w": "read-write"}


def functions(
    names: Names, rows: list[Row], sources: list[Row], aggregate_rows: list[Row], default_schema: str
) -> tuple[Function, ...]:
    """Return functions, procedures and aggregates by name and arguments, those of extensions too."""
    aggregates = {row[0]: _aggregate(names, row) for row in aggregate_rows}
    recorded: dict[int, set[QName]] = defaultdict(set)
    for oid, schema, name in sources:
        recorded[oid].add(names.qname(schema, name))
    known = set(names.relations.values())
    found = []
    for row in rows:
        oid, arguments, language, returns = row[0], row[3], row[5], row[6]
        settings, body, standard, signature = row[11], row[12], row[13], row[15]
        if arguments is None or (standard and body == ""):
            continue
        touches: set[QName] | None
        if names.belongs_to_extension("pg_proc", oid) and not row[9] and not standard:
            touches = None  # nobody asks, and some extensions have hundreds
        else:
            named = _named(language, body, signature or arguments, returns or "")
            path = _search_path(settings, default_schema)
            touches = None if named is None else _resolved(named, path, known) | recorded[oid]
        found.append(_function(names, row, touches, aggregates.get(oid)))
    return tuple(sorted(found, key=lambda f: (f.schema, f.name, f.arguments)))


def _function(names: Names, row: Row, touches: set[QName] | None, aggregate: Aggregate | None) -> Function:
    oid, name, schema, arguments, owner, language, returns, kind = row[:8]
    volatility, definer, leakproof, settings, body, _, acl, signature = row[8:16]
    strict, parallel, cost, result_rows, support, transforms, library, overloads = row[16:]
    elsewhere = language in _NO_SOURCE
    return Function(
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
        body=None if elsewhere else body,
        touches=None if touches is None else tuple(sorted(touches)),
        grants=names.grants(acl, "function", owner),
        signature=signature,
        strict=strict,
        parallel=cast(Any, _PARALLEL[parallel]),
        cost=None if cost == (1 if elsewhere else 100) else cost,
        rows=None if result_rows in (0, 1000) else result_rows,
        support=names.named(support),
        transforms=tuple(transforms or ()),
        symbol=body if elsewhere and aggregate is None else None,
        library=library,
        aggregate=aggregate,
        extension=names.extension("pg_proc", oid),
        overloads=overloads,
    )


def _aggregate(names: Names, row: Row) -> Aggregate:
    _, state, kind, direct, *rest = row
    functions, options = map(names.routine, rest[:8]), rest[8:]
    (extra, moving_extra, modify, moving_modify, sort, space, moving_state, moving_space, *initial) = options
    said = {
        "kind": _AGGREGATE_KINDS.get(kind),
        "direct arguments": str(direct) if direct else None,
        "final extra": "yes" if extra else None,
        "moving final extra": "yes" if moving_extra else None,
        "final modify": _MODIFIES.get(modify),
        "moving final modify": _MODIFIES.get(moving_modify),
        "sort operator": ".".join(names.named(sort) or ()) or None,
        "state size": str(space) if space else None,
        "moving state type": moving_state,
        "moving state size": str(moving_space) if moving_space else None,
        **dict(zip(("initial", "moving initial"), initial, strict=True)),
    }
    return Aggregate(
        tuple((part, named) for part, named in zip(_PARTS, functions, strict=True) if named is not None),
        state,
        tuple((option, value) for option, value in said.items() if value is not None),
    )


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
