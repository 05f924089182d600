"""Everything else: views, functions, sequences and the rest."""

from .shape import Query

OBJECTS = (
    Query(
        "enums",
        """
        select t.oid, t.typname, t.typnamespace, t.typowner, t.typacl::text,
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
        where relkind in ('v', 'm') and relnamespace {in_user_schema}
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
               case when pronargdefaults > 0 then pg_get_function_arguments(p.oid) end,
               proisstrict, proparallel::text, procost::float8, prorows::float8, {function p prosupport},
               case when protrftypes is not null then
                    array(select format_type(type, null) from unnest(protrftypes) type) end, probin
        from pg_proc p join pg_language l on l.oid = prolang
        where pronamespace {in_user_schema}
          and (p.oid not in {members pg_proc} or lanname in ('sql', 'plpgsql') or prosecdef)
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
        select e.oid, evtname, evtevent, pronamespace, proname, evtenabled::text, evtowner, evttags
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
    Query(
        "aggregates",
        """
        select aggfnoid::oid, format_type(aggtranstype, null), aggkind::text, aggnumdirectargs,
               {routine aggtransfn}, {routine aggfinalfn}, {routine aggcombinefn}, {routine aggserialfn},
               {routine aggdeserialfn}, {routine aggmtransfn}, {routine aggminvtransfn},
               {routine aggmfinalfn}, aggfinalextra, aggmfinalextra, aggfinalmodify::text,
               aggmfinalmodify::text, {operator aggsortop}, aggtransspace,
               case when aggmtranstype <> 0 then format_type(aggmtranstype, null) end, aggmtransspace,
               agginitval, aggminitval
        from pg_aggregate join pg_proc p on p.oid = aggfnoid
        where pronamespace {in_user_schema} and p.oid not in {members pg_proc}""",
        "aggregates",
        ("pg_aggregate",),
    ),
    Query(
        "operators",
        """
        select oprname, oprnamespace, oprowner, case when oprleft <> 0 then format_type(oprleft, null) end,
               case when oprright <> 0 then format_type(oprright, null) end,
               case when oprresult <> 0 then format_type(oprresult, null) end,
               {routine oprcode}, {operator o oprcom}, {operator o oprnegate}, {function oprrest},
               {function oprjoin}, oprcanhash, oprcanmerge
        from pg_operator o
        where oprnamespace {in_user_schema} and oid not in {members pg_operator}""",
        "operators",
        ("pg_operator",),
    ),
    Query(
        "casts",
        """
        select format_type(castsource, null), format_type(casttarget, null), castcontext::text,
               castmethod::text, {routine castfunc}
        from pg_cast
        where oid >= {first_own} and oid not in {members pg_cast}""",
        "casts",
        ("pg_cast",),
    ),
    Query(
        "languages",
        """
        select oid, lanname, lanowner, lanpltrusted, {function lanplcallfoid}, {function laninline},
               {function lanvalidator}, lanacl::text
        from pg_language order by lanname""",
        "languages",
        ("pg_language",),
    ),
    Query(
        "user_collations",
        """
        select collname, collnamespace, collowner, collprovider::text, collisdeterministic,
               coalesce({collation_locale}, ''), {collation_rules}
        from pg_collation
        where collnamespace {in_user_schema} and oid not in {members pg_collation}""",
        "collations",
        ("pg_collation",),
    ),
    Query(
        "database",
        """
        select datdba, datacl::text from pg_database where datname = current_database()""",
        "the database's owner and privileges",
        ("pg_database",),
    ),
    Query(
        "large_objects",
        """
        select distinct lomowner, lomacl::text from pg_largeobject_metadata""",
        "large objects",
        ("pg_largeobject_metadata",),
    ),
)
