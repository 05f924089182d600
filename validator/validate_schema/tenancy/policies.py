"""What policies compare with a setting, read from their text as the server prints it.

This only supports the identification of the tenancy; whether a policy is right is judged elsewhere.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..model.catalog import Catalog, Function, QName, Table
from ..sql import syntax as s
from ..sql.parser import Unreadable
from ..sql.reading import read_expression
from ..sql.routines import read_body
from ..sql.settings import LOGIN, claim_setting, is_written_by_client, said_by, word_for

# Functions of Supabase and Neon themselves, which are not in the catalog. Sources: Supabase's migrations of
# `auth`, the documentation of pg_session_jwt.
_PLATFORM = {
    QName("auth", "uid"): "request.jwt.claim.sub",
    QName("auth", "user_id"): "request.jwt.claim.sub",
    QName("auth", "jwt"): "request.jwt.claims",
    QName("auth", "session"): "request.jwt.claims",
}


class Comparison(NamedTuple):
    """A column that a policy compares with the tenant context: a setting, through `helper` or not."""

    column: str
    setting: str
    helper: QName | None


class PolicyReader:
    """Reads comparisons from policy texts; each distinct text once."""

    def __init__(self, catalog: Catalog) -> None:
        self.helpers = _helpers(catalog)
        self._reading_tables = frozenset(f.name for f in catalog.functions if f.touches)
        self._known: dict[str, frozenset[Comparison]] = {}

    def by_table(self, tables: Iterable[Table]) -> dict[QName, frozenset[Comparison]]:
        """Return what the policies of each table that has any compare with a setting."""
        return {table.qname: self._of(table) for table in tables if table.policies}

    def _of(self, table: Table) -> frozenset[Comparison]:
        texts = [text for policy in table.policies for text in (policy.using, policy.check) if text]
        return self._read(texts[0]) if len(texts) == 1 else frozenset().union(*map(self._read, texts))

    def _read(self, text: str) -> frozenset[Comparison]:
        if text not in self._known:
            self._known[text] = frozenset(self._parse(text))
        return self._known[text]

    def _parse(self, text: str) -> Iterator[Comparison]:
        try:
            tree = read_expression(text)
        except Unreadable:
            return
        for node in s.walk(tree):
            sides = compared(node)
            for mine, other in (sides, sides[::-1]) if sides else ():
                column = compared_column(mine)
                if column is not None:
                    yield from (Comparison(column, *read) for read in self._contexts(other))

    def reads_session(self, nodes: tuple[s.Node, ...]) -> bool:
        """Tell whether expressions read a setting, themselves or by a helper."""
        return next(self._contexts(nodes), None) is not None

    def _contexts(self, nodes: tuple[s.Node, ...]) -> Iterator[tuple[str, QName | None]]:
        """Yield the settings that are read below, and the helpers by which; not those that another
        comparison further down is about."""
        stack = [*nodes]
        while stack:
            node = stack.pop()
            setting = said_by(node)
            if setting is not None and not is_written_by_client(setting.name):
                yield _canonical(setting.name), None
            elif isinstance(node, s.Call) and not node.args:
                helper = QName(node.schema, node.name)
                if helper in self.helpers:
                    yield self.helpers[helper], helper
            elif isinstance(node, s.Call) and node.name in self._reading_tables:
                continue  # what a function finds in a table is not what it was asked with
            elif compared(node) is None:
                stack.extend(s.children(node))


_Sides = tuple[tuple[s.Node, ...], tuple[s.Node, ...]]


def compared(node: s.Node) -> _Sides | None:
    """Return what a comparison by equality stands between; None for anything else."""
    match node:
        case s.Operation(operator="=", left=left, right=right) if left is not None:
            return (left,), (right,)
        case s.Quantified(operator="=", left=left, array=array, every=False):
            return (left,), (array,)
        case s.In(value=value, items=items, negated=False):
            return (value,), items
        case s.AnySelect(operator="=", left=left, query=query, every=False):
            targets = query.targets if isinstance(query, s.Select) else ()
            return (left,), tuple(target.value for target in targets if target.value is not None)
    return None


def compared_column(nodes: tuple[s.Node, ...]) -> str | None:
    """Return the column that one side of a comparison is, or is worked out from."""
    if len(nodes) != 1 or next(s.subselects(*nodes), None) is not None:
        return None
    names = [node.name for node in s.walk(*nodes) if isinstance(node, s.Column)]
    return names[-1] if names else None


def _helpers(catalog: Catalog) -> dict[QName, str]:
    """Functions without arguments that read a setting, themselves or through one another, and no table."""
    made = {f.qname: _session_reads(f) for f in catalog.functions if f.body and not f.arguments}
    found = dict(_PLATFORM)
    for name, nodes in made.items():
        read = next((setting for setting in map(said_by, nodes) if setting is not None), None)
        if read is not None:
            found[name] = _canonical(read.name)
    by_name = {name.name: setting for name, setting in found.items()}
    for name, nodes in made.items():
        bare = (node.name for node in nodes if isinstance(node, s.Call) and not node.args)
        called = (by_name[other] for other in bare if other in by_name)
        if name not in found and (setting := next(called, None)) is not None:
            found[name] = setting
    return found


def _canonical(setting: str) -> str:
    """Return the name of a setting; of one that holds all claims, the newer of the two."""
    name, claim = claim_setting(setting)
    return setting if claim or name == setting.lower() else name


def _session_reads(function: Function) -> list[s.Node]:
    """Return what a body calls, in the order of the text, and then the words for the session's role that it
    reads; nothing if it reads a table or cannot be read. To a SECURITY DEFINER the current user is its
    owner."""
    try:
        body = read_body(function.language, function.body or "", "", function.returns or "")
    except Unreadable:
        return []
    nodes = [*(s.walk(*body.statements) if body.function is None else s.walk(body.function))]
    if any(isinstance(node, s.Table) for node in nodes):
        return []
    words = [node for node in nodes if isinstance(node, s.SessionValue)]
    if function.security_definer:
        words = [node for node in words if word_for(LOGIN) == node.name]
    return [*(node for node in nodes if isinstance(node, s.Call)), *words]
