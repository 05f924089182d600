"""What the MIG checks say of a history: what they count, what fails, where it is, and what is no pass."""

import pytest
from msgspec.structs import replace

from tests.fix_history import FOLDER, entry, eventful, facts_with, history, judged
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.facts.facts import SuppressionUse
from validate_schema.model.catalog import QName
from validate_schema.model.deploy import Asked, Deploy, Lock, Observed, Taken
from validate_schema.model.finding import ObjectRef, Severity
from validate_schema.model.history import (
    Drift,
    DryRuns,
    History,
    RepeatedDdl,
    Replay,
    SharedVersion,
    Statement,
)

LEDGER_CHECKS = ("MIG002", "MIG003", "MIG004", "MIG005", "MIG006", "MIG007")


def said(given: History, id: str) -> tuple[str, int, list[str]]:
    """Status, examined, and the objects of the findings."""
    result, findings = judged(given, id)
    return result.status, result.examined, [f.object.name for f in findings]


def test_without_migrations_nothing_applies_and_the_reason_is_given() -> None:
    for check in builtin_checks():
        if check.on_migrations and check.needs != "fixtures":
            result, _ = judged(History(), check.id)
            assert (result.status, result.reason) == (
                "not_applicable",
                "no migrations were given ([migrations] path, --migrations)",
            )


@pytest.mark.parametrize("uncounted", [False, True])
def test_what_is_read_through_is_no_pass_where_no_scan_is_counted(uncounted: bool) -> None:
    table = QName("public", "note")
    seen = Observed(file="2.sql", line=1, text="x", transaction=1, locks=(Lock(table, "ACCESS EXCLUSIVE"),))
    deploy = Deploy(examined=True, statements=(seen,), uncounted=uncounted)
    given = history(entry("1"), deploy=deploy, dry_run=DryRuns(wanted=True, examined=True))
    for id in ("HAZ003", "HAZ004"):
        result, findings = judged(given, id)
        assert (result.status, len(findings)) == ("skipped" if uncounted else "passed", 0), result
    assert judged(given, "HAZ001")[0].status == "passed"


ASKED = {
    "bound": (
        Asked(file="2.sql", question="bound", table=QName("public", "late"), detail="public.year DEFAULT"),
        "2.sql makes late a partition (public.year DEFAULT)",
        ", and some rows are outside of its bound",
    ),
    "sibling": (
        Asked(
            file="2.sql",
            question="sibling",
            table=QName("public", "rest"),
            detail="public.b FOR VALUES IN (1)",
        ),
        "2.sql makes a partition (public.b FOR VALUES IN (1))",
        ", and some rows of rest belong there",
    ),
    "unfit": (
        Asked(
            file="2.sql",
            question="unfit",
            table=QName("public", "t"),
            columns=("c",),
            detail="integer → public.pos",
        ),
        "2.sql gives t.c another type (integer → public.pos)",
        ", and some values do not fit it",
    ),
}


@pytest.mark.parametrize("question", ASKED)
def test_what_rows_do_not_bear_is_said_and_what_nobody_asked_is_info(question: str) -> None:
    asked, what, breaks = ASKED[question]
    answers = (
        replace(asked, found=True),
        replace(asked, moot=True, reason="it is not run"),
        replace(asked, found=False),
    )
    given = history(
        entry("1"), deploy=Deploy(examined=True, asked=answers), dry_run=DryRuns(wanted=True, examined=True)
    )
    _, findings = judged(given, "HAZ007")
    assert [(f.severity, f.message) for f in findings] == [
        ("error", what + breaks),
        ("info", f"{what}; whether the rows bear it is not known: it is not run"),
    ]


def test_what_the_version_before_loses_is_said() -> None:
    table, value = (
        ObjectRef.of_table(QName("public", "jan")),
        ObjectRef("enum value", "public", name="mood.calm"),
    )
    key = ObjectRef.on_table("constraint", QName("public", "item"), "item_pkey")
    taken = (
        Taken(file="2.sql", object=table, how="detached", now="year"),
        Taken(file="2.sql", object=value, how="renamed", now="quiet"),
        Taken(file="2.sql", object=key, how="unkeyed", now="id"),
    )
    given = history(
        entry("1"), deploy=Deploy(examined=True, taken=taken), dry_run=DryRuns(wanted=True, examined=True)
    )
    _, findings = judged(given, "HAZ008")
    assert {f.message: f.severity for f in findings} == {
        "2.sql: the rows of table jan are no longer rows of year, where the version before finds them": "warning",
        "2.sql: enum value mood.calm is called quiet from then on, and the version before knows the old name"
        " alone": "warning",
        "2.sql: constraint item.item_pkey is gone: an ON CONFLICT (id) of the version before, if it has one, fails"
        " from then on": "info",
    }


