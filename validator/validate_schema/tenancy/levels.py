"""Decide the levels of tenancy: what the config says, and what it leaves open from the catalog."""

from collections import Counter
from collections.abc import Container

import msgspec
from msgspec.structs import replace

from ..config import LevelConfig, TenancyConfig
from ..model.catalog import QName
from ..model.tenancy import Candidate, Level
from ..model.wording import did_you_mean, some
from ..sql.ident import display
from ..sql.patterns import parse_pattern
from ..sql.words import agrees
from .candidates import Evidence, for_root, gather, personal, primary_column, referenced_key
from .doubts import commoner_key, outer_ones, wider_one
from .graph import Graph
from .people import all_guarded, people_alone
from .unsettled import candidates

_CLEAR = 1.5  # the best candidate must have this many times the weight of the next
_SHOWN = 8


class Decision(msgspec.Struct):
    """The levels, the reasons for what was inferred, and when there are none, why."""

    levels: tuple[Level, ...] = ()
    inferred: dict[str, str] = msgspec.field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    problem: str = ""


def decide(
    graph: Graph,
    config: TenancyConfig,
    read: dict[QName, frozenset[str]],
    shared: Container[QName] = (),
) -> Decision:
    """Return the levels of tenancy. `read` holds each table's columns that policies compare with a
    setting; `shared` are tables that are declared to be nobody's, which no inference makes a root."""
    found = [e for e in gather(graph, read) if e.root is None or e.root not in shared]
    if config.levels:
        decision = _declared_levels(graph, config)
    elif config.root is not None:
        decision = _declared_root(graph, config, config.root, read)
    elif config.column is not None:
        decision = _declared_column(graph, _columns(config.column))
    else:
        decision = _inferred(graph, found, read, shared)
    if decision.problem and not decision.candidates:
        decision.candidates = candidates(graph, found, shared)[:_SHOWN]
    decision.levels = tuple(_with_asked_key(graph, level, decision, read) for level in decision.levels)
    return decision


def _with_asked_key(
    graph: Graph, level: Level, decision: Decision, read: dict[QName, frozenset[str]]
) -> Level:
    """Return the level; where no foreign key leads to its root and the tenant column has another type than
    the root's primary key, by the unique column of that type that the root's policies compare: another
    system's name of the tenant (``clerk_org_id`` beside ``id``)."""
    root = level.root
    if root is None or level.key is None or graph.keys_led_to(root, level.columns):
        return level
    held = {_kind(graph, t, c) for c in level.columns for t in graph.carriers.get(c, ()) if t != root}
    if len(held) != 1 or _kind(graph, root, level.key) in held:
        return level
    own = [
        c for c in sorted(read.get(root, ())) if _kind(graph, root, c) in held and _names_one(graph, root, c)
    ]
    if len(own) != 1:
        return level
    why = decision.inferred.get("root", "the config names it")
    decision.inferred["root"] = (
        f"{why}; its policies compare {own[0]}, which has the type of {level.columns[0]}"
    )
    return replace(level, key=own[0])


def _kind(graph: Graph, table: QName, column: str) -> str:
    base = graph.columns[table][column].base_type
    return "text" if base == "character varying" else base


def _names_one(graph: Graph, table: QName, column: str) -> bool:
    uniques = (i for i in graph.tables[table].indexes if i.unique and i.valid and i.predicate is None)
    return graph.columns[table][column].not_null and any(i.columns == (column,) for i in uniques)


def _columns(column: str | tuple[str, ...]) -> tuple[str, ...]:
    return (column,) if isinstance(column, str) else tuple(dict.fromkeys(column))


def _missing_root(graph: Graph, root: QName, where: str) -> Decision:
    shown = display(root, graph.default_schema)
    names = {display(name, graph.default_schema): name for name in graph.tables}
    same = [shown for shown, name in names.items() if name.name == root.name]
    hint = did_you_mean(same[0] if same else shown, names)
    return Decision(problem=f'{where} = "{shown}": there is no such table{hint}')


def _declared_levels(graph: Graph, config: TenancyConfig) -> Decision:
    written = list(config.levels)
    if config.root is not None and all(level.root != config.root for level in written):
        column = config.column if config.column is not None else ()
        written.insert(0, LevelConfig(root=config.root, column=column))
    elif config.root is None and config.column is not None:
        written.insert(0, LevelConfig(column=config.column))
    above = {level.root: level.parent for level in written}
    levels: list[tuple[int, Level]] = []
    for level in written:
        root = parse_pattern(level.root).qname(graph.default_schema) if level.root is not None else None
        if root is not None and root not in graph.tables:
            return _missing_root(graph, root, "tenancy.levels root")
        evidence = for_root(graph, root) if root is not None else None
        columns = _columns(level.column) or (evidence.columns if evidence else ())
        if not columns:
            return Decision(problem=f'no column is a foreign key to "{level.root}": set tenancy.column')
        depth, step = 0, level.parent
        while step is not None:
            depth, step = depth + 1, above.get(step)
        parent = parse_pattern(level.parent).qname(graph.default_schema) if level.parent is not None else None
        key = referenced_key(graph, root, columns) if root is not None else None
        levels.append((depth, Level(columns, root, key, parent)))
    ordered = tuple(level for _, level in sorted(levels, key=lambda pair: pair[0]))
    return Decision(ordered)


