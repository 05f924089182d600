"""Rows are counted within bounds, completely or not at all, and nothing is written."""

from collections.abc import Iterator
from typing import Any

import msgspec
import psycopg
import pytest
from msgspec.structs import replace
from psycopg import sql

from tests.fix_examples import facts_of
from validate_schema.config import DataConfig
from validate_schema.evidence.rows import gather
from validate_schema.model.catalog import QName
from validate_schema.model.evidence import Evidence, HiddenDuplicates, StrayReferences, TenantRows
from validate_schema.scratch import Database

pytestmark = pytest.mark.every_server

A, B = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
Connection = psycopg.Connection[Any]
BOUNDS = DataConfig()
PRELUDE = f"""
create table organization (id uuid primary key, name text);
insert into organization values ('{A}', 'a');
"""


def evidence(conn: Connection, bounds: DataConfig = BOUNDS, toml: str = "") -> Evidence:
    return gather(conn, facts_of(conn, toml), bounds)


def rows(conn: Connection, bounds: DataConfig = BOUNDS) -> dict[str, TenantRows]:
    return {r.table.name: r for r in evidence(conn, bounds).tenant_rows}


def test_every_kind_is_counted(any_conn: Connection) -> None:
    any_conn.execute(PRELUDE)
    any_conn.execute(
        f"""
        create table note (id int primary key, org_id text);
        insert into note values (1, '{A}'), (2, null), (3, null), (4, 'temp'), (5, 'acme'), (6, ''), (7, upper('{A}'));
        """
    )

    assert evidence(any_conn) == Evidence(
        gathered=True,
        limit=100_000,
        tenant_rows=(
            TenantRows(
                QName("public", "note"),
                "org_id",
                seen_rows=1,
                null_rows=2,
                orphan_rows=3,
                orphan_sample=("", "acme", "temp"),
                placeholder_rows=2,
                placeholder_values=("", "temp"),
            ),
        ),
    )


def test_a_count_stops_at_the_limit(conn: Connection) -> None:
    conn.execute(PRELUDE)
    conn.execute(
        "create table note (id int, org_id uuid); insert into note select g from generate_series(1, 50) g"
    )

    found = rows(conn, DataConfig(limit=10))["note"]

    assert (found.null_rows, found.orphan_rows) == (10, 0)


def test_what_a_constraint_proves_is_not_read(conn: Connection, database: Database) -> None:
    conn.execute(PRELUDE)
    conn.execute("create table note (id int, org_id uuid not null references organization (id))")
    facts = facts_of(conn)
    tenancy = msgspec.structs.replace(facts.tenancy, placeholders=("temp",))
    with database.connect() as other:
        other.execute("lock table note")

        found = gather(conn, replace(facts, tenancy=tenancy), BOUNDS).tenant_rows

    assert found == (TenantRows(QName("public", "note"), "org_id", null_rows=0, placeholder_rows=0),)


@pytest.mark.pg(">= 18")
def test_a_not_null_that_was_never_validated_proves_nothing(conn: Connection) -> None:
    conn.execute(PRELUDE)
    conn.execute("create table note (id int, org_id uuid); insert into note values (1, null)")
    conn.execute("alter table note add constraint known not null org_id not valid")

    assert rows(conn)["note"].null_rows == 1


@pytest.mark.parametrize(
    ("key", "orphans"),
    [
        pytest.param("references organization (id)", None, id="validated"),
        pytest.param("", 1, id="none"),
        pytest.param("constraint loose references organization (id) not valid", 1, id="not valid"),
    ],
)
def test_orphans_are_looked_for_unless_a_validated_key_rules_them_out(
    conn: Connection, key: str, orphans: int | None
) -> None:
    conn.execute(PRELUDE)
    conn.execute("create table note (id int, org_id uuid not null)")
    if orphans:
        conn.execute(f"insert into note values (1, '{B}')")
    if key:
        suffix = key.removeprefix("constraint loose ")
        conn.execute(f"alter table note add constraint note_org foreign key (org_id) {suffix}")

    assert rows(conn)["note"].orphan_rows == orphans


