"""Everything else that there may be many of: what twice as many cost.

Each is a command on a database or a folder made for it, in two sizes. Compared is processor time, of the
process and, where it is given a database, of the server.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg

from benchmarks import synthetic
from benchmarks.cost import PROGRAM, Cost, Meter, costs
from benchmarks.table import Row
from validate_schema.scratch import Database, Server

_RUNS = 2
_GROWTH = 2.2  # times for twice as many
_TENANT = """
create table organization (id uuid primary key default gen_random_uuid());
create table task (id uuid primary key default gen_random_uuid(),
    org_id uuid not null references organization (id), title text);
create index on task (org_id);
alter table task enable row level security, force row level security;
create policy own on task using (org_id = current_setting('app.tenant_id', true)::uuid);
"""


class Loop(NamedTuple):
    """What there are many of, the smaller of its two sizes, and the SQL that makes so many, run in order
    after the tables of a tenant; `after` is run when the database is gone, for what a server shares."""

    what: str
    size: int
    script: Callable[[int], Iterator[str]]
    command: Callable[[str], list[str]]
    after: Callable[[int], Iterator[str]] = lambda _: iter(())


def _validated(url: str) -> list[str]:
    return [f"--database-url={url}", "--no-data", "--quiet"]


def _proven(url: str) -> list[str]:
    return ["prove", f"--database-url={url}", "--quiet"]


def _renamed(url: str) -> list[str]:
    return ["diff", f"{url}#schema=before", f"{url}#schema=after"]


def _roles(count: int) -> Iterator[str]:
    """Each role is a member of the one before; the first may read the tenant's rows."""
    for n in range(count):
        yield f"create role bench_{n:05}" + (f" in role bench_{n - 1:05}" if n else "")
    yield "grant select on task to bench_00000"
    yield f"alter role bench_{count - 1:05} login"


def _no_roles(count: int) -> Iterator[str]:
    return (f"drop role if exists bench_{n:05}" for n in reversed(range(count)))


def _views(count: int) -> Iterator[str]:
    """Each view reads the one before."""
    for n in range(count):
        of = f"v{n - 1:05}" if n else "task"
        yield f"create view v{n:05} with (security_invoker) as select * from {of}"


def _helpers(count: int) -> Iterator[str]:
    """Each function calls the one before; the first writes."""
    head = "returns void language plpgsql security definer set search_path = public, pg_temp as"
    yield f"create function f00000() {head} $$ begin update task set title = title; end $$"
    for n in range(1, count):
        yield f"create function f{n:05}() {head} $$ begin perform f{n - 1:05}(); end $$"


def _children(count: int) -> Iterator[str]:
    """Each table inherits from the one before."""
    for n in range(count):
        yield f"create table i{n:05} () inherits ({f'i{n - 1:05}' if n else 'task'})"


def _enums(count: int) -> Iterator[str]:
    labels = ", ".join(f"'label {n}'" for n in range(20))
    for n in range(count):
        yield f"create type e{n:05} as enum ({labels})"
        yield f"create table u{n:05} (id uuid primary key, kind e{n:05} not null)"


def _two_schemas(count: int) -> Iterator[str]:
    """The second schema has the tables of the first, each under another name."""
    for schema, prefix in (("before", "old"), ("after", "new")):
        yield f"create schema {schema}"
        for n in range(count):
            yield f"create table {schema}.{prefix}{n:05} (id uuid primary key, field_{n} text, org_id uuid)"


def _tables(count: int) -> Iterator[str]:
    yield "do $$ begin create role bench_app; exception when duplicate_object then null; end $$"
    for n in range(count):
        name = synthetic.name(n)
        yield f"create table {name} (like task including all)"
        yield f"alter table {name} add foreign key (org_id) references organization (id)"
        yield f"alter table {name} enable row level security, force row level security"
        yield f"create policy own on {name} using (org_id = current_setting('app.tenant_id', true)::uuid)"
    yield "grant select, insert, update, delete on all tables in schema public to bench_app"


LOOPS = (
    Loop("roles in one another", 2_500, _roles, _validated, _no_roles),
    Loop("views over views", 2_500, _views, _validated),
    Loop("functions that call", 2_500, _helpers, _validated),
    Loop("tables that inherit", 500, _children, _validated),
    Loop("enums", 2_000, _enums, _validated),
    Loop("renamed tables", 2_500, _two_schemas, _renamed),
    Loop("tables to prove", 250, _tables, _proven, lambda _: iter(["drop role if exists bench_app"])),
)
_FILES = 1_000


def loops(server: Server) -> Iterator[Row]:
    """Measure each loop in its size and in twice of it."""
    for loop in LOOPS:
        half, whole = (_cost(server, loop, count) for count in (loop.size, 2 * loop.size))
        yield from _grown(loop.what, loop.size, half, whole)
    half, whole = map(_history, (_FILES, 2 * _FILES))
    yield from _grown("files that rename", _FILES, half, whole)


def _grown(what: str, size: int, half: Cost, whole: Cost) -> Iterator[Row]:
    yield Row(what, half, size)
    yield Row(f"{what}, twice", whole, 2 * size, whole.processor / half.processor, _GROWTH)


def _cost(server: Server, loop: Loop, count: int) -> Cost:
    with ExitStack() as stack:
        stack.callback(_clear, server, loop, count)
        database = stack.enter_context(server.database())
        _make(database, loop, count)
        command = [PROGRAM, *loop.command(database.conninfo)]
        (found,) = costs([command], _RUNS, server=Meter(database.conninfo))
    return found


def _make(database: Database, loop: Loop, count: int) -> None:
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        conn.execute(_TENANT.encode())
        for statement in loop.script(count):
            conn.execute(statement.encode())
        conn.execute("vacuum analyze")


def _clear(server: Server, loop: Loop, count: int) -> None:
    with server.connect() as conn:
        for statement in loop.after(count):
            conn.execute(statement.encode())


def _history(files: int) -> Cost:
    """Measure the replay of a folder in which each file makes a table, and renames and drops earlier ones."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        for n in range(files):
            text = f"create table t{n:05} (id uuid primary key, org_id uuid not null);\n"
            text += f"alter table t{n - 1:05} rename to old{n - 1:05};\n" if n else ""
            text += f"drop table old{n - 2:05};\n" if n > 1 else ""
            (folder / f"{n:05}_step.sql").write_text(text)
        command = [PROGRAM, f"--migrations={folder}", "--no-prove", "--quiet"]
        (found,) = costs([command], 1)
    return found
