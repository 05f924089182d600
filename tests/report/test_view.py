"""What the report shows: cards, promises, the matrix, the map, the rollback."""

import tomllib

import msgspec
import pytest

from tests import fix_report
from tests.fix_report import finding, key, on_table, report, result, table
from validate_schema.checking.remedy.online import add_foreign_key, add_unique, set_not_null
from validate_schema.checking.remedy.policy import enable_row_security
from validate_schema.checking.remedy.steps import adopt_index, create_index, create_policy, drop_constraint
from validate_schema.model.catalog import Column, QName, Table
from validate_schema.model.finding import ObjectRef, Remedy, Severity, Step
from validate_schema.model.report import Counts, TenancyFacts
from validate_schema.report import render
from validate_schema.report.cards import cards
from validate_schema.report.graph import graph
from validate_schema.report.headline import figures, summary
from validate_schema.report.map import FULL_TABLES, tenancy_map
from validate_schema.report.matrix import COLUMNS, by_group, rows
from validate_schema.report.mermaid import MAX_CHARACTERS, MAX_EDGES, mermaid
from validate_schema.report.promises import Line, promises
from validate_schema.report.rollback import Rollback, rollback
from validate_schema.report.view import View


def test_forty_tables_with_one_defect_are_one_card_with_forty_names() -> None:
    names = [f"table_{n:02}" for n in range(40)]
    found = [
        finding("RLS001", on_table(n), f"Row security is off on {n}", remedy=fix_report.enable(n))
        for n in names
    ]
    (card,) = cards(report(findings=found))
    assert [o.label for o in card.objects] == names
    assert card.alike
    assert card.statements == 40
    assert card.sql.count("\n") == 39


@pytest.mark.parametrize(
    "messages",
    [
        ("Task.orgId is nullable", "Run.orgId is nullable"),
        ("unique (slug) lacks orgId", "unique (name, repo_id) lacks orgId"),
        ("7 rows of Task", "12 rows of Run"),
        ('"odd name" is open', '"other name" is open'),
    ],
)
def test_messages_that_differ_only_in_names_and_figures_share_a_card(messages: tuple[str, str]) -> None:
    refs = (ObjectRef("column", "public", "Task", "orgId"), ObjectRef("column", "public", "Run", "orgId"))
    made = cards(report(findings=[finding("TEN002", r, m) for r, m in zip(refs, messages, strict=True)]))
    assert [len(c.objects) for c in made] == [2]


def test_messages_that_say_something_else_are_cards_of_their_own() -> None:
    made = cards(
        report(
            findings=[
                finding("RLS005", on_table("a"), "a lets every row through"),
                finding("RLS005", on_table("b"), "b compares the wrong column"),
                finding("RLS005", on_table("c"), "c lets every row through", severity=Severity.WARNING),
            ]
        )
    )
    assert [[o.label for o in c.objects] for c in made] == [["a"], ["b"], ["c"]]


def test_a_card_states_once_what_its_objects_share_and_each_what_differs() -> None:
    one = finding("IDX002", on_table("a"), "a lacks an index", expected="an index", observed="nothing")
    two = finding("IDX002", on_table("b"), "b lacks an index", expected="an index", observed="a partial one")
    (card,) = cards(report(findings=[one, two]))
    assert (card.expected, card.observed) == ("an index", "")
    assert [(o.expected, o.observed) for o in card.objects] == [("", "nothing"), ("", "a partial one")]
    assert not card.alike


def test_the_sentences_that_notes_begin_with_are_said_once() -> None:
    notes = [
        "Set the tenant first. It reads a.",
        "Set the tenant first.",
        "Set the tenant first. It reads b.",
    ]
    found = [
        finding("RLS001", on_table(f"t{n}"), "off", remedy=Remedy(note=note)) for n, note in enumerate(notes)
    ]
    (card,) = cards(report(findings=found))
    assert card.note == "Set the tenant first."
    assert [o.note for o in card.objects] == ["It reads a.", "", "It reads b."]


