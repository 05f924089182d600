"""Schemas put together at random, and what a real app role gets out of them, by trying.

The oracle knows nothing of policies: it holds the rows of tenant B to be untouchable, runs every statement
that it can think of as the app role, for the person of tenant A or for nobody, and looks whether a row of B
was seen, changed, taken or planted.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

import psycopg
from hypothesis import strategies as st

from tests.fix_bench import execute

# The keys begin alike: what compares the beginning tells nobody apart.
A, B = "11111111-1111-4111-8111-11111111111a", "11111111-2222-4222-8222-22222222222b"
ANN, BOB = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
CTX = "nullif(current_setting('app.tenant_id', true), '')::uuid"
TOML = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
global = ["plan"]
"""
_MARK, _LENT = "B-secret", "lent"  # a title of B's by which it is known, and one that a plan has as well
_BOUND = f"org_id = {CTX}"
_OWNER_READS = f"select title from item where {_BOUND}"

BASE = f"""
create function uid() returns uuid language sql stable as $$ select nullif(current_setting('app.user_id', true), '')::uuid $$;
create table member (org_id uuid not null references organization on delete cascade, user_id uuid not null,
  role text not null default 'user', primary key (org_id, user_id));
create table plan (id int primary key, name text not null);
alter table organization enable row level security; alter table organization force row level security;
create policy org_self on organization using (id = {CTX});
grant select on organization, plan to app_user;
alter table member enable row level security; alter table member force row level security;
"""
TABLES = """
create table item (id int not null, org_id uuid not null references organization on delete cascade, plan_id int,
  title text not null, status text not null default 'open', is_public boolean not null default false, owner_id uuid,
  primary key (org_id, id));
create table note (id int not null, org_id uuid not null references organization on delete cascade, item_id int not null,
  title text not null, status text not null default 'open', is_public boolean not null default false, owner_id uuid,
  primary key (org_id, id));
grant select, insert, update, delete on item, note to app_user;
"""
CONDITIONS = [
    _BOUND,
    f"org_id = (select {CTX})",
    "org_id::text = current_setting('app.tenant_id', true)",
    f"(org_id, true) = ({CTX}, true)",
    f"{_BOUND} and status <> 'gone'",
    f"{_BOUND} or is_public",
    f"{_BOUND} or status = 'shared'",
    f"{_BOUND} or current_setting('app.admin', true) = 'on'",
    f"{_BOUND} and (owner_id = uid() or current_setting('app.admin', true) = 'on')",
    f"{_BOUND} or (is_public and current_user = 'auditor')",
    "left(org_id::text, 8) = left(current_setting('app.tenant_id', true), 8)",
    f"coalesce({_BOUND}, true)",
    f"coalesce({_BOUND}, false)",
    f"org_id = coalesce({CTX}, org_id)",
    f"org_id is not distinct from {CTX}",
    f"not (org_id is distinct from {CTX})",
    f"org_id = any (array[{CTX}])",
    f"case when status = 'open' then {_BOUND} else false end",
    f"case when is_public then true else {_BOUND} end",
    f"case current_setting('app.tenant_id', true) when '*' then true else {_BOUND} end",
    "true",
    "false",
    "owner_id = uid()",
    "org_id in (select m.org_id from member m where m.user_id = uid())",
    "org_id = (select m.org_id from member m where m.user_id = uid() limit 1)",
    "exists (select from member m where m.org_id = {t}.org_id and m.user_id = uid())",
    "exists (select from member m where m.user_id = uid() and m.role = 'admin')",
    "exists (select from member m where m.org_id = org_id and m.user_id = uid())",
    f"{_BOUND} and exists (select from plan p where p.id = 1)",
    f"{_BOUND} or exists (select from plan p where p.name = {{t}}.title)",
    f"(select count(*) from plan p where p.name = {{t}}.title) = 0 and {_BOUND}",
    f"{_BOUND} or (select count(*) from plan p where p.name = {{t}}.title) = 0",
    "org_id = current_org()",
    "org_id in (select current_org())",
    f"same(org_id, {CTX})",
    f"coalesce(same(org_id, {CTX}), true)",
    "may_see(org_id)",
]
HELPERS = [
    f"create function current_org() returns uuid language sql stable as $$ select {CTX} $$;",
    f"create function current_org() returns uuid language plpgsql stable as $$ begin return {CTX}; end $$;",
    f"create function current_org() returns uuid language plpgsql stable as $$ begin return coalesce({CTX}, '{B}'); end $$;",
    f"create function current_org() returns uuid language plpgsql stable security definer set search_path = public, pg_temp as "
    f"$$ declare o uuid; begin select {CTX} into o; return o; end $$;",
]
SAME = [
    "create function same(a uuid, b uuid) returns boolean language sql immutable as $$ select a = b $$;",
    "create function same(a uuid, b uuid) returns boolean language sql immutable strict as $$ select coalesce(a = b, false) $$;",
    "create function same(a uuid, b uuid) returns boolean language sql immutable as $$ select a = b or b is null $$;",
]
MAY_SEE = [
    "create function may_see(o uuid) returns boolean language sql stable security definer set search_path = public, pg_temp as "
    "$$ select exists (select from member m where m.org_id = o and m.user_id = uid()) $$;",
    "create function may_see(org_id uuid) returns boolean language sql stable security definer set search_path = public, pg_temp as "
    "$$ select exists (select from member m where m.org_id = org_id and m.user_id = uid()) $$;",
    f"create function may_see(o uuid) returns boolean language plpgsql stable as $$ begin return o = {CTX}; end $$;",
]
MEMBERS = [
    "create policy m on member for select using (user_id = uid()); grant select on member to app_user;",
    f"create policy m on member using ({_BOUND}); grant select, insert, update, delete on member to app_user;",
    "create policy m on member using (user_id = uid()) with check (user_id = uid()); grant select, insert on member to app_user;",
    "create policy m on member using (user_id = uid()); grant select, insert, update, delete on member to app_user;",
    "create policy m on member for select using (true); grant select on member to app_user;",
    f"create policy m on member for select using ({_BOUND}); grant select on member to app_user;",
]
EXTRAS = [
    "create view v with (security_invoker = true) as select * from item; grant select, update, delete on v to app_user;",
    f"create view v with (security_barrier = true) as select * from item where {_BOUND}; grant select on v to app_user;",
    f"create view v as select id, title from item where {_BOUND}; grant select on v to app_user;",
    f"create view v with (security_barrier = true) as select * from item where {_BOUND}; grant select, insert, update, delete on v to app_user;",
    f"create view v with (security_barrier = true) as select * from item where {_BOUND} with cascaded check option; "
    "grant select, insert, update, delete on v to app_user;",
    f"create view v with (security_barrier = true) as select * from item where {_BOUND} or is_public; grant select on v to app_user;",
    "create view v as select title from item; grant select on v to app_user;",
    "create view v as select count(*) as n from item; grant select on v to app_user;",
    f"create view v with (security_barrier = true) as select n.title from note n join item i on i.org_id = n.org_id where i.org_id = {CTX}; "
    "grant select on v to app_user;",
    f"create view v with (security_barrier = true) as select n.title from note n join item i on i.id = n.item_id where i.org_id = {CTX}; "
    "grant select on v to app_user;",
    "create materialized view mv as select org_id, title from item; grant select on mv to app_user;",
    "create function titles(o uuid) returns setof text language sql stable security definer set search_path = public, pg_temp as "
    "$$ select title from item where org_id = o $$;",
    f"create function titles(o uuid) returns setof text language sql stable security definer set search_path = public, pg_temp as "
    f"$$ select title from item where org_id = o and o = {CTX} $$;",
    f"create function titles(o uuid) returns setof text language sql stable security definer set search_path = public, pg_temp as "
    f"$$ select title from item where org_id = coalesce(o, {CTX}) $$;",
    "create function titles(o uuid) returns setof text language sql stable as $$ select title from item where org_id = o $$;",
    f"create function titles(o uuid) returns setof text language sql stable security definer set search_path = public, pg_temp as $$ {_OWNER_READS} $$;",
    "create function titles(o uuid) returns setof text language plpgsql stable security definer set search_path = public, pg_temp as "
    f"$$ begin if o is distinct from {CTX} then raise exception 'no'; end if; return query select title from item where org_id = o; end $$;",
    "create function titles(o uuid) returns setof text language plpgsql stable security definer set search_path = public, pg_temp as "
    f"$$ begin if o <> {CTX} then raise exception 'no'; end if; return query select title from item where org_id = o; end $$;",
    "create function rename(i int) returns void language sql security definer set search_path = public, pg_temp as "
    "$$ update item set title = 'renamed' where id = i $$;",
    f"create function rename(i int) returns void language sql security definer set search_path = public, pg_temp as "
    f"$$ update item set title = 'renamed' where id = i and {_BOUND} $$;",
    "create table log (message text); grant select on log to app_user; create function logs() returns trigger language plpgsql security definer "
    "set search_path = public, pg_temp as $$ begin insert into log values (new.title); return new; end $$; "
    "create trigger logs after insert or update on item for each row execute function logs();",
    "create table log (message text); create function logs() returns trigger language plpgsql security definer "
    "set search_path = public, pg_temp as $$ begin insert into log values (new.title); return new; end $$; "
    "create trigger logs after insert or update on item for each row execute function logs();",
    "create function sweep() returns trigger language plpgsql security definer set search_path = public, pg_temp as "
    "$$ begin delete from note where item_id = old.id; return old; end $$; create trigger sweep after delete on item for each row execute function sweep();",
    "create function sweep() returns trigger language plpgsql security definer set search_path = public, pg_temp as "
    "$$ begin delete from note where item_id = old.id and org_id = old.org_id; return old; end $$; "
    "create trigger sweep after delete on item for each row execute function sweep();",
    "create function touch() returns trigger language plpgsql as $$ begin new.status := 'touched'; return new; end $$; "
    "create trigger touch before update on item for each row execute function touch();",
    "create function moves() returns trigger language plpgsql as $$ begin new.org_id := (select m.org_id from member m where m.user_id = new.owner_id); return new; end $$; "
    "create trigger moves before insert on item for each row execute function moves();",
    "create rule forward as on insert to note do also delete from item where title = new.title;",
    "create rule forward as on delete to item do also delete from note where item_id = old.id;",
    "alter table item add foreign key (plan_id) references plan on delete cascade; grant select, delete on plan to app_user;",
    "alter table item add foreign key (plan_id) references plan on delete set null; grant select, delete on plan to app_user;",
    "alter table item add foreign key (plan_id) references plan; grant select on plan to app_user;",
    "alter table note add foreign key (org_id, item_id) references item on delete cascade;",
    "alter table item add unique (title);",
    "grant truncate on item to app_user;",
    "alter table item owner to app_user; alter table item no force row level security;",
    "alter table note disable row level security;",
    "create role auditor; grant auditor to app_user; grant select on item to auditor; create policy audit on item for select to auditor using (true);",
    "create role auditor; grant select on item to auditor; create policy audit on item for select to auditor using (true);",
    f"create role auditor; grant auditor to app_user; grant select on item to auditor; create policy audit on item for select to auditor using ({_BOUND});",
    "create role auditor bypassrls; grant auditor to app_user; grant select on item to auditor;",
    "create role auditor bypassrls; grant auditor to app_user with admin option, set false, inherit false; grant select on item to auditor;",
    f"create policy floor on item as restrictive using ({_BOUND});",
    "create policy also on item for select using (is_public);",
    "create table item_old () inherits (item); grant select on item_old to app_user;",
]  # fmt: skip