def _declared_root(
    graph: Graph, config: TenancyConfig, name: str, read: dict[QName, frozenset[str]]
) -> Decision:
    root = parse_pattern(name).qname(graph.default_schema)
    if root not in graph.tables:
        return _missing_root(graph, root, "tenancy.root")
    if config.column is not None:
        columns = _columns(config.column)
        return Decision((Level(columns, root, referenced_key(graph, root, columns)),))
    evidence = for_root(graph, root)
    if not evidence.columns:
        shown = display(root, graph.default_schema)
        return Decision(
            problem=f'no table has a foreign key to "{shown}" or a column named after it: set tenancy.column'
        )
    top = Level(evidence.columns, root, evidence.key)
    decision = Decision((top,), {"column": evidence.sentence(graph)})
    found = gather(graph, read)
    chosen = next((e for e in found if e.root == root), evidence)
    _add_deeper(graph, decision, [chosen, *(e for e in found if e.root != root)], read)
    return decision


def _declared_column(graph: Graph, columns: tuple[str, ...]) -> Decision:
    roots: Counter[tuple[QName, str]] = Counter()
    for column in columns:
        for table in graph.carriers.get(column, ()):
            roots.update(end for end in graph.ends(table, column) if end[0] != table)
    spelled = " or ".join(columns)
    if roots:
        ranked = sorted(roots, key=lambda end: (-roots[end], end))
        (root, key), count = ranked[0], roots[ranked[0]]
        rivals = [end for end in ranked[1:] if end[0] != root]
        if rivals and count < _CLEAR * roots[rivals[0]]:
            found = tuple(
                Candidate(
                    end[0], columns[0], roots[end], f"{spelled} leads to it in {some(roots[end], 'table')}"
                )
                for end in ranked
            )
            return Decision(
                candidates=found, problem=f"{spelled} is a foreign key to different tables: set tenancy.root"
            )
        shown = display(root, graph.default_schema)
        why = f"{spelled} is a foreign key to {shown} in {some(count, 'table')}"
        return Decision((Level(columns, root, key),), {"root": why})
    named = [
        name
        for name in graph.tables
        if agrees(columns[0], name.name) and primary_column(graph, name) is not None
    ]
    if len(named) == 1:
        shown = display(named[0], graph.default_schema)
        why = f"{shown} is the table that {columns[0]} is named after; no foreign key leads to it"
        return Decision((Level(columns, named[0], primary_column(graph, named[0])),), {"root": why})
    why = f"none: {spelled} is a foreign key nowhere, so the tenants are taken to live outside this database"
    return Decision((Level(columns),), {"root": why})


class _Group(msgspec.Struct):
    """A possible top root with the possible roots below it; they do not compete with one another."""

    top: Evidence
    members: list[Evidence]

    @property
    def weight(self) -> float:
        return max(member.weight for member in self.members)


def _inferred(
    graph: Graph, found: list[Evidence], read: dict[QName, frozenset[str]], shared: Container[QName]
) -> Decision:
    serious = [e for e in found if not personal(e)]
    serious = people_alone(graph, found, serious) or serious
    if not any(e.consensus(graph) for e in serious):
        serious = [e for e in found if personal(e) and e.policies >= 2] or serious
    groups = sorted(_groups(graph, serious), key=lambda g: -g.weight)
    best = next((g for g in groups if any(e.consensus(graph) for e in g.members)), None)
    if best is None:
        alone = all_guarded(graph, found)
        return _chosen(graph, alone, [alone], read) if alone else Decision(problem=_nothing(graph, found))
    for rival in groups:
        if rival is not best and best.weight < _CLEAR * rival.weight and rival.weight >= 2:
            named = " or ".join(_named(graph, g.top) for g in (best, rival))
            return Decision(problem=f"the tenant root could be {named}: neither is clearly it")
    if best.top.doubt:
        return Decision(problem=f"no candidate is clearly it; the outermost: {best.top.sentence(graph)}")
    if outer := outer_ones(graph, best.top, serious, shared):
        asked = (*outer, best.top.candidate(graph))
        named = " or ".join(_shown(graph, c.root, c.column) for c in asked)
        inner = display(best.top.root or QName("", ""), graph.default_schema)
        problem = f"the tenant root could be {named}: the rows of {inner} belong to the others"
        return _asked(graph, problem, asked, found, shared)
    rivals = [group.top for group in groups if group is not best]
    if (wider := wider_one(graph, best.top, rivals)) is not None:
        asked = (
            *outer_ones(graph, wider, serious, shared),
            wider.candidate(graph),
            best.top.candidate(graph),
        )
        named = " or ".join(_shown(graph, c.root, c.column) for c in asked)
        problem = f"the tenant root could be {named}: neither is clearly it"
        return _asked(graph, problem, asked, found, shared)
    if (commoner := commoner_key(graph, best.top)) is not None:
        named = _shown(graph, commoner.root, commoner.column)
        problem = f"the tenant root could be {named} or {_named(graph, best.top)}: neither is clearly it"
        return _asked(graph, problem, (commoner, best.top.candidate(graph)), found, shared)
    return _chosen(graph, best.top, serious, read)


