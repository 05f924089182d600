"""SUP: what was accepted is judged like everything else."""

import pytest

from tests.fix_bench import Bench, execute
from tests.fix_examples import CONFIG, facts_of, flaws, look
from validate_schema.model.finding import Flaw, Remedy

KEYLESS = 'create table "Log" (org_id uuid not null references organization (id), line text)'


def accepts(check: str = "TBL005", object: str = "Log", expires: str = "") -> str:
    until = f'expires = "{expires}"' if expires else ""
    return f'{CONFIG}[[checks.suppress]]\ncheck = "{check}"\nobject = "{object}"\nreason = "Seldom."\nowner = "Ana"\n{until}'


@pytest.mark.parametrize(
    ("expires", "says"),
    [
        ("", None),
        ("2026-07-01", None),
        ("2026-06-30", "The suppression TBL005 Log has expired"),
        ("next year", "The date 'next year' of the suppression TBL005 Log cannot be read"),
        ("2026-13-01", "The date '2026-13-01' of the suppression TBL005 Log cannot be read"),
    ],
)
def test_a_suppression_holds_to_the_end_of_its_day(bench: Bench, expires: str, says: str | None) -> None:
    assert look(bench, "SUP001", KEYLESS, accepts(expires=expires)).said == ([says] if says else [])


def test_an_expired_and_an_unreadable_date_in_full(bench: Bench) -> None:
    toml = accepts(expires="2020-02-29") + "\n" + accepts(expires="soon").removeprefix(CONFIG)

    assert flaws_of_suppressions(bench, "SUP001", toml) == [
        Flaw(
            message="The suppression TBL005 Log has expired",
            expected="a date that is not past",
            observed="expired on 2020-02-29",
            remedy=Remedy(
                note="Mend what it accepts, or decide anew and set a later date. Ana accepted it. The reason given: Seldom."
            ),
        ),
        Flaw(
            message="The date 'soon' of the suppression TBL005 Log cannot be read",
            expected="a date that is not past",
            observed="soon",
            remedy=Remedy(note="Write the date as 2027-06-30. Ana accepted it. The reason given: Seldom."),
        ),
    ]


def flaws_of_suppressions(bench: Bench, id: str, toml: str) -> list[Flaw]:
    with bench.open(KEYLESS) as conn:
        execute(conn, KEYLESS)
        return flaws(id, facts_of(conn, toml))


@pytest.mark.parametrize(
    ("check", "object", "used"),
    [
        ("TBL005", "Log", True),
        ("TBL", "Log", True),
        ("TBL005", "L*g", True),
        ("TBL005", "public.Log", True),
        ("TBL005", "log", False),
        ("TBL006", "Log", False),
        ("TBL005", "Log.line", False),
    ],
)
def test_a_suppression_is_used_when_a_finding_fits_it(
    bench: Bench, check: str, object: str, used: bool
) -> None:
    found = look(bench, "SUP002", KEYLESS, accepts(check, object))

    assert found.said == ([] if used else [f"The suppression {check} {object} matches no finding"])


def test_an_unused_suppression_in_full(bench: Bench) -> None:
    assert flaws_of_suppressions(bench, "SUP002", accepts(object="Gone")) == [
        Flaw(
            message="The suppression TBL005 Gone matches no finding",
            expected="a finding that it accepts",
            observed="no finding of that check and object",
            remedy=Remedy(
                note="Remove it, or correct its object: a name as the report writes it, * for any text."
            ),
        )
    ]


def test_a_lapsed_suppression_is_one_finding_even_where_it_matches_nothing(bench: Bench) -> None:
    toml = accepts(object="Gone", expires="2020-01-01")

    assert len(look(bench, "SUP001", KEYLESS, toml).findings) == 1
    assert look(bench, "SUP002", KEYLESS, toml).result.status == "not_applicable"


def test_without_suppressions_there_is_nothing_to_judge(bench: Bench) -> None:
    assert look(bench, "SUP001", KEYLESS).result.status == "not_applicable"
    assert look(bench, "SUP002", KEYLESS).result.status == "not_applicable"
