"""Backups are whole or not there, kept by number, and restored whole or not at all."""

import os
import pty
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from psycopg import conninfo

from tests.fix_apply import Project, until
from tests.fix_children import WAYS, each_way, rest_of
from tests.fix_cli import Ran
from validate_schema.catalog.connect import parse_url
from validate_schema.catalog.reader import read_catalog
from validate_schema.catalog.snapshot import fingerprint
from validate_schema.model.catalog import Catalog
from validate_schema.model.errors import RunnerError, ValidateSchemaError
from validate_schema.scratch import programs
from validate_schema.scratch.dump import back_up, newest
from validate_schema.sql.ident import quote_ident


def _tools() -> str:
    try:
        return str(programs.find(140000))
    except ValidateSchemaError as error:
        return f"none: {error}"


pytestmark = pytest.mark.skipif(_tools().startswith("none"), reason=f"no client programs here ({_tools()})")

HOSTILE = """
create schema "Sch ema";
create type "Sch ema"."mo;od" as enum ('a''b', 'c');
create domain "posi""tive" as int check (value > 0);
create table "Sch ema"."ta""ble" (id int generated always as identity primary key, m "Sch ema"."mo;od", "p q" "posi""tive");
insert into "Sch ema"."ta""ble" (m, "p q") values ('a''b', 1), ('c', 2);
create table plain (id serial primary key, t text default E'\\\\n', other int references "Sch ema"."ta""ble");
insert into plain (t, other) values (E'tab\\there', 1), (null, 2), ('\\.', 1);
create view v as select p.t from plain p;
create materialized view mv as select count(*) from plain;
create function f(plain) returns text language sql as 'select $1.t';
create aggregate agg(int) (sfunc = int4pl, stype = int);
create operator === (leftarg = int, rightarg = int, function = int4eq);
create index "i x" on plain (lower(t)) where t is not null;
create rule r as on delete to plain do also select 1;
create function trg() returns trigger language plpgsql as 'begin return new; end';
create trigger tr before insert on plain for each row execute function trg();
alter table plain enable row level security;
create policy "p;" on plain using (true);
create publication pub for table plain;
do $$ begin
    if exists (select from pg_available_extensions where name = 'hstore') then
        create extension hstore schema "Sch ema";
    end if;
end $$;
"""
LATER = """
create table later (id int primary key, p int references plain);
create view over_it as select * from v;
create schema extra; create table extra.x ();
create type later_type as (a int);
create function later_f() returns later_type language sql as 'select 1';
drop materialized view mv;
alter table plain add column more int;
insert into plain (t) values ('new');
"""


def _catalog(project: Project) -> Catalog:
    with project.stranger() as connection:
        return read_catalog(connection)


def _content(project: Project) -> list[tuple[object, ...]]:
    return project.sql(
        'select p.id, p.t, x.m::text, x."p q" from plain p left join "Sch ema"."ta""ble" x on x.id = p.other order by p.id'
    )


def _backup(ran: Ran) -> Path:
    (found,) = re.findall(r"^backup: (.*) \(", ran.out, re.MULTILINE)
    return Path(found)


def test_a_backup_holds_all_and_a_restore_puts_exactly_that_back(any_project: Project) -> None:
    any_project.sql(HOSTILE)
    before, rows = fingerprint(_catalog(any_project)), _content(any_project)
    ran = any_project.run("backup", "--dir", "b")
    saved = _backup(ran)
    any_project.sql(LATER)
    restored = any_project.run("restore", str(saved), "--yes")

    assert (ran.status, restored.status, restored.complaints) == (0, 0, [])
    assert (fingerprint(_catalog(any_project)), _content(any_project)) == (before, rows)
    assert any_project.sql("select * from mv") == [(3,)]
    assert any_project.sql("select nextval('plain_id_seq')") == [(4,)]


def test_a_backup_is_private_compressed_and_named_by_database_and_time(project: Project) -> None:
    project.sql("create table t as select repeat('x', 100) from generate_series(1, 10000)")
    saved = _backup(project.run("backup", "--dir", "b"))

    assert re.fullmatch(rf"{project.database.name}_\d{{8}}T\d{{6}}Z\.dump", saved.name)
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert saved.stat().st_size < 100_000
    assert os.listdir("b") == [saved.name]