@pytest.mark.parametrize("id", LEDGER_CHECKS)
def test_files_alone_say_nothing_of_a_ledger(id: str) -> None:
    given = history(
        entry("1", "replayed"), ledger=None, ledger_expected=False, ledger_reason="no ledger: only files"
    )

    result, findings = judged(given, id)

    assert (result.status, result.reason, findings) == ("not_applicable", "no ledger: only files", ())


def test_a_live_database_without_a_ledger_is_no_pass() -> None:
    given = history(entry("1", "on_disk"), ledger=None, ledger_reason="no ledger of flyway in shop")

    result, findings = judged(given, "MIG002")

    assert (result.status, result.reason, findings) == ("skipped", "no ledger of flyway in shop", ())


def test_each_status_belongs_to_one_check() -> None:
    given = eventful()
    found = {id: said(given, id) for id in LEDGER_CHECKS}

    assert found == {
        "MIG002": ("failed", 12, ["12_m12.sql", "13_m13.sql"]),
        "MIG003": ("failed", 8, ["4"]),
        "MIG004": ("failed", 3, ["5_m5.sql", "6_m6.sql"]),
        "MIG005": ("failed", 8, ["7_m7.sql", "8_m8.sql", "9_m9.sql"]),
        "MIG006": ("failed", 10, ["10_m10.sql", "11_m11.sql"]),
        "MIG007": ("failed", 8, ["2_m2.sql"]),
    }


def test_a_sound_history_passes_with_its_figures() -> None:
    given = history(*(entry(v, verified=True) for v in ("1", "2", "3")))

    assert {id: said(given, id) for id in LEDGER_CHECKS} == {id: ("passed", 3, []) for id in LEDGER_CHECKS}


def test_versions_below_a_baseline_are_neither_pending_nor_applied() -> None:
    given = history(entry("1", "baseline"), entry("2"))

    assert said(given, "MIG002") == ("passed", 2, [])
    assert said(given, "MIG003") == ("passed", 1, [])


def test_a_gap_says_what_the_tool_will_do_with_it() -> None:
    (finding,) = judged(history(entry("1", "gap"), entry("2")), "MIG002")[1]

    assert finding.message == "1_m1.sql was never applied, though a later migration was: a gap"
    assert finding.remedy.note.startswith("Flyway stops at it unless outOfOrder is on")
    assert finding.location == f"{FOLDER}/1_m1.sql"


def test_line_ends_alone_are_a_warning() -> None:
    edited, ends = judged(eventful(), "MIG004")[1]

    assert (edited.severity, ends.severity) == (Severity.ERROR, Severity.WARNING)
    assert (edited.expected, edited.observed) == ("checksum aa", "checksum bb")


def test_a_file_knows_the_one_that_has_its_version() -> None:
    shared = (SharedVersion("1", ("1_a.sql", "1_b.sql", "1_c.sql")),)
    given = history(entry("1", file="1_a.sql"), entry("2"), shared=shared)

    assert said(given, "MIG001") == ("failed", 4, ["1_b.sql", "1_c.sql"])


def test_a_stray_file_says_what_it_creates_again() -> None:
    result, (finding,) = judged(eventful(), "MIG008")

    assert result.examined == 14  # twelve files, the second of version 1, and the stray one
    assert finding.message == "hotfix.sql lies among the migrations, and flyway never runs it"
    assert finding.observed == 'it creates again what a migration creates: table "T"'
    assert finding.location == f"{FOLDER}/hotfix.sql"


def test_repeated_ddl_is_counted_among_the_statements() -> None:
    result, (finding,) = judged(eventful(), "MIG009")

    assert (result.examined, result.passed) == (12, 11)
    assert finding.message == 'table "T" is created by 1_m1.sql and again by 2_m2.sql; IF NOT EXISTS hides it'
    assert finding.location == f"{FOLDER}/2_m2.sql:9"


