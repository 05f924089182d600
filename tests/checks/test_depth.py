"""Things that hang on one another, thousands deep: every check has an answer, and the right one."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from checks.functions import security_definer
from checks.ownership import inherited_path
from checks.policy_roles import partition_child
from checks.row_security import enabled
from checks.tables import logged
from checks.views import view
from tests import fix_shapes
from tests.fix_children import NIGHTLY
from tests.fix_shapes import (
    ROOT,
    catalog,
    children,
    definers,
    facts_about,
    inherited_chain,
    partitions,
    routines,
    views,
)
from tests.fix_world import judged, said
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.checking.remedy.policy import LONGEST_WAY
from validate_schema.model.catalog import Catalog, QName
from validate_schema.policies.confinement import keeps_to_tenant
from validate_schema.sql.parser import parse_messages

MANY = 5_000 if NIGHTLY else 1_200  # beyond where Python ends a recursion
SHAPES: dict[str, Callable[[int], Catalog]] = {
    name: getattr(fix_shapes, name)
    for name in (
        "chain",
        "inherited_chain",
        "views",
        "roles",
        "routines",
        "definers",
        "children",
        "partitions",
    )
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_check_has_an_answer(shape: str) -> None:
    outcome = run(builtin_checks(), facts_about(SHAPES[shape](MANY)))
    assert [r for r in outcome.results if r.status == "error"] == []


def test_a_policy_reads_a_bounded_number_of_tables() -> None:
    _, findings = judged(enabled, facts_about(inherited_chain(2 * LONGEST_WAY)))
    by_table = {f.object.table: f.remedy for f in findings}
    last = by_table[f"t{LONGEST_WAY:05}"].sql[0]
    assert last.count("EXISTS (SELECT 1") == 2 * LONGEST_WAY  # in USING and in WITH CHECK
    assert f'"owner_{LONGEST_WAY}"."org_id" = ' in last
    assert parse_messages(last), "a policy that is proposed can be read"
    further = by_table[f"t{LONGEST_WAY + 1:05}"]
    assert further.sql == ()
    assert further.note == (
        f"The tenant is {LONGEST_WAY + 1} tables away: give t{LONGEST_WAY + 1:05} the tenant column, "
        "and then a policy on it."
    )


def test_the_outermost_of_many_views_shows_what_the_innermost_reads() -> None:
    assert said(view, facts_about(views(MANY))) == [
        "error: View v00000 shows every tenant's rows of t00000 to app_user"
    ]


def test_a_function_is_confined_however_many_calls_away_the_setting_is_read() -> None:
    facts = facts_about(routines(MANY))
    assert all(keeps_to_tenant(f, facts) for f in facts.catalog.functions[:3])
    broken = [
        replace(f, body="select null::uuid") if f.name == f"f{MANY // 2:05}" else f
        for f in facts.catalog.functions
    ]
    facts = facts_about(replace(facts.catalog, functions=tuple(broken)))
    confined = replace(facts.catalog.functions[0], body="select id from t00000 where org_id = f00001()")
    assert not keeps_to_tenant(confined, facts)
    confined = replace(
        facts.catalog.functions[0], body=f"select id from t00000 where org_id = f{MANY - 1:05}()"
    )
    assert keeps_to_tenant(confined, facts)


def test_functions_that_call_one_another_in_a_circle_read_no_setting() -> None:
    facts = facts_about(routines(3))
    circle = [replace(f, body=f"select f{(n + 1) % 3:05}()") for n, f in enumerate(facts.catalog.functions)]
    facts = facts_about(replace(facts.catalog, functions=tuple(circle)))
    subject = replace(circle[0], body="select id from t00000 where org_id = f00000()")
    assert not keeps_to_tenant(subject, facts)


def test_the_first_of_many_helpers_reaches_what_the_last_one_reads() -> None:
    (finding,) = judged(security_definer, facts_about(definers(MANY)))[1]
    assert (finding.object.name, finding.undecided) == ("f00000(o uuid)", True)
    assert finding.message.startswith("f00000(o uuid) may reach every tenant's rows of t00000")


def test_a_child_far_below_is_open_beside_its_protected_ancestor() -> None:
    _, findings = judged(partition_child, facts_about(children(MANY)))
    assert len(findings) == MANY - 1
    assert all("t00000" in f.message for f in findings)


def test_the_partition_far_below_is_the_one_that_is_unlogged() -> None:
    assert said(logged, facts_about(partitions(MANY))) == [
        f"warning: Partitions of t00000 are UNLOGGED: t{MANY - 1:05}"
    ]


def test_an_inherited_chain_that_ends_nowhere_goes_in_a_circle() -> None:
    tables = [fix_shapes.inherited_table(n, QName("public", f"t{(n + 1) % 100:05}")) for n in range(100)]
    config = fix_shapes.TenancyConfig(
        root="organization", column="org_id", setting="app.tenant_id", inherited=("t*",)
    )
    result, findings = judged(inherited_path, facts_about(catalog(tables), config))
    assert (result.failed, {f.observed.partition(" to ")[2] for f in findings} != set()) == (100, True)
    assert all("leads back to the table itself" in f.observed for f in findings)
    tables[50] = fix_shapes.inherited_table(50, ROOT)
    assert judged(inherited_path, facts_about(catalog(tables), config))[0].failed == 0
