"""The short forms, the order of findings, and how long a report may become."""

import json

import msgspec
import pytest

from tests import fix_report
from tests.fix_cli import Terminal
from tests.fix_report import finding, on_table, report, result, table
from validate_schema.model.finding import Finding, ObjectRef, Severity
from validate_schema.model.report import (
    AskedFacts,
    BaselineFacts,
    MembershipFacts,
    Provenance,
    Report,
    TenancyFacts,
)
from validate_schema.report import render, render_text
from validate_schema.report.cards import cards
from validate_schema.report.causes import causes

PAGE = 50  # lines
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["shop_app"]
"""


def schema(tables: int) -> str:
    """A schema in which most tables break several promises, and some let rows out."""
    lines = [
        "do $$ begin create role shop_app; exception when duplicate_object then null; end $$;",
        "create table organization (id uuid primary key, name text not null);",
    ]
    for n in range(tables - 1):
        name, bound = f"thing_{n:03d}", "org_id = current_setting('app.tenant_id')::uuid"
        parent = f", parent_id uuid references thing_{n - 1:03d} (id)" if n % 3 else ""
        lines.append(
            f"create table {name} (id uuid primary key, org_id uuid{'' if n % 5 == 4 else ' not null'}"
            f" references organization (id){parent}, code text unique, label text, state text);"
            f"create index {name}_label on {name} (label); create index {name}_two on {name} (label, state);"
            f"grant select, insert, update, delete on {name} to shop_app;"
        )
        if n % 4 != 3:
            lines.append(
                f"alter table {name} enable row level security;"
                f"create policy own on {name} using ({'true' if n % 7 == 5 else bound});"
            )
        if n % 4 in (0, 1):
            lines.append(f"alter table {name} force row level security;")
    return "\n".join(lines)


@pytest.mark.parametrize(("tables", "most", "proof"), [(15, 600, "--prove"), (144, 3000, "--no-prove")])
def test_reports_are_as_long_as_somebody_reads(
    terminal: Terminal, tables: int, most: int, proof: str
) -> None:
    terminal.write("validate-schema.toml", CONFIG)
    terminal.write("db/001_all.sql", schema(tables))
    terminal.run("--migrations", "db", proof, "--report", "full.md", "--report", "brief.md")
    full, brief = ((terminal.folder / name).read_text().count("\n") for name in ("full.md", "brief.md"))

    assert 0 < full <= most
    assert 0 < brief <= 3 * PAGE


def test_a_brief_has_verdict_claims_with_limits_risks_and_provenance() -> None:
    text = render(fix_report.SAMPLES["tried"](), "brief")
    small = render(fix_report.small(), "brief")

    assert "**FAIL**" in small.splitlines()[2]
    row = next(line for line in text.splitlines() if "No statement of one tenant" in line)
    assert "made-up rows" in row
    assert "what the application does by itself" in row
    assert "| – | No statement of one tenant reaches another's rows: not tried |" in small
    assert "| ✗ | 1 of 2 foreign keys between tenants' tables" in small
    assert "| the tenant column is NOT NULL | 1 | 1 | 5 |" in small
    assert "slugs are public" in small
    assert "| Command | `validate-schema --report report.md` |" in small


def test_nothing_is_claimed_where_nobody_knows_the_tenants() -> None:
    text = render(fix_report.unidentified(), "brief")

    assert "Nothing: the tenant root and column are not known." in text
    assert "✓" not in text.replace("holds ✓", "")


def test_what_lets_a_tenant_out_comes_first_and_hygiene_last() -> None:
    found = [
        finding("IDX001", on_table("a"), "m"),
        finding("RLS001", on_table("a"), "m"),
        finding("UNQ001", on_table("a"), "m"),
        finding("FKY001", on_table("a"), "m"),
        finding("RLS002", on_table("a"), "m", severity=Severity.WARNING),
        finding("TEN002", on_table("a"), "m"),
        finding("RLS011", on_table("a"), "m", severity=Severity.INFO),
        finding("ISO007", on_table("a"), "m"),
    ]
    made = cards(report(findings=found))

    assert [(c.concern, c.check) for c in made] == [
        ("out", "RLS001"),
        ("may", "FKY001"),
        ("may", "RLS002"),
        ("integrity", "ISO007"),
        ("integrity", "TEN002"),
        ("integrity", "UNQ001"),
        ("hygiene", "IDX001"),
        ("hygiene", "RLS011"),
    ]


def undecided(name: str) -> Finding:
    ref = ObjectRef("policy", "public", name, "p")
    return msgspec.structs.replace(
        finding("RLS014", ref, f"{name}.p could not be decided", severity=Severity.WARNING), undecided=True
    )


def test_undecided_policies_of_memberships_come_before_the_others() -> None:
    asked = AskedFacts(
        memberships=(MembershipFacts(table="member", tenant="org", person="u", variable="v", why="w"),)
    )
    found = [undecided(name) for name in ("aaa", "member", "zzz")]
    made = cards(
        report(
            [table("member")],
            [*found, finding("FKY001", on_table("a"), "m")],
            tenancy=TenancyFacts(identified=True, asked=asked),
        )
    )

    assert [(c.check, [o.label for o in c.objects]) for c in made] == [
        ("RLS014", ["member.p"]),
        ("FKY001", ["a"]),
        ("RLS014", ["aaa.p", "zzz.p"]),
    ]


@pytest.mark.parametrize("format", ["txt", "brief", "pr-comment"])
def test_one_cause_is_one_sentence(format: str) -> None:
    verbs = ("read", "insert", "change")
    found = [
        finding("ISO007", on_table(f"t{n}"), f"a tenant cannot {verbs[n % 3]} its rows in t{n}")
        for n in range(215)
    ]
    made = report(findings=found, checks=[result("ISO007", "A tenant is kept from its own rows", 215, 215)])
    (cause,) = causes(cards(made))
    text = render(made, format)

    assert cause.number == 215
    assert text.count("ISO007") == (2 if format == "txt" else 1)  # the command that explains it


def with_baseline(new: int, known: int) -> Report:
    """Findings of that many checks, one each."""
    made = [finding(f"ACM{n:03d}", on_table(f"t{n}"), f"fault {n}") for n in range(new + known)]
    found = [f if n < new else msgspec.structs.replace(f, status="existing") for n, f in enumerate(made)]
    return report(
        findings=found,
        baseline=BaselineFacts(file="main.json", new=new, existing=known),
        provenance=Provenance(config_path="api--x/validate-schema.toml"),
    )


def test_a_comment_has_what_is_new_first_and_what_is_known_folded() -> None:
    text = render(with_baseline(2, 1), "pr-comment")
    shown, _, folded = text.partition("<details>")

    assert "**2 new findings**" in shown
    assert ("fault 0" in shown, "fault 1" in shown, "fault 2" in shown) == (True, True, False)
    assert "fault 2" in folded


def test_a_comment_is_found_again_by_its_first_line_and_stays_short() -> None:
    text = render(with_baseline(60, 90), "pr-comment")

    assert text.splitlines()[0] == "<!-- validate-schema: api-x/validate-schema.toml -->"
    assert text.count("\n") <= 60
    assert "And 36 more kinds" in text
    assert "And 78 more kinds" in text


def test_a_name_cannot_end_the_marker() -> None:
    nasty = msgspec.structs.replace(
        with_baseline(1, 0), provenance=Provenance(config_path="a-->\n<script>--b.toml")
    )
    first = render(nasty, "pr-comment").splitlines()[0]

    assert first == "<!-- validate-schema: a-script-b.toml -->"


def placed(number: int) -> Report:
    found = [
        finding("RLS001", on_table(f"t{n}"), f"off on t{n}", location=f"db/{n}.sql:7") for n in range(number)
    ]
    return report(findings=found)


def test_the_terminal_names_file_and_line_and_verbose_names_all() -> None:
    short, long = render_text(placed(9)), render_text(placed(9), verbose=True)

    assert "  t0  db/0.sql:7\n" in short
    assert "and 6 more (--verbose names them)" in short
    assert all(f"  t{n}  db/{n}.sql:7\n" in long for n in range(9))
    assert "more" not in long


@pytest.mark.parametrize(
    ("command", "proposed"),
    [
        ("validate-schema --migrations 'a b' --fail-on error", "validate-schema fix --migrations 'a b'"),
        (
            "validate-schema --migrations=db --config=x.toml",
            "validate-schema fix --migrations db --config x.toml",
        ),
        ("validate-schema --database-url 'postgresql://u:***@h/d' --prove", "validate-schema fix"),
    ],
)
def test_the_terminal_proposes_the_next_command(command: str, proposed: str) -> None:
    ran = msgspec.structs.replace(fix_report.small(), provenance=Provenance(command=command))
    lines = render_text(ran).splitlines()

    assert f"  {proposed}" in lines
    assert "  validate-schema explain RLS001 FKY001 TEN002" in lines
    assert not any("***" in line for line in lines)


@pytest.mark.parametrize("command", ["", "validate-schema demo", "validate-schema 'open", "pytest -x"])
def test_nothing_is_proposed_after_another_command(command: str) -> None:
    ran = msgspec.structs.replace(fix_report.small(), provenance=Provenance(command=command))

    assert "\nnext\n" not in render_text(ran)


def test_what_reading_left_open_is_to_be_proven() -> None:
    ran = report(
        findings=[undecided("a")], provenance=Provenance(command="validate-schema --snapshot s.json")
    )

    assert "  validate-schema --snapshot s.json --prove\n" in render_text(ran)


def test_the_commit_stands_in_the_provenance() -> None:
    known = Provenance(git_commit="0" * 40, git_dirty=True)
    document = json.loads(render(report(provenance=known), "json"))

    assert document["provenance"]["git_dirty"] is True
    assert f"| Commit | `{'0' * 40} with changes that are not committed` |" in render(
        report(provenance=known), "brief"
    )
