"""The queries that read a catalog: set-based, one per kind of object, whatever the size of the schema.

They run under ``search_path = pg_catalog``, so catalogs need no prefix and printed types and
expressions carry theirs. They return raw columns: names are joined in Python, where one dictionary
look-up replaces a join of forty thousand rows. ``pg_get_*def`` is called only where a row holds
something that cannot be told from its columns.

Functions such as ``pg_get_expr`` see the newest catalog, not the transaction's snapshot, and return
NULL for an object that was dropped meanwhile: ``coalesce(…, '')`` tells that apart from "has none".

Source: PostgreSQL documentation, "System Catalogs" of 14 to 18.
"""

from typing import NamedTuple


class Query(NamedTuple):
    """One query. `what` names, for people, what is missing when a role may not run it; `catalogs`
    are those it needs SELECT on."""

    name: str
    sql: str
    what: str
    catalogs: tuple[str, ...]


# Names that start with pg_ are reserved: pg_catalog, pg_toast, pg_temp_3 …
_USER_SCHEMA = "left(nspname, 3) <> 'pg_' and nspname <> 'information_schema'"
_IN_USER_SCHEMA = f"any(array(select oid from pg_namespace where {_USER_SCHEMA}))"
_MEMBERS = (
    "(select objid from pg_depend where refclassid = 'pg_extension'::regclass"
    " and deptype = 'e' and classid = '{}'::regclass)"
)


def _schemas(version: int) -> str:
    return "select oid, nspname, nspowner, nspacl::text from pg_namespace order by nspname"


def _roles(version: int) -> str:
    return """
        select oid, rolname, rolsuper, rolbypassrls, rolcanlogin, rolinherit, rolcreaterole,
               rolcreatedb, rolreplication
        from pg_roles order by rolname"""


def _role_settings(version: int) -> str:
    return """
        select setrole, setdatabase <> 0, setconfig
        from pg_db_role_setting
        where setrole <> 0
          and setdatabase in (0, (select oid from pg_database where datname = current_database()))
        order by setrole, setdatabase"""


def _memberships(version: int) -> str:
    options = "inherit_option, set_option" if version >= 160000 else "null::bool, true"
    return f"select member, roleid, admin_option, {options} from pg_auth_members order by member, roleid"


def _members(version: int) -> str:
    """Objects that an extension owns: left out everywhere, listed with the extension."""
    return """
        select classid::regclass::text, objid, objsubid, refobjid,
               pg_describe_object(classid, objid, objsubid)
        from pg_depend
        where refclassid = 'pg_extension'::regclass and deptype = 'e'
        order by refobjid, classid, objid, objsubid"""


def _extensions(version: int) -> str:
    return "select oid, extname, extversion, extnamespace from pg_extension order by extname"


def _access_methods(version: int) -> str:
    return "select oid, amname from pg_am"


def _opclasses(version: int) -> str:
    return "select oid, opcname, opcnamespace from pg_opclass"


def _collations(version: int) -> str:
    return "select oid, collname, collnamespace from pg_collation"


def _types(version: int) -> str:
    """Types as user columns use them; `typelem` leads an array to its element."""
    return f"""
        select a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod), t.typcollation,
               coalesce(e.oid, t.oid), coalesce(e.typname, t.typname),
               coalesce(e.typnamespace, t.typnamespace), coalesce(e.typtype, t.typtype)::text
        from (
            select distinct atttypid, atttypmod
            from pg_attribute join pg_class c on c.oid = attrelid
            where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'f')
              and relnamespace = {_IN_USER_SCHEMA}
        ) a
        join pg_type t on t.oid = a.atttypid
        left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'"""


def _domains(version: int) -> str:
    return """
        select t.oid, t.typname, t.typnamespace, t.typowner, t.typbasetype,
               format_type(t.typbasetype, t.typtypmod), t.typnotnull,
               case when t.typdefaultbin is not null then coalesce(pg_get_expr(t.typdefaultbin, 0), '') end,
               b.typname, b.typnamespace, b.typtype::text
        from pg_type t join pg_type b on b.oid = t.typbasetype
        where t.typtype = 'd'
        order by t.oid"""


def _domain_checks(version: int) -> str:
    enforced = "conenforced" if version >= 180000 else "true"
    return f"""
        select contypid, conname, contype::text, convalidated, {enforced},
               coalesce(pg_get_constraintdef(oid), '')
        from pg_constraint where contypid <> 0 order by contypid, conname"""


def _enums(version: int) -> str:
    return f"""
        select t.oid, t.typname, t.typnamespace, t.typowner,
               array(select enumlabel::text from pg_enum where enumtypid = t.oid order by enumsortorder)
        from pg_type t
        where t.typtype = 'e' and t.typnamespace = {_IN_USER_SCHEMA}
        order by t.oid"""


