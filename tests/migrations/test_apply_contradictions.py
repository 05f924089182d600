"""Where files and database contradict each other nothing runs."""

from collections.abc import Callable

import pytest

from tests.fix_apply import Project

A, B = "create table a ();\n", "create table b ();\n"


def _duplicate(project: Project) -> None:
    project.lay({"0002_other.sql": "create table other ();"})


def _rename(project: Project) -> None:
    (project.folder / "0002_b.sql").rename(project.folder / "0002_bee.sql")


def _edit(project: Project) -> None:
    project.lay({"0002_b.sql": "create table b (id int);\n"})


def _line_ends(project: Project) -> None:
    project.lay({"0002_b.sql": B.replace("\n", "\r\n")})


def _reuse(project: Project) -> None:
    (project.folder / "0002_b.sql").unlink()
    project.lay({"0002_other.sql": "create table other ();"})


def _renumber(project: Project) -> None:
    (project.folder / "0002_b.sql").rename(project.folder / "0005_b.sql")


def _remove(project: Project) -> None:
    (project.folder / "0002_b.sql").unlink()


CASES: dict[str, tuple[Callable[[Project], None], str]] = {
    "two files with one version": (_duplicate, "have the same version 2; renumber the later one"),
    "a renamed file": (_rename, "was applied as 'b' and renamed since"),
    "an edited file": (
        _edit,
        "was edited after it was applied; restore it, or accept it with --allow-edited 2",
    ),
    "other line ends": (_line_ends, "differs by line ends from what was applied"),
    "a version used again": (_reuse, "version 2 was applied as 'b', another migration"),
    "a renumbered file": (_renumber, "was applied under another version"),
    "a file that is gone": (_remove, "2 b is applied to this database, without a file here"),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_runs_on_a_contradiction(project: Project, case: str) -> None:
    project.lay({"0001_a.sql": A, "0002_b.sql": B})
    project.run("apply")
    change, said = CASES[case]
    change(project)
    project.lay({"0003_c.sql": "create table c ();"})
    for arguments in ((), ("--dry-run",)):
        ran = project.run("apply", *arguments)

        assert ran.status == 1
        assert said in ran.complaint
    assert project.tables() == {"a", "b"}


def test_an_edited_file_is_accepted_by_name_and_its_checksum_recorded(project: Project) -> None:
    project.lay({"0001_a.sql": A, "0002_b.sql": B})
    project.run("apply")
    _edit(project)
    ran = project.run("apply", "--allow-edited", "0002")

    assert (ran.status, ran.out.splitlines()[1:]) == (0, ["accepted as edited: 2 b", "nothing to apply"])
    assert project.run("verify").status == 0


def test_consent_to_a_file_that_is_not_edited_is_a_mistake(project: Project) -> None:
    project.lay({"0001_a.sql": A})
    project.run("apply")
    ran = project.run("apply", "--allow-edited", "7")

    assert ran.status == 2
    assert ran.complaint == "error: --allow-edited 7: not the version of an edited file (edited: none)"


def test_an_older_release_whose_files_are_all_applied_may_start(project: Project) -> None:
    project.lay({"0001_a.sql": A, "0002_b.sql": B})
    project.run("apply")
    _remove(project)
    ran = project.run("apply")

    assert ran.status == 0
    assert ran.out.splitlines()[1:] == ["note: 2 b is applied, without a file here", "nothing to apply"]
    assert project.run("verify").status == 1


def test_missing_files_are_passed_over_on_request(project: Project) -> None:
    project.lay({"0001_a.sql": A, "0002_b.sql": B})
    project.run("apply")
    _remove(project)
    project.lay({"0003_c.sql": "create table c ();"})

    assert project.run("apply", "--allow-missing").status == 0
    assert project.tables() == {"a", "b", "c"}


def test_several_contradictions_are_counted(project: Project) -> None:
    project.lay({"0001_a.sql": A, "0002_b.sql": B})
    project.run("apply")
    project.lay({"0001_a.sql": "select 1;", "0002_b.sql": "select 2;"})

    assert project.run("apply").complaint.endswith("(and 1 more: see `migrations status`)")
