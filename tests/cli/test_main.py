"""The command line: what it says, what it writes, and how it exits."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.fix_cli import SHOP, SHOP_CONFIG, Terminal
from validate_schema.cli.output import use_color
from validate_schema.scratch import Database


def test_the_bare_run_prints_a_summary_and_fails_on_an_error(terminal: Terminal, shop: Database) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    ran = terminal.run("--database-url", shop.conninfo)

    assert ran.status == 1
    assert ran.complaints == []
    assert "FAIL" in ran.out.splitlines()[0]
    assert "UNQ001" in ran.out


def test_reports_are_written_in_the_format_of_their_suffix(terminal: Terminal, shop: Database) -> None:
    ran = terminal.run(
        "--database-url", shop.conninfo, "--report", "a.md", "--report", "a.html", "--report", "a.json"
    )

    assert ran.status == 1
    assert (terminal.folder / "a.md").read_text().startswith("# ")
    assert "<!doctype html>" in (terminal.folder / "a.html").read_text().lower()
    assert json.loads((terminal.folder / "a.json").read_text())["verdict"] == "FAIL"
    assert ran.out.splitlines()[-3:] == ["report: a.md", "report: a.html", "report: a.json"]


def test_a_report_on_standard_output_is_alone_there(terminal: Terminal, shop: Database) -> None:
    ran = terminal.run("--database-url", shop.conninfo, "--report", "-", "--format", "json")

    assert json.loads(ran.out)["exit_code"] == ran.status == 1


def test_format_without_report_chooses_what_standard_output_holds(terminal: Terminal, shop: Database) -> None:
    ran = terminal.run("--database-url", shop.conninfo, "--format", "md")

    assert ran.out.startswith("# ")


@pytest.mark.parametrize(("level", "status"), [("error", 1), ("warning", 1), ("info", 1), ("never", 0)])
def test_the_gate_sets_the_exit_status(terminal: Terminal, shop: Database, level: str, status: int) -> None:
    assert terminal.run("--database-url", shop.conninfo, "--fail-on", level).status == status


def test_hiding_findings_never_changes_the_verdict(terminal: Terminal, shop: Database) -> None:
    shown = terminal.run("--database-url", shop.conninfo, "--fail-on", "info", "--select", "FKY008")
    hidden = terminal.run(
        "--database-url", shop.conninfo, "--fail-on", "info", "--select", "FKY008", "--min-severity", "error"
    )

    assert (shown.status, hidden.status) == (1, 1)
    assert "FKY008" in shown.out
    assert "FKY008" not in hidden.out


def test_quiet_leaves_the_verdict_line(terminal: Terminal, shop: Database) -> None:
    (line,) = terminal.run("--database-url", shop.conninfo, "--quiet").out.splitlines()

    assert line.startswith(("✗ FAIL", "FAIL"))


def test_quiet_is_told_of_no_progress(
    terminal: Terminal, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("validate_schema.model.progress.PATIENCE_SECONDS", 0.0)
    told = terminal.run("--database-url", shop.conninfo)
    quiet = terminal.run("--database-url", shop.conninfo, "--quiet")
    proof = terminal.run("prove", "--database-url", shop.conninfo, "--quiet")

    assert " …\n" in told.err
    assert (quiet.err, proof.err) == ("", "")


@pytest.mark.parametrize(
    ("said", "colored"),
    [
        ("", False),
        ("FORCE_COLOR", True),
        ("FORCE_COLOR NO_COLOR", False),
        ("FORCE_COLOR --no-color", False),
        ("NO_COLOR --color", True),
    ],
)
def test_the_environment_decides_on_colour_unless_an_option_does(
    terminal: Terminal, shop: Database, monkeypatch: pytest.MonkeyPatch, said: str, colored: bool
) -> None:
    options = [word for word in said.split() if word.startswith("--")]
    for name in set(said.split()) - set(options):
        monkeypatch.setenv(name, "1")

    assert ("\x1b[" in terminal.run("--database-url", shop.conninfo, *options).out) is colored


@pytest.mark.parametrize(("term", "colored"), [("xterm", True), ("dumb", False)])
def test_a_dumb_terminal_gets_no_colour(monkeypatch: pytest.MonkeyPatch, term: str, colored: bool) -> None:
    monkeypatch.setenv("TERM", term)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    device, screen = os.openpty()
    with open(screen, "w") as stream:
        assert use_color(None, stream) is colored
    os.close(device)


def test_verbose_names_every_object(terminal: Terminal) -> None:
    tables = "".join(
        f"create table t{n} (id uuid primary key, org_id uuid not null references organization (id));\n"
        for n in range(9)
    )
    terminal.write("db/001_all.sql", f"create table organization (id uuid primary key);\n{tables}")
    arguments = ("--migrations", "db", "--select", "IDX001")
    short, long = terminal.run(*arguments), terminal.run(*arguments, "--verbose")

    assert "and 6 more (--verbose names them)" in short.out
    assert [f"  t{n}  db/001_all.sql:{n + 2}" in long.out.splitlines() for n in range(9)] == [True] * 9


def commit(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_commit_is_known_outside_of_a_pipeline_and_whether_the_files_differ(terminal: Terminal) -> None:
    def ran() -> tuple[str, bool | None]:
        shown = json.loads(terminal.run("--migrations", "db", "--format", "json").out)["provenance"]
        return shown["git_commit"], shown["git_dirty"]

    terminal.write("db/001_shop.sql", SHOP)
    outside = ran()
    commit(terminal.folder, "init", "-q")
    commit(terminal.folder, "add", ".")
    commit(terminal.folder, "commit", "-q", "-m", "shop")
    head = commit(terminal.folder, "rev-parse", "HEAD")
    clean = ran()
    terminal.write("report.md", "of an earlier run")
    beside = ran()
    terminal.write("db/002_more.sql", "select 1;")
    added = ran()
    (terminal.folder / "db/002_more.sql").unlink()
    terminal.write("db/001_shop.sql", SHOP + "\n")

    assert outside == ("", None)
    assert [clean, beside, added, ran()] == [(head, False), (head, False), (head, True), (head, True)]


def test_selection_by_prefix_leaves_the_others_out(terminal: Terminal, shop: Database) -> None:
    ran = terminal.run(
        "--database-url", shop.conninfo, "--select", "UNQ,IDX001", "--ignore", "UNQ003", "--format", "json"
    )

    assert [c["id"] for c in json.loads(ran.out)["checks"]] == [
        "IDX001",
        "UNQ001",
        "UNQ002",
        "UNQ004",
        "UNQ005",
        "UNQ006",
        "UNQ007",
        "UNQ008",
    ]


def test_a_selection_that_leaves_no_check_is_refused(terminal: Terminal, shop: Database) -> None:
    terminal.write("all.toml", '[checks]\nselect = ["TEN"]\nignore = ["TEN"]\n')
    target = ("--database-url", shop.conninfo)

    for chosen in (("--select", "TEN", "--ignore", "TEN"), ("--config", "all.toml")):
        ran = terminal.run(*target, *chosen)
        assert (ran.status, len(ran.err.splitlines())) == (2, 1)
        assert "no check" in ran.err


@pytest.mark.parametrize("family", ["ISO", "HAZ", "MIG"])
def test_checks_that_want_what_is_not_there_promise_nothing(
    terminal: Terminal, shop: Database, family: str
) -> None:
    target = ("--database-url", shop.conninfo, "--no-prove")

    ran = terminal.run(*target, "--select", family)
    assert (ran.status, "no check that was selected applies" in ran.out) == (3, True)
    assert terminal.run(*target, "--select", f"{family},TBL002").status == 0


def test_the_same_database_gives_the_same_bytes(
    terminal: Terminal, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    monkeypatch.setattr("sys.argv", ["validate-schema", "--format", "json"])
    first, second = (terminal.run("--database-url", shop.conninfo, "--format", "json").out for _ in range(2))

    assert first == second
    assert json.loads(first)["generated_at"] == "2026-01-01T00:00:00Z"


def test_a_folder_of_migrations_needs_no_database(terminal: Terminal) -> None:
    terminal.write("db/001_shop.sql", SHOP)
    ran = terminal.run("--migrations", "db", "--format", "json")
    report = json.loads(ran.out)

    assert ran.status == 1
    assert report["target"]["kind"] == "migrations"
    assert report["counts"]["tables"] == 3
    assert [e["file"] for e in report["migrations"]["entries"]] == ["001_shop.sql"]


def test_two_runs_over_the_same_migrations_give_the_same_bytes(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    terminal.write("db/001_shop.sql", SHOP)
    first, second = (terminal.run("--migrations", "db", "--format", "json").out for _ in range(2))

    assert first == second


def test_a_snapshot_gives_the_findings_of_the_live_database(terminal: Terminal, shop: Database) -> None:
    taken = terminal.run("snapshot", "--database-url", shop.conninfo, "--output", "catalog.json")
    live = json.loads(terminal.run("--database-url", shop.conninfo, "--format", "json").out)
    saved = json.loads(terminal.run("--snapshot", "catalog.json", "--format", "json").out)

    assert taken.status == 0
    assert saved["findings"] == live["findings"]
    assert saved["tables"] == live["tables"]
    assert saved["target"]["fingerprint"] == live["target"]["fingerprint"]
    rows = [c for c in saved["checks"] if c["family"] == "DAT"]
    assert {(c["status"], c["reason"]) for c in rows} == {("not_applicable", "a snapshot holds no rows")}


def test_render_makes_one_format_from_anothers_json(terminal: Terminal, shop: Database) -> None:
    terminal.run(
        "--database-url", shop.conninfo, "--report", "a.json", "--report", "a.md", "--report", "a.html"
    )
    ran = terminal.run("render", "a.json", "--report", "b.md", "--report", "b.html")

    assert ran.status == 0
    for suffix in ("md", "html"):
        assert (terminal.folder / f"b.{suffix}").read_text() == (terminal.folder / f"a.{suffix}").read_text()


def test_init_writes_a_config_that_loads_and_never_clobbers(terminal: Terminal, shop: Database) -> None:
    first = terminal.run("init", "--database-url", shop.conninfo)
    written = (terminal.folder / "validate-schema.toml").read_text()
    second = terminal.run("init", "--database-url", shop.conninfo)

    assert first.status == 0
    assert 'root = "organization"' in written
    assert second.status == 2
    assert "exists" in second.complaint
    assert (terminal.folder / "validate-schema.toml").read_text() == written
    assert terminal.run("--database-url", shop.conninfo).status == 1


def test_checks_lists_every_check_and_explain_prints_its_examples(terminal: Terminal) -> None:
    listed = terminal.run("checks", "--format", "json")
    explained = terminal.run("explain", "UNQ001")

    assert len(json.loads(listed.out)) >= 60
    assert re.search(r"Fails:\n\n```sql\n.+?```\n\nPasses:\n\n```sql\n", explained.out, re.DOTALL)
    assert terminal.run("explain", "tenant-scoped").out == explained.out
    assert terminal.run("explain", "unq").out.count("\n# ") >= 4


def test_doctor_says_what_can_be_reached_and_started(terminal: Terminal, shop: Database) -> None:
    ran = terminal.run("doctor", "--database-url", shop.conninfo)

    assert ran.status == 0
    assert "✓ embedded: PostgreSQL 18" in ran.out
    assert "rows readable in 3 of 3 tables" in ran.out
    assert "confinement of scratch servers" in ran.out


def test_doctor_fails_for_a_database_that_cannot_be_reached(terminal: Terminal) -> None:
    ran = terminal.run("doctor", "--database-url", "postgresql://ana:s3cret@127.0.0.1:1/shop")

    assert ran.status == 3
    assert "s3cret" not in ran.out + ran.err


def test_demo_writes_its_reports_and_passes_though_it_finds_things(terminal: Terminal) -> None:
    ran = terminal.run("demo", "--output", "out")

    assert ran.status == 0
    assert "27 tables" in ran.out
    assert sorted(p.name for p in (terminal.folder / "out").iterdir()) == [
        "flakeguard.html",
        "flakeguard.json",
        "flakeguard.md",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_shells_script(terminal: Terminal, shell: str) -> None:
    ran = terminal.run("completion", shell)

    assert ran.status == 0
    assert "_VALIDATE_SCHEMA_COMPLETE" in ran.out


def test_help_and_version_need_nothing(terminal: Terminal) -> None:
    assert "--database-url" in terminal.run("--help").out
    assert terminal.run("--version").out.startswith("validate-schema, version ")


def test_scratch_lists_and_cleans(terminal: Terminal, prepared_home: Path) -> None:
    terminal.write("db/001_shop.sql", SHOP)
    terminal.run("--migrations", "db")

    assert "PostgreSQL 18" in terminal.run("scratch", "list").out
    assert terminal.run("scratch", "clean").status == 0


def test_the_config_chooses_checks_and_their_severity(terminal: Terminal, shop: Database) -> None:
    terminal.write(
        "validate-schema.toml",
        SHOP_CONFIG
        + '[checks]\nselect = ["FKY008", "UNQ001"]\nignore = ["FKY008"]\nseverity = { UNQ001 = "info" }\n',
    )
    ran = terminal.run("--database-url", shop.conninfo, "--format", "json")
    report = json.loads(ran.out)

    assert ran.status == 0
    assert [(f["check"], f["severity"]) for f in report["findings"]] == [("UNQ001", "info")]


def test_a_report_names_the_config_and_its_digest(terminal: Terminal, shop: Database) -> None:
    path: Path = terminal.write("validate-schema.toml", SHOP_CONFIG)
    provenance = json.loads(terminal.run("--database-url", shop.conninfo, "--format", "json").out)[
        "provenance"
    ]

    assert provenance["config_path"] == path.name
    assert len(provenance["config_sha256"]) == 64
