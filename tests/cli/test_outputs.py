"""What a run writes is nothing that it reads, and a closed pipe is no verdict."""

import json
import os
import re
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from tests.fix_cli import SHOP, SHOP_CONFIG, Terminal
from validate_schema.scratch import Database

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


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        (("-o", "-"), "# "),
        (("-o", "-", "--format", "json"), "{"),
        (("prove", "-o", "-"), "# "),
        (("snapshot", "-o", "-"), "{"),
        (("init", "-o", "-"), "#"),
    ],
    ids=" ".join,
)
def test_a_dash_is_standard_output(terminal: Terminal, arguments: tuple[str, ...], begins: str) -> None:
    terminal.write("sql/001_a.sql", MIGRATION)
    ran = terminal.run(*arguments, "--migrations", "sql")

    assert ran.out.startswith(begins), ran
    assert [p.name for p in terminal.folder.iterdir()] == ["sql"]


def test_the_config_says_what_fails_a_run_what_is_hidden_and_what_is_written(
    terminal: Terminal, shop: Database
) -> None:
    said = '[report]\nfail_on = "never"\nmin_severity = "error"\nwrite = ["out.json", "brief.md"]\n'
    terminal.write("validate-schema.toml", SHOP_CONFIG + said)
    target = ("--database-url", shop.conninfo)
    ran = terminal.run(*target)
    told = terminal.run(*target, "--fail-on", "error", "--min-severity", "info", "--report", "other.md")

    assert ran.status == 0
    assert "below error not shown" in ran.out
    assert json.loads((terminal.folder / "out.json").read_text())["fail_on"] == "never"
    assert (terminal.folder / "brief.md").is_file()
    assert told.status == 1
    assert "not shown" not in told.out
    assert [line for line in told.out.splitlines() if line.startswith("report: ")] == ["report: other.md"]


@pytest.mark.parametrize("path", ["/tmp/out.md", "../out.md", "a/../../out.md"])
def test_a_config_writes_nothing_outside_of_its_folder(terminal: Terminal, path: str) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG + f'[report]\nwrite = ["{path}"]\n')
    ran = terminal.run("--migrations", "sql")

    assert ran.status == 2
    assert ran.complaint.endswith("--report writes anywhere")


@pytest.mark.parametrize("command", [(), ("prove",), ("fix",), ("snapshot",), ("init",)], ids=" ".join)
def test_help_groups_the_options(terminal: Terminal, command: tuple[str, ...]) -> None:
    sections = re.split(r"(?m)^(?=\w[\w ]*:$)", terminal.run(*command, "--help").out)
    of = {section.partition(":")[0]: section for section in sections}

    assert "--database-url" in of["What is looked at"]
    assert re.findall(r"(?m)^  (-.*?)(?:  |$)", of["Options"])[-1] == "-h, --help"
    assert len(re.findall(r"(?m)^  -", of["Options"])) <= 2


def test_migrations_come_from_standard_input_or_one_file(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.write("one.sql", SHOP)
    arguments = ("--select", "UNQ001", "--format", "json")
    file = json.loads(terminal.run("--migrations", "one.sql", *arguments).out)
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(SHOP.encode())))
    piped = json.loads(terminal.run("--migrations", "-", *arguments).out)

    assert [f["location"] for f in file["findings"]] == ["one.sql:12"]
    assert [f["location"] for f in piped["findings"]] == ["stdin.sql:12"]
    assert piped["target"]["fingerprint"] == file["target"]["fingerprint"]
