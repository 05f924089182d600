"""What a command loads: what it uses, and not what another command would."""

import subprocess
import sys
from pathlib import Path

from validate_schema.scratch import Database

PROBE = """
import sys
from validate_schema.cli import run
status = run(sys.argv[1:])
print(status, *sys.modules, file=sys.stderr)
"""
# Every room and library that an empty database has no use for.
UNUSED = {
    *(
        "alembic",
        "django",
        "google.protobuf",
        "jinja2",
        "markdown",
        "postgast",
        "sqlalchemy",
        "tomllib",
        "yaml",
    ),
    *("difflib", "validate_schema.catalog.sqlite.opening", "validate_schema.contract.diff"),
    *("validate_schema.evidence.isolation", "validate_schema.migrations", "validate_schema.policies.judge"),
    *("validate_schema.report.view", "validate_schema.run.fix", "validate_schema.scratch.server"),
    *("validate_schema.sources.models", "validate_schema.sources.prisma", "validate_schema.testing"),
}


def loaded_by(folder: Path, *arguments: str) -> tuple[int, set[str]]:
    """Run a command line in a process of its own; return its status and the modules that are loaded."""
    command = [sys.executable, "-c", PROBE, *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    said = ran.stderr.split()
    return int(said[0]), set(said[1:])


def test_a_run_on_an_empty_database_loads_what_it_uses(tmp_path: Path, database: Database) -> None:
    status, loaded = loaded_by(tmp_path, f"--database-url={database.conninfo}")

    assert status == 3  # no table: nothing was examined
    assert "psycopg" in loaded
    assert loaded & UNUSED == set()


def test_help_loads_the_command_line_alone(tmp_path: Path) -> None:
    status, loaded = loaded_by(tmp_path, "--help")
    rooms = {name.split(".")[1] for name in loaded if name.startswith("validate_schema.")}

    assert (status, rooms) == (0, {"cli", "model"})
    assert loaded & {"psycopg", "msgspec", *UNUSED} == set()
