"""Give every table its class, the shape in which it is owned, and the reason."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import msgspec

from ..config import TenancyConfig
from ..facts.platforms import of_frameworks
from ..model.catalog import QName
from ..model.tenancy import NO_PATH, Level, Ownership, Path, Standing, TableClass
from ..sql.ident import display
from ..sql.patterns import NamePattern, parse_pattern
from .graph import Edge, Graph
from .shape import Shapes, steps

_CLASSES = {
    "tenancy.tenant": TableClass.TENANT,
    "tenancy.inherited": TableClass.INHERITED,
    "tenancy.global": TableClass.GLOBAL,
    "tenancy.exempt": TableClass.EXEMPT,
}


class Declared(NamedTuple):
    """What the config says about a table, and the sentence for it."""

    table_class: TableClass
    why: str


class _Carried(NamedTuple):
    """A table's tenant column; `keyed` tells that a foreign key leads from it to the level's root."""

    level: int
    column: str
    keyed: bool


class _Walk(msgspec.Struct, frozen=True):
    """How a table reaches the one that owns it: the tables after itself, and the first key."""

    path: Path
    edge: Edge


def classify(
    graph: Graph,
    levels: tuple[Level, ...],
    config: TenancyConfig,
    today: date,
    read: dict[QName, frozenset[str]],
) -> tuple[Standing, ...]:
    """Return a standing for every table of the catalog, sorted by name.

    Without levels nothing but declared tables, ledgers and what a framework made has a class.
    """
    return _Classifier(graph, levels, config, today, read).standings()


class _Classifier:
    def __init__(
        self,
        graph: Graph,
        levels: tuple[Level, ...],
        config: TenancyConfig,
        today: date,
        read: dict[QName, frozenset[str]],
    ) -> None:
        self.graph, self.levels, self.read = graph, levels, read
        self.declared, self.lapsed = _declarations(graph, config, today)
        self.frameworks = of_frameworks(graph.columns)
        self.said: dict[_Carried, str] = {}
        self.notes: dict[QName, str] = {}
        self.top = levels[0].root if levels else None
        self.roots = {level.root: index for index, level in enumerate(levels) if level.root is not None}
        self.carried = self._all_carried() if levels else {}
        self.stopped = frozenset(
            n for n, d in self.declared.items() if d.table_class in (TableClass.GLOBAL, TableClass.EXEMPT)
        )
        self.owners = frozenset(name for name in graph.tables if self._owns(name)) if levels else frozenset()
        self.walks = self._reach() if levels else {}
        columns = {name: carried.column for name, carried in self.carried.items()}
        paths = dict.fromkeys(self.owners, NO_PATH) | {name: walk.path for name, walk in self.walks.items()}
        self.shapes = Shapes(graph, paths, columns)

    def standings(self) -> tuple[Standing, ...]:
        found = {name: self._standing(name) for name in self.graph.tables}
        for name, tool in self.graph.ledgers.items():
            found[name] = Standing(name, TableClass.LEDGER, Ownership.NONE, f"{tool}'s own book-keeping")
        for name in self.graph.partitions:
            parent = self.graph.whole(name)
            if parent in found:
                above = found[parent]
                found[name] = Standing(
                    name,
                    above.table_class,
                    above.ownership,
                    f"partition of {self._show(parent)}",
                    above.declared,
                    above.column,
                    above.level,
                    above.path,
                )
            else:
                found[name] = Standing(
                    name, TableClass.UNCLASSIFIED, Ownership.NONE, f"partition of {self._show(parent)}"
                )
        return tuple(found[name] for name in sorted(found))

    def _all_carried(self) -> dict[QName, _Carried]:
        spelled = {column for level in self.levels for column in level.columns}
        possible = dict.fromkeys(t for column in sorted(spelled) for t in self.graph.carriers.get(column, ()))
        return {name: carried for name in possible if (carried := self._carried(name)) is not None}

    def _carried(self, name: QName) -> _Carried | None:
        """Return the tenant column of a table: the deepest level's that every row has.

        A deeper key that may be NULL beside an outer one that may not is only a reference; and where
        policies compare one of them with a setting, that is the one.
        """
        if name == self.top:
            return None
        columns, required = self.graph.columns[name], self.graph.required[name]
        found: list[tuple[tuple[bool, bool, int, bool], _Carried]] = []
        for index, level in enumerate(self.levels):
            if level.root == name:
                continue
            for column in level.columns:
                if column not in columns or (keyed := self._keyed(name, column, level)) is None:
                    continue
                compared = column in self.read.get(name, frozenset())
                found.append(((compared, column in required, index, keyed), _Carried(index, column, keyed)))
        return max(found, key=lambda item: item[0])[1] if found else None

    def _keyed(self, name: QName, column: str, level: Level) -> bool | None:
        """Tell whether a column is a foreign key to the root of `level`; None where it leads
        elsewhere and so is not the tenant column at all."""
        if level.root is not None and (name, column) in self.graph.leading_to(level.root):
            return True
        elsewhere = self.graph.first_led_to(name, column)
        if elsewhere is None or (name, column) in self.graph.leading_to_any(level.columns):
            return False
        if level.root is None:
            return False
        self.notes[name] = f"its {column} is a key of {self._show(elsewhere[0])}, not of a tenant"
        return None

    def _owns(self, name: QName) -> bool:
        """Tell whether ownership starts at this table."""
        if name in self.declared:
            return name == self.top or self.declared[name].table_class is TableClass.TENANT
        return name in self.carried or name in self.roots

    def _reach(self) -> dict[QName, _Walk]:
        """Walk foreign keys backwards from the owning tables: first by keys that every row has and
        the server vouches for, then by those it does not vouch for, then from tables declared as
        inherited that were not reached."""
        incoming = self.graph.required_edges
        owners = [name for name in self.graph.tables if name in self.owners]
        walks: dict[QName, _Walk] = {}
        self._spread(owners, incoming, walks, valid_only=True)
        if any(not edge.valid for edges in incoming.values() for edge in edges):
            self._spread([*owners, *sorted(walks)], incoming, walks, valid_only=False)
        declared = [
            n
            for n, d in self.declared.items()
            if d.table_class is TableClass.INHERITED and n not in walks and n in self.graph.tables
        ]
        self._spread(declared, incoming, walks, valid_only=False)
        return walks

    def _spread(
        self,
        sources: Iterable[QName],
        incoming: dict[QName, list[Edge]],
        walks: dict[QName, _Walk],
        *,
        valid_only: bool,
    ) -> None:
        layer = list(sources)
        while layer:
            reached = []
            for target in layer:
                onward = walks[target].path if target in walks else NO_PATH
                for edge in incoming.get(target, ()):
                    if edge.source in self.owners or edge.source in walks or edge.source in self.stopped:
                        continue
                    if edge.valid or not valid_only:
                        walks[edge.source] = _Walk(Path(target, onward), edge)
                        reached.append(edge.source)
            layer = reached

    def _standing(self, name: QName) -> Standing:
        declared = self.declared.get(name)
        if name == self.top:
            why = self._root_why(0)
            return Standing(name, TableClass.ROOT, Ownership.NONE, why)
        if declared is not None:
            return self._declared_standing(name, declared)
        carried = self.carried.get(name)
        if carried is not None:
            return self._tenant(name, carried)
        if name in self.roots:
            index = self.roots[name]
            return Standing(name, TableClass.ROOT, Ownership.NONE, self._root_why(index), level=index)
        walk = self.walks.get(name)
        if walk is not None:
            return Standing(
                name,
                TableClass.INHERITED,
                Ownership.PATH,
                self._noted(name, self._walk_why(walk)),
                path=walk.path,
            )
        ownership, why, path = self._shape(name)
        if name in self.frameworks:
            return Standing(name, TableClass.EXEMPT, ownership, self.frameworks[name], path=path)
        return Standing(name, TableClass.UNCLASSIFIED, ownership, self._noted(name, why), path=path)

    def _tenant(self, name: QName, carried: _Carried) -> Standing:
        why = self.said.get(carried) or self.said.setdefault(carried, self._carries(carried))
        others = self._of_other_levels(name, carried.level) if len(self.levels) > 1 else ()
        if others:
            why += f"; also carries {', '.join(others)} of another level"
        return Standing(
            name,
            TableClass.TENANT,
            self._column_shape(name, carried.column),
            self._noted(name, why),
            column=carried.column,
            level=carried.level,
        )

    def _carries(self, carried: _Carried) -> str:
        root = self.levels[carried.level].root
        if root is None:
            return f"carries {carried.column}"
        how = "a foreign key" if carried.keyed else "without a foreign key"
        return f"carries {carried.column}, {how} to {self._show(root)}"

    def _of_other_levels(self, name: QName, index: int) -> tuple[str, ...]:
        others = (c for i, level in enumerate(self.levels) if i != index for c in level.columns)
        return tuple(dict.fromkeys(c for c in others if c in self.graph.columns[name]))

    def _declared_standing(self, name: QName, declared: Declared) -> Standing:
        carried, walk = self.carried.get(name), self.walks.get(name)
        ownership, why, path = self._shape(name)
        if carried is not None:
            ownership, path = self._column_shape(name, carried.column), ()
        elif walk is not None:
            ownership, path = Ownership.PATH, walk.path
            why = self._walk_why(walk)
        said = declared.why
        if declared.table_class is TableClass.INHERITED:
            said += f"; {why}" if carried is None else f"; it carries {carried.column} itself"
        elif declared.table_class is TableClass.TENANT and carried is None:
            said += "; it does not carry the tenant column"
        elif declared.table_class in (TableClass.GLOBAL, TableClass.EXEMPT) and carried is not None:
            said += f"; it carries {carried.column}"
        tenant = declared.table_class is TableClass.TENANT and carried is not None
        return Standing(
            name,
            declared.table_class,
            ownership,
            self._noted(name, said),
            declared=True,
            column=carried.column if tenant and carried else None,
            level=carried.level if tenant and carried else 0,
            path=path if declared.table_class is TableClass.INHERITED else (),
        )

    def _column_shape(self, name: QName, column: str) -> Ownership:
        sure = column in self.graph.required[name]
        return Ownership.COLUMN if sure else Ownership.NULLABLE_COLUMN

    def _shape(self, name: QName) -> tuple[Ownership, str, Sequence[QName]]:
        if not self.levels:
            return Ownership.NONE, "the tenant root and tenant column were not identified", ()
        return self.shapes.of(name)

    def _walk_why(self, walk: _Walk) -> str:
        why = f"owned through {', '.join(walk.edge.key.columns)} → {steps(self.graph, walk.path)}"
        return why if walk.edge.valid else f"{why}; that foreign key is {walk.edge.key.state}"

    def _root_why(self, index: int) -> str:
        columns = " or ".join(self.levels[index].columns)
        return (
            f"the table whose rows are tenants; {columns} references it"
            if index == 0
            else (f"the root of level {index}; {columns} references it")
        )

    def _noted(self, name: QName, why: str) -> str:
        notes = [note[name] for note in (self.notes, self.lapsed) if name in note]
        return "; ".join([why, *notes]) if notes else why

    def _show(self, name: QName) -> str:
        return display(name, self.graph.default_schema)


def _declarations(
    graph: Graph, config: TenancyConfig, today: date
) -> tuple[dict[QName, Declared], dict[QName, str]]:
    """Return what the config declares of each table, and the notes about lapsed exemptions.

    An exact name comes before a pattern; among patterns tenant, inherited, global, exempt in turn.
    """
    found: dict[QName, Declared] = {}
    lapsed: dict[QName, str] = {}
    entries: list[tuple[NamePattern, Declared]] = []
    for key, names in (
        ("tenancy.tenant", config.tenant),
        ("tenancy.inherited", config.inherited),
        ("tenancy.global", config.global_),
    ):
        entries += [(parse_pattern(name), Declared(_CLASSES[key], f"declared in {key}")) for name in names]
    for exempt in config.exempt:
        pattern = parse_pattern(exempt.table)
        if exempt.expires is not None and exempt.expires < today:
            note = f"its exemption expired on {exempt.expires.isoformat()}"
            lapsed |= dict.fromkeys(_meant(graph, pattern), note)
        else:
            until = f" until {exempt.expires.isoformat()}" if exempt.expires else ""
            entries.append((pattern, Declared(TableClass.EXEMPT, f"exempt{until}: {exempt.reason}")))
    for exact in (True, False):
        for pattern, declared in entries:
            if pattern.exact is exact:
                for name in _meant(graph, pattern):
                    found.setdefault(name, declared)
    return found, lapsed


def _meant(graph: Graph, pattern: NamePattern) -> list[QName]:
    if pattern.exact:
        name = pattern.qname(graph.default_schema)
        return [name] if name in graph.tables else []
    return [name for name in graph.tables if pattern.matches(name, graph.default_schema)]


def table_names(graph: Graph, patterns: Iterable[str]) -> tuple[QName, ...]:
    """Return the existing tables that the config's names and patterns mean, sorted."""
    return tuple(sorted({name for text in patterns for name in _meant(graph, parse_pattern(text))}))
