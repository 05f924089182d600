"""Possible tenant roots: what foreign keys, names and policies say, counted."""

from collections import Counter
from collections.abc import Iterator

import msgspec

from ..model.catalog import QName
from ..model.tenancy import Candidate
from ..model.wording import form, some
from ..sql.ident import display
from ..sql.words import agrees, key_name, of_people, of_tenants, reads_as_person, table_stem, words
from .graph import Graph

_MAIN_SHARE = {True: 0.1, False: 0.4}  # by strength of the name: the share of all tables it must reach


class Evidence(msgspec.Struct):
    """What speaks for one table as the root. `keyed` maps each spelling of the column to the tables
    where it is a foreign key to the root; `bare` to those that carry it without one. `doubt` says why
    the column may mean something else: such evidence settles nothing. `word`: the family that the root is
    called after, where the column's name is the root's with that of a column of it."""

    root: QName | None
    key: str | None
    keyed: dict[str, set[QName]] = msgspec.field(default_factory=dict)
    bare: dict[str, set[QName]] = msgspec.field(default_factory=dict)
    policies: int = 0
    doubt: str = ""
    word: str = ""

    @property
    def carriers(self) -> set[QName]:
        return set().union(*self.keyed.values(), *self.bare.values())

    @property
    def columns(self) -> tuple[str, ...]:
        """Accepted spellings, the most frequent first."""
        spelled = Counter({c: len(t) for c, t in self.keyed.items()})
        spelled.update({c: len(t) for c, t in self.bare.items()})
        return tuple(sorted(spelled, key=lambda c: (-spelled[c], c)))

    @property
    def strong(self) -> bool:
        return bool(self.columns) and key_name(self.word or self.columns[0]).strong

    @property
    def weight(self) -> float:
        """How much this speaks for the root: tables, halved for a weak name, doubled by policies."""
        named = 1.0 if self.strong or self.policies else 0.5
        return len(self.carriers) * named * (2.0 if self.policies else 1.0)

    def consensus(self, graph: Graph) -> bool:
        """Tell whether enough of the tables carry the column; with a strong name, or hang on those."""
        carriers = self.carriers
        if self.doubt:
            return False
        if len(carriers) < 2 or self.policies >= 2:
            return len(carriers) >= 2
        wanted = _MAIN_SHARE[self.strong] * (len(graph.tables) - 1)
        return len(carriers) >= wanted or (self.strong and len(graph.hanging_on(carriers)) >= wanted)

    def sentence(self, graph: Graph) -> str:
        """Return the reason in words, with the figures."""
        total, keyed = len(self.carriers), len(set().union(*self.keyed.values()))
        carry = form(total, "carries", "carry")
        said = f"{total} of {len(graph.tables)} tables {carry} {' or '.join(self.columns)}"
        if self.root is not None:
            target = display(self.root, graph.default_schema)
            if keyed == 0:
                said += f", which is named after {target}; none of them has a foreign key to it"
            elif keyed == total:
                said += f", a foreign key to {target}"
            else:
                said += f"; in {keyed} of them it is a foreign key to {target}"
        if self.policies:
            said += f"; policies of {some(self.policies, 'table')} compare it with a setting"
        return f"{said}; {self.doubt}" if self.doubt else said

    def candidate(self, graph: Graph) -> Candidate:
        spelled = self.columns if len(self.columns) > 1 else ()
        return Candidate(self.root, self.columns[0], len(self.carriers), self.sentence(graph), spelled)


def gather(graph: Graph, read: dict[QName, frozenset[str]]) -> list[Evidence]:
    """Return the evidence for every possible root, the strongest first.

    `read` holds the columns of each table that its policies compare with a setting, or with the tenants of a
    person. The key of a table that leads nowhere says nothing of other columns of its name.
    """
    compared = {
        column for name, columns in read.items() for column in columns if not _own_key(graph, name, column)
    }
    interesting = [
        column for column in graph.carriers if key_name(column).family is not None or column in compared
    ]
    found: dict[QName, Evidence] = {}
    for column in interesting:
        for table in graph.carriers[column]:
            if key_name(column).family is None and primary_column(graph, table) == column:
                continue  # the row itself, or a detail of one by its own key: nobody's tenant
            for root, _ in graph.ends(table, column):
                if root != table:
                    evidence = found.setdefault(root, Evidence(root, None))
                    evidence.keyed.setdefault(column, set()).add(table)
    _add_named_after(graph, found)
    for root, evidence in found.items():
        _settle_spellings(graph, evidence)
        evidence.key = referenced_key(graph, root, evidence.columns)
    named = _by_name(graph, interesting, found)
    everything = [*found.values(), *named, *_spelled_out(graph)]
    for evidence in everything:
        accepted = frozenset(evidence.columns)
        evidence.policies = sum(1 for table in evidence.carriers if accepted & read.get(table, frozenset()))
    return sorted(everything, key=lambda e: (-e.weight, e.root or QName("", ""), e.columns))


