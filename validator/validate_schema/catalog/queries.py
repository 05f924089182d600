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
_MEMBERS = (
    "(select objid from pg_depend where refclassid = 'pg_extension'::regclass"
    " and deptype = 'e' and classid = '{}'::regclass)"
)
# In the order in which their rows are made into records.
_QUERIES = (
    Query(
        "schemas",
        """
        select oid, nspname, nspowner, nspacl::text from pg_namespace order by nspname""",
        "schemas",
        ("pg_namespace",),
    ),
    Query(
        "roles",
        """
        select oid, rolname, rolsuper, rolbypassrls, rolcanlogin, rolinherit, rolcreaterole,
               rolcreatedb, rolreplication
        from pg_roles order by rolname""",
        "roles",
        ("pg_roles",),
    ),
    Query(
        "role_settings",
        """
        select setrole, setdatabase <> 0, setconfig
        from pg_db_role_setting
        where setrole <> 0
          and setdatabase in (0, (select oid from pg_database where datname = current_database()))
        order by setrole, setdatabase""",
        "settings of roles",
        ("pg_db_role_setting",),
    ),
    Query(
        "memberships",
        """
        select member, roleid, admin_option, {inherit_option}, {set_option}
        from pg_auth_members order by member, roleid""",
        "memberships of roles",
        ("pg_auth_members",),
    ),
    Query(
        "members",
        """
        select classid::regclass::text, objid, objsubid, refobjid,
               pg_describe_object(classid, objid, objsubid)
        from pg_depend
        where refclassid = 'pg_extension'::regclass and deptype = 'e'
        order by refobjid, classid, objid, objsubid""",
        "objects owned by extensions",
        ("pg_depend",),
    ),
    Query(
        "extensions",
        """
        select oid, extname, extversion, extnamespace from pg_extension order by extname""",
        "extensions",
        ("pg_extension",),
    ),
    Query(
        "access_methods",
        """
        select oid, amname from pg_am""",
        "index methods",
        ("pg_am",),
    ),
    Query(
        "opclasses",
        """
        select oid, opcname, opcnamespace from pg_opclass""",
        "operator classes",
        ("pg_opclass",),
    ),
    Query(
        "collations",
        """
        select oid, collname, collnamespace from pg_collation""",
        "collations",
        ("pg_collation",),
    ),
    Query(
        "domains",
        """
        select t.oid, t.typname, t.typnamespace, t.typowner, t.typbasetype,
               format_type(t.typbasetype, t.typtypmod), t.typnotnull,
               case when t.typdefaultbin is not null then coalesce(pg_get_expr(t.typdefaultbin, 0), '') end,
               b.typname, b.typnamespace, b.typtype::text
        from pg_type t join pg_type b on b.oid = t.typbasetype
        where t.typtype = 'd'
        order by t.oid""",
        "domains",
        ("pg_type",),
    ),
    Query(
        "domain_checks",
        """
        select contypid, conname, contype::text, convalidated, {enforced},
               case when pg_type_is_visible(contypid) is not null
                    then coalesce(pg_get_constraintdef(oid), '') else '' end
        from pg_constraint where contypid in (select oid from pg_type where typtype = 'd')
        order by contypid, conname""",
        "constraints of domains",
        ("pg_constraint",),
    ),
    Query(
        "types",
        """
        select a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod), t.typcollation,
               coalesce(e.oid, t.oid), coalesce(e.typname, t.typname),
               coalesce(e.typnamespace, t.typnamespace), coalesce(e.typtype, t.typtype)::text
        from (
            select distinct atttypid, atttypmod
            from pg_attribute join pg_class c on c.oid = attrelid
            where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'f')
              and relnamespace {in_user_schema}
        ) a
        join pg_type t on t.oid = a.atttypid
        left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'""",
        "types",
        ("pg_type", "pg_attribute", "pg_class"),
    ),
    Query(
        "relations",
        """
        select oid, relname, relnamespace, relowner, relkind::text, relpersistence = 'u', relrowsecurity,
               relforcerowsecurity, reloptions, reltuples::float8, relacl::text,
               case when relispartition then coalesce(pg_get_expr(relpartbound, oid), '') end,
               case when relkind = 'p' then coalesce(pg_get_partkeydef(oid), '') end
        from pg_class
        where relkind in ('r', 'p', 'f', 'v', 'm') and relnamespace {in_user_schema}
        order by oid""",
        "tables",
        ("pg_class",),
    ),
    Query(
        "inheritance",
        """
        select inhrelid, inhparent from pg_inherits join pg_class c on c.oid = inhrelid
        where relkind in ('r', 'p', 'f') order by inhrelid, inhseqno""",
        "partitions and inheritance",
        ("pg_inherits",),
    ),
    Query(
        "defaults",
        """
        select adrelid, adnum,
               coalesce(pg_get_expr(
                   adbin, case when strpos(adbin::text, '{{VAR ') > 0 then adrelid else 0 end), '')
        from pg_attrdef join pg_class c on c.oid = adrelid
        where relnamespace {in_user_schema} and relkind in ('r', 'p', 'f')
        order by adrelid, adnum""",
        "column defaults",
        ("pg_attrdef",),
    ),
    Query(
        "columns",
        """
        select attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attidentity::text,
               attgenerated::text, attcollation, attacl::text
        from pg_attribute join pg_class c on c.oid = attrelid
        where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'f', 'v', 'm')
          and relnamespace {in_user_schema}
        order by attrelid, attnum""",
        "columns",
        ("pg_attribute",),
    ),
    Query(
        "constraints",
        """
        select conrelid, conname, contype::text, convalidated, {enforced}, condeferrable, condeferred,
               {inherited}, connoinherit, {period}, conkey::text, conindid,
               case when contype in ('c', 'x') or {period} then {constraint_definition} end
        from pg_constraint
        where conrelid <> 0 and contype not in ('f', 't') and connamespace {in_user_schema}
        order by conrelid""",
        "constraints",
        ("pg_constraint",),
    ),
    Query(
        "foreign_keys",
        """
        select conrelid, conname, convalidated, {enforced}, condeferrable, condeferred, {inherited},
               {period}, conkey::text, confrelid, confkey::text, confdeltype::text, confupdtype::text,
               confmatchtype::text, {set_columns},
               case when {period} then {constraint_definition} end
        from pg_constraint
        where contype = 'f' and connamespace {in_user_schema}
        order by conrelid""",
        "foreign keys",
        ("pg_constraint",),
    ),
    Query(
        "indexes",
        """
        select indrelid, indexrelid, relname, relam, indisunique, indisprimary, indisvalid, indisready,
               {nulls_not_distinct}, relispartition, indnkeyatts, indkey::text, indclass::text,
               indcollation::text, indoption::text,
               case when indexprs is not null then array(
                   select coalesce(pg_get_indexdef(indexrelid, k, false), '')
                   from generate_series(1, indnkeyatts) k where indkey[k - 1] = 0 order by k) end,
               case when indpred is not null then coalesce(pg_get_expr(indpred, indrelid), '') end
        from pg_index join pg_class c on c.oid = indexrelid
        where relnamespace {in_user_schema} and relkind in ('i', 'I')
        order by indrelid""",
        "indexes",
        ("pg_index",),
    ),
    Query(
        "policies",
        """
        select polrelid, polname, polcmd::text, polpermissive, polroles::text,
               case when polqual is not null then coalesce(pg_get_expr(polqual, polrelid), '') end,
               case when polwithcheck is not null then coalesce(pg_get_expr(polwithcheck, polrelid), '') end
        from pg_policy order by polrelid, polname""",
        "policies",
        ("pg_policy",),
    ),
    Query(
        "triggers",
        """
        select tgrelid, tgname, tgtype, pronamespace, proname, tgenabled::text, tgparentid <> 0
        from pg_trigger join pg_proc p on p.oid = tgfoid
        where not tgisinternal order by tgrelid, tgname""",
        "triggers",
        ("pg_trigger", "pg_proc"),
    ),
    Query(
        "enums",
        """
        select t.oid, t.typname, t.typnamespace, t.typowner,
               array(select enumlabel::text from pg_enum where enumtypid = t.oid order by enumsortorder)
        from pg_type t
        where t.typtype = 'e' and t.typnamespace {in_user_schema}
        order by t.oid""",
        "enums",
        ("pg_type", "pg_enum"),
    ),
    Query(
        "views",
        """
        select oid, case when pg_table_is_visible(oid) is not null then coalesce(pg_get_viewdef(oid), '')
                    else '' end
        from pg_class
        where relkind in ('v', 'm') and relnamespace {in_user_schema} and oid not in {extension_relations}
        order by oid""",
        "definitions of views",
        ("pg_class",),
    ),
    Query(
        "view_sources",
        """
        select distinct ev_class, s.relnamespace, s.relname
        from pg_class v
        join pg_rewrite r on r.ev_class = v.oid
        join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        join pg_class s on d.refclassid = 'pg_class'::regclass and s.oid = d.refobjid
        where v.relkind in ('v', 'm') and v.relnamespace {in_user_schema} and s.oid <> v.oid
          and s.relkind in ('r', 'p', 'f', 'v', 'm') and s.relnamespace {in_user_schema}""",
        "what views depend on",
        ("pg_rewrite", "pg_depend"),
    ),
    Query(
        "functions",
        """
        select p.oid, proname, pronamespace, pg_get_function_identity_arguments(p.oid), proowner, lanname,
               pg_get_function_result(p.oid), prokind::text, provolatile::text, prosecdef, proleakproof,
               proconfig,
               case when prosqlbody is not null then coalesce(pg_get_function_sqlbody(p.oid), '')
                    else prosrc end,
               prosqlbody is not null, proacl::text,
               case when lanname = 'plpgsql' then pg_get_function_arguments(p.oid) end
        from pg_proc p join pg_language l on l.oid = prolang
        where pronamespace {in_user_schema} and p.oid not in {extension_functions}
        order by p.oid""",
        "functions",
        ("pg_proc", "pg_language"),
    ),
    Query(
        "function_sources",
        """
        select distinct d.objid, s.relnamespace, s.relname
        from pg_proc p
        join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid
        join pg_class s on d.refclassid = 'pg_class'::regclass and s.oid = d.refobjid
        where p.prosqlbody is not null and pronamespace {in_user_schema}
          and s.relkind in ('r', 'p', 'f', 'v', 'm') and s.relnamespace {in_user_schema}""",
        "what functions depend on",
        ("pg_proc", "pg_depend"),
    ),
    Query(
        "sequences",
        """
        select c.oid, c.relname, c.relnamespace, c.relowner, format_type(seqtypid, null), c.relacl::text,
               t.relnamespace, t.relname, attname
        from pg_sequence join pg_class c on c.oid = seqrelid
        left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.objsubid = 0
             and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
        left join pg_class t on t.oid = d.refobjid
        left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where c.relnamespace {in_user_schema}
        order by c.oid""",
        "sequences",
        ("pg_sequence",),
    ),
    Query(
        "event_triggers",
        """
        select e.oid, evtname, evtevent, pronamespace, proname, evtenabled::text
        from pg_event_trigger e join pg_proc p on p.oid = evtfoid order by evtname""",
        "event triggers",
        ("pg_event_trigger",),
    ),
    Query(
        "publications",
        """
        select oid, pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate
        from pg_publication order by pubname""",
        "publications",
        ("pg_publication",),
    ),
    Query(
        "publication_tables",
        """
        select prpubid, relnamespace, relname from pg_publication_rel join pg_class c on c.oid = prrelid""",
        "tables of publications",
        ("pg_publication_rel",),
    ),
    Query(
        "publication_schemas",
        """
        select pnpubid, pnnspid from {publication_schemas}""",
        "schemas of publications",
        ("pg_publication_namespace",),
    ),
    Query(
        "default_privileges",
        """
        select defaclrole, defaclnamespace, defaclobjtype::text, defaclacl::text
        from pg_default_acl order by defaclrole, defaclnamespace, defaclobjtype""",
        "default privileges",
        ("pg_default_acl",),
    ),
)