def test_notes_that_begin_differently_stay_whole() -> None:
    notes = ["Set the tenant. It reads a.", "Set the tenants. It reads a."]
    found = [
        finding("RLS001", on_table(f"t{n}"), "off", remedy=Remedy(note=note)) for n, note in enumerate(notes)
    ]
    (card,) = cards(report(findings=found))
    assert (card.note, [o.note for o in card.objects]) == ("", notes)


def test_cards_come_worst_first_then_closest_to_a_leak() -> None:
    made = cards(
        report(
            findings=[
                finding("IDX001", on_table("a"), "m"),
                finding("RLS001", on_table("a"), "m", severity=Severity.WARNING),
                finding("UNQ001", on_table("a"), "m"),
                finding("RLS003", on_table("a"), "m"),
            ]
        )
    )
    assert [c.check for c in made] == ["RLS003", "RLS001", "UNQ001", "IDX001"]


def test_a_card_keeps_its_anchor_when_words_and_neighbours_change() -> None:
    (before,) = cards(report(findings=[finding("RLS001", on_table("a"), "off")]))
    after = cards(
        report(findings=[finding("ISO001", on_table("z"), "leak"), finding("RLS001", on_table("a"), "other")])
    )
    assert after[1].anchor == before.anchor


def test_the_lines_that_accept_a_finding_are_toml_with_its_very_name() -> None:
    for name in fix_report.HOSTILE:
        (card,) = cards(report(findings=[finding("RLS001", on_table(name), "off")]))
        (accepted,) = tomllib.loads(card.accept)["checks"]["suppress"]
        assert accepted == {
            "check": "RLS001",
            "object": name,
            "reason": "",
            "owner": "",
            "expires": "2026-04-15",
        }


def test_promises_are_kept_broken_or_unexamined() -> None:
    checks = [
        result("TEN002", "t", 3),
        result("UNQ001", "t", 3, 2, suppressed=1, findings=1),
        result("FKY001", "t", 4, passed=2, skipped=2, status="skipped", reason="time-out"),
        result("RLS001", "t", 0, status="skipped", reason="no tenancy"),
        result("RLS002", "t", 0),
    ]
    lines = {line.check: line for line in promises(report(checks=checks))}
    assert [lines[c.id] for c in checks] == [
        Line("ok", "3 of 3 tenant columns are NOT NULL", "", "TEN002"),
        Line("bad", "1 of 3 uniques on tenant tables are scoped to the tenant", "1 accepted", "UNQ001"),
        Line(
            "none",
            "2 of 4 foreign keys between tenant tables carry the tenant",
            "2 could not be examined: time-out",
            "FKY001",
        ),
        Line("none", "tenant and inherited tables have row-level security", "no tenancy", "RLS001"),
        Line(
            "none",
            "0 of 0 tables force row-level security on their owner",
            "there are none to examine",
            "RLS002",
        ),
    ]


@pytest.mark.parametrize(
    ("rows_", "mark", "text"),
    [
        (0, "ok", "0 rows with a NULL orgId"),
        (1, "bad", "1 row with a NULL orgId"),
        (None, "none", "rows with a NULL orgId"),
    ],
)
def test_null_rows_are_a_promise_only_when_counted(rows_: int | None, mark: str, text: str) -> None:
    made = promises(report(counts=Counts(tables=1, tenant_tables=1, null_tenant_rows=rows_)))
    (line,) = [line for line in made if "NULL orgId" in line.text]
    assert (line.mark, line.text) == (mark, text)


def test_a_declared_tenant_table_without_its_column_breaks_the_promise() -> None:
    lines = promises(report([table("a"), table("b", tenant_column=None, type=None)]))
    assert Line("bad", "1 of 2 tenant tables have orgId", "", "TEN001") in lines


def test_a_name_with_braces_is_printed_as_it_is() -> None:
    odd = TenancyFacts(identified=True, root="{n}", column="{0}", root_key="{x!r}")
    lines = promises(report([table("a")], checks=[result("TEN003", "t", 1)], tenancy=odd))
    assert {"1 of 1 tenant tables have {0}", "1 of 1 tenant columns have the type of {n}.{x!r}"} <= {
        x.text for x in lines
    }