def test_a_composite_key_that_a_null_switches_off_rules_nothing_out(conn: Connection) -> None:
    conn.execute(PRELUDE)
    conn.execute(
        f"""
        create table book (org_id uuid not null references organization (id), id int not null, primary key (org_id, id));
        create table note (org_id uuid not null, book_id int, foreign key (org_id, book_id) references book);
        insert into note values ('{B}', null);
        """
    )

    found = rows(conn)

    assert (found["book"].orphan_rows, found["note"].orphan_rows) == (None, 1)


@pytest.mark.parametrize(
    ("type", "value", "placeholders"),
    [
        ("text", "default-org-id", 1),
        ("varchar(40)", "temp", 1),
        ("character(8)", "temp", 1),
        ("bigint", "0", 1),
        ("numeric(12, 2)", "0", 1),
        ("uuid", "00000000-0000-0000-0000-000000000000", 1),
        ("uuid", B, 0),
        ("label", "temp", 1),
        ("slug", "temp", 1),
        ("date", "2026-01-01", 0),
    ],
)
def test_placeholders_are_recognised_in_every_type(
    conn: Connection, type: str, value: str, placeholders: int
) -> None:
    conn.execute(PRELUDE)
    conn.execute("create type label as enum ('temp', 'acme'); create domain slug as varchar(20)")
    conn.execute(sql.SQL("create table note (id int, org_id {})").format(sql.SQL(type)))
    conn.execute("insert into note values (1, %s)", [value])

    assert rows(conn)["note"].placeholder_rows == placeholders


def test_a_partitioned_table_is_counted_with_its_partitions_and_a_parent_without_its_children(
    conn: Connection,
) -> None:
    conn.execute(PRELUDE)
    conn.execute(
        """
        create table event (id int, org_id uuid) partition by range (id);
        create table event_1 partition of event for values from (0) to (10);
        insert into event values (1, null), (2, null);
        create table base (id int, org_id uuid);
        create table extended (extra text) inherits (base);
        insert into base values (1, null);
        insert into extended values (1, null), (2, null);
        """
    )

    assert {name: r.null_rows for name, r in rows(conn).items()} == {"base": 1, "event": 2, "extended": 2}


def test_hostile_names_are_quoted(conn: Connection) -> None:
    table, column = 'no%te; "x"', "Org's %(id)s\n\\"
    names = {"t": sql.Identifier(table), "c": sql.Identifier(column)}
    conn.execute(PRELUDE)
    conn.execute(sql.SQL("create table {t} (id int, {c} uuid)").format(**names))
    conn.execute(sql.SQL("insert into {t} values (1, null)").format(**names))
    quoted = column.replace("\\", "\\\\").replace("\n", "\\n")

    (found,) = evidence(conn, toml=f'tenancy = {{ root = "organization", column = "{quoted}" }}').tenant_rows

    assert (found.table.name, found.column, found.null_rows, found.unreadable) == (table, column, 1, "")


@pytest.fixture
def three(conn: Connection) -> Connection:
    """Tables a, b and c, each with one row that has no tenant, and one that is nobody's."""
    conn.execute(PRELUDE)
    for name in "abc":
        conn.execute(f"create table {name} (id int, org_id uuid)")
        conn.execute(f"insert into {name} values (1, null), (2, '{B}')")
    return conn


@pytest.fixture
def reader(three: Connection, database: Database) -> Iterator[Connection]:
    """A connection as a role that may read the organization and tables a and c."""
    three.execute("create role reader login; grant select on organization, a, c to reader")
    with database.connect(user="reader") as connection:
        yield connection


