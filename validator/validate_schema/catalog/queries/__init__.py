"""The queries that read a catalog: set-based, one per kind of object, whatever the size of the schema.

They run under ``search_path = pg_catalog``, so catalogs need no prefix and printed types and
expressions carry theirs. They return raw columns: names are joined in Python, where one dictionary
look-up replaces a join of forty thousand rows. ``pg_get_*def`` is called only where a row holds
something that cannot be told from its columns.

Functions such as ``pg_get_expr`` see the newest catalog, not the transaction's snapshot, and return
NULL for an object that was dropped meanwhile: ``coalesce(…, '')`` tells that apart from "has none".
Others fail instead; ``pg_table_is_visible`` is asked first, for it says NULL of what is gone.
A default that names no column is printed without its table, which spares the server opening it.

Source: PostgreSQL documentation, "System Catalogs" of 14 to 18.
"""

from .names import NAMES
from .objects import OBJECTS
from .relations import RELATIONS
from .shape import Query as Query

# In the order in which their rows are made into records.
_QUERIES = (*NAMES, *RELATIONS, *OBJECTS)
# Names that start with pg_ are reserved: pg_catalog, pg_toast, pg_temp_3 …
USER_SCHEMA = "left(nspname, 3) <> 'pg_' and nspname <> 'information_schema'"
_IN_USER_SCHEMA = f"= any(array(select oid from pg_namespace where {USER_SCHEMA}))"
# What the server made for itself has a smaller oid. Source: access/transam.h, FirstNormalObjectId.
_FIRST_OWN = 16384


# The name behind an oid, as an array: {routine column}, or {routine alias column} where the catalog that is
# looked into has a column of that name too.
_NAMED = {
    "function": "(select array[n.pronamespace::text, n.proname] from pg_proc n where n.oid = {})",
    "routine": "(select array[n.pronamespace::text, n.proname, pg_get_function_identity_arguments(n.oid)]"
    " from pg_proc n where n.oid = {})",
    "opclass": "(select n.opcname::text from pg_opclass n where n.oid = {})",
    "collation": "(select n.collname::text from pg_collation n where n.oid = {})",
    "operator": "(select array[n.oprnamespace::text, n.oprname] from pg_operator n where n.oid = {})",
}
# The objects of a catalog that belong to an extension: {members pg_proc}.
_MEMBERS = (
    "(select objid from pg_depend where refclassid = 'pg_extension'::regclass"
    " and deptype = 'e' and classid = '{}'::regclass)"
)


def queries(version: int, in_schema: str = _IN_USER_SCHEMA) -> tuple[Query, ...]:
    """Return the queries for a server of this version number.

    Columns that the version lacks are replaced by the value that they would have there. `in_schema` is what
    follows the oid of a schema whose objects are wanted: by default of all that are the user's.
    """
    words = _Words(_words(version) | {"in_user_schema": in_schema})
    words.some = in_schema != _IN_USER_SCHEMA
    return tuple(query._replace(sql=query.sql.format_map(words)) for query in _QUERIES)


class _Words(dict[str, str]):
    """What stands in braces in a query: a word, or a word with what it is applied to.

    With `some`, not all schemas are wanted: then {wanted catalog prefix column} is true of an oid of
    `catalog` in those that are. It is there for queries that would read rows of all schemas.
    """

    some = False

    def __missing__(self, key: str) -> str:
        word, *column = key.split()
        if word == "wanted":
            catalog, prefix, oid = column
            found = f"select oid from {catalog} where {prefix}namespace {self['in_user_schema']}"
            return f"{oid} in ({found})" if self.some else "true"
        template = _MEMBERS if word == "members" else _NAMED[word]
        return template.format(".".join(column))


def _words(version: int) -> dict[str, str]:
    return {
        "first_own": str(_FIRST_OWN),
        "nulls_not_distinct": "indnullsnotdistinct" if version >= 150000 else "false",
        "set_columns": "confdelsetcols::text" if version >= 150000 else "null",
        "publication_schemas": "pg_publication_namespace"
        if version >= 150000
        else "(select null::oid as pnpubid, null::oid as pnnspid where false) none",
        "first_superuser": "10::oid",  # BOOTSTRAP_SUPERUSERID of pg_authid.h
        "parameter_acl": "pg_parameter_acl"
        if version >= 150000
        else "(select null::text as parname, null::aclitem[] as paracl where false) none",
        "inherit_option": "inherit_option" if version >= 160000 else "null::bool",
        "set_option": "set_option" if version >= 160000 else "true",
        "enforced": "conenforced" if version >= 180000 else "true",
        "constraint_definition": "case when pg_table_is_visible(conrelid) is not null"
        " then coalesce(pg_get_constraintdef(oid), '') else '' end",
        "inherited": "conparentid <> 0 or (coninhcount > 0 and not conislocal)",
        "collation_locale": _locale(version),
        "column_statistics": "attstattarget" if version >= 170000 else "nullif(attstattarget, -1)",
        "extended_statistics": "stxstattarget::text"
        if version >= 170000
        else "nullif(stxstattarget, -1)::text",
        "published_columns": "pubgencols::text" if version >= 180000 else "null",
        "publication_columns": "prattrs::text" if version >= 150000 else "null",
        "publication_filter": "case when prqual is not null"
        " then coalesce(pg_get_expr(prqual, prrelid), '') end"
        if version >= 150000
        else "null",
        "text_search_template": "(select tmplname::text from pg_ts_template n where n.oid = dicttemplate)",
        "text_search_parser": "(select prsname::text from pg_ts_parser n where n.oid = cfgparser)",
        "subscription_options": _subscription(version),
        "collation_rules": "collicurules" if version >= 160000 else "null",
        "period": "conperiod" if version >= 180000 else "false",
    }


def _locale(version: int) -> str:
    if version >= 170000:
        return "coalesce(colllocale, collcollate)"
    return "coalesce(colliculocale, collcollate)" if version >= 150000 else "collcollate"


def _subscription(version: int) -> str:
    """Return the words of a subscription's options, those of newer versions where they are."""
    known = [("binary", "subbinary::text", 0), ("streaming", "substream::text", 0)]
    known += [
        ("two phase", "subtwophasestate::text", 150000),
        ("disable on error", "subdisableonerr::text", 150000),
        ("password required", "subpasswordrequired::text", 160000),
        ("run as owner", "subrunasowner::text", 160000),
    ]
    known += [("origin", "suborigin", 160000), ("failover", "subfailover::text", 170000)]
    words = (f"'{name} ' || {column}" for name, column, since in known if version >= since)
    return f"concat_ws(', ', {', '.join(words)})"