def test_nothing_counts_as_proven_without_a_proof() -> None:
    sample = fix_report.small()
    assert [(f.value, f.mark) for f in figures(sample)] == [
        ("1 of 2", "bad"),
        ("0 of 1", "bad"),
        ("1 of 2", "bad"),
        ("–", "none"),
    ]


def test_a_share_is_a_hundred_only_when_nothing_is_missing() -> None:
    many = report(counts=Counts(tenant_tables=1000, protected_tables=999))
    assert figures(many)[0].share == 99


def test_the_summary_names_every_class_of_table() -> None:
    assert summary(fix_report.small()) == (
        "4 findings: 2 errors, 1 warning, 1 info, 1 accepted.",
        "7 tables: 1 root, 2 tenant, 1 inherited, 1 global, 1 exempt, 1 unclassified.",
        "10 checks looked at 28 objects: 2 passed, 4 failed, 1 undecided, 1 not applicable, 2 could not run.",
    )


def test_the_matrix_has_a_row_per_table_and_says_each_promise_in_words() -> None:
    made = {row.label: row for row in rows(fix_report.small())}
    assert list(made) == ["Organization", "Project", "Task", "Comment", "Country", "Queue", "Stray"]
    names = [name for name, _ in COLUMNS]
    task = dict(zip(names, ((c.mark, c.text) for c in made["Task"].cells), strict=True))
    assert task == {
        "column": (None, "orgId"),
        "NOT NULL": ("bad", "nullable"),
        "type": (None, "uuid"),
        "root key": ("ok", "yes"),
        "uniques": ("none", "none"),
        "keys": ("bad", "1 of 2"),
        "index": ("ok", "yes"),
        "RLS": ("bad", "off"),
        "forced": ("none", "n/a"),
        "reads": ("bad", "open"),
        "writes": ("bad", "open"),
        "proven": ("none", "no"),
    }
    assert made["Task"].worst == "error"
    assert [check for check, *_ in made["Task"].by_check] == ["RLS001", "TEN002", "FKY001"]
    assert {c.mark for c in made["Country"].cells} == {"none"}
    assert made["Project"].accepted == 1


def _reads(checks: list, findings: list) -> tuple[str | None, str]:
    (row,) = rows(report([table("a")], findings, checks))
    return row.cells[9].mark, row.cells[9].text


def test_reads_count_as_bound_only_when_the_deciding_checks_ran() -> None:
    deciding = [result(id, "t", 1) for id in ("RLS003", "RLS005", "RLS007", "RLS008", "RLS018")]
    assert _reads(deciding, []) == ("ok", "bound")
    for one in deciding:
        others = [check for check in deciding if check is not one]
        assert _reads(others, []) == ("none", "unknown")
        assert _reads([changed_status(one), *others], []) == ("none", "unknown")
    open_ = finding("RLS005", ObjectRef("policy", "public", "a", "p"), "open")
    assert _reads(deciding, [open_]) == ("bad", "open")
    unsure = finding("RLS014", ObjectRef("policy", "public", "a", "p"), "?", severity=Severity.INFO)
    assert _reads(deciding, [unsure]) == ("none", "unverified")


def changed_status(check):
    return msgspec.structs.replace(check, status="skipped", reason="no")


def test_tables_are_grouped_as_configured_or_else_by_class() -> None:
    plain = [table("a"), table("b", "global"), table("c")]
    assert [(t, [r.label for r in m]) for t, m in by_group(report(plain))] == [
        ("Tenant tables", ["a", "c"]),
        ("Global tables", ["b"]),
    ]
    grouped = [table("a", group="Core"), *plain[1:]]
    assert [(t, [r.label for r in m]) for t, m in by_group(report(grouped))] == [
        ("Core", ["a"]),
        ("Other tables", ["b", "c"]),
    ]


