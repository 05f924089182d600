"""What can be told of a query from its shape alone, and how a condition is said the other way round."""

from collections.abc import Callable, Iterable, Iterator

from ..sql import syntax as s

# What begins the names of PostgreSQL's aggregates, and what a call of one may have. Source: PostgreSQL
# documentation, "Aggregate Functions".
_AGGREGATES = (
    "any_value", "array_agg", "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "corr", "count",
    "covar_", "cume_dist", "dense_rank", "every", "json_agg", "json_object_agg", "jsonb_agg",
    "jsonb_object_agg", "max", "min", "mode", "percent_rank", "percentile_", "range_agg",
    "range_intersect_agg", "rank", "regr_", "stddev", "string_agg", "sum", "var_", "variance", "xmlagg",
)  # fmt: skip
_OF_AGGREGATES = {"agg_star", "agg_filter", "agg_distinct", "agg_order", "agg_within_group"}


def expressions_of(node: s.Select) -> Iterator[s.Node]:
    """Yield the expressions of a block but for its condition and what stands in FROM."""
    elsewhere = (node.queries, node.where, *node.sources)
    yield from (part for part in s.children(node) if not any(part is other for other in elsewhere))


def counts(query: s.Select) -> bool:
    """Tell whether a row of the query may come of no row that meets its condition, or of many."""
    grouped = {"group_clause", "having_clause", "window_clause"} & dict(query.rest).keys()
    return bool(grouped) or s.may_aggregate(*query.targets, *s.ordered_by(query)) or not query.sources


def aggregates(query: s.Select, own: Callable[[str], bool]) -> bool:
    """Tell whether the query has a row where its conditions find none: by an aggregate in any of its clauses,
    a HAVING, or an empty set of groups. `own` tells of a name whether somebody made an aggregate of it.
    Source: PostgreSQL documentation, "Aggregate Expressions", "The GROUP BY and HAVING Clauses"."""
    said = dict(query.rest)
    groups = said.get("group_clause")
    if isinstance(groups, tuple) and groups:
        return any(isinstance(n, s.Unknown) and n.kind == "GroupingSet" for n in groups)
    windows_ = said.get("window_clause", ())
    named = [n for n in windows_ if isinstance(n, s.Node)] if isinstance(windows_, tuple) else []
    listed = _own_parts((*query.targets, *s.ordered_by(query), *named), frozenset())
    return "having_clause" in said or any(_is_aggregate(node, own) for node in listed)


def _own_parts(nodes: Iterable[s.Node], inner: frozenset[str]) -> Iterator[s.Node]:
    """Yield what expressions consist of; of the queries within, whose relations are `inner`, the calls that
    name columns of something else alone: an aggregate there is one of the query around. Source: PostgreSQL
    documentation, "Aggregate Expressions"."""
    for node in nodes:
        names = {n.names[-2] for n in s.walk(node) if isinstance(n, s.Column) and len(n.names) > 1}
        if not inner or (isinstance(node, s.Call) and names and names.isdisjoint(inner)):
            yield node
        below = inner
        if isinstance(node, s.Select) and node.sources:
            below = inner.union(t.known_as for t in s.relations(node)) | {"<a query>"}
        yield from _own_parts(s.children(node), below)


def _is_aggregate(node: s.Node, own: Callable[[str], bool]) -> bool:
    match node:
        case s.Call(name=name, rest=rest):
            said = dict(rest)
            marked = not _OF_AGGREGATES.isdisjoint(said)
            return "over" not in said and (marked or name.startswith(_AGGREGATES) or own(name))
        case s.Unknown(kind=kind):
            return "Agg" in kind
    return False


def sealed(node: s.Select) -> bool:
    """Tell whether a query chooses or counts among all its rows, whatever is asked of its columns later; but
    for what `windows` tells."""
    sets = any(isinstance(n, s.Unknown) and n.kind == "GroupingSet" for n in s.walk(*expressions_of(node)))
    chosen = any(
        isinstance(v, tuple) and v and not _is_plain(v) for k, v in node.rest if k == "distinct_clause"
    )
    return sets or chosen or bool({"limit_count", "limit_offset"} & {k for k, _ in node.rest})


def windows(node: s.Select) -> list[tuple[s.Node, ...]]:
    """Return what each window of a query is divided by: nothing where it has another's name."""
    called = (n for n in s.walk(*expressions_of(node)) if isinstance(n, s.Call))
    return [_divided_by(over) for call in called for k, over in call.rest if k == "over"]


def _divided_by(window: object) -> tuple[s.Node, ...]:
    said = dict(window.rest) if isinstance(window, s.Unknown) else {}
    parts = said.get("partition_clause", ())
    return tuple(n for n in parts if isinstance(n, s.Node)) if isinstance(parts, tuple) else ()


def _is_plain(value: tuple[object, ...]) -> bool:
    """Tell whether DISTINCT has no list of its own."""
    return all(isinstance(n, s.Unknown) and n.kind == "nothing" for n in value)


def results(node: s.Coalesce | s.Case) -> list[s.Node]:
    """Return the values one of which the expression is."""
    if isinstance(node, s.Coalesce):
        return [*node.args]
    return [*(branch.result for branch in node.branches), *([node.default] if node.default else [])]


def known_as(node: s.Node | None) -> str:
    """Return the name of a result that was given none."""
    bare = s.uncast(node) if node is not None else None
    if isinstance(bare, s.Column):
        return bare.name
    return bare.name if isinstance(bare, s.Call) else ""


def negated(node: s.Node) -> s.Node | None:
    """Return what is true where NOT of a condition is, in other words; None where there are none."""
    match node:
        case s.Not(arg=arg):
            return arg
        case s.Or(args=args):
            return s.And(tuple(s.Not(arg) for arg in args))
        case s.And(args=args):
            return s.Or(tuple(s.Not(arg) for arg in args))
        case s.Operation(operator="<>", left=left, right=right, schema=schema):
            return s.Operation("=", left, right, schema)
        case s.Distinct(left=left, right=right, negated=negated):
            return s.Distinct(left, right, not negated)
    return None
