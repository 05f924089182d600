"""What reads a report is told nothing by a name: runners, GitHub's Markdown, spreadsheets, XML and JSON readers."""

import copy
import csv
import json
import random
import re
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import html5lib
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from sarif_pydantic import Sarif

from tests import fix_report
from tests.fix_cli import Terminal
from tests.fix_profiles import in_batches
from tests.fix_runners import as_github_shows, links_in, obeyed, others_obey
from validate_schema.checking.baseline import compare
from validate_schema.cli.runner import harmless
from validate_schema.model.errors import SnapshotError
from validate_schema.model.formats import FORMATS
from validate_schema.model.report import Report
from validate_schema.report import read_report, render
from validate_schema.report.comparing import render_comparison, render_trend
from validate_schema.report.escape import md_code, md_fence, md_text, shown_sql
from validate_schema.report.github import render_step_summary
from validate_schema.scratch import Database
from validate_schema.sql.ident import visible

pytest.importorskip("cmarkgfm")

ATTACKS = (
    *("::stop-commands::pwned", "  ::set-output name=sarif::/etc/passwd", "::add-mask::error", "\u3000::debug::x"),
    *("##[add-mask]FAIL", "a ##[set-env name=PATH]/tmp", "##vso[task.setvariable variable=x]y", "###[error]x"),
    *("##teamcity[buildStatus text='x']", "section_start:1:x\r\x1b[0K", "a\n::error::b", "a\r::error::b"),
    *("@all", "ping @octocat-x please", "@org/team", "a@b.example", "#1", "org/repo#12", "GH-7", "deadbeef1 x"),
    *("https://evil.example/x", "http://evil.example", "www.evil.example", "ftp://evil.example", "mailto:a@b.example"),
    *("<https://evil.example>", "<img src=x onerror=alert(1)>", "![x](https://evil.example/p.png)", "[x]: javascript:x"),
    *("[x](javascript:alert(1))", "[^1]", "[^1]: note", "- [x] done", "$x^2$", "$$y$$", "$`z`$", ":tada:", "&copy; &#64;all"),
    *("``` x", "~~~", "````mermaid", "%%{init: {}}%%", 'click a "javascript:x"', "</details>", "<!-- x", "--> x"),
    *("a|b", "|--|", ":-", "===", "---", "***", "___", "1. x", "> q", "# h", "    code", "\tx", "a\\", "`", "``a`"),
    *("=1+1", "+1", "-1", "@SUM(1)", "\t=1", " =1", "＝1", "\x9b31m", "\u202egnp.exe", "a\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301"),
    *("\ufffe", "\U000e0041", "]]>", "<![CDATA[x", "&x;", "${{ secrets.X }}", "{{ 7*7 }}", "{% x %}", "\u2028", "x" * 3000),
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(ATTACKS) | st.text(max_size=8), min_size=1, max_size=4).map(
    " ".join
) | st.lists(st.sampled_from(ATTACKS), min_size=2, max_size=3).map("".join)
OURS = {
    *("a", "br", "code", "details", "em", "h1", "h2", "h3", "h4", "hr", "li", "ol", "p", "pre", "pre lang", "strong"),
    *("summary", "table", "tbody", "td", "th", "thead", "tr", "ul", "blockquote"),
}  # fmt: skip


