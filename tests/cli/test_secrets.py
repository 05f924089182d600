"""A password that the command line, the environment or the config holds stands in no output whatever."""

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_cli import SHOP, SHOP_CONFIG, Ran, Terminal
from tests.fix_profiles import in_batches
from tests.fix_secrets import HEAD, SPELLINGS, TAIL, passwords
from validate_schema.cli.request import shown_command
from validate_schema.migrations.records import FailedMigration
from validate_schema.migrations.run.command import run_command
from validate_schema.model.formats import FORMATS
from validate_schema.scratch import Database

ODD = f"{HEAD} '\"\\@:/?#%&=$`{TAIL}"
WAYS: dict[str, list[str]] = {
    "--database-url": ["--database-url", "{}"],
    "--database-url=": ["--database-url={}"],
    "misspelt": ["--database_url={}"],
    "argument": ["{}"],
    "argument of a command": ["snapshot", "{}"],
    "snapshot": ["snapshot", "--database-url", "{}", "--output", "x.json"],
    "doctor": ["doctor", "--database-url", "{}"],
    "diff": ["diff", "{}", "a.sql"],
    "diff url:": ["diff", "a.sql", "url:{}"],
    "diff contract:": ["diff", "contract:{}", "url:postgresql://127.0.0.1:1/x"],
    "status": ["migrations", "status", "--migrations", "m", "--database-url", "{}"],
    "verify": ["migrations", "verify", "--migrations", "m", "--database-url", "{}"],
    "backup": ["migrations", "backup", "--backup", ".", "--database-url", "{}"],
    "apply": ["migrations", "apply", "--migrations", "m", "--database-url", "{}"],
    "prove": ["prove", "--database-url", "{}"],
    "fix": ["fix", "--database-url", "{}", "-o", "x.sql"],
    "init": ["init", "--database-url", "{}"],
    "--prove-live": ["--prove-live", "--database-url", "{}"],
    "--scratch": ["--migrations", "m", "--scratch", "{}"],
    "--scratch of a test": ["migrations", "test", "--migrations", "m", "--fixtures", "m", "--scratch", "{}"],
    "--contract": ["--database-url", "postgresql://127.0.0.1:1/x", "--contract", "{}"],
    "two": ["--database-url", "{}", "--migrations", "m"],
    "unknown check": ["--database-url", "{}", "--select", "NOPE01"],
}


def nothing_seen(ran: Ran) -> None:
    for part in (HEAD, TAIL):
        assert part not in ran.out
        assert part not in ran.err
    assert ran.status in (2, 3)
    assert "Traceback" not in ran.err


@in_batches(15, 2000)
@given(passwords(), st.sampled_from(sorted(SPELLINGS)), st.sampled_from(sorted(WAYS)))
def test_no_error_shows_a_password(terminal: Terminal, password: str, spelling: str, way: str) -> None:
    for path in ("m/001.sql", "a.sql"):
        terminal.write(path, "create table t (id int);")
    given = SPELLINGS[spelling](password)
    nothing_seen(terminal.run(*(a.replace("{}", given) for a in WAYS[way])))


