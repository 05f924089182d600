"""The engine counts what it examined, and a broken check never passes for a clean one."""

from collections.abc import Iterator
from datetime import date

import pytest
from msgspec.structs import replace

from validate_schema.checking.baseline import decide
from validate_schema.checking.declare import Check, Judge, Selector, check
from validate_schema.checking.engine import Outcome, fingerprint, run, select_checks
from validate_schema.checking.suppress import matches
from validate_schema.facts.facts import Facts, NotExamined, SuppressionUse
from validate_schema.model.catalog import Catalog, ConnectedRole, Server, Table
from validate_schema.model.declared import Explained
from validate_schema.model.errors import UsageError
from validate_schema.model.finding import Flaw, ObjectRef, Remedy, Severity, Undecided, Unexamined
from validate_schema.model.isolation import Isolation
from validate_schema.model.tenancy import Tenancy

SERVER = Server("18.0", 180000, "shop", ConnectedRole("reader"))
TODAY = date(2026, 1, 15)


def facts(*names: str, suppressions: tuple[SuppressionUse, ...] = ()) -> Facts:
    tables = tuple(Table("public", name, "owner") for name in names)
    return Facts(Catalog(SERVER, tables=tables), Tenancy(), suppressions=suppressions, today=TODAY)


def all_tables(facts: Facts) -> tuple[Table, ...]:
    return facts.tables


def flaw(severity: Severity | None = None) -> Flaw:
    return Flaw("is bad", "good", "bad", severity=severity)


def declared(
    id: str,
    judge: Judge,
    subjects: Selector = all_tables,
    *,
    severity: Severity = Severity.ERROR,
    needs: str = "",
    explains: tuple[Explained, ...] = (),
) -> Check:
    judge.__doc__ = "Says something."
    declare = check(
        id, "Title", subjects=subjects, severity=severity, why="Harm.", bad="x", good="y",
        needs=needs, explains=explains,
    )  # fmt: skip
    return declare(judge)


def starting_with(letter: str) -> Judge:
    def judge(table: Table, _facts: Facts) -> Flaw | None:
        return flaw() if table.name.startswith(letter) else None

    return judge


def only(outcome: Outcome) -> tuple[str, int, int, int, int]:
    (result,) = outcome.results
    return result.status, result.examined, result.passed, result.failed, result.skipped


def test_every_subject_is_counted_as_passed_or_failed() -> None:
    outcome = run([declared("AAA001", starting_with("b"))], facts("apple", "banana", "cherry"))

    assert only(outcome) == ("failed", 3, 2, 1, 0)


def test_a_check_over_nothing_is_not_applicable_and_never_passed() -> None:
    assert only(run([declared("AAA001", starting_with("b"))], facts())) == ("not_applicable", 0, 0, 0, 0)


def test_unread_evidence_is_skipped_and_makes_the_run_incomplete() -> None:
    def judge(table: Table, _facts: Facts) -> Unexamined | None:
        return Unexamined("permission denied") if table.name == "banana" else None

    outcome = run([declared("AAA001", judge)], facts("apple", "banana"))

    assert only(outcome) == ("skipped", 2, 1, 0, 1)
    assert outcome.results[0].reason == "permission denied"
    assert decide(outcome, "error") == ("INCOMPLETE", "1 check could not run: AAA001")


def test_a_selector_that_cannot_know_its_subjects_skips_the_check() -> None:
    def unknown(_facts: Facts) -> Iterator[Table]:
        raise NotExamined("no tenant root")
        yield

    outcome = run([declared("AAA001", starting_with("b"), unknown)], facts("apple"))

    assert only(outcome) == ("skipped", 0, 0, 0, 0)
    assert not outcome.complete


def test_the_words_of_a_finding_are_safe_to_print_and_its_name_and_sql_are_exact() -> None:
    def judge(table: Table, _facts: Facts) -> Flaw:
        sql = (f'DROP TABLE "{table.name}";',)
        return Flaw(*(f"{table.name}!",) * 3, Remedy(sql, *(f"{table.name}?",) * 2), evidence=table.name)

    (finding,) = run([declared("AAA001", judge)], facts("a\n\x9b\u202e")).findings

    safe = "a␊⟨U+009B⟩⟨U+202E⟩"
    assert (finding.message, finding.expected, finding.observed) == (f"{safe}!",) * 3
    assert (finding.evidence, finding.remedy.note, finding.remedy.lock) == (safe, f"{safe}?", f"{safe}?")
    assert finding.object.table == "a\n\x9b\u202e"
    assert finding.remedy.sql == ('DROP TABLE "a\n\x9b\u202e";',)


def test_a_check_that_raises_is_an_error_and_the_others_still_run() -> None:
    def broken(_table: Table, _facts: Facts) -> None:
        raise ZeroDivisionError("division by zero")

    checks = [declared("AAA001", broken), declared("AAA002", starting_with("b"))]
    outcome = run(checks, facts("apple"))

    assert [r.status for r in outcome.results] == ["error", "passed"]
    assert outcome.results[0].reason == "internal error in AAA001: ZeroDivisionError: division by zero"
    assert decide(outcome, "error")[0] == "INCOMPLETE"