def test_the_newest_stay_and_nothing_else_is_touched(project: Project) -> None:
    name, folder = project.database.name, Path("b")
    folder.mkdir()
    others = [f"{name}_20200101T000000Z.sql", f"{name}x_20200101T000000Z.dump", f"x{name}_20200101T000000Z.dump",
              f"{name}_2020.dump", "notes.txt"]  # fmt: skip
    old = [f"{name}_2020010{n}T000000Z.dump" for n in range(1, 7)]
    for each in (*others, *old):
        (folder / each).write_text("")
    saved = _backup(project.run("backup", "--dir", "b", "--keep", "3"))

    assert set(os.listdir("b")) == {*others, *old[-2:], saved.name}


def test_two_backups_of_one_second_are_both_kept(project: Project) -> None:
    def save() -> Path:
        moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        url = parse_url(project.database.conninfo)
        return back_up(url, "a/b c", project.database.server.version_num, Path("b"), now=moment)

    assert [save().name for _ in range(2)] == [
        "a%2Fb%20c_20260102T030405Z.dump",
        "a%2Fb%20c_20260102T030405Z_2.dump",
    ]
    assert newest(Path("b"), "a/b c") == Path("b/a%2Fb%20c_20260102T030405Z_2.dump")


def test_a_backup_that_fails_leaves_no_file(project: Project) -> None:
    project.sql("create table t ()", "create role nobody_much login")
    given = conninfo.conninfo_to_dict(project.database.conninfo) | {"user": "nobody_much"}
    url = parse_url(conninfo.make_conninfo("", **given))
    with pytest.raises(RunnerError, match=r"could be made, nothing was changed: .*permission denied"):
        back_up(url, "d", project.database.server.version_num, Path("b"), now=datetime.now(UTC))
    assert os.listdir("b") == []


