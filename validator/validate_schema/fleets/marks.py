"""Whether a member stood still while it was read.

What prints definitions on the server looks at the newest catalog, not at the transaction's snapshot: a member
that is changed in the middle may be read half old and half new. Every row of a catalog has a mark that no
change leaves as it was: where it lies, and which transaction wrote it. Where a snapshot that was taken before
the reading and one that was taken after it have the same marks, nothing of the member was changed in between.
What stands in no schema, or in the server's own, and may be named by what stands in a member (extensions,
languages), has one mark together, and the names of roles have one.

Where no transaction that writes has ended on the whole server between two snapshots, no mark needs to be
looked at again: each that ends changes what `pg_current_snapshot` says, for it was among those in progress,
or is newer than the last that had ended. A standby does not say so.

Source: PostgreSQL documentation, "System Columns" (ctid, xmin), "System Catalog Information Functions" and
"Transaction ID and Snapshot Information Functions"; GetSnapshotData of PostgreSQL for what a standby leaves
out.
"""

from collections.abc import Iterable

from ..catalog.connect import Connection
from ..catalog.queries import USER_SCHEMA


class Marks(dict[int, str]):
    """By the oid of a schema, a mark of all that stands in it; and the `moment` of the snapshot: where a
    later one has the same, all marks are what they were. "" says nothing."""

    moment = ""


# In place of the oid of a schema: what stands beside all that are the user's, and the names of roles.
BESIDE, ROLES = -1, -2
SCHEMA_OF = {
    "pg_namespace": "oid",
    "pg_class": "relnamespace",
    "pg_type": "typnamespace",
    "pg_proc": "pronamespace",
    "pg_constraint": "connamespace",
    "pg_operator": "oprnamespace",
    "pg_collation": "collnamespace",
    "pg_opclass": "opcnamespace",
    "pg_opfamily": "opfnamespace",
    "pg_conversion": "connamespace",
    "pg_statistic_ext": "stxnamespace",
    "pg_ts_config": "cfgnamespace",
    "pg_ts_dict": "dictnamespace",
    "pg_ts_parser": "prsnamespace",
    "pg_ts_template": "tmplnamespace",
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
    "pg_partitioned_table": "partrelid",
    "pg_foreign_table": "ftrelid",
}
_OF_OTHERS = {
    "pg_cast": ("pg_type", "castsource", "typnamespace"),
    "pg_enum": ("pg_type", "enumtypid", "typnamespace"),
    "pg_range": ("pg_type", "rngtypid", "typnamespace"),
    "pg_aggregate": ("pg_proc", "aggfnoid", "pronamespace"),
    "pg_ts_config_map": ("pg_ts_config", "mapcfg", "cfgnamespace"),
}
# Whatever of them changes may change every member: rows that stand in no schema.
_BESIDE = (
    "pg_am", "pg_amop", "pg_amproc", "pg_event_trigger", "pg_extension", "pg_foreign_data_wrapper",
    "pg_foreign_server", "pg_init_privs", "pg_language", "pg_publication", "pg_publication_rel",
    "pg_tablespace", "pg_transform",
)  # fmt: skip
_BESIDE_FROM_15 = ("pg_publication_namespace", "pg_parameter_acl")
# What not everybody may read whole is told by what of it everybody may.
_READABLE = {
    "pg_user_mappings": "m",
    "pg_subscription": "oid, subname, subowner, subenabled, subslotname, subsynccommit, subpublications",
    "pg_database": "datname, datdba, datacl, datconnlimit",
}
_MARK = "concat(x.tableoid, x.ctid, ' ', x.xmin)"


def _rows() -> Iterable[str]:
    for catalog, home in SCHEMA_OF.items():
        yield f"select {home} as home, {_MARK} as mark from {catalog} x"
    for catalog, relation in _OF_CLASS.items():
        yield f"select relnamespace, {_MARK} from {catalog} x join pg_class c on c.oid = {relation}"
    for catalog, (whose, oid, home) in _OF_OTHERS.items():
        yield f"select {home}, {_MARK} from {catalog} x join {whose} o on o.oid = {oid}"
    yield f"select defaclnamespace, {_MARK} from pg_default_acl x"
    # Whose a sequence is stands nowhere else.
    yield (
        f"select relnamespace, {_MARK} from pg_depend x join pg_class c on c.oid = objid and relkind = 'S'"
        " where classid = 'pg_class'::regclass and deptype in ('a', 'i')"
    )


