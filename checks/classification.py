"""TBL: every table has a known owner, and the config names what is there."""

from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Promise, Remedy, Severity, check
from validate_schema.pack.model import TableClass, catalog
from validate_schema.pack.remedies import toml_text, write_name
from validate_schema.pack.roles import is_platforms
from validate_schema.pack.sql import parse_pattern
from validate_schema.pack.subjects import ConfigName

from ._access import is_of_persons
from ._declared import without_tenant_column
from ._look_alikes import look_alikes
from ._personal import by_membership, is_private


class ConfigEntry(NamedTuple):
    """A name in the config."""

    entry: ConfigName

    @property
    def ref(self) -> ObjectRef:
        return ObjectRef("config", name=f"{self.entry.where}.{self.entry.name}")


def classifiable_tables(facts: Facts) -> Iterator[catalog.Table]:
    """User tables, but for those that TEN001 reports for want of the tenant column."""
    facts.require_tenancy()
    reported = without_tenant_column(facts)
    yield from (t for t in facts.tables if t.qname not in reported)


@check(
    "TBL003",
    "Nobody said whose rows a table holds",
    concern="may",
    subjects=classifiable_tables,
    severity=Severity.ERROR,
    promise=Promise("{n} tables have a known owner", place=20),
    why="A table without a known owner is one that no isolation rule covers, which is how a new table starts to leak.",
    bad="""
        create table country (code text primary key);
        create table upload (id uuid primary key, file_name text not null);
    """,
    good="""
        create table country (code text primary key);
        create table upload (
            id uuid primary key, file_name text not null,
            org_id uuid not null references organization (id)
        );
    """,
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        global = ["country"]
    """,
    remediable=False,
    portable=True,
)
def classified(table: catalog.Table, facts: Facts) -> Flaw | None:
    """A table is neither root, tenant, inherited, global nor exempt.

    Examined: user tables. A table is a tenant's when it carries the tenant column, inherited when
    foreign keys that every row has lead to such a table, and global or exempt when the config says
    so. Fails for all others: which of the four a table is meant to be only a person can say. A table
    that was declared a tenant table and lacks the column is left to TEN001.

    It passes where nothing shows a row to anybody but one person: a column that is never NULL leads to the table of
    people, each policy compares it with who asks and asks nothing else, and no view or function with its owner's
    rights (but for one that adds the row at sign-up), trigger, key, unique, owner or privilege leads past that.

    Undecided where row security is on and each policy for an app role gives a person his own rows, or those of
    people whom memberships tie to his tenants: whether all else keeps to that is examined for tables of tenants only.
    """
    if facts.class_of(table.qname) is not TableClass.UNCLASSIFIED or is_private(table, facts):
        return None
    name = facts.show(table.qname)
    standing = facts.standings.get(table.qname)
    alike = look_alikes(table, facts)
    reads_like = f"; {', '.join(alike)} reads like the tenant column" if alike else ""
    alone = is_of_persons(table, facts)
    personal = alone or by_membership(table, facts)
    whose = (
        "each person his own rows"
        if alone
        else "a person his own rows, and those of who shares a tenant with him"
    )
    return Flaw(
        message=f"Table {name} is neither root, tenant, inherited, global nor exempt"
        + (f": its policies give {whose}" if personal else ""),
        expected="a table whose owner is known",
        observed=(standing.why if standing else "nothing is known of its owner") + reads_like,
        severity=Severity.WARNING if personal else None,
        undecided=personal,
        remedy=Remedy(note=_classify(table, facts)),
    )


def _classify(table: catalog.Table, facts: Facts) -> str:
    entry = toml_text(write_name(table.qname, facts.default_schema))
    column = facts.tenancy.levels[0].columns[0]
    return (
        f"Decide whose rows these are. A tenant's: add {column}, or a NOT NULL foreign key to the table that "
        f"owns them. Otherwise write one line under [tenancy]: global = [{entry}] if every tenant shares them, "
        f'or exempt = [{{ table = {entry}, reason = "…" }}] if the rules do not apply.'
    )


def config_entries(facts: Facts) -> Iterator[ConfigEntry]:
    """Tables and roles that the config names."""
    yield from (ConfigEntry(name) for name in facts.config_names if name.name != "PUBLIC")


@check(
    "TBL004",
    "The config names what does not exist or need it",
    subjects=config_entries,
    severity=Severity.WARNING,
    why="A line that no longer means anything hides that the table was renamed, and exempts whatever takes its name.",
    bad="create table currency (code text primary key);",
    good="create table currency (code text primary key); create table country (code text primary key);",
    config="""
        [tenancy]
        root = "organization"
        column = "org_id"
        global = ["currency", "country"]
    """,
    remediable=False,
    portable=True,
)
def stale_classification(subject: ConfigEntry, facts: Facts) -> Flaw | None:
    """The config names a table or role that is not there, or an exemption that is over or unneeded.

    Examined: every name under ``[tenancy]`` and ``report.groups``, and the roles of the contract's grants; tables of the contract are
    left to TBL001. Fails when no table (or view) or role has that name, when nothing matches a
    pattern, when an exemption is past its date, and when every table that it exempts has a NOT NULL
    tenant column with a foreign key to the root.
    """
    entry = subject.entry
    problem = _missing_role(entry, facts) if entry.kind == "role" else _stale_table(entry, facts)
    if problem is None:
        return None
    says, observed = problem
    return Flaw(
        message=f"Config entry {subject.ref.name} {says}",
        expected="names of what exists, and exemptions that hold and are needed",
        observed=observed,
        remedy=Remedy(note=f"Correct the name under {entry.where}, or remove it."),
    )


def _missing_role(entry: ConfigName, facts: Facts) -> tuple[str, str] | None:
    known = entry.name in facts.roles
    return None if known else ("names a role that does not exist", "no such role on this server")


def _stale_table(entry: ConfigName, facts: Facts) -> tuple[str, str] | None:
    pattern = parse_pattern(entry.name)
    apart = (t for t in facts.catalog.extension_tables if is_platforms(t))
    relations: list[catalog.Table | catalog.View] = [*facts.catalog.tables, *facts.catalog.views, *apart]
    meant = [r for r in relations if pattern.matches(r.qname, facts.default_schema)]
    if not meant:
        return "names no table or view", f"nothing is called {entry.name}"
    if entry.where != "tenancy.exempt":
        return None
    if entry.expires is not None and entry.expires < facts.today:
        return "has expired", f"expired on {entry.expires.isoformat()}"
    if all(isinstance(r, catalog.Table) and _ties_every_row(r, facts) for r in meant):
        return "is no longer needed", "a NOT NULL tenant column with a foreign key to the root"
    return None


def _ties_every_row(table: catalog.Table, facts: Facts) -> bool:
    """Tell whether a table has all that a tenant table needs to be judged as one."""
    for level in facts.tenancy.levels:
        for name in level.columns:
            column = table.column(name)
            keyed = any(k.references == level.root and name in k.columns for k in table.foreign_keys)
            if column is not None and column.not_null and keyed:
                return True
    return False
