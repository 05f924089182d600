"""Make of a database what initdb makes: a script for psql, to be run inside a transaction.

Each query returns statements, which ``\\gexec`` runs. No DO block is used, since the database may be
without PL/pgSQL. What initdb made is told by its OID, which is below 16384 ("System Catalog Initial Data",
https://www.postgresql.org/docs/current/system-catalog-initial-data.html), what extensions own by its
dependency on them.
"""

from .archive import Archive

# What is left when schemas and extensions are gone, by its catalog.
_ELSEWHERE = (
    "pg_catalog.pg_cast",
    "pg_catalog.pg_foreign_data_wrapper",
    "pg_catalog.pg_am",
    "pg_catalog.pg_language",
)

# `drop subscription` runs inside a transaction once the subscription has no slot; nothing is asked of the
# publisher then (https://www.postgresql.org/docs/current/sql-dropsubscription.html).
_DROP_FIRST = r"""
select format('drop event trigger if exists %I', evtname) from pg_catalog.pg_event_trigger e
where not exists (select from pg_catalog.pg_depend d where d.deptype = 'e' and d.objid = e.oid
    and d.classid = 'pg_catalog.pg_event_trigger'::regclass) \gexec
select s.statement from pg_catalog.pg_subscription, lateral (values
        (1, format('alter subscription %I disable', subname)),
        (2, format('alter subscription %I set (slot_name = none)', subname)),
        (3, format('drop subscription %I', subname))) s (step, statement)
where subdbid = (select oid from pg_catalog.pg_database where datname = current_database())
order by subname, s.step \gexec
select format('drop publication %I', pubname) from pg_catalog.pg_publication \gexec
select format('drop extension if exists %I cascade', extname) from pg_catalog.pg_extension
where oid >= 16384 or extname <> 'plpgsql' order by oid desc \gexec
select format('drop schema if exists %I cascade', nspname) from pg_catalog.pg_namespace
where nspname !~ '^pg_' and nspname not in ('information_schema', 'public') \gexec
"""

# Indexes, default privileges and the like go with what they belong to.
_DROP_THE_REST = r"""
select format('drop %s if exists %s cascade', case i.type
        when 'function' then 'routine' when 'procedure' then 'routine' when 'aggregate' then 'routine'
        when 'statistics object' then 'statistics' when 'foreign-data wrapper' then 'foreign data wrapper'
        else i.type end, i.identity)
from (
    select d.classid, d.objid from pg_catalog.pg_depend d
    where d.refclassid = 'pg_catalog.pg_namespace'::regclass and d.deptype = 'n' and d.objsubid = 0
        and d.refobjid = (select oid from pg_catalog.pg_namespace where nspname = 'public')
    {elsewhere}
) o
cross join lateral pg_catalog.pg_identify_object(o.classid, o.objid, 0) i
where i.type not in ('default acl', 'extension', 'index')
    and not exists (select from pg_catalog.pg_depend d where d.classid = o.classid and d.objid = o.objid
        and d.objsubid = 0 and d.deptype in ('i', 'P', 'S')) \gexec
select format('drop transform for %s language %I', t.trftype::regtype, l.lanname)
from pg_catalog.pg_transform t join pg_catalog.pg_language l on l.oid = t.trflang where t.oid >= 16384 \gexec
select pg_catalog.lo_unlink(oid) from pg_catalog.pg_largeobject_metadata;
""".replace("{elsewhere}", "".join(
    f"\n    union all select '{name}'::regclass, oid from {name} where oid >= 16384" for name in _ELSEWHERE
))  # fmt: skip

# What holds privileges that a backup tells in full or as the difference from what initdb gave
# (https://www.postgresql.org/docs/current/catalog-pg-init-privs.html): how GRANT names it, what is given,
# and what is wanted. Of pg_catalog and information_schema only what this role may change.
_BUILT_IN = """
    select '', {what}, '', coalesce({acl}, d.acl), coalesce(i.initprivs, d.acl)
    from (select *, tableoid from pg_catalog.{rows}) o
    cross join lateral (select pg_catalog.acldefault({kind}, {owner})) d (acl)
    left join pg_catalog.pg_init_privs i on i.classoid = o.tableoid and i.objoid = o.oid and i.objsubid = 0
    where o.oid < 16384 and {acl} is distinct from i.initprivs and pg_catalog.pg_has_role({owner}, 'usage')"""
