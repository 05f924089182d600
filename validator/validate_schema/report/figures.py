"""Headline figures and the tenant matrix, computed from the facts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice

from ..facts.facts import Facts
from ..facts.scoping import is_scoped, stays_in_tenant, tie_of
from ..facts.subjects import TableUnique, uniques_of
from ..model.catalog import Constraint, QName, Table
from ..model.evidence import Evidence
from ..model.finding import Finding
from ..model.report import Counts, EnumFacts, PolicyFacts, TableFacts, TableKeyFacts, TableUniqueFacts
from ..model.tenancy import Ownership, Standing, TableClass

_UNKNOWN = "the tenancy was not identified"
_LONGEST_PATH = 50


def matrix(
    facts: Facts, findings: tuple[Finding, ...], groups: Mapping[str, tuple[str, ...]]
) -> tuple[TableFacts, ...]:
    """Return one row per user table, in catalog order."""
    by_table: dict[tuple[str, str], list[str]] = defaultdict(list)
    for finding in findings:
        by_table[finding.object.schema, finding.object.table].append(finding.fingerprint)
    group_of = {name: group for group, members in groups.items() for name in members}
    return tuple(_row(t, facts, tuple(by_table[t.schema, t.name]), group_of) for t in facts.tables)


def _row(table: Table, facts: Facts, findings: tuple[str, ...], group_of: Mapping[str, str]) -> TableFacts:
    standing = facts.standings.get(table.qname) or Standing(
        table.qname, TableClass.UNCLASSIFIED, Ownership.NONE, _UNKNOWN
    )
    column = table.column(standing.column) if standing.column else None
    is_tenant = standing.table_class is TableClass.TENANT
    label = facts.show(table.qname)
    return TableFacts(
        schema=table.schema,
        name=table.name,
        label=label,
        table_class=standing.table_class.value,
        ownership=standing.ownership.value,
        why=standing.why,
        group=group_of.get(label, group_of.get(f"{table.schema}.{table.name}", "")),
        path=_shown_path(standing.path, facts),
        tenant_column=standing.column,
        type=column.type if column else None,
        nullable=not column.not_null if column else None,
        default=column.default if column else None,
        root_fk=bool(facts.root_keys(table)) if is_tenant and facts.level(table).root else None,
        uniques=tuple(_unique(u, facts) for u in uniques_of(table) if not u.idx.primary),
        fks=tuple(_key(k, table, facts) for k in table.foreign_keys if not k.inherited),
        tenant_index=_tenant_led(table, standing.column) if is_tenant else None,
        rls=table.row_security,
        forced=table.force_row_security,
        policies=len(table.policies),
        columns=len(table.columns),
        estimated_rows=table.estimated_rows,
        findings=findings,
    )


def _shown_path(path: Sequence[QName], facts: Facts) -> tuple[str, ...]:
    if len(path) <= _LONGEST_PATH:
        return tuple(map(facts.show, path))
    first = map(facts.show, islice(path, _LONGEST_PATH - 2))
    return (*first, "…", facts.show(path[-1]))


def _unique(unique: TableUnique, facts: Facts) -> TableUniqueFacts:
    return TableUniqueFacts(
        name=unique.name,
        columns=tuple(c or "(expression)" for c in unique.columns),
        scoped=is_scoped(unique, facts),
    )


def _key(key: Constraint, table: Table, facts: Facts) -> TableKeyFacts:
    return TableKeyFacts(
        name=key.name,
        columns=key.columns,
        references=facts.show(key.references) if key.references else "",
        referenced_columns=key.referenced_columns,
        on_delete=key.on_delete,
        safe=key_is_safe(key, table, facts),
    )


def key_is_safe(key: Constraint, table: Table, facts: Facts) -> bool | None:
    """Tell whether a key between two tenant tables keeps to one tenant; None for any other key."""
    tie = tie_of(table, key, facts)
    return None if tie is None else stays_in_tenant(table, key, tie)


def _tenant_led(table: Table, column: str | None) -> bool:
    return any(i.valid and i.predicate is None and i.columns[:1] == (column,) for i in table.indexes)


def counts(facts: Facts, rows: tuple[TableFacts, ...], evidence: Evidence) -> Counts:
    """Return every headline figure, each computed from the rows of the matrix or the catalog."""
    classes = [r.table_class for r in rows]
    indexes = [i for t in facts.tables for i in t.indexes]
    primary = sum(i.primary for i in indexes)
    unique = sum(i.unique and not i.primary for i in indexes)
    tenant_rows = [r for r in rows if r.table_class == "tenant"]
    keys = [k for r in rows for k in r.fks]
    between = [k for k in keys if k.safe is not None]
    return Counts(
        tables=len(rows),
        tenant_tables=len(tenant_rows),
        inherited_tables=classes.count("inherited"),
        global_tables=classes.count("global"),
        exempt_tables=classes.count("exempt"),
        unclassified_tables=classes.count("unclassified"),
        columns=sum(r.columns for r in rows),
        indexes=len(indexes),
        primary_keys=primary,
        unique_indexes=unique,
        plain_indexes=len(indexes) - primary - unique,
        unique_constraints=sum(len(r.uniques) for r in rows),
        tenant_unique_constraints=sum(
            r.tenant_column in u.columns for r in tenant_rows for u in r.uniques if r.tenant_column
        ),
        tenant_table_uniques=sum(len(r.uniques) for r in tenant_rows),
        scoped_uniques=sum(u.scoped for r in tenant_rows for u in r.uniques),
        foreign_keys=len(keys),
        tenant_foreign_keys=len(between),
        tenant_safe_foreign_keys=sum(k.safe is True for k in between),
        root_foreign_keys=_root_keys(facts, tenant_rows),
        enums=len(facts.catalog.enums),
        policies=sum(r.policies for r in rows),
        rls_tables=sum(r.rls for r in rows),
        forced_rls_tables=sum(r.forced for r in rows),
        protected_tables=sum(r.rls and r.policies > 0 for r in tenant_rows),
        tenant_columns_not_null=sum(r.nullable is False for r in tenant_rows),
        null_tenant_rows=_null_rows(evidence),
        empty=bool(evidence.tenant_rows) and all(t.seen_rows == 0 for t in evidence.tenant_rows),
    )


def _root_keys(facts: Facts, tenant_rows: list[TableFacts]) -> int:
    tables = (facts.tables_by_name[QName(r.schema, r.name)] for r in tenant_rows)
    return sum(bool(facts.root_keys(t)) for t in tables)


def _null_rows(evidence: Evidence) -> int | None:
    counted = [t.null_rows for t in evidence.tenant_rows if t.null_rows is not None]
    complete = evidence.gathered and len(counted) == len(evidence.tenant_rows)
    return sum(counted) if complete else None


def enums(facts: Facts) -> tuple[EnumFacts, ...]:
    """Return the enum types with their labels and the columns that use them."""
    users: dict[QName, list[str]] = defaultdict(list)
    for table in facts.tables:
        for column in table.columns:
            if column.type_name:
                users[column.type_name].append(f"{facts.show(table.qname)}.{column.name}")
    return tuple(
        EnumFacts(name=facts.show(e.qname), labels=e.labels, used_by=tuple(users[e.qname]))
        for e in facts.catalog.enums
    )


def policies(facts: Facts) -> tuple[PolicyFacts, ...]:
    """Return every policy of user tables."""
    return tuple(
        PolicyFacts(
            table=facts.show(t.qname),
            name=p.name,
            command=p.command,
            roles=p.roles,
            permissive=p.permissive,
            using=p.using,
            check=p.check,
        )
        for t in facts.tables
        for p in t.policies
    )
