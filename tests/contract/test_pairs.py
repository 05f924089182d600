"""Which object of one side is which of the other, and how many are looked at to tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from validate_schema.contract.diff.catalogs import compare
from validate_schema.contract.diff.pairs import pair
from validate_schema.contract.diff.terms import Terms
from validate_schema.model.catalog import (
    Catalog,
    Column,
    ConnectedRole,
    Constraint,
    QName,
    Server,
    Table,
    View,
)

Item = tuple[str, int, int]  # name, shape, content
MANY = 5_000


def _alike(old: Item, new: Item) -> bool:
    return old[1:] == new[1:]


def _renamed_by_the_book(gone: list[Item], come: list[Item], certain: bool) -> list[tuple[Item, Item]]:
    taken: list[Item] = []
    found = []
    for item in gone:
        matches = [other for other in come if _alike(item, other)]
        if certain and (len(matches) != 1 or sum(_alike(other, matches[0]) for other in gone) != 1):
            continue
        free = [other for other in matches if other not in taken]
        if free:
            taken.append(free[0])
            found.append((item, free[0]))
    return found


_items = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 2), st.integers(0, 2)), unique_by=lambda i: i[0]
)


@given(_items, _items, st.booleans())
def test_shapes_change_no_result(before: list[Item], after: list[Item], certain: bool) -> None:
    both = {i[0] for i in before} & {i[0] for i in after}
    gone, come = [i for i in before if i[0] not in both], [i for i in after if i[0] not in both]
    expected = _renamed_by_the_book(gone, come, certain)
    name = lambda item: item[0]  # noqa: E731
    plain = pair(before, after, name, _alike, certain=certain)
    shaped = pair(before, after, name, _alike, shapes=lambda i: (i[1],), certain=certain)
    doubly = pair(before, after, name, _alike, shapes=lambda i: (("x", i[1]), ("y", i[2])), certain=certain)
    assert plain == shaped == doubly
    assert list(plain.renamed) == expected


@pytest.mark.parametrize("certain", [True, False])
def test_only_objects_of_one_shape_are_compared(certain: bool) -> None:
    before = [(f"old{n}", n, 0) for n in range(MANY)]
    after = [(f"new{n}", n, 0) for n in range(MANY)]
    calls = 0

    def alike(old: Item, new: Item) -> bool:
        nonlocal calls
        calls += 1
        return _alike(old, new)

    found = pair(before, after, lambda i: i[0], alike, shapes=lambda i: (i[1],), certain=certain)
    assert len(found.renamed) == MANY
    assert calls <= 2 * MANY


def test_a_second_candidate_settles_it() -> None:
    before = [(f"old{n}", 0, 0) for n in range(MANY)]
    after = [(f"new{n}", 0, 0) for n in range(MANY)]
    calls = 0

    def alike(old: Item, new: Item) -> bool:
        nonlocal calls
        calls += 1
        return _alike(old, new)

    assert pair(before, after, lambda i: i[0], alike).renamed == ()
    assert calls <= 3 * MANY


def _catalog(schema: str, tables: int) -> Catalog:
    """Return tables that each reference themselves and the one before, and a view of each."""
    found = []
    for n in range(tables):
        name = QName(schema, f"t{n}")
        key = Constraint(
            f"t{n}_parent", "foreign key", (f"parent{n}",), references=name, referenced_columns=(f"id{n}",)
        )
        columns = (Column(f"id{n}", "integer", not_null=True), Column(f"parent{n}", "integer"))
        found.append(Table(*name, owner="o", columns=columns, constraints=(key,)))
    views = tuple(
        View(schema, f"v{n}", "o", "view", f" SELECT id{n}\n   FROM {schema}.t{n};", columns=(f"id{n}",))
        for n in range(tables)
    )
    server = Server("18.0", 180000, "db", ConnectedRole("o"))
    return Catalog(server, tables=tuple(found), views=views)


def test_a_schema_under_another_name_is_renamed_tables_and_views() -> None:
    changes = compare(_catalog("before", 300), _catalog("after", 300))
    assert {c.kind for c in changes} == {"renamed"}
    assert sum(c.object.kind == "table" for c in changes) == 300
    assert sum(c.object.kind == "view" for c in changes) == 300


def test_names_are_retold_as_a_whole() -> None:
    renamed = {
        QName("a", "t"): QName("b", "T"),
        QName("b", "T"): QName("c", "u"),
        QName('q"', "x y"): QName("a", "z"),
    }
    terms = Terms("public", exact=False, maintain=True, renamed=renamed)
    assert terms.expression("a.t.id", 'b."T".id')
    assert terms.expression('b."T".id', "c.u.id")
    assert terms.expression('"q"""."x y".id', "a.z.id")
    assert not terms.expression("xa.t.id + a.t2.id", 'xb."T".id + b."T2".id')
