"""Made-up views and functions that read past the policies: what is said to keep to the tenant does, on a server.

Each is used as tenant 1 with the rows of tenant 2 there, and without them. What is the same either way told
nothing of tenant 2.
"""

from collections.abc import Callable, Iterator
from random import Random

import psycopg
import pytest
from hypothesis import settings

from tests.fix_examples import facts_of
from tests.fix_server import DEFAULT, Opener, fresh
from validate_schema.policies.confinement import confinement
from validate_schema.policies.settle import Keeps

CTX = "nullif(current_setting('app.tenant_id', true), '')::int"
ME = "nullif(current_setting('app.person', true), '')::int"
TOML = """
[tenancy]
root = "org"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["postgres"]
global = ["region"]
"""
SCHEMA = f"""
create table org (id int primary key);
create table region (code int primary key);
create table seat (org_id int not null references org, person int not null, rank int, primary key (org_id, person));
create table job (id int primary key, org_id int not null references org, region int references region, n int);
create table step (id int primary key, job_id int not null references job, n int);
create table crate (org_id int not null references org, no int not null, n int, primary key (org_id, no));
create table lot (org_id int not null, crate int not null, no int not null, primary key (org_id, crate, no), foreign key (org_id, crate) references crate);
alter table job enable row level security;
alter table seat enable row level security;
create function me() returns int language sql stable as $$ select {ME} $$;
create function is_mine(o int) returns boolean language sql stable as $$ select exists (select 1 from seat where org_id = o and person = me()) $$;
create function need(o int) returns void language plpgsql as $$ begin if not is_mine(o) then raise exception 'no'; end if; end $$;
create function sum_of(o int) returns bigint language sql stable as $$ select sum(n) from job where org_id = o $$;
insert into org values (1), (2);
insert into region values (1), (2), (3);
insert into seat values (1, 10, 1), (1, 11, 2), (2, 20, 2);
insert into job values (1, 1, 1, 1), (2, 1, 2, 2), (3, 2, 1, 1), (4, 2, 2, 3), (5, 2, null, 2);
insert into step values (1, 1, 1), (2, 2, 2), (3, 3, 1), (4, 4, 2), (5, 5, 3);
insert into crate values (1, 1, 1), (1, 2, 2), (2, 1, 2), (2, 2, 1), (2, 3, 3);
insert into lot values (1, 1, 1), (1, 2, 1), (2, 1, 1), (2, 2, 2), (2, 3, 1);
"""
OTHERS = """
delete from lot where org_id = 2; delete from crate where org_id = 2;
delete from step where job_id in (select id from job where org_id = 2);
delete from job where org_id = 2; delete from seat where org_id = 2; delete from org where id = 2;
"""
COLUMNS = {
    "org": ["id"], "region": ["code"], "job": ["id", "org_id", "region", "n"], "step": ["id", "job_id", "n"],
    "crate": ["org_id", "no", "n"], "lot": ["org_id", "crate", "no"],
}  # fmt: skip
KEYS = [("job_id", "id"), ("crate", "no"), ("region", "code"), ("region", "region")]
Relations = list[tuple[str, list[str]]]


