"""Fingerprints: the reader's own queries, each row hashed on the server, member by member.

Whatever the reader reads for `diff` is in the digest, for it is the reader's queries that are wrapped. What
is written here is only what each of their columns is: an oid is replaced by the name behind it, a member's
own name by a mark, and what `diff` does not look at is left out. A column that is not told of fails a test.

The digest may be finer than `diff` (which takes two spellings of one expression for the same, and does not
ask in which order columns were added): members whose digests differ are compared by `diff` afterwards, and
brought together where it says nothing. It must never be coarser.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from ..catalog.queries import USER_SCHEMA, Query, queries

MEMBERS = "validate_schema.members"
# The oids of all members' schemas, in a setting that ends with the transaction, for what names them often.
# In their own places where a query is asked of some members: written as constants the server knows how many
# they are, and does not look for them in a list row by row.
_HERE, _KEYS = "<members>", "<keys>"
_IN_MEMBERS = f"= any('{_HERE}'::oid[])"
_IN_DATABASE = f"in (select oid from pg_namespace where {USER_SCHEMA})"
_NULL = r"E'\x1e'"
_BETWEEN = r"E'\x1f'"
# The tokens that a name may begin: a quoted identifier, or what stands between blanks and signs.
_TOKEN = r"""("(?:[^"]|"")*"|[^][:space:]\u001d\u001e\u001f!#%&()*+,/:;<=>?@^`{|}~''"[-]+)"""
# A name may be quoted where it need not be.
_QUOTED = """('"' || replace({}, '"', '""') || '"')"""
# The schemas, each with the spellings of its name. OFFSET 0, here and below: a subquery that the planner
# takes apart is worked out once for each mention of its columns.
_SPELT = (
    "(select oid, bare, quoted, replace(quoted, chr(39), repeat(chr(39), 2)) as literal from (select oid,"
    f" nspname::text as bare, {_QUOTED.format('nspname')} as quoted from pg_namespace offset 0) n offset 0)"
)
_JOINS = {
    "relation": "join pg_class r on r.oid = {}",
    "type": "join pg_type t on t.oid = {}",
    "routine": "join pg_proc p on p.oid = {}",
    "constraint": "join pg_constraint k on k.oid = {}",
}
_HOMES = {
    "relation": "r.relnamespace",
    "type": "t.typnamespace",
    "routine": "p.pronamespace",
    "constraint": "k.connamespace",
}
_SUBJECTS = {
    "relation": "r.relname",
    "type": "t.typname",
    "routine": "p.oid::regprocedure::text",
    "constraint": "k.conname || ' ' || (select relname from pg_class where oid = k.conrelid)",
}


class Spec(NamedTuple):
    """What the columns of a reader's query are.

    `home` is the number of the column with the oid of the schema, or the kind of object whose oid the column
    `by` holds. `words` are the columns that count, each a number, with the kind of what it holds before a
    colon; `left_out` are those that do not, and say nothing that is not said by another.
    """

    home: int | str
    words: str
    left_out: tuple[int, ...] = ()
    by: int = 1


# By the name of the reader's query. See the queries themselves for the columns.
OF_MEMBERS: Mapping[str, Spec] = {
    "schemas": Spec(1, "role:3 acl:4", (2,)),
    "members": Spec(0, "5", (1, 2, 3, 4)),
    "domains": Spec(3, "2 role:4 acl:5 7 8 9 collation:13", (1, 6, 10, 11, 12)),
    "domain_checks": Spec("type", "2 3 4 5 6"),
    "relations": Spec(3, "2 role:4 5 6 7 8 array:9 acl:11 12 13", (1, 10)),
    "inheritance": Spec("relation", "relation:2 position:1:2"),
    "relation_details": Spec("relation", "2 3 4 5 array:6 7 array:8"),
    "defaults": Spec("relation", "2 3"),
    "columns": Spec("relation", "3 type:4:5 6 7 8 collation:9 acl:10 11 2"),
    "column_details": Spec("relation", "2 3 4 array:5 array:6"),
    "constraints": Spec("relation", "2 3 4 5 6 7 8 9 10 11 13", (12,)),
    "foreign_keys": Spec(
        "relation",
        "3 4 5 6 7 8 9 10 relation:11 columns:11:12 13 14 15 16 17",
        (1,),
        by=2,
    ),
    "guards": Spec("constraint", "2"),
    "indexes": Spec(
        "relation", "3 method:4 5 6 7 8 9 10 11 12 opclasses:13 collations:14 15 array:16 17", (2,)
    ),
    "index_details": Spec("relation", "2 3 array:4 5"),
    "policies": Spec("relation", "2 3 4 roles:5 6 7"),
    "triggers": Spec("relation", "2 3 routine:4:5 6 7 8 9 10 11 12 13 relation:14 15"),
    "rules": Spec("relation", "2 3 4 5 6 7"),
    "enums": Spec(3, "2 role:4 acl:5 array:6", (1,)),
    "views": Spec("relation", "2"),
    "functions": Spec(
        3, "2 4 role:5 6 7 8 9 10 11 path:12 13 14 acl:15 16 17 18 19 20 named:21 array:22 23", (1, 24)
    ),
    "sequences": Spec(3, "2 role:4 5 acl:6 schema:7 8 9 10 11 12 13 14 15 16 17", (1,)),
    "default_privileges": Spec(2, "role:1 3 acl:4"),
    "aggregates": Spec(
        "routine",
        "2 3 4 named:5 named:6 named:7 named:8 named:9 named:10 named:11 named:12 13 14 15 16 named:17 18 19"
        " 20 21 22",
    ),
    "operators": Spec(2, "1 role:3 4 5 6 named:7 named:8 named:9 named:10 named:11 12 13"),
    "user_collations": Spec(2, "1 role:3 4 5 6 7"),
    "type_objects": Spec(3, "2 role:4 acl:5 6 7 array:9", (1, 8)),
    "text_search": Spec(2, "1 3 role:4 5 array:6"),
    "access": Spec(2, "1 3 role:4 5 array:6"),
}
# What `diff` compares of databases beside what stands in schemas.
OF_DATABASES: Mapping[str, Spec] = {
    **OF_MEMBERS,
    "schemas": Spec(1, "2 role:3 acl:4"),
    "extensions": Spec(4, "2 3 role:5", (1,)),
    "event_triggers": Spec(0, "2 3 schema:4 5 6 role:7 array:8", (1,)),
    "publications": Spec(0, "2 3 role:4 5 6 7 8 9 10", (1,)),
    "publication_tables": Spec("relation", "publication:1 5 6", (2, 3), by=4),
    "publication_schemas": Spec(2, "publication:1"),
    "default_privileges": Spec(0, "role:1 schema:2 3 acl:4"),
    "casts": Spec(0, "1 2 3 4 named:5"),
    "languages": Spec(0, "2 role:3 4 named:5 named:6 named:7 acl:8", (1,)),
    "text_search": Spec(0, "1 schema:2 3 role:4 5 array:6"),
    "foreign": Spec(0, "1 3 role:4 acl:5 array:6 array:7", (2,)),
    "access": Spec(0, "1 schema:2 3 role:4 5 array:6"),
    "subscriptions": Spec(0, "1 3 role:4 5 array:6", (2,)),
    "system_privileges": Spec(0, "1 schema:2 3 role:4 acl:5 acl:6"),
}
# Whoever prints a query keeps its tables locked, as a reader does, until the transaction ends. Source:
# PostgreSQL, AcquireRewriteLocks, in what prints rules, views, and expressions with a query in them.
LOCKING = frozenset({"views", "rules", "policies", "functions", "triggers"})
# Why a query of the reader is in no digest, by the query.
NOT_DIGESTED: Mapping[str, str] = {
    "roles": "roles are the server's: `diff` does not compare them",
    "role_settings": "they are the server's or the database's: `diff` does not compare them",
    "memberships": "roles are the server's",
    "access_methods": "names, which others refer to",
    "opclasses": "names, which others refer to",
    "collations": "names, which others refer to",
    "types": "each column has its own",
    "view_sources": "told by the view's definition",
    "function_sources": "told by the function's body",
    "database": "`diff` compares schemas, not the database's own owner and privileges",
    "large_objects": "rows, not schema",
    "comments": "`diff` compares them on demand alone",
}


@cache
def member_queries(version: int) -> tuple[Query, ...]:
    """Return the queries that fingerprint schemas: rows of (oid of the schema, number of rows, two sums of
    hashes). They are asked `about` some schemas."""
    known = queries(version, _IN_MEMBERS)
    return tuple(q._replace(sql=_wrapped(q, OF_MEMBERS[q.name], True)) for q in known if q.name in OF_MEMBERS)


@cache
def key_queries(version: int) -> Mapping[str, str]:
    """Return, by the name of each query that locks what it prints, one that prints and locks nothing: rows of
    (oid of the schema, oids of the objects that the other has rows of)."""
    known = (query for query in queries(version, _IN_MEMBERS) if query.name in LOCKING)
    return {query.name: _keys(query, OF_MEMBERS[query.name]) for query in known}


def about(sql: str, members: Iterable[int], keys: Iterable[int] = ()) -> str:
    """Return a query of `member_queries` or `key_queries` for these schemas, and for these objects in them
    where it locks."""
    named = sql.replace(_HERE, "{" + ",".join(map(str, members)) + "}")
    return named.replace(_KEYS, "{" + ",".join(map(str, keys)) + "}")


@cache
def database_queries(version: int) -> tuple[Query, ...]:
    """Return the queries that fingerprint a whole database: one row each, with 0 for the schema."""
    known = queries(version)
    return tuple(
        q._replace(sql=_wrapped(q, OF_DATABASES[q.name], False)) for q in known if q.name in OF_DATABASES
    )


class Fingerprints:
    """Takes the rows of all queries in their order, and makes one fingerprint for each member."""

    def __init__(self, members: Iterable[int]) -> None:
        self._hashes = {oid: hashlib.blake2b(digest_size=16) for oid in members}

    def take(self, query: str, rows: Iterable[tuple[int, int, str, str]]) -> None:
        for oid, count, first, second in rows:
            if oid in self._hashes:
                self._hashes[oid].update(f"{query}:{count}:{first}:{second};".encode())

    def of(self, oid: int) -> str:
        return self._hashes[oid].hexdigest()


def columns_told(spec: Spec) -> set[int]:
    """Return the numbers of the columns that a specification speaks of."""
    told = {int(part) for word in spec.words.split() for part in word.split(":") if part.isdecimal()}
    told |= {spec.home} if isinstance(spec.home, int) and spec.home else set()
    return told | set(spec.left_out) | ({spec.by} if isinstance(spec.home, str) else set())


def _named_columns(spec: Spec) -> str:
    return ", ".join(f"c{n}" for n in range(1, max(columns_told(spec)) + 1))


def _keys(query: Query, spec: Spec) -> str:
    join, home = "", f"q.c{spec.home}"
    if isinstance(spec.home, str):
        join, home = _JOINS[spec.home].format(f"q.c{spec.by}"), _HOMES[spec.home]
    return (
        f"select {home}::int8, array_agg(distinct q.c1::int8)"
        f" from ({query.sql}) q({_named_columns(spec)}) {join} where {home} {_IN_MEMBERS} group by 1"
    )


def _wrapped(query: Query, spec: Spec, by_member: bool) -> str:
    """Return a query's rows as hashes, grouped by the schema that they stand in."""
    names = _named_columns(spec)
    join, home = "", "null::oid"
    subject = []
    if query.name == "members":
        home = (
            "(select n.oid from pg_identify_object(q.c1::regclass, q.c2, q.c3) o"
            " join pg_namespace n on n.nspname = o.schema)"
        )
    elif isinstance(spec.home, str):
        join, home = _JOINS[spec.home].format(f"q.c{spec.by}"), _HOMES[spec.home]
        subject = [f"{_SUBJECTS[spec.home]}"]
    elif spec.home:
        home = f"q.c{spec.home}"
    if any(word.startswith("type:") for word in spec.words.split()):
        join += " join pg_type t on t.oid = q.c4"
    words = [*subject, *(_value(word, home if by_member else "0::oid") for word in spec.words.split())]
    line = f"concat_ws({_BETWEEN}, {', '.join(f'coalesce(({w})::text, {_NULL})' for w in words)})"
    some = f" where q.c1 = any('{_KEYS}'::oid[])" if by_member and query.name in LOCKING else ""
    rows = f"select {home} as home, {line} as line from ({query.sql}) q({names}) {join}{some} offset 0"
    if by_member:
        return (
            f"select home, count(*), {_sums('line')} from (select home, {_OWN_OUT} as line from ({rows}) d"
            f" join {_SPELT} m on m.oid = d.home where d.home {_IN_MEMBERS} offset 0) l group by home"
        )
    where = "" if not spec.home else f" where home {_IN_DATABASE}"
    line = "concat_ws(E'\\x1f', home::regnamespace::text, line)"
    return (
        f"select 0::oid, count(*), {_sums('line')}"
        f" from (select {line} as line from ({rows}) d{where} offset 0) l having count(*) > 0"
    )