def _beside(version: int) -> Iterable[str]:
    server = "in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)"
    for catalog, home in SCHEMA_OF.items():
        yield f"select {_MARK} from {catalog} x where {home} {server}"
    for catalog, (whose, oid, home) in _OF_OTHERS.items():
        yield f"select {_MARK} from {catalog} x join {whose} o on o.oid = {oid} where {home} {server}"
    for catalog in (*_BESIDE, *(_BESIDE_FROM_15 if version >= 150_000 else ())):
        yield f"select {_MARK} from {catalog} x"
    yield f"select {_MARK} from pg_depend x where deptype = 'e'"
    yield f"select {_MARK} from pg_default_acl x where defaclnamespace = 0"
    for view, columns in _READABLE.items():
        own = " where datname = current_database()" if view == "pg_database" else ""
        yield f"select '{view}' || row({columns})::text from {view} m{own}"


def tables_marked() -> frozenset[str]:
    """Return the catalogs whose changes a mark shows."""
    told = (*SCHEMA_OF, *_OF_CLASS, *_OF_OTHERS, *_BESIDE, *_BESIDE_FROM_15, *_READABLE)
    return frozenset((*told, "pg_default_acl", "pg_depend", "pg_roles"))


_ALL = f"in (select oid from pg_namespace where {USER_SCHEMA})"
_SUM = "count(*) || ' ' || coalesce(sum(hashtextextended(mark, 0)::numeric), 0)"
_MARKS = f"""
    select home::int8, {_SUM} from ({" union all ".join(_rows())}) marks where home {{homes}} group by home
    union all select {BESIDE}, {_SUM} from ({{beside}}) beside(mark)
    union all select {ROLES}, {_SUM} from (select row(oid, rolname)::text from pg_roles) roles(mark)
"""


_MOMENT = "select case when pg_is_in_recovery() then '' else pg_current_snapshot()::text end"


def marks(connection: Connection, homes: Iterable[int] | None = None) -> Marks:
    """Return the marks of schemas, of the snapshot that is open: of these, or of all that are the user's;
    and those of what stands `BESIDE`, and of the `ROLES`."""
    wanted = _ALL if homes is None else f"= any('{{{','.join(map(str, homes))}}}'::oid[])"
    beside = " union all ".join(_beside(connection.info.server_version))
    found = Marks(connection.execute(_MARKS.format(homes=wanted, beside=beside).encode()).fetchall())
    found.moment = moment(connection)
    return found


def marks_after(connection: Connection, before: Marks, homes: Iterable[int] | None = None) -> Marks:
    """Return the marks of the snapshot that is open, as `marks` does; those of `before` where nothing has
    ended since."""
    if before.moment and moment(connection) == before.moment:
        return before
    return marks(connection, homes)


def moment_alone(connection: Connection) -> Marks:
    """Return no marks but the moment of the snapshot that is open, which costs next to nothing. In a later
    one all is as it was where nothing has ended since; otherwise nothing is known to be."""
    found = Marks()
    found.moment = moment(connection)
    return found


def moment(connection: Connection) -> str:
    """Return the moment of the snapshot that is open; see `Marks`."""
    return str(connection.execute(_MOMENT.encode()).fetchall()[0][0])


def moved(before: Marks, after: Marks, members: Iterable[int], others: Iterable[int]) -> set[int]:
    """Return the members that did not stand still. All of them did not where something that they may refer to
    did not: what is no member, so none of the `others`. What is new is nothing that they refer to as long as
    they are as they were; and roles come and go with members, which changes no other one."""
    if before is after:
        return set()
    wanted, apart = set(members), set(others)
    shared = before.keys() - wanted - apart - {ROLES}
    if any(before.get(oid) != after.get(oid) for oid in shared):
        return wanted
    return {oid for oid in wanted if oid not in after or before.get(oid) != after[oid]}