class Views:
    """Makes queries out of joins, conditions and sub-selects."""

    def __init__(self, seed: int) -> None:
        self.pick = Random(seed)

    def view(self) -> str:
        relations, query = self.block(0, [])
        targets = ", ".join(f"{self.column(relations)} as c{n}" for n in range(2))
        return f"select {targets} from {query}"

    def block(self, depth: int, outer: Relations) -> tuple[Relations, str]:
        relations: Relations = []
        text = ""
        for n in range(self.pick.choice([1, 2, 2, 3] if depth == 0 else [1, 1, 2])):
            alias = f"x{depth}{n}"
            if depth < 2 and self.pick.random() < 0.15:
                source, columns = f"({self.sub_query(depth + 1)}) {alias}", ["o", "n"]
            else:
                table = self.pick.choice([*COLUMNS])
                source, columns = f"{table} {alias}", COLUMNS[table]
            relations.append((alias, columns))
            kind = self.pick.choice(["join", "join", "left join", "right join"])
            text = f"{text} {kind} {source} on {self.plain(relations, outer)}" if text else source
        parts = [self.condition(relations, outer, depth) for _ in range(self.pick.choice([0, 1, 1, 2]))]
        return relations, text + (" where " + " and ".join(parts) if parts else "")

    def sub_query(self, depth: int) -> str:
        relations, text = self.block(depth, [])
        key, other = self.key(relations), self.column(relations)
        return self.pick.choice([
            f"select {key} as o, {other} as n from {text}",
            f"select distinct {key} as o, {other} as n from {text}",
            f"select {key} as o, count(*) as n from {text} group by {key}",
            f"select {key} as o, count(*) over () as n from {text}",
            f"select {key} as o, {other} as n from {text} order by 1 desc limit 1",
        ])  # fmt: skip

    def condition(self, relations: Relations, outer: Relations, depth: int) -> str:
        around = [*relations, *outer]
        chance = self.pick.random()
        if depth < 2 and chance < 0.15:
            word = self.pick.choice(["exists", "exists", "not exists"])
            return f"{word} (select 1 from {self.block(depth + 1, around)[1]})"
        if depth < 2 and chance < 0.35:
            inner, text = self.block(depth + 1, around)
            form = self.pick.choice(
                [
                    "{} in (select {} from {})",
                    "{} not in (select {} from {})",
                    "{} = (select {} from {} limit 1)",
                ]
            )
            return form.format(self.key(relations), self.key(inner), text)
        if chance < 0.5:
            return f"({self.plain(relations, outer)} or {self.plain(relations, outer)})"
        return f"not ({self.plain(relations, outer)})" if chance < 0.57 else self.plain(relations, outer)

    def plain(self, relations: Relations, outer: Relations) -> str:
        chance = self.pick.random()
        if chance < 0.35:
            return f"{self.key(relations)} = {CTX}"
        if chance < 0.5:
            return f"{self.key(relations)} = {self.key([*relations, *outer])}"
        if chance < 0.8 and (pairs := self.pairs(relations[-1], [*relations[:-1], *outer])):
            return self.pick.choice(pairs)
        if chance < 0.85:
            return f"{self.column(relations)} = {self.column([*relations, *outer])}"
        return f"{self.column(relations)} {self.pick.choice(['<>', '>=', '='])} {self.pick.randint(1, 3)}"

    @staticmethod
    def pairs(one: tuple[str, list[str]], others: Relations) -> list[str]:
        """Return what a foreign key of one relation to another makes equal, each column by itself."""
        found = []
        for other, columns in others:
            for (alias, mine), (near, theirs) in (
                ((one[0], one[1]), (other, columns)),
                ((other, columns), (one[0], one[1])),
            ):
                found += [f"{alias}.{a} = {near}.{b}" for a, b in KEYS if a in mine and b in theirs]
        return found

    def column(self, relations: Relations) -> str:
        alias, columns = self.pick.choice(relations)
        return f"{alias}.{self.pick.choice(columns)}"

    def key(self, relations: Relations) -> str:
        keys = [f"{alias}.{c}" for alias, columns in relations for c in columns if c in ("org_id", "o")]
        return self.pick.choice(keys) if keys else self.column(relations)


class Bodies:
    """Makes bodies of PL/pgSQL out of tests, assignments and statements."""

    def __init__(self, seed: int) -> None:
        self.pick = Random(seed)

    def body(self) -> str:
        return " ".join(self.statement(0) for _ in range(self.pick.choice([2, 3, 4]))) + " " + self.act()

    def statement(self, depth: int) -> str:
        x, chance = self.variable(), self.pick.random()
        if chance < 0.2:
            return f"{x} := {self.value()};"
        if depth < 3 and chance < 0.5:
            then = self.pick.choice(["raise exception 'no';", "return;", self.statement(depth + 1)])
            return f"if {self.condition()} then {then} else {self.statement(depth + 1)} end if;"
        if depth < 2 and chance < 0.6:
            inner = self.statement(depth + 1)
            return self.pick.choice([
                f"for v in select org_id from seat where person = me() loop {inner} end loop;",
                f"for i in 1..2 loop {inner} {x} := {self.variable()}; end loop;",
                f"begin {inner} exception when others then {self.statement(depth + 1)} end;",
            ])  # fmt: skip
        return self.pick.choice([
            f"perform 1 from seat where org_id = {x} and person = me();",
            f"ok := {self.condition()};", f"select is_mine({x}) into ok;", f"perform need({x});",
            f"select count(*) into m from seat where org_id = {x} and person = me();",
            f"select org_id into {x} from seat where person = me() limit 1;",
            f"select rank into m from seat where org_id = {x} and person = me();", self.act(),
        ])  # fmt: skip

    def variable(self) -> str:
        return self.pick.choice(["p", "p", "p", "q", "v"])

    def value(self) -> str:
        return self.pick.choice([
            CTX, "p", "q", "v", "null", "2", f"coalesce(p, {CTX})", f"case when q is null then {CTX} else v end",
            "(select org_id from seat where person = me() limit 1)", "(select id from org where id = q)",
        ])  # fmt: skip

    def condition(self) -> str:
        x = self.variable()
        one = self.pick.choice([
            f"{x} is distinct from {CTX}", f"{x} <> {CTX}", f"{x} = {CTX}", f"{x} is null", f"{CTX} is null",
            f"not exists (select 1 from seat where org_id = {x} and person = me())", f"not is_mine({x})",
            f"{x} not in (select org_id from seat where person = me())", "not found", "not ok", "m = 0", "m is null",
            f"is_mine({x}) is not true", f"exists (select 1 from seat where org_id = {x})",
        ])  # fmt: skip
        return f"({one} or {self.condition()})" if self.pick.random() < 0.2 else one

    def act(self) -> str:
        x = self.variable()
        return self.pick.choice([
            f"return query select n from job where org_id = {x};", f"return query select sum_of({x})::int;",
            f"update job set n = n + 1 where org_id = {x};", f"insert into job (id, org_id) select max(id) + 1, {x} from step;",
            f"return query execute 'select n from job where org_id = $1' using {x};",
            f"m := (select count(*) from job where org_id = {x});",
            "return query select n from job where org_id in (select org_id from seat where person = me());",
        ])  # fmt: skip


