"""Which expressions are the tenant context: the setting, the helper, or what stands for them."""

from collections.abc import Iterator
from typing import Any

from ..facts.facts import Facts
from ..model.catalog import Function, QName
from ..sql.nodes import name_parts, uncast
from ..sql.parser import parse_messages
from ..sql.routines import sql_statements

EXPR, NULLIF = 5, 6  # SubLinkType, A_Expr_Kind


class ContextReader:
    """Recognises the tenant context. `variables` are those of a function that hold it."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.variables: frozenset[str] = frozenset()

    def gives_context(self, text: str | None) -> bool:
        """Tell whether an expression is the tenant context and nothing else. Raises `Unreadable`."""
        if text is None:
            return False
        value = _only_value(parse_messages(f"select {text}")[0].stmt.select_stmt)
        return value is not None and self.is_context(value)

    def is_context(self, node: Any) -> bool:
        """Tell whether a parsed expression is the tenant context, casts and sub-selects aside."""
        leaf = _leaf(node)
        if leaf is not None and leaf.WhichOneof("node") == "column_ref":
            return ".".join(name_parts(leaf.column_ref)) in self.variables
        return leaf is not None and leaf.WhichOneof("node") == "func_call" and self._called(leaf.func_call)

    def _called(self, call: Any) -> bool:
        if call.args:
            return self._reads_setting(call)
        known = self.facts.once(_known_calls)
        name = _name(call)
        if name not in known:
            known[name] = self._leads_to_setting(call)
        return known[name]

    def _reads_setting(self, call: Any) -> bool:
        if _name(call)[-1] != "current_setting" or not call.args:
            return False
        setting = uncast(call.args[0]).a_const.sval.sval
        return bool(setting) and setting.lower() == (self.facts.tenancy.setting or "").lower()

    def _leads_to_setting(self, call: Any) -> bool:
        """Tell whether a call without arguments returns the tenant context and does nothing else: the
        function is the helper of the config, or its body is such a call, however many lie between."""
        configured = (self.facts.tenancy.current_tenant or "").removesuffix("()").replace('"', "")
        seen: set[QName] = set()
        waiting = [call]
        while waiting:
            here = waiting.pop()
            if self._reads_setting(here):
                return True
            if here.args:
                continue
            name = _name(here)
            if configured and configured in (name[-1], ".".join(name)):
                return True
            for function in self._functions(name):
                if not function.arguments and function.qname not in seen:
                    seen.add(function.qname)
                    waiting += _calls(function)
        return False

    def _functions(self, name: tuple[str, ...]) -> Iterator[Function]:
        for function in self.facts.once(_functions_by_name).get(name[-1], ()):
            if name[:-1] in ((), (function.schema,)):
                yield function


def _name(call: Any) -> tuple[str, ...]:
    return tuple(part.string.sval for part in call.funcname)


def _known_calls(_: Facts) -> dict[tuple[str, ...], bool]:
    return {}  # what was said of each so far


def _functions_by_name(facts: Facts) -> dict[str, list[Function]]:
    found: dict[str, list[Function]] = {}
    for function in facts.catalog.functions:
        found.setdefault(function.name, []).append(function)
    return found


def _calls(function: Function) -> list[Any]:
    """Return the call that a function without arguments returns the value of, and does nothing else."""
    if not function.body:
        return []
    texts = sql_statements(function.language, function.body, "", function.returns or "")
    statements = [s.stmt for text in texts for s in parse_messages(text)]
    if len(statements) != 1 or statements[0].WhichOneof("node") != "select_stmt":
        return []
    value = _only_value(statements[0].select_stmt)
    leaf = None if value is None else _leaf(value)
    return [leaf.func_call] if leaf is not None and leaf.WhichOneof("node") == "func_call" else []


def _only_value(select: Any) -> Any:
    """Return the expression that is all of a query; None where it has more than one, or reads a table."""
    targets = select.target_list
    if select.from_clause or select.HasField("where_clause") or len(targets) != 1:
        return None
    return targets[0].res_target.val


def _leaf(node: Any) -> Any:
    """Return what an expression takes its value from: without casts, NULLIF and sub-selects around it."""
    while node is not None:
        node = uncast(node)
        kind = node.WhichOneof("node")
        if kind == "a_expr" and node.a_expr.kind == NULLIF:
            node = node.a_expr.lexpr
        elif kind == "sub_link" and node.sub_link.sub_link_type == EXPR:
            node = _only_value(node.sub_link.subselect.select_stmt)
        else:
            return node
    return None
