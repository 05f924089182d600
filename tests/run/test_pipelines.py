"""The pipelines in the repository: their files are valid, and their commands run as they stand."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.fix_cli import SHOP, SHOP_CONFIG, Terminal
from validate_schema.scratch import Database

ROOT = Path(__file__).parents[2]
PIPELINES = ROOT / "examples" / "pipelines"
BIN = Path(sys.executable).parent
WORKFLOWS = [PIPELINES / "github-workflow.yml", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
SCHEMAS = {
    ROOT / "action.yml": "vendor.github-actions",
    PIPELINES / "gitlab-ci.yml": "vendor.gitlab-ci",
    **dict.fromkeys(WORKFLOWS, "vendor.github-workflows"),
}
VALID = SHOP.replace(" unique,\n    total", ",\n    total")


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


@dataclass(frozen=True)
class Step:
    """How a step of the action ended."""

    status: int
    out: str
    outputs: dict[str, str]


class Runner:
    """Runs the steps of action.yml as GitHub's runner does: bash with its options, inputs in the environment."""

    def __init__(self, folder: Path) -> None:
        self.workspace = folder
        self.temp = folder.parent / "runner-temp"
        self.temp.mkdir()
        self.action = load(ROOT / "action.yml")

    def run(self, number: int, **inputs: str) -> Step:
        """Run one step; `inputs` are named with underscores."""
        given = {name: str(spec.get("default", "")) for name, spec in self.action["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        step = self.action["runs"]["steps"][number]
        script, output = self.temp / "step.sh", self.temp / "output"
        script.write_text(step["run"])
        output.write_text("")
        environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
            "VALIDATE_SCHEMA_SCRATCH": os.environ.get("VALIDATE_SCHEMA_SCRATCH", ""),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_PATH": str(self.temp / "path"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"),
            "RUNNER_TEMP": str(self.temp),
        } | {name: _expand(value, given) for name, value in step["env"].items()}
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace / _expand(step.get("working-directory", "."), given),
            env={name: value for name, value in environment.items() if value or name.startswith("INPUT_")},
            check=False,
            capture_output=True,
            text=True,
        )
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        return Step(ran.returncode, ran.stdout + ran.stderr, outputs)

    def validate(self, **inputs: str) -> Step:
        """Run the second step, with what the first would have installed."""
        program = self.temp / "validate-schema" / "bin" / "validate-schema"
        program.parent.mkdir(parents=True, exist_ok=True)
        if not program.exists():
            program.symlink_to(BIN / "validate-schema")
        return self.run(1, **inputs)


def _expand(text: str, inputs: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: inputs[found[1]], text)


@pytest.fixture
def runner(terminal: Terminal, tmp_path: Path) -> Runner:
    workspace = tmp_path / "work space"
    workspace.mkdir()
    for name, text in {
        "validate-schema.toml": SHOP_CONFIG,
        "db/001_shop.sql": SHOP,
        "good/001_shop.sql": VALID,
    }.items():
        (workspace / name).parent.mkdir(exist_ok=True)
        (workspace / name).write_text(text)
    return Runner(workspace)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_pipeline_is_what_its_platform_reads(path: Path) -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", SCHEMAS[path], str(path)]
    ran = subprocess.run(command, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def steps_of(path: Path) -> list[dict[str, Any]]:
    """Return the steps of a workflow, or of the action."""
    read = load(path)
    parts = [read["runs"]] if "runs" in read else read["jobs"].values()
    return [step for part in parts for step in part.get("steps", [])]


@pytest.mark.parametrize("path", [ROOT / "action.yml", *WORKFLOWS], ids=lambda path: path.name)
def test_nothing_that_a_user_gives_is_part_of_a_script(path: Path) -> None:
    for step in steps_of(path):
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "docs" / "ci.md"], ids=lambda path: path.name)
def test_what_a_workflow_takes_from_others_is_named_by_its_digest(path: Path) -> None:
    used = re.findall(r"uses: *(\S+)", path.read_text())
    foreign = [name for name in used if not name.startswith(("OWNER/validate-schema@", "./"))]
    assert foreign
    assert [name for name in foreign if not re.search(r"@[0-9a-f]{40}$", name)] == []


def test_every_input_reaches_a_step_and_every_output_comes_from_one() -> None:
    action = load(ROOT / "action.yml")
    steps = action["runs"]["steps"]
    used = set(re.findall(r"inputs\.([\w-]+)", str(steps)))
    assert used == set(action["inputs"])
    named = {re.search(r"outputs\.([\w-]+)", o["value"])[1] for o in action["outputs"].values()}  # type: ignore[index]
    assert named == set(action["outputs"])
    assert {name for step in steps for name in step["env"]} == set(
        re.findall(r"\$\{?(INPUT_\w+)", "".join(step["run"] for step in steps))
    )