def _relations(version: int) -> str:
    return f"""
        select oid, relname, relnamespace, relowner, relkind::text, relpersistence = 'u', relrowsecurity,
               relforcerowsecurity, reloptions, reltuples::float8, relacl::text,
               case when relispartition then coalesce(pg_get_expr(relpartbound, oid), '') end,
               case when relkind = 'p' then coalesce(pg_get_partkeydef(oid), '') end
        from pg_class
        where relkind in ('r', 'p', 'f', 'v', 'm') and relnamespace = {_IN_USER_SCHEMA}
        order by oid"""


def _inheritance(version: int) -> str:
    return """
        select inhrelid, inhparent from pg_inherits join pg_class c on c.oid = inhrelid
        where relkind in ('r', 'p', 'f') order by inhrelid, inhseqno"""


def _defaults(version: int) -> str:
    return f"""
        select adrelid, adnum, coalesce(pg_get_expr(adbin, adrelid), '')
        from pg_attrdef join pg_class c on c.oid = adrelid
        where relnamespace = {_IN_USER_SCHEMA} and relkind in ('r', 'p', 'f')
        order by adrelid, adnum"""


def _columns(version: int) -> str:
    return f"""
        select attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attidentity::text,
               attgenerated::text, attcollation, attacl::text
        from pg_attribute join pg_class c on c.oid = attrelid
        where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'f', 'v', 'm')
          and relnamespace = {_IN_USER_SCHEMA}
        order by attrelid, attnum"""


def _constraints(version: int) -> str:
    enforced = "conenforced" if version >= 180000 else "true"
    period = "conperiod" if version >= 180000 else "false"
    set_columns = "confdelsetcols::text" if version >= 150000 else "null"
    return f"""
        select conrelid, conname, contype::text, convalidated, {enforced}, condeferrable, condeferred,
               conparentid <> 0 or (coninhcount > 0 and not conislocal), connoinherit, {period},
               conkey::text, conindid, confrelid, confkey::text, confdeltype::text, confupdtype::text,
               confmatchtype::text, {set_columns},
               case when contype in ('c', 'x') or {period}
                    then coalesce(pg_get_constraintdef(c.oid), '') end
        from pg_constraint c
        where conrelid <> 0 and contype <> 't' and connamespace = {_IN_USER_SCHEMA}
        order by conrelid, conname"""


def _indexes(version: int) -> str:
    nulls = "indnullsnotdistinct" if version >= 150000 else "false"
    return f"""
        select indrelid, indexrelid, relname, relam, indisunique, indisprimary, indisvalid, indisready,
               {nulls}, relispartition, indnkeyatts, indkey::text, indclass::text, indcollation::text,
               indoption::text,
               case when indexprs is not null then array(
                   select coalesce(pg_get_indexdef(indexrelid, k, false), '')
                   from generate_series(1, indnkeyatts) k where indkey[k - 1] = 0 order by k) end,
               case when indpred is not null then coalesce(pg_get_expr(indpred, indrelid), '') end
        from pg_index join pg_class c on c.oid = indexrelid
        where relnamespace = {_IN_USER_SCHEMA} and relkind in ('i', 'I')
        order by indrelid, relname"""


def _policies(version: int) -> str:
    return """
        select polrelid, polname, polcmd::text, polpermissive, polroles::text,
               case when polqual is not null then coalesce(pg_get_expr(polqual, polrelid), '') end,
               case when polwithcheck is not null then coalesce(pg_get_expr(polwithcheck, polrelid), '') end
        from pg_policy order by polrelid, polname"""


def _triggers(version: int) -> str:
    return """
        select tgrelid, tgname, tgtype, pronamespace, proname, tgenabled::text, tgparentid <> 0
        from pg_trigger join pg_proc p on p.oid = tgfoid
        where not tgisinternal order by tgrelid, tgname"""


def _views(version: int) -> str:
    return f"""
        select oid, coalesce(pg_get_viewdef(oid), '') from pg_class
        where relkind in ('v', 'm') and relnamespace = {_IN_USER_SCHEMA} and oid not in {_MEMBERS.format("pg_class")}
        order by oid"""


def _view_sources(version: int) -> str:
    return f"""
        select distinct ev_class, s.relnamespace, s.relname
        from pg_class v
        join pg_rewrite r on r.ev_class = v.oid
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        join pg_class s on d.refclassid = 'pg_class'::regclass and s.oid = d.refobjid
        where v.relkind in ('v', 'm') and v.relnamespace = {_IN_USER_SCHEMA} and s.oid <> v.oid
          and s.relkind in ('r', 'p', 'f', 'v', 'm') and s.relnamespace = {_IN_USER_SCHEMA}"""


