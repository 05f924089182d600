"""What a pending migration asks of rows that are there: questions made from two catalogs, and their
answers."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from ...catalog.asking import asking
from ...model.catalog import Catalog, Column, Constraint, Domain, Index, QName, Table
from ...model.deploy import Asked, Question
from ...sql.ident import quote_ident, quote_qname

if TYPE_CHECKING:
    import psycopg

# Types without an equality of their own, or whose text depends on the session.
_NOT_COMPARED = re.compile(r"(?:json|xml|point|line|lseg|path|polygon|regclass|reg\w+)\b")
_NOT_RUN = "an expression of the migration is not run on the target"
_LOCK_TIMEOUT_MS = 2_000
_LENGTH = re.compile(r"(?:character varying|character|bit|bit varying)\(")
_NO_VALUE = "22"  # class of "data exception". Source: PostgreSQL documentation, "Error Codes".
_NAMES = """
select c.oid, n.nspname, c.relname, a.attnum, a.attname
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
_SOME = f"{_NAMES} and c.oid = any(%s::oid[])"


class Raised(NamedTuple):
    """A question with the SQL that answers it by true or false, or why it is not asked."""

    asked: Asked
    sql: str = ""


class Named(NamedTuple):
    """The tables of the copy and the columns of each by what stays when they are renamed: oid, and place in
    the table."""

    tables: dict[int, QName]
    columns: dict[int, dict[int, str]]

    @classmethod
    def of(cls, connection: "psycopg.Connection[Any]") -> "Named":
        return cls._made(connection.execute(_NAMES))

    @classmethod
    def _made(cls, rows: Iterable[Any]) -> "Named":
        tables: dict[int, QName] = {}
        columns: dict[int, dict[int, str]] = {}
        for oid, schema, table, place, name in rows:
            tables[oid] = QName(schema, table)
            of_table = columns.setdefault(oid, {})
            if place is not None:
                of_table[place] = name
        return cls(tables, columns)

    def renewed(
        self, connection: "psycopg.Connection[Any]", there: Collection[int], changed: Sequence[int]
    ) -> "Named":
        """Return what is `there` of these tables, and the `changed` ones as they are now."""
        now = self._made(connection.execute(_SOME, [changed]))
        tables = {oid: name for oid, name in self.tables.items() if oid in there} | now.tables
        columns = {oid: self.columns[oid] for oid in self.columns if oid in there} | now.columns
        return Named(tables, columns)

    def renames(self, now: "Named") -> bool:
        """Tell whether a table or a column has another name now."""
        return any(
            oid in now.tables
            and (
                now.tables[oid] != name
                or any(now.columns[oid].get(p, c) != c for p, c in self.columns[oid].items())
            )
            for oid, name in self.tables.items()
        )


class State(NamedTuple):
    """The copy at one moment. `bounds` are what the rows of each partition have to meet, by its oid."""

    catalog: Catalog
    named: Named
    bounds: dict[int, str]


class Step(NamedTuple):
    """A file: what the copy was `before` and `after` it, and what the target calls what it has."""

    file: str
    target: Named
    before: State
    after: State

    def demands(self, column: Column) -> bool:
        """Tell whether the column's type is a domain with a CHECK, or one on such a domain."""
        return any(c.kind == "check" for domain in self._domains(column) for c in domain.checks)

    def requires(self, column: Column) -> bool:
        """Tell whether the column is NOT NULL, by itself or by its domain."""
        return column.not_null or any(domain.not_null for domain in self._domains(column))

    def _domains(self, column: Column) -> Iterator[Domain]:
        known = {d.qname: d for s in (self.before, self.after) for d in s.catalog.domains}
        name = column.type_name if column.domain_base else None
        while name in known:
            yield known[name]
            name = known[name].type_name

    def columns(self, oid: int, names: Iterable[str | None]) -> tuple[str, ...] | None:
        """Return what the target calls columns of a table after the file; None where it lacks one."""
        places = {name: place for place, name in self.after.named.columns.get(oid, {}).items()}
        target = self.target.columns.get(oid, {})
        found = [target.get(places[n]) if n in places else None for n in names]
        return None if None in found else tuple(name for name in found if name is not None)


