"""The walk-through of a pull request: its steps are run on a copy of the example, its outputs are compared."""

import shutil
from pathlib import Path

import pytest

from tests.fix_pages import BLOCK, DOCS, file_of, fits, run
from tests.rerender import EXAMPLE, MOMENT


@pytest.mark.slow
def test_the_page_shows_what_happens(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "flakeguard")
    (folder / ".git").mkdir()
    steps = BLOCK.findall((DOCS / "walkthrough.md").read_text(encoding="utf-8"))
    assert MOMENT == "1767225600"  # the day on which the page's migration is written
    last, compared = "", 0
    for language, where, body in steps:
        if language == "sh":
            last = run(body, folder, github=where == "GitHub")
        elif language == "text":
            assert fits(body, last), f"the page shows\n{body}\nand this came:\n{last}"
            compared += 1
        else:
            path, text = file_of(body)
            if not (folder / path).exists():
                (folder / path).parent.mkdir()
                (folder / path).write_text(body)
            else:
                assert fits(text, (folder / path).read_text()), (folder / path).read_text()
                compared += 1
    assert [language for language, _, _ in steps].count("sh") == 4
    assert compared == 5


def test_what_is_not_shown_is_not_anything() -> None:
    assert fits("a\n…\nb …\n", "a\nx\ny\nb c\n")
    assert fits("a\n…\nb\n", "a\nb\n")
    assert not fits("a\nb\n", "a\nx\nb\n")
    assert not fits("a …\n", "b c\n")
