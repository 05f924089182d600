"""The ways in that policies have: each branch, and whether a row of another tenant met what it asks.

A branch that asks something of a row besides whose it is (a length, an age, a state) held nothing where no
row of another tenant met that. So the server is asked, for the rows at hand, whether what the branch asks of
the other columns is true: what it asks of keys alone, or of the session, is what keeps tenants apart.
"""

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from ...facts.facts import Facts
from ...facts.roles import PUBLIC
from ...model.catalog import Policy, Table
from ...model.isolation import AppRole, Unmet
from ...model.reading import HELD
from ...sql.ident import quote_qname
from ...sql.parse import parse, print_sql
from ...sql.parser import Unreadable
from ...sql.tree import Node, conjuncts, walk
from .rows import literal, tid_of, tids
from .seed import Seeder
from .sessions import Said

if TYPE_CHECKING:
    import psycopg

_MOST_WAYS = 32  # of one policy
_UNDO = "rollback to savepoint ways; release savepoint ways"


def unmet(
    conn: "psycopg.Connection[Any]", seeder: Seeder, roles: tuple[AppRole, ...], context: Said
) -> Iterator[Unmet]:
    """Yield the branches of policies that no row of another tenant met, of those tables and commands whose
    policies were not read as safe. `context` is what A's session says. To be called when nothing needs an
    unset setting any more."""
    facts, known = seeder.facts, dict[tuple[str, str], bool]()
    for name, judgements in facts.judgements.items():
        rows = seeder.seeded.get(name)
        places = tids(rows.foreign(name in facts.tenancy.null_means_global)) if rows is not None else ()
        for told in judgements:
            if rows is None or told.reach in HELD or told.role not in {r.name for r in roles}:
                continue
            for branch, asked in _ways(rows.table, told.role, told.command, told.half, facts):
                query = _query(rows.table, asked, sorted(places))
                key = (str(name), query)
                if key not in known:
                    known[key] = _met(conn, query, context)
                if not known[key]:
                    yield Unmet(name, told.role, told.command, told.half, branch)


class _Part(NamedTuple):
    """A condition of a branch: as it is shown, what is asked of the server, the columns that it names."""

    shown: str
    sql: str
    columns: frozenset[str]


def _ways(table: Table, role: str, command: str, half: str, facts: Facts) -> Iterator[tuple[str, list[str]]]:
    """Yield each way in that the policies leave, as SQL, and what it asks of other columns: a branch of one
    that lets rows in, with a branch of each that restricts them."""
    every, others = frozenset(c.name for c in table.columns), _others(table, facts)
    applied = [p for p in table.policies if p.command in ("ALL", command)]
    mine = [p for p in applied if any(_is(role, holder, facts) for holder in p.roles)]
    floors = [_branches_of(p, half, every) for p in mine if not p.permissive]
    if prod(map(len, floors)) > _MOST_WAYS:
        floors = [[(_Part("what restrictive policies ask", "false", every),)]]
    for branch in (b for p in mine if p.permissive for b in _branches_of(p, half, every)):
        for parts in product([branch], *floors):
            whole = [part for some in parts for part in some]
            asked = [part.sql for part in whole if part.columns & others]
            if asked:
                yield " AND ".join(part.shown for part in whole), asked


def _branches_of(policy: Policy, half: str, every: frozenset[str]) -> list[tuple[_Part, ...]]:
    """Return the branches of what counts of a policy; of one that cannot be read, or has too many, one that
    nothing meets."""
    text = (policy.check or policy.using) if half == "check" else policy.using
    if not text:  # a permissive policy without it lets nothing in, a restrictive one everything
        return [] if policy.permissive else [()]
    try:
        branches = _branches(parse(text))
    except Unreadable:
        branches = []
    if not 0 < len(branches) <= _MOST_WAYS:
        return [(_Part(f"policy {policy.name}", "false", every),)]
    return [tuple(_Part(sql, sql, _columns(p)) for p in b if (sql := print_sql(text, p))) for b in branches]


def _is(role: str, holder: str, facts: Facts) -> bool:
    return holder == PUBLIC or facts.memberships.has(role, holder)


def _branches(node: Node) -> list[tuple[Node, ...]]:
    """Return the branches of a condition, each as what must be true together."""
    if node.op == "or":
        return [branch for arg in node.args for branch in _branches(arg)]
    if node.op == "and":
        found: list[tuple[Node, ...]] = [()]
        for part in conjuncts(node):
            found = [(*branch, *more) for branch in found for more in _branches(part)][: _MOST_WAYS + 1]
        return found
    return [(node,)]


def _others(table: Table, facts: Facts) -> set[str]:
    """Return the columns of a table that say neither whose a row is nor what it leads to."""
    keys = {c for key in table.foreign_keys for c in key.columns}
    keys |= set(table.primary_key.columns) if table.primary_key else set()
    keys |= set(facts.held_levels.get(table.qname, {}).values())
    keys |= {m.person for m in facts.principals.memberships if m.table == table.qname}
    return {c.name for c in table.columns} - keys


def _columns(node: Node) -> frozenset[str]:
    return frozenset(n.value[1] for n in walk(node) if n.op == "column")


def _query(table: Table, asked: list[str], places: list[str]) -> str:
    listed = ", ".join(map(literal, places)) or "null"
    true = " and ".join(f"({part})" for part in asked)
    name = quote_qname(table.qname)
    return f"select exists (select from {name} where {tid_of()} in ({listed}) and {true})"


def _met(conn: "psycopg.Connection[Any]", query: str, context: Said) -> bool:
    """Tell whether the server says so for one row. An error is no yes."""
    import psycopg

    conn.execute("savepoint ways")
    try:
        for statement in context:
            conn.execute(statement.encode())
        row = conn.execute(query.encode()).fetchone()
    except psycopg.Error:
        return False
    finally:
        conn.execute(_UNDO)
    return bool(row and row[0])