def raised(file: str, target: Named, before: State, after: State, text: str) -> Iterator[Raised]:
    """Yield what a file asks of the target's rows, from the copy `before` and `after` it and its `text`.

    Asked is of tables and columns that the target has, by their names there. An expression of the migration
    is never part of a question: it would run on the target.
    """
    step = Step(file, target, before, after)
    old = {t.qname: t for t in before.catalog.tables}
    new = {t.qname: t for t in after.catalog.tables}
    for oid, name in sorted(target.tables.items(), key=lambda item: item[1]):
        was, became = before.named.tables.get(oid), after.named.tables.get(oid)
        if was is None or was not in old:
            continue
        if became is None:
            yield Raised(Asked(file=file, question="rows", table=name), exists(name))
        elif became in new and _changed(oid, old[was], new[became], before.named, after.named):
            yield from _of_columns(step, oid, old[was], new[became], text)
            for key in _added(old[was].constraints, new[became].constraints):
                yield from _of_constraint(step, oid, key)
            for index in _added(old[was].indexes, new[became].indexes):
                yield from _of_index(step, oid, index)


def _changed(oid: int, old: Table, new: Table, before: Named, after: Named) -> bool:
    """Tell whether a table is another, if only by a column that went and came again."""
    return old != new or before.columns.get(oid) != after.columns.get(oid)


def emptied(file: str, target: Named, tables: Iterable[QName]) -> Iterator[Raised]:
    """Yield the question of the tables that TRUNCATE empties."""
    for name in set(tables) & set(target.tables.values()):
        yield Raised(Asked(file=file, question="rows", table=name, detail="truncate"), exists(name))


def _added(old: Iterable[Any], new: Iterable[Any]) -> Iterator[Any]:
    names = {part.name for part in old}
    return (part for part in new if part.name not in names and not getattr(part, "inherited", False))


def _of_columns(step: Step, oid: int, old: Table, new: Table, text: str) -> Iterator[Raised]:
    name = step.target.tables[oid]
    were, now = {c.name: c for c in old.columns}, {c.name: c for c in new.columns}
    before, after = step.before.named.columns[oid], step.after.named.columns[oid]
    for place, column in after.items():
        made = place not in before
        if made and column in now and now[column].not_null and unfilled(now[column]):
            asked = Asked(file=step.file, question="null", table=name, columns=(column,), detail="new column")
            yield Raised(asked, exists(name))
    for place, called in step.target.columns[oid].items():
        if place not in before:
            continue
        here, written = (called,), quote_ident(called)
        if place not in after:
            asked = Asked(file=step.file, question="values", table=name, columns=here)
            yield Raised(asked, exists(name, f"{written} is not null"))
            continue
        was, became = were.get(before[place]), now.get(after[place])
        if was is None or became is None:
            continue
        if step.requires(became) and not step.requires(was):
            asked = Asked(file=step.file, question="null", table=name, columns=here)
            yield Raised(asked, exists(name, f"{written} is null"))
        if became.type != was.type:
            asked = Asked(file=step.file, question="altered", table=name, columns=here)
            yield from _retyped(asked, was, became, text)
            if step.demands(became) and was.type_name != became.type_name:
                asked = replace(asked, question="unfit", detail=f"{was.type} → {became.type}")
                yield Raised(unasked(asked, _NOT_RUN))


def unfilled(column: Column) -> bool:
    """Tell whether a row that does not give the column leaves it NULL."""
    return column.default is None and column.identity is None and column.generated is None


def _retyped(asked: Asked, old: Column, new: Column, text: str) -> Iterator[Raised]:
    """Yield the question whether a value of the column survives its new type, there and back. A domain holds
    what lies below it."""
    question: Question = "unfit" if _LENGTH.match(new.base_type) else "altered"
    asked = replace(asked, question=question, detail=f"{old.type} → {new.type}")
    if _converts(text, old.name):
        yield Raised(unasked(asked, "its USING clause says what becomes of the values"))
    elif old.base_type == new.base_type:
        return
    elif any("." in t or _NOT_COMPARED.match(t) for t in (old.base_type, new.base_type)):
        reason = "there is no telling in SQL alone whether these types hold the same value"
        yield Raised(unasked(asked, reason))
    else:
        written = quote_ident(asked.columns[0])
        there = f"{written}::{new.base_type}::{old.base_type}"
        changed = f"{written} is not null and {there} is distinct from {written}"
        yield Raised(asked, exists(asked.table, changed))


