"""Whom to ask for where nothing is settled: every table and column that might be the tenants'."""

from collections.abc import Container, Iterator
from operator import attrgetter

from ..model.catalog import QName
from ..model.tenancy import Candidate
from ..model.wording import form
from ..sql.ident import display
from ..sql.words import key_name, of_people, reads_as_person, table_stem, words
from .candidates import Evidence, primary_column
from .graph import Graph

_OFTEN = 0.1  # the share of all tables that must name an owner of several kinds


def candidates(graph: Graph, found: list[Evidence], shared: Container[QName]) -> tuple[Candidate, ...]:
    """Return the candidates: first those that policies speak for, then those that most tables carry; what is
    in doubt, then people last.

    `found` is the evidence that was gathered, `shared` the tables that are declared to be nobody's.
    """
    doubted = {(e.root, e.columns[0]) for e in found if e.columns and e.doubt}
    compared = {(e.root, e.columns[0]) for e in found if e.columns and e.policies}
    named = [e.candidate(graph) for e in found if e.columns and e.carriers]
    known: set[QName | str] = {c.root for c in named if c.root} | {c.column for c in named if c.root is None}
    keys = (c for c in (*_keyed(graph), *_called_after(graph)) if c.root not in shared)
    for candidate in sorted(keys, key=attrgetter("tables"), reverse=True):
        if known.isdisjoint({candidate.root or candidate.column, candidate.column}):
            named.append(candidate)
            known |= {candidate.root or candidate.column}
    named += _of_several_kinds(graph)
    return tuple(
        sorted(
            named,
            key=lambda c: (
                _of_a_person(c),
                (c.root, c.column) not in compared,
                (c.root, c.column) in doubted,
                -c.tables,
                c.root is None,
            ),
        )
    )


def _of_a_person(candidate: Candidate) -> bool:
    return of_people(candidate.root.name) if candidate.root else reads_as_person(candidate.column)


def _keyed(graph: Graph) -> Iterator[Candidate]:
    """Tables that several others reference, by the column that most of them do it by."""
    for root, columns in sorted(graph.keyed.items()):
        carriers = set().union(*columns.values())
        if len(carriers) > 1:
            column = max(sorted(columns), key=lambda c: len(columns[c]))
            yield _candidate(graph, root, column, len(columns[column]), "a foreign key to {}")


def _called_after(graph: Graph) -> Iterator[Candidate]:
    """Tables after which several others call a column that is no foreign key: by a word of its own behind the
    name (``customer_nr``), or as the table's own key is called."""
    named = sorted(graph.tables, reverse=True)
    stems = {table_stem(name.name): name for name in named}
    own = {key: n for n in named if (key := primary_column(graph, n)) is not None and len(words(key)) > 1}
    for column, tables in sorted(graph.carriers.items()):
        stem = key_name(column).stem if key_name(column).keyed else "".join(words(column)[:-1])
        root = own.get(column) or stems.get(stem)
        carriers = set(tables) - {root}
        if root is None or len(carriers) < 2 or any(graph.is_key(t, column) for t in carriers):
            continue
        if primary_column(graph, root) is not None:
            said = "which is called after {}; no foreign key says so"
            yield _candidate(graph, root, column, len(carriers), said)


def _of_several_kinds(graph: Graph) -> Iterator[Candidate]:
    """Columns that name an owner of the kind that a column beside them tells."""
    for column, tables in sorted(graph.carriers.items()):
        kind = f"{column.removesuffix('_id')}_type"
        carriers = [t for t in tables if column.endswith("_id") and kind in graph.columns[t]]
        if len(carriers) > 1 and len(carriers) >= _OFTEN * len(graph.tables):
            yield _candidate(graph, None, column, len(carriers), f"beside {kind}, which says what it names")


def _candidate(graph: Graph, root: QName | None, column: str, count: int, what: str) -> Candidate:
    named = what.format(display(root, graph.default_schema)) if root else what
    carry = form(count, "carries", "carry")
    return Candidate(root, column, count, f"{count} of {len(graph.tables)} tables {carry} {column}, {named}")
