"""Ended at any point and in any way, the ledger and the schema agree, and the next run completes."""

import random
import subprocess

import psycopg
import pytest

from tests.fix_apply import Project, until
from tests.fix_children import WAYS, each_way, rest_of

pytestmark = pytest.mark.every_server

COUNT = 8
INDEXES = (3, 6)
BUSY = "select state from pg_stat_activity where application_name = 'validate-schema' and pid <> pg_backend_pid()"


def _lay(project: Project) -> None:
    """Write migrations of several statements each, two of them outside transactions."""
    for n in range(1, COUNT + 1):
        body = (
            f"create unique index concurrently i{n} on t1 (id);\n"
            if n in INDEXES
            else f"create table t{n} (id int);\ninsert into t{n} select generate_series(1, 500);\n"
            f"alter table t{n} add b int default {n};\n"
        )
        project.lay({f"{n:04}_m.sql": body})


def _state(project: Project) -> tuple[set[str], set[str], set[str]]:
    """Return the recorded versions, those whose object is there whole, and those noted as begun."""
    (found,) = project.sql(
        "select to_regclass('validate_schema.applied_migrations') is not null"
        " and to_regclass('validate_schema.unfinished_migration') is not null"
    )
    if not found[0]:
        return set(), {name[1:] for name in project.tables()}, set()
    ((recorded, whole, begun),) = project.sql(
        "select array(select version from validate_schema.applied_migrations),"
        " array(select substr(c.relname, 2) from pg_class c left join pg_index i on i.indexrelid = c.oid"
        "   where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'i') and i.indisvalid is not false),"
        " array(select version from validate_schema.unfinished_migration)"
    )
    return set(recorded), set(whole), set(begun)


def _require_agreement(project: Project) -> None:
    recorded, whole, begun = _state(project)
    assert recorded - whole == set()
    assert whole - recorded <= begun
    assert recorded & begun == set()
    assert begun <= {str(n) for n in INDEXES}
    for version in whole - {str(n) for n in INDEXES}:
        assert project.sql(f"select count(*), min(b) from t{version}") == [(500, int(version))]


@pytest.mark.parametrize(("way", "number"), each_way(nightly=50, usual=1))
def test_an_end_at_a_random_point_leaves_ledger_and_schema_in_agreement(
    project: Project, way: str, number: int
) -> None:
    chance = random.Random(f"{way} {number}")
    _lay(project)
    with project.start("apply") as process, project.stranger() as other:
        assert process.stdout is not None
        for _ in range(chance.randrange(COUNT + 1)):
            process.stdout.readline()
        for _ in range(chance.randrange(40)):
            other.execute(BUSY)
        WAYS[way](process)
        err = rest_of(process)
        until(lambda: other.execute(BUSY).fetchone() is None)
    assert "Traceback" not in err
    _require_agreement(project)
    ran = project.run("apply")

    assert (ran.status, ran.complaints) == (0, [])
    _require_agreement(project)
    assert project.run("verify").status == 0
    assert _state(project)[2] == set()


def _waits(other: "psycopg.Connection[tuple[object, ...]]", words: str) -> int | None:
    """Return the server process of the runner that waits for a lock in this statement."""
    row = other.execute(
        "select pid from pg_stat_activity where application_name = 'validate-schema'"
        " and wait_event_type = 'Lock' and query ilike %s",
        [f"%{words}%"],
    ).fetchone()
    return int(str(row[0])) if row else None


def _begun(
    process: "subprocess.Popen[str]", other: "psycopg.Connection[tuple[object, ...]]", words: str
) -> int:
    until(lambda: _waits(other, words) is not None or process.poll() is not None)
    pid = _waits(other, words)
    assert pid is not None, process.communicate()
    return pid


def test_a_runner_that_is_killed_inside_a_migration_leaves_nothing_of_it(project: Project) -> None:
    project.lay({"0001_a.sql": "create table a ();", "0002_b.sql": "create table b ();\nlock table a;\n"})
    project.run("apply", "--dry-run")
    project.lay({"0002_b.sql": "create table b ();\nselect pg_advisory_xact_lock(1);\n"})
    with project.stranger() as other:
        other.execute("select pg_advisory_lock(1)")
        with project.start("apply", "--lock-timeout", "0") as process:
            _begun(process, other, "pg_advisory_xact_lock(1)")
            process.kill()
            process.communicate()
        assert (project.tables(), project.rows()) == ({"a"}, [("1", "a", True)])
    assert project.run("apply").status == 0
    assert project.tables() == {"a", "b"}


CONCURRENT = {
    "0001_a.sql": "create table a (id int);\ninsert into a values (1);",
    "0002_i.sql": "-- by hand this would take an hour\ncreate index concurrently a_i on a (id);\n",
}


def test_an_index_that_its_runner_did_not_live_to_see_is_recorded_once_it_is_there(project: Project) -> None:
    project.lay({"0001_a.sql": CONCURRENT["0001_a.sql"]})
    project.run("apply")
    project.lay(CONCURRENT)
    with project.stranger() as other, project.stranger() as busy:
        busy.execute("begin")
        busy.execute("lock table a in row exclusive mode")
        with project.start("apply") as process:
            _begun(process, other, "create index concurrently")
            process.kill()
            process.communicate()
        _require_noted(project)
        busy.execute("rollback")
    ran = project.run("apply")

    assert (ran.status, ran.complaints) == (0, [])
    assert "0002_i.sql was interrupted (begun " in ran.out
    assert "its statement had finished; recorded" in ran.out
    assert _state(project) == ({"1", "2"}, {"", "_i"}, set())


