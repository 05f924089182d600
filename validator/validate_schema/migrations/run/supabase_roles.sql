-- The roles of a Supabase project (Supabase documentation, "Postgres Roles"). Roles belong to the
-- whole server, so each may be there already. Its superuser, supabase_admin, is made elsewhere.
do $$
declare
    wanted record;
begin
    for wanted in
        select * from (values
            ('anon', 'nologin noinherit'),
            ('authenticated', 'nologin noinherit'),
            ('service_role', 'nologin noinherit bypassrls'),
            ('authenticator', 'login noinherit'),
            ('dashboard_user', 'nologin createdb createrole'),
            ('pgbouncer', 'login'),
            ('supabase_auth_admin', 'login noinherit createrole'),
            ('supabase_storage_admin', 'login noinherit createrole'),
            ('supabase_realtime_admin', 'nologin noinherit'),
            ('supabase_replication_admin', 'login replication'),
            ('supabase_read_only_user', 'login bypassrls')
        ) as r (name, attributes)
    loop
        begin
            execute format('create role %I %s', wanted.name, wanted.attributes);
        exception
            when duplicate_object or unique_violation then null;
        end;
    end loop;
    begin
        grant anon, authenticated, service_role to authenticator;
    exception
        when unique_violation then null;
    end;
end
$$;
