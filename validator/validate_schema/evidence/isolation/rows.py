"""The rows that are made up: whose they are, what stands in them, how SQL finds and writes them."""

from dataclasses import dataclass, field

from ...model.catalog import QName, Table
from ...sql.ident import quote_ident, quote_idents, quote_literal, quote_qname

A, B, NOBODY = "A", "B", "nobody"
SIBLING = "A's other"  # + the number of a deeper level: of tenant A, but of another sub-tenant there
MINE = "B's, of a person of A"  # rows of B that name who A's session works for, who is no member of B
THIRD = "third"  # a tenant that nobody made up belongs to
OTHERS = ("C", "D", "E", "F", "G")  # tenants that a policy or a function names
MALFORMED = ("not-a-tenant", "%")  # what a session may say that no tenant is called
LIVE = 1  # the row that meets what policies and views ask of a row
SPARE = 2  # the row of a parent that no made-up row refers to
FRESH = 50  # the number of the first row that is not inserted beforehand
BOTH = 1_000  # the row of a tenant that names the person who belongs to both tenants
OWNED = 1_001  # the first of the rows that are owned by others than who owns the plain ones

Tid = tuple[int, str]


def sibling(level: int) -> str:
    """Return whose the rows are that tenant A's session may not reach from within another sub-tenant of
    that level (1 is the level below the first)."""
    return f"{SIBLING}{level}"


@dataclass(frozen=True)
class Column:
    """A column as pg_attribute has it; `omitted` when no value can or may be given."""

    name: str
    type: int
    modifier: int
    not_null: bool
    generated: bool
    identity: str
    type_text: str


@dataclass
class Row:
    """One row: whose, its number, its values as text (None is NULL), and where it lies once inserted."""

    label: str
    number: int
    values: dict[str, str | None]
    tid: Tid | None = None


@dataclass
class Rows:
    """The rows of one table. `failed` says why there are none; `relaxed` are the statements that were
    needed on the copy first, `notes` what they mean; `tries` counts repairs by constraint."""

    table: Table
    columns: tuple[Column, ...]
    rows: list[Row] = field(default_factory=list)
    relaxed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failed: str = ""
    tries: dict[str, int] = field(default_factory=dict)

    @property
    def name(self) -> QName:
        return self.table.qname

    def of(self, *labels: str) -> list[Row]:
        return [r for r in self.rows if r.label in labels and r.tid is not None]

    def foreign(self, shared: bool) -> list[Row]:
        """Return the rows that tenant A must not reach; rows of nobody only where they are not shared."""
        return [
            r
            for r in self.rows
            if r.tid is not None
            and r.label not in (A, MINE)
            and not r.label.startswith(SIBLING)
            and not (shared and r.label == NOBODY)
        ]


def tid_of() -> str:
    """Return the SQL expression that tells where a row lies, as `tids` has it."""
    return "pg_catalog.concat(tableoid::int8, ':', ctid)"


def tids(rows: list[Row]) -> frozenset[str]:
    return frozenset(f"{r.tid[0]}:{r.tid[1]}" for r in rows if r.tid is not None)


def insert(table: QName, values: dict[str, str | None]) -> str:
    """Return an INSERT of one row."""
    return inserts(table, tuple(values), [values])


def inserts(table: QName, columns: tuple[str, ...], rows: list[dict[str, str | None]]) -> str:
    """Return an INSERT of several rows with the same columns."""
    tuples = ", ".join("(" + ", ".join(literal(row[c]) for c in columns) + ")" for row in rows)
    if not columns:
        return f"insert into {quote_qname(table)} default values"
    return (
        f"insert into {quote_qname(table)} ({quote_idents(columns)}) overriding system value values {tuples}"
    )


def literal(value: str | None) -> str:
    return "null" if value is None else quote_literal(value).strip()


def where(values: dict[str, str | None]) -> str:
    """Return a condition that holds for rows with these values."""
    return " and ".join(
        f"{quote_ident(c)} is null" if v is None else f"{quote_ident(c)} = {literal(v)}"
        for c, v in values.items()
    )
