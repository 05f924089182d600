"""Escaping holds for any text whatever."""

import re
import unicodedata
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fix_report import HOSTILE
from validate_schema.report.escape import (
    html_content,
    md_code,
    md_fence,
    md_text,
    mermaid_text,
    printable_sql,
    shown_sql,
    visible,
)

PARTED = "<!-- -->"  # shows as nothing, and parts what would be a link
ANY = st.text(st.characters(codec="utf-8")) | st.sampled_from(HOSTILE) | st.text("`|\\<*_[]&#x1; \n")


@given(ANY)
def test_visible_text_has_no_control_or_direction_characters(text: str) -> None:
    shown = visible(text)
    assert not [
        c for c in shown if unicodedata.category(c) == "Cc" or c in "\u202a\u202e\u2066\u2069\u200b\ufeff"
    ]
    assert visible(shown) == shown


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("orgId", "TestSuite_orgId_repositoryId_name_runId_key", "élan 🐘", "public.user"):
        assert visible(name) == name
        assert md_text(name) == name
        assert md_code(name) == f"`{name}`"


@given(ANY)
def test_a_code_span_shows_exactly_the_text_and_no_table_bar(text: str) -> None:
    span = str(md_code(text))
    if not text:
        assert span == ""
        return
    assert "|" not in span
    assert "\n" not in span
    if span.startswith("<code>"):
        body = span.removeprefix("<code>").removesuffix("</code>")
        body = body.replace(PARTED, "")
        assert unescape(body) == visible(text)
        assert "<" not in body
        return
    fence = re.match("`+", span)[0]
    body = span[len(fence) : -len(fence)]
    assert span.endswith(fence)
    assert fence not in re.findall("`+", body)
    if body.startswith(" ") and body.endswith(" ") and body.strip(" "):
        body = body[1:-1]
    assert body == visible(text)


@given(ANY)
def test_markdown_text_undone_is_the_text(text: str) -> None:
    escaped = re.sub("^&#32;", " ", str(md_text(text)).replace(PARTED, ""))
    assert "\n" not in escaped
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escaped) == visible(text)
    assert not re.search(r"(?<!\\)(?:\\\\)*[<|`*\[]", escaped)


@given(ANY)
def test_a_fence_is_longer_than_any_inside(code: str) -> None:
    first, *body, last = str(md_fence(code)).split("\n")
    assert first == last
    assert set(first) == {"`"}
    assert first not in "\n".join(body)


@given(ANY)
def test_mermaid_text_is_letters_and_entities_only(text: str) -> None:
    assert all(c.isalnum() or c in " _.-→✗✓#;" for c in mermaid_text(text))


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ('DROP TABLE "a b";', 'DROP TABLE "a b";'),
        ('DROP TABLE "a\nb";', 'DROP TABLE U&"a\\000Ab";'),
        ('DROP TABLE "a\\\u202eb""c";', 'DROP TABLE U&"a\\\\\\202Eb""c";'),
        ("SELECT 'x\x07'", "SELECT U&'x\\0007'"),
        ("SELECT 1;\n\tSELECT 2;", "SELECT 1;\n\tSELECT 2;"),
        ("SELECT \x07;", "SELECT ␇;"),
    ],
)
def test_sql_is_shown_printable_and_still_means_the_same(sql: str, shown: str) -> None:
    assert shown_sql(sql) == shown


@given(ANY)
def test_the_content_of_an_element_is_the_text_and_never_markup(text: str) -> None:
    content = html_content(text)
    assert unescape(content) == text
    assert "<" not in content
    assert not re.search(r"&(?!(?:amp|lt|gt);)", content)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_a_quoted_identifier_shown_names_the_same_object(name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    shown = printable_sql(f"DROP TABLE {quoted};")
    written = shown.removeprefix("DROP TABLE ").removesuffix(";")
    if written.startswith("U&"):
        body = written[3:-1].replace('""', '"')
        code = r"\\(\\|[0-9A-F]{4}|\+[0-9A-F]{6})"
        again = re.sub(code, lambda m: m[1] if m[1] == "\\" else chr(int(m[1].strip("+"), 16)), body)
    else:
        again = written[1:-1].replace('""', '"')
    assert again == name
    assert visible(shown) == shown


@pytest.mark.parametrize("code", [0xFDD0, 0xFDEF, 0xFFFE, 0x1FFFF, 0x10FFFE])
def test_a_noncharacter_is_told_by_its_number(code: int) -> None:
    assert visible(f"a{chr(code)}b") == f"a⟨U+{code:04X}⟩b"
    assert visible(chr(0xFDCF) + chr(0xFDF0)) == chr(0xFDCF) + chr(0xFDF0)
