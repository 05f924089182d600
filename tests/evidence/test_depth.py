"""Values and conditions for tables that hang on one another, thousands deep; no server is asked."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.fix_shapes import catalog, facts_about, inherited_chain, partitions, tenant_table
from validate_schema.evidence.isolation.rows import A, B, Column
from validate_schema.evidence.isolation.seed import _LONGEST_WAY, Seeder
from validate_schema.evidence.isolation.surfaces import _all_parts
from validate_schema.evidence.isolation.values import Type, Values
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import QName

MANY = 5_000


@pytest.fixture
def seeder_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[Facts], Seeder]:
    """Return a seeder of tables whose columns are all of text, and that has inserted nothing yet."""

    def made(facts: Facts) -> Seeder:
        columns = {
            table.qname: tuple(Column(c.name, 25, -1, c.not_null, False, "", "text") for c in table.columns)
            for table in facts.catalog.tables
        }
        text = Type("text", "b", "S", 0, -1, 0, 0, (), (), ())
        monkeypatch.setattr(Values, "read", lambda _: Values({25: text}))
        monkeypatch.setattr(Seeder, "_read_columns", lambda _: columns)
        seeder = Seeder(None, facts)  # type: ignore[arg-type]
        seeder.keys = {0: {A: "a", B: "b"}}
        return seeder

    return made


def _sharing_keys(tables: int, *, ring: bool) -> Facts:
    """Return tables whose primary key references the one before; of a ring the first that of the last."""
    found = []
    for n in range(tables):
        parent = (n - 1) % tables if ring else n - 1
        table = tenant_table(n)
        key = replace(
            table.foreign_keys[0],
            name="up",
            columns=("id",),
            references=QName("public", f"t{parent:05}"),
            referenced_columns=("id",),
        )
        keys = (key,) if parent >= 0 else ()
        found.append(replace(table, constraints=(*table.constraints, *keys)))
    return facts_about(catalog(found))


@pytest.mark.parametrize("ring", [False, True])
def test_a_key_is_that_of_the_furthest_ancestor(seeder_of: Callable[[Facts], Seeder], ring: bool) -> None:
    seeder = seeder_of(_sharing_keys(MANY, ring=ring))
    last, middle = QName("public", f"t{MANY - 1:05}"), QName("public", f"t{MANY // 2:05}")
    column = seeder.columns_of(last)[0]
    value = seeder.cell(last, column, A, 0)
    assert value
    assert seeder.cell(middle, column, A, 0) == value
    assert seeder.cell(last, column, B, 0) != value


def test_sub_tenants_are_those_of_the_owner_however_far(seeder_of: Callable[[Facts], Seeder]) -> None:
    seeder = seeder_of(facts_about(inherited_chain(MANY)))
    assert seeder.siblings_in(QName("public", f"t{MANY - 1:05}")) == ()
    assert len(seeder._siblings) == MANY


def test_a_condition_goes_a_bounded_way_to_the_owner(seeder_of: Callable[[Facts], Seeder]) -> None:
    seeder = seeder_of(facts_about(inherited_chain(MANY)))
    near = seeder.owned_by(QName("public", f"t{_LONGEST_WAY:05}"), A)
    assert near.count("exists (") == _LONGEST_WAY
    assert near.endswith('"t00000"."org_id" = \'a\'' + ")" * _LONGEST_WAY)
    assert seeder.owned_by(QName("public", f"t{_LONGEST_WAY + 1:05}"), A) == ""


def test_partitions_are_found_at_any_depth() -> None:
    facts = facts_about(partitions(MANY))
    found = list(_all_parts(facts, facts.tables_by_name[QName("public", "t00000")]))
    assert [part.name for part in found] == [f"t{n:05}" for n in range(1, MANY)]


def test_a_domain_may_lie_over_many() -> None:
    text = Type("text", "b", "S", 0, -1, 0, 0, (), (), ())
    domains = {n: Type(f"d{n}", "d", "S", 0, n - 1, -1, 0, (), (), ()) for n in range(26, 26 + MANY)}
    assert Values({25: text, **domains}).make(25 + MANY, -1, 7) == Values({25: text}).make(25, -1, 7)