def _converts(text: str, column: str) -> bool:
    """Tell whether some USING of the text is more than a cast of the column alone."""
    name = rf'(?:"{re.escape(column)}"|{re.escape(column)})'
    plain = re.compile(
        rf"using\s*\(?\s*{name}\s*\)?\s*::[^;,()]+(?:\([\d, ]+\))?\s*(?:;|,|\Z)", re.IGNORECASE
    )
    retypings = re.findall(r"\btype\b[^;]*?\b(using\b[^;]*)", text, re.IGNORECASE)
    return any(not plain.match(clause + ";") for clause in retypings)


def _of_constraint(step: Step, oid: int, key: Constraint) -> Iterator[Raised]:
    if not key.validated or not key.enforced:
        return
    if key.kind in ("check", "exclusion"):
        held = tuple(name for column in key.columns for name in step.columns(oid, (column,)) or ())
        if held:
            table = step.target.tables[oid]
            asked = Asked(file=step.file, question="check", table=table, columns=held, detail=key.name)
            yield Raised(unasked(asked, _NOT_RUN))
        return
    if key.kind != "foreign key" or key.temporal:
        return
    other = next((o for o, name in step.after.named.tables.items() if name == key.references), None)
    own = step.columns(oid, key.columns)
    theirs = step.columns(other, key.referenced_columns) if other in step.target.tables else None
    if own is None or theirs is None or other is None:
        return
    table, target = step.target.tables[oid], step.target.tables[other]
    pairs = zip(theirs, own, strict=True)
    same = " and ".join(f"r.{quote_ident(their)} = t.{quote_ident(mine)}" for their, mine in pairs)
    filled = " and ".join(f"t.{quote_ident(mine)} is not null" for mine in own)
    missing = f"not exists (select from {quote_qname(target)} r where {same})"
    asked = Asked(file=step.file, question="orphan", table=table, columns=own, detail=key.name)
    yield Raised(asked, f"select exists (select from {quote_qname(table)} t where {filled} and {missing})")


def _of_index(step: Step, oid: int, index: Index) -> Iterator[Raised]:
    if not index.unique or not index.valid:
        return
    columns = step.columns(oid, (c for c in index.columns if c is not None))
    if not columns:
        return
    table = step.target.tables[oid]
    asked = Asked(file=step.file, question="duplicate", table=table, columns=columns, detail=index.name)
    if len(columns) < len(index.columns) or index.predicate is not None:
        yield Raised(unasked(asked, _NOT_RUN))
        return
    keys = ", ".join(map(quote_ident, columns))
    filled = " and ".join(f"{quote_ident(c)} is not null" for c in columns)
    where = "" if index.nulls_not_distinct else f" where {filled}"
    inner = f"select from {quote_qname(table)}{where} group by {keys} having count(*) > 1"
    yield Raised(asked, f"select exists ({inner})")


def exists(table: QName, condition: str = "") -> str:
    """Return the question whether a row is there that meets the condition."""
    where = f" where {condition}" if condition else ""
    return f"select exists (select from {quote_qname(table)}{where})"


def unasked(asked: Asked, reason: str) -> Asked:
    """Return the question as one that is told, and not asked."""
    return replace(asked, reason=reason, moot=True)


def answered(
    connection: "psycopg.Connection[Any]", questions: Iterable[Raised], *, timeout_ms: int
) -> tuple[Asked, ...]:
    """Ask the target, each question in a READ ONLY transaction that is rolled back and may take `timeout_ms`.

    Row security is off: PostgreSQL refuses the question where a policy would hide rows, and that is the
    reason why it has no answer. Sources: PostgreSQL documentation, `row_security`, SET TRANSACTION.
    """
    return tuple(_answer(connection, q, timeout_ms) if q.sql else q.asked for q in questions)


def _answer(connection: "psycopg.Connection[Any]", question: Raised, timeout_ms: int) -> Asked:
    import psycopg

    asked = question.asked
    if connection.closed:
        return replace(asked, reason="the connection was lost")
    try:
        with asking(connection, statement_timeout_ms=timeout_ms, lock_timeout_ms=_LOCK_TIMEOUT_MS):
            row = connection.execute(question.sql.encode()).fetchone()
    except psycopg.errors.QueryCanceled:
        return replace(asked, reason=f"it took longer than {timeout_ms} ms (data.statement_timeout_ms)")
    except psycopg.Error as error:
        said = error.diag.message_primary or str(error).partition("\n")[0]
        if asked.question in ("unfit", "altered") and (error.sqlstate or "").startswith(_NO_VALUE):
            return replace(asked, question="unfit", found=True, reason=said)
        return replace(asked, reason=said)
    return replace(asked, found=bool(row and row[0]))
