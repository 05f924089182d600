"""RLS: policies that say what another says already."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.subjects import TablePolicy

_INVOICE = """
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
        alter table invoice enable row level security;
        alter table invoice force row level security;
        create policy tenant on invoice
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
"""


def policies(facts: Facts) -> Iterator[TablePolicy]:
    """Policies of user tables."""
    for table in facts.tables:
        yield from (TablePolicy(table, policy) for policy in table.policies)


@check(
    "RLS021",
    "Policy that adds nothing to another",
    subjects=policies,
    severity=Severity.INFO,
    remediable=False,
    why="It is evaluated for every row, and whoever mends the one policy believes that the table is mended.",
    bad=f"{_INVOICE}"
    """
        create policy read_own on invoice for select
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
    """,
    good=f"{_INVOICE}"
    """
        create policy listed on invoice as restrictive for select
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
    """,
)
def superfluous_policy(subject: TablePolicy, facts: Facts) -> Flaw | None:
    """Another policy of the table says the same for the same commands and roles, or for more of them.

    Examined: policies of user tables. Fails when another one of the same kind (permissive or restrictive) has the
    same conditions, word for word as the server prints them, and is for the command, or ALL, and for the roles, or
    PUBLIC. Of two that are equal the first by name stays. Not covered: conditions that only imply one another.
    """
    table, policy = subject
    other = next((o for o in table.policies if o.name != policy.name and _says_as_much(o, policy)), None)
    if other is None or (_says_as_much(policy, other) and policy.name < other.name):
        return None
    return Flaw(
        message=f"Policy {policy.name} on {facts.show(table.qname)} says nothing that {other.name} does not say",
        expected=f"{other.name} alone",
        observed=f"the same condition, for {policy.command} and {', '.join(policy.roles)}",
        remedy=Remedy(
            note=f"Drop it once nobody counts on {other.name} to change: DROP POLICY takes nothing away from anybody."
        ),
    )


def _says_as_much(other: cat.Policy, policy: cat.Policy) -> bool:
    """Tell whether a policy has the condition of another, for all of its commands and roles."""
    if other.permissive != policy.permissive or other.command not in ("ALL", policy.command):
        return False
    if "PUBLIC" not in other.roles and not set(policy.roles) <= set(other.roles):
        return False
    reads = policy.command == "INSERT" or other.using == policy.using
    writes = policy.command in ("SELECT", "DELETE") or _checked(other) == _checked(policy)
    return reads and writes


def _checked(policy: cat.Policy) -> str | None:
    return policy.check if policy.check is not None else policy.using