def _asked(
    graph: Graph, problem: str, first: tuple[Candidate, ...], found: list[Evidence], shared: Container[QName]
) -> Decision:
    known = {(c.root, c.column) for c in first}
    others = [c for c in candidates(graph, found, shared) if (c.root, c.column) not in known]
    return Decision(candidates=(*first, *others)[:_SHOWN], problem=problem)


def _groups(graph: Graph, serious: list[Evidence]) -> list[_Group]:
    by_root: dict[QName | None, Evidence] = {}
    for evidence in serious:  # the strongest first; the rest are other spellings of a key to the same root
        if evidence.root is not None:
            by_root.setdefault(evidence.root, evidence)
    above = {root: _above(graph, e, by_root) for root, e in by_root.items()}
    groups: dict[int, _Group] = {}
    for evidence in serious:
        top = _top(evidence, above, by_root)
        groups.setdefault(id(top), _Group(top, [])).members.append(evidence)
    return list(groups.values())


def _named(graph: Graph, evidence: Evidence) -> str:
    return _shown(graph, evidence.root, evidence.columns[0])


def _shown(graph: Graph, root: QName | None, column: str) -> str:
    return f"{display(root, graph.default_schema) if root else 'outside this database'} ({column})"


def _chosen(
    graph: Graph, top: Evidence, serious: list[Evidence], read: dict[QName, frozenset[str]]
) -> Decision:
    decision = Decision((Level(top.columns, top.root, top.key),))
    why = top.sentence(graph)
    decision.inferred["column"] = why
    if top.root is not None:
        decision.inferred["root"] = why
    else:
        decision.inferred["root"] = f"none: {why}; no table is named after it, and it references none"
    _add_deeper(graph, decision, [top, *(e for e in serious if e is not top)], read)
    return decision


def _above(graph: Graph, evidence: Evidence, by_root: dict[QName | None, Evidence]) -> QName | None:
    """Return the root whose key this possible root itself must carry."""
    assert evidence.root is not None
    found = [
        other
        for other in by_root.values()
        if other.root is not None
        and evidence.root in other.carriers
        and other.root not in evidence.carriers
        and (other.strong or other.consensus(graph))
        and any(
            c in graph.required[evidence.root] for c in other.columns if c in graph.columns[evidence.root]
        )
    ]
    if not found:
        return None
    return max(found, key=lambda e: (e.weight, e.root or QName("", ""))).root


def _top(
    evidence: Evidence, above: dict[QName | None, QName | None], by_root: dict[QName | None, Evidence]
) -> Evidence:
    seen, step = {evidence.root}, by_root.get(evidence.root, evidence)
    while step.root is not None:
        higher = above.get(step.root)
        if higher is None or higher in seen:
            return step
        seen.add(higher)
        step = by_root[higher]
    return step


def _add_deeper(
    graph: Graph, decision: Decision, found: list[Evidence], read: dict[QName, frozenset[str]]
) -> None:
    """Add the levels below the first of `found`: roots that carry the level above, and whose key
    is carried by tables that do not carry the one above."""
    level, carrying = found[0], set(found[0].carriers)
    level_roots = {level.root}
    while True:
        below = [
            e
            for e in found
            if e.root is not None
            and e.root not in level_roots
            and e.root in level.carriers
            and _is_level(e, carrying, level_roots, read)
        ]
        if not below:
            return
        deeper = min(below, key=lambda e: (-len(e.carriers - carrying), e.root or QName("", "")))
        parent = decision.levels[-1].root
        decision.levels = (*decision.levels, Level(deeper.columns, deeper.root, deeper.key, parent))
        decision.inferred[f"levels[{len(decision.levels) - 1}]"] = (
            f"{deeper.sentence(graph)}; {display(deeper.root or QName('', ''), graph.default_schema)} "
            f"itself carries {level.columns[0]}"
        )
        level_roots.add(deeper.root)
        carrying |= deeper.carriers
        level = deeper


def _is_level(
    evidence: Evidence,
    carrying: set[QName],
    level_roots: set[QName | None],
    read: dict[QName, frozenset[str]],
) -> bool:
    only = evidence.carriers - carrying
    if len(only) < 2:
        return False
    outer = carrying - level_roots - {evidence.root}
    compared = sum(1 for t in only if read.get(t, frozenset()) & set(evidence.columns))
    return compared >= 2 or len(evidence.carriers) >= len(outer)


def _nothing(graph: Graph, found: list[Evidence]) -> str:
    if not graph.tables:
        return "there are no tables"
    if not found:
        return "no column reads like a tenant's key, and no policy compares a column with a setting"
    best = next((e for e in found if not personal(e)), found[0])
    return f"no candidate has enough behind it; the best: {best.sentence(graph)}"
