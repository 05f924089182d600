"""When the best candidate is asked for all the same: what else must be the tenants as likely as it."""

from collections.abc import Collection, Container, Iterator

from ..model.catalog import QName
from ..model.tenancy import Candidate
from ..model.wording import form
from ..sql.ident import display
from ..sql.words import agrees, key_name, of_people, reads_as_person, singular, table_stem, words
from .candidates import Evidence, for_root, is_unique
from .graph import Edge, Graph
from .lookups import reads_as_lookup

_FEW = 0.25  # the share of all tables below which a word for tenants does not settle it alone
_OFTEN = 1.5  # so many times as many tables make another key as likely
# What tenants are sorted by, or run on, and belong to no more than a person belongs to a time zone.
_SORTS = frozenset(
    words(
        "region city state area zone industry sector category class level cluster server shard node database "
        "datacenter version theme template setting"
    )
)


def outer_ones(
    graph: Graph, top: Evidence, found: Collection[Evidence], shared: Container[QName]
) -> tuple[Candidate, ...]:
    """Return whose rows the rows of a root must themselves be, the outermost first: what its own row must
    carry the key of, unless that is a person, a lookup table, a table that is nobody's or one that hangs on
    the root.

    A word that almost always names tenants (``organizations``) stands against a table that nothing else
    hangs on; policies that compare the root's column in half of the tables settle it.
    """
    if top.root is None or (top.policies >= 2 and 2 * top.policies >= len(top.carriers)):
        return ()
    below = graph.hanging_on(top.carriers) | {top.root}
    asked: list[Candidate] = []
    waiting, seen = [top.root], {top.root}
    while waiting:
        inner = waiting.pop(0)
        for outer in _above(graph, inner, shared):
            weak = not top.strong or key_name(table_stem(outer.name)).family is not None
            own = {e.source for e in graph.required_edges[outer]} - below
            if outer not in seen | below and (weak or own):
                seen.add(outer)
                waiting.append(outer)
                asked.append(for_root(graph, outer).candidate(graph))
    known = {c.root for c in asked}
    for other in found:
        carriers = other.carriers
        alone = len(carriers) < 2 and (other.root is not None or not other.strong)
        if other is top or other.doubt or top.root not in carriers or alone:
            continue
        required = not graph.required[top.root].isdisjoint(other.columns)
        if required and other.root not in known | below and (not top.strong or carriers - below):
            asked.append(other.candidate(graph))
    return tuple(reversed(asked))


def _above(graph: Graph, inner: QName, shared: Container[QName]) -> Iterator[QName]:
    for edge in graph.edges[inner]:
        if edge.strong and edge.target not in shared and not _is_aside(graph, edge):
            yield edge.target


def _is_aside(graph: Graph, edge: Edge) -> bool:
    """Tell whether what a key leads to is not what the row belongs to: a person, a lookup, or one to one."""
    name, columns = edge.target.name, edge.key.columns
    last = singular(words(name)[-1]) if words(name) else ""
    return (
        of_people(name)
        or any(reads_as_person(c) for c in columns)
        or last in _SORTS
        or reads_as_lookup(name)
        or (len(columns) == 1 and is_unique(graph, edge.source, columns[0]))
    )


def wider_one(graph: Graph, top: Evidence, rivals: Collection[Evidence]) -> Evidence | None:
    """Return the ordinary entity (`projects`) whose key more tables carry, and more hang on, than the key of
    tenants that only a word speaks for and few tables hang on."""
    owned = graph.hanging_on(top.carriers)
    if top.policies or not top.strong or len(owned) >= _FEW * len(graph.tables):
        return None
    for rival in rivals:
        more = len(rival.carriers) > len(top.carriers) and len(graph.hanging_on(rival.carriers)) > len(owned)
        if more and rival.root is not None and not rival.doubt:
            return rival
    return None


def commoner_key(graph: Graph, top: Evidence) -> Candidate | None:
    """Return the key of a table that one and a half times as many tables carry as the column of tenants
    outside this database, where that table does not belong to those tenants."""
    if top.root is not None or top.policies:
        return None
    below = graph.hanging_on(top.carriers)
    best: Candidate | None = None
    for column in sorted(graph.carriers):
        if column in top.columns or not key_name(column).keyed or reads_as_person(column):
            continue
        named = [n for n in graph.tables if agrees(column, n.name) and column not in graph.columns[n]]
        if len(named) != 1 or named[0] in below or of_people(named[0].name):
            continue
        tail = words(column)
        carriers = {
            table
            for other, tables in graph.carriers.items()
            if words(other)[-len(tail) :] == tail
            for table in tables
        } - (below - top.carriers | {named[0]})
        if len(carriers) >= _OFTEN * len(top.carriers) and (best is None or len(carriers) > best.tables):
            carry = form(len(carriers), "carries", "carry")
            why = (
                f"{len(carriers)} of {len(graph.tables)} tables {carry} {column}, which is called after "
                f"{display(named[0], graph.default_schema)}"
            )
            best = Candidate(named[0], column, len(carriers), why)
    return best
