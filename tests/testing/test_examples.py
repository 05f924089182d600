"""A pack's examples as tests: those that hold, of every kind, and what is said of those that do not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_pages import blocks
from tests.testing.test_plugin import LIGHT
from validate_schema.checking.packs import builtin_checks, pack_checks
from validate_schema.testing.examples import Bench, Example, Part

CHECK = """
from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import catalog
from validate_schema.pack.subjects import user_tables


@check(
    "ACM001", "A table t", subjects=user_tables, severity=Severity.ERROR, why="It is bad.",
    bad="create table t (id int primary key)", good="create table u (id int primary key)",
)
def named_t(table: catalog.Table, facts: Facts) -> Flaw | None:
    \"\"\"A table is called t.\"\"\"
    if table.name == "t":
        return Flaw("t is there", "no t", "t", remedy=Remedy(("drop table t;",)))
"""


def roles(bench: Bench) -> set[str]:
    with bench.server.database() as database, database.connect() as connection:
        return {name for (name,) in connection.execute("select rolname from pg_roles")}


# In a transaction; one that makes roles; with statements that no transaction takes; with a label that is new;
# with rows; in the config; with a copy for the proof; and files of migrations.
@pytest.mark.parametrize(
    "id", ["TBL005", "BYP012", "IDX001", "ENU002", "DAT001", "SUP001", "ISO001", "MIG011"]
)
def test_examples_of_every_kind_hold(id: str, validate_schema_bench: Bench) -> None:
    check = next(c for c in builtin_checks() if c.id == id)
    there = roles(validate_schema_bench)
    parts: tuple[Part, ...] = ("bad", "good", "cure") if check.remediable else ("bad", "good")

    for part in parts:
        Example(check, part).hold(validate_schema_bench)

    assert roles(validate_schema_bench) - there <= {"app_user", "app_owner"}


WRONG = {
    "a bad one that is not found": ('== "t"', '== "v"', "bad", "ACM001: nothing is found in the bad example (passed)"),
    "nothing to examine": ("subjects=user_tables", "subjects=lambda facts: ()", "bad", "(not_applicable)"),
    "a good one over nothing": (
        "subjects=user_tables",
        "subjects=lambda facts: ()",
        "good",
        "ACM001: not_applicable, 0 examined",
    ),
    "a good one that is found": ('== "t"', 'in ("t", "u")', "good", "error ACM001 u: t is there"),
    "a remedy that does not cure": ("drop table t;", "comment on table t is 'x';", "cure", "ACM001: failed, 2 examined"),
    "a remedy that fails": ("drop table t;", "drop table v;", "cure", 'table "v" does not exist, in drop table v'),
    "SQL that fails": ("create table t (id", "create tabel t (id", "bad", "syntax error"),
    "no remedy": ('Remedy(("drop table t;",))', "Remedy()", "bad", "ACM001: a finding without SQL that mends it"),
    "a remedy nobody promised": ("bad=", "remediable=False, bad=", "bad", "ACM001: SQL, though remediable=False"),
    "a check that breaks": ("    if table", "    1 / 0\n    if table", "bad", "(error: internal error in ACM001"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_an_example_that_does_not_hold_says_why(
    tmp_path: Path, validate_schema_bench: Bench, case: str
) -> None:
    old, new, part, said = WRONG[case]
    assert old in CHECK
    (tmp_path / "acme.py").write_text(CHECK.replace(old, new))
    (check,) = pack_checks(str(tmp_path / "acme.py"))

    with pytest.raises(AssertionError) as raised:
        Example(check, part).hold(validate_schema_bench)  # type: ignore[arg-type]

    assert said in str(raised.value)


def test_the_pages_pack_and_its_test_file_work_as_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
        monkeypatch.delenv(name, raising=False)
    check, test = blocks("packs.md", "python")
    rule, _ = blocks("packs.md", "toml")
    pack = tmp_path / "acme_checks"
    pack.mkdir()
    (pack / "__init__.py").write_text("")
    (pack / "stamps.py").write_text(check)
    (pack / "checks.toml").write_text(rule + 'bad = "create table job (id int)"\n')
    (tmp_path / "test_pack.py").write_text(test)

    command = [sys.executable, "-m", "pytest", *LIGHT, "-v"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    passed = [line.split("[")[1].split("]")[0] for line in ran.stdout.splitlines() if "PASSED" in line]
    assert passed == ["ACM001-bad", "ACM001-good", "ACM001-cure", "ACM003-bad"]
