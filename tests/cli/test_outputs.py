"""What a run writes is nothing that it reads, and a closed pipe is no verdict."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fix_cli import SHOP_CONFIG, Terminal

MIGRATION = "create table organization (id uuid primary key);\n"
INPUTS = {
    "snapshot": ("before.json", ("--snapshot", "before.json")),
    "config": ("validate-schema.toml", ("--migrations", "sql")),
    "named config": ("other.toml", ("--migrations", "sql", "--config", "other.toml")),
    "baseline": ("base.json", ("--migrations", "sql", "--baseline", "base.json")),
    "own baseline": ("base.json", ("--migrations", "sql", "--baseline", "base.json", "--update-baseline")),
    "migration": ("sql/001_a.sql", ("--migrations", "sql")),
    "contract": ("want.sql", ("--migrations", "sql", "--contract", "want.sql")),
    "contract of the config": ("declared.sql", ("--migrations", "sql")),
}


def same(path: Path) -> Path:
    return path


def symbolic(path: Path) -> Path:
    link = path.parent / "symbolic.md"
    link.symlink_to(path)
    return link


def hard(path: Path) -> Path:
    link = path.parent / "hard.md"
    os.link(path, link)
    return link


@pytest.fixture
def project(terminal: Terminal) -> Terminal:
    terminal.write("validate-schema.toml", SHOP_CONFIG + '[contract]\nfrom = ["declared.sql"]\n')
    for name in ("other.toml", "before.json", "base.json", "want.sql", "declared.sql"):
        terminal.write(name, SHOP_CONFIG if name.endswith("toml") else f"-- {name}\n")
    terminal.write("sql/001_a.sql", MIGRATION)
    return terminal


@pytest.mark.parametrize("to", [same, symbolic, hard], ids=lambda to: to.__name__)
@pytest.mark.parametrize("given", INPUTS)
def test_no_report_goes_onto_an_input(project: Terminal, given: str, to: Callable[[Path], Path]) -> None:
    name, arguments = INPUTS[given]
    before = (project.folder / name).read_bytes()
    output = to(project.folder / name)
    ran = project.run(*arguments, "--report", str(output), "--format", "json")

    assert (ran.status, ran.out) == (2, "")
    assert ran.complaint.endswith("which this run reads: write to another file")
    assert (project.folder / name).read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("snapshot", "--snapshot", "before.json", "-o", "before.json"), id="snapshot"),
        pytest.param(("init", "--snapshot", "before.json", "-o", "before.json", "--force"), id="init"),
        pytest.param(("diff", "before.json", "want.sql", "-o", "before.json"), id="diff"),
        pytest.param(("diff", "snapshot:before.json", "want.sql", "-o", "before.json"), id="diff, told"),
        pytest.param(("render", "before.json", "--report", "before.json"), id="render"),
        pytest.param(
            ("prove", "--migrations", "sql", "--report", "sql/001_a.sql", "--format", "md"), id="prove"
        ),
    ],
)
def test_no_other_command_writes_onto_an_input(project: Terminal, arguments: tuple[str, ...]) -> None:
    ran = project.run(*arguments)

    assert ran.status == 2
    assert "which this run reads" in ran.complaint
    assert (project.folder / "before.json").read_text() == "-- before.json\n"


@pytest.mark.parametrize("arguments", [("explain", "--all"), ("--help",), ("checks",)], ids=" ".join)
def test_a_closed_pipe_is_no_verdict(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = terminal.start(*arguments, out=writer)
    os.close(writer)
    _, err = process.communicate()

    assert (process.returncode, err) == (141, "")
