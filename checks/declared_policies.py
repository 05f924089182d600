"""RLS: the policies in force are the declared ones."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, Step, check
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.model import contract
from validate_schema.pack.remedies import alter_policy, create_policy, drop_policy
from validate_schema.pack.sql import quote_role, same_expression

_LOCK = "ACCESS EXCLUSIVE for a moment each: only the catalog changes, no row is read"


class TableExpectedPolicy(NamedTuple):
    """A policy that the contract declares, and the table it belongs on."""

    table: cat.Table
    expected: contract.ExpectedPolicy

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef.on_table("policy", self.table.qname, self.expected.name)


def expected_policies(facts: Facts) -> Iterator[TableExpectedPolicy]:
    """Policies in the contract, on tables that exist (TBL001 reports the others)."""
    for qname, declared in facts.expected_tables.items():
        table = facts.tables_by_name.get(qname)
        if table is not None:
            yield from (TableExpectedPolicy(table, expected) for expected in declared.policies)


@check(
    "RLS015",
    "Policy differs from the declared one",
    concern="may",
    subjects=expected_policies,
    severity=Severity.ERROR,
    needs="contract",
    why="A policy that was reviewed and is not the one in force protects nobody.",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        setting = "app.tenant_id"
        app_roles = ["app_user"]

        [contract.tables.invoice.policies.tenant_isolation]
        command = "ALL"
        roles = ["app_user"]
        using = "org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid)"

        [contract.tables.invoice.policies.no_deletes]
        command = "DELETE"
        permissive = false
        roles = ["app_user"]
        using = "false"
    """,
    bad="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice to app_user
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
            with check (true);
        create policy no_deletes on invoice for delete to app_user using (false);
    """,
    good="""
        create table invoice (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create policy tenant_isolation on invoice to app_user
            using (org_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
        create policy no_deletes on invoice as restrictive for delete to app_user using (false);
    """,
)
def expected_policy(subject: TableExpectedPolicy, facts: Facts) -> Flaw | None:
    """A policy in the contract is missing, or is not the one that was declared.

    Examined: declared policies, by name, on tables that exist. Compared are command, kind
    (permissive or restrictive), roles and expressions, these after parsing. A WITH CHECK that was
    not declared is the USING expression, as in CREATE POLICY; where neither was declared, the
    expressions are not compared. Policies beyond the declared ones are not reported here.
    """
    table, expected = subject.table, subject.expected
    actual = next((p for p in table.policies if p.name == expected.name), None)
    name = facts.show(table.qname)
    wanted = _clauses(expected)
    if actual is None:
        return Flaw(
            message=f"Policy {expected.name} on {name} is missing",
            expected=wanted,
            observed="no policy of that name",
            remedy=Remedy(
                steps=(_create(table, expected),), note=_unknown_roles(expected, facts), lock=_LOCK
            ),
        )
    differences = _differences(expected, actual, facts.default_schema)
    if not differences:
        return None
    return Flaw(
        message=f"Policy {expected.name} on {name} differs from the declared one in its {', '.join(differences)}",
        expected=wanted,
        observed=_clauses(actual),
        remedy=_replace(table, expected, actual, facts),
    )


_AnyPolicy = cat.Policy | contract.ExpectedPolicy


def _roles(policy: _AnyPolicy) -> tuple[str, ...]:
    return tuple(sorted("PUBLIC" if r.upper() == "PUBLIC" else r for r in policy.roles))


def _effective_check(policy: _AnyPolicy) -> str | None:
    """Return the condition on new rows: USING stands in where an ALL or UPDATE policy has none."""
    stands_in = policy.check is None and policy.command in ("ALL", "UPDATE")
    return policy.using if stands_in else policy.check


def _differences(expected: contract.ExpectedPolicy, actual: cat.Policy, schema: str) -> list[str]:
    found = []
    if expected.command != actual.command:
        found.append("command")
    if expected.permissive != actual.permissive:
        found.append("kind")
    if _roles(expected) != _roles(actual):
        found.append("roles")
    if expected.using is not None or expected.check is not None:
        if not same_expression(expected.using, actual.using, schema):
            found.append("USING expression")
        if not same_expression(_effective_check(expected), _effective_check(actual), schema):
            found.append("WITH CHECK expression")
    return found


def _clauses(policy: _AnyPolicy) -> str:
    """Return the policy as the clauses that follow ON in CREATE POLICY."""
    kind = "" if policy.permissive else "AS RESTRICTIVE "
    return f"{kind}FOR {policy.command} TO {_body(policy, policy.check)}"


def _body(policy: _AnyPolicy, check: str | None) -> str:
    """Return roles and expressions: the part that ALTER POLICY can change."""
    using = f" USING ({policy.using})" if policy.using is not None else ""
    with_check = f" WITH CHECK ({check})" if check is not None else ""
    return f"{', '.join(map(quote_role, _roles(policy)))}{using}{with_check}"


def _create(table: cat.Table, policy: contract.ExpectedPolicy) -> Step:
    return create_policy(table.qname, policy.name, _clauses(policy))


def _replace(table: cat.Table, expected: contract.ExpectedPolicy, actual: cat.Policy, facts: Facts) -> Remedy:
    unknown = _unknown_roles(expected, facts)
    if (expected.command, expected.permissive) != (actual.command, actual.permissive):
        note = "Run both statements in one transaction, so that the table is never without the policy."
        drop = drop_policy(table.qname, expected.name)
        return Remedy(steps=(drop, _create(table, expected)), note=f"{note} {unknown}".strip(), lock=_LOCK)
    # ALTER POLICY cannot take a WITH CHECK away, so one that was not declared is set to what it means.
    check = _effective_check(expected) if actual.check is not None else expected.check
    alter = alter_policy(table.qname, expected.name, f"TO {_body(expected, check)}")
    return Remedy(steps=(alter,), note=unknown, lock=_LOCK)


def _unknown_roles(policy: contract.ExpectedPolicy, facts: Facts) -> str:
    missing = [r for r in _roles(policy) if r != "PUBLIC" and r not in facts.roles]
    return f"Create the role first: {', '.join(missing)}." if missing else ""
