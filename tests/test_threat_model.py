"""docs/threat-model.md: whatever it says is shown by a test is shown by one that exists."""

import ast
import re
from pathlib import Path

import pytest

from tests.fix_pages import DOCS

ROOT = DOCS.parent
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NAMED = _TEST.findall((DOCS / "threat-model.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _, name in NAMED])
def test_a_test_that_the_threat_model_names_exists(path: str, name: str) -> None:
    functions = {
        n.name for n in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(n, ast.FunctionDef)
    }
    assert name in functions


def test_every_attack_names_its_test() -> None:
    page = (DOCS / "threat-model.md").read_text(encoding="utf-8").partition("## What was tried")[2]
    rows = [line for line in page.splitlines() if re.match(r"\| [PDNR](, [PDNR])* \|", line)]
    assert len(rows) > 10
    assert [row for row in rows if not _TEST.search(row.rsplit("|", 2)[1])] == []


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md", "docs/ci.md"])
def test_the_threat_model_is_linked_from_where_people_look(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#]*threat-model\.md)", text)
    assert links
    assert all((Path(ROOT / page).parent / link).is_file() for link in links)