def test_one_table_without_permission_does_not_lose_the_others(reader: Connection) -> None:
    found = rows(reader)

    assert {n: (r.null_rows, r.orphan_rows) for n, r in found.items()} == {
        "a": (1, 1),
        "b": (None, None),
        "c": (1, 1),
    }
    assert found["b"].unreadable == (
        'reader may not read b (GRANT SELECT ("org_id") ON "public"."b" TO "reader", and USAGE on its schema)'
    )


def test_one_readable_column_is_enough(three: Connection, reader: Connection) -> None:
    three.execute("grant select (org_id) on b to reader")

    assert rows(reader)["b"].null_rows == 1


def test_a_root_that_may_not_be_read_leaves_the_other_counts(three: Connection, reader: Connection) -> None:
    three.execute("revoke select on organization from reader")

    found = rows(reader)["a"]

    assert (found.null_rows, found.orphan_rows, found.placeholder_rows) == (1, None, 0)
    assert found.unreadable.startswith("reader may not read organization (GRANT SELECT")


def test_rows_that_policies_hide_are_not_counted_as_none(three: Connection, reader: Connection) -> None:
    three.execute(
        "alter table a enable row level security; create policy mine on a using (org_id is not null)"
    )

    found = rows(reader)

    assert (found["a"].null_rows, found["c"].null_rows) == (None, 1)
    assert found["a"].unreadable == (
        "row security hides rows of a from reader (connect as a role with BYPASSRLS)"
    )


def test_an_owner_reads_past_unforced_policies(three: Connection, reader: Connection) -> None:
    three.execute("alter table a enable row level security; alter table a owner to reader")
    assert rows(reader)["a"].null_rows == 1

    three.execute("alter table a force row level security")
    assert rows(reader)["a"].null_rows is None


def test_a_locked_table_is_passed_over(three: Connection, database: Database) -> None:
    with database.connect() as other:
        other.execute("lock table b")

        found = rows(three, DataConfig(statement_timeout_ms=1_000))

    assert {n: r.null_rows for n, r in found.items()} == {"a": 1, "b": None, "c": 1}
    assert found["b"].unreadable == "another session holds a lock on it"


def test_a_table_that_takes_too_long_is_passed_over(three: Connection) -> None:
    three.execute("insert into b select g, null from generate_series(1, 400000) g")

    found = rows(three, DataConfig(statement_timeout_ms=1, limit=10_000_000))

    assert found["b"].unreadable == "counting took longer than 1 ms (data.statement_timeout_ms)"


def test_a_table_dropped_meanwhile_says_so(three: Connection) -> None:
    facts = facts_of(three)
    three.execute("drop table b")

    found = {r.table.name: r for r in gather(three, facts, BOUNDS).tenant_rows}

    assert {n: r.null_rows for n, r in found.items()} == {"a": 1, "b": None, "c": 1}
    assert found["b"].unreadable == "b.org_id no longer exists"


def test_a_lost_connection_leaves_the_other_tables_uncounted(three: Connection) -> None:
    three.execute(
        """
        create type killer as (org int);
        create function die(killer) returns text language sql return pg_terminate_backend(pg_backend_pid())::text;
        create cast (killer as text) with function die(killer);
        create table ab (id int, org_id killer);
        insert into ab values (1, row(1));
        """
    )

    found = rows(three)

    assert list(found) == ["a", "ab", "b", "c"]
    assert {(found[n].unreadable, found[n].null_rows) for n in ("ab", "b", "c")} == {
        ("the connection was lost", None)
    }


def test_nothing_is_written_and_no_setting_stays(three: Connection) -> None:
    before = _state(three)

    rows(three)

    assert _state(three) == before
    assert three.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_an_open_transaction_goes_on_as_it_was(three: Connection) -> None:
    with three.transaction(force_rollback=True):
        three.execute("insert into a values (3, null)")
        before = _state(three)

        found = rows(three)["a"]

        assert found.null_rows == 2
        assert _state(three) == before
        three.execute("insert into a values (4, null)")


