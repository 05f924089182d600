"""What the files alone tell of their order: several ends, and files that come too late."""

import json
from pathlib import Path

import pytest

from tests.fix_server import fresh
from tests.migrations.test_discovery import lay
from validate_schema.migrations import discover, replay
from validate_schema.migrations.history.compare import compare, notes
from validate_schema.migrations.history.order import heads, stepping_back
from validate_schema.model.history import Ledger, LedgerEntry
from validate_schema.scratch import Server


def revision(version: str, after: str) -> str:
    return f'revision = "{version}"\ndown_revision = {after}\n\n\ndef upgrade():\n    pass\n'


@pytest.mark.parametrize(
    ("others", "ends"),
    [
        pytest.param({"b": '"a"'}, (), id="one after the other"),
        pytest.param({"b": '"a"', "c": '"a"'}, (("versions/b.py", "versions/c.py"),), id="two after one"),
        pytest.param({"b": '"a"', "c": '"a"', "d": '("b", "c")'}, (), id="merged"),
        pytest.param({"b": "None"}, (("versions/a.py", "versions/b.py"),), id="two beginnings"),
    ],
)
def test_a_graph_has_one_end(
    tmp_path: Path, others: dict[str, str], ends: tuple[tuple[str, ...], ...]
) -> None:
    made = {"a": "None", **others}
    files = lay(tmp_path / "m", {f"versions/{v}.py": revision(v, after) for v, after in made.items()})

    assert heads(discover(files, programs=True)) == ends


def django(after: str, replaces: str = "") -> str:
    return (
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        f"    dependencies = [{after}]\n    replaces = [{replaces}]\n"
    )


def of_shop(*names: str) -> str:
    return ", ".join(f'("shop", "{name}")' for name in names)


SQUASHED = {
    "0001_a": django(""),
    "0002_b": django(of_shop("0001_a")),
    "0001_squashed_0002_b": django("", of_shop("0001_a", "0002_b")),
}


@pytest.mark.parametrize(
    ("later", "last"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"0003_c": django(of_shop("0001_squashed_0002_b"))}, [], id="after the squash"),
        pytest.param({"0003_c": django(of_shop("0002_b"))}, [], id="after what it replaces"),
        pytest.param(
            {"0003_c": django(of_shop("0002_b")), "0003_d": django(of_shop("0001_squashed_0002_b"))},
            ["0003_c", "0003_d"],
            id="two after it",
        ),
    ],
)
def test_what_a_squash_replaces_is_no_end(tmp_path: Path, later: dict[str, str], last: list[str]) -> None:
    files = {f"{name}.py": text for name, text in (SQUASHED | later).items()}
    found = discover(lay(tmp_path / "shop" / "migrations", files), programs=True)

    assert heads(found) == ((tuple(f"{name}.py" for name in last),) if last else ())


def test_numbered_files_have_the_end_that_their_numbers_say(tmp_path: Path) -> None:
    files = lay(tmp_path / "m", {"1_a.sql": "select 1;", "2_b.sql": "select 2;"})

    assert heads(discover(files)) == ()


@pytest.mark.parametrize(
    ("times", "late"),
    [
        pytest.param((1000, 2000, 3000), (), id="in order"),
        pytest.param((1000, 5000, 3000), ("2_t.sql",), id="the last goes back"),
        pytest.param((4000, 2000, 3000), ("1_t.sql", "2_t.sql"), id="all after the first"),
    ],
)
def test_a_journal_goes_forward(tmp_path: Path, times: tuple[int, ...], late: tuple[str, ...]) -> None:
    entries = [{"idx": n, "when": when, "tag": f"{n}_t"} for n, when in enumerate(times)]
    journal = {"version": "7", "dialect": "postgresql", "entries": entries}
    files = lay(
        tmp_path / "m",
        {"meta/_journal.json": json.dumps(journal)} | {f"{n}_t.sql": "select 1;" for n in range(len(times))},
    )

    assert stepping_back(discover(files)) == late


@pytest.mark.pg(">= 18")  # no server before takes stand-ins
@pytest.mark.parametrize(
    ("statement", "schema"),
    [
        pytest.param('create extension if not exists "pg_tle"', "pgtle", id="where it always goes"),
        pytest.param("create extension pgmq; create table pgmq.q_mine (id int)", "pgmq", id="used at once"),
        pytest.param(
            "create schema x; create extension pg_graphql with schema x", "x", id="where it is told"
        ),
    ],
)
def test_a_stand_in_goes_where_the_extension_does(
    server: Server, tmp_path: Path, statement: str, schema: str
) -> None:
    files = lay(tmp_path / "m", {"1_a.sql": f"select set_config('search_path', '', false); {statement};"})
    with fresh(server) as database:
        replay(database, discover(files))
        with database.connect() as connection:
            found = connection.execute(
                "select nspname from pg_extension join pg_namespace n on n.oid = extnamespace where extname <> 'plpgsql'"
            ).fetchall()

    assert found == [(schema,)]


def test_a_head_without_a_file_leaves_nothing_else_to_say(tmp_path: Path) -> None:
    made = {"a": "None", "b": '"a"'}
    files = discover(
        lay(tmp_path / "m", {f"versions/{v}.py": revision(v, after) for v, after in made.items()}),
        programs=True,
    )
    ledger = Ledger(tool="alembic", table="alembic_version", entries=(LedgerEntry(version="gone"),))

    assert {e.version: e.status for e in compare(files, ledger)} == {
        "a": "unverifiable",
        "b": "unverifiable",
        "gone": "missing",
    }
    assert {e.version: e.unsure for e in compare(files, ledger)} == {"a": True, "b": True, "gone": False}
    heads = (LedgerEntry(version="gone"), LedgerEntry(version="a"))
    both = Ledger(tool="alembic", table="alembic_version", entries=heads)
    assert {e.version: e.unsure for e in compare(files, both)} == {"a": False, "b": True, "gone": False}
    assert notes(files, ledger) == (
        "No file is revision gone: which of the others it descends from cannot be told.",
    )
