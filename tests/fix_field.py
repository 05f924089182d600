"""Many tables with random policies in one database: what a role can really do with each, and the proof.

Two databases of the same shape: one with rows, on which everything is tried, and an empty one, which
is read and on which isolation is proven.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import psycopg

from tests.fix_examples import facts_of
from tests.fix_grammar import ALLOWS, HELPERS, LITERALS, MATCHES, Batch, Sown
from tests.fix_oracle import KEYS, fill_item
from tests.fix_server import DEFAULT, Opener, becomes, fresh, role_names
from validate_schema.facts.facts import Facts
from validate_schema.scratch import Database

TOML = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
inherited = [{children}]
"""
SETTINGS = ("app.is_admin", "app.user_id", "app.org")
_ROLES = {"app_user": "login", "clerk": "nologin", "auditor": "nologin", "staff": "nologin"}
_WORLD = """
create table organization (id {kind} primary key, name text not null default 'n');
create table parent (id integer primary key, is_open boolean not null, org_id {kind} not null references organization);
create table membership (user_id text, org_id {kind} references organization);
create table item_shape (org_id {kind}, other_id {kind}, is_public boolean, status text, level integer, owner_id text);
create table child_shape (parent_id integer, is_public boolean, level integer);
create function is_my_tenant{matches};
create function always{allows};
"""
_TRIES = """
create table owners (id integer primary key, owner text);
create function owner(shape text) returns text language sql immutable as $$
    select case shape when 'item_shape' then 'coalesce(t.org_id::text, ''nobody'')'
        else 'coalesce((select owner from owners where id = t.parent_id), ''nobody'')' end
$$;
create function lost(name text, shape text) returns setof text language plpgsql security definer as $$
begin
    return query execute format('select o from (select %1$s o, count(*) n from %2$I t group by 1
        except select %1$s o, count(*) n from %3$I t group by 1) gone', owner(shape), shape, name);
end $$;
create function seen(name text, shape text) returns setof text language plpgsql as $$
declare at tid; one text;
begin
    return query execute format('select distinct %s from %I t', owner(shape), name);
exception when others then
    for at in select * from places(name) loop
        begin
            execute format('select %s from %I t where ctid = $1', owner(shape), name) into one using at;
            if one is not null then return next one; end if;
        exception when others then null;
        end;
    end loop;
end $$;
create function places(name text) returns setof tid language plpgsql security definer as
    $$ begin return query execute format('select ctid from %I', name); end $$;
create function changed(name text, shape text, change text) returns setof text language plpgsql as $$
declare found text[] := '{}';
begin
    begin
        execute format(change, name);
        found := array(select lost(name, shape));
        raise exception 'undone';
    exception when others then
        if sqlerrm <> 'undone' then found := '{failed}'; end if;
    end;
    return query select unnest(found);
end $$;
create function written(name text, shape text, mine text) returns setof text language plpgsql as $$
declare one record; done text[] := '{}'; owner text; texts text; looked_at text;
begin
    if not exists (select from pg_policies p, unnest(p.roles) r where p.tablename = name
        and p.permissive = 'PERMISSIVE' and p.cmd in ('ALL', 'INSERT')
        and (r = 'public' or pg_has_role(current_user, r, 'usage'))) then
        return;  -- no policy admits any row
    end if;
    -- Rows that differ only in what no policy mentions fare alike.
    texts := (select string_agg(concat(qual, ' ', with_check), ' ') from pg_policies where tablename = name);
    looked_at := (select string_agg(format('t.%I', attname), ', ') from pg_attribute
        where attrelid = shape::regclass and attnum > 0 and texts ~ ('\\m' || attname || '\\M'));
    for one in execute format('select distinct on (%s) t.*, %s as owner from %I t',
        concat_ws(', ', owner(shape), looked_at), owner(shape), shape) loop
        owner := one.owner;
        continue when owner = any (done) or owner = mine;
        begin
            if shape = 'item_shape' then
                execute format('insert into %I values ($1, $2, $3, $4, $5, $6)', name)
                    using one.org_id, one.other_id, one.is_public, one.status, one.level, one.owner_id;
            else
                execute format('insert into %I values ($1, $2, $3)', name)
                    using one.parent_id, one.is_public, one.level;
            end if;
            raise exception 'undone';
        exception when others then
            if sqlerrm = 'undone' then done := done || owner; end if;
        end;
        exit when cardinality(done) > 0;
    end loop;
    return query select unnest(done);
end $$;
"""
_LOOK = """
select n.name, 'SELECT', o from unnest(%(names)s::text[], %(shapes)s::text[]) n(name, shape), seen(n.name, n.shape) o
union all
select n.name, 'INSERT', o from unnest(%(names)s::text[], %(shapes)s::text[]) n(name, shape),
    written(n.name, n.shape, %(mine)s) o where n.shape <> 'root'
union all
select n.name, 'DELETE', o from unnest(%(names)s::text[], %(shapes)s::text[]) n(name, shape),
    changed(n.name, n.shape, 'delete from %%I') o
"""