def _state(conn: Connection) -> list[tuple[Any, ...]]:
    query = """
        select 'settings', current_setting('transaction_read_only'), current_setting('row_security'),
               current_setting('search_path'), current_setting('statement_timeout'), current_setting('lock_timeout')
        union all
        select relname, n_tup_ins::text, n_tup_upd::text, n_tup_del::text, '', ''
        from pg_stat_xact_user_tables order by 1
    """
    return conn.execute(query).fetchall()


def test_many_tables_stay_below_the_lock_table(conn: Connection) -> None:
    conn.execute(PRELUDE)
    with conn.transaction():
        for number in range(200):
            conn.execute(f"create table t{number} (id int, org_id uuid)")

    found = rows(conn)

    assert len(found) == 200
    assert {(r.null_rows, r.orphan_rows, r.placeholder_rows, r.unreadable) for r in found.values()} == {
        (0, 0, 0, "")
    }


def test_without_a_tenancy_no_table_is_read(conn: Connection) -> None:
    conn.execute("create table note (id int)")

    assert evidence(conn) == Evidence(gathered=True, limit=100_000)


STRAYS = """
create table project (id int primary key, org_id uuid not null references organization (id));
create table task (id int primary key, org_id {type} not null, project_id int, {key});
"""


@pytest.mark.parametrize("type", ["uuid", "text"])
def test_references_into_another_tenant_are_counted(any_conn: Connection, type: str) -> None:
    any_conn.execute(PRELUDE)
    any_conn.execute(f"insert into organization values ('{B}', 'b')")
    any_conn.execute(
        STRAYS.format(type=type, key="constraint in_project foreign key (project_id) references project")
    )
    any_conn.execute(
        f"""
        insert into project values (1, '{A}'), (2, '{B}');
        insert into task values (1, '{A}', 1), (2, '{A}', 2), (3, '{B}', 1), (4, '{B}', null);
        """
    )

    assert evidence(any_conn).stray_references == (
        StrayReferences(QName("public", "task"), "in_project", 2, ("1", "2")),
    )


def test_references_that_the_key_itself_keeps_in_the_tenant_are_not_read(conn: Connection) -> None:
    conn.execute(PRELUDE)
    conn.execute(
        "create table project (id int primary key, org_id uuid not null references organization (id), unique (org_id, id))"
    )
    conn.execute(
        "create table task (id int primary key, org_id uuid not null, project_id int,"
        " foreign key (org_id, project_id) references project (org_id, id))"
    )

    assert evidence(conn).stray_references == ()


def test_rows_that_differ_in_nothing_but_a_null_are_counted_in_groups(any_conn: Connection) -> None:
    any_conn.execute(PRELUDE)
    any_conn.execute(
        f"""
        create table run (id int primary key, org_id uuid not null references organization (id), name text not null,
                          attempt int, gone boolean not null default false);
        create unique index once on run (org_id, lower(name), attempt) where not gone;
        insert into run values (1, '{A}', 'x', null), (2, '{A}', 'X', null), (3, '{A}', 'y', null), (4, '{A}', 'x', 1);
        insert into run values (5, '{A}', 'y', null, true);
        """
    )

    assert evidence(any_conn).hidden_duplicates == (
        HiddenDuplicates(QName("public", "run"), "once", 1, (f"{A}, x, NULL",)),
    )


def test_keys_of_a_table_that_may_not_be_read_say_so(conn: Connection) -> None:
    conn.execute(PRELUDE)
    conn.execute(STRAYS.format(type="uuid", key="foreign key (project_id) references project"))
    facts = facts_of(conn)
    conn.execute("drop table task")

    (found,) = gather(conn, facts, BOUNDS).stray_references

    assert (found.rows, found.unreadable) == (
        None,
        "task.org_id no longer exists; task.project_id no longer exists",
    )