@in_batches(15, 2000)
@given(passwords(), st.sampled_from(sorted(SPELLINGS)))
def test_no_error_shows_a_password_of_the_environment(
    terminal: Terminal, password: str, spelling: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", SPELLINGS[spelling](password))
        nothing_seen(terminal.run())
        patch.delenv("DATABASE_URL")
        for name, value in {"PGHOST": "127.0.0.1", "PGPORT": "1", "PGPASSWORD": password}.items():
            patch.setenv(name, value)
        nothing_seen(terminal.run())
        nothing_seen(terminal.run(password))


@given(
    passwords(),
    st.sampled_from(sorted(SPELLINGS)),
    st.sampled_from(["--database-url", "--scratch", "--contract"]),
)
def test_the_command_of_a_report_shows_no_password(password: str, spelling: str, option: str) -> None:
    value = SPELLINGS[spelling](password)
    for arguments in ([option, value, "--report", "r.md"], [f"{option}={value}", "-q"]):
        shown = shown_command(arguments)
        assert HEAD not in shown
        assert TAIL not in shown
        assert option in shown


def led(url: str) -> dict[str, str]:
    """The server of a URL with a password that it does not ask for: in a URL and as settings."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    settings = conninfo_to_dict(url)
    return {
        "url": f"{url}&password={quote(ODD, safe='')}",
        "settings": make_conninfo("", **settings | {"password": ODD}),
    }


KINDS = ("md", "brief.md", "pr-comment.md", "html", "json", "txt", "sarif", "xml", "csv", "prom")
REPORTS = [f"r.{kind}" for kind in KINDS]


@pytest.mark.parametrize("spelling", ["url", "settings"])
def test_no_report_shows_a_password(terminal: Terminal, shop: Database, spelling: str) -> None:
    url = led(shop.conninfo)[spelling]
    terminal.write("validate-schema.toml", SHOP_CONFIG)
    terminal.write("m/001.sql", SHOP)
    reports = [a for name in (*REPORTS, "gl-code-quality-report.json") for a in ("--report", name)]
    said = [
        terminal.run("--database-url", url, *reports, "--format", "github"),
        terminal.run("--migrations", "m", "--scratch", url, "--report", "s.json", "--report", "s.md"),
        terminal.run("--migrations", "m", f"--scratch={url}", "--report", "q.html", "-q", "--github"),
        terminal.run("snapshot", "--database-url", url, "--output", "snapshot.json"),
        terminal.run(
            "--snapshot",
            "snapshot.json",
            *(["--contract", url] if spelling == "url" else []),
            "--report",
            "c.json",
        ),
        terminal.run("diff", url, "m", "--scratch", url, "--format", "json"),
        terminal.run("doctor", "--database-url", url),
        terminal.run("render", "s.json", "--format", "html"),
    ]
    assert [ran.err for ran in said if ran.status not in (0, 1)] == []
    assert len(REPORTS) + 2 == len(FORMATS)
    for ran in said:
        assert HEAD not in ran.out + ran.err
        assert TAIL not in ran.out + ran.err
    for path in terminal.folder.iterdir():
        if path.is_file():
            assert HEAD not in path.read_text(), path
            assert TAIL not in path.read_text(), path


def test_a_command_of_migrations_is_told_without_its_password(database: Database, tmp_path: Path) -> None:
    command = f"DB_PASSWORD={HEAD} sh -c 'echo \"Error: cannot log in with --password {HEAD}\"; exit 3'"
    with pytest.raises(FailedMigration, match="failed with status 3: Error: cannot log in") as caught:
        run_command(database, command, tmp_path, 60)
    assert HEAD not in f"{caught.value}{caught.value.failure}"


def test_no_child_gets_a_password_as_an_argument(terminal: Terminal, shop: Database) -> None:
    """Each program that the run starts is written down as it is called."""
    log = terminal.folder / "calls"
    site = terminal.write("site/sitecustomize.py", SPY.format(log=str(log))).parent
    url = led(shop.conninfo)["url"]
    terminal.start("--prove", "--database-url", url, PYTHONPATH=str(site)).communicate()
    calls = log.read_text()
    assert "pg_dump" in calls
    assert HEAD not in calls
    assert TAIL not in calls


SPY = """
import sys

def hear(event, arguments):
    if event == "subprocess.Popen":
        with open({log!r}, "a") as file:
            print(arguments[:2], file=file)

sys.addaudithook(hear)
"""


def test_a_crash_leaves_no_core_file_with_a_password() -> None:
    program = (
        "import resource, sys; sys.argv = ['validate-schema', '--version']\n"
        "from validate_schema.cli import main\n"
        "try: main()\n"
        "finally: print(resource.getrlimit(resource.RLIMIT_CORE)[0])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "0"