def test_the_action_reports_a_failure_where_pull_requests_show_it(runner: Runner) -> None:
    step = runner.validate(migrations="db", select="UNQ")
    assert (step.status, step.outputs) == (
        1,
        {
            "verdict": "FAIL",
            "exit-code": "1",
            "sarif": "schema-report.sarif",
            "json": "schema-report.json",
            "html": "schema-report.html",
        },
    )
    assert "::error file=db/001_shop.sql,line=12,title=UNQ001 purchase.purchase_number_key::" in step.out
    assert "UNQ001" in (runner.temp / "summary").read_text()
    assert '"uri": "db/001_shop.sql"' in (runner.workspace / "schema-report.sarif").read_text()


def test_the_action_passes_and_measures_against_a_baseline(runner: Runner) -> None:
    good = runner.validate(migrations="good", select="UNQ", report="base.json")
    assert (good.status, good.outputs["verdict"]) == (0, "PASS")
    known = runner.validate(migrations="db", select="UNQ", fail_on="never", report="base.json")
    same = runner.validate(
        migrations="db", select="UNQ", fail_on="new", baseline="base.json", report="new.json\njunit.xml\n"
    )
    assert (known.status, same.status, same.outputs["xml"]) == (0, 0, "junit.xml")


def test_a_database_is_named_by_the_environment_alone(runner: Runner, shop: Database) -> None:
    step = runner.validate(database_url=shop.conninfo, select="UNQ", report="r.json")
    both = runner.validate(database_url=shop.conninfo, migrations="db")
    assert (step.status, step.outputs["json"]) == (1, "r.json")
    assert shop.conninfo not in step.out + (runner.workspace / "r.json").read_text()
    assert (both.status, both.outputs) == (2, {"verdict": "ERROR", "exit-code": "2"})


def test_a_folder_of_its_own_is_part_of_the_paths(runner: Runner) -> None:
    backend = runner.workspace / "backend"
    backend.mkdir()
    (runner.workspace / ".git").mkdir()
    (runner.workspace / "db").rename(backend / "db")
    step = runner.validate(migrations="db", working_directory="backend", select="UNQ", report="r.sarif\nr.md")
    assert (step.outputs["sarif"], step.outputs["md"]) == ("backend/r.sarif", "backend/r.md")
    assert "file=backend/db/001_shop.sql,line=12" in step.out


@pytest.mark.parametrize(
    "name", ["migrations", "select", "config", "report", "contract", "baseline", "prove", "fail_on", "tool"]
)
def test_an_input_runs_nothing(runner: Runner, name: str) -> None:
    hostile = "$(touch pwned)`touch pwned`\"; touch pwned; #' ${HOME} --help\n--database-url=x"
    step = runner.validate(**({"migrations": "db"} | {name: hostile}))
    assert not (runner.workspace / "pwned").exists()
    assert step.status in (1, 2, 3)
    assert set(step.outputs) <= {"verdict", "exit-code", "html", "json", "sarif"}


def test_what_an_earlier_run_left_is_not_taken_for_a_report(runner: Runner) -> None:
    (runner.workspace / "schema-report.sarif").write_text("{}")
    step = runner.validate(migrations="nowhere")
    assert (step.status, step.outputs) == (2, {"verdict": "ERROR", "exit-code": "2"})


PYTHON = """#!/bin/sh
echo "$@" >> "{log}"
if [ "$3" = venv ]; then mkdir -p "$4/bin" && cp "$0" "$4/bin/python"; fi
"""


@pytest.mark.parametrize(
    ("version", "installed"), [("", str(ROOT)), ("0.1.0", "validate-schema==0.1.0"), ("installed", None)]
)
def test_the_action_installs_its_own_code_or_the_version_asked_for(
    runner: Runner, version: str, installed: str | None
) -> None:
    python, log = runner.temp / "python", runner.temp / "log"
    python.write_text(PYTHON.format(log=log))
    python.chmod(0o755)
    step = runner.run(0, version=version, python=str(python))
    said = log.read_text().splitlines() if log.exists() else []
    home = runner.temp / "validate-schema"
    assert step.status == 0
    if installed is None:
        assert said == []
        return
    assert said == [
        f"-I -m venv {home}",
        f"-I -m pip install --quiet --disable-pip-version-check --constraint {ROOT}/constraints.txt {installed}",
    ]
    assert not (runner.temp / "path").exists(), "the PATH of later steps is theirs"


