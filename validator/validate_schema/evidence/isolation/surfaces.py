"""Ways to rows besides the tables: views, materialized views, partitions and functions, and what uses them.

Functions are called with the keys of B and of B's rows, with A's own, and with both in one call.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice, product, zip_longest
from math import prod

from ...catalog.asking import catalog_rows
from ...facts.facts import Facts
from ...model.catalog import Function, QName, Table, View
from ...model.isolation import AppRole, Cell, Outcome, Probe
from ...model.tenancy import TableClass
from ...sql.ident import quote_ident, quote_literal, quote_qname
from ...sql.routines import is_bound
from ...sql.settings import own_path, schemas_of
from .gaps import Gaps
from .ground import casts
from .roles import Rights, rights_of
from .rows import A, B
from .seed import Seeder

_FUNCTIONS = """
select n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
       array(select t::int8 from unnest(p.proargtypes) t), p.prokind = 'p',
       p.provariadic not in (0, '"any"'::regtype),
       pg_catalog.has_function_privilege(%s, p.oid, 'EXECUTE')
           and pg_catalog.has_schema_privilege(%s, n.oid, 'USAGE')
from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
where p.prokind in ('f', 'p') and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
  and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
_MOST_CALLS, _MOST_MIXED = 12, 28  # with keys of B alone; with some of A
_FIRST = 3  # calls with keys of B alone that come before the others
_ALL_WAYS = 3  # keys of one call that are each A's or B's, in every combination


@dataclass(frozen=True)
class Surface:
    """A way to rows besides the tables. Each statement is one way to use it, of so many `ways` that there
    are; `text` is what it does, with the policies of the tables that it leads to. In the schemas `planted`
    the role may put something in the place of what it names."""

    name: QName
    kind: str
    statements: tuple[str, ...]
    text: str = ""
    ways: int = 1
    planted: str = ""


def find_surfaces(seeder: Seeder, role: str) -> list[Surface]:
    """Return the views, partitions and functions by which a role may reach protected tables."""
    guarded, rights = guarded_tables(seeder.facts), rights_of(seeder.conn, role)
    return [
        *_views(seeder, guarded, rights),
        *_partitions(seeder, rights),
        *_functions(seeder, guarded, role),
    ]


def missing_surfaces(facts: Facts, gaps: Gaps, roles: tuple[AppRole, ...]) -> list[Cell]:
    """Return a cell for each view and function that would be probed, were it on the copy."""
    guarded = guarded_tables(facts)
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


def guarded_tables(facts: Facts) -> set[QName]:
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


def _views(seeder: Seeder, guarded: set[QName], rights: dict[QName, Rights]) -> Iterator[Surface]:
    for view in seeder.facts.catalog.views:
        held = rights.get(view.qname, Rights())
        if _leads_to(seeder.facts, view, guarded) and (held.whole or held.select):
            names = "*" if held.whole else ", ".join(map(quote_ident, held.select))
            read = f"select {names} from {quote_qname(view.qname)}"
            yield Surface(view.qname, view.kind, (read,), seeder.texts.of_view(view))


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


def _functions(seeder: Seeder, guarded: set[QName], role: str) -> list[Surface]:
    """Return the functions that may reach protected tables, each with calls about B."""
    facts = seeder.facts
    known = {(f.schema, f.name, f.arguments): f for f in facts.catalog.functions}
    found = []
    rows = catalog_rows(seeder.conn, _FUNCTIONS, [role, role])
    for schema, name, arguments, types, procedure, variadic, may in rows:
        function = known.get((schema, name, arguments))
        if function is None or not may or not _reaches(facts, function, guarded):
            continue
        verb = "call" if procedure else "select * from"
        theirs, mine = ([_pool(seeder, oid, guarded, label) for oid in types] for label in (B, A))
        calls = tuple(
            f"{verb} {quote_qname(QName(schema, name))}({_listed(given, variadic)})"
            for given in _arguments(theirs, mine)
        )
        text = seeder.texts.reached([seeder.texts.with_bodies(function.body or "")])
        whole = prod(len({*their, *own}) for their, own in zip(theirs, mine, strict=True))
        planted = ", ".join(_planted(facts, function, role))
        label = QName(schema, f"{name}({arguments})")
        found.append(Surface(label, "function", calls, text, whole, planted))
    return found


def _planted(facts: Facts, function: Function, role: str) -> Iterator[str]:
    """Yield the schemas in which a function with its owner's rights looks for what it names, and in which the
    role may create: of its own search path, or of whichever its caller sets."""
    path = own_path(function.settings)
    if function.security_definer and not is_bound(function.language, function.body or ""):
        names = schemas_of(path) if path is not None else [s.name for s in facts.catalog.schemas]
        for schema in (s for s in facts.catalog.schemas if s.name in names):
            makers = {g.grantee for g in schema.grants if "CREATE" in g.privileges} | {schema.owner}
            if makers & facts.grantees_of(role):
                yield schema.name


def _reaches(facts: Facts, function: Function, guarded: set[QName]) -> bool:
    """Tell whether it may read protected rows: by its body, or because nobody can read the body."""
    views = {v.qname for v in facts.catalog.views}
    if function.touches is None:
        return function.security_definer
    return any(name in guarded or name in views for name in function.touches)


def _arguments(theirs: Sequence[list[str]], mine: Sequence[list[str]]) -> list[tuple[str, ...]]:
    """Return what to call a function with, from what each parameter may be given of B and of A: one of them
    may be tested and another be used, so keys of both stand in one call."""
    of_b = list(islice(product(*theirs), _MOST_CALLS))
    keyed = [n for n, pool in enumerate(theirs) if pool != mine[n]]
    ways = (
        islice(product(*(mine[n] if n in own else pool for n, pool in enumerate(theirs))), _MOST_CALLS)
        for own in _ways(keyed)
    )
    mixed = [given for each in zip_longest(*ways) for given in each if given is not None]
    return list(dict.fromkeys([*of_b[:_FIRST], *mixed[:_MOST_MIXED], *of_b[_FIRST:]]))


def _listed(given: Sequence[str], variadic: bool) -> str:
    return ", ".join([*given[:-1], f"variadic {given[-1]}"] if variadic else given)


def _ways(keyed: Sequence[int]) -> list[set[int]]:
    """Return which parameters hold a key of A: every combination, or where they are many all but one."""
    if len(keyed) <= _ALL_WAYS:
        chosen = product((True, False), repeat=len(keyed))
        return [
            own for each in chosen if (own := {n for n, is_own in zip(keyed, each, strict=True) if is_own})
        ]
    return [set(keyed) - set(left) for left in chain([()], ((n,) for n in keyed))]


def _pool(seeder: Seeder, oid: int, guarded: set[QName], label: str) -> list[str]:
    """Return what an argument of this type is given: a tenant's key, keys of its rows, any value."""
    values: list[str] = []
    bottom, _ = seeder.values.bottom(oid, -1)
    for keys in seeder.keys.values():
        several = "{" + ",".join(f'"{k}"' for k in dict.fromkeys((keys[A], keys[label]))) + "}"
        values.append(several if bottom.category == "A" else keys[label])
    for name in guarded:
        table = seeder.facts.tables_by_name[name]
        rows = seeder.seeded[name].of(label) if name in seeder.seeded else []
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
    return casts(seeder.conn, value, _type_name(seeder, oid))