def test_layers_follow_the_longest_way_from_the_root_and_survive_a_circle() -> None:
    tables = [
        table("Organization", "root"),
        table("a"),
        table("b", fks=(key("1", ("aId",), "a", False), key("2", ("orgId",), "Organization", None))),
        table("c", fks=(key("3", ("bId",), "b", True), key("4", ("aId",), "a", False))),
        table("x", fks=(key("5", ("yId",), "y", False),)),
        table("y", fks=(key("6", ("xId",), "x", False), key("7", ("yId",), "y", True))),
        table("g", "global"),
    ]
    drawn = graph(report(tables))
    assert drawn.layer == {0: 0, 1: 1, 2: 2, 3: 3, 4: 2, 5: 1}
    assert [(e.child, e.parent) for e in drawn.edges] == [(1, 0), (2, 1), (3, 2), (3, 1), (4, 5), (5, 4)]
    assert [(e.child, e.parent) for e in drawn.loops] == [(5, 5)]
    assert drawn.apart == {"global": (6,), "exempt": (), "unclassified": ()}


def test_the_map_draws_every_table_once_and_marks_what_may_cross() -> None:
    drawn = tenancy_map(fix_report.small())
    assert sorted(b.href for b in drawn.boxes) == [f"#t-{n}" for n in range(1, 8)]
    task = next(b for b in drawn.boxes if b.text == "Task")
    assert [(k.text, k.state) for k in task.keys] == [
        ("✗ projectId", "unsafe"),
        ("✓ orgId, parentId ↺", "safe"),
    ]
    assert sorted(p.state for p in drawn.paths) == ["plain", "plain", "unsafe"]
    assert drawn.description == (
        "4 owned tables up to 3 steps from the tenant root. 1 foreign key may cross tenants."
    )


def test_boxes_of_the_map_never_overlap() -> None:
    for sample in (
        fix_report.small(),
        fix_report.large(FULL_TABLES),
        fix_report.large(500),
        fix_report.hostile(),
    ):
        boxes = sorted(tenancy_map(sample).boxes, key=lambda b: (b.x, b.y))
        for n, one in enumerate(boxes):
            for other in boxes[n + 1 : n + 40]:
                apart = (
                    one.x + one.width <= other.x
                    or other.x + other.width <= one.x
                    or one.y + one.height <= other.y
                    or other.y + other.height <= one.y
                )
                assert apart, (one, other)


def test_a_large_map_lists_tables_by_distance_and_counts_unsafe_keys() -> None:
    drawn = tenancy_map(fix_report.large(500))
    assert not drawn.full
    assert drawn.paths == ()
    assert len(drawn.boxes) == 500
    assert drawn.captions[0].text == "tenant root · 1 table"
    assert all(
        b.x >= 0 and b.x + b.width <= drawn.width and b.y + b.height <= drawn.height for b in drawn.boxes
    )


def test_a_long_chain_of_tables_is_no_problem() -> None:
    names = [f"t{n}" for n in range(3000)]
    chain = [
        table(n, fks=(key("k", ("p",), names[i + 1], False),) if i + 1 < len(names) else ())
        for i, n in enumerate(names)
    ]
    assert max(graph(report(chain)).layer.values()) == 3000


def test_mermaid_stays_under_the_limits_or_gives_way() -> None:
    for number in (10, 100, 300, 500, 2000):
        text = mermaid(fix_report.large(number))
        assert len(text) < MAX_CHARACTERS
        assert text.count("-->") + text.count(".->") <= MAX_EDGES
    assert mermaid(fix_report.large(60)).startswith("flowchart LR\n")
    assert mermaid(fix_report.large(2000)) == ""


def test_mermaid_labels_hold_no_syntax() -> None:
    for line in mermaid(fix_report.hostile()).split("\n"):
        for label in line.split('"')[1::2]:
            assert all(c.isalnum() or c in " _.-→✗✓#;" for c in label), label
        assert line.count('"') in (0, 2)


A, ODD = Table("public", "a", "o"), Table("public", "a;b", "o")


