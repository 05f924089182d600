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
                    array(select format_type(type, null) from unnest(protrftypes) type) end, probin,
               exists (select from pg_proc o where o.proname = p.proname
                       and o.pronamespace = 'pg_catalog'::regnamespace)
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
               t.relnamespace, t.relname, attname, d.deptype::text, c.relpersistence = 'u', seqstart,
               seqincrement, seqmin, seqmax, seqcache, seqcycle
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
        from pg_event_trigger e join pg_proc p on p.oid = evtfoid
        where proname <> 'validate_schema_guard' or pronamespace <> 'pg_catalog'::regnamespace
        order by evtname""",
        "event triggers",
        ("pg_event_trigger",),
    ),
    Query(
        "publications",
        """
        select oid, pubname, puballtables, pubowner, pubviaroot, {published_columns}, pubinsert, pubupdate,
               pubdelete, pubtruncate
        from pg_publication order by pubname""",
        "publications",
        ("pg_publication",),
    ),
    Query(
        "publication_tables",
        """
        select prpubid, relnamespace, relname, prrelid, {publication_columns}, {publication_filter}
        from pg_publication_rel join pg_class c on c.oid = prrelid""",
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
    Query(
        "type_objects",
        """
        select t.oid, t.typname, t.typnamespace, t.typowner, t.typacl::text, t.typtype::text, t.typisdefined,
               t.typrelid,
               case t.typtype when 'r' then array[
                   format_type(rngsubtype, null), {opclass rngsubopc}, {collation rngcollation},
                   nullif(rngcanonical::oid::regprocedure::text, '-'),
                   nullif(rngsubdiff::oid::regprocedure::text, '-'), format_type(rngmultitypid, null)]
               when 'b' then array[
                   t.typinput::oid::regprocedure::text, t.typoutput::oid::regprocedure::text,
                   nullif(t.typreceive::oid::regprocedure::text, '-'),
                   nullif(t.typsend::oid::regprocedure::text, '-'),
                   nullif(t.typmodin::oid::regprocedure::text, '-'),
                   nullif(t.typmodout::oid::regprocedure::text, '-'),
                   nullif(t.typanalyze::oid::regprocedure::text, '-'),
                   nullif(t.typsubscript::oid::regprocedure::text, '-'),
                   t.typlen::text, case when t.typbyval then 'yes' end, t.typalign::text, t.typstorage::text,
                   t.typcategory::text, case when t.typispreferred then 'yes' end, t.typdelim::text,
                   format_type(nullif(t.typelem, 0), null), t.typdefault,
                   case when t.typcollation <> 0 then 'yes' end] end
        from pg_type t
        left join pg_class c on c.oid = t.typrelid
        left join pg_range on rngtypid = t.oid
        where t.typnamespace {in_user_schema} and t.oid not in {members pg_type}
          and (t.typtype in ('r', 'p') or c.relkind = 'c' or (t.typtype = 'b' and t.typcategory <> 'A'))
        order by t.typname""",
        "types",
        ("pg_type", "pg_range"),
    ),
    Query(
        "text_search",
        """
        select 'text search parser', prsnamespace, prsname, null::oid, null,
               array[prsstart::text, prstoken::text, prsend::text, nullif(prsheadline::text, '-'),
                     prslextype::text]
        from pg_ts_parser where prsnamespace {in_user_schema} and oid not in {members pg_ts_parser}
        union all
        select 'text search template', tmplnamespace, tmplname, null, null,
               array[nullif(tmplinit::text, '-'), tmpllexize::text]
        from pg_ts_template where tmplnamespace {in_user_schema} and oid not in {members pg_ts_template}
        union all
        select 'text search dictionary', dictnamespace, dictname, dictowner, null,
               array[{text_search_template}, dictinitoption]
        from pg_ts_dict where dictnamespace {in_user_schema} and oid not in {members pg_ts_dict}
        union all
        select 'text search configuration', cfgnamespace, cfgname, cfgowner, null,
               array[{text_search_parser},
                     (select string_agg(alias || ': ' || mapdict::regdictionary::text, ', '
                                        order by maptokentype, mapseqno)
                      from pg_ts_config_map, ts_token_type(cfgparser)
                      where mapcfg = g.oid and tokid = maptokentype)]
        from pg_ts_config g where cfgnamespace {in_user_schema} and oid not in {members pg_ts_config}""",
        "text search objects",
        ("pg_ts_parser", "pg_ts_template", "pg_ts_dict", "pg_ts_config", "pg_ts_config_map"),
    ),
    Query(
        "foreign",
        """
        select 'foreign-data wrapper', null::oid, fdwname, fdwowner, fdwacl::text,
               array[nullif(fdwhandler::oid::regprocedure::text, '-'),
                     nullif(fdwvalidator::oid::regprocedure::text, '-')],
               fdwoptions
        from pg_foreign_data_wrapper where oid not in {members pg_foreign_data_wrapper}
        union all
        select 'foreign server', null, srvname, srvowner, srvacl::text,
               array[fdwname::text, srvtype, srvversion], srvoptions
        from pg_foreign_server s join pg_foreign_data_wrapper w on w.oid = srvfdw
        where s.oid not in {members pg_foreign_server}
        union all
        select 'user mapping', null, usename || ' on ' || srvname, null, null, null, umoptions
        from pg_user_mappings""",
        "foreign-data wrappers, servers and user mappings",
        ("pg_foreign_data_wrapper", "pg_foreign_server", "pg_user_mappings"),
    ),
    Query(
        "access",
        """
        select 'access method', null::oid, amname, null::oid, null,
               array[amtype::text, amhandler::oid::regprocedure::text]
        from pg_am where oid >= {first_own} and oid not in {members pg_am}
        union all
        select 'operator family', opfnamespace, opfname || ' using ' || amname, opfowner, null, array[
               (select string_agg(concat_ws(' ', amopstrategy, amopopr::regoperator,
                       case when amopsortfamily <> 0 then 'for order by' end), ', '
                       order by amoplefttype, amoprighttype, amopstrategy)
                from pg_amop where amopfamily = f.oid),
               (select string_agg(concat_ws(' ', amprocnum, amproc::oid::regprocedure), ', '
                       order by amproclefttype, amprocrighttype, amprocnum)
                from pg_amproc where amprocfamily = f.oid)]
        from pg_opfamily f join pg_am a on a.oid = opfmethod
        where opfnamespace {in_user_schema} and f.oid not in {members pg_opfamily}
        union all
        select 'operator class', opcnamespace, opcname || ' using ' || amname, opcowner, null, array[
               format_type(opcintype, null), opfname, case when opcdefault then 'yes' end,
               format_type(nullif(opckeytype, 0), null)]
        from pg_opclass o join pg_am a on a.oid = opcmethod join pg_opfamily f on f.oid = opcfamily
        where opcnamespace {in_user_schema} and o.oid not in {members pg_opclass}
        union all
        select 'conversion', connamespace, conname, conowner, null, array[
               pg_encoding_to_char(conforencoding), pg_encoding_to_char(contoencoding),
               conproc::oid::regprocedure::text, case when condefault then 'yes' end]
        from pg_conversion where connamespace {in_user_schema} and oid not in {members pg_conversion}
        union all
        select 'transform', null, 'for ' || format_type(trftype, null) || ' language ' || lanname, null, null,
               array[nullif(trffromsql::oid::regprocedure::text, '-'),
                     nullif(trftosql::oid::regprocedure::text, '-')]
        from pg_transform t join pg_language l on l.oid = trflang
        where t.oid >= {first_own} and t.oid not in {members pg_transform}
        union all
        select 'dependence', null, o.type || ' ' || o.identity || ' on extension ' || quote_ident(extname),
               null, null, '{{}}'
        from pg_depend d join pg_extension e on e.oid = refobjid,
             pg_identify_object(classid, objid, objsubid) o
        where refclassid = 'pg_extension'::regclass and deptype = 'x' and o.identity is not null
        union all
        select 'statistics', stxnamespace, stxname, stxowner, null, array[
               coalesce(pg_get_statisticsobjdef(s.oid), ''), {extended_statistics}]
        from pg_statistic_ext s
        where stxnamespace {in_user_schema} and s.oid not in {members pg_statistic_ext}""",
        "access methods, operator classes, conversions, transforms and statistics",
        (
            "pg_am",
            "pg_opfamily",
            "pg_amop",
            "pg_amproc",
            "pg_opclass",
            "pg_conversion",
            "pg_transform",
            "pg_statistic_ext",
        ),
    ),
    Query(
        "subscriptions",
        """
        select 'subscription', null::oid, subname, subowner, null,
               array[array_to_string(subpublications, ', '), subslotname::text, subsynccommit,
                     case when subenabled then 'yes' end, {subscription_options}]
        from pg_subscription
        where subdbid = (select oid from pg_database where datname = current_database())""",
        "subscriptions",
        ("pg_subscription",),
    ),
    Query(
        "system_privileges",
        """
        select kind, schema, name, owner, acl::text, initial::text
        from (
            select 'function' as kind, pronamespace as schema,
                   proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
                   proowner as owner,
                   coalesce(proacl, acldefault('f', proowner)) as acl,
                   coalesce(initprivs, acldefault('f', proowner)) as initial
            from pg_proc p
            left join pg_init_privs i on i.classoid = 'pg_proc'::regclass and i.objoid = p.oid
            where (proacl is not null or initprivs is not null)
              and (pronamespace = 'pg_catalog'::regnamespace or p.oid in {members pg_proc})
            union all
            select case relkind when 'v' then 'view' when 'm' then 'view' when 'S' then 'sequence'
                                else 'table' end,
                   relnamespace, relname, relowner, coalesce(relacl, acldefault(class, relowner)),
                   coalesce(initprivs, acldefault(class, relowner))
            from pg_class c
            cross join lateral (select case relkind when 'S' then 's' else 'r' end::"char" as class) letter
            left join pg_init_privs i
              on i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = 0
            where (relacl is not null or initprivs is not null) and relkind in ('r', 'p', 'f', 'v', 'm', 'S')
              and (relnamespace = 'pg_catalog'::regnamespace or c.oid in {members pg_class})
            union all
            select 'schema', oid, '', nspowner, coalesce(nspacl, acldefault('n', nspowner)),
                   coalesce(initprivs, acldefault('n', nspowner))
            from pg_namespace n
            left join pg_init_privs i on i.classoid = 'pg_namespace'::regclass and i.objoid = n.oid
            where nspname = 'pg_catalog'
            union all
            select 'column', relnamespace, relname || '.' || attname, relowner,
                   coalesce(attacl, '{{}}'), coalesce(initprivs, '{{}}')
            from pg_attribute a join pg_class c on c.oid = attrelid
            left join pg_init_privs i
              on i.classoid = 'pg_class'::regclass and i.objoid = c.oid and i.objsubid = attnum
            where (attacl is not null or (attrelid, attnum) in (
                       select objoid, objsubid from pg_init_privs
                       where classoid = 'pg_class'::regclass and objsubid > 0))
              and attrelid = any(array(select oid from pg_class
                                       where relnamespace = 'pg_catalog'::regnamespace
                                       union all {members pg_class}))
              and not attisdropped
            union all
            select 'type', typnamespace, typname, typowner, coalesce(typacl, acldefault('T', typowner)),
                   coalesce(initprivs, acldefault('T', typowner))
            from pg_type t
            left join pg_init_privs i on i.classoid = 'pg_type'::regclass and i.objoid = t.oid
            where (typacl is not null or initprivs is not null)
              and (typnamespace = 'pg_catalog'::regnamespace or t.oid in {members pg_type})
            union all
            select 'foreign-data wrapper', null, fdwname, fdwowner,
                   coalesce(fdwacl, acldefault('F', fdwowner)), coalesce(initprivs, acldefault('F', fdwowner))
            from pg_foreign_data_wrapper w
            left join pg_init_privs i
              on i.classoid = 'pg_foreign_data_wrapper'::regclass and i.objoid = w.oid
            where (fdwacl is not null or initprivs is not null)
              and w.oid in {members pg_foreign_data_wrapper}
            union all
            select 'parameter', null, parname, {first_superuser}, paracl, '{{}}' from {parameter_acl}
        ) held
        where acl <> initial
        order by kind, schema, name""",
        "privileges on the server's own objects",
        ("pg_init_privs", "pg_proc", "pg_class", "pg_type", "pg_foreign_data_wrapper"),
    ),
    Query(
        "comments",
        """
        select case when d.objsubid > 0 then 'column'
                    when relkind in ('i', 'I') then 'index'
                    else case relkind when 'v' then 'view' when 'm' then 'materialized view'
                                      when 'S' then 'sequence' when 'c' then 'type' else 'table' end end,
               relnamespace, relname, attname, null, d.description
        from pg_description d
        join pg_class c on c.oid = d.objoid
        left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0
        where d.classoid = 'pg_class'::regclass and relnamespace {in_user_schema}
          and c.oid not in {members pg_class}
        union all
        select o.type, null, null, null, o.identity, d.description
        from pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) o
        where d.classoid <> 'pg_class'::regclass
          and (d.objoid >= {first_own} or d.classoid = 'pg_namespace'::regclass)
          and o.identity is not null and o.identity not like 'pg\\_%' and o.identity <> 'information_schema'
          and d.objoid not in (select objid from pg_depend
                               where refclassid = 'pg_extension'::regclass and deptype = 'e')""",
        "comments",
        ("pg_description",),
    ),
)
