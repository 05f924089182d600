"""What a migration tool is stands in one file: in nobody else's, and a new one needs no other."""

import ast
import json
import subprocess
from collections.abc import Iterator
from hashlib import md5
from pathlib import Path

import pytest

from tests.fix_newcomer import Checkout
from tests.migrations.test_discovery import lay
from validate_schema.migrations import tools
from validate_schema.scratch import Database

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "validator" / "validate_schema"
PATCH = ROOT / "tests" / "data" / "newcomer" / "tool.patch"

# No tool's: the project's own forms of files and ledger.
OWN = {"plain", "applied-set"}
# Forms that a contract is declared in have the names of tools, a schema file or models, and so has a URL.
# A platform may have the name of its tool: the presets of the proof are about the platform.
ELSEWHERE = (
    PACKAGE / "sources",
    PACKAGE / "catalog" / "connect.py",
    PACKAGE / "config" / "shape.py",
    PACKAGE / "evidence" / "isolation" / "context.py",
)


def texts(path: Path) -> Iterator[str]:
    """Yield the strings of a module that are part of what it does: docstrings say what they like."""
    tree = ast.parse(path.read_text())
    said = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def test_no_other_file_knows_a_tool_by_name() -> None:
    known = {tool.name for tool in tools.everything()} - OWN
    records = PACKAGE / "migrations" / "tools"
    modules = [
        p for p in (*PACKAGE.rglob("*.py"), *(ROOT / "checks").glob("*.py")) if records not in p.parents
    ]
    assert len(modules) > 300
    named = {
        path.relative_to(ROOT).as_posix(): found
        for path in modules
        if not {path, *path.parents}.intersection(ELSEWHERE) and (found := known.intersection(texts(path)))
    }
    assert named == {}


def test_each_record_says_what_it_is_and_stands_under_its_own_name() -> None:
    for tool in tools.everything():
        assert (PACKAGE / "migrations" / "tools" / f"{tool.name.replace('-', '_')}.py").is_file()
        assert tool.proves.count("|") in (0, 4)
    names = [tool.name for tool in tools.everything()]
    assert len(set(names)) == len(names)


BOOKS = {
    "books/book1_org.sql": "--@shelf up\ncreate table org (id int primary key);\n--@shelf down\ndrop table org;\n",
    "books/book2_note.sql": "--@shelf up\ncreate table note (org_id int not null references org);\n",
    "books/book10_tag.sql": "--@shelf up\ncreate table tag (org_id int not null references org);\n",
    "validate-schema.toml": '[migrations]\npath = "books"\n[tenancy]\nroot = "org"\ncolumn = "org_id"\n',
}
LEDGER = "create table shelf_books (book int4 primary key, shelved_at timestamptz not null, md5 varchar(32) not null)"
DISCOVERED = """
import json
from pathlib import Path
import validate_schema
from validate_schema.migrations import discover
found = discover(Path("books"))
files = [[f.version, f.name, f.sql, f.undo_sql] for f in found.files]
print(json.dumps([str(Path(validate_schema.__file__)), found.tool, files]))
"""


def reported(ran: "subprocess.CompletedProcess[str]") -> dict[str, object]:
    assert ran.stdout, ran.stderr
    loaded: dict[str, object] = json.loads(ran.stdout)
    return loaded


@pytest.fixture
def newcomer(checkout: Checkout, tmp_path: Path) -> Checkout:
    """The project with one more tool, beside a project of that tool."""
    checkout.add(PATCH)
    lay(tmp_path, BOOKS)
    return checkout


def test_a_new_tool_is_one_file_and_its_folder_is_read(newcomer: Checkout, tmp_path: Path) -> None:
    assert newcomer.touched == ["validator/validate_schema/migrations/tools/shelf.py"]
    ran = newcomer.run("-c", DISCOVERED, cwd=tmp_path)
    home, tool, files = json.loads(ran.stdout or "[0, 0, 0]")
    assert home.startswith(str(newcomer.folder)), ran.stderr
    assert tool == "shelf"
    assert [file[:2] for file in files] == [["1", "org"], ["2", "note"], ["10", "tag"]]
    assert files[0][2:] == ["create table org (id int primary key);\n", "drop table org;\n"]


def test_the_files_of_a_new_tool_are_replayed(newcomer: Checkout, tmp_path: Path) -> None:
    report = reported(
        newcomer.run("-m", "validate_schema", "--migrations", "books", "--format", "json", cwd=tmp_path)
    )
    migrations = report["migrations"]
    assert isinstance(migrations, dict)
    assert (migrations["tool"], migrations["replay"]["applied"]) == (
        "shelf",
        ["book1_org.sql", "book2_note.sql", "book10_tag.sql"],
    )


def test_the_ledger_of_a_new_tool_is_judged_and_is_no_table_of_the_project(
    newcomer: Checkout, tmp_path: Path, database: Database
) -> None:
    with database.connect(autocommit=True) as connection:
        connection.execute(
            "create table org (id int primary key); create table note (org_id int not null references org)"
        )
        connection.execute(LEDGER.encode())
        first = md5((tmp_path / "books/book1_org.sql").read_bytes(), usedforsecurity=False).hexdigest()
        connection.execute("insert into shelf_books values (1, now(), %s), (2, now(), %s)", [first, "0" * 32])
    report = reported(
        newcomer.run(
            "-m", "validate_schema", "--database-url", database.conninfo, "--format", "json", cwd=tmp_path
        )
    )
    migrations, tables, findings = report["migrations"], report["tables"], report["findings"]
    assert isinstance(migrations, dict)
    assert isinstance(tables, list)
    assert isinstance(findings, list)
    assert [(e["version"], e["state"]) for e in migrations["entries"]] == [
        ("1", "applied"),
        ("2", "edited"),
        ("10", "pending"),
    ]
    assert [t["name"] for t in tables] == ["note", "org"]
    assert "shelf_books" not in {f["object"].get("table") for f in findings}
    remedies = {f["check"]: f["remedy"].get("note") for f in findings}
    assert remedies["MIG002"] == "Deploy it: `shelf put`."
