"""Things that hang on one another, thousands deep: every check has an answer, and the right one."""

from checks.row_security import enabled
from tests.fix_shapes import facts_about, inherited_chain
from tests.fix_world import judged
from validate_schema.checking.remedy.policy import LONGEST_WAY


def test_a_policy_reads_a_bounded_number_of_tables() -> None:
    _, findings = judged(enabled, facts_about(inherited_chain(2 * LONGEST_WAY)))
    by_table = {f.object.table: f.remedy for f in findings}
    last = by_table[f"t{LONGEST_WAY:05}"].sql[0]
    assert last.count("EXISTS (SELECT 1") == 2 * LONGEST_WAY  # in USING and in WITH CHECK
    assert f'"owner_{LONGEST_WAY}"."org_id" = ' in last
    further = by_table[f"t{LONGEST_WAY + 1:05}"]
    assert further.sql == ()
    assert further.note == (
        f"The tenant is {LONGEST_WAY + 1} tables away: give t{LONGEST_WAY + 1:05} the tenant column, "
        "and then a policy on it."
    )
