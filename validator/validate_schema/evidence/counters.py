"""How far the sequences behind small integer keys have come: one question, whatever the schema."""

from typing import TYPE_CHECKING, Any

from ..catalog.asking import asking
from ..model.catalog import QName
from ..model.evidence import Counter

if TYPE_CHECKING:
    import psycopg

    from ..config import DataConfig

_USED = """
select n.nspname, c.relname, a.attname, v.last_value,
       least(s.seqmax, case a.atttypid when 'int2'::regtype then 32767 else 2147483647 end)
from pg_sequence s
join pg_class q on q.oid = s.seqrelid
join pg_namespace qn on qn.oid = q.relnamespace
join pg_sequences v on v.schemaname = qn.nspname and v.sequencename = q.relname
join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = s.seqrelid and d.deptype in ('a', 'i')
  and d.refclassid = 'pg_class'::regclass
join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
join pg_class c on c.oid = d.refobjid
join pg_namespace n on n.oid = c.relnamespace
where (v.last_value is not null or not has_sequence_privilege(s.seqrelid, 'SELECT, USAGE'))
  and s.seqincrement > 0 and not s.seqcycle
  and a.atttypid in ('int2'::regtype, 'int4'::regtype)
order by 1, 2, 3
"""


def counters(
    conn: "psycopg.Connection[Any]", bounds: "DataConfig", lock_timeout_ms: int
) -> tuple[tuple[Counter, ...], str]:
    """Return the last value of each sequence that a smallint or integer column owns, and the last that fits;
    or none and the reason.

    A sequence that was never used is left out; one that the connected role may not read has no last value.
    Source: PostgreSQL documentation, pg_sequences, pg_sequence.
    """
    from psycopg import Error

    try:
        with asking(conn, statement_timeout_ms=bounds.statement_timeout_ms, lock_timeout_ms=lock_timeout_ms):
            rows = conn.execute(_USED).fetchall()
    except Error as error:
        if conn.closed:
            raise
        return (), f"sequences were not read: {error.diag.message_primary or type(error).__name__}"
    return tuple(Counter(QName(*row[:2]), *row[2:]) for row in rows), ""
