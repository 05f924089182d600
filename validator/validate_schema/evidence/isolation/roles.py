"""The roles that are probed, and what each may do with each table."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...catalog.asking import EQUALS, catalog_rows
from ...catalog.names import SCRATCH_PROVER
from ...facts.facts import Facts
from ...facts.roles import DATABASE_OWNER
from ...model.catalog import QName, Table
from ...model.isolation import AppRole
from ...sql.ident import quote_ident, quote_literal, quote_qname
from .seat import Seat

if TYPE_CHECKING:
    import psycopg

MADE_UP = "validate_schema_app"
_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_PRIVILEGES = """
select n.nspname, c.relname,
       pg_catalog.has_table_privilege(%(role)s, c.oid, 'SELECT'),
       pg_catalog.has_table_privilege(%(role)s, c.oid, 'DELETE'),
       array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0
             and not a.attisdropped and pg_catalog.has_column_privilege(%(role)s, c.oid, a.attnum, 'SELECT')),
       array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0
             and not a.attisdropped and pg_catalog.has_column_privilege(%(role)s, c.oid, a.attnum, 'INSERT')),
       array(select a.attname::text from pg_catalog.pg_attribute a where a.attrelid = c.oid and a.attnum > 0
             and not a.attisdropped and pg_catalog.has_column_privilege(%(role)s, c.oid, a.attnum, 'UPDATE'))
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
# What extensions bring stays shut, and what is written in C: some of that is for superusers alone.
_SHUT = f"""
from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
where p.proacl is not null and p.oid >= 16384 and p.proowner <> 10 and l.lanname not in ('c', 'internal')
  and not pg_catalog.has_function_privilege('{SCRATCH_PROVER}', p.oid, 'EXECUTE')
  and not exists (
      select from pg_catalog.pg_depend d
      where d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'
  )
"""


@dataclass(frozen=True)
class Rights:
    """What a role may do with one table; columns in the table's order."""

    whole: bool = False
    delete: bool = False
    select: tuple[str, ...] = ()
    insert: tuple[str, ...] = ()
    update: tuple[str, ...] = ()


def rights_of(conn: "psycopg.Connection[Any]", role: str) -> dict[QName, Rights]:
    """Return the role's privileges on every table, inherited ones and PUBLIC's included."""
    rows = catalog_rows(conn, _PRIVILEGES, {"role": role})
    return {QName(r[0], r[1]): Rights(r[2], r[3], tuple(r[4]), tuple(r[5]), tuple(r[6])) for r in rows}


def app_roles(conn: "psycopg.Connection[Any]", facts: Facts) -> tuple[AppRole, ...]:
    """Return the roles to probe: configured, inferred, or one that is to be made up (`make_up`).

    Roles that an app role can SET ROLE to are probed too: a session of the app can become them. Whoever owns
    the database has the rights of `pg_database_owner` as himself, and nobody can be made a member of it.
    """
    here = {name for (name,) in conn.execute("select rolname from pg_catalog.pg_roles")}
    named = [r for r in facts.app_roles if r in here]
    if not named:
        return (_made_up(here),)
    how = "inferred" if "app_roles" in facts.tenancy.inferred else "configured"
    why = facts.tenancy.inferred.get("app_roles", "")
    found = {name: AppRole(name, f"{how}: {why}" if why else how) for name in named}
    for name in named:
        for other in sorted((facts.can_become(name) & here) - {DATABASE_OWNER}):
            found.setdefault(other, AppRole(other, f"{name} can become it by SET ROLE"))
    return tuple(found.values())


def make_up(conn: "psycopg.Connection[Any]", seat: Seat, facts: Facts, name: str) -> None:
    """Make the role, with its privileges: both go with the transaction."""
    role = quote_ident(name)
    made = f"select pg_catalog.validate_schema_makes_up({quote_literal(name)})"
    conn.execute((made if seat.login else f"create role {role} login").encode())
    for schema in sorted({t.schema for t in facts.tables}):
        of = f"{quote_literal(schema)}::pg_catalog.name"
        owner = f"select nspowner from pg_catalog.pg_namespace where nspname {EQUALS} {of}"
        statement = f"grant usage on schema {quote_ident(schema)} to {role}"
        conn.execute(seat.owning_any(statement, owner).encode())
    sequences = [QName(s.schema, s.name) for s in facts.catalog.sequences]
    held = [
        *((t.qname, ", ".join(_common(t))) for t in facts.tables),
        *((name, "usage on sequence") for name in sequences),
        *((v.qname, "select") for v in facts.catalog.views),
    ]
    for relation, verbs in held:
        on = verbs if verbs.endswith("sequence") else f"{verbs} on"
        statement = f"grant {on} {quote_qname(relation)} to {role}"
        conn.execute(seat.owning(statement, relation).encode())


def may_call(conn: "psycopg.Connection[Any]", seat: Seat) -> None:
    """Let whoever makes the rows call the functions that not everybody may: defaults and CHECKs call them."""
    if seat.login:
        grant = f"'grant execute on routine ' || p.oid::pg_catalog.regprocedure || ' to {SCRATCH_PROVER}'"
        catalog_rows(conn, f"select pg_catalog.validate_schema_as(p.proowner, {grant}, 'pg_catalog') {_SHUT}")


def _made_up(taken: set[str]) -> AppRole:
    name = MADE_UP
    while name in taken:
        name += "_"
    how = (
        "made up on the copy: no app role is configured or could be inferred; it may do with each table"
        " what roles besides the owner may, or else all four verbs"
    )
    return AppRole(name, how, made_up=True)


def _common(table: Table) -> tuple[str, ...]:
    """Return the verbs that anybody but the owner holds on the table; all four where nobody does."""
    held = {p for g in table.grants if g.grantee != table.owner for p in g.privileges}
    return tuple(v for v in _VERBS if v in held) or _VERBS