def queries(version: int) -> tuple[Query, ...]:
    """Return the queries for a server of this version number.

    Columns that the version lacks are replaced by the value that they would have there.
    """
    words = _words(version)
    return tuple(query._replace(sql=query.sql.format_map(words)) for query in _QUERIES)


def _words(version: int) -> dict[str, str]:
    return {
        "in_user_schema": f"= any(array(select oid from pg_namespace where {_USER_SCHEMA}))",
        "extension_relations": _MEMBERS.format("pg_class"),
        "extension_functions": _MEMBERS.format("pg_proc"),
        "nulls_not_distinct": "indnullsnotdistinct" if version >= 150000 else "false",
        "set_columns": "confdelsetcols::text" if version >= 150000 else "null",
        "publication_schemas": "pg_publication_namespace"
        if version >= 150000
        else "(select null::oid as pnpubid, null::oid as pnnspid where false) none",
        "inherit_option": "inherit_option" if version >= 160000 else "null::bool",
        "set_option": "set_option" if version >= 160000 else "true",
        "enforced": "conenforced" if version >= 180000 else "true",
        "constraint_definition": "case when pg_table_is_visible(conrelid) is not null"
        " then coalesce(pg_get_constraintdef(oid), '') else '' end",
        "inherited": "conparentid <> 0 or (coninhcount > 0 and not conislocal)",
        "period": "conperiod" if version >= 180000 else "false",
    }
