"""FKY: foreign keys that lead out of the tenant, do not hold, or stand in a tenant's way."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check
from validate_schema.pack.model import TableClass, catalog
from validate_schema.pack.scoping import judged_name, stays_in_tenant, tie_of
from validate_schema.pack.subjects import TableConstraint, foreign_keys

from ._guards import policy_guard, trigger_guard, was_refused
from ._reference_remedies import compose, make_hold
from ._references import TiedKey, blocks_delete, has_cascade, name_of, same_kind, words


def _target(key: catalog.Constraint, facts: Facts) -> catalog.Table | None:
    return facts.tables_by_name.get(key.references) if key.references else None


def _between_tenant_tables(facts: Facts) -> Iterator[TiedKey]:
    """Foreign keys between two tenant tables; a deeper level's root is one too."""
    facts.require_tenancy()
    for table, key in foreign_keys(facts):
        tie = tie_of(table, key, facts)
        if tie is not None:
            yield TiedKey(table, key, tie)


@check(
    "FKY001",
    "Foreign key that may cross tenants",
    concern="may",
    subjects=_between_tenant_tables,
    severity=Severity.ERROR,
    promise=Promise("{n} foreign keys between tenant tables carry the tenant", place=46),
    explains=("reference",),
    why="A row may point into another tenant, and whoever follows the reference reads or changes it.",
    bad="""
        create table project (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id)
        );
        create table task (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            project_id uuid references project (id) on delete set null
        );
    """,
    good="""
        create table project (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            unique (org_id, id)
        );
        create table task (
            id uuid primary key default gen_random_uuid(),
            org_id uuid not null references organization (id),
            project_id uuid,
            foreign key (org_id, project_id) references project (org_id, id) on delete set null (project_id)
        );
    """,
    portable=True,
)
def same_tenant(subject: TiedKey, facts: Facts) -> Flaw | None:
    """A foreign key between two tenant tables does not hold the tenant column on both sides.

    Examined are the foreign keys of tenant tables that reference a tenant table, itself included;
    where tenancy has levels, the root of a deeper level is a tenant table of the level above, and
    between tables of two levels the outer one's column counts. A single-column key passes when a
    composite one beside it holds the tenant column and always applies.

    Undecided where something else may refuse the reference: a row trigger for INSERT and UPDATE that looks at the
    referenced row and raises, or the policies of all app roles that may write, each with a sub-select over the
    referenced table. What a trigger lets through is not worked out; with ``--prove`` a policy that refused it is an
    info, for whoever writes past the policies is not refused.

    Not covered: keys of tables owned through a parent.
    """
    table, key, tie = subject
    if stays_in_tenant(table, key, tie):
        return None
    policy = policy_guard(table, key, facts)
    guard = policy or trigger_guard(table, key, facts)
    held = bool(policy) and was_refused(table, key, facts)
    name = name_of(subject, facts)
    return Flaw(
        message=f"{name} is kept in the tenant by {policy} alone"
        if held
        else f"{name} may reference a row of another tenant"
        + (f", unless {guard} refuses it" if guard else ""),
        expected=_composite(subject, facts),
        observed=words(key, facts),
        remedy=compose(table, key, tie, facts),
        severity=Severity.INFO if held else Severity.WARNING if guard else None,
        undecided=bool(guard) and not held,
    )


def _composite(subject: TiedKey, facts: Facts) -> str:
    """Return in words the key that would stay in the tenant."""
    mine, theirs = subject.tie
    if mine and theirs:
        return f"a composite key that holds {mine} and references {theirs}"
    target = subject.constraint.references
    lacking = facts.show(subject.table.qname if mine is None or target is None else target)
    return f"a composite key that holds {mine or theirs or 'the tenant column'} on both sides; {lacking} lacks it"


