"""Checksums are those that the tools record: each against a value that the tool itself computed."""

from dataclasses import replace
from pathlib import Path

import pytest

from validate_schema.migrations.history.checksums import Ahead, checksum, matches
from validate_schema.migrations.records import MigrationFile
from validate_schema.migrations.tools.supabase import statements, statements_digest

S = b"create table t (id int);\n"


def file(raw: bytes = S, version: str = "1", name: str = "initial", path: str = "1_a.sql") -> MigrationFile:
    return MigrationFile(version, name, Path(path), raw.decode("utf-8-sig"), raw=raw)


RECORDED = {
    "prisma": "fb1392022b81a61d209097d28d3ccc17a0de4619aa440f5f820859a94b208102",
    "drizzle": "fb1392022b81a61d209097d28d3ccc17a0de4619aa440f5f820859a94b208102",
    "applied-set": "fb1392022b81a61d209097d28d3ccc17a0de4619aa440f5f820859a94b208102",
    "flyway": "354602754",
    "sqlx": "0e37b66c356105a67af66eb871304635b21b40de899555fa4aaf8553ad0c1f1c2529399018b3b2d9c5d1e9b4837d02d9",
    "refinery": "8597392998972394397",
    "sqitch": "aaf01a2bc32b318972d40545116ad3fb71ad4afe",
    "atlas": "9qt7vM+NwKP2hIIayQemC+4KSkzLgQS3eBuiVdY6IiU=",
    "supabase": statements_digest(["create table t (id int)"]),
    "goose": "",
}


@pytest.mark.parametrize("tool", RECORDED)
def test_the_checksum_is_the_one_that_the_tool_records(tool: str) -> None:
    assert checksum(tool, file()) == RECORDED[tool]


def test_yoyo_hashes_the_id_and_not_the_content() -> None:
    expected = "7d7e2bbc2c01d67b1660ea9f7bd086119b582b66a62e217676537ffe6324965a"
    assert checksum("yoyo", file(version="0001.a")) == expected


@pytest.mark.parametrize("tool", [t for t in RECORDED if RECORDED[t]])
def test_the_same_content_matches_and_another_does_not(tool: str) -> None:
    assert matches(tool, file(), RECORDED[tool]) == "same"
    assert matches(tool, file(b"create table u (id int);\n"), RECORDED[tool]) == "different"


@pytest.mark.parametrize("tool", ["prisma", "drizzle", "applied-set", "sqlx", "refinery", "sqitch", "atlas"])
@pytest.mark.parametrize(
    "raw", [S.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + S, b"\xef\xbb\xbf" + S.replace(b"\n", b"\r\n")]
)
def test_other_line_ends_or_a_byte_order_mark_are_told_from_an_edit(tool: str, raw: bytes) -> None:
    assert matches(tool, file(raw), RECORDED[tool]) == "line_endings"
    assert matches(tool, file(), checksum(tool, file(raw))) == "line_endings"


def test_flyway_does_not_see_line_ends_at_all() -> None:
    both = b"create table t (id int);\r\ninsert into t values (1);\r\n"
    for raw in (both, both.replace(b"\r\n", b"\n"), both.replace(b"\r\n", b""), b"\xef\xbb\xbf" + both):
        assert matches("flyway", file(raw), "521226116") == "same"


def test_prismas_first_releases_wrote_bytes_without_leading_zeros() -> None:
    recorded = "fb139222b81a61d209097d28d3ccc17a0de4619aa44f5f82859a94b20812"
    assert matches("prisma", file(), recorded) == "same"


def test_refinery_may_have_wide_versions() -> None:
    assert matches("refinery", file(), "8399496248624881107") == "same"


def test_atlas_hashes_the_files_before_along() -> None:
    first = file(path="1_a.sql")
    second = file(b"create table u (id int);\n", path="2_b.sql")
    recorded = "ActrEyqnZGyPx8de1De62DEoDtGs2Ddas0MmfG6JHEw="
    assert checksum("atlas", second, Ahead("atlas", [first])) == recorded
    assert matches("atlas", second, "h1:" + recorded, Ahead("atlas", [first])) == "same"
    assert matches("atlas", second, recorded, Ahead("atlas", [replace(first, raw=b"x")])) == "different"


@pytest.mark.parametrize(
    "written",
    [RECORDED["applied-set"].upper(), "sha256:" + RECORDED["applied-set"], "\\x" + RECORDED["applied-set"]],
)
def test_an_applied_set_may_spell_its_checksums_otherwise(written: str) -> None:
    assert matches("applied-set", file(), written) == "same"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a; b;\n-- c\n", ("a", "b", "-- c")),
        ("-- why;\na;;\n", ("-- why;\na",)),
        ("select ';', \";\"; b", ("select ';', \";\"", "b")),
        ("do $x$ a; $$ b; $x$; c", ("do $x$ a; $$ b; $x$", "c")),
        ("/* a; /* b; */ c; */ d; e", ("/* a; /* b; */ c; */ d", "e")),
        ("create rule r as on insert to t do (a; b); c", ("create rule r as on insert to t do (a; b)", "c")),
        ("create function f() begin atomic a; case when b then c end; end; d", ("create function f() begin atomic a; case when b then c end; end", "d")),
        ("a\\;b; c", ("a\\;b", "c")),
        ("$1; b", ("$1", "b")),
        ("'open; end", ("'open; end",)),
        ("", ()),
    ],
)  # fmt: skip
def test_supabase_cuts_at_semicolons_that_end_a_statement(text: str, expected: tuple[str, ...]) -> None:
    assert statements(text) == expected
