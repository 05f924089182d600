"""When people are the tenants, though something else could be."""

from ..model.catalog import QName
from ..sql.words import reads_as_person
from .candidates import Evidence, personal
from .graph import Graph


def people_alone(graph: Graph, found: list[Evidence], serious: list[Evidence]) -> list[Evidence]:
    """Return the people whose own key the policies of half of all tables compare, where whatever
    else could be the root belongs to them and is compared nowhere."""
    rivals = [e for e in serious if e.consensus(graph)]
    return [
        people
        for people in found
        if personal(people)
        and people.policies >= 2
        and 2 * people.policies >= len(graph.tables)
        and all(e.root in people.carriers and not e.policies for e in rivals)
    ]


def all_guarded(graph: Graph, found: list[Evidence]) -> Evidence | None:
    """Return the tenants, or else the people, whose key is all that the policies of a small schema compare:
    every table with a policy carries it, or hangs on one that does. People are not chosen beside an ordinary
    entity (`projects`) of which that is as true, but for one whose row must be a person's and has no members.
    """
    guarded = {name for name, table in graph.tables.items() if table.policies}
    every = [e for e in found if e.policies and not e.doubt and guarded <= _covered(graph, e)]
    best = next((e for e in every if e.strong and not personal(e)), None)
    people = next((e for e in every if personal(e)), None)
    if best is not None or people is None:
        return best
    entities = (e for e in every if not personal(e))
    return None if any(not _is_persons_own(graph, e, people) for e in entities) else people


def _covered(graph: Graph, evidence: Evidence) -> set[QName | None]:
    return {*graph.hanging_on(evidence.carriers), evidence.root}


def _is_persons_own(graph: Graph, entity: Evidence, people: Evidence) -> bool:
    """Tell whether each row of an entity is one person's: it must carry the key, and has no members."""
    if entity.root is None or graph.required[entity.root].isdisjoint(people.columns):
        return False
    keys = (index.columns for t in entity.carriers for index in graph.tables[t].indexes if index.unique)
    pairs = (
        set(columns) - set(entity.columns) for columns in keys if not set(columns).isdisjoint(entity.columns)
    )
    return not any(rest and all(c is not None and reads_as_person(c) for c in rest) for rest in pairs)
