"""What is too large, too deep or without an end is refused in one line that names the limit and its key."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.fix_cli import SHOP_CONFIG, Terminal
from validate_schema.config import Config, parse_toml
from validate_schema.model.errors import ConfigError
from validate_schema.model.limits import CONFIG_BYTES, Limits, limits, use
from validate_schema.scratch import Database
from validate_schema.sql.parser import Unreadable, parse_messages


@pytest.fixture(autouse=True)
def as_before() -> object:
    yield
    use(Limits())


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(".".join("a" * 50_000) + " = 1", id="dotted key"),
        pytest.param(" . ".join(['"a"'] * 50_000) + " = 1", id="dotted, quoted, spaced"),
        pytest.param("[" + ".".join("a" * 50_000) + "]", id="dotted table"),
        pytest.param("x = {" + ".".join("a" * 50_000) + " = 1}", id="dotted, inline"),
        pytest.param("a = " + "[" * 100_000, id="arrays"),
        pytest.param("a = " + "{a = " * 100_000, id="inline tables"),
    ],
)
def test_a_config_that_nests_too_deep_is_refused_at_once(text: str) -> None:
    with pytest.raises(ConfigError, match="nest deeper than 50"):
        parse_toml(text, "x.toml")


def test_dots_in_texts_comments_and_numbers_nest_nothing() -> None:
    dots = "." * 200
    text = f'# {dots}\n[report]\ntitle = "{dots}"\ngroups = {{ \'a{dots}\' = ["b"] }}\n'
    text += f"[tenancy]\nplaceholders = ['''{dots}''', '{dots}']\n"
    assert parse_toml(text, "x.toml").report.title == dots


def test_a_config_has_a_size_that_no_config_raises(terminal: Terminal) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG + "#" * CONFIG_BYTES)
    ran = terminal.run("--snapshot", "x.json")

    assert ran.status == 2
    assert (
        f"validate-schema.toml: holds {CONFIG_BYTES + len(SHOP_CONFIG)} bytes; a config has" in ran.complaint
    )


@pytest.mark.parametrize(
    ("key", "arguments"),
    [
        ("migration_bytes", ("--migrations", "sql")),
        ("migrations_bytes", ("--migrations", "sql")),
        ("statements", ("--migrations", "sql")),
        ("contract_bytes", ("--migrations", "sql", "--contract", "schema.prisma")),
        ("snapshot_bytes", ("--snapshot", "big.json")),
        ("report_bytes", ("--migrations", "sql", "--baseline", "big.json")),
    ],
)
def test_what_is_too_large_is_named_with_the_key(
    terminal: Terminal, key: str, arguments: tuple[str, ...]
) -> None:
    least = {"migrations_bytes": 40, "statements": 1}.get(key, 25)
    terminal.write("validate-schema.toml", f"[limits]\n{key} = {least}\n")
    terminal.write("sql/001_a.sql", "create table a (id int);\ncreate table b (id int);\n")
    terminal.write("schema.prisma", "model A { id Int @id }\n" * 5)
    terminal.write("big.json", json.dumps({"x": "y" * 100}))
    ran = terminal.run(*arguments)

    assert ran.status == 2
    assert ran.complaint.endswith(f"([limits] {key})")


def test_limits_are_in_force_for_the_run_that_names_them() -> None:
    assert limits() == Limits() == Config().limits


@pytest.mark.parametrize("text", ["/*" * 50_000 + "*/" * 50_000 + " select 1", "select 1 " + "+" * 200_000])
def test_what_a_lexer_would_never_end_with_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable, match=r"comments that nest deeper|an operator that is longer"):
        parse_messages(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/*" * 50_000 + "*/" * 50_000, "comments that nest deeper than 5000"),
        ("select 1 " + "+" * 200_000, "an operator that is longer than any"),
    ],
)
def test_no_such_migration_is_given_to_a_server(terminal: Terminal, text: str, said: str) -> None:
    terminal.write("sql/001_a.sql", f"create table a (id int);\n{text};\n")
    ran = terminal.run("--migrations", "sql")

    assert ran.status == 2
    assert ran.complaint.endswith(f"001_a.sql: holds {said}")


@pytest.mark.parametrize(
    "text", ["select '" + "=" * 5_000 + "'", "select 1 --" + "-" * 5_000, "/*" + "*" * 5_000 + "/ select 1"]
)
def test_what_only_looks_like_it_is_read(text: str) -> None:
    assert len(parse_messages(text)) == 1


NEVER = {
    "sleep": "select pg_sleep(600);",
    "catches": """do $$ begin loop
        begin perform pg_sleep(600); exception when query_canceled then null; end;
    end loop; end $$;""",
}


@pytest.mark.parametrize("kind", NEVER)
def test_a_migration_without_an_end_is_ended_and_named(terminal: Terminal, kind: str) -> None:
    terminal.write("validate-schema.toml", "[limits]\nmigration_seconds = 1\n")
    terminal.write("sql/001_a.sql", "create table a (id int primary key);\n")
    terminal.write("sql/002_b.sql", NEVER[kind] + "\n")
    ran = terminal.run("--migrations", "sql")

    assert ran.status == 3, ran
    assert "002_b.sql:1:" in ran.complaint
    assert ran.complaint.endswith("did not end within 1 s ([limits] migration_seconds)")


def test_a_run_without_an_end_is_ended(terminal: Terminal, shop: Database) -> None:
    with shop.connect() as locker:
        locker.execute("lock table pg_catalog.pg_policy in access exclusive mode")
        ran = terminal.run("--database-url", shop.conninfo, "--timeout", "1")

    assert ran.status == 3
    said = r"error: the run did not end within 1 s( while .*)? \(--timeout, \[limits\] seconds\)"
    assert re.fullmatch(said, ran.complaints[-1])


def test_all_counts_together_have_a_limit(terminal: Terminal, shop: Database) -> None:
    terminal.write("validate-schema.toml", SHOP_CONFIG + "[limits]\ncounting_seconds = 1\n")
    with shop.connect(autocommit=True) as admin:
        admin.execute("alter table customer alter org_id drop not null")
    from validate_schema.evidence import rows

    used = iter([0.0])
    monkey = pytest.MonkeyPatch()
    monkey.setattr(rows, "monotonic", lambda: next(used, 10.0))
    try:
        ran = terminal.run("--database-url", shop.conninfo, "--format", "json")
    finally:
        monkey.undo()
    assert "took longer than 1 s ([limits] counting_seconds)" in ran.out


def test_a_full_disk_is_not_the_fault_of_what_is_written(terminal: Terminal) -> None:
    """Standard output onto a full device: one line, and no verdict."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "validate_schema", "checks"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
            check=False,
        )
    assert (ran.returncode, ran.stderr) == (3, "error: No space left on device\n")


