"""Whatever a schema is called and however it hangs together: it is read, judged, shown and mended."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.fix_hostile import Hostile, hostile_schemas
from tests.fix_profiles import on_a_server
from tests.fix_report import TARGET
from tests.fix_server import Opener, fresh, server_versions
from tests.report.test_formats import parse
from validate_schema.catalog.reader import read_catalog
from validate_schema.catalog.snapshot import dump_snapshot, load_snapshot
from validate_schema.checking.engine import Outcome, run
from validate_schema.checking.packs import builtin_checks
from validate_schema.config import Config, DataConfig, TenancyConfig, parse_toml
from validate_schema.evidence.rows import gather
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import Catalog
from validate_schema.model.evidence import Evidence
from validate_schema.report import read_report, render
from validate_schema.report.build import Circumstances, build_report
from validate_schema.report.escape import shown_sql
from validate_schema.scratch import Database
from validate_schema.sources.build import build_contract
from validate_schema.tenancy import identify
from validate_schema.tenancy.draft import draft_config

TODAY = date(2026, 7, 1)
CHECKS = builtin_checks()
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
OURS = {"a", "br", "code", "details", "em", "hr", "strong", "summary"} | {
    "h1", "h2", "h3", "h4", "li", "ol", "p", "pre", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
FRAME = {"html", "head", "body"}
_CONCURRENTLY = re.compile(r"\A(CREATE (?:UNIQUE )?INDEX|DROP INDEX) CONCURRENTLY\b")


@dataclass(frozen=True)
class Example:
    """A drawn schema that stands in the open transaction of `conn`."""

    conn: psycopg.Connection[Any]
    hostile: Hostile
    catalog: Catalog

    def facts(self, config: Config | None = None, *, rows: bool = True) -> Facts:
        """What the checks see, by the schema's own config or another."""
        config = config or self.hostile.config
        tenancy = identify(self.catalog, config.tenancy, today=TODAY)
        facts = Facts(self.catalog, tenancy, build_contract(config, Path()), today=TODAY)
        evidence = gather(self.conn, facts, DataConfig()) if rows else Evidence(reason="no rows")
        return Facts(self.catalog, tenancy, facts.contract, evidence, today=TODAY)


class Yard:
    """A connection to each server at hand, opened when first drawn."""

    def __init__(self, server_of: Opener) -> None:
        self.server_of = server_of
        self.idle: dict[str, psycopg.Connection[Any]] = {}

    def draw(self, data: st.DataObject) -> tuple[str, Hostile]:
        name = data.draw(st.sampled_from(server_versions()))
        return name, data.draw(hostile_schemas(self.server_of(name).version_num))

    @contextmanager
    def rolled_back(self, data: st.DataObject) -> Iterator[Example]:
        """Draw a server and a schema, build it, and undo all of it afterwards."""
        name, hostile = self.draw(data)
        with self.idle[name].transaction(force_rollback=True):
            yield built(self.idle[name], hostile)


def built(conn: psycopg.Connection[Any], hostile: Hostile) -> Example:
    for statement in hostile.script:
        conn.execute(statement, prepare=False)
    return Example(conn, hostile, read_catalog(conn, default_schema=hostile.home))


@pytest.fixture(scope="module")
def yard(server_of: Opener) -> Iterator[Yard]:
    with ExitStack() as stack:
        yard = Yard(server_of)
        for name in server_versions():
            database = stack.enter_context(fresh(server_of(name)))
            yard.idle[name] = stack.enter_context(database.connect(autocommit=True))
        yield yard


def judged(facts: Facts) -> Outcome:
    """Run every check; none may break."""
    outcome = run(CHECKS, facts)
    assert [r.reason for r in outcome.results if r.status == "error"] == []
    return outcome


def texts_of(outcome: Outcome) -> Iterator[str]:
    for finding in outcome.findings:
        yield from (finding.message, finding.expected, finding.observed, finding.evidence)
        yield from (finding.remedy.note, finding.remedy.lock)
    yield from (r.reason for r in outcome.results)


def assert_harmless_html(text: str) -> None:
    page = parse(text)
    assert [(e.tag, len(e)) for e in page.iter() if e.tag in ("script", "style")] == [
        ("style", 0),
        ("script", 0),
    ]
    for element in page.iter():
        assert isinstance(element.tag, str), "a comment that a name opened"
        assert not [
            a for a in element.attrib if a.lower().startswith("on") or a in ("style", "src", "srcdoc")
        ]
        assert element.get("href", "#").startswith("#")
        assert element.tag not in ("img", "iframe", "object", "embed", "link", "base")
    assert not UNSEEN.search(text)
    for table in page.iter("table"):
        width = len([h for h in table.iter("th") if h.get("scope") == "col"])
        assert {len(row) for body in table.iter("tbody") for row in body} <= {width}


def bars(row: str) -> tuple[int, int]:
    """The bars that end a cell: as GitHub reads escapes, in pairs, and as markdown-it does."""
    return re.sub(r"\\.", "", row).count("|"), len(re.findall(r"(?<!\\)\|", row))


