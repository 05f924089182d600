"""Which columns policies compare with the tenants of a person, who is looked up in a table of members.

This only supports the identification of the tenancy; whether a policy is right is judged elsewhere.
"""

from collections.abc import Iterable, Iterator

from ..model.catalog import Catalog, Function, QName, Table
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.reading import read_expression
from ..sql.routines import read_body
from ..sql.words import reads_as_person
from .policies import PolicyReader, compared, compared_column


class MemberReader:
    """Reads columns from policy texts; each distinct text of a table's name once."""

    def __init__(self, catalog: Catalog, reader: PolicyReader) -> None:
        self._reader = reader
        bodies = {f.name: nodes for f in catalog.functions if (nodes := _nodes(f))}
        self.lookups = {name for name, nodes in bodies.items() if self._looks_up(nodes)}
        for name, nodes in bodies.items():
            if any(isinstance(node, s.Call) and node.name in self.lookups for node in nodes):
                self.lookups.add(name)
        self._nodes: dict[str, list[s.Node]] = {}
        self._known: dict[tuple[str, str], frozenset[str]] = {}

    def by_table(self, tables: Iterable[Table]) -> dict[QName, frozenset[str]]:
        """Return the columns of each table that its policies compare with the tenants of a person."""
        return {table.qname: self._of(table) for table in tables if table.policies}

    def _of(self, table: Table) -> frozenset[str]:
        texts = (text for policy in table.policies for text in (policy.using, policy.check) if text)
        return frozenset().union(*(self._read(text, table.name) for text in texts))

    def _read(self, text: str, table: str) -> frozenset[str]:
        if text not in self._nodes:
            self._nodes[text] = self._nodes_that_look_up(text)
        nodes = self._nodes[text]
        if nodes and (text, table) not in self._known:
            self._known[text, table] = frozenset(c for node in nodes for c in self._columns(node, table))
        return self._known[text, table] if nodes else frozenset()

    def _nodes_that_look_up(self, text: str) -> list[s.Node]:
        """Return the nodes of a text; nothing where it reads no table, itself or by a function."""
        try:
            nodes = [*s.walk(read_expression(text))]
        except Unreadable:
            return []
        names = {node.name for node in nodes if isinstance(node, s.Call)}
        return nodes if names & self.lookups or any(isinstance(n, s.Table) for n in nodes) else []

    def _columns(self, node: s.Node, table: str) -> Iterator[str]:
        match node:
            case s.Call(name=name, args=args) if name in self.lookups:
                yield from (arg.name for arg in map(s.uncast, args) if isinstance(arg, s.Column))
            case s.Exists(query=query) if self._of_a_person(query):
                sides = (side for n in s.walk(query) for pair in [compared(n) or ()] for side in pair)
                columns = (s.uncast(side[0]) for side in sides if len(side) == 1)
                yield from (c.name for c in columns if isinstance(c, s.Column) and c.qualifier == table)
            case (
                s.AnySelect(operator="=", left=left, query=other, every=False)
                | s.Quantified(operator="=", left=left, array=other, every=False)
            ) if self._of_a_person(other):
                yield from filter(None, (compared_column((left,)),))
            case s.Operation(operator="=", left=left, right=right) if left is not None:
                for mine, other in ((left, right), (right, left)):
                    if isinstance(s.uncast(mine), s.Column) and self._of_a_person(other):
                        yield from filter(None, (compared_column((mine,)),))

    def _of_a_person(self, node: s.Node) -> bool:
        """Tell whether rows of the person who asks are looked up there."""
        nodes = [*s.walk(node)]
        called = any(isinstance(n, s.Call) and n.name in self.lookups for n in nodes)
        return called or self._looks_up(nodes)

    def _looks_up(self, nodes: list[s.Node]) -> bool:
        """Tell whether rows are picked by a column of people that is compared with the session, or with an
        argument."""
        if not any(isinstance(node, s.Table) for node in nodes):
            return False
        for node in nodes:
            sides = compared(node)
            for mine, other in (sides, sides[::-1]) if sides else ():
                column = compared_column(mine)
                if column is None or not reads_as_person(column):
                    continue
                if self._reader.reads_session(other) or any(isinstance(n, s.Param) for n in s.walk(*other)):
                    return True
        return False


def _nodes(function: Function) -> list[s.Node]:
    """Return all nodes of a body; nothing where it cannot be read."""
    try:
        body = read_body(function.language, function.body or "", function.arguments, function.returns or "")
    except Unreadable:
        return []
    return [*(s.walk(*body.statements) if body.function is None else s.walk(body.function))]
