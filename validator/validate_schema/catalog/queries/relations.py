"""Tables with what hangs on them, and the types of their columns.

Of NOT NULL constraints (18) only those are read that say more than `attnotnull`: by default a server has
more of them than of all other constraints.
"""

from .shape import Query

RELATIONS = (
    Query(
        "domains",
        """
        select t.oid, t.typname, t.typnamespace, t.typowner, t.typacl::text, t.typbasetype,
               format_type(t.typbasetype, t.typtypmod), t.typnotnull,
               case when t.typdefaultbin is not null then coalesce(pg_get_expr(t.typdefaultbin, 0), '') end,
               b.typname, b.typnamespace, b.typtype::text,
               case when t.typcollation <> b.typcollation then t.typcollation end
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
        from pg_constraint
        where contypid in (select oid from pg_type where typtype = 'd') and {wanted pg_type typ contypid}
        order by contypid, conname""",
        "constraints of domains",
        ("pg_constraint",),
    ),
    Query(
        "types",
        """
        select a.atttypid, a.atttypmod, format_type(a.atttypid, a.atttypmod), t.typcollation,
               coalesce(e.oid, t.oid), coalesce(e.typname, t.typname),
               coalesce(e.typnamespace, t.typnamespace), coalesce(e.typtype, t.typtype)::text,
               t.typstorage::text
        from (
            select distinct atttypid, atttypmod
            from pg_attribute join pg_class c on c.oid = attrelid
            where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'f', 'v', 'm', 'c')
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
        "relation_details",
        """
        select c.oid, case when c.relkind in ('r', 'p', 'm') and c.relreplident <> 'd'
                      then c.relreplident::text end,
               amname, spcname, format_type(nullif(c.reloftype, 0), null),
               (select array_agg('toast.' || option order by option) from unnest(t.reloptions) option),
               srvname, ftoptions
        from pg_class c
        left join pg_am a on a.oid = c.relam and amname <> 'heap'
        left join pg_tablespace s on s.oid = c.reltablespace
        left join pg_class t on t.oid = c.reltoastrelid and t.reloptions is not null
        left join pg_foreign_table f on f.ftrelid = c.oid
        left join pg_foreign_server on pg_foreign_server.oid = ftserver
        where c.relkind in ('r', 'p', 'f', 'm') and c.relnamespace {in_user_schema}
          and (c.relreplident in ('f', 'n', 'i') or c.reltablespace <> 0 or c.reloftype <> 0
               or amname is not null or t.oid is not null or ftrelid is not null)""",
        "storage of tables",
        ("pg_class", "pg_am", "pg_tablespace", "pg_foreign_table", "pg_foreign_server"),
    ),
    Query(
        "defaults",
        """
        select adrelid, adnum,
               coalesce(pg_get_expr(
                   adbin, case when strpos(adbin::text, '{{VAR ') > 0 then adrelid else 0 end), '')
        from pg_attrdef join pg_class c on c.oid = adrelid
        where relnamespace {in_user_schema} and relkind in ('r', 'p', 'f', 'v')
        order by adrelid, adnum""",
        "column defaults",
        ("pg_attrdef",),
    ),
    Query(
        "columns",
        """
        select attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attidentity::text,
               attgenerated::text, attcollation, attacl::text, attstorage::text
        from pg_attribute join pg_class c on c.oid = attrelid
        where attnum > 0 and not attisdropped and relkind in ('r', 'p', 'f', 'v', 'm', 'c')
          and relnamespace {in_user_schema}
        order by attrelid, attnum""",
        "columns",
        ("pg_attribute",),
    ),
    Query(
        "column_details",
        """
        select attrelid, attnum, nullif(attcompression::text, ''), {column_statistics}, attoptions,
               attfdwoptions
        from pg_attribute
        where attnum > 0 and (attcompression <> '' or {column_statistics} is not null
                              or attoptions is not null or attfdwoptions is not null)
          and {wanted pg_class rel attrelid}
        order by attrelid, attnum""",
        "storage of columns and keys of indexes",
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
          and not (contype = 'n' and convalidated and not connoinherit and right(conname, 9) = '_not_null')
        order by conrelid""",
        "constraints",
        ("pg_constraint",),
    ),
    Query(
        "foreign_keys",
        """
        select oid, conrelid, conname, convalidated, {enforced}, condeferrable, condeferred, {inherited},
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
        "index_details",
        """
        select indexrelid, indisclustered, indisreplident, reloptions, spcname
        from pg_index
        join pg_class c on c.oid = indexrelid
        left join pg_tablespace s on s.oid = reltablespace
        where relnamespace {in_user_schema} and indexrelid in (
            select indexrelid from pg_index where indisclustered or indisreplident
            union all
            select oid from pg_class
            where relkind in ('i', 'I') and (reloptions is not null or reltablespace <> 0))""",
        "storage of indexes",
        ("pg_index", "pg_tablespace"),
    ),
    Query(
        "policies",
        """
        select polrelid, polname, polcmd::text, polpermissive, polroles::text,
               case when polqual is not null then coalesce(pg_get_expr(polqual, polrelid), '') end,
               case when polwithcheck is not null then coalesce(pg_get_expr(polwithcheck, polrelid), '') end
        from pg_policy where {wanted pg_class rel polrelid}
        order by polrelid, polname""",
        "policies",
        ("pg_policy",),
    ),
    Query(
        "triggers",
        """
        select tgrelid, tgname, tgtype, pronamespace, proname, tgenabled::text, tgparentid <> 0,
               tgattr::text, tgoldtable, tgnewtable, tgconstraint <> 0, tgdeferrable, tginitdeferred,
               tgconstrrelid,
               case when tgqual is not null or tgnargs > 0 then coalesce(pg_get_triggerdef(t.oid), '') end
        from pg_trigger t join pg_proc p on p.oid = tgfoid
        where (not tgisinternal or (tgparentid <> 0 and tgconstraint = 0))  -- so clones are marked before 15
          and {wanted pg_class rel tgrelid}
        order by tgrelid, tgname""",
        "triggers",
        ("pg_trigger", "pg_proc"),
    ),
    Query(
        "guards",
        """
        select tgconstraint, max(tgenabled::text)
        from pg_trigger
        where tgisinternal and tgconstraint <> 0 and tgenabled <> 'O'
        group by tgconstraint""",
        "triggers of foreign keys",
        ("pg_trigger",),
    ),
    Query(
        "rules",
        """
        select ev_class, rulename, ev_type::text, is_instead, ev_enabled::text, ev_qual::text <> '<>',
               coalesce(pg_get_ruledef(r.oid), '')
        from pg_rewrite r join pg_class c on c.oid = ev_class
        where rulename <> '_RETURN' and relnamespace {in_user_schema}
        order by ev_class, rulename""",
        "rules",
        ("pg_rewrite",),
    ),
)
