-- What managed services do as superuser on behalf of the role that runs migrations. In pg_catalog, so that it is
-- no part of a schema. Each takes values, never SQL, and refuses whoever did not log in as `postgres`.
create function pg_catalog.validate_schema_extension(
    named text, placed text, version text, cascaded boolean, unless_there boolean
) returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp set session_replication_role = replica as $$
declare
    home text := (
        select v.schema from pg_available_extension_versions v join pg_available_extensions e using (name)
        where v.name = named and v.version = coalesce(validate_schema_extension.version, e.default_version)
    );
    fired text := current_setting('event_triggers', true);
    me oid := (select r.oid from pg_roles r where rolname = 'postgres');
    made oid[];
    kept text[];
begin
    if session_user <> 'postgres' then
        raise insufficient_privilege using message = 'only postgres creates extensions';
    end if;
    if unless_there and exists (select from pg_extension where extname = named) then
        raise notice 'extension "%" already exists, skipping', named;
        return;
    end if;
    -- What an event trigger does, it would do as superuser.
    if fired is not null then
        perform set_config('event_triggers', 'off', true);
    elsif exists (select from pg_event_trigger where evtenabled in ('A', 'R') and evtowner <> 10) then
        raise insufficient_privilege using message = 'an event trigger that is always enabled stands in the way';
    end if;
    -- Into pg_catalog an extension's own control file puts it, which an empty stand-in does not have. One that is
    -- not there at all is told to be missing.
    if placed is not null and home is null and not has_schema_privilege('postgres', placed, 'create')
        and exists (
            select from pg_available_extensions e where e.name = named
            and (placed <> 'pg_catalog' or e.comment is distinct from 'stand-in by validate-schema: empty')
        )
    then
        raise insufficient_privilege using message = format('permission denied for schema %s', placed);
    end if;
    execute format('create extension %I', named)
        || case when placed is not null and home is null then format(' schema %I', placed) else '' end
        || case when version is not null then format(' version %L', version) else '' end
        || case when cascaded then ' cascade' else '' end;
    with taken as (
        update pg_extension set extowner = me where extowner = 10 and extname <> 'plpgsql' returning oid
    )
    select array_agg(oid) from taken into made;
    -- Functions that not everybody may call stay out of reach, but for those that only look.
    update pg_proc p set proowner = me from pg_depend d
    where d.refobjid = any (made) and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
      and d.classid = 'pg_proc'::regclass and p.oid = d.objid
      and (p.proacl is null or exists (
          select from pg_extension x where x.oid = d.refobjid and x.extname in (
              'amcheck', 'pg_buffercache', 'pg_freespacemap', 'pg_stat_statements', 'pg_visibility', 'pgrowlocks',
              'pgstattuple'
          )
      ));
    foreach kept slice 1 in array array[
        ['pg_class', 'relowner'], ['pg_type', 'typowner'], ['pg_namespace', 'nspowner'],
        ['pg_operator', 'oprowner'], ['pg_opclass', 'opcowner'], ['pg_opfamily', 'opfowner'],
        ['pg_ts_dict', 'dictowner'], ['pg_ts_config', 'cfgowner'], ['pg_foreign_data_wrapper', 'fdwowner']
    ] loop
        execute format(
            'update %1$I o set %2$I = $1 from pg_depend d where d.refobjid = any ($2) and d.deptype = %3$L'
            ' and d.refclassid = %4$L::regclass and d.classid = %1$L::regclass and o.oid = d.objid',
            kept[1], kept[2], 'e', 'pg_extension'
        ) using me, made;
    end loop;
    if fired is not null then
        perform set_config('event_triggers', fired, true);
    end if;
end
$$;

