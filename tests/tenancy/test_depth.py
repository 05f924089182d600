"""Thousands of tables and roles that hang on one another: the right answer, at the cost of a few steps each."""

from collections.abc import Iterator
from datetime import date

import pytest

from tests.fix_shapes import ROOT, TENANCY, chain, children, inherited_chain, partitions, roles
from validate_schema.config import TenancyConfig
from validate_schema.model.catalog import Catalog, QName
from validate_schema.model.tenancy import NO_PATH, Path, Standing, Tenancy
from validate_schema.tenancy import identify
from validate_schema.tenancy.graph import Graph, Place

MANY = 5_000


def _identify(shape: Catalog, config: TenancyConfig = TENANCY) -> Tenancy:
    return identify(shape, config, today=date(2026, 1, 1))


def _last(tenancy: Tenancy) -> Standing:
    return tenancy.standings[-1]


@pytest.mark.parametrize("config", [TENANCY, TenancyConfig()], ids=["declared", "inferred"])
def test_every_table_of_a_chain_leads_to_the_root(
    config: TenancyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = 0
    before = Graph._before

    def counted(self: Graph, *args: object) -> Iterator[Place]:
        nonlocal walked
        for place in before(self, *args):  # type: ignore[arg-type]
            walked += 1
            yield place

    monkeypatch.setattr(Graph, "_before", counted)
    tenancy = _identify(chain(MANY), config)
    assert {s.why for s in tenancy.standings if s.table != ROOT} == {
        "carries org_id, a foreign key to organization"
    }
    assert walked < 10 * MANY


def test_the_path_of_a_chain_is_shared() -> None:
    standings = {s.table: s for s in _identify(inherited_chain(MANY)).standings}
    last = standings[QName("public", f"t{MANY - 1:05}")]
    assert (len(last.path), last.path[0].name, last.path[-1].name) == (MANY - 1, f"t{MANY - 2:05}", "t00000")
    assert last.why == "owned through up → t04998 → t04997 → t04996 → t04995 → … → t00000"
    before = standings[QName("public", f"t{MANY - 2:05}")]
    assert last.path[1:] == tuple(before.path)


def test_a_path_is_a_sequence_of_names() -> None:
    a, b = QName("public", "a"), QName("public", "b")
    path = Path(a, Path(b))
    assert path == (a, b) == path == Path(a, Path(b))
    assert path != (a,)
    assert (list(path), path[0], path[1], path[-1], path[:1], len(path), b in path) == (
        [a, b], a, b, b, (a,), 2, True,
    )  # fmt: skip
    assert repr(path) == repr((a, b))
    assert hash(path) == hash((a, b))
    assert not NO_PATH
    with pytest.raises(IndexError):
        NO_PATH[0]


def test_a_login_inherits_what_a_group_far_above_may() -> None:
    tenancy = _identify(roles(MANY))
    assert tenancy.app_roles == ("the_app",)
    assert tenancy.inferred["app_roles"] == "the_app has privileges on 1 of 2 tenant and inherited tables"


def test_partitions_and_children_are_what_their_parents_are() -> None:
    assert _last(_identify(partitions(MANY))).why == "partition of t00000"
    assert str(_last(_identify(children(MANY))).table_class) == "inherited"