class Held(NamedTuple):
    """What was reached: table, command and context that touched a row of somebody else."""

    table: str
    command: str
    context: str | None
    owner: str


class Field:
    """The two databases. A batch is made in both, looked at, and dropped again."""

    def __init__(self, kind: str, seeded: Database, empty: Database, stack: ExitStack) -> None:
        self.kind, self.keys, self.empty = kind, KEYS[kind], empty
        self.admin, self.bare = (stack.enter_context(d.connect(autocommit=True)) for d in (seeded, empty))
        # A setting that was once set is '' afterwards, so what needs it unset has sessions of its own.
        self.unset = [stack.enter_context(seeded.connect(autocommit=True)) for _ in range(2)]
        self.plain = stack.enter_context(seeded.connect(autocommit=True))
        world = _WORLD.format(kind=kind, matches=MATCHES.format(kind=kind), allows=ALLOWS)
        world += "".join(f"create function {name}() returns text {body};" for name, body in HELPERS.items())
        for conn in (self.admin, self.bare):
            conn.execute(world.replace("{literal}", LITERALS[kind]).encode())
            conn.execute("grant select, insert, update, delete on organization, parent, membership to public")
        self.bare.execute("drop table item_shape, child_shape")
        self.admin.execute(_TRIES.encode())
        self.admin.execute("grant select on owners, item_shape, child_shape to public")
        self._seed()

    def _seed(self) -> None:
        with self.admin.cursor() as cursor:
            cursor.executemany("insert into organization values (%s)", [(key,) for key in self.keys])
            cursor.execute("insert into membership values ('u1', %s)", (self.keys[0],))
            fill_item(cursor, "item_shape", self.keys, nullable=True)
            for n, key in enumerate(self.keys):
                for is_open in (True, False):
                    number = 2 * n + is_open
                    cursor.execute("insert into parent values (%s, %s, %s)", (number, is_open, key))
                    cursor.execute("insert into owners values (%s, %s)", (number, key))
            cursor.execute(
                "insert into child_shape select p, b, l from unnest(array[0, 1, 2, 3, 4, 5, null]) p, "
                "unnest(array[true, false, null]) b, unnest(array[0, 1, 3, 4, 5, 9, 10, null]) l"
            )

    @contextmanager
    def sown(self, batch: Batch) -> Iterator[Facts]:
        """Make the tables of a batch in both databases; yield what is read of the empty one."""
        names = [f"{sown.shape}_{n}" for n, sown in enumerate(batch.tables)]
        statements = [
            s for name, sown in zip(names, batch.tables, strict=True) for s in self._create(name, sown)
        ]
        for name, policies in (("organization", batch.root), ("parent", batch.parent)):
            if policies:
                statements += [p.create(f"p{n}", name) for n, p in enumerate(policies)]
                statements.append(f"alter table {name} enable row level security")
        try:
            for conn in (self.admin, self.bare):
                conn.execute("; ".join(statements).encode())
            for name, sown in zip(names, batch.tables, strict=True):
                self.admin.execute(f"insert into {name} select * from {sown.shape}_shape".encode())
            children = ", ".join(f'"{name}"' for name in names if name.startswith("child"))
            yield facts_of(self.bare, TOML.format(children=children))
        finally:
            for conn in (self.admin, self.bare):
                self._clear(conn, names)

    def _create(self, name: str, sown: Sown) -> list[str]:
        owner = f"org_id {self.kind} references organization, other_id {self.kind}, is_public boolean, status text"
        owner += ", level integer, owner_id text"
        columns = (
            owner
            if sown.shape == "item"
            else "parent_id integer references parent, is_public boolean, level integer"
        )
        return [
            f"create table {name} ({columns})",
            f"grant select, insert, update, delete on {name} to public",
            f"alter table {name} enable row level security",
            *(p.create(f"p{n}", name) for n, p in enumerate(sown.policies)),
        ]

    def _clear(self, conn: psycopg.Connection[Any], names: Sequence[str]) -> None:
        conn.execute(("drop table if exists " + ", ".join(names)).encode())
        for table, policy in conn.execute("select tablename, policyname from pg_policies").fetchall():
            conn.execute(f'drop policy "{policy}" on {table}'.encode())
        conn.execute("alter table organization disable row level security")
        conn.execute("alter table parent disable row level security")

    def look(self, batch: Batch) -> set[Held]:
        """Return every row of somebody else that the app role got at, in any state of the session."""
        found: set[Held] = set()
        around = (*batch.root, *batch.parent)
        groups: dict[tuple[bool, bool], list[tuple[str, str]]] = {}
        for n, sown in enumerate(batch.tables):
            policies = (*sown.policies, *around)
            text = " ".join(f"{p.using} {p.check}" for p in policies)
            asks = any(name in text for name in SETTINGS)
            named = "current_user" in text or any(p.role != "public" for p in policies)
            groups.setdefault((asks, named), []).append((f"{sown.shape}_{n}", f"{sown.shape}_shape"))
        for (asks, named), tables in groups.items():
            for role in ("app_user", *(("auditor", "staff") if named else ())):
                for context in (None, "", *self.keys):
                    for given in self._others() if asks else [{}]:
                        found |= self._as(role, context, given, tables)
        return found

    def _others(self) -> list[dict[str, str]]:
        bold = {"app.is_admin": "on", "app.user_id": "u1", "app.org": self.keys[1]}
        meek = {"app.is_admin": "off", "app.user_id": "u2", "app.org": self.keys[0]}
        mixed = {"app.is_admin": "off", "app.user_id": "u1", "app.org": self.keys[2]}
        return [{}, bold, meek, mixed]

    def _as(
        self, role: str, context: str | None, given: dict[str, str], tables: list[tuple[str, str]]
    ) -> set[Held]:
        conn = self.unset[bool(given)] if context is None else self.admin if given else self.plain
        with conn.transaction(force_rollback=True):
            conn.execute("set local session authorization app_user")
            conn.execute(f"set local role {role}".encode())
            settings = given if context is None else {"app.tenant_id": context, **given}
            for name, value in settings.items():
                conn.execute("select set_config(%s, %s, true)", (name, value))
            names, shapes = ([t[n] for t in tables] for n in (0, 1))
            mine = context or "-"
            rows = conn.execute(_LOOK, {"names": names, "shapes": shapes, "mine": mine}).fetchall()
        return {Held(name, verb, context, owner) for name, verb, owner in rows if owner != context}


@contextmanager
def open_field(server_of: Opener, kind: str) -> Iterator[Field]:
    server = server_of(DEFAULT)
    with ExitStack() as stack:
        seeded, empty = (stack.enter_context(fresh(server)) for _ in range(2))
        admin = stack.enter_context(server.connect(autocommit=True))
        there = role_names(admin)  # the bench of the examples keeps an app_user on the same server
        for role, login in _ROLES.items():
            if role not in there:
                admin.execute(f"create role {role} {login}".encode())
        admin.execute("grant staff to app_user")
        stack.enter_context(becomes(admin, "app_user", "auditor"))
        yield Field(kind, seeded, empty, stack)