def _require_noted(project: Project) -> None:
    recorded, _, begun = _state(project)
    assert (recorded, begun) == ({"1"}, {"2"})


def _index(project: Project) -> bool | None:
    rows = project.sql("select indisvalid from pg_index where indexrelid = to_regclass('public.a_i')")
    return rows[0][0] if rows else None


def test_an_index_that_was_left_invalid_is_dropped_and_built_again(any_project: Project) -> None:
    any_project.lay({"0001_a.sql": CONCURRENT["0001_a.sql"]})
    any_project.run("apply")
    any_project.lay(CONCURRENT)
    with any_project.stranger() as other, any_project.stranger() as busy:
        busy.execute("begin")
        busy.execute("lock table a in row exclusive mode")
        with any_project.start("apply") as process:
            pid = _begun(process, other, "create index concurrently")
            until(lambda: _index(any_project) is False)
            other.execute("select pg_terminate_backend(%s)", [pid])
            until(
                lambda: other.execute("select from pg_stat_activity where pid = %s", [pid]).fetchone() is None
            )
            _, complaint = process.communicate()
        busy.execute("rollback")

    assert process.returncode == 3
    assert complaint.startswith("error: m/0002_i.sql:2: create index concurrently a_i on a (id): ")
    assert _index(any_project) is False
    assert "2        i     failed" in any_project.run("status").out
    assert any_project.run("verify").status == 1
    ran = any_project.run("apply")

    assert (ran.status, ran.complaints) == (0, [])
    assert "it had not finished, nothing of it is left" in ran.out
    assert _index(any_project) is True


def test_an_interrupted_migration_whose_file_changed_is_not_guessed_at(project: Project) -> None:
    project.lay(CONCURRENT)
    project.run("apply")
    project.sql(
        "insert into validate_schema.unfinished_migration (version, name, checksum)"
        " select version, name, 'other' from validate_schema.applied_migrations where version = '2'",
        "delete from validate_schema.applied_migrations where version = '2'",
    )
    ran = project.run("apply")

    assert ran.status == 1
    assert "was interrupted" in ran.complaint
    assert "its file was edited since; restore it" in ran.complaint


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("create unique index concurrently u on a (id);", "could not create unique index"),
        ("create index concurrently a_i on a (id);", "the index a_i already exists"),
        ("create index concurrently on a (id);", "give the index a name"),
        ("create index concurrently u on a (id);\nselect 1;", "line 2 has another statement"),
        ("create database other;", "run it by hand"),
    ],
)
def test_an_index_that_cannot_be_built_leaves_nothing(project: Project, body: str, said: str) -> None:
    project.lay(CONCURRENT)
    project.run("apply")
    project.sql("insert into a values (1)")
    project.lay({"0003_u.sql": body})
    ran = project.run("apply")

    assert ran.status == 1
    assert said in ran.complaint
    assert project.sql("select from pg_class where relname = 'u'") == []
    assert _state(project) == ({"1", "2"}, {"", "_i"}, set())


@pytest.mark.parametrize(
    "body",
    [
        "set lock_timeout = '1s';\nset search_path = pg_catalog;\ndrop index concurrently public.a_i;",
        "vacuum a;",
        "reindex index concurrently a_i;",
        "create index concurrently if not exists a_i on a (id);",
    ],
)
def test_statements_outside_transactions_run_alone_in_their_file(any_project: Project, body: str) -> None:
    any_project.lay({**CONCURRENT, "0003_x.sql": body})
    ran = any_project.run("apply")

    assert (ran.status, ran.complaints) == (0, [])
    assert [version for version, *_ in any_project.rows()] == ["1", "2", "3"]


def test_two_runners_wait_for_each_other_and_nothing_runs_twice(project: Project) -> None:
    project.lay(
        {
            "0001_a.sql": "create table a (id int);",
            "0002_b.sql": "insert into a values (1);\nselect pg_advisory_xact_lock(1);",
            "0003_c.sql": "create index concurrently c on a (id);",
            "0004_d.sql": "insert into a values (2);",
        }
    )
    with project.stranger() as other:
        other.execute("select pg_advisory_lock(1)")
        with project.start("apply", "--lock-timeout", "0") as first:
            _begun(first, other, "pg_advisory_xact_lock(1)")
            with project.start("apply") as second:
                assert second.stdout is not None
                assert second.stdout.readline().startswith("writing to")
                assert second.stdout.readline().startswith("another runner is at work (process ")
                other.execute("select pg_advisory_unlock(1)")
                first_said, second_said = first.communicate(), second.communicate()

    assert (first.returncode, first_said[1]) == (0, "")
    assert (second.returncode, second_said) == (0, ("nothing to apply\n", ""))
    assert project.sql("select id from a order by id") == [(1,), (2,)]


def test_waiting_for_another_runner_has_an_end(project: Project) -> None:
    project.lay({"0001_a.sql": "select pg_advisory_xact_lock(1);"})
    with project.stranger() as other:
        other.execute("select pg_advisory_lock(1)")
        with project.start("apply", "--lock-timeout", "0") as first:
            _begun(first, other, "pg_advisory_xact_lock(1)")
            ran = project.run("apply", "--wait", "0")
            other.execute("select pg_advisory_unlock(1)")

    assert ran.status == 3
    assert "another runner is still at work after 0 s" in ran.complaint
