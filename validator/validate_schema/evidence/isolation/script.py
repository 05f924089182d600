"""What reproduces an outcome: a psql script that makes the rows, does it, and rolls back."""

from ...model.catalog import QName
from ...sql.ident import quote_qname
from .attempt import Attempt
from .context import become
from .rows import NOBODY, A, B, inserts
from .seed import Seeder


class Script:
    """Scripts about one table: its rows, its parents' and those of the tables that its policies name."""

    def __init__(self, seeder: Seeder, table: QName, preparation: tuple[str, ...] = ()) -> None:
        self._seeder = seeder
        self._table = table
        self._preparation = preparation
        self._rows: tuple[str, ...] | None = None

    def of(self, role: str, context: tuple[str, ...], attempt: Attempt) -> tuple[str, ...]:
        """Return the script's statements, without their semicolons."""
        return (
            "begin",
            *self._preparation,
            *self._made(),
            *attempt.before,
            "set local session_replication_role = origin",
            *become(role, context),
            *context,
            attempt.shown or attempt.statement,
            "rollback",
        )

    def _made(self) -> tuple[str, ...]:
        if self._rows is None:
            found = ["set local session_replication_role = replica"]
            for name in self._needed():
                found += self._inserts(name)
            self._rows = tuple(found)
        return self._rows

    def _inserts(self, name: QName) -> list[str]:
        seeded = self._seeder.seeded[name]
        rows = seeded.of(A, B, NOBODY) + [r for r in seeded.rows if r.label not in (A, B, NOBODY)]
        if not rows or not rows[0].values:
            return list(seeded.relaxed)
        return [*seeded.relaxed, inserts(name, tuple(rows[0].values), [r.values for r in rows])]

    def _needed(self) -> list[QName]:
        """Return the table, what its keys lead to, and what its policies name, parents first."""
        tables = self._seeder.facts.tables_by_name
        wanted: set[QName] = set()
        queue = [self._table]
        while queue:
            name = queue.pop()
            if name in wanted or name not in self._seeder.seeded:
                continue
            wanted.add(name)
            queue += [k.references for k in tables[name].foreign_keys if k.references is not None]
            text = self._seeder.texts.own(tables[name])
            queue += [t for t in self._seeder.seeded if t.name in text]
        return [name for name in self._seeder.seeded if name in wanted]


def view_script(
    role: str, context: tuple[str, ...], rows: tuple[str, ...], statement: str
) -> tuple[str, ...]:
    """Return the script of a surface, for which all rows are needed."""
    return (
        "begin",
        *rows,
        "set local session_replication_role = origin",
        *become(role, context),
        *context,
        statement,
        "rollback",
    )


def all_rows(seeder: Seeder) -> tuple[str, ...]:
    """Return the statements that make every row, and fill the materialized views from them."""
    found = ["set local session_replication_role = replica"]
    for name, seeded in seeder.seeded.items():
        found += Script(seeder, name)._inserts(name) if seeded.rows else []
    views = [v for v in seeder.facts.catalog.views if v.kind == "materialized view"]
    return (*found, *(f"refresh materialized view {quote_qname(v.qname)}" for v in views))