def _sums(line: str) -> str:
    """Sums do not depend on the order of rows, so that nothing has to be sorted."""
    return ", ".join(f'sum(hashtextextended({line} collate "C", {seed}))::text' for seed in (0, 20_251))


def _own_out() -> str:
    """Return the expression for `d.line` without the name of the schema `m`, where it stands before a dot."""
    marked = rf"regexp_replace(d.line, '{_TOKEN}', E'\x02\\1', 'g')"
    text = rf"replace({marked}, E'\x02' || m.quoted || E'\x02.', E'\x01.')"
    text = rf"replace({text}, E'\x02' || m.literal || E'\x02.', E'\x01.')"
    text = rf"replace({text}, E'\x02' || m.bare || '.', E'\x01.')"
    found = " or ".join(f"strpos(d.line, m.{spelt} || '.') > 0" for spelt in ("bare", "quoted", "literal"))
    return f"case when {found} then {text} else d.line end"


_OWN_OUT = _own_out()


def _value(word: str, own: str) -> str:
    """Return the SQL of one column of a line; `own` is the oid of the schema whose name is not said."""
    if word.isdecimal():
        return f"q.c{word}"
    kind, *numbers = word.split(":")
    return _KINDS[kind].format(*(f"q.c{n}" for n in numbers), own=own)


