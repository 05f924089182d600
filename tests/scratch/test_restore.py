"""A restore puts back exactly what was backed up, whatever became of the database: the oracle is pg_dump."""

from collections.abc import Iterator
from contextlib import contextmanager
from difflib import unified_diff
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_dumps import COMMENTS, UNNAMED, Feature, known, release
from tests.fix_profiles import in_batches
from tests.fix_restore import (
    DAMAGE,
    HELD,
    full_dump,
    made,
    put_back,
    reset_settings,
    run_all,
    run_script,
    saved,
    write_extension,
)
from tests.fix_server import DEFAULT, Opener, server_versions
from validate_schema.model.errors import ValidateSchemaError
from validate_schema.scratch import Database, Server, clearing, programs
from validate_schema.scratch.archive import Archive


def _lack() -> str:
    try:
        programs.find(140000)
    except ValidateSchemaError as error:
        return str(error)
    return ""


pytestmark = pytest.mark.skipif(bool(_lack()), reason=f"NOT TESTED, no client programs here: {_lack()}")


class Held(NamedTuple):
    """A database, what pg_dump says of it, and its backup."""

    database: Database
    before: str
    file: Path


@contextmanager
def held(server: Server, folder: Path, there: list[str]) -> Iterator[Held]:
    with server.database() as database:
        try:
            made(database, there)
            yield Held(database, full_dump(database), saved(database, folder))
        finally:
            reset_settings(database)
            release(database)


def require_restored(kept: Held, database: Database, between: list[str]) -> None:
    """Require that a restore brings back into a database what was kept, whatever came between."""
    try:
        run_all(database, between)
        put_back(database, kept.file)
        reset_settings(database)
        assert _difference(kept.before, full_dump(database)) == []
    finally:
        reset_settings(database)
        release(database)


def require_same(server: Server, folder: Path, there: list[str], between: list[str]) -> None:
    """Require that a restore brings back what was there, `between` or not, and twice over."""
    with held(server, folder, there) as kept:
        require_restored(kept, kept.database, between)


def _difference(before: str, after: str) -> list[str]:
    return [line for line in unified_diff(before.splitlines(), after.splitlines(), n=0) if line[3:].strip()]


def _all(server: str, way: int) -> list[str]:
    """Return a way of each kind that pg_dump knows, but for what only stands alone."""
    return [
        feature.sql(way % len(feature.ways))
        for feature in (*known(server), *known(server, UNNAMED), COMMENTS)
    ]


@pytest.mark.parametrize("way", range(3))
@pytest.mark.parametrize("name", server_versions())
def test_every_kind_comes_back(prepared: Opener, tmp_path: Path, name: str, way: int) -> None:
    others = [HELD[way::3], [*_all(name, way + 1), *DAMAGE], [*DAMAGE, *_all(name, way + 1)]]
    require_same(prepared(name), tmp_path, [*_all(name, way + 1), *HELD[way::3]], list(others[way]))


@pytest.fixture(scope="module")
def much(prepared: Opener, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """What is restored after each damage, of which each test has a copy."""
    with held(prepared(DEFAULT), tmp_path_factory.mktemp("much"), [*HELD[0:17]]) as kept:
        yield kept


@pytest.mark.parametrize("damage", DAMAGE)
def test_nothing_in_between_is_in_the_way(much: Held, damage: str) -> None:
    with much.database.server.database(much.database.name) as copy:
        require_restored(much, copy, [damage])


@pytest.mark.pg(">= 18")
def test_rows_of_an_extensions_own_tables_come_back(database: Database, tmp_path: Path) -> None:
    with database.connect(autocommit=True) as connection:
        ((found,),) = connection.execute("show extension_control_path").fetchall()
        write_extension(Path(found.split(":")[1], "extension"))
        connection.execute("create extension with_config")
        connection.execute("insert into with_config values (7, true)")
    before, file = full_dump(database), saved(database, tmp_path)
    run_all(database, ["insert into with_config values (8, true)", "drop extension with_config"])
    put_back(database, file)

    assert "COPY public.with_config" in before
    assert full_dump(database) == before


def test_public_is_as_the_pg_dump_of_the_backup_takes_it_for_granted(database: Database) -> None:
    def made_by(major: int) -> list[tuple[str, str]]:
        archive = Archive(frozenset(), frozenset(), (), public=True, plpgsql=True, pg_dump=major)
        run_script(database, clearing.script(archive))
        with database.connect() as connection:
            return connection.execute(
                "select nspowner::regrole::text, array_to_string(nspacl, ' ') from pg_namespace where nspname = 'public'"
            ).fetchall()

    (old,), (new,) = made_by(14), made_by(15)
    assert (old[1].count("=UC/"), new[0], new[1].count("=UC/"), new[1].count("=U/")) == (
        2,
        "pg_database_owner",
        1,
        1,
    )
    assert old[0] != new[0]


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """A database, and what becomes of it."""
    features: list[Feature] = [*known(DEFAULT), *UNNAMED, COMMENTS]

    def some(most: int) -> list[str]:
        chosen = draw(st.lists(st.sampled_from(features), unique=True, max_size=most))
        return [feature.sql(draw(st.integers(0, len(feature.ways) - 1))) for feature in chosen]

    there = [*some(25), *draw(st.lists(st.sampled_from(HELD), unique=True, max_size=12))]
    pieces = [*some(12), *draw(st.lists(st.sampled_from((*HELD, *DAMAGE)), unique=True, max_size=12))]
    return there, draw(st.permutations(pieces))


@in_batches(usual=2, nightly=200)
@given(history=_histories())
def test_random_databases_come_back_whatever_became_of_them(
    prepared: Opener, tmp_path_factory: pytest.TempPathFactory, history: tuple[list[str], list[str]]
) -> None:
    require_same(prepared(DEFAULT), tmp_path_factory.mktemp("backups"), *history)