def test_a_migration_that_fills_the_disk_is_not_at_fault(terminal: Terminal) -> None:
    """The scratch server stands on a small file system of its own."""
    cache = Path(tempfile.mkdtemp(prefix="small-", dir="/tmp"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=150m,mode=711", "tmpfs", cache], check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    terminal.write("sql/001_a.sql", "create table a (id int primary key);\n")
    filling = "create table b as select repeat('x', 1000) from generate_series(1, 500000);\n"
    terminal.write("sql/002_b.sql", filling)
    try:
        process = terminal.start("--migrations", "sql", VALIDATE_SCHEMA_SCRATCH=str(cache))
        out, err = process.communicate()
    finally:
        subprocess.run(["umount", "--lazy", cache], check=True)
        cache.rmdir()

    assert process.returncode == 3, (out, err)
    assert "FAIL" not in out, out
    assert "002_b.sql:1: create table b as select" in err, (out, err)
    assert "the scratch server could not go on: " in err


@pytest.mark.parametrize("kind", ["pipe", "link to a device"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["--snapshot", "m/1_odd.sql"],
        ["--config", "m/1_odd.sql", "--migrations", "m"],
        ["--migrations", "m"],
        ["render", "m/1_odd.sql"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_has_no_end_is_not_read(terminal: Terminal, kind: str, arguments: list[str]) -> None:
    odd = terminal.folder / "m" / "1_odd.sql"
    odd.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(odd)
    else:
        odd.symlink_to("/dev/zero")
    ran = terminal.run(*arguments)
    assert ran.status == 2
    assert "m/1_odd.sql: " in ran.complaint