def test_two_repeats_of_one_migration_are_two_findings() -> None:
    places = (Statement("1.sql", 1), Statement("2.sql", 2))
    repeated = tuple(RepeatedDdl(object=f'column "T"."{c}"', statements=places) for c in "ab")

    _, findings = judged(history(statements=4, repeated=repeated), "MIG009")

    assert len({f.fingerprint for f in findings}) == 2


def test_a_failing_replay_names_file_line_and_message_and_the_rest_is_no_pass() -> None:
    result, (finding,) = judged(eventful(), "MIG010")

    assert (result.status, result.examined, result.passed, result.skipped) == ("failed", 12, 1, 10)
    assert finding.message == '2_m2.sql fails on a fresh database on line 9: relation "T" already exists'
    assert finding.observed == 'PostgreSQL says: relation "T" already exists (a detail)'
    assert (finding.evidence, finding.location) == ("create table T", f"{FOLDER}/2_m2.sql:9")


def test_an_object_that_drifted_is_one_finding_with_all_its_differences() -> None:
    result, findings = judged(eventful(), "MIG011")

    assert (result.examined, result.passed) == (6, 3)  # the extra index is not among the five
    assert [(f.object.label(), f.expected, f.observed) for f in findings] == [
        ("U.c", "type: integer; nullable: no", "type: text; nullable: yes"),
        ("U.extra", "nothing", "(a, b)"),
        ("T", "table T (a integer)", "nothing"),
    ]
    assert findings[2].message == "table T is made by the migrations, and the database lacks it"


def test_lost_rows_name_the_migration_that_broke_them() -> None:
    result, (finding,) = judged(eventful(), "MIG012")

    assert (result.examined, result.passed) == (2, 1)
    assert finding.message == (
        "rows of T put in at 1 do not survive to the newest version, broken by 2_m2.sql"
    )


def test_a_dry_run_ends_at_the_first_failure() -> None:
    result, (finding,) = judged(eventful(), "MIG013")

    assert (result.examined, result.passed, result.skipped) == (2, 1, 0)
    assert finding.message == "13_m13.sql fails on a copy of this schema on line 4: no table x"


@pytest.mark.parametrize(
    ("id", "wanted"),
    [
        ("MIG010", {"replay": Replay(wanted=True, reason="no server")}),
        ("MIG011", {"drift": Drift(wanted=True, reason="no server")}),
        ("MIG013", {"dry_run": DryRuns(wanted=True, reason="no server")}),
    ],
)
def test_what_was_asked_for_and_not_done_is_no_pass(id: str, wanted: dict[str, object]) -> None:
    done, _ = judged(history(entry("1"), **wanted), id)
    unasked, _ = judged(history(entry("1")), id)

    assert (done.status, done.reason) == ("skipped", "no server")
    assert unasked.status == "not_applicable"


def test_no_migration_pending_leaves_nothing_to_try() -> None:
    result, _ = judged(history(entry("1"), dry_run=DryRuns(wanted=True, examined=True)), "MIG013")

    assert result.status == "not_applicable"


def test_without_a_schema_only_the_migrations_are_judged() -> None:
    facts = facts_with(eventful(), no_catalog="the migrations fail")

    outcome = run(builtin_checks(), facts)
    by_family: dict[str, set[str]] = {}
    for result in outcome.results:
        by_family.setdefault(result.family, set()).add(result.status)

    assert {f for f, statuses in by_family.items() if statuses != {"skipped"}} == {"MIG", "SUP"}
    assert {r.reason for r in outcome.results if r.family == "TBL"} == {"the migrations fail"}


def test_a_suppression_takes_a_file_by_its_name() -> None:
    use = SuppressionUse("MIG008", "hotfix.sql", "runs by hand, on purpose")

    result, findings = judged(eventful(), "MIG008", suppressions=(use,))

    assert (result.failed, result.suppressed, findings) == (1, 1, ())


def test_a_lock_that_was_left_behind_says_so() -> None:
    given = history(entry("1"), entry("lock", "failed", file="", why="knex_migrations_lock is taken"))

    (finding,) = judged(given, "MIG006")[1]

    assert (finding.object.name, finding.observed) == ("lock", "knex_migrations_lock is taken")
    assert (
        finding.message == "The lock of public.flyway_schema_history is held: a run is going on, or it died"
    )
