"""Which expressions are the tenant context: the setting, the helper, or what stands for them."""

from collections.abc import Iterator
from typing import Any

from ..facts.facts import Facts
from ..model.catalog import Function
from ..sql.nodes import name_parts, uncast
from ..sql.parser import parse_messages
from ..sql.routines import sql_statements

EXPR, NULLIF = 5, 6  # SubLinkType, A_Expr_Kind


class ContextReader:
    """Recognises the tenant context. `variables` are those of a function that hold it."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.variables: frozenset[str] = frozenset()
        self._helpers: set[str] = set()

    def gives_context(self, text: str | None) -> bool:
        """Tell whether an expression is the tenant context and nothing else. Raises `Unreadable`."""
        if text is None:
            return False
        return self._only_context(parse_messages(f"select {text}")[0].stmt.select_stmt)

    def _only_context(self, select: Any) -> bool:
        targets = select.target_list
        if select.from_clause or select.HasField("where_clause") or len(targets) != 1:
            return False
        return self.is_context(targets[0].res_target.val)

    def is_context(self, node: Any) -> bool:
        """Tell whether a parsed expression is the tenant context, casts and sub-selects aside."""
        node = uncast(node)
        kind = node.WhichOneof("node")
        if kind == "a_expr" and node.a_expr.kind == NULLIF:
            return self.is_context(node.a_expr.lexpr)
        if kind == "sub_link" and node.sub_link.sub_link_type == EXPR:
            return self._only_context(node.sub_link.subselect.select_stmt)
        if kind == "column_ref":
            return ".".join(name_parts(node.column_ref)) in self.variables
        return kind == "func_call" and self._is_context_call(node.func_call)

    def _is_context_call(self, call: Any) -> bool:
        name = tuple(part.string.sval for part in call.funcname)
        if name[-1] == "current_setting" and call.args:
            setting = uncast(call.args[0]).a_const.sval.sval
            return bool(setting) and setting.lower() == (self.facts.tenancy.setting or "").lower()
        if call.args:
            return False
        configured = (self.facts.tenancy.current_tenant or "").removesuffix("()").replace('"', "")
        if configured and configured in (name[-1], ".".join(name)):
            return True
        return any(self._is_helper(f) for f in self._functions(name))

    def _functions(self, name: tuple[str, ...]) -> Iterator[Function]:
        for function in self.facts.catalog.functions:
            if function.name == name[-1] and name[:-1] in ((), (function.schema,)):
                yield function

    def _is_helper(self, function: Function) -> bool:
        """Tell whether a function without arguments returns the tenant context and does nothing else."""
        if function.arguments or not function.body or function.name in self._helpers:
            return False
        self._helpers.add(function.name)
        try:
            texts = sql_statements(function.language, function.body, "", function.returns or "")
            statements = [s.stmt for text in texts for s in parse_messages(text)]
        finally:
            self._helpers.discard(function.name)
        one = len(statements) == 1 and statements[0].WhichOneof("node") == "select_stmt"
        return one and self._only_context(statements[0].select_stmt)
