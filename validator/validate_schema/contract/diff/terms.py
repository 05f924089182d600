"""On what terms two catalogs are compared: whose names mean the same, which texts may differ."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ...model.catalog import FORMAT, Catalog, Constraint, QName
from ...sql.compare import same_expression, same_statement, same_type
from ...sql.ident import quote_qname, unquote_ident
from ...sql.predicates import check_expression

_IDENT = r'"(?:[^"]|"")+"|[^\W\d][\w$]*'
_QUALIFIED = re.compile(rf"(?<![\w$])({_IDENT})\.({_IDENT})(?![\w$])")  # as the server prints a name


def _powerful(catalog: Catalog) -> frozenset[str]:
    return frozenset(role.name for role in catalog.roles if role.superuser or role.bypassrls)


class Terms(NamedTuple):
    """`exact`: one server version printed both sides, so that its text is its meaning. `renamed` leads
    from a table's old name to its new one. `maintain`: both servers know that privilege. `format` is the
    older of the snapshot formats that both sides were read for. `guarded`: row-level security is on, so
    that the policies at hand decide something. `powerful` are the roles of either side whom no policy
    holds."""

    default_schema: str
    exact: bool
    maintain: bool
    renamed: Mapping[QName, QName]
    format: int = FORMAT
    guarded: bool = True
    powerful: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())

    @classmethod
    def of(cls, before: Catalog, after: Catalog) -> "Terms":
        versions = before.server.version_num // 10_000, after.server.version_num // 10_000
        return cls(
            after.server.default_schema,
            exact=versions[0] == versions[1],
            maintain=min(versions) >= 17,
            renamed={},
            format=min(before.format, after.format),
            powerful=(_powerful(before), _powerful(after)),
        )

    def type(self, before: str, after: str) -> bool:
        """Tell whether both are the same type."""
        return before == after or same_type(before, after, self.default_schema)

    def expression(self, before: str | None, after: str | None, of_type: str | None = None) -> bool:
        """Tell whether both are the same expression; `of_type` is the type of the column it fills."""
        if before == after:
            return True
        return same_expression(self._retold(before), after, self.default_schema, of_type)

    def query(self, before: str, after: str) -> bool:
        """Tell whether both are the same query. Versions of the server print one query differently."""
        if before == after:
            return True
        if self.exact and not self.renamed:
            return False
        plain = (self._retold(before) or "").rstrip(" \n;"), after.rstrip(" \n;")
        return same_expression(*plain, self.default_schema)

    def statement(self, before: str | None, after: str | None) -> bool:
        """Tell whether both are the same statement, or the same words where they are none."""
        if before == after:
            return True
        if before is None or after is None or (self.exact and not self.renamed):
            return False
        return same_statement(self._retold(before) or "", after)

    def query_outline(self, text: str) -> str:
        """Return what queries have in common that `query` tells to be the same, as far as it is text."""
        return text if self.exact and not self.renamed else ""

    def _retold(self, text: str | None) -> str | None:
        """Return SQL of the old side with renamed tables under their new names."""
        if not text or not self.renamed:
            return text

        def retell(found: re.Match[str]) -> str:
            new = self.renamed.get(QName(*map(unquote_ident, found.groups())))
            return found[0] if new is None else quote_qname(new)

        return _QUALIFIED.sub(retell, text)

    def target(self, before: QName | None) -> QName | None:
        """Return what a table that was named `before` is called now."""
        return self.renamed.get(before, before) if before is not None else None

    def definition(self, before: Constraint, after: Constraint) -> bool:
        """Tell whether two CHECK or EXCLUDE clauses say the same."""
        if before.definition == after.definition:
            return True
        if before.definition is None or after.definition is None:
            return False
        if before.kind != "check":
            return False
        return self.expression(check_expression(before.definition), check_expression(after.definition))