def _not_root_keys(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of user tables, but for those to the tenant root, which TEN007 looks after; and those of
    partitions that do not hold though the whole table's do."""
    for table in facts.tables:
        roots = _root_keys(table, facts)
        for key in table.foreign_keys:
            if not key.inherited and key not in roots:
                yield TableConstraint(table, key)
    for table in facts.catalog.tables:
        if table.parent is not None:
            yield from (
                TableConstraint(table, k) for k in table.foreign_keys if k.inherited and not k.checked
            )


def _root_keys(table: catalog.Table, facts: Facts) -> tuple[catalog.Constraint, ...]:
    """Return the keys that tie a tenant table to its root; none of any other table."""
    tenant = facts.tenancy.identified and facts.class_of(table.qname) is TableClass.TENANT
    return facts.root_keys(table) if tenant else ()


@check(
    "FKY003",
    "Foreign key that does not hold for every row",
    subjects=_not_root_keys,
    severity=Severity.ERROR,
    promise=Promise("{n} other foreign keys are validated", place=48),
    explains=("reference",),
    why="Rows that were there before may point at nothing, though the key seems to forbid it.",
    bad="""
        create table project (id uuid primary key, org_id uuid not null references organization (id));
        create table task (id uuid primary key, org_id uuid not null references organization (id), project_id uuid);
        alter table task add constraint task_project_id_fkey
            foreign key (project_id) references project (id) not valid;
    """,
    good="""
        create table project (id uuid primary key, org_id uuid not null references organization (id));
        create table task (id uuid primary key, org_id uuid not null references organization (id), project_id uuid);
        alter table task add constraint task_project_id_fkey
            foreign key (project_id) references project (id) not valid;
        alter table task validate constraint task_project_id_fkey;
    """,
)
def validated(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A foreign key is NOT VALID, NOT ENFORCED, or its triggers are off.

    Examined are the foreign keys of user tables, but for those that tie a tenant table to its root:
    TEN007 looks after these. NOT VALID spares the rows that were there before; NOT ENFORCED
    (PostgreSQL 18) spares all, and so does a key whose triggers do not fire (``DISABLE TRIGGER ALL``, on either
    table, or on a partition alone). Nothing that is said of a schema rests on such a key.
    Source: PostgreSQL documentation, ALTER TABLE.
    """
    table, key = subject.table, subject.constraint
    if not key.state:
        return None
    return Flaw(
        message=f"{name_of(subject, facts)} is {key.state}",
        expected="a validated, enforced foreign key",
        observed=words(key, facts),
        remedy=make_hold(table, key, facts, "Rows that point at nothing make it fail: look for them first."),
    )


@check(
    "FKY004",
    "Foreign key between columns of different types",
    subjects=foreign_keys,
    severity=Severity.WARNING,
    why="The narrower side overflows or cuts off first, and comparing the two may pass by an index.",
    bad="""
        create table project (id bigint generated always as identity primary key, org_id uuid not null references organization (id));
        create table task (
            id uuid primary key,
            org_id uuid not null references organization (id),
            project_id integer references project (id)
        );
    """,
    good="""
        create table project (id bigint generated always as identity primary key, org_id uuid not null references organization (id));
        create table task (
            id uuid primary key,
            org_id uuid not null references organization (id),
            project_id bigint references project (id)
        );
    """,
    remediable=False,
    portable=True,
)
def types_match(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A column of a foreign key has another type than the column that it references.

    Examined are the foreign keys of user tables. Domains count as what they are made of; varchar
    without a length is text. The tenant column's type is compared with the root's key by TEN003 alone.
    """
    table, key = subject.table, subject.constraint
    target = _target(key, facts)
    if target is None:
        return None
    own = facts.tenant_column(table) if facts.class_of(target.qname) is TableClass.ROOT else None
    found = []
    for mine, theirs in zip(key.columns, key.referenced_columns, strict=False):
        here, there = table.column(mine), target.column(theirs)
        if here is None or there is None or mine == own or same_kind(here, there):
            continue
        found.append(f"{mine} {here.type} references {theirs} {there.type}")
    if not found:
        return None
    return Flaw(
        message=f"{name_of(subject, facts)} joins different types: {'; '.join(found)}",
        expected="the same type on both sides",
        observed="; ".join(found),
        remedy=Remedy(
            note="Changing a column's type rewrites its table under ACCESS EXCLUSIVE. On a large table add "
            "a column of the right type, fill it in batches, and exchange the two."
        ),
    )


def _of_global_tables(facts: Facts) -> Iterator[TableConstraint]:
    """Foreign keys of global tables."""
    facts.require_tenancy()
    for pair in foreign_keys(facts):
        if facts.class_of(pair.table.qname) is TableClass.GLOBAL:
            yield pair


@check(
    "FKY007",
    "Global table that references a tenant's rows",
    concern="may",
    subjects=_of_global_tables,
    severity=Severity.ERROR,
    explains=("reference",),
    why="A row that every tenant shares points at one tenant's data, and stops that tenant from leaving.",
    bad="""
        create table plan_note (
            id uuid primary key,
            org_id uuid not null references organization (id)
        );
        create table plan (
            id uuid primary key,
            note_id uuid references plan_note (id)
        );
    """,
    good="""
        create table price_list (id uuid primary key);
        create table plan (
            id uuid primary key,
            list_id uuid references price_list (id)
        );
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        global = ["plan", "price_list"]
    """,
    remediable=False,
    portable=True,
)
def global_to_tenant(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A global table references a tenant table.

    Examined are the foreign keys of global tables. It fails when the target is a tenant table or one
    owned through a parent; a reference to the tenant root is not judged here.
    """
    target = subject.constraint.references
    table_class = facts.class_of(judged_name(target, facts)) if target else None
    if target is None or table_class not in (TableClass.TENANT, TableClass.INHERITED):
        return None
    return Flaw(
        message=f"{name_of(subject, facts)} leads from a global table to {facts.show(target)}",
        expected="a global table that references global tables only",
        observed=f"{words(subject.constraint, facts)}; {facts.show(target)} holds rows of tenants",
        remedy=Remedy(
            note="Give the table the tenant column if its rows belong to tenants; else turn the reference "
            "around, or keep it in a table of its own that has the tenant column."
        ),
    )


def _offboarding_path(facts: Facts) -> Iterator[TableConstraint]:
    """The keys along which a tenant's deletion travels: from the root to its tenant tables, and on
    to the tables that they own."""
    facts.require_tenancy()
    for pair in foreign_keys(facts):
        target = pair.constraint.references
        mine = facts.class_of(pair.table.qname)
        theirs = facts.class_of(judged_name(target, facts)) if target else None
        if mine is TableClass.INHERITED:
            on_the_way = theirs in (TableClass.TENANT, TableClass.INHERITED)
        elif theirs is TableClass.ROOT:
            on_the_way = mine is TableClass.ROOT or pair.constraint in _root_keys(pair.table, facts)
        else:
            on_the_way = False
        if on_the_way:
            yield pair


@check(
    "FKY008",
    "Foreign key that blocks a tenant's deletion",
    subjects=_offboarding_path,
    severity=Severity.INFO,
    why="Deleting a tenant fails there until somebody deletes the rows by hand, in the right order.",
    bad="""
        create table note (
            id uuid primary key,
            org_id uuid not null references organization (id)
        );
    """,
    good="""
        create table note (
            id uuid primary key,
            org_id uuid not null references organization (id) on delete cascade
        );
    """,
    remediable=False,
    portable=True,
)
def offboarding(subject: TableConstraint, facts: Facts) -> Flaw | None:
    """A foreign key on the way from the root to the tenants' rows is RESTRICT or NO ACTION.

    Examined are the foreign keys of tenant tables to their root, and those by which a table is owned
    through a tenant table. In a table with several owners one cascading key is enough.

    Not covered: keys between two tenant tables, whose rows both go with their tenant, and deletions
    that the application makes itself.
    """
    table, key = subject.table, subject.constraint
    if not blocks_delete(key):
        return None
    owned = facts.class_of(table.qname) is TableClass.INHERITED
    if owned and has_cascade(table, facts):
        return None
    return Flaw(
        message=f"{name_of(subject, facts)} blocks the deletion of a tenant that has rows here",
        expected="ON DELETE CASCADE, or a documented way for a tenant to leave",
        observed=words(key, facts),
        remedy=Remedy(
            note="Decide how a tenant leaves. ON DELETE CASCADE deletes its rows with it; NO ACTION is "
            "right where an archive or a job has to go first."
        ),
    )
