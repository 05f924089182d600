"""Views, materialized views and functions: does what tenant A gets from them depend on B's rows?

Each is read twice, with the other tenant's rows there and without them. A difference is a leak,
however the rows are folded into the result. As tenant B the same pair must differ, or the probe could
not have seen anything. Functions are called with B's key and the keys of B's rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Any

from ...facts.facts import Facts
from ...model.catalog import Function, QName, Table, View
from ...model.isolation import AppRole, Cell, Outcome, Probe
from ...model.tenancy import TableClass
from ...model.wording import some
from ...sql.ident import quote_ident, quote_literal, quote_qname
from .gaps import Gaps
from .roles import Rights, rights_of
from .rows import A, B
from .script import all_rows, view_script
from .seed import Seeder
from .stage import Answer, Attempt, Stage

if TYPE_CHECKING:
    import psycopg

_FUNCTIONS = """
select n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
       array(select t::int8 from unnest(p.proargtypes) t), p.prokind = 'p',
       pg_catalog.has_function_privilege(%s, p.oid, 'EXECUTE')
           and pg_catalog.has_schema_privilege(%s, n.oid, 'USAGE')
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.prokind in ('f', 'p') and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
_MOST_CALLS = 12


@dataclass(frozen=True)
class Surface:
    """A way to rows besides the tables. Each statement is one way to use it."""

    name: QName
    kind: str
    statements: tuple[str, ...]


def probe_surfaces(
    stage: Stage, seeder: Seeder, roles: tuple[AppRole, ...], context: dict[str, tuple[str, ...]]
) -> list[Cell]:
    """Return a cell for each surface that reads protected tables and each role that may use it."""
    guarded = _guarded(seeder.facts)
    cells: list[Cell] = []
    rows: tuple[str, ...] = ()
    for role in roles:
        rights = rights_of(stage.conn, role.name)
        surfaces = [*_views(seeder.facts, guarded, rights), *_partitions(seeder, rights),
                    *_functions(stage.conn, seeder, guarded, role.name)]  # fmt: skip
        if not surfaces:
            continue
        rows = rows or all_rows(seeder)
        there = {x: _read(stage, role.name, surfaces, context[x]) for x in (A, B)}
        with stage.conn.transaction(force_rollback=True):
            _remove(stage.conn, seeder, guarded, B)
            gone = {x: _read(stage, role.name, surfaces, context[x]) for x in (A, B)}
        for surface in surfaces:
            pairs = {x: [(there[x][s], gone[x][s]) for s in surface.statements] for x in (A, B)}
            cells.append(_judge(role.name, surface, pairs, context[A], rows))
    return cells


def missing_surfaces(facts: Facts, gaps: Gaps, roles: tuple[AppRole, ...]) -> list[Cell]:
    """Return a cell for each view and function that would be probed, were it on the copy."""
    guarded = _guarded(facts)
    found: list[tuple[QName, str]] = [(v.qname, v.kind) for v in gaps.views if _leads_to(facts, v, guarded)]
    found += [
        (QName(f.schema, f"{f.name}({f.arguments})"), "function")
        for f in gaps.functions
        if _reaches(facts, f, guarded)
    ]
    return [
        Cell(
            role=role.name,
            table=name,
            probe=Probe.SURFACE,
            outcome=Outcome.INCONCLUSIVE,
            why=f"the {kind} could not be copied",
            kind=kind,
        )
        for role in roles
        for name, kind in found
    ]


def _judge(
    role: str,
    surface: Surface,
    pairs: dict[str, list[tuple[Answer, Answer]]],
    context: tuple[str, ...],
    rows: tuple[str, ...],
) -> Cell:
    differing = next((i for i, (a, b) in enumerate(pairs[A]) if _differ(a, b)), None)
    answers = [a for a, _ in pairs[A]]
    denied = all(a.state == "42501" and a.source.startswith("aclcheck_error") for a in answers)
    place = differing or 0
    observed = answers[place]
    if differing is not None:
        outcome, why = Outcome.LEAK, "what tenant A gets from it changes with the rows of tenant B"
    elif denied:
        outcome, why = Outcome.DENIED, f"the role lacks a privilege: {observed.message}"
    elif any(_differ(a, b) for a, b in pairs[B]):
        outcome, why = Outcome.ISOLATED, "tenant A gets the same with and without B's rows; tenant B does not"
    elif observed.state:
        outcome, why = Outcome.INCONCLUSIVE, f"using it failed: {observed.said}"
    else:
        outcome, why = (
            Outcome.INCONCLUSIVE,
            "the self-check failed: tenant B sees nothing of its rows in it either",
        )
    return Cell(
        role=role,
        table=surface.name,
        probe=Probe.SURFACE,
        outcome=outcome,
        why=why,
        kind=surface.kind,
        observed=observed.said if observed.state else some(len(observed.rows), "row"),
        statements=view_script(role, context, rows, surface.statements[place]),
    )


def _differ(there: Answer, gone: Answer) -> bool:
    return (
        not there.state and not gone.state and sorted(map(repr, there.rows)) != sorted(map(repr, gone.rows))
    )


def _read(stage: Stage, role: str, surfaces: list[Surface], context: tuple[str, ...]) -> dict[str, Answer]:
    return {
        statement: stage.run(Attempt(statement, "reads"), role, context)
        for surface in surfaces
        for statement in surface.statements
    }


