"""Who holds which privilege on a table and its columns, and how it is taken away."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from validate_schema.pack import Step
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.sql import quote_ident, quote_qname, quote_role

UNFILTERED = ("MAINTAIN", "REFERENCES", "TRIGGER", "TRUNCATE")
DESTRUCTIVE = ("TRIGGER", "TRUNCATE")
ROW_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
TABLE_PRIVILEGES = (*ROW_PRIVILEGES, *UNFILTERED)
NO_LOCK = "none on rows: only privileges change"


class Privilege(NamedTuple):
    """A privilege on a table, or on one column of it."""

    word: str
    column: str | None = None

    @property
    def text(self) -> str:
        return self.word if self.column is None else f"{self.word} ({quote_ident(self.column)})"


def given_to(table: cat.Table, grantees: frozenset[str]) -> Iterator[tuple[str, Privilege]]:
    """Yield (grantee, privilege) for what these grantees hold on the table and its columns."""
    for grant in table.grants:
        if grant.grantee in grantees:
            yield from ((grant.grantee, Privilege(word)) for word in grant.privileges)
    for column in table.columns:
        for grant in column.grants:
            if grant.grantee in grantees:
                yield from ((grant.grantee, Privilege(w, column.name)) for w in grant.privileges)


def _by_grantee(given: Iterable[tuple[str, Privilege]]) -> dict[str, list[Privilege]]:
    grouped: dict[str, list[Privilege]] = {}
    for grantee, privilege in given:
        grouped.setdefault(grantee, []).append(privilege)
    return grouped


def privilege_list(privileges: Iterable[Privilege]) -> str:
    return ", ".join(p.text for p in privileges)


def granted_line(given: Iterable[tuple[str, Privilege]]) -> str:
    return "; ".join(f"{privilege_list(held)} to {g}" for g, held in _by_grantee(given).items())


def revoke(table: cat.Table, given: Iterable[tuple[str, Privilege]]) -> tuple[Step, ...]:
    target = quote_qname(table.qname)
    return tuple(
        Step(f"REVOKE {privilege_list(held)} ON TABLE {target} FROM {quote_role(g)};")
        for g, held in _by_grantee(given).items()
    )
