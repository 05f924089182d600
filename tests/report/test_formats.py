"""Every format says the same, stays well-formed whatever a name holds, and loads nothing."""

import base64
import hashlib
import json
import re
from html import unescape
from pathlib import Path

import html5lib
import jsonschema
import msgspec
import pytest

from tests import fix_report
from tests.fix_isolation import cell
from validate_schema.checking.packs import resource_dir
from validate_schema.model.errors import UsageError
from validate_schema.model.report import IsolationFacts, Report
from validate_schema.report import read_report, render, render_text
from validate_schema.report.schema import report_schema, schema_text

ROOT = Path(__file__).parents[2]
NAMES = sorted(fix_report.SAMPLES)
MARKDOWN = ("md", "brief", "pr-comment")


@pytest.fixture(params=NAMES)
def report(request: pytest.FixtureRequest) -> Report:
    return fix_report.SAMPLES[request.param]()


def parse(html: str):
    """Parse strictly: any HTML error raises."""
    return html5lib.HTMLParser(
        tree=html5lib.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False
    ).parse(html)


def unfenced(markdown: str) -> list[str]:
    """The lines outside fenced blocks; fails when a fence is left open."""
    lines, fence = [], ""
    for line in markdown.split("\n"):
        if not fence and (opened := re.match(r"`{3,}", line)):
            fence = opened[0]
        elif fence:
            fence = "" if line == fence else fence
        else:
            lines.append(line)
    assert not fence
    return lines


def columns(row: str) -> int:
    """The number of cells of a GFM table row: a backslash escapes the next character."""
    bars = re.sub(r"\\.", "", row).count("|")
    return bars - 1


def test_html_is_well_formed(report: Report) -> None:
    parse(render(report, "html"))


def test_html_holds_no_script_or_style_but_ours(report: Report) -> None:
    page = parse(render(report, "html"))
    folder = resource_dir("templates")
    assert [s.text for s in page.iter("script")] == [(folder / "report.js").read_text().strip()]
    assert [s.text for s in page.iter("style")] == [(folder / "report.css").read_text().strip()]
    attributes = {name.lower() for element in page.iter() for name in element.attrib}
    assert not {a for a in attributes if a.startswith("on")}
    assert "style" not in attributes


def test_html_policy_allows_exactly_the_inline_script_and_style(report: Report) -> None:
    page = parse(render(report, "html"))
    policy = next(m.attrib["content"] for m in page.iter("meta") if m.get("http-equiv"))
    hashed = {
        tag: base64.b64encode(hashlib.sha256(next(page.iter(tag)).text.encode()).digest()).decode()
        for tag in ("style", "script")
    }
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{hashed['style']}'; script-src 'sha256-{hashed['script']}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_html_loads_nothing_and_links_only_into_itself(report: Report) -> None:
    page = parse(render(report, "html"))
    elements = list(page.iter())
    ids = [e.get("id") for e in elements if e.get("id")]
    links = [e.get("href") for e in elements if e.get("href") is not None]
    assert len(ids) == len(set(ids))
    assert [link for link in links if link[:1] != "#" or link[1:] not in ids] == []
    assert not [e for e in elements if e.get("src") or e.tag in ("link", "img", "iframe", "object", "base")]
    assert "url(" not in next(page.iter("style")).text
    assert "@import" not in next(page.iter("style")).text


def test_html_tables_have_scoped_headers_and_every_row_its_cells(report: Report) -> None:
    page = parse(render(report, "html"))
    for table in page.iter("table"):
        head = [h for h in table.iter("th") if h.get("scope") == "col"]
        assert all(h.get("scope") in ("col", "row") for h in table.iter("th"))
        for row in next(table.iter("tbody")).iter("tr"):
            assert len(list(row)) == len(head)


def test_html_shows_control_and_direction_characters_instead_of_holding_them() -> None:
    html = render(fix_report.hostile(), "html")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", html)
    assert "⟨U+202E⟩" in html


def test_a_servers_message_that_the_reason_ends_with_is_not_said_twice() -> None:
    refused = "new row violates row-level security policy"
    cells = (
        cell("Task", "read", why=f"the policy held: {refused}", observed=f"42501 {refused}"),
        cell("Task", "insert", why="nothing came back", observed="0 rows"),
    )
    page = render(
        msgspec.structs.replace(fix_report.small(), isolation=IsolationFacts(attempted=True, cells=cells)),
        "html",
    )
    assert page.count(refused) == 1
    assert '<span class="quiet">42501</span>' in page
    assert 'nothing came back <span class="quiet">0 rows</span>' in page


@pytest.mark.parametrize("format", MARKDOWN)
def test_markdown_tables_keep_their_columns(report: Report, format: str) -> None:
    width = 0
    for line in unfenced(render(report, format)):
        if not line.startswith("|"):
            width = 0
            continue
        width = width or columns(line)
        assert columns(line) == width, line


