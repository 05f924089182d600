"""Rows can be made for every type, and for tables that are hard to please."""

from typing import Any

import psycopg
import pytest

from tests.fix_children import NIGHTLY
from tests.fix_isolation_world import big_schema
from tests.fix_proof import HEALTHY, ORGANIZATION, Bed, prove_here
from tests.fix_server import DEFAULT
from validate_schema.evidence.isolation import prove
from validate_schema.evidence.isolation.values import Values, sample
from validate_schema.model.isolation import Outcome, Probe
from validate_schema.scratch import Database

pytestmark = pytest.mark.every_server

MANY = 200 if NIGHTLY else 20  # tables; they are of 20 kinds
_BUILT_IN = """
select t.oid::int8, pg_catalog.format_type(t.oid, null) from pg_catalog.pg_type t
where t.typtype in ('b', 'r', 'm') and t.typnamespace = 'pg_catalog'::regnamespace and t.typelem = 0
  and t.typname not like 'pg_ddl%' and t.typname not in
    ('pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list', 'pg_brin_bloom_summary',
     'pg_brin_minmax_multi_summary', 'gtsvector', 'xml')
"""  # those left out nobody can write; xml not every server is built with


def test_a_value_of_every_built_in_type_is_read_by_the_server(any_conn: psycopg.Connection[Any]) -> None:
    values = Values.read(any_conn)

    for oid, name in any_conn.execute(_BUILT_IN).fetchall():
        for text in (values.make(oid, -1, 7), values.make(oid, -1, 123_456)):
            any_conn.execute(f"select '{text.replace(chr(39), chr(39) * 2)}'::{name}".encode())


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        ("^[a-z]+-[0-9]{3}$", ["a-000", "aaa-000"]),
        ("^(red|green)$", ["red"]),
        (r"^\d{4}$", ["1111"]),
        ("^[^@]+@x$", ["a@x", "aaa@x"]),
        ("(", []),
    ],
)
def test_texts_of_the_shape_of_a_plain_expression(pattern: str, texts: list[str]) -> None:
    assert sample(pattern) == texts


HARD = {
    "domain over domain": "create domain slug as varchar(20) check (value ~ '^[a-z]{2,}$');"
    " create domain code as slug check (length(value) > 4); alter table note add x code not null;",
    "composite, range, array": "create type pair as (a int, b text);"
    " alter table note add x pair not null, add y int4multirange not null, add z numeric(4,2)[] not null, add w tstzrange not null;",
    "short and exact": "alter table note add x char(2) not null, add y numeric(3,0) not null, add z bit(5) not null, add w numeric(2,4) not null;",
    "checks": "alter table note add x int not null check (x between 10 and 20), add y text not null check (y in ('in', 'out')),"
    " add z int not null, add w int not null, add check (z < w and z > 0), add e text not null check (e ~ '^[a-z]+@[a-z]+[.]com$');",
    "generated and identity": "alter table note add n int generated always as identity, add l text generated always as (lower(body)) stored;",
    "json and xml": "alter table note add x jsonb not null check (jsonb_typeof(x) = 'array'), add y jsonb not null check (x is not null);",
    "geometry": "alter table note add a point not null, add b box not null, add c circle not null, add d polygon not null, add e line not null;",
    "exclusion": "alter table note add during tstzrange not null, add exclude using gist (during with &&);",
    "cycle": "alter table organization add first_note uuid references note (id) deferrable initially deferred;",
    "itself": "alter table note add parent uuid not null references note (id);",
    "hostile names": 'alter table note add "a""b\'c; drop" int not null, add "select" text not null check ("select" <> \'\');',
}  # fmt: skip


@pytest.mark.parametrize("name", HARD)
def test_tables_that_are_hard_to_please_are_proven(bed: Bed, name: str) -> None:
    found = bed.prove(HEALTHY + HARD[name])

    assert found.relaxed == ()
    tables = {c.outcome for c in found.cells if c.table.name == "note" and c.probe is not Probe.REFERENCE}
    assert tables == {Outcome.ISOLATED}


def test_a_constraint_that_nothing_satisfies_is_dropped_on_the_copy_and_said_to_be(bed: Bed) -> None:
    found = bed.prove(
        HEALTHY + "alter table note add constraint odd check (body is not null and md5(body) = 'x');"
    )

    assert found.relaxed == (
        "constraint odd of note was dropped on the copy: no row was found that satisfies it",
    )
    assert {c.outcome for c in found.cells} == {Outcome.ISOLATED}


@pytest.mark.pg(">= 18")
@pytest.mark.parametrize("state", ["not enforced", "no inherit not enforced", "not valid", "no inherit"])
def test_a_check_that_is_not_in_force_keeps_no_row_from_being_found(bed: Bed, state: str) -> None:
    idle = "code is null" if "enforced" in state else "code <> 'x'"
    found = bed.prove(
        HEALTHY
        + "alter table note add code text not null constraint odd check (code ~ '^[a-z]{3}[0-9]$'),"
        + f" add constraint idle check ({idle}) {state};"
    )

    assert found.relaxed == ()
    assert {c.outcome for c in found.cells} == {Outcome.ISOLATED}


def test_flakeguard_is_proven_in_every_tenant_table(server_of: Any) -> None:
    from pathlib import Path

    from tests.fix_examples import facts_of
    from validate_schema.migrations import discover, templated

    home = Path(__file__).parents[2] / "examples" / "flakeguard"
    server = server_of(DEFAULT)
    template, _ = templated(server, discover(home / "prisma" / "migrations"))
    with server.database(template) as database:
        with database.connect(autocommit=True) as conn:
            facts = facts_of(conn, (home / "validate-schema.toml").read_text(), base=home)
        found = prove(database, facts)

    wanted = {t.qname for t in facts.protected_tables}
    held = (Outcome.ISOLATED, Outcome.DENIED)
    cells = [c for c in found.cells if c.role == "flakeguard_app" and c.probe is not Probe.REFERENCE]
    assert {c.table for c in cells if c.probe is Probe.READ and c.outcome is Outcome.ISOLATED} >= wanted
    assert [c for c in cells if c.outcome not in held] == []
    assert (found.relaxed, found.notes) == ((), ())


@pytest.mark.no_cover
@pytest.mark.slow
def test_many_difficult_tables_are_nearly_all_decided(database: Database) -> None:
    found = prove_here(database, ORGANIZATION, big_schema(MANY))

    undecided = [c for c in found.cells if c.outcome is Outcome.INCONCLUSIVE]
    assert len(found.tables) == MANY + 1
    assert len(undecided) <= len(found.cells) * 0.02
    assert all(c.why for c in undecided)
    assert [c for c in found.cells if c.outcome is Outcome.LEAK and c.probe is not Probe.REFERENCE] == []
