"""RLS, FKY: policies and foreign keys that say what another says already, and keys that lead outside the rules."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.model import TableClass
from validate_schema.pack.model import catalog as cat
from validate_schema.pack.subjects import TableConstraint, TablePolicy

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


def keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of user tables, but for the copies that partitions hold."""
    for table in facts.tables:
        yield from (TableConstraint(table, key) for key in table.foreign_keys if not key.inherited)


@check(
    "FKY011",
    "Duplicate foreign key",
    subjects=keys,
    severity=Severity.INFO,
    remediable=False,
    why="Each row is looked up twice, and what happens on deletion is said in two places that may disagree.",
    bad="""
        create table task (id uuid primary key, org_id uuid not null references organization (id));
        alter table task add constraint task_org_again foreign key (org_id) references organization (id);
    """,
    good="create table task (id uuid primary key, org_id uuid not null references organization (id));",
)
def duplicate_key(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """Another foreign key of the table has the same columns and references the same ones.

    Examined: foreign keys of user tables. The first by name stays, and one that is validated before one that is not.
    What the two do on deletion is told. A composite key that holds the tenant beside a plain one is no duplicate.
    """
    table, key = subject
    twins = [k for k in table.foreign_keys if k.name != key.name and _pairs(k) == _pairs(key)]
    kept = min([key, *twins], key=lambda k: (not k.validated, k.name))
    if kept is key:
        return None
    actions = f"ON DELETE {kept.on_delete.upper()} beside ON DELETE {key.on_delete.upper()}"
    return Flaw(
        message=f"Foreign key {facts.show(table.qname)}.{key.name} says what {kept.name} says",
        expected=f"{kept.name} alone",
        observed=actions if kept.on_delete != key.on_delete else "the same columns, the same table",
        remedy=Remedy(note=f"Drop it, after giving {kept.name} the action on deletion that is meant."),
    )


def _pairs(key: cat.Constraint) -> tuple[cat.QName | None, frozenset[tuple[str, str]]]:
    return key.references, frozenset(zip(key.columns, key.referenced_columns, strict=False))


def keys_out(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of the tables of the tenants."""
    for table in facts.of_class(TableClass.TENANT, TableClass.INHERITED):
        yield from (TableConstraint(table, key) for key in table.foreign_keys)


@check(
    "FKY012",
    "Key to a table outside the rules",
    subjects=keys_out,
    severity=Severity.INFO,
    remediable=False,
    why="Nobody judges whose rows the exempt table holds, so a row of one tenant may name what is another's.",
    bad="""
        create table job (id uuid primary key, payload text);
        create table invoice (
            id uuid primary key, org_id uuid not null references organization (id), job_id uuid references job (id)
        );
    """,
    good="""
        create table job (id uuid primary key, payload text);
        create table invoice (id uuid primary key, org_id uuid not null references organization (id));
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        exempt = [{ table = "job", reason = "a queue" }]
    """,
)
def exempt_reference(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A table of the tenants references a table that the config exempts from all rules.

    Examined: foreign keys of tenant and inherited tables. Where the exempt table holds nothing of any tenant it is
    ``global`` that says so, and then the key is right.
    """
    table, key = subject
    standing = facts.standings.get(key.references) if key.references else None
    if standing is None or standing.table_class is not TableClass.EXEMPT or not standing.declared:
        return None
    other = facts.show(standing.table)
    return Flaw(
        message=f"{facts.show(table.qname)}.{key.name} references {other}, which is exempt",
        expected="a key to a table whose owner is known",
        observed=f"({', '.join(key.columns)}) leads to {other}",
        remedy=Remedy(
            note=f"Call {other} global where all tenants share its rows, else have it judged as a tenants' table."
        ),
    )