def assert_harmless_markdown(text: str) -> None:
    parser = MarkdownIt("commonmark", {"html": True}).enable("table")
    tables = 0
    for token in parser.parse(text):
        if token.type == "table_open":
            tables += 1
            first, last = token.map or (0, 0)
            assert len({bars(line) for line in text.split("\n")[first:last]}) == 1
            assert len(set(bars(text.split("\n")[first]))) == 1
    assert tables
    page = parse("<!DOCTYPE html><title></title>" + parser.render(text))
    # An empty comment keeps what would read as a mention or a link apart; no name ever stands in one.
    assert {e.text for e in page.iter() if not isinstance(e.tag, str)} <= {" "}
    assert {e.tag for e in page.iter() if isinstance(e.tag, str)} <= OURS | FRAME | {"title"}
    assert {a for e in page.iter() for a in e.attrib} <= {"href", "id", "class", "open", "style"}
    assert {e.get("href", "#")[:1] for e in page.iter()} == {"#"}
    assert not UNSEEN.search(text)


@on_a_server(0.25)
@given(data=st.data())
def test_every_format_stays_well_formed(
    yard: Yard, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with yard.rolled_back(data) as example:
        named = data.draw(st.booleans(), "the tenancy is declared")
        facts = example.facts(None if named else Config())
        outcome = judged(facts)
    assert [t for t in texts_of(outcome) if UNSEEN.search(t)] == []
    report = build_report(facts, outcome, "error", Circumstances(TARGET, generated_at="2026-07-01T00:00:00Z"))
    page = render(report, "html")
    assert_harmless_html(page)
    assert_harmless_markdown(render(report, "md"))
    assert not UNSEEN.search(render(report, "txt"))
    path = tmp_path_factory.mktemp("json") / "report.json"
    path.write_text(render(report, "json"), encoding="utf-8")
    again = read_report(path)
    assert again == report
    assert render(again, "html") == page


@on_a_server(0.25)
@given(data=st.data())
def test_every_remedy_runs_as_printed(yard: Yard, data: st.DataObject) -> None:
    with yard.rolled_back(data) as example:
        refused = []
        for finding in judged(example.facts()).findings:
            for statement in finding.remedy.sql:
                note(f"{finding.check} {finding.message}: {shown_sql(statement)}")
            with suppress(psycopg.Rollback), example.conn.transaction():
                try:
                    for statement in finding.remedy.sql:
                        plain = _CONCURRENTLY.sub(r"\1", shown_sql(statement))
                        example.conn.execute(plain, prepare=False)
                except psycopg.Error as error:
                    refused.append((finding.check, finding.message, plain, str(error)))
                raise psycopg.Rollback
        assert refused == []


@on_a_server(0.02)
@given(data=st.data())
def test_every_remedy_runs_outside_a_transaction_too(yard: Yard, data: st.DataObject) -> None:
    """What an earlier remedy stands in the way of gets a fresh copy of the schema."""
    name, hostile = yard.draw(data)
    server = yard.server_of(name)
    with fresh(server) as original:
        with original.connect(autocommit=True) as conn:
            findings = judged(built(conn, hostile).facts()).findings
        remedies = [f.remedy.sql for f in findings if any(map(_CONCURRENTLY.match, f.remedy.sql))]
        with server.database(original.name) as copy:
            again = [sql for sql in remedies if refused(copy, sql)]
        for sql in again:
            with server.database(original.name) as copy:
                assert refused(copy, sql) == ""


def refused(database: Database, statements: tuple[str, ...]) -> str:
    """Run the statements one by one, as printed; return what the server says against one of them."""
    with database.connect(autocommit=True) as conn:
        for statement in statements:
            try:
                conn.execute(shown_sql(statement), prepare=False)
            except psycopg.Error as error:
                return f"{statement}: {error}"
    return ""


@on_a_server(0.15)
@given(data=st.data())
def test_a_snapshot_and_a_draft_say_the_same_as_the_database(
    yard: Yard, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with yard.rolled_back(data) as example:
        facts = example.facts(rows=False)
        outcome = judged(facts)
        file = tmp_path_factory.mktemp("snapshot") / "snapshot.json"
        file.write_bytes(dump_snapshot(example.catalog))
        loaded = Example(example.conn, example.hostile, load_snapshot(file))
        assert loaded.catalog == example.catalog
        assert run(CHECKS, loaded.facts(rows=False)) == outcome
    for declared in (example.hostile.config.tenancy, TenancyConfig()):
        tenancy = identify(example.catalog, declared, today=TODAY)
        drafted = parse_toml(draft_config(example.catalog, tenancy, declared), "draft").tenancy
        again = identify(example.catalog, drafted, today=TODAY)
        assert (again.levels, again.setting, again.current_tenant, again.app_roles) == (
            tenancy.levels, tenancy.setting, tenancy.current_tenant, tenancy.app_roles,
        )  # fmt: skip
        classes = [(s.table, s.table_class, s.column, s.path) for s in tenancy.standings]
        assert [(s.table, s.table_class, s.column, s.path) for s in again.standings] == classes
