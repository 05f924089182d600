"""The rows of one reading, taken apart: of so many schemas as were read together, those that one reading of
some of them alone would have had."""

from collections.abc import Callable, Collection, Iterator, Mapping

from .names import Row
from .session import Rows

# By the name of a query, where its rows say which schemas they need: what the column of that number holds.
# Queries that are not named here ask for the same rows, whatever the schemas. Of an extension's objects some
# are not read; what hangs on those alone is left to everybody, who looks for none of it.
HOMES: Mapping[str, tuple[tuple[int, str], ...]] = {
    "domain_checks": ((0, "type"),),
    "types": (),  # what columns are of, whosesoever
    "relations": ((2, "schema"),),
    "relation_details": ((0, "relation"),),
    "defaults": ((0, "relation"),),
    "columns": ((0, "relation"),),
    "column_details": ((0, "relation"),),
    "constraints": ((0, "relation"),),
    "foreign_keys": ((1, "relation"),),
    "indexes": ((0, "relation"),),
    "index_details": ((0, "relation"),),
    "policies": ((0, "relation"),),
    "triggers": ((0, "relation"),),
    "rules": ((0, "relation"),),
    "enums": ((2, "schema"),),
    "views": ((0, "relation"),),
    "view_sources": ((0, "relation"), (1, "schema")),
    "functions": ((2, "schema"),),
    "function_sources": ((0, "routine"), (1, "schema")),
    "sequences": ((2, "schema"),),
    "aggregates": ((0, "routine"),),
    "operators": ((1, "schema"),),
    "user_collations": ((1, "schema"),),
    "type_objects": ((2, "schema"),),
    "text_search": ((1, "schema"),),
    "access": ((1, "schema"),),
    "comments": ((1, "schema"),),
}
# Which queries tell the schema of an object: the numbers of the columns with the two.
_TOLD = {
    "relation": (("relations", 0, 2), ("sequences", 0, 2), ("type_objects", 7, 2)),
    "type": (("domains", 0, 2),),
    "routine": (("functions", 0, 2),),
}


class Apart:
    """All rows of one reading."""

    def __init__(self, read: Rows) -> None:
        self._rows = {name: read.fetch(name) for name in read.names}
        self._schemas = {name: oid for oid, name, *_ in self._rows["schemas"]}
        self._homes: dict[str, dict[int, int | None]] = {
            kind: {row[oid]: row[home] for query, oid, home in told for row in self._rows.get(query, ())}
            for kind, told in _TOLD.items()
        }
        of_relations = self._homes["relation"]
        of_relations |= {row[1]: of_relations.get(row[0]) for row in self._rows.get("indexes", ())}

    def of(self, only: Collection[str]) -> Rows:
        """Return the rows of some of the schemas, as a reading of them alone would."""
        wanted: set[int | None] = {oid for name, oid in self._schemas.items() if name in only}
        wanted.add(None)

        def fetch(query: str) -> list[Row]:
            rows = self._rows.get(query, [])
            tests = list(self._tests(query, wanted))
            return [row for row in rows if all(test(row) for test in tests)] if tests else rows

        return Rows(fetch, tuple(self._rows))

    def _tests(self, query: str, wanted: Collection[int | None]) -> Iterator[Callable[[Row], bool]]:
        for column, kind in HOMES.get(query, ()):
            yield self._test(column, None if kind == "schema" else self._homes[kind], wanted)

    @staticmethod
    def _test(
        column: int, homes: Mapping[int, int | None] | None, wanted: Collection[int | None]
    ) -> Callable[[Row], bool]:
        if homes is None:
            return lambda row: row[column] in wanted
        return lambda row: homes.get(row[column]) in wanted