def _add_named_after(graph: Graph, found: dict[QName, Evidence]) -> None:
    """Add the keys to a possible root that are called after it (``scope_id`` to ``iam_scope``), and as
    roots the tables that are called after tenants, whatever their keys are called (``owner_org``)."""
    for root, columns in graph.keyed.items():
        if root in found:
            for column in (c for c in columns if agrees(c, root.name)):
                found[root].keyed.setdefault(column, set()).update(columns[column])
        elif of_tenants(root.name):
            found[root] = Evidence(root, None, {c: {*tables} for c, tables in columns.items()})


def _own_key(graph: Graph, name: QName, column: str) -> bool:
    return primary_column(graph, name) == column and not graph.is_key(name, column)


def for_root(graph: Graph, root: QName) -> Evidence:
    """Return the evidence for a root that was declared, whatever its columns are called."""
    evidence = Evidence(root, None)
    for table, edges in graph.edges.items():
        for edge in edges:
            if edge.target == root:
                for column in edge.key.columns:
                    evidence.keyed.setdefault(column, set()).add(table)
    if not evidence.keyed:
        for column in graph.carriers:
            if key_name(column).keyed and agrees(column, root.name):
                tables = set(graph.carriers[column]) - {root}
                evidence.bare |= {column: tables} if tables else {}
        evidence.key = primary_column(graph, root)
        return evidence
    _settle_spellings(graph, evidence)
    for column in evidence.columns:
        for table in graph.carriers[column]:
            if (table, column) in graph.leading_to(root):
                evidence.keyed.setdefault(column, set()).add(table)
                evidence.bare.get(column, set()).discard(table)
    evidence.key = referenced_key(graph, root, evidence.columns)
    return evidence


def primary_column(graph: Graph, table: QName) -> str | None:
    """Return the column of a single-column primary key."""
    key = graph.tables[table].primary_key if table in graph.tables else None
    return key.columns[0] if key is not None and len(key.columns) == 1 else None


def referenced_key(graph: Graph, root: QName, columns: tuple[str, ...]) -> str | None:
    """Return the root's column that the tenant column references; its primary key without one."""
    keys = graph.keys_led_to(root, columns)
    if keys:
        return max(sorted(keys), key=keys.__getitem__)
    return primary_column(graph, root)


def _settle_spellings(graph: Graph, evidence: Evidence) -> None:
    """Keep the columns that are the tenant column; count the tables that carry it without a key.

    Another name is a spelling of it when it reads the same or agrees with the root, or when no table
    has both; a second key beside the tenant column (``billing_org_id``) is not.
    """
    ranked = sorted(
        evidence.keyed,
        key=lambda c: (-len(evidence.keyed[c]), key_name(c).family is None, c),
    )
    main = next((c for c in ranked if key_name(c).family is not None), ranked[0])
    kept = {main: evidence.keyed[main]}
    for column in ranked:
        if column == main:
            continue
        beside = evidence.keyed[column] & set().union(*kept.values())
        family = key_name(column).family
        after = agrees(column, evidence.root.name if evidence.root else "")
        same = after or (family is not None and family == key_name(main).family)
        if same or (key_name(column).family is not None and not beside):
            kept[column] = evidence.keyed[column]
    evidence.keyed = kept
    evidence.bare = {}
    for column, keyed in kept.items():
        bare = {
            table
            for table in graph.carriers[column]
            if table not in keyed and table != evidence.root and not graph.is_key(table, column)
        }
        if bare:
            evidence.bare[column] = bare
    _add_unkeyed_spellings(graph, evidence)


def _add_unkeyed_spellings(graph: Graph, evidence: Evidence) -> None:
    """Accept a column of the same words (``organization_id`` beside ``organizationId``) that is nowhere
    a foreign key, when no table has both."""
    said = {words(column) for column in evidence.keyed}
    for column in [c for c in graph.carriers if c not in evidence.keyed and words(c) in said]:
        tables = set(graph.carriers[column]) - {evidence.root}
        if tables.isdisjoint(evidence.carriers) and not any(graph.is_key(t, column) for t in tables):
            evidence.bare |= {column: tables} if tables else {}


