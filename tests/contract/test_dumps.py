"""`diff` against pg_dump: two databases differ in what pg_dump prints exactly where `diff` says so.

docs/diff.md lists what is left out, and why.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_dumps import COMMENTS, UNNAMED, Feature, build, dump, entries, known, release
from tests.fix_profiles import in_batches
from tests.fix_server import DEFAULT, Opener, server_versions
from validate_schema.catalog.snapshot import dump_snapshot, load_snapshot
from validate_schema.contract.diff.catalogs import compare
from validate_schema.model.difference import Change
from validate_schema.scratch import Server

Ways = Mapping[Feature, int]


KNOWN = known(DEFAULT)
MOST = max(len(feature.ways) for feature in KNOWN)
EVERY = (*KNOWN, *UNNAMED)


class Made:
    """A database with one way of each feature, as the catalog and as pg_dump see it."""

    def __init__(self, server: Server, ways: Ways) -> None:
        with server.database() as database:
            self.catalog = build(database, [feature.sql(way) for feature, way in ways.items()])
            self.text = dump(server, database, "--no-comments")
            release(database)
        self.entries = entries(self.text)

    def printed(self, feature: Feature) -> dict[str, int]:
        """Return what pg_dump prints of a feature."""
        return {text: count for text, count in self.entries.items() if feature.mark in text}


@pytest.fixture(scope="module")
def first(prepared: Opener) -> Made:
    return Made(prepared(DEFAULT), dict.fromkeys(KNOWN, 0))


def about(change: Change) -> str:
    return f"{change.object.kind} {change.object.label()} {change.what} {change.before} {change.after}"


def require_alike(one: Made, other: Made, ways: Ways) -> None:
    """Require that `diff` tells of the features that pg_dump prints otherwise, and of no other."""
    for found in (compare(one.catalog, other.catalog), compare(other.catalog, one.catalog)):
        for feature in ways:
            told = [about(c) for c in found if (feature.said or feature.mark) in about(c)]
            differs = one.printed(feature) != other.printed(feature)
            assert bool(told) == differs, f"{feature.name}: {told}"


@pytest.mark.parametrize("way", range(1, MOST))
def test_every_kind_is_told_where_pg_dump_prints_another(prepared: Opener, first: Made, way: int) -> None:
    ways = {feature: way % len(feature.ways) for feature in KNOWN}
    other = Made(prepared(DEFAULT), ways)

    same = [f.name for f, number in ways.items() if number and first.printed(f) == other.printed(f)]
    assert same == []
    require_alike(first, other, ways)


@pytest.mark.parametrize("name", [name for name in server_versions() if name != DEFAULT])
def test_older_servers(prepared: Opener, name: str) -> None:
    there = known(name)
    one, other = (Made(prepared(name), {f: way % len(f.ways) for f in there}) for way in (0, 1))

    require_alike(one, other, dict.fromkeys(there, 0))


@pytest.mark.parametrize("feature", UNNAMED, ids=lambda f: f.name)
def test_privileges_on_what_is_everybodys(prepared: Opener, feature: Feature) -> None:
    made = [Made(prepared(DEFAULT), {feature: way}) for way in range(len(feature.ways))]

    assert len({m.text for m in made}) == len(made)
    assert all(
        (one is other) == (compare(one.catalog, other.catalog) == ()) for one in made for other in made
    )


def test_comments_are_told_to_those_who_ask(prepared: Opener) -> None:
    server = prepared(DEFAULT)
    found = []
    for way in range(len(COMMENTS.ways)):
        with server.database() as database:
            found.append((build(database, [COMMENTS.sql(way)]), dump(server, database)))

    for one, text in found:
        for other, other_text in found:
            assert compare(one, other) == ()
            assert (compare(one, other, with_comments=True) == ()) == (text == other_text)


def test_all_of_it_is_in_a_snapshot(prepared: Opener, first: Made, tmp_path: Path) -> None:
    made = Made(prepared(DEFAULT), dict.fromkeys(KNOWN, -1))
    for catalog in (first.catalog, made.catalog):
        file = tmp_path / "snapshot.json"
        file.write_bytes(dump_snapshot(catalog))
        assert load_snapshot(file) == catalog


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[Ways, Ways]:
    """Two databases that are the same but for a few features."""
    some = draw(st.lists(st.sampled_from(EVERY), unique=True, min_size=5, max_size=40))
    ways = {feature: draw(st.integers(0, len(feature.ways) - 1)) for feature in some}
    others = draw(st.lists(st.sampled_from(some), max_size=3))
    return ways, ways | {feature: draw(st.integers(0, len(feature.ways) - 1)) for feature in others}


@in_batches(usual=2, nightly=300)
@given(pair=_pairs())
def test_two_databases_differ_where_their_dumps_do(prepared: Opener, pair: tuple[Ways, Ways]) -> None:
    one, other = (Made(prepared(DEFAULT), ways) for ways in pair)
    forth, back = compare(one.catalog, other.catalog), compare(other.catalog, one.catalog)

    assert (one.text == other.text) == (forth == ()) == (back == ())
    require_alike(one, other, {feature: 0 for feature in pair[0] if feature in KNOWN})