def _qualified(schema: str, name: str) -> str:
    """Return the SQL of a name with its schema, unless that is the member itself."""
    home = f"case when {schema} = {{own}} then '' else {schema}::oid::regnamespace::text end"
    return f"concat_ws('.', {home}, {name})"


def _named(catalog: str, prefix: str, oid: str) -> str:
    """Return the SQL of the qualified name of an opclass or collation."""
    name = _qualified(f"{prefix}namespace", f"{prefix}name")
    return f"(select {name} from {catalog} where oid = {oid})"


def _each(value: str) -> str:
    """Return the SQL of a value of each `c` of an oidvector, in order. Oids of four digits are the server's
    own, the same in every database."""
    return (
        "case when {0} !~ '[0-9]{{5}}' then {0} else"
        f" (select string_agg(coalesce({value}, ''), ',' order by place)"
        " from unnest(string_to_array({0}, ' ')::oid[]) with ordinality k(c, place)) end"
    )


# Columns are told by their numbers, which the digest of the columns gives names to; those of a table that is
# not the member's by their names.
_COLUMNS = (
    "case when exists (select from pg_class where oid = {0} and relnamespace = {own}) then {1} else"
    " (select string_agg(coalesce(attname, ''), ',' order by place) from"
    " unnest(string_to_array(translate({1}, ' {{}}', ','), ',')::int2[]) with ordinality k(n, place)"
    " left join pg_attribute on attrelid = {0} and attnum = n) end"
)
_COLLATION = _named("pg_collation", "coll", "{0}")
_KINDS = {
    "role": "case when {0} <> 0 then pg_get_userbyid({0}) end",
    "roles": "(select string_agg(case role when 0 then '' else pg_get_userbyid(role) end, ',' order by 1)"
    " from (select unnest({0}::oid[]) as role) roles)",
    "acl": "case when {0} is not null then (select coalesce(string_agg(held, ',' order by held), '') from"
    " (select distinct concat_ws(' ', case grantee when 0 then '' else pg_get_userbyid(grantee) end,"
    ' privilege_type, is_grantable) collate "C" as held from'
    " aclexplode(case when cardinality({0}::aclitem[]) > 0 then {0}::aclitem[] end)) items) end",
    "array": r"array_to_string({0}, E'\x1d', E'\x1e')",
    "path": r"(select string_agg(case when setting ~ '^search_path=' then replace(replace(regexp_replace("
    r"setting, '(\"(?:[^\"]|\"\")*\"|[^[:space:],=]+)', E'\x02\\1\x02', 'g'),"
    rf" E'\x02' || {_QUOTED.format('nspname')} || E'\x02', E'\x01'),"
    r" E'\x02' || nspname || E'\x02', E'\x01') else setting end, E'\x1d' order by n)"
    " from unnest({0}) with ordinality settings(setting, n)"
    " left join pg_namespace on pg_namespace.oid = {own})",
    "schema": "case when {0} = {own} then '' else {0}::oid::regnamespace::text end",
    "relation": f"(select {_qualified('relnamespace', 'quote_ident(relname)')} from pg_class"
    " where oid = {0})",
    "position": "(select inhseqno from pg_inherits where inhrelid = {0} and inhparent = {1})",
    "columns": _COLUMNS,
    "type": _qualified("t.typnamespace", "t.typname, {1}"),
    "collation": f"case when {{0}} is null or {{0}} in (0, 100) then {{0}}::text else {_COLLATION} end",
    "collations": _each(_named("pg_collation", "coll", "c")),
    "opclasses": _each(_named("pg_opclass", "opc", "c")),
    "method": "case when {0} < 10000 then {0}::text else (select amname from pg_am where oid = {0}) end",
    "named": r"case when {0} is not null then concat_ws(E'\x1d', case when ({0})[1]::oid = {own} then '' else"
    " ({0})[1]::oid::regnamespace::text end, ({0})[2], ({0})[3]) end",
    "routine": _qualified("{0}", "{1}"),
    "publication": "(select pubname from pg_publication where oid = {0})",
}