def test_the_action_imports_nothing_of_the_checkout(runner: Runner) -> None:
    (runner.workspace / "venv.py").write_text("open('pwned', 'w')")
    (runner.workspace / "pip.py").write_text("open('pwned', 'w')")
    runner.run(0, version="0.0.0.0", python=sys.executable)
    assert not (runner.workspace / "pwned").exists()


def test_what_is_installed_already_is_taken_from_the_path(runner: Runner) -> None:
    step = runner.run(1, migrations="db", select="UNQ", version="installed")
    assert step.outputs["verdict"] == "FAIL"


def test_a_version_that_is_none_is_refused(runner: Runner) -> None:
    assert runner.run(0, version="1.0; touch pwned", python="false").status == 2
    assert not (runner.workspace / "pwned").exists()


def test_the_workflow_uses_only_what_the_action_offers() -> None:
    action, workflow = load(ROOT / "action.yml"), (PIPELINES / "github-workflow.yml").read_text()
    (step,) = [
        s
        for s in load(PIPELINES / "github-workflow.yml")["jobs"]["schema"]["steps"]
        if s.get("id") == "schema"
    ]
    assert set(step["with"]) <= set(action["inputs"])
    assert set(re.findall(r"steps\.schema\.outputs\.([\w-]+)", workflow)) <= set(action["outputs"])


def command(line: str, folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {n: v for n, v in os.environ.items() if n != "DATABASE_URL" and not n.startswith("PG")}
    return subprocess.run(
        ["bash", "-euc", line],
        cwd=folder,
        env=kept | {"PATH": f"{BIN}:{os.environ['PATH']}"} | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_hook_of_pre_commit_runs(terminal: Terminal) -> None:
    (hook,) = load(ROOT / ".pre-commit-hooks.yaml")
    assert {"id", "name", "entry", "language"} <= set(hook)
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    terminal.write("migrations/001_shop.sql", VALID)
    line = shlex.join([*shlex.split(hook["entry"]), *hook["args"], "--select", "UNQ001"])
    good = command(line, terminal.folder)
    terminal.write("migrations/001_shop.sql", SHOP)
    bad = command(line, terminal.folder)
    assert (good.returncode, bad.returncode) == (0, 1)
    matches = [
        bool(re.search(hook["files"], name))
        for name in ("db/1.sql", "a/schema.prisma", "validate-schema.toml", "a.py")
    ]
    assert matches == [True, True, True, False]


def test_the_script_of_gitlab_leaves_the_files_that_its_artifacts_name(terminal: Terminal) -> None:
    job = load(PIPELINES / "gitlab-ci.yml")["validate-schema"]
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    terminal.write("db/migrations/001_shop.sql", SHOP)
    assert job["before_script"] == ["pip install --quiet validate-schema"]
    ran = command("\n".join(job["script"]), terminal.folder)
    named = [*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()]
    assert ran.returncode == 1
    assert [name for name in named if not (terminal.folder / name).is_file()] == []
    quality = (terminal.folder / job["artifacts"]["reports"]["codequality"]).read_text()
    assert '"path": "db/migrations/001_shop.sql"' in quality


def test_the_job_of_kubernetes_examines_with_a_role_that_can_only_read(
    terminal: Terminal, shop: Database
) -> None:
    pod = load(PIPELINES / "kubernetes-job.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    terminal.write("config/validate-schema.toml", SHOP_CONFIG)
    (terminal.folder / "reports").mkdir()
    arguments = [a.replace("=/", f"={terminal.folder}/") for a in container["args"]]
    assert [e["name"] for e in container["env"] if "valueFrom" in e] == ["DATABASE_URL"]
    line = shlex.join([*container["command"], *arguments])
    ran = command(line, Path("/"), DATABASE_URL=shop.conninfo)
    metrics = (terminal.folder / "reports" / "schema.prom").read_text()
    assert ran.returncode == 1
    assert metrics.endswith("# EOF\n")
    assert (terminal.folder / "reports" / "schema.json").is_file()


def test_the_job_of_kubernetes_keeps_to_the_restricted_standard() -> None:
    """Source: Kubernetes documentation, "Pod Security Standards", Restricted."""
    pod = load(PIPELINES / "kubernetes-job.yaml")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    writable = [m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")]
    assert all(
        any(a.split("=")[1].startswith(w) for w in writable) for a in container["args"] if "--report" in a
    )