class Sown(NamedTuple):
    """A schema as its statements, in the order in which they run."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join(self.parts)


def _policies(table: str) -> st.SearchStrategy[str]:
    def written(using: str, check: str | None, split: bool) -> str:
        using, check = using.replace("{t}", table), check and check.replace("{t}", table)
        held = f" with check ({check})" if check else ""
        head = f"alter table {table} enable row level security; alter table {table} force row level security;"
        if split:
            write = f"create policy w on {table} for insert with check ({check or using});"
            return f"{head} create policy r on {table} for select using ({using}); {write}"
        return f"{head} create policy p on {table} using ({using}){held};"

    plain = st.sampled_from([_BOUND, f"org_id = (select {CTX})"])
    conditions = st.one_of(plain, plain, plain, st.sampled_from(CONDITIONS))
    checks = st.one_of(st.none(), st.none(), st.none(), conditions)
    return st.builds(written, conditions, checks, st.booleans())


def _sown(*parts: object) -> Sown:
    helper, same, may_see, members, item, note, extras = parts
    return Sown(
        (BASE, str(helper), str(same), str(may_see), TABLES, str(members), str(item), str(note), *extras)
    )  # type: ignore[misc]


def _makes(extra: str) -> str:
    """Return what an extra makes or alters: there is one of each."""
    return " ".join(extra.split("(", maxsplit=1)[0].replace(";", " ").split()[:3])


schemas = st.builds(
    _sown,
    *(st.one_of(st.just(c[0]), st.sampled_from(c)) for c in (HELPERS, SAME, MAY_SEE, MEMBERS)),
    _policies("item"),
    _policies("note"),
    st.lists(st.sampled_from(EXTRAS), max_size=2, unique_by=_makes),
)

_ROWS = f"""
insert into organization (id, name) values ('{A}', 'A-name'), ('{B}', '{_MARK}-name');
insert into member (org_id, user_id, role) values ('{A}', '{ANN}', 'admin'), ('{B}', '{BOB}', 'admin');
insert into plan values (1, 'one'), (2, '{_LENT}');
"""
# What somebody else's condition of a query may show, where it is asked before those that hide a row.
_PEEK = f"""
create function peek(title text) returns boolean language plpgsql cost 0.0000001 as $$
begin
  if title like '{_MARK}%' then raise exception '%', title; end if;
  return true;