def test_a_finding_outweighs_an_incomplete_run_and_incomplete_outweighs_pass() -> None:
    def broken(_table: Table, _facts: Facts) -> None:
        raise ZeroDivisionError

    checks = [declared("AAA001", broken), declared("AAA002", starting_with("b"))]

    assert decide(run(checks, facts("banana")), "error")[0] == "FAIL"
    assert decide(run(checks, facts("banana")), "never")[0] == "INCOMPLETE"


@pytest.mark.parametrize(
    ("fail_on", "verdict"),
    [("error", "PASS"), ("warning", "FAIL"), ("info", "FAIL"), ("never", "PASS")],
)
def test_the_gate_decides_which_severity_fails(fail_on: str, verdict: str) -> None:
    outcome = run([declared("AAA001", starting_with("b"), severity=Severity.WARNING)], facts("banana"))

    assert decide(outcome, fail_on)[0] == verdict


def test_a_flaw_may_carry_its_own_severity_and_the_config_overrides_both() -> None:
    def judge(_table: Table, _facts: Facts) -> Flaw:
        return flaw(Severity.INFO)

    checks = [declared("AAA001", judge)]

    assert run(checks, facts("apple")).findings[0].severity is Severity.INFO
    overridden = run(checks, facts("apple"), severities={"AAA001": Severity.WARNING})
    assert overridden.findings[0].severity is Severity.WARNING


def test_findings_are_sorted_worst_first_then_by_check_and_object() -> None:
    checks = [
        declared("BBB001", starting_with("b"), severity=Severity.WARNING),
        declared("AAA002", starting_with("")),
        declared("AAA001", starting_with("c")),
    ]
    outcome = run(checks, facts("cherry", "banana"))

    assert [(f.check, f.object.table) for f in outcome.findings] == [
        ("AAA001", "cherry"),
        ("AAA002", "banana"),
        ("AAA002", "cherry"),
        ("BBB001", "banana"),
    ]


def test_the_fingerprint_is_of_check_and_object_and_of_nothing_else() -> None:
    ref = ObjectRef("column", "public", "User", "email")

    assert fingerprint("UNQ001", ref) == "1b3768059c567306"
    assert fingerprint("UNQ001", ref) != fingerprint("UNQ002", ref)
    assert fingerprint("UNQ001", ref) != fingerprint("UNQ001", ObjectRef("column", "public", "User", "mail"))


def use(check: str, object: str, expires: date | None = None, text: str = "") -> SuppressionUse:
    return SuppressionUse(check, object, "accepted", "ana", expires, text)


def test_a_suppressed_finding_leaves_the_findings_and_keeps_its_reason() -> None:
    accepted = use("AAA001", "banana", date(2026, 2, 14))
    outcome = run([declared("AAA001", starting_with("b"))], facts("banana", suppressions=(accepted,)))

    assert outcome.findings == ()
    assert [(s.object.table, s.reason, s.owner, s.expires, s.days_left) for s in outcome.suppressed] == [
        ("banana", "accepted", "ana", "2026-02-14", 30)
    ]
    assert outcome.results[0].status == "passed"
    assert outcome.results[0].suppressed == 1


@pytest.mark.parametrize(
    "lapsed", [use("AAA001", "banana", date(2026, 1, 14)), use("AAA001", "banana", None, "soon")]
)
def test_a_lapsed_suppression_no_longer_holds(lapsed: SuppressionUse) -> None:
    outcome = run([declared("AAA001", starting_with("b"))], facts("banana", suppressions=(lapsed,)))

    assert len(outcome.findings) == 1


def test_checks_on_the_proof_learn_of_errors_that_explain_leaks() -> None:
    told: list[dict[str, tuple[ObjectRef, ...]]] = []

    def record(_table: Table, facts: Facts) -> None:
        told.append(dict(facts.told))

    def lesser(table: Table, _facts: Facts) -> Flaw | None:
        return flaw(Severity.WARNING) if table.name == "banana" else flaw()

    checks = [
        declared("ISO001", record, needs="proof"),
        declared("AAA001", starting_with("b"), explains=("rows",)),
        declared("AAA002", lesser, explains=("rows", "role")),
        declared("AAA003", starting_with("b"), severity=Severity.WARNING, explains=("rows",)),
        declared("AAA004", starting_with("b")),
    ]
    given = replace(facts("apple", "banana"), isolation=Isolation(attempted=True))
    # What a config makes of a severity has nothing to do with what a defect explains.
    run(checks, given, severities={"AAA001": Severity.INFO, "AAA003": Severity.ERROR})

    apple, banana = (ObjectRef("table", "public", name) for name in ("apple", "banana"))
    assert told == [{"rows": (banana, apple), "role": (apple,)}] * 2


