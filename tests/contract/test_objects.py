"""Checks, triggers, rules, owners, functions, sequences and extensions that a contract holds."""

import pytest
from msgspec.structs import replace

from tests.contract.test_catalogs import line, read
from validate_schema.catalog.reader import read_catalog
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.config import parse_toml
from validate_schema.contract.declared import declared_contract
from validate_schema.contract.diff.contracts import Declared, compare_contracts, count_declared
from validate_schema.contract.merge import merged
from validate_schema.contract.observed import observed_contract
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import Catalog
from validate_schema.model.contract import Contract
from validate_schema.model.errors import ConfigError
from validate_schema.model.tenancy import Tenancy
from validate_schema.scratch import Database, Server

SQL = """
create table task (id int primary key, n int constraint positive check (n > 0));
create function keep() returns trigger language plpgsql as 'begin return new; end';
create trigger keep before update of n on task for each row when (new.n > 1) execute function keep('a');
create rule swallow as on delete to task do instead nothing;
create function f(a int, b text default 'x') returns int language sql stable as 'select a';
create procedure p() language sql as 'select 1';
create sequence tickets increment 5; create table counted (id serial);
create view open_task as select id from task;
create function route() returns trigger language plpgsql as 'begin return null; end';
create trigger routed instead of insert or update on open_task for each row execute function route();
create rule kept as on delete to open_task do instead nothing;
"""
TOML = """
[contract]
extensions = ["plpgsql"]
[contract.tables.task]
checks.positive = "n > 0"
rules = ["swallow"]
owner = "postgres"
[contract.tables.task.triggers.keep]
function = "keep"
timing = "before"
events = ["UPDATE"]
when = "new.n > 1"
columns = ["n"]
arguments = ["a"]
[contract.views.open_task]
columns = ["id"]
rules = ["kept"]
[contract.views.open_task.triggers.routed]
function = "route"
timing = "instead of"
events = ["INSERT", "UPDATE"]
[contract.functions."f(a integer, b text)"]
volatility = "stable"
returns = "int4"
security_definer = false
body = "select a"
[contract.functions."keep()"]
[contract.functions."route()"]
[contract.sequences.tickets]
increment = 5
start = 1
cycle = false
"""


@pytest.fixture
def there(database: Database) -> Catalog:
    return read(database, SQL)


def declared(toml: str) -> Contract:
    return declared_contract(parse_toml(toml, "validate-schema.toml").contract)


def found(before: Contract, after: Catalog) -> list[str]:
    observed = observed_contract(after, "db", owners=True)
    return [line(c) for c in compare_contracts(Declared(before), Declared(observed, full=True))]


def test_what_the_configuration_declares_is_there(there: Catalog) -> None:
    contract = declared(TOML)

    assert found(contract, there) == []
    assert count_declared(contract) == 1 + 3 + 1 + 2 + 3 + 1 + 1


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "alter table task drop constraint positive, add constraint positive check (n > 1) not valid",
            ["changed check task.positive definition: CHECK (n > 0) → CHECK ((n > 1)) NOT VALID",
             "changed check task.positive validated: yes → no"],
        ),
        ("alter table task disable trigger keep", ["changed trigger task.keep enabled: origin → disabled (wider)"]),
        (
            "drop trigger keep on task; create trigger keep before update on task for each row execute function keep()",
            ["changed trigger task.keep arguments: 'a' → none", "changed trigger task.keep columns: n → all",
             "changed trigger task.keep condition: new.n > 1 → none"],
        ),
        ("alter table task disable rule swallow", ["changed rule task.swallow enabled: origin → disabled (wider)"]),
        ("alter function f security definer", ["changed function f(a integer, b text) security: invoker → definer (wider)"]),
        ("alter function f volatile", ["changed function f(a integer, b text) volatility: stable → volatile"]),
        ("alter function f cost 7", []),
        ("alter sequence tickets increment 1", ["changed sequence tickets increment: 5 → none"]),
        ("alter sequence tickets cache 9", []),
        ("drop trigger routed on open_task", ["removed trigger open_task.routed"]),
        (
            "drop trigger routed on open_task; create trigger routed instead of insert on open_task for each row"
            " execute function keep()",
            ["changed trigger open_task.routed fires: instead of INSERT or UPDATE for each row → instead of INSERT for each row",
             "changed trigger open_task.routed function: public.route → public.keep"],
        ),
        ("create trigger more instead of delete on open_task for each row execute function route()", ["added trigger open_task.more"]),
        ("drop rule kept on open_task", ["removed rule open_task.kept"]),
    ],
)  # fmt: skip
def test_what_differs_from_it_is_told(database: Database, sql: str, expected: list[str]) -> None:
    there = read(database, SQL)
    contract = declared(TOML)

    assert found(contract, there) == []
    assert found(contract, read(database, sql)) == expected


