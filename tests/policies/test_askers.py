"""Which roles are asked: each kind that the policies tell apart, once."""

import pytest
from msgspec.structs import replace

from tests.fix_shapes import TENANCY, catalog, facts_about, tenant_table
from validate_schema.model.catalog import Grant, Membership, Policy, Role

BOUND = "(org_id = ( SELECT (current_setting('app.tenant_id'::text, true))::uuid AS current_setting))"
READS = Grant("readers", ("SELECT",))


def asked(*roles: Role, using: str = BOUND) -> list[str]:
    """Return the roles, beside the app role, for which a table that readers may read is judged."""
    table = replace(tenant_table(1), policies=(Policy("p", "ALL", ("PUBLIC",), using=using),))
    table = replace(table, grants=(*table.grants, READS))
    known = catalog([table])
    known = replace(known, roles=(*known.roles, Role("readers"), *roles))
    facts = facts_about(known, replace(TENANCY, app_roles=("app_user",)))
    return sorted({j.role for j in facts.analysis.judgements} - {"app_user"})


def reader(name: str, *others: str) -> Role:
    return Role(name, login=True, member_of=tuple(Membership(role) for role in ("readers", *others)))


def test_one_of_those_who_are_alike_is_asked() -> None:
    assert asked(reader("ann"), reader("bob"), reader("cid")) == ["ann"]


def test_whom_a_condition_calls_by_name_is_asked() -> None:
    named = f"({BOUND} OR (CURRENT_USER = 'bob'::name))"
    assert asked(reader("ann"), reader("bob"), reader("cid"), using=named) == ["ann", "bob"]


@pytest.mark.parametrize(
    ("branch", "names"),
    [
        ("CURRENT_USER = ANY ('{bob,cid}'::name[])", ["ann", "bob", "cid"]),
        ("CURRENT_USER ~~ 'b%'::text", ["ann", "bob", "cid", "readers"]),
        ("\"left\"((CURRENT_USER)::text, 1) = 'b'::text", ["ann", "bob", "cid", "readers"]),
    ],
)
def test_names_in_lists_and_by_their_parts_count_as_well(branch: str, names: list[str]) -> None:
    using = f"({BOUND} OR ({branch}))"
    assert asked(reader("ann"), reader("bob"), reader("cid"), using=using) == names


def test_who_can_become_another_kind_of_role_is_asked() -> None:
    assert asked(reader("ann"), reader("bob", "app_user")) == ["ann", "bob"]