end $$;
"""


def sow(conn: psycopg.Connection) -> None:
    """Put rows of both tenants into a schema."""
    execute(conn, _ROWS + _PEEK)
    for table, last in (("item", "plan_id"), ("note", "item_id")):
        for org, mark, owner in ((A, "A", ANN), (B, _MARK, BOB)):
            for n, (status, public) in enumerate(
                (("open", False), ("shared", True), ("gone", False), ("open", True))
            ):
                title = _LENT if (org, n) == (B, 3) else f"{mark}-{table}-{n}"
                conn.execute(
                    f"insert into {table} (id, org_id, title, status, is_public, owner_id, {last}) values (%s, %s, %s, %s, %s, %s, 1)",
                    (n, org, title, status, public, owner),
                )
    if conn.execute("select to_regclass('item_old') is not null").fetchone() == (True,):
        conn.execute("insert into item_old select 9, org_id, plan_id, title || '-old' from item where id = 1")
    if conn.execute("select from pg_matviews where matviewname = 'mv'").fetchall():
        conn.execute("refresh materialized view mv")


def _statements(conn: psycopg.Connection) -> Iterator[str]:
    found = conn.execute(
        "select relname, relkind::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm')"
    ).fetchall()
    for name, kind in found:
        columns = {
            c
            for (c,) in conn.execute(
                "select attname::text from pg_attribute where attrelid = %s::regclass and attnum > 0", (name,)
            )
        }
        yield f"select * from {name}"
        if kind == "m":
            continue
        if "title" in columns:
            yield f"select * from {name} where peek(title)"
            yield f"update {name} set title = 'x'"
            yield f"insert into {name} (title) values ('x')"
        if {"org_id", "id"} <= columns:
            yield f"update {name} set org_id = '{B}', id = 77"
            yield f"update {name} set org_id = '{B}', id = 77 where id = 0"  # one: two would be the same row
            item = ", item_id" if "item_id" in columns else ""
            more = ", 1" if item else ""
            for org in (A, B):
                for owner in (ANN, BOB):
                    yield f"insert into {name} (id, org_id, title, owner_id{item}) values (78, '{org}', 'x', '{owner}'{more})"
                told = f"id, org_id, title, is_public, status{item}"
                yield f"insert into {name} ({told}) values (78, '{org}', '{_LENT}', true, 'shared'{more})"
            yield f"insert into {name} (id, org_id, title{item}) values (79, '{A}', '{_MARK}-item-1'{more}) returning *"
        if name == "member":
            yield f"insert into member (org_id, user_id) values ('{B}', '{ANN}')"
            yield f"update member set org_id = '{B}'"
        if kind == "r":
            yield f"truncate {name} cascade"
        yield f"delete from {name}"
        if name == "item":
            yield "delete from item where id = 1"
    for (call,) in conn.execute(
        "select p.oid::regproc::text from pg_proc p where pronamespace = 'public'::regnamespace and proname in ('titles', 'rename')"
    ).fetchall():
        given = ["1", "2"] if call == "rename" else [f"'{A}'", f"'{B}'", "null"]
        yield from (f"select * from {call}({argument})" for argument in given)


def _of_b(conn: psycopg.Connection) -> list[object]:
    """Return every row of B."""
    return list(
        conn.execute(
            " union all ".join(
                f"select '{table}', array_agg(t::text order by t::text) from {table} t where org_id = '{B}'"
                for table in ("item", "note", "member")
            )
        )
    )


def leak(conn: psycopg.Connection) -> str:
    """Return a statement with which somebody of tenant A reaches a row of B; "" where there is none."""
    before = _of_b(conn)
    roles = ["app_user"]
    if conn.execute(
        "select from pg_roles where rolname = 'auditor' and (pg_has_role('app_user', oid, 'SET') or "
        "exists (select from pg_auth_members m where roleid = pg_roles.oid and m.admin_option and member = 'app_user'::regrole))"
    ).fetchall():
        roles.append("auditor")
    statements = list(_statements(conn))
    for way in ("indexscan", "indexonlyscan", "bitmapscan"):  # an index hides rows from other conditions
        conn.execute(f"set enable_{way} = off")
    log = conn.execute(
        "select has_table_privilege('app_user', oid, 'SELECT') from pg_class where oid = to_regclass('log')"
    ).fetchone() == (True,)
    contexts = [
        {"app.tenant_id": A, "app.user_id": ANN},
        {"app.tenant_id": A, "app.user_id": ANN, "app.admin": "on"},
    ]
    contexts += [{}, {"app.tenant_id": "", "app.user_id": ""}, {"app.tenant_id": "*", "app.user_id": ANN}]
    for role in roles:
        for context in contexts:
            for statement in statements:
                if _reaches(conn, role, context, statement, before, log=log):
                    return f"as {role} with {context}: {statement}"
    return ""


def _reaches(
    conn: psycopg.Connection,
    role: str,
    context: dict[str, str],
    statement: str,
    before: list[object],
    *,
    log: bool,
) -> bool:
    with conn.transaction(force_rollback=True):
        said = [f"set_config('{name}', '{value}', true)" for name, value in context.items()]
        conn.execute(f"select {', '.join(said)}".encode())
        conn.execute("set local session authorization app_user")
        try:
            if role != "app_user":
                _become(conn, role)
            cursor = conn.execute(statement.encode())
            rows = cursor.fetchall() if cursor.description else []
            rows += conn.execute("select * from log").fetchall() if log else []
        except psycopg.errors.UniqueViolation:
            return _MARK in statement and f"'{B}'" not in statement  # so it tells that B has one
        except psycopg.Error as error:
            return _MARK in (error.diag.message_primary or "") and _MARK not in statement
        shown = {word for word in (_MARK, BOB, B) if any(word in str(row) for row in rows)}
        if shown and not any(word in statement for word in shown):
            return True
        if (
            rows
            and statement.startswith("select * from v")
            and any(isinstance(r[0], int) and len(r) == 1 and r[0] > 4 for r in rows)
        ):
            return True  # a count over more than A's rows
        if statement.startswith("select") and " from rename" not in statement:
            return False
        conn.execute("set local session authorization default")
        return _of_b(conn) != before


def _become(conn: psycopg.Connection, role: str) -> None:
    """Become a role; whoever may grant it to others may grant it to himself."""
    with suppress(psycopg.Error), conn.transaction():
        conn.execute(f"grant {role} to app_user with set true, inherit true")
    conn.execute(f"set local role {role}")