-- The script of a trusted extension is run by the superuser wherever postgres creates or updates one. Here the first
-- event trigger of all, it lets no other one see what a superuser does.
create function pg_catalog.validate_schema_guard()
returns event_trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if (select rolsuper from pg_roles where rolname = current_user) and exists (
        select from pg_event_trigger where evtowner <> 10 and evtenabled in (
            'A', case current_setting('session_replication_role') when 'replica' then 'R' else 'O' end
        )
    ) then
        raise insufficient_privilege using message = 'event triggers would see what a superuser does';
    end if;
end
$$;

create function pg_catalog.validate_schema_event_trigger(
    named text, event text, tags text[], called regprocedure
) returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if session_user <> 'postgres' then
        raise insufficient_privilege using message = 'only postgres creates event triggers';
    end if;
    -- They fire in the order of their names.
    if not exists (select from pg_event_trigger where evtname = chr(1)) then
        execute format('create event trigger %I on ddl_command_start', chr(1))
            || ' execute function pg_catalog.validate_schema_guard()';
        execute format('alter event trigger %I enable always', chr(1));
    elsif exists (select from pg_event_trigger where evtname = chr(1) and evtowner <> 10) then
        raise insufficient_privilege using message = 'the name of this event trigger is taken';
    end if;
    execute format('create event trigger %I on %I', named, event)
        || (select coalesce(' when tag in (' || string_agg(quote_literal(tag), ', ') || ')', '') from unnest(tags) tag)
        || format(' execute function %s', called);
    update pg_event_trigger set evtowner = (select oid from pg_roles where rolname = 'postgres')
    where evtname = named;
end
$$;