@contextmanager
def full(folder: Path, options: str) -> Iterator[None]:
    """A folder on a file system of its own that has hardly any room."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("options", ["size=64k", "size=1m,nr_inodes=1"])
def test_a_full_disk_leaves_no_backup_and_nothing_is_changed(project: Project, options: str) -> None:
    noise = "string_agg(md5(n::text || random()::text), '')"
    project.sql(f"create table t as select {noise} from generate_series(1, 10000) n")
    saved = _backup(project.run("backup", "--dir", "other"))
    project.lay({"0001_a.sql": "create table a ();"})
    with full(Path("b"), options):
        tried = [
            project.run("backup", "--dir", "b"),
            project.run("apply", "--backup", "b"),
            project.run("restore", str(saved), "--yes", "--backup", "b"),
        ]
        assert os.listdir("b") == []

    assert [ran.status for ran in tried] == [3, 3, 3]
    assert [ran for ran in tried if "No space left on device" not in ran.complaint] == []
    assert project.tables() == {"t"}


def test_a_backup_whose_session_is_ended_leaves_no_file(project: Project) -> None:
    project.sql("create table one ()")
    with project.stranger() as holder, project.stranger() as looker, holder.transaction():
        holder.execute("lock table one")
        with project.start("backup", "--dir", "b") as process:
            waits = "from pg_stat_activity where application_name = 'pg_dump' and wait_event_type = 'Lock'"
            until(lambda: looker.execute(f"select {waits}".encode()).fetchone() is not None)
            looker.execute(f"select pg_terminate_backend(pid) {waits}".encode())
            out, err = process.communicate()

    assert (process.returncode, len(err.splitlines()), os.listdir("b")) == (3, 1, []), (out, err)
    assert "could be made, nothing was changed: " in err


def test_a_restore_whose_session_is_ended_changes_nothing(project: Project) -> None:
    project.sql("create table one ()")
    saved = _backup(project.run("backup", "--dir", "b"))
    project.sql("create table two ()")
    with project.stranger() as holder, project.stranger() as looker, holder.transaction():
        holder.execute("lock table one in access share mode")
        with project.start("restore", str(saved), "--yes") as process:
            waits = "from pg_stat_activity where application_name = 'psql' and wait_event_type = 'Lock'"
            until(lambda: looker.execute(f"select {waits}".encode()).fetchone() is not None)
            looker.execute(f"select pg_terminate_backend(pid) {waits}".encode())
            out, err = process.communicate()

    assert (process.returncode, len(err.splitlines())) == (3, 1), (out, err)
    assert " is as it was: " in err
    assert project.tables() == {"one", "two"}


def _save_in_vain(project: Project) -> None:
    given = conninfo.conninfo_to_dict(project.database.conninfo) | {"dbname": "nowhere"}
    url = parse_url(conninfo.make_conninfo("", **given))
    version = project.database.server.version_num
    back_up(url, project.database.name, version, Path("b"), now=datetime.now(UTC))


def test_what_a_killed_backup_left_goes_as_soon_as_nobody_writes_to_it(project: Project) -> None:
    project.sql("create table one ()")
    other = Path("b", ".another_1.partial")
    other.parent.mkdir()
    other.write_text("")
    with project.stranger() as holder, project.stranger() as looker, holder.transaction():
        holder.execute("lock table one")
        waits = "from pg_stat_activity where application_name = 'pg_dump' and wait_event_type = 'Lock'"
        with project.start("backup", "--dir", "b") as process:
            until(lambda: looker.execute(f"select {waits}".encode()).fetchone() is not None)
            process.kill()
            process.wait()
            written = {path.name for path in Path("b").iterdir()}  # pg_dump lives on
            with pytest.raises(RunnerError):
                _save_in_vain(project)
            assert {path.name for path in Path("b").iterdir()} == written
            looker.execute(f"select pg_terminate_backend(pid) {waits}".encode())
            process.communicate()  # until pg_dump has closed its standard error
    saved = _backup(project.run("backup", "--dir", "b"))

    assert len(written) == 2
    assert {path.name for path in Path("b").iterdir()} == {other.name, saved.name}


def test_a_role_that_row_security_holds_is_told_who_can_take_a_backup(project: Project) -> None:
    project.sql(
        "create role plain_owner login",
        "create table t (x int)",
        "alter table t owner to plain_owner",
        "alter table t enable row level security, force row level security",
    )
    given = conninfo.conninfo_to_dict(project.database.conninfo) | {"user": "plain_owner"}
    url = parse_url(conninfo.make_conninfo("", **given))
    with pytest.raises(RunnerError, match=r"row-level security .* role with BYPASSRLS$"):
        back_up(url, "d", project.database.server.version_num, Path("b"), now=datetime.now(UTC))


def test_apply_backs_up_before_it_changes_anything(project: Project) -> None:
    project.lay({"0001_a.sql": "create table a ();"})
    ran = project.run("apply", "--backup", "b")
    saved = _backup(ran)
    again = project.run("apply", "--backup", "b")
    project.run("restore", str(saved), "--yes")

    assert ran.out.splitlines()[1].startswith("backup: b/")
    assert "backup" not in again.out
    assert project.sql("select to_regclass('a'), to_regnamespace('validate_schema')") == [(None, None)]


def test_nothing_is_applied_when_the_backup_cannot_be_made(project: Project) -> None:
    project.lay({"0001_a.sql": "create table a ();"})
    Path("b").write_text("in the way")
    ran = project.run("apply", "--backup", "b")

    assert ran.status == 2
    assert project.tables() == set()


def test_a_restore_makes_a_backup_of_what_is_there_and_spares_the_one_it_restores(project: Project) -> None:
    project.sql("create table one ()")
    first = _backup(project.run("backup", "--dir", "b"))
    project.sql("create table two ()")
    ran = project.run("restore", str(first), "--yes", "--keep", "1")
    safety = _backup(ran)

    assert project.tables() == {"one"}
    assert {p.name for p in Path("b").iterdir()} == {first.name, safety.name}
    assert project.run("restore", str(safety), "--yes").status == 0
    assert project.tables() == {"one", "two"}


def test_a_restore_asks_and_nobody_is_no_answer(project: Project) -> None:
    project.sql("create table one ()")
    saved = _backup(project.run("backup", "--dir", "b"))
    ran = project.run("restore", str(saved))

    assert (ran.status, ran.complaint) == (
        2,
        "error: restore replaces all data and nobody can be asked here: add --yes",
    )
    assert os.listdir("b") == [saved.name]


def _answered(project: Project, saved: Path, keys: bytes) -> tuple[int, str, str]:
    """Restore at a terminal where somebody presses `keys`; return status, output, and what was asked."""
    ours, theirs = pty.openpty()
    try:
        with project.start("restore", str(saved), stdin=theirs) as process:
            os.write(ours, keys)
            said, asked = process.communicate()
    finally:
        os.close(ours)
        os.close(theirs)
    return process.returncode, said, asked


@pytest.mark.parametrize("keys", [b"y\n", b"yes\n", b"perhaps\ny\n"])
def test_a_restore_happens_when_somebody_says_yes(project: Project, keys: bytes) -> None:
    project.sql("create table one ()")
    saved = _backup(project.run("backup", "--dir", "b"))
    project.sql("create table two ()")
    status, said, asked = _answered(project, saved, keys)

    assert (status, project.tables()) == (0, {"one"})
    assert f"restored {project.database.name} from {saved}" in said
    assert asked.startswith(f"Replace all that {project.database.name} at ")
    assert len(os.listdir("b")) == 2


@pytest.mark.parametrize(
    ("keys", "ending", "words"),
    [(b"n\n", 1, "nothing was changed"), (b"\n", 1, "nothing was changed"), (b"\x04", 130, "interrupted")],
    ids=["no", "nothing", "end of input"],
)
def test_any_answer_but_yes_changes_nothing_and_backs_nothing_up(
    project: Project, keys: bytes, ending: int, words: str
) -> None:
    project.sql("create table one ()")
    saved = _backup(project.run("backup", "--dir", "b"))
    project.sql("create table two ()")
    status, said, asked = _answered(project, saved, keys)

    assert (status, said, project.tables()) == (ending, "", {"one", "two"})
    assert asked.splitlines()[-1].endswith(words)
    assert os.listdir("b") == [saved.name]


@pytest.mark.parametrize("cut", [0.4, 0.7, 0.95])
def test_a_damaged_backup_changes_nothing(project: Project, cut: float) -> None:
    project.sql("create table one as select md5(i::text), i from generate_series(1, 20000) i")
    saved = _backup(project.run("backup", "--dir", "b"))
    project.sql("create table two ()")
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * cut)])
    ran = project.run("restore", str(saved), "--yes", "--backup", "safety")

    assert ran.status == 3
    assert f"{saved} was not restored, " in ran.complaint
    assert project.tables() == {"one", "two"}
    assert project.sql("select count(*) from one") == [(20000,)]


def test_a_restore_that_cannot_have_its_locks_changes_nothing(project: Project) -> None:
    project.sql("create table one ()")
    saved = _backup(project.run("backup", "--dir", "b"))
    project.sql("create table two ()")
    with project.stranger() as other, other.transaction():
        other.execute("lock table one in access share mode")
        ran = project.run("restore", str(saved), "--yes", "--lock-timeout", "100")

    assert ran.status == 3
    assert "is as it was: canceling statement due to lock timeout" in ran.complaint
    assert project.tables() == {"one", "two"}


def test_an_error_after_large_objects_leaves_everything_as_it_was(project: Project) -> None:
    project.sql("select lo_from_bytea(90001, 'x')", "create table one as select 1 as x", "create index on one (x)",
                "create function no() returns event_trigger language plpgsql as 'begin raise exception ''no''; end'",
                "create schema own; create table own.t (c int check (c > 0)); insert into own.t values (1)",
                "create function own.small(int) returns bool language sql immutable as 'select $1 < 10'",
                "alter table own.t add check (own.small(c))")  # fmt: skip
    saved = _backup(project.run("backup", "--dir", "b"))
    broken = "create or replace function own.small(int) returns bool language sql immutable as 'select false'"
    project.sql(broken, "create table two ()")
    again = _backup(project.run("backup", "--dir", "b"))  # the row of own.t no longer passes its check
    project.sql("select lo_unlink(90001)", "drop table one")
    ran = project.run("restore", str(again), "--yes")

    assert saved != again
    assert (ran.status, "violates check constraint" in ran.complaint) == (3, True)
    assert project.tables() == {"two"}
    assert project.sql("select count(*) from pg_largeobject_metadata") == [(0,)]


def test_roles_and_extensions_that_lack_are_named_before_anything_is_done(project: Project) -> None:
    project.sql(
        "create role gone_owner", "create role gone_reader", "create role gone_bearer",
        "create table one (x int)", "alter table one owner to gone_owner", "grant select on one to gone_reader",
        "create function f() returns text language sql as $$select 'grant select on one to nobody;'$$",
        "create policy p on one to gone_bearer using (true)", "select lo_create(90001)",
        "grant select on large object 90001 to gone_reader",
    )  # fmt: skip
    saved = _backup(project.run("backup", "--dir", "b"))
    project.sql("drop table one", "drop owned by gone_reader", "drop role gone_owner, gone_reader, gone_bearer",
                "create table two ()")  # fmt: skip
    ran = project.run("restore", str(saved), "--yes")

    assert (ran.status, project.tables(), os.listdir("b")) == (3, {"two"}, [saved.name])
    assert "no roles gone_bearer, gone_owner and gone_reader, of which the backup speaks" in ran.complaint


@pytest.mark.parametrize(("way", "number"), each_way(nightly=50, usual=1))
def test_a_restore_that_is_ended_has_happened_whole_or_not_at_all(
    project: Project, way: str, number: int
) -> None:
    project.sql("create table one ()")
    saved = _backup(project.run("backup", "--dir", "b"))
    project.sql("create table two ()")
    with project.stranger() as other, project.stranger() as looker:
        other.execute("begin")
        other.execute("lock table one in access share mode")
        with project.start("restore", str(saved), "--yes") as process:
            waiting = (
                b"select from pg_stat_activity where wait_event_type = 'Lock' and query ilike 'drop table%'"
            )
            until(lambda: looker.execute(waiting).fetchone() is not None)
            WAYS[way](process)
            other.execute("rollback")
            err = rest_of(process)
        gone = b"select from pg_stat_activity where application_name in ('psql', 'pg_dump')"
        until(lambda: looker.execute(gone).fetchone() is None)

    assert project.tables() in ({"one", "two"}, {"one"})
    assert "Traceback" not in err
    assert project.run("restore", str(saved), "--yes").status == 0
    assert (project.tables(), [f for f in os.listdir("b") if f.endswith(".partial")]) == ({"one"}, [])


def test_the_password_is_in_no_argument_and_no_message(project: Project) -> None:
    target, environ = programs.credentials(parse_url("postgresql://u:s3cr%27et@h:1/d?sslmode=require"))

    assert "s3cr" not in target
    assert environ["PGPASSWORD"] == "s3cr'et"


def test_a_database_with_a_hostile_name_is_backed_up_and_restored(project: Project) -> None:
    name = "we\"ird 'db'/../%"
    server = project.database.server
    with server.connect(autocommit=True) as admin:
        admin.execute(f"create database {quote_ident(name)}".encode())
    try:
        url = project.database.conninfo.replace(project.database.name, "we%22ird%20%27db%27%2F..%2F%25")
        terminal = project.terminal
        saved = _backup(terminal.run("migrations", "backup", "--database-url", url, "--dir", "b"))
        ran = terminal.run("migrations", "restore", str(saved), "--yes", "--database-url", url)

        assert saved.parent == Path("b")
        assert (ran.status, ran.complaints) == (0, [])
    finally:
        with server.connect(autocommit=True) as admin:
            admin.execute(f"drop database {quote_ident(name)} with (force)".encode())
