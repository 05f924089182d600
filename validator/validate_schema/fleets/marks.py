"""Whether a member stood still while it was read.

What prints definitions on the server looks at the newest catalog, not at the transaction's snapshot: a member
that is changed in the middle may be read half old and half new. Every row of a catalog has a mark that no
change leaves as it was: where it lies, and which transaction wrote it. Where a snapshot that was taken before
the reading and one that was taken after it have the same marks, nothing of the member was changed in between.

Source: PostgreSQL documentation, "System Columns" (ctid, xmin) and "System Catalog Information Functions".
"""

from collections.abc import Iterable, Mapping

from ..catalog.connect import Connection
from ..catalog.queries import USER_SCHEMA

Marks = Mapping[int, str]
"""By the oid of a schema, a mark of all that stands in it."""

_OWN = {
    "pg_namespace": "oid",
    "pg_class": "relnamespace",
    "pg_type": "typnamespace",
    "pg_proc": "pronamespace",
    "pg_constraint": "connamespace",
    "pg_operator": "oprnamespace",
    "pg_collation": "collnamespace",
    "pg_opclass": "opcnamespace",
    "pg_statistic_ext": "stxnamespace",
    "pg_ts_config": "cfgnamespace",
    "pg_ts_dict": "dictnamespace",
}
_OF_CLASS = {
    "pg_attribute": "attrelid",
    "pg_attrdef": "adrelid",
    "pg_index": "indrelid",
    "pg_rewrite": "ev_class",
    "pg_trigger": "tgrelid",
    "pg_policy": "polrelid",
    "pg_sequence": "seqrelid",
    "pg_inherits": "inhrelid",
}


def _rows() -> Iterable[str]:
    mark = "concat(x.tableoid, x.ctid, ' ', x.xmin)"
    for catalog, home in _OWN.items():
        yield f"select {home} as home, {mark} as mark from {catalog} x"
    for catalog, relation in _OF_CLASS.items():
        yield f"select relnamespace, {mark} from {catalog} x join pg_class c on c.oid = {relation}"
    yield f"select typnamespace, {mark} from pg_enum x join pg_type t on t.oid = enumtypid"
    yield f"select defaclnamespace, {mark} from pg_default_acl x"


_ALL = f"in (select oid from pg_namespace where {USER_SCHEMA})"
_MARKS = f"""
    select home::int8, count(*) || ' ' || sum(hashtextextended(mark, 0)::numeric)
    from ({" union all ".join(_rows())}) marks
    where home {{}}
    group by home
"""


def marks(connection: Connection, homes: Iterable[int] | None = None) -> Marks:
    """Return the marks of schemas, of the snapshot that is open: of these, or of all that are the user's."""
    wanted = _ALL if homes is None else f"= any('{{{','.join(map(str, homes))}}}'::oid[])"
    return dict(connection.execute(_MARKS.format(wanted).encode()).fetchall())


def moved(before: Marks, after: Marks, members: Iterable[int], others: Iterable[int]) -> set[int]:
    """Return the members that did not stand still. All of them did not where something that they may refer to
    did not: a schema that is no member, so none of the `others`."""
    wanted, apart = set(members), set(others)
    shared = (before.keys() | after.keys()) - wanted - apart
    if any(before.get(oid) != after.get(oid) for oid in shared):
        return wanted
    return {oid for oid in wanted if before.get(oid) != after.get(oid)}