def test_checks_on_suppressions_learn_what_each_suppression_matched() -> None:
    seen: list[tuple[str, int, bool]] = []

    def suppressions(facts: Facts) -> tuple[SuppressionUse, ...]:
        return facts.suppressions

    def record(entry: SuppressionUse, _facts: Facts) -> None:
        seen.append((entry.object, entry.matched, entry.judged))

    given = (use("AAA001", "b*"), use("AAA001", "x"), use("ZZZ001", "banana"), use("AAA", "banana"))
    checks = [
        declared("SUP002", record, suppressions, needs="suppressions"),
        declared("AAA001", starting_with("b")),
    ]
    run(checks, facts("banana", "berry", suppressions=given))

    assert seen == [("b*", 2, True), ("x", 0, True), ("banana", 0, False), ("banana", 1, True)]


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("User.email", "User.email", True),
        ("User.*", "User.email", True),
        ("*.email", "User.email", True),
        ("U*.*l", "User.email", True),
        ("*", "", True),
        ("a*a", "a", False),
        ("a*b*c", "abc", True),
        ("a*b*c", "acb", False),
        ("a[b]", "a[b]", True),
        ("a?b", "axb", False),
        ("user.*", "User.email", False),
    ],
)
def test_only_the_star_is_special_in_a_pattern(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


CHECKS = [declared(id, starting_with("b")) for id in ("RLS001", "RLS002", "UNQ001")]


@pytest.mark.parametrize(
    ("select", "ignore", "chosen"),
    [
        ((), (), ["RLS001", "RLS002", "UNQ001"]),
        (("RLS",), (), ["RLS001", "RLS002"]),
        (("RLS", "UNQ001"), ("RLS002",), ["RLS001", "UNQ001"]),
        ((), ("RLS",), ["UNQ001"]),
    ],
)
def test_checks_are_selected_by_prefix(
    select: tuple[str, ...], ignore: tuple[str, ...], chosen: list[str]
) -> None:
    assert [c.id for c in select_checks(CHECKS, select, ignore)] == chosen


def test_a_selection_that_matches_nothing_names_the_nearest_check() -> None:
    with pytest.raises(UsageError, match='no check is called "RLS0O1"; did you mean "RLS001"'):
        select_checks(CHECKS, ("RLS0O1",), ())


def doubtful(table: Table, _facts: Facts) -> Flaw | None:
    return (
        Flaw("may be bad", "good", "bad", severity=Severity.WARNING, undecided=True)
        if table.name == "b"
        else None
    )


def test_what_is_undecided_counts_in_the_denominator_and_keeps_a_run_from_passing() -> None:
    outcome = run([declared("AAA001", doubtful)], facts("a", "b"))

    (result,) = outcome.results
    assert (result.status, result.examined, result.passed, result.failed, result.undecided) == (
        "undecided", 2, 1, 0, 1,
    )  # fmt: skip
    for fail_on in ("error", "warning", "info", "never", "new"):
        assert decide(outcome, fail_on) == ("INCOMPLETE", "1 object undecided: AAA001")
    assert not outcome.complete


def test_what_is_undecided_passes_once_it_is_accepted_with_a_reason() -> None:
    accepted = SuppressionUse("AAA001", "b", "read by two people")
    outcome = run([declared("AAA001", doubtful)], facts("a", "b", suppressions=(accepted,)))

    (result,) = outcome.results
    assert (result.undecided, result.suppressed, result.findings) == (1, 1, 0)
    assert decide(outcome, "error")[0] == "PASS"


def test_who_accepts_a_finding_has_not_accepted_what_is_more() -> None:
    def further(_table: Table, _facts: Facts) -> Undecided:
        return Undecided("written as well", told_by="AAA001", more=True)

    checks = [declared("AAA001", starting_with("b")), declared("BBB001", further)]
    told = run(checks, facts("b"))
    read = run(checks, facts("b", suppressions=(use("AAA001", "b"),)))
    both = run(checks, facts("b", suppressions=(use("AAA001", "b"), use("BBB001", "b"))))

    assert told.undecided == {}  # the finding stands, and fails
    assert (read.undecided, decide(read, "error")[0]) == ({"BBB001": 1}, "INCOMPLETE")
    assert (both.undecided, decide(both, "error")[0]) == ({}, "PASS")


def test_what_another_check_tells_is_open_only_where_that_check_did_not_run() -> None:
    def by_another(_table: Table, _facts: Facts) -> Undecided:
        return Undecided("a function nobody can read", told_by="AAA001")

    alone = run([declared("BBB001", by_another)], facts("b"))
    beside = run([declared("AAA001", doubtful), declared("BBB001", by_another)], facts("b"))
    accepted = SuppressionUse("AAA001", "b", "read by two people")
    excused = run(
        [declared("AAA001", doubtful), declared("BBB001", by_another)], facts("b", suppressions=(accepted,))
    )

    assert decide(alone, "error") == ("INCOMPLETE", "1 object undecided: BBB001")
    assert decide(beside, "error") == ("INCOMPLETE", "1 object undecided: AAA001")
    assert decide(excused, "error")[0] == "PASS"
    assert [r.status for r in excused.results] == ["passed", "undecided"]


def test_a_shown_fault_comes_before_what_is_undecided() -> None:
    outcome = run([declared("AAA001", doubtful), declared("BBB001", starting_with("b"))], facts("a", "b"))

    assert decide(outcome, "error") == ("FAIL", "1 finding at or above error")