def _remove(conn: "psycopg.Connection[Any]", seeder: Seeder, guarded: set[QName], label: str) -> None:
    """Delete a tenant's rows everywhere and fill the materialized views again."""
    import psycopg

    conn.execute("set local session_replication_role = replica")
    for name in guarded:
        rows = seeder.seeded.get(name)
        tids = [r.tid[1] for r in rows.of(label) if r.tid] if rows else []
        if not tids:
            continue
        tables = {r.tid[0] for r in rows.of(label) if r.tid} if rows else set()
        statement = (
            f"delete from {quote_qname(name)} where ctid = any(%s::tid[]) and tableoid = any(%s::oid[])"
        )
        conn.execute(statement.encode(), [tids, list(tables)])
    conn.execute("set local session_replication_role = origin")
    for view in seeder.facts.catalog.views:
        if view.kind == "materialized view":
            try:
                with conn.transaction():
                    conn.execute(f"refresh materialized view {quote_qname(view.qname)}".encode())
            except psycopg.Error:
                continue


def _guarded(facts: Facts) -> set[QName]:
    """Return the tables whose rows are a tenant's, with their partitions."""
    found = {t.qname for t in facts.of_class(TableClass.ROOT, TableClass.TENANT, TableClass.INHERITED)}
    return found | {p.qname for name in found for p in facts.partitions.get(name, ())}


def _leads_to(facts: Facts, view: View, guarded: set[QName]) -> bool:
    """Tell whether a view reads protected tables, be it through other views."""
    known = {v.qname: v for v in facts.catalog.views}
    seen: set[QName] = set()
    queue = [view.qname]
    while queue:
        name = queue.pop()
        if name in guarded:
            return True
        if name in known and name not in seen:
            seen.add(name)
            queue += known[name].depends_on
    return False


def _views(facts: Facts, guarded: set[QName], rights: dict[QName, Rights]) -> Iterator[Surface]:
    for view in facts.catalog.views:
        held = rights.get(view.qname, Rights())
        if _leads_to(facts, view, guarded) and (held.whole or held.select):
            names = "*" if held.whole else ", ".join(map(quote_ident, held.select))
            yield Surface(view.qname, view.kind, (f"select {names} from {quote_qname(view.qname)}",))


def _partitions(seeder: Seeder, rights: dict[QName, Rights]) -> Iterator[Surface]:
    facts = seeder.facts
    for parent in facts.of_class(TableClass.TENANT, TableClass.INHERITED):
        for part in _all_parts(facts, parent):
            if rights.get(part.qname, Rights()).whole:
                yield Surface(part.qname, "partition", (f"select * from {quote_qname(part.qname)}",))


def _all_parts(facts: Facts, table: Table) -> Iterator[Table]:
    waiting = list(reversed(facts.partitions.get(table.qname, ())))
    while waiting:
        part = waiting.pop()
        yield part
        waiting += reversed(facts.partitions.get(part.qname, ()))


def _functions(
    conn: "psycopg.Connection[Any]", seeder: Seeder, guarded: set[QName], role: str
) -> list[Surface]:
    """Return the functions that may reach protected tables, each with calls about B."""
    facts = seeder.facts
    known = {(f.schema, f.name, f.arguments): f for f in facts.catalog.functions}
    found = []
    rows = conn.execute(_FUNCTIONS.encode(), [role, role]).fetchall()
    for schema, name, arguments, types, procedure, may in rows:
        function = known.get((schema, name, arguments))
        if function is None or not may or not _reaches(facts, function, guarded):
            continue
        verb = "call" if procedure else "select * from"
        pools = [_pool(seeder, oid, guarded) for oid in types]
        calls = tuple(
            f"{verb} {quote_qname(QName(schema, name))}({', '.join(given)})"
            for given in islice(product(*pools), _MOST_CALLS)
        )
        found.append(Surface(QName(schema, f"{name}({arguments})"), "function", calls))
    return found


def _reaches(facts: Facts, function: Function, guarded: set[QName]) -> bool:
    """Tell whether it may read protected rows: by its body, or because nobody can read the body."""
    views = {v.qname for v in facts.catalog.views}
    if function.touches is None:
        return function.security_definer
    return any(name in guarded or name in views for name in function.touches)


def _pool(seeder: Seeder, oid: int, guarded: set[QName]) -> list[str]:
    """Return what an argument of this type is given: B's key, keys of B's rows, any value."""
    values: list[str] = []
    bottom, _ = seeder.values.bottom(oid, -1)
    for keys in seeder.keys.values():
        values.append(keys[B])
    for name in guarded:
        table = seeder.facts.tables_by_name[name]
        rows = seeder.seeded[name].of(B) if name in seeder.seeded else []
        columns = {c.name: c for c in seeder.seeded[name].columns} if name in seeder.seeded else {}
        for key in table.primary_key.columns if table.primary_key else ():
            fits = (
                seeder.values.bottom(columns[key].type, -1)[0].name == bottom.name
                if key in columns
                else False
            )
            values += [v for r in rows[:1] if fits and (v := r.values.get(key))]
    values.append(seeder.values.make(oid, -1, 7))
    fitting = [v for v in dict.fromkeys(values) if _reads(seeder, v, oid)]
    return [f"{quote_literal(v).strip()}::{_type_name(seeder, oid)}" for v in fitting[:6]] or ["null"]


def _type_name(seeder: Seeder, oid: int) -> str:
    row = seeder.conn.execute("select pg_catalog.format_type(%s, null)", [oid]).fetchone()
    return str(row[0]) if row else "text"


def _reads(seeder: Seeder, value: str, oid: int) -> bool:
    from .repair import casts

    return casts(seeder.conn, value, _type_name(seeder, oid))