@pytest.mark.parametrize(
    ("wanted", "there", "check", "told"),
    [
        ('create unique index i on t (a collate "C")', "create unique index i on t (a)", "UNQ004",
         "changed unique t.i collations: C → default"),
        ("create index i on t (a nulls first)", "create index i on t (a)", "IDX006",
         "changed index t.i nulls at the other end: a → none"),
        ("create index i on t (a desc)", "create index i on t (a desc nulls last)", "IDX006",
         "changed index t.i nulls at the other end: none → a"),
        ("alter table t add primary key (a) deferrable", "alter table t add primary key (a)", "TBL007",
         "changed primary key t.t_pkey deferrable: initially immediate → no"),
        pytest.param("alter table t add primary key (b, c without overlaps)", "alter table t add primary key (b, c)", "TBL007",
                     "changed primary key t.t_pkey without overlaps: yes → no", marks=pytest.mark.pg(">= 18")),
    ],
)  # fmt: skip
def test_what_else_is_said_of_a_key_is_kept(
    database: Database, wanted: str, there: str, check: str, told: str
) -> None:
    catalogs = []
    with database.connect(autocommit=True) as connection:
        for sql in (wanted, there):
            connection.execute("drop table if exists t; create table t (a text, b int4range, c int4range)")
            connection.execute(sql.encode())
            catalogs.append(read_catalog(connection))
    first, second = (observed_contract(catalog, "db") for catalog in catalogs)
    judges = [c for c in builtin_checks() if c.id == check]

    assert [line(c) for c in compare_contracts(Declared(first), Declared(second))] == [told]
    for catalog, count in zip(catalogs, (0, 1), strict=True):
        assert len(run(judges, Facts(catalog, Tenancy(), contract=first)).findings) == count


def test_two_catalogs_as_contracts_differ_in_their_objects(database: Database) -> None:
    before = observed_contract(read(database, SQL), "a")
    after = observed_contract(
        read(database, "drop rule swallow on task; create sequence more; create extension pgcrypto"), "b"
    )
    changes = compare_contracts(Declared(before), Declared(after))

    assert [line(c) for c in changes] == [
        "added extension pgcrypto",
        "removed rule task.swallow",
        "added sequence more",
    ]


def test_objects_of_the_default_schema_are_those_of_the_other_default_schema(server: Server) -> None:
    with server.database() as one, server.database() as other:
        first = observed_contract(read(one, SQL), "a")
        read(other, "create schema app; set search_path = app; " + SQL)
        with other.connect() as connection:
            second = observed_contract(read_catalog(connection, default_schema="app"), "b")
    told = compare_contracts(Declared(first), Declared(second), "app")

    assert [line(c) for c in told if c.object.kind != "rule"] == []


def test_the_later_source_replaces_an_object(there: Catalog) -> None:
    first, second = observed_contract(there, "db"), declared(TOML)
    both = merged(first, second)
    (task,) = (t for t in both.tables if t.name == "task")

    assert {(o.kind, o.label): o.origin for o in task.objects} == {
        ("check", "positive"): "[contract.tables.task]",
        ("trigger", "keep"): "[contract.tables.task]",
        ("rule", "swallow"): "[contract.tables.task]",
    }
    assert set(both.lists) >= {"function", "sequence", "extension"}


def test_what_hangs_on_a_view_is_held_to_every_source(database: Database) -> None:
    """By SQL, a snapshot, a database, and the configuration, and by the checks."""
    before = read(database, SQL)
    after = read(
        database,
        "drop trigger routed on open_task; drop rule kept on open_task;"
        "create trigger other instead of delete on open_task for each row execute function route()",
    )
    judges = [c for c in builtin_checks() if c.id in ("OBJ002", "OBJ003", "OBJ008")]
    for source in (observed_contract(before, "db"), declared(TOML)):
        contract = replace(source, closed=True)
        found = [
            sorted(f"{f.check} {f.object.label()}" for f in told.findings if f.object.table == "open_task")
            for told in (run(judges, Facts(there, Tenancy(), contract=contract)) for there in (before, after))
        ]
        assert found == [[], ["OBJ002 open_task.routed", "OBJ003 open_task.kept", "OBJ008 open_task.other"]]


def test_a_view_takes_its_columns_from_one_source_and_a_trigger_from_another(there: Catalog) -> None:
    more = declared(
        '[contract.views.open_task.triggers.more]\nfunction = "route"\ntiming = "instead of"\nevents = ["DELETE"]'
    )
    (view,) = merged(observed_contract(there, "db"), more).views

    assert view.columns == ("id",)
    assert [(o.kind, o.label) for o in view.objects] == [
        ("trigger", "routed"), ("rule", "kept"), ("trigger", "more"),
    ]  # fmt: skip


def test_a_function_without_its_arguments_is_refused() -> None:
    with pytest.raises(ConfigError, match=r'"f": write the argument types too, "f\(\)" for none'):
        declared("[contract.functions.f]\nvolatility = 'stable'")


def test_an_older_snapshot_declares_no_objects(there: Catalog) -> None:
    old = observed_contract(replace(there, format=1), "old.json")

    assert (old.objects, old.lists) == ((), ())
    assert [(v.objects, v.lists) for v in old.views] == [((), ())]
