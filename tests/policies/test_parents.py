"""Tables that are bound through their parent, and the root by its own key."""

from collections.abc import Iterator

import pytest

from tests.fix_examples import facts_of
from tests.fix_oracle import Oracle, open_oracle
from tests.fix_server import Opener
from validate_schema import policies as rls
from validate_schema.model.reading import Judgement, Reach

CONTEXT = "current_setting('app.tenant_id', true)"
OWNERS = "select coalesce(o.owner, 'nobody') from child c left join owners o on o.id = c.parent_id"


@pytest.fixture(scope="module")
def family(server_of: Opener) -> Iterator[Oracle]:
    """A parent of each tenant with children, whose owners are known to everybody."""
    with open_oracle(server_of, "text", nullable=False) as oracle:
        oracle.admin.execute("create table owners as select id, org_id as owner from parent")
        oracle.admin.execute("grant select on owners to app_user, auditor")
        oracle.admin.execute("alter table child enable row level security")
        oracle.admin.execute("alter table parent enable row level security")
        oracle.admin.execute("alter table organization enable row level security")
        yield oracle


def reading_of(oracle: Oracle, table: str, owners: str, *statements: str) -> Judgement:
    """Return the judgement of SELECT, after the server confirmed that it is true."""
    with oracle.policies(*statements):
        facts = facts_of(oracle.admin, TOML)
        found = rls.analyse(facts.catalog, facts.tenancy).judgements
        seen = oracle.look(writes=False, owner=owners)
    said = next(j for j in found if (j.table.name, j.command) == (table, "SELECT"))
    if said.reach is not Reach.UNVERIFIED:
        assert seen.reads_leak == (said.reach is Reach.UNSAFE), said
    return said


TOML = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
inherited = ["child"]
"""
OPEN_PARENT = "create policy pp on parent using (true)"
TIGHT_PARENT = f"create policy pp on parent using (org_id = {CONTEXT})"
NAMING_PARENT = f"create policy pp on parent using (org_id = {CONTEXT} or org_id = 'special')"
MINE = "select from parent p where p.id = child.parent_id"


@pytest.mark.parametrize(
    ("parent", "using", "reach"),
    [
        (OPEN_PARENT, f"exists ({MINE} and p.org_id = {CONTEXT})", Reach.SAFE),
        (OPEN_PARENT, f"parent_id in (select p.id from parent p where p.org_id = {CONTEXT})", Reach.SAFE),
        (OPEN_PARENT, f"(select p.org_id from parent p where p.id = child.parent_id) = {CONTEXT}", Reach.SAFE),
        (TIGHT_PARENT, f"exists ({MINE})", Reach.SAFE),
        (TIGHT_PARENT, "parent_id in (select id from parent)", Reach.SAFE),
        (OPEN_PARENT, f"exists (select from parent p where p.id::text = child.parent_id::text and p.org_id = {CONTEXT})", Reach.SAFE),
        (OPEN_PARENT, f"exists (select from parent p where p.id::text::varchar(1) = child.parent_id::text::varchar(1) and p.org_id = {CONTEXT})", Reach.UNVERIFIED),
        (OPEN_PARENT, f"exists ({MINE})", Reach.UNSAFE),
        (OPEN_PARENT, f"exists ({MINE} and (p.org_id = {CONTEXT} or p.is_open))", Reach.UNSAFE),
        (OPEN_PARENT, f"exists (select from parent p where p.org_id = {CONTEXT})", Reach.UNSAFE),
        (OPEN_PARENT, f"exists (select from parent p where p.id = id and p.org_id = {CONTEXT})", Reach.UNSAFE),
        (OPEN_PARENT, f"parent_id is null or exists ({MINE} and p.org_id = {CONTEXT})", Reach.UNSAFE),
        (OPEN_PARENT, f"not exists ({MINE} and p.org_id = {CONTEXT})", Reach.UNSAFE),
        (OPEN_PARENT, "n > 0", Reach.UNSAFE),
        (NAMING_PARENT, f"exists ({MINE})", Reach.UNSAFE),
        (OPEN_PARENT, f"exists ({MINE} and p.is_open) and not exists ({MINE} and p.is_open)", Reach.SAFE),
    ],
)  # fmt: skip
def test_a_child_is_bound_through_its_parent(family: Oracle, parent: str, using: str, reach: Reach) -> None:
    said = reading_of(family, "child", OWNERS, parent, f"create policy p on child using ({using})")
    assert said.reach is reach, said


@pytest.mark.parametrize(
    ("using", "reach"), [(f"id = {CONTEXT}", Reach.SAFE), (f"name = {CONTEXT} or name = 'n'", Reach.UNSAFE)]
)
def test_the_root_is_bound_by_its_own_key(family: Oracle, using: str, reach: Reach) -> None:
    statement = f"create policy p on organization using ({using})"
    assert reading_of(family, "organization", "select id from organization", statement).reach is reach