def count(share: float) -> int:
    return round(settings().max_examples * share)


@pytest.fixture
def conn(server_of: Opener) -> Iterator["psycopg.Connection"]:
    with fresh(server_of(DEFAULT)) as database, database.connect() as conn:
        conn.execute(SCHEMA)
        yield conn


def made(conn: psycopg.Connection, create: Callable[[int], tuple[str, str]], many: int) -> set[str]:
    """Create as many objects; return the names of those that could be."""
    found = set()
    for seed in range(many):
        name, script = create(seed)
        try:
            with conn.transaction():
                conn.execute(script)
            found.add(name)
        except psycopg.Error:
            continue
    return found


SESSIONS = [("1", "10"), ("", "10"), ("1", ""), ("", "")]
ARGUMENTS = [f"{p}, {q}" for p in ("1", "2", "null") for q in ("1", "2", "null")]


def answers(conn: psycopg.Connection, calls: list[str]) -> list[object]:
    """Return what each of the statements gives in each session; that it fails says nothing."""
    found: list[object] = []
    for tenant, person in SESSIONS:
        for call in calls:
            try:
                with conn.transaction(force_rollback=True):
                    conn.execute(f"set local app.tenant_id = '{tenant}'; set local app.person = '{person}'")
                    found.append(sorted(map(str, conn.execute(call).fetchall())))
                    others = conn.execute("select count(*), sum(n) from job where org_id = 2").fetchone()
                    assert others in ((3, 6), (0, None)), call
            except psycopg.Error:
                found.append("failed")
    return found


def told(conn: psycopg.Connection, calls: dict[str, list[str]]) -> list[str]:
    """Return the names of what answers otherwise without the rows of others."""
    there = {name: answers(conn, each) for name, each in calls.items()}
    conn.execute(OTHERS)
    return [name for name, each in calls.items() if answers(conn, each) != there[name]]


def test_a_view_that_is_said_to_keep_tells_nothing_of_others(conn: psycopg.Connection) -> None:
    created = made(conn, lambda n: (f"v{n}", f"create view v{n} as {Views(n).view()}"), count(3))
    facts = facts_of(conn, TOML)
    kept = [v.name for v in facts.catalog.views if confinement(v, facts) is Keeps.KEPT]

    assert {n: Views(int(n[1:])).view() for n in told(conn, {n: [f"select * from {n}"] for n in kept})} == {}
    assert len(kept) > len(created) / 20


def test_a_function_that_is_said_to_keep_tells_nothing_of_others(conn: psycopg.Connection) -> None:
    head = "create function f{}(p int, q int) returns setof int language plpgsql security definer as $f$"
    created = made(
        conn,
        lambda n: (
            f"f{n}",
            f"{head.format(n)} declare v int; ok boolean; m int; begin {Bodies(n).body()} end $f$",
        ),
        count(1.5),
    )
    facts = facts_of(conn, TOML)
    kept = [
        f.name for f in facts.catalog.functions if confinement(f, facts) is Keeps.KEPT and f.name in created
    ]
    calls = {name: [f"select * from {name}({given})" for given in ARGUMENTS] for name in kept}

    assert {name: Bodies(int(name[1:])).body() for name in told(conn, calls)} == {}
    assert len(kept) > len(created) / 20