create function pg_catalog.validate_schema_publish_all(named text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    update pg_publication set puballtables = true
    where pubname = named and pg_has_role(session_user, pubowner, 'usage');
end
$$;

-- Foreign keys are triggers of the system, which only a superuser switches. Written down, not ALTERed: what an event
-- trigger does, it would do as superuser. The name is written again so that sessions look at the table again.
create function pg_catalog.validate_schema_triggers(relation regclass, switched_on boolean)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if relation is null then
        return;
    end if;
    if session_user <> 'postgres' or pg_has_role(
        session_user, (select c.relowner from pg_class c where c.oid = relation), 'usage'
    ) is not true then
        raise insufficient_privilege using message = format('must be owner of table %s', relation);
    end if;
    update pg_trigger set tgenabled = case when switched_on then 'O' else 'D' end::"char"
    where tgrelid in (select relid from pg_partition_tree(relation) union select relation);
    update pg_class set relname = relname
    where oid in (select relid from pg_partition_tree(relation) union select relation);
end
$$;

-- It decides whether a function may be called before row security is: postgres, whose it is, sees all rows anyway.
create function pg_catalog.validate_schema_leakproof(called regprocedure)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if session_user <> 'postgres' or pg_has_role(
        session_user, (select p.proowner from pg_proc p where p.oid = called), 'usage'
    ) is not true then
        raise insufficient_privilege using message = format('must be owner of function %s', called);
    end if;
    update pg_proc set proleakproof = true where oid = called;
end
$$;

-- A superuser gives an object to whomever he likes; for everybody else the new owner must be able to create in the
-- schema. So it may for the length of one statement: called before with `begins`, and afterwards without.
create function pg_catalog.validate_schema_gives(role text, placed text, relation text, begins boolean)
returns void language plpgsql as $$
declare
    home text := coalesce(
        placed,
        (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.oid = pg_catalog.to_regclass(relation)),
        pg_catalog.current_schema()
    );
    gave text := pg_catalog.current_setting('validate_schema.gave', true);
begin
    if begins and pg_catalog.to_regnamespace(pg_catalog.quote_ident(home)) is not null
        and exists (select from pg_catalog.pg_roles where rolname = role)
        and not pg_catalog.has_schema_privilege(role, home, 'create') then
        execute pg_catalog.format('grant create on schema %I to %I', home, role);
        perform pg_catalog.set_config('validate_schema.gave', home, false);
    elsif not begins and gave <> '' then
        perform pg_catalog.set_config('validate_schema.gave', '', false);
        execute pg_catalog.format('revoke create on schema %I from %I', gave, role);
    end if;
end
$$;

-- What only owners do to a copy that is proven, on behalf of sessions in which nobody is a superuser: the statement is
-- run as the owner is. One who may start programs, or read and write files, of the server's machine owns nothing here.
create function pg_catalog.validate_schema_run(statement text)
returns void language plpgsql as $$ begin execute statement; end $$;

create function pg_catalog.validate_schema_as(role oid, statement text, path text)
returns void language plpgsql security definer
set search_path = pg_catalog, pg_temp set session_replication_role = replica as $$
declare
    fired text := current_setting('event_triggers', true);
begin
    if pg_has_role(session_user, 'validate_schema_prover', 'member') is not true or role = 10
        or role < 16384 and role <> 'pg_database_owner'::regrole
        or not (select r.rolsuper from pg_roles r where r.oid = role) and exists (
            select from pg_roles m where pg_has_role(role, m.oid, 'member') and m.rolname in (
                'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'
            )
        )
    then
        raise insufficient_privilege using message = 'only the proof does what owners do';
    end if;
    if fired is not null then
        perform set_config('event_triggers', 'off', true);
    end if;
    update pg_proc set proowner = role, prosecdef = true where oid = 'validate_schema_run(text)'::regprocedure;
    perform set_config('search_path', path, true);
    execute 'select pg_catalog.validate_schema_run($1)' using statement;
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    update pg_proc set proowner = 10, prosecdef = false where oid = 'validate_schema_run(text)'::regprocedure;
    if fired is not null then
        perform set_config('event_triggers', fired, true);
    end if;
end
$$;

-- As ALTER TABLE … DISABLE ROW LEVEL SECURITY, which is owners', done thousands of times.
create function pg_catalog.validate_schema_opens(relation regclass)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if pg_has_role(session_user, 'validate_schema_prover', 'member') is not true then
        raise insufficient_privilege using message = 'only the proof opens tables';
    end if;
    update pg_class set relrowsecurity = false where oid = relation;
end
$$;

-- Where tenants are roles, the one that is proven goes by the name of a tenant, which ALTER ROLE gives to no session's
-- own; of a role that cannot log in, whoever does is a member, as each tenant's role is.
create function pg_catalog.validate_schema_renames(role text, name text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if pg_has_role(session_user, 'validate_schema_prover', 'member') is not true
        or not exists (select from pg_roles r where r.rolname = role and r.oid >= 16384 and not r.rolsuper)
        or exists (select from pg_roles m where pg_has_role(role, m.oid, 'member') and (m.rolsuper or m.rolname in (
            'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files'
        )))
    then
        raise insufficient_privilege using message = 'only the proof renames roles';
    end if;
    if role <> session_user then
        execute format('grant %I to %I with inherit true, set true', role, session_user);
    end if;
    update pg_authid s set rolname = name, rolbypassrls = r.rolbypassrls from pg_authid r
    where r.rolname = role and s.rolname = session_user and s.oid >= 16384 and not s.rolsuper and not r.rolsuper;
end
$$;

-- The role that is made up where a schema has none for its application: it goes with the transaction.
create function pg_catalog.validate_schema_makes_up(role text)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if session_user <> 'validate_schema_session' then
        raise insufficient_privilege using message = 'only the proof makes up roles';
    end if;
    execute format('create role %I login', role);
    execute format('grant %I to validate_schema_session with inherit false, set true', role);
end
$$;

-- They hold nobody back who drops the language.
delete from pg_depend d using pg_proc p, pg_language l
where d.classid = 'pg_proc'::regclass and d.objid = p.oid and p.proname like 'validate_schema_%'
  and d.refclassid = 'pg_language'::regclass and d.refobjid = l.oid and l.lanname = 'plpgsql';
