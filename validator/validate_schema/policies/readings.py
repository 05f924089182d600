"""What one policy says by itself: the settings it reads, what breaks a session, what runs per row."""

from collections.abc import Iterator
from functools import cached_property

from ..model.catalog import Policy, QName, Table
from ..model.reading import PolicyReading
from ..sql.parse import parse
from ..sql.tree import SELECTS, Node, Select, conjuncts, walk
from .bind import names_person
from .claims import identity, variable_name
from .world import Schema

_UNSET = "current_setting('{}') without missing_ok fails in a session that never set it"
_EMPTY = "{0} is '' on a pooled connection after RESET, which is no {1}"
_STRICT_TYPES = frozenset({"uuid", "int", "bool", "json"})


class Reader:
    """Reads policies; each distinct pair of expressions once."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._known: dict[tuple[str, ...], tuple[tuple[object, ...], ...]] = {}

    def read(self, table: Table, policy: Policy) -> PolicyReading:
        texts = tuple(dict.fromkeys(t for t in (policy.using, policy.check) if t is not None))
        known = self._known.get(texts)
        if known is None:
            known = self._known[texts] = self._read(texts)
        return PolicyReading(table.qname, policy.name, *known)  # type: ignore[arg-type]

    def _read(self, texts: tuple[str, ...]) -> tuple[tuple[object, ...], ...]:
        plain = [parse(text) for text in texts]
        read = [self.schema.expand(text) for text in texts]
        nodes = [n for node in read for n in walk(node)]
        settings = sorted({self._setting(n.value) for n in nodes if n.op == "variable"})
        undecided = dict.fromkeys(str(n.value) for n in nodes if n.op == "opaque")
        unwrapped = dict.fromkeys(name for node in plain for name in self._per_row(node))
        brittle = [_UNSET.format(name) for name, missing_ok in settings if not missing_ok]
        brittle += list(dict.fromkeys(self._empty_casts(nodes)))
        lone = dict.fromkeys(name for n in nodes if n.op == "scalar" for name in self._lone(n.value))
        return (tuple(settings), tuple(undecided), tuple(unwrapped), tuple(brittle), tuple(lone))

    def _lone(self, select: Select) -> Iterator[QName]:
        """Yield the table of memberships that a sub-select takes one row of, where it may find several."""
        for relation in select.relations if len(select.relations) == 1 else ():
            name = QName(relation.schema or self.schema.home, relation.name)
            for membership in self.schema.memberships.get(name, ()):
                persons = frozenset({variable_name(membership.variable)})
                picked = any(
                    names_person(p, relation.alias, persons, frozenset()) for p in conjuncts(select.where)
                )
                target = identity(select.target) if select.target is not None else None
                one = any(
                    i.unique and set(i.columns) == {membership.person}
                    for i in self.schema.tables[name].indexes
                )
                if picked and not one and target and target.value == (relation.alias, membership.tenant):
                    yield name

    def _setting(self, value: tuple[str, bool]) -> tuple[str, bool]:
        name, strict = value[:2]
        name = name.removeprefix("claim ").removeprefix("setting ") if name != "context" else name
        first = name.split(" ")[0]
        return (self.schema.setting or "" if first == "context" else first, not strict)

    def _per_row(self, node: Node) -> list[str]:
        """Return the stable calls that are not inside a scalar sub-select."""
        if node.op == "setting":
            return [f"current_setting('{node.value[0]}')"]
        if node.op == "wrapped":
            return []
        found = []
        if node.op == "call" and not any(n.op == "column" for n in walk(node)):
            schema, name = node.value
            if name in self._stable and not name.startswith("operator "):
                found.append(f"{schema}.{name}()" if schema else f"{name}()")
        for arg in node.args:
            found += self._per_row(arg)
        if node.op in SELECTS:
            for part in (node.value.where, node.value.target if node.value.relations else None):
                found += self._per_row(part) if part is not None else []
        return found

    @cached_property
    def _stable(self) -> frozenset[str]:
        return frozenset(f.name for f in self.schema.catalog.functions if f.volatility != "immutable")

    def _empty_casts(self, nodes: list[Node]) -> list[str]:
        bare = [n for n in nodes if n.op == "variable" and n.value[2:] == (True,) and not n.value[1]]
        found = [_EMPTY.format(self._setting(n.value)[0], "json") for n in bare]
        for node in nodes:
            if node.op == "cast" and node.value in _STRICT_TYPES:
                held = node.args[0]
                while (held.op == "cast" and held.value == "text") or held.op == "wrapped":
                    held = held.args[0]
                if held.op == "variable" and len(held.value) == 2:  # no claim: none is empty with the setting
                    name, ok = self._setting(held.value)
                    if ok:
                        found.append(_EMPTY.format(name, node.value))
        return found
