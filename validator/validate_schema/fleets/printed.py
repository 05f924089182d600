"""The definitions of a member's objects as the server prints them, to be made again in another member."""

from collections.abc import Mapping

from ..catalog.connect import Connection
from ..contract.diff.homes import moved_text
from ..model.finding import ObjectRef
from .session import execute, snapshot

Printed = Mapping[ObjectRef, str]
"""By object its definition: of a constraint what follows its name, of others the statement that makes it."""

# Source: PostgreSQL documentation, "System Catalog Information Functions".
_PRINTED = """
    select case contype when 'p' then 'primary key' when 'u' then 'unique' when 'f' then 'foreign key'
                        when 'x' then 'exclusion' else 'check' end,
           n.nspname::text, c.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
    from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    where contype in ('p', 'u', 'f', 'x', 'c') and conislocal and {wanted}
    union all
    select 'index', n.nspname, c.relname, i.relname, pg_get_indexdef(i.oid)
    from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class c on c.oid = x.indrelid
    join pg_namespace n on n.oid = c.relnamespace
    where not exists (select from pg_constraint where conindid = i.oid and contype in ('p', 'u', 'x'))
      and {wanted}
    union all
    select 'trigger', n.nspname, c.relname, t.tgname, pg_get_triggerdef(t.oid)
    from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where not tgisinternal and {wanted}
    union all
    select 'rule', n.nspname, c.relname, r.rulename, pg_get_ruledef(r.oid)
    from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
    where rulename <> '_RETURN' and {wanted}
    union all
    select case prokind when 'p' then 'procedure' when 'w' then 'window' else 'function' end, n.nspname, '',
           proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid)
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where prokind <> 'a' and {wanted}
"""


def printed(connection: Connection, schema: str, home: str, *, timeout_ms: int) -> Printed:
    """Return the definitions of what stands in a schema, with `home` for its name; of all that is the user's
    where the schema is empty."""
    wanted = "n.nspname = %s" if schema else "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
    sql = _PRINTED.format(wanted=wanted)
    values = [schema] * sql.count("%s") if schema else None
    with snapshot(connection, timeout_ms):
        rows = execute(connection, sql, values).fetchall()
    if not schema:
        return {ObjectRef(kind, home, table, name): text for kind, home, table, name, text in rows}
    return {
        ObjectRef(kind, home, table, moved_text(name, schema, home)): moved_text(text, schema, home)
        for kind, _, table, name, text in rows
    }