def everywhere(report: Report, text: str) -> Report:
    """The report with one text in the place of every other that is free."""
    document = msgspec.to_builtins(report)
    kept = {
        "severity",
        "status",
        "verdict",
        "schema_version",
        "generated_at",
        "session",
        "fail_on",
        "table_class",
        "class",
    }
    kept |= {"outcome", "probe", "reach", "command", "half", "kind"}

    def put(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: put(item, name) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [put(item, key) for item in value]
        return text if isinstance(value, str) and key not in kept else value

    return msgspec.convert(put(document, ""), Report)


SMALL = fix_report.SAMPLES["small"]()


@given(TEXTS)
def test_prose_in_markdown_links_to_nothing_and_notifies_nobody(text: str) -> None:
    for markdown in (
        str(md_text(text)),
        f"| a |\n|---|\n| {md_text(text)} |",
        f"- {md_text(text)}",
        f"x {md_code(text)} y",
    ):
        page = as_github_shows(markdown)
        assert page.links == []
        assert page.tags <= {"p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "code"}
        assert links_in(page.prose) == []
    assert not re.search(":[a-z][a-z_]*:", "".join(as_github_shows(str(md_text(text))).prose))
    shown = "".join(as_github_shows(str(md_text(text))).texts).replace("\0", "").strip()
    assert re.sub(r"\s+", " ", shown) == re.sub(r"\s+", " ", visible(text)).strip()


@given(TEXTS)
def test_code_in_markdown_is_code_to_its_end(text: str) -> None:
    page = as_github_shows(f"{md_fence(shown_sql(text), 'sql')}\n\nafter\n")
    assert page.tags <= {"pre", "pre lang", "code", "p"}
    assert "".join(page.prose).split() == ["after"]


@in_batches(6, 2000)
@given(TEXTS)
def test_a_whole_report_of_hostile_texts_acts_nowhere(text: str) -> None:
    report = everywhere(SMALL, text)
    for format in ("md", "brief", "pr-comment"):
        page = as_github_shows(render(report, format))
        assert page.tags <= OURS
        assert [link for link in page.links if not link.startswith("#")] == []
        assert links_in(page.prose) == []
    for format in set(FORMATS) - {"json", "github"}:
        said = render(report, format)
        assert obeyed(harmless(said)) == []
        assert others_obey(said) == []
        assert "##[" not in said
    assert set(obeyed(render(report, "github"))) <= {"error", "warning", "notice"}
    assert json.loads(harmless(render(report, "json"))) == json.loads(render(report, "json"))
    html5lib.HTMLParser(strict=True).parse(render(report, "html"))
    ET.fromstring(render(report, "junit"))
    Sarif.model_validate_json(render(report, "sarif"))
    json.loads(render(report, "gitlab"))
    list(text_string_to_metric_families(render(report, "openmetrics")))
    rows = list(csv.reader(StringIO(render(report, "csv"))))
    assert [c for row in rows for c in row if c.lstrip().startswith(("=", "+", "-", "@", "＝"))] == []
    assert links_in(as_github_shows(render_step_summary(report, 4_000)).prose) == []


@given(TEXTS)
def test_a_guarded_stream_holds_no_command_and_json_stays_what_it_is(text: str) -> None:
    assert obeyed(harmless(f"{text}\n{text}")) == []
    assert others_obey(harmless(text).replace("\r", "")) == []
    document = json.dumps({"a": [text]}, indent=1, ensure_ascii=False)
    assert json.loads(harmless(document)) == {"a": [text]}


BAD = (
    *("\x1b[31m", "<script>x</script>", "a\nb", "²", "x.sql:²", "x.sql:" + "9" * 5000, "javascript:alert(1)", "9" * 5000),
    *("2026-13-45T99:99:99Z", "\ud800x", -1, 0, 10**30, 1.5, None, [], {}, True, ["x"], {"a": "b"}, "../../etc/passwd:1"),
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [p for key, item in inner for p in (*[(*path, key)], *_places(item, (*path, key)))]


DOCUMENTS = [json.loads(render(fix_report.SAMPLES[name](), "json")) for name in ("small", "hostile")]
PLACES = [_places(document) for document in DOCUMENTS]


def _read(path: Path) -> tuple[Report | None, str]:
    try:
        return read_report(path), ""
    except SnapshotError as error:
        return None, str(error)
    finally:
        path.unlink()


@in_batches(12, 2000)
@given(st.integers(0, 2**32))
def test_a_saved_report_with_anything_in_it_is_refused_in_one_line_or_shown(seed: int) -> None:
    draw = random.Random(seed)
    number = draw.randrange(len(DOCUMENTS))
    document = copy.deepcopy(DOCUMENTS[number])
    for _ in range(draw.choice((1, 1, 1, 3))):
        *way, last = draw.choice(PLACES[number])
        target = document
        for step in way:
            target = target[step] if isinstance(target, dict | list) and len(target) else {}
        if isinstance(target, dict) or (isinstance(target, list) and last < len(target)):
            target[last] = draw.choice(BAD)
    path = Path(f"/dev/shm/saved-{seed}.json" if Path("/dev/shm").is_dir() else f"saved-{seed}.json")
    path.write_text(json.dumps(document))
    report, refusal = _read(path)
    if report is None:
        assert re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]{1,500}", refusal)
        return
    for format in FORMATS:
        assert render(report, format)
    ET.fromstring(render(report, "junit"))
    found = compare(SMALL, report.findings, report.suppressed, report.checks)
    for format in ("txt", "md", "json"):
        assert render_comparison(found, SMALL, report, format) + render_trend([("x", report)], format)


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"schema_version": 1, "title": ' + "[" * 100_000, '{"schema_version": NaN}', '{"schema_version": 1e999}',
     '{"schema_version": 1, "verdict": "\\u001b[31m\\nx"}', '{"schema_version": 1, "title": "\\ud800"}', "\ufeff{}", "nul\0"],
)  # fmt: skip
def test_a_saved_report_that_is_none_is_one_line_of_the_command(terminal: Terminal, text: str) -> None:
    terminal.write("r.json", text)
    terminal.write("good.json", render(SMALL, "json"))
    for arguments in (
        ["render", "r.json"],
        ["compare", "good.json", "r.json"],
        ["compare", "r.json", "good.json"],
    ):
        ran = terminal.run(*arguments)
        assert ran.status == 2
        assert re.fullmatch(r"error: [^\x00-\x1f\x7f-\x9f]{1,500}", ran.complaint)


