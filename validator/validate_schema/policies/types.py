"""What types, casts, operators and collations make of values: when two that are equal are the same."""

import re
from collections.abc import Mapping
from functools import cached_property

from ..model.catalog import Catalog, QName, Table
from ..sql.tree import Node, opaque

_TEXTS = ("character varying", "text", "character", "name")
_COMPARING = ("compare", "distinct", "nullif", "any", "all")
_LIMITED = re.compile(r"(character varying|character|bpchar)(?:\((\d+)\))?")


class Types:
    """The types of a database, and what somebody made of the server's own."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._home = catalog.server.default_schema

    @cached_property
    def enums(self) -> Mapping[QName, tuple[str, ...]]:
        return {e.qname: e.labels for e in self._catalog.enums}

    @cached_property
    def domains(self) -> Mapping[QName, str]:
        return {d.qname: d.base_type for d in self._catalog.domains}

    def kind(self, shown: str) -> str:
        """Return the kind of values of a type as the server prints it: text, int, uuid, bool, enum
        name, or "other"."""
        if shown.startswith(_TEXTS) and not shown.endswith("[]"):
            return "text"
        return {"bigint": "int", "integer": "int", "smallint": "int", "uuid": "uuid", "boolean": "bool"}.get(
            shown, "other"
        )

    def spelled(self, table: Table) -> frozenset[str]:
        """Return the columns of which two values may be one as a key of another type: '7' and '07'."""
        return frozenset(c.name for c in table.columns if self.kind(c.base_type) not in ("uuid", "int"))

    def named_type(self, shown: str) -> QName:
        schema, _, name = shown.rpartition(".")
        return QName(schema or self._home, name)

    @cached_property
    def _ambiguous(self) -> frozenset[str]:
        """The collations, by schema and name, under which texts of different bytes may be equal."""
        return frozenset(f"{c.schema}.{c.name}" for c in self._catalog.collations if not c.deterministic)

    @cached_property
    def _redefined(self) -> frozenset[str]:
        """The comparisons that somebody defined again for types of the server's own."""
        sides = ((o.name, (o.left, o.right)) for o in self._catalog.operators)
        return frozenset(name for name, types in sides if any(map(_own_type, types)))

    @cached_property
    def _converted(self) -> frozenset[tuple[str, str]]:
        """The kinds of values from and to which a cast leads that somebody made."""
        made = (c for c in self._catalog.casts if c.method == "function")
        return frozenset((self.kind(c.source), self.kind(c.target)) for c in made)

    def is_ambiguous(self, collation: str) -> bool:
        """Tell whether texts of different bytes may be equal under a collation."""
        name = self.named_type(collation)
        return f"{name.schema}.{name.name}" in self._ambiguous

    def read(self, node: Node) -> Node | None:
        """Return what a cast, a collation or a comparison means here; None where it means what it says."""
        if node.op == "cast":
            return self._cast(node)
        if node.op == "collate":
            shown = ".".join(node.value)
            return opaque(f"the collation {shown}", node.args) if self.is_ambiguous(shown) else node.args[0]
        if node.op in _COMPARING and (node.value or "=") in self._redefined:
            return opaque(f"the operator {node.value or '='}, which is defined again", node.args)
        return None

    def _cast(self, node: Node) -> Node:
        to = self._cast_to(node.value)
        sources = {source for source, target in self._converted if target == to}
        if sources and ("text" in sources or node.args[0].op not in ("const", "variable")):
            return opaque(f"a cast to {to} that somebody made", node.args)
        return node._replace(value=to)

    def _cast_to(self, to: str) -> str:
        suffix = "[]" if to.endswith("[]") else ""
        plain = to.removesuffix("[]")
        if "." not in plain and plain not in ("citext",):
            return to
        name = self.named_type(plain)
        if name in self.enums:
            return f"enum {plain}{suffix}"
        base = self.domains.get(name)
        return (_width(base) or self.kind(base) if base else plain) + suffix


def _own_type(shown: str | None) -> bool:
    """Tell whether a type, as the server prints it, is the server's own."""
    return shown is not None and "." not in shown


def _width(shown: str) -> str | None:
    """Return the cast to a text of limited length; None for other types."""
    found = _LIMITED.fullmatch(shown)
    if found is None:
        return "text(63)" if shown == "name" else None
    if not found[1].endswith("varying"):
        return "short text"
    return f"text({found[2]})" if found[2] else None