_HELD = (
    """
    select format('alter default privileges for role %I%s ', pg_catalog.pg_get_userbyid(d.defaclrole),
            ' in schema ' || quote_ident(n.nspname)),
        case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
            when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end,
        '', d.defaclacl,
        case when n.oid is null then pg_catalog.acldefault(
            case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole)
            else '{}' end
    from pg_catalog.pg_default_acl d left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
    where n.nspname is null or n.nspname = 'public'""",
    *(
        _BUILT_IN.format(rows=rows, what=what, kind=kind, acl=f"o.{prefix}acl", owner=f"o.{prefix}owner")
        for rows, prefix, kind, what in (
            ("pg_class", "rel", "case o.relkind when 'S' then 's'::\"char\" else 'r' end",
             "format('%s %s', case o.relkind when 'S' then 'sequence' else 'table' end, o.oid::regclass)"),
            ("pg_proc", "pro", "'f'", "format('routine %s', o.oid::regprocedure)"),
            ("pg_type", "typ", "'T'", "format('type %s.%I', o.typnamespace::regnamespace, o.typname)"),
            ("pg_language where lanname = 'plpgsql'", "lan", "'l'", "format('language %I', o.lanname)"),
            ("pg_namespace where nspname <> 'public'", "nsp", "'n'", "format('schema %I', o.nspname)"),
        )
    ),
    """
    select '', format('table %s', c.oid::regclass), format(' (%I)', a.attname), coalesce(a.attacl, '{}'),
        coalesce(i.initprivs, '{}')
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid
    left join pg_catalog.pg_init_privs i on i.classoid = 'pg_catalog.pg_class'::regclass and i.objoid = c.oid
        and i.objsubid = a.attnum
    where c.oid < 16384 and a.attacl is distinct from i.initprivs
        and pg_catalog.pg_has_role(c.relowner, 'usage')""",
)  # fmt: skip
_HELD_BY_PUBLIC = """
    select '', 'schema public', '', coalesce(nspacl, pg_catalog.acldefault('n', nspowner)),
        pg_catalog.acldefault('n', nspowner) || pg_catalog.makeaclitem(0, nspowner, 'USAGE', false){create}
    from pg_catalog.pg_namespace where nspname = 'public'"""
_CHANGED = r"""
select format('%s{verb} %s%s on %s {preposition} %s%s', h.head, a.privilege_type, h.of_columns, h.what,
    case a.grantee when 0 then 'public' else quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) end, {rest})
from ({held}) h (head, what, of_columns, given, wanted)
cross join lateral (
    select grantee, privilege_type, is_grantable from pg_catalog.aclexplode(nullif(h.{some}, '{}'))
    except select grantee, privilege_type, is_grantable from pg_catalog.aclexplode(nullif(h.{others}, '{}'))
) a \gexec
"""
_REVOKE = {"verb": "revoke", "preposition": "from", "rest": "' cascade'", "some": "given", "others": "wanted"}
_GRANT = {"verb": "grant", "preposition": "to", "some": "wanted", "others": "given",
          "rest": "case when a.is_grantable then ' with grant option' end"}  # fmt: skip
_PUBLIC = r"""
select format('alter schema public owner to %I', {owner}) from pg_catalog.pg_namespace
where nspname = 'public' and pg_catalog.pg_get_userbyid(nspowner) <> {owner} \gexec
select 'comment on schema public is ''standard public schema''' from pg_catalog.pg_namespace n
where nspname = 'public'
    and pg_catalog.obj_description(oid, 'pg_namespace') is distinct from 'standard public schema' \gexec
"""


def script(archive: Archive) -> str:
    """Return the script that empties a database for `archive`: afterwards all is gone that it could bring,
    and the schema public, default privileges and the privileges on what initdb made are as initdb made them,
    from which pg_dump tells what differs.

    What initdb made and somebody dropped since, the schema public and PL/pgSQL, is made again if the backup
    speaks of it.
    """
    parts = ("set search_path = '';\n", _DROP_FIRST, _DROP_THE_REST, _language(archive), _public(archive))
    return "".join((*parts, *map(_set_right, _HELD)))


def _language(archive: Archive) -> str:
    """PL/pgSQL that was made again is an extension like any other, which a backup brings; initdb's is not."""
    if "plpgsql" in archive.extensions:
        return "drop extension if exists plpgsql cascade;\n"
    return "create extension if not exists plpgsql;\n" if archive.plpgsql else ""


def _public(archive: Archive) -> str:
    """The schema as the initdb of the backup's pg_dump makes it, which pg_dump takes for granted: up to 14
    the superuser owns it, and all may create in it (https://www.postgresql.org/docs/release/15.0/)."""
    old = 0 < archive.pg_dump < 15
    owner = "pg_catalog.pg_get_userbyid(10)" if old else "'pg_database_owner'"
    create = " || pg_catalog.makeaclitem(0, nspowner, 'CREATE', false)" if old else ""
    make = "create schema if not exists public;\n" if archive.public else ""
    held = _HELD_BY_PUBLIC.replace("{create}", create)
    return make + _PUBLIC.replace("{owner}", owner) + _set_right(held)


def _set_right(held: str) -> str:
    """Return two queries: one revokes what is too much. The other grants what lacks, looking anew, since a
    REVOKE on a table takes privileges on its columns along."""
    queries = (_CHANGED.replace("{held}", held) for _ in range(2))
    return "".join(_filled(query, words) for query, words in zip(queries, (_REVOKE, _GRANT), strict=True))


def _filled(query: str, words: dict[str, str]) -> str:
    for key, word in words.items():
        query = query.replace(f"{{{key}}}", word)
    return query
