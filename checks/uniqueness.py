"""UNQ: uniques that hold for all tenants together, or fail to hold within one."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Scope, Severity, check
from validate_schema.pack.remedies import referring_keys, replace_primary_key, replace_unique
from validate_schema.pack.scoping import is_optional, level_columns, open_columns, scope_of
from validate_schema.pack.subjects import TableUnique, keys_of, tenant_primary_keys, tenant_uniques

from ._uniques import OPTIONAL, close_gap, name_of, own_column, words


@check(
    "UNQ001",
    "Unique not scoped to the tenant",
    subjects=tenant_uniques,
    severity=Severity.ERROR,
    promise=Promise("{n} uniques on tenant tables are scoped to the tenant", place=45),
    why="One tenant's value blocks another's, and the refusal tells that it exists.",
    bad="""
        create table member (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            email text not null unique
        );
    """,
    good="""
        create table member (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            email text not null,
            unique (org_id, email)
        );
    """,
    portable=True,
)
def tenant_scoped(subject: TableUnique, facts: Facts) -> Flaw | None:
    """A unique on a tenant table holds across all tenants.

    Examined are the valid unique constraints and unique indexes of tenant tables, those on
    expressions and partial ones too; primary keys are judged by UNQ005. It passes when it holds

    - the tenant column of the table, or of a deeper level;
    - a value that the database generates (identity, or a default such as gen_random_uuid()), a token
      of the application (``token``, ``reset_password_token``, ``hashed_secret_key``), or all of a
      surrogate primary key: nobody competes for those;
    - a foreign key to the key of a tenant-scoped table: it is scoped through that parent. Under
      NULLS NOT DISTINCT the reference must be NOT NULL for that;
    - a column that a constraint ties to the tenant column: a CHECK of equality, a generated copy, or
      a composite foreign key to the root that holds both;
    - or when its predicate leaves only the rows of one tenant, or only those without a tenant.

    A unique that holds only the column of an outer level is a warning: it is scoped to the
    organization, say, but shared by its projects.

    Not covered: an equivalence that only a trigger or the application maintains, and exclusion
    constraints.
    """
    scope = scope_of(subject, facts)
    if scope.scoped:
        return None
    column = own_column(subject, facts)
    wanted = ", ".join((column, *keys_of(subject.idx)))
    if scope is Scope.OUTER:
        return Flaw(
            message=f"{name_of(subject, facts)} is scoped to an outer level of tenancy, not by {column}",
            expected=f"a unique over ({wanted})",
            observed=words(subject),
            remedy=replace_unique(subject, facts, first=(column,)),
            severity=Severity.WARNING,
        )
    return Flaw(
        message=f"{name_of(subject, facts)} is unique across all tenants: it does not hold {column}",
        expected=f"a unique over ({wanted})",
        observed=words(subject),
        remedy=replace_unique(subject, facts, first=(column,)),
    )


def _holding_tenant(facts: Facts) -> Iterator[TableUnique]:
    """Uniques and primary keys that hold the tenant column of their table."""
    for unique in (*tenant_primary_keys(facts), *tenant_uniques(facts)):
        if facts.tenant_column(unique.table) in unique.columns:
            yield unique


@check(
    "UNQ002",
    "Unique not led by the tenant column",
    subjects=_holding_tenant,
    severity=Severity.WARNING,
    why="Its index cannot serve a query for one tenant, and one tenant's rows lie scattered in it.",
    bad="""
        create table project (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            slug text not null,
            unique (slug, org_id)
        );
    """,
    good="""
        create table project (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            slug text not null,
            unique (org_id, slug)
        );
    """,
    portable=True,
)
def tenant_first(subject: TableUnique, facts: Facts) -> Flaw | None:
    """A unique holds the tenant column, but not as its first.

    Examined are the valid uniques and primary keys of tenant tables that hold the tenant column.
    Where tenancy has levels, the columns of other levels may stand before it. A unique that holds
    the primary key as well, and that foreign keys reference, passes: it is there for them alone.
    """
    column = own_column(subject, facts)
    if subject.columns[0] == column:
        return None
    levels = set(level_columns(subject.table, facts).values())
    leading = subject.columns[: subject.columns.index(column)]
    if levels.issuperset(leading) or _serves_references(subject, facts):
        return None
    keys = (column, *(k for k in keys_of(subject.idx) if k != column))
    if subject.idx.primary:
        remedy = replace_primary_key(subject, keys, facts)
    else:
        remedy = replace_unique(subject, facts, first=(column,))
    return Flaw(
        message=f"{name_of(subject, facts)} holds {column}, but not first",
        expected=f"({', '.join(keys)})",
        observed=words(subject),
        remedy=remedy,
    )


def _serves_references(unique: TableUnique, facts: Facts) -> bool:
    key = unique.table.primary_key
    wider = key is not None and set(key.columns) < set(unique.columns)
    return wider and bool(referring_keys(unique, facts))


def _scoped_uniques(facts: Facts) -> Iterator[TableUnique]:
    """Tenant-scoped uniques but for surrogates: those that stand for a rule of the business."""
    for unique in tenant_uniques(facts):
        scope = scope_of(unique, facts)
        if scope.scoped and scope is not Scope.SURROGATE:
            yield unique


@check(
    "UNQ003",
    "Unique that lets duplicates slip through NULL",
    subjects=_scoped_uniques,
    severity=Severity.WARNING,
    why="NULLs count as different from each other, so rows equal in all else are accepted twice.",
    bad="""
        create table test_suite (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            name text not null,
            run_id text,
            unique (org_id, name, run_id)
        );
    """,
    good="""
        create table test_suite (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            name text not null,
            run_id text,
            unique nulls not distinct (org_id, name, run_id)
        );
    """,
    portable=True,
)
def nulls_distinct(subject: TableUnique, facts: Facts) -> Flaw | None:
    """A tenant-scoped unique holds a nullable column, and NULLs are distinct in it.

    Examined are the valid, tenant-scoped uniques of tenant tables, but for surrogate keys. It passes
    with NULLS NOT DISTINCT; when every column is NOT NULL or kept from NULL by a validated CHECK or
    by the predicate of the index; or when another unique covers the rows that have the NULL, such
    as UNIQUE (a) WHERE b IS NULL beside UNIQUE (a, b). An expression is judged when it is plainly
    strict, such as lower(email). A unique on one optional foreign key alone passes: it says "at
    most one each", and a row without the reference has nothing to repeat. Where only the value is
    optional, as in UNIQUE (org_id, email), the finding is an info: rows without an email are no
    duplicates of each other.

    Not covered: expressions whose NULL handling cannot be seen.
    """
    if subject.nulls_not_distinct:
        return None
    found = open_columns(subject)
    column = own_column(subject, facts)
    optional_reference = len(subject.columns) == 1 and column not in subject.columns
    if not found or optional_reference:
        return None
    names = " or ".join(found)
    if is_optional(subject, column):
        return Flaw(
            message=f"{name_of(subject, facts)} accepts any number of rows without {names}",
            expected="a predicate that leaves out the NULLs, or NULLS NOT DISTINCT",
            observed=f"{words(subject)} with nullable {' and '.join(found)}",
            remedy=OPTIONAL,
            severity=Severity.INFO,
        )
    return Flaw(
        message=f"{name_of(subject, facts)} accepts duplicates where {names} is NULL",
        expected="NULLS NOT DISTINCT, NOT NULL columns, or a predicate that leaves out the NULLs",
        observed=f"{words(subject)} with nullable {' and '.join(found)}",
        remedy=close_gap(subject, column, facts),
    )


@check(
    "UNQ005",
    "Natural primary key not scoped to the tenant",
    subjects=tenant_primary_keys,
    severity=Severity.WARNING,
    why="Two tenants cannot hold the same code, slug or number, though it means nothing between them.",
    bad="""
        create table price (
            code text primary key,
            org_id uuid not null references organization (id),
            amount numeric not null
        );
    """,
    good="""
        create table price (
            code text not null,
            org_id uuid not null references organization (id),
            amount numeric not null,
            primary key (org_id, code)
        );
    """,
    portable=True,
)
def natural_primary_key(subject: TableUnique, facts: Facts) -> Flaw | None:
    """A tenant table's primary key is a natural key without the tenant column.

    Examined are the primary keys of tenant tables. A key is a surrogate, and passes, when a column
    of it is an identity, has a default that generates values, is a uuid, or is called ``id`` or
    after its table (``user_id`` of users): the last is how keys made by an application look
    (cuid, ULID, snowflake), which have no default. A key that references a tenant-scoped table
    passes too, as in a one-to-one extension of it. One WITHOUT OVERLAPS (PostgreSQL 18) is an error: it keeps
    the others from whole ranges, as an exclusion constraint does.

    Not covered: a column called ``id`` that holds something two tenants could both choose.
    """
    if scope_of(subject, facts) is not Scope.GLOBAL:
        return None
    column = own_column(subject, facts)
    keys = (column, *keys_of(subject.idx))
    ranges = any(c.kind == "primary key" and c.temporal for c in subject.table.constraints)
    return Flaw(
        message=f"{name_of(subject, facts)} is a natural key that all tenants share: it does not hold {column}",
        expected=f"PRIMARY KEY ({', '.join(keys)}), or a surrogate key",
        observed=words(subject),
        remedy=replace_primary_key(subject, keys, facts),
        severity=Severity.ERROR if ranges else None,
    )
