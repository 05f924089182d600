"""Schemas, roles, and the names that everything else refers to."""

from .shape import Query

NAMES = (
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
        where setdatabase in (0, (select oid from pg_database where datname = current_database()))
        order by setrole, setdatabase""",
        "settings of roles and of the database",
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
        select oid, extname, extversion, extnamespace, extowner from pg_extension order by extname""",
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
)