def _by_name(graph: Graph, interesting: list[str], found: dict[QName, Evidence]) -> list[Evidence]:
    """Evidence from columns that nobody made a foreign key, with the table they are named after."""
    covered = {column for evidence in found.values() for column in evidence.columns}
    families: dict[str, list[dict[str, set[QName]]]] = {}
    for column in sorted(interesting, key=lambda c: (-len(graph.carriers[c]), c)):
        read_as = key_name(column)
        if column not in covered and read_as.keyed:
            spelled = families.setdefault(read_as.family or read_as.stem, [])
            alike = next((one for one in spelled if _may_be_one(graph, column, one)), None)
            if alike is None:
                spelled.append(alike := {})
            alike[column] = set(graph.carriers[column])
    return [_named_after(graph, columns) for spelled in families.values() for columns in spelled]


def _may_be_one(graph: Graph, column: str, others: dict[str, set[QName]]) -> bool:
    """Tell whether a column may be another spelling of others: the same word, or no table has two of them."""
    tables = set(graph.carriers[column])
    return all(
        key_name(column).stem == key_name(other).stem or tables.isdisjoint(carrying)
        for other, carrying in others.items()
    )


def _named_after(graph: Graph, columns: dict[str, set[QName]]) -> Evidence:
    first = max(sorted(columns), key=lambda c: len(columns[c]))
    after = [name for name in graph.tables if agrees(first, name.name) and primary_column(graph, name)]
    roots = [n for n in after if first not in graph.columns[n] or is_unique(graph, n, first)]
    exact = [name for name in roots if len(roots) == 1 or _is_called(first, name)]
    root = exact[0] if len(exact) == 1 else None
    key = root and (_column_in(graph, root, first) or primary_column(graph, root))
    bare = {c: tables - {root} for c, tables in columns.items()}
    evidence = Evidence(root, key, bare=bare)
    namesake = next((n for n in after if _is_called(first, n) and n not in roots), None)
    alone = sum(any(is_unique(graph, t, c) for c in bare) for t in evidence.carriers)
    if namesake is not None:
        evidence.doubt = (
            f"{display(namesake, graph.default_schema)} carries it too, so it may say something else"
        )
    elif alone > 1 and 2 * alone >= len(evidence.carriers):
        evidence.doubt = f"in {alone} of them it is unique, so it may be a number of the row itself"
    return evidence


def _column_in(graph: Graph, root: QName, column: str) -> str | None:
    """Return the root's column that a column names it by: of the same name, or the unique one that its name
    ends with (``tenant_record_id``, ``record_id``)."""
    if column in graph.columns[root]:
        return column
    said = words(column)
    ends = [
        c for c in graph.columns[root] if is_unique(graph, root, c) and words(c) == said[-len(words(c)) :]
    ]
    return max(ends, key=len, default=None)


def _spelled_out(graph: Graph) -> Iterator[Evidence]:
    """Evidence from columns without a foreign key that are called after a table of a word for tenants and a
    column of it (``tenant_record_id`` after ``tenants.record_id``)."""
    named: dict[str, list[QName]] = {}
    for name in graph.tables:
        stem = key_name(table_stem(name.name))
        if stem.family is not None:
            named.setdefault(stem.family, []).append(name)
    for column, tables in sorted(graph.carriers.items()):
        read, said = key_name(column), words(column)
        if not read.keyed or read.family is not None or any(graph.is_key(t, column) for t in tables):
            continue
        for cut in range(1, len(said) - 1):
            family = key_name("".join(said[:cut])).family
            for root in named.get(family or "", ()):
                rest = [c for c in graph.columns[root] if words(c) == said[cut:]]
                if rest and len(named[family or ""]) == 1:
                    key = rest[0]
                    evidence = Evidence(root, key, bare={column: {*tables} - {root}}, word=family or "")
                    if not is_unique(graph, root, key):
                        evidence.doubt = f"{key} is not unique there"
                    yield evidence


def _is_called(column: str, table: QName) -> bool:
    """Tell whether a table is called as its key says, whole: ``organizations`` for ``org_id``, not
    ``organization_tokens``."""
    key, name = key_name(column), key_name(table_stem(table.name))
    return key.stem == name.stem or (key.family is not None and key.family == name.family)


def is_unique(graph: Graph, name: QName, column: str) -> bool:
    return any(
        index.unique and index.predicate is None and index.columns == (column,)
        for index in (graph.tables[name].indexes if column in graph.columns[name] else ())
    )


def personal(evidence: Evidence) -> bool:
    """Tell whether the root would be people: owners of rows, but rarely tenants. Where their table is
    not in the catalog, the column's name tells."""
    if evidence.root is not None:
        return of_people(evidence.root.name)
    return bool(evidence.columns) and reads_as_person(evidence.columns[0])