def _functions(version: int) -> str:
    return f"""
        select p.oid, proname, pronamespace, pg_get_function_identity_arguments(p.oid), proowner, lanname,
               pg_get_function_result(p.oid), prokind::text, provolatile::text, prosecdef, proleakproof,
               proconfig,
               case when prosqlbody is not null then coalesce(pg_get_function_sqlbody(p.oid), '')
                    else prosrc end,
               prosqlbody is not null, proacl::text,
               case when lanname = 'plpgsql' then pg_get_function_arguments(p.oid) end
        from pg_proc p join pg_language l on l.oid = prolang
        where pronamespace = {_IN_USER_SCHEMA} and p.oid not in {_MEMBERS.format("pg_proc")}
        order by p.oid"""


def _function_sources(version: int) -> str:
    return f"""
        select distinct d.objid, s.relnamespace, s.relname
        from pg_proc p
        join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid
        join pg_class s on d.refclassid = 'pg_class'::regclass and s.oid = d.refobjid
        where p.prosqlbody is not null and pronamespace = {_IN_USER_SCHEMA}
          and s.relkind in ('r', 'p', 'f', 'v', 'm') and s.relnamespace = {_IN_USER_SCHEMA}"""


def _sequences(version: int) -> str:
    return f"""
        select c.oid, c.relname, c.relnamespace, c.relowner, format_type(seqtypid, null), c.relacl::text,
               t.relnamespace, t.relname, attname
        from pg_sequence join pg_class c on c.oid = seqrelid
        left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0
             and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
        left join pg_class t on t.oid = d.refobjid
        left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where c.relnamespace = {_IN_USER_SCHEMA}
        order by c.oid"""


def _event_triggers(version: int) -> str:
    return """
        select e.oid, evtname, evtevent, pronamespace, proname, evtenabled::text
        from pg_event_trigger e join pg_proc p on p.oid = evtfoid order by evtname"""


def _publications(version: int) -> str:
    return """
        select oid, pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate
        from pg_publication order by pubname"""


def _publication_tables(version: int) -> str:
    return "select prpubid, relnamespace, relname from pg_publication_rel join pg_class c on c.oid = prrelid"


def _publication_schemas(version: int) -> str:
    if version < 150000:
        return "select null::oid, null::oid where false"
    return "select pnpubid, pnnspid from pg_publication_namespace"


def _default_privileges(version: int) -> str:
    return """
        select defaclrole, defaclnamespace, defaclobjtype::text, defaclacl::text
        from pg_default_acl order by defaclrole, defaclnamespace, defaclobjtype"""


_QUERIES = (
    (_schemas, "schemas", ("pg_namespace",)),
    (_roles, "roles", ("pg_roles",)),
    (_role_settings, "settings of roles", ("pg_db_role_setting",)),
    (_memberships, "memberships of roles", ("pg_auth_members",)),
    (_members, "objects owned by extensions", ("pg_depend",)),
    (_extensions, "extensions", ("pg_extension",)),
    (_access_methods, "index methods", ("pg_am",)),
    (_opclasses, "operator classes", ("pg_opclass",)),
    (_collations, "collations", ("pg_collation",)),
    (_domains, "domains", ("pg_type",)),
    (_domain_checks, "constraints of domains", ("pg_constraint",)),
    (_types, "types", ("pg_type", "pg_attribute")),
    (_relations, "tables", ("pg_class",)),
    (_inheritance, "partitions and inheritance", ("pg_inherits",)),
    (_defaults, "column defaults", ("pg_attrdef",)),
    (_columns, "columns", ("pg_attribute",)),
    (_constraints, "constraints", ("pg_constraint",)),
    (_indexes, "indexes", ("pg_index",)),
    (_policies, "policies", ("pg_policy",)),
    (_triggers, "triggers", ("pg_trigger", "pg_proc")),
    (_enums, "enums", ("pg_type", "pg_enum")),
    (_views, "definitions of views", ("pg_class",)),
    (_view_sources, "what views depend on", ("pg_rewrite", "pg_depend")),
    (_functions, "functions", ("pg_proc", "pg_language")),
    (_function_sources, "what functions depend on", ("pg_proc", "pg_depend")),
    (_sequences, "sequences", ("pg_sequence",)),
    (_event_triggers, "event triggers", ("pg_event_trigger",)),
    (_publications, "publications", ("pg_publication",)),
    (_publication_tables, "tables of publications", ("pg_publication_rel",)),
    (_publication_schemas, "schemas of publications", ("pg_publication_namespace",)),
    (_default_privileges, "default privileges", ("pg_default_acl",)),
)


def queries(version: int) -> tuple[Query, ...]:
    """Return the queries for a server of this version number, in the order in which they are built.

    Each has the columns that its version lacks replaced by the value they stand for there.
    """
    return tuple(Query(make.__name__[1:], make(version), what, cats) for make, what, cats in _QUERIES)