def test_rollback_undoes_remedies_last_first() -> None:
    undo = rollback(
        [
            set_not_null(ODD, Column("c", "int"), 'n"n'),
            add_unique(A, ("c",), "u"),
            (*enable_row_security(A), create_policy(A.qname, "p", "USING (true)")),
        ]
    )
    assert undo.sql == (
        'DROP POLICY IF EXISTS "p" ON "public"."a";',
        'ALTER TABLE "public"."a" NO FORCE ROW LEVEL SECURITY;',
        'ALTER TABLE "public"."a" DISABLE ROW LEVEL SECURITY;',
        'ALTER TABLE "public"."a" DROP CONSTRAINT IF EXISTS "u";',
        'DROP INDEX CONCURRENTLY IF EXISTS "public"."u";',
        'ALTER TABLE "public"."a;b" ALTER COLUMN "c" DROP NOT NULL;',
    )
    assert undo.by_hand == ()


def test_an_index_that_a_constraint_takes_over_is_made_again_by_who_knows_it() -> None:
    adopt = adopt_index(A.qname, "k", "PRIMARY KEY", "i")
    back = (Step('ALTER TABLE "s"."a" DROP CONSTRAINT "k";'), Step("CREATE UNIQUE INDEX i ON s.a (x);"))
    assert rollback([(adopt,)]) == Rollback(steps=(), by_hand=(0,))
    assert rollback([(adopt,)], {adopt: back}) == Rollback(steps=back, by_hand=())


def test_a_remedy_that_drops_something_is_left_to_a_person_as_a_whole() -> None:
    swap = (
        *add_foreign_key(A, ("x",), QName("s", "b"), ("y",)),
        drop_constraint(A.qname, "old"),
    )
    plain = (create_index(msgspec.structs.replace(A, kind="partitioned"), "i", "(x)"),)
    undo = rollback([plain, swap])
    assert (undo.sql, undo.by_hand) == (('DROP INDEX IF EXISTS "public"."i";',), (1,))


def test_a_remedy_that_is_text_alone_is_left_to_a_person() -> None:
    remedy = Remedy(sql=('CREATE INDEX "i" ON "s"."a" ("x");',))
    assert rollback([remedy.steps]) == Rollback(steps=(), by_hand=(0,))


def test_next_steps_lead_from_the_worst_finding_to_what_was_not_examined() -> None:
    assert [step.text for step in View(fix_report.small()).steps] == [
        "RLS001 Row security off: Task",
        "FKY001 Reference may cross tenants: Task.Task_projectId_fkey",
        "TEN002 Tenant column may be NULL: Task.orgId",
        "ENU003 Unused enum type: Mood",
        "Make it possible to examine DAT001",
        "Make it possible to examine TBL005",
    ]


def test_sql_of_several_findings_is_listed_once() -> None:
    shared = Remedy(sql=('CREATE INDEX "i" ON "public"."a" ("c");',))
    (card,) = cards(
        report(findings=[finding("IDX001", on_table(n), f"{n} lacks it", remedy=shared) for n in "ab"])
    )
    assert card.sql == shared.sql[0]


def test_a_card_says_in_which_file_and_line_its_objects_are_made() -> None:
    far, near = "db/1.sql:3", "db/2.sql:9"

    def shown(*places: str | None) -> tuple[str, str]:
        findings = [
            finding("RLS001", on_table(f"t{n}"), "off", location=place) for n, place in enumerate(places)
        ]
        made = report(findings=findings)
        return render(made, "md"), render(made, "html")

    for page in shown(far, near):
        assert far in page
        assert near in page
    for page in shown(far, far):
        assert page.count(far) == 1
    for page in shown(None):
        assert "**Where:**" not in page
        assert "<dt>Where</dt>" not in page


def test_a_figure_over_rows_says_that_there_are_none() -> None:
    made = promises(report(counts=Counts(tables=1, tenant_tables=1, null_tenant_rows=0, empty=True)))
    (line,) = [line for line in made if "NULL orgId" in line.text]

    assert (line.mark, line.text, line.note) == ("none", "rows with a NULL orgId", "no rows to examine")