HOSTILE_SQL = """
create table "::stop-commands::pwned" (id uuid primary key, org_id uuid references organization (id));
create table "::set-output name=sarif::/etc/passwd" (id uuid primary key, org_id uuid references organization (id));
create table "##[add-mask]FAIL" (id uuid primary key, org_id uuid references organization (id));
create table "##vso[task.complete result=Succeeded;]" (id uuid primary key, org_id uuid references organization (id));
"""


@pytest.mark.parametrize("arguments", [[], ["-q"], ["--report", "-", "--format", "md"], ["--format", "txt"], ["--format", "json"],
                                       ["--format", "html"], ["--format", "junit"], ["--no-github"]])  # fmt: skip
def test_githubs_runner_obeys_annotations_alone(
    terminal: Terminal, shop: Database, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with shop.connect(autocommit=True) as connection:
        connection.execute(HOSTILE_SQL)
    ran = terminal.run("--database-url", shop.conninfo, *arguments)
    assert ran.status in (1, 3)
    assert set(obeyed(ran.out)) | set(obeyed(ran.err)) <= {"error", "warning", "notice"}
    assert ("::error " in ran.out + ran.err) is ("--no-github" not in arguments)
    assert others_obey(ran.out + ran.err) == []


def test_the_summary_stands_where_the_runner_does_not_listen(
    terminal: Terminal, shop: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    words = set()
    for _ in range(2):
        out = terminal.run("--database-url", shop.conninfo).out
        first, *_ = out.splitlines()
        word = first.removeprefix("::stop-commands::")
        assert re.fullmatch("[0-9a-f]{32}", word)
        assert out.index("FAIL") < out.index(f"::{word}::\n") < out.index("::error ")
        words.add(word)
    assert len(words) == 2


@pytest.mark.parametrize("name", ["::add-mask::error", "##[add-mask]x", "##vso[task.x]y"])
def test_no_error_is_a_command(terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for arguments in (
        ["--snapshot", name],
        [name],
        ["--migrations", f"x\n{name}"],
        ["render", f"\n{name}"],
        ["explain", name],
    ):
        ran = terminal.run(*arguments)
        assert ran.status == 2
        assert obeyed(ran.out + ran.err) == []
        assert others_obey(ran.out + ran.err) == []