@pytest.mark.parametrize("format", MARKDOWN)
def test_markdown_holds_no_markup_but_ours(report: Report, format: str) -> None:
    code_free = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", "\n".join(unfenced(render(report, format))))
    tags = set(re.findall(r"(?<!\\)<(/?[a-zA-Z]+)", code_free))
    assert tags <= {"a", "/a", "details", "/details", "summary", "/summary", "code", "/code"}
    assert code_free.count("<details>") == code_free.count("</details>")


def test_markdown_anchors_exist(report: Report) -> None:
    text = "\n".join(unfenced(render(report, "md")))
    ids = re.findall(r'<a id="([^"]+)">', text)
    wanted = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert len(ids) == len(set(ids))
    assert wanted <= set(ids)


def test_terminal_text_holds_no_control_characters(report: Report) -> None:
    text = render(report, "txt")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_json_comes_back_as_the_same_report(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text(render(report, "json"), encoding="utf-8")
    again = read_report(path)
    assert again == report
    assert {f: render(again, f) for f in ("md", "html", "txt")} == {
        f: render(report, f) for f in ("md", "html", "txt")
    }


def test_json_satisfies_the_published_schema(report: Report) -> None:
    jsonschema.validate(json.loads(render(report, "json")), report_schema())


def test_published_schema_is_current() -> None:
    assert (ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8") == schema_text()


def test_rendering_twice_gives_the_same_text(report: Report) -> None:
    for format in ("md", "html", "json", "txt"):
        assert render(report, format) == render(report, format)


def test_an_unknown_format_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="docx"):
        render(fix_report.small(), "docx")


@pytest.mark.parametrize("name", ["small", "hostile", "large"])
def test_all_formats_count_the_same_findings(name: str) -> None:
    report = fix_report.SAMPLES[name]()
    page = parse(render(report, "html"))
    markdown = render(report, "md")
    data = json.loads(render(report, "json"))
    anchors = {e.get("id") for e in page.iter() if (e.get("id") or "").startswith("f-")}
    assert len(anchors) == len(report.findings) == len(data["findings"])
    assert len(re.findall(r'<a id="f-', markdown)) == len(report.findings)
    for severity in ("error", "warning", "info"):
        number = sum(f.severity == severity for f in report.findings)
        assert re.search(rf"\*\*{number}\*\* {severity}", markdown)
        tally = next(e for e in page.iter("li") if (e.get("class") or "").split()[:1] == [severity])
        assert "".join(tally.itertext()).split()[0] == str(number)


def test_every_check_appears_with_its_status_figures_and_reason() -> None:
    report = fix_report.small()
    signs = {
        "passed": "✓ passed",
        "failed": "✗ failed",
        "undecided": "? undecided",
        "not_applicable": "– not applicable",
        "skipped": "? skipped",
        "error": "! error",
    }
    assert {c.status for c in report.checks} == set(signs)
    expected = [
        [
            c.id, f"{c.title}{c.reason}", c.severity.value, signs[c.status],
            *(str(n) for n in (c.examined, c.passed, c.failed, c.undecided, c.skipped, c.suppressed)),
        ]
        for c in report.checks
    ]  # fmt: skip
    page = parse(render(report, "html"))
    table = next(t for t in page.iter("table") if t.get("class") == "checks")
    shown = [["".join(cell.itertext()) for cell in row] for row in next(table.iter("tbody"))]
    assert shown == expected
    markdown = render(report, "md").replace("\\", "")
    for check in report.checks:
        counted = (check.examined, check.passed, check.failed, check.undecided, check.skipped)
        figures = " | ".join(map(str, (*counted, check.suppressed)))
        row = f"| {check.id} | {check.title} | {check.severity.value} | {signs[check.status]} | {figures} |"
        if check.status == "passed" and not check.suppressed:
            row = f"✓ passed, each with how many it examined: {check.id} {check.examined}."
        elif check.status == "not_applicable":
            row = f"– not applicable, {check.reason or 'nothing to examine'}: {check.id}."
        assert row in markdown, check.id


def test_the_terminal_summary_reads_like_the_expected_output() -> None:
    assert render(fix_report.small(), "txt") == (
        """\
FAIL  4 findings at or above error

shop on db.example.org:5432, PostgreSQL 18.6, as reader

✓ 7 tables exist
✓ 14 indexes exist: 7 primary keys, 0 other unique, 7 plain
✓ 5 foreign keys defined
– no enum types  (nothing to count)
✓ 2 of 2 tenant tables have orgId
✗ 1 of 2 tenant columns are NOT NULL
✗ 0 of 1 uniques on tenant tables are scoped to the tenant  (1 accepted)
✗ 1 of 2 foreign keys between tenant tables carry the tenant
✓ 14 of 14 indexes are valid
✗ 2 of 3 tenant and inherited tables have row-level security
– policies for writing: 2 bind, 0 open, 1 undecided
– rows with a NULL orgId  (permission denied: GRANT SELECT)
– isolation proven with rows  (not proven in this run)
✓ 2 migrations in sequence

Lets a tenant past its boundary
error RLS001 Row security off
  Row security is off on Task

May let a tenant past its boundary
warning FKY001 Reference may cross tenants
  Task_projectId_fkey leads to Project without the tenant

Integrity
error TEN002 Tenant column may be NULL
  Task.orgId is nullable

Hygiene
info ENU003 Unused enum type
  no column uses Mood

not examined (1 check)
  permission denied: GRANT SELECT
  DAT001

not examined (1 check)
  internal error in TBL005: KeyError
  TBL005

next
  validate-schema fix
    writes the migration that mends what can be mended
  validate-schema explain RLS001 FKY001 TEN002
    tells why they matter
"""
    )


def test_the_expected_output_lines_are_the_same_in_every_format() -> None:
    report = fix_report.small()
    lines = render(report, "txt").split("\n\n")[2].replace("  (", " (")
    assert f"```text\n{lines}\n```" in render(report, "md")
    page = parse(render(report, "html"))
    listed = next(u for u in page.iter("ul") if u.get("class") == "lines")
    shown = [" ".join("".join(li.itertext()).split()) for li in listed]
    assert shown == [re.sub(r"[()]", "", line) for line in lines.split("\n")]


def test_colour_is_added_to_the_words_and_never_replaces_them() -> None:
    report = fix_report.small()
    colored = render_text(report, color=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", colored) == render_text(report, color=False)
    assert colored.startswith("\x1b[1;31mFAIL\x1b[0m")


def test_a_quiet_summary_is_the_verdict_line() -> None:
    assert render_text(fix_report.small(), quiet=True) == "FAIL  4 findings at or above error\n"


def test_hidden_findings_are_counted_in_the_summary() -> None:
    text = render_text(fix_report.small(), min_severity="error")
    assert "FKY001" not in text
    assert "\n\n2 findings below error not shown\n\n" in text


def test_without_a_tenancy_the_report_asks_for_it_and_claims_nothing() -> None:
    report = fix_report.unidentified()
    html, markdown = unescape(render(report, "html")), render(report, "md")
    summary = render(report, "txt")
    assert (
        '  [tenancy]\n  root = "org"\n  column = "org_id"\n  setting = "app.tenant_id"\n  candidate: '
        in summary
    )
    for text in (html, markdown):
        assert '[tenancy]\nroot = "org"\ncolumn = "org_id"\nsetting = "app.tenant_id"' in text
        assert "account" in text
        assert "Not drawn: the tenant root was not identified" in text
    page = parse(render(report, "html"))
    figures = next(u for u in page.iter("ul") if u.get("class") == "figures")
    assert [li.get("class") for li in figures] == ["none"] * 4


def test_parts_without_data_say_so() -> None:
    for format in ("html", "md"):
        text = render(fix_report.empty(), format)
        assert "Not part of this run: no rows were written or read as two tenants" in text
        assert "Not part of this run." in text
        assert "There are no tables." in text


def test_large_reports_stay_within_their_size() -> None:
    assert len(render(fix_report.large(27), "html").encode()) < 120_000
    assert len(render(fix_report.large(500), "html").encode()) < 700_000
    assert len(render(fix_report.large(500), "md").encode()) < 1_000_000


def luminance(color: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def themes() -> dict[str, dict[str, str]]:
    css = (resource_dir("templates") / "report.css").read_text()
    blocks = re.findall(r"(:root[^{]*)\{([^}]*--paper[^}]*)\}", css)
    palettes = [
        dict(
            re.findall(
                r"--([\w-]+): (#[0-9a-f]{6});",
                body.replace("#fff;", "#ffffff;")
                .replace("#000;", "#000000;")
                .replace("#444;", "#444444;")
                .replace("#bbb;", "#bbbbbb;"),
            )
        )
        for _, body in blocks
    ]
    light, media, dark, paper = palettes
    assert media == dark
    return {"light": light, "dark": light | dark, "print": light | paper}


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_contrasts_with_its_ground(theme: str) -> None:
    colors = themes()[theme]
    texts = ("ink", "soft", "accent", "bad", "warn", "ok", "info", "strong")
    grounds = ("paper", "sheet", "sunk", "bad-wash")
    low = {
        (text, ground): round(contrast(colors[text], colors[ground]), 2)
        for text in texts
        for ground in grounds
        if contrast(colors[text], colors[ground]) < 4.5
    }
    assert low == {}
    for verdict in ("pass", "fail", "incomplete"):
        assert contrast("#ffffff", colors[f"{verdict}-fill"]) >= 4.5
    assert contrast(colors["paper"], colors["strong"]) >= 4.5
