"""Small worlds for checks, built by hand: tables with a standing, roles, a connection."""

from collections.abc import Iterable, Mapping

from validate_schema.checking.declare import Check
from validate_schema.checking.engine import run
from validate_schema.facts.facts import Facts
from validate_schema.model.catalog import (
    Catalog,
    Column,
    ConnectedRole,
    Constraint,
    DefaultPrivileges,
    Function,
    Grant,
    Membership,
    Policy,
    QName,
    Role,
    Schema,
    Server,
    Table,
)
from validate_schema.model.contract import Contract
from validate_schema.model.evidence import Evidence
from validate_schema.model.finding import Finding
from validate_schema.model.report import CheckResult
from validate_schema.model.tenancy import Level, Ownership, Standing, TableClass, Tenancy

ROOT = QName("public", "organization")
KEY = Column("id", "uuid", not_null=True)
ORG = Column("org_id", "uuid", not_null=True)
ROOT_KEY = Constraint(
    "t_org_id_fkey", "foreign key", ("org_id",), references=ROOT, referenced_columns=("id",)
)
BOUND = Policy("tenant_isolation", "ALL", ("PUBLIC",), using="(org_id = current_org())")


def tenant_table(name: str = "invoice", schema: str = "public", **fields: object) -> Table:
    """A table with its own tenant column, owned by ``app_owner``."""
    defaults: dict[str, object] = {"owner": "app_owner", "columns": (KEY, ORG), "constraints": (ROOT_KEY,)}
    return Table(schema, name, **(defaults | fields))  # type: ignore[arg-type]


def member(role: str, *, set_role: bool = True, inherit: bool = True, admin: bool = False) -> Membership:
    return Membership(role, admin=admin, inherit=inherit, set_role=set_role)


def grant(grantee: str, *privileges: str) -> Grant:
    return Grant(grantee, privileges)


def world(
    *tables: Table,
    classes: Mapping[str, TableClass] | None = None,
    paths: Mapping[str, tuple[QName, ...]] | None = None,
    roles: Iterable[Role] = (Role("app_user", login=True), Role("app_owner")),
    app_roles: tuple[str, ...] = ("app_user",),
    schemas: tuple[Schema, ...] = (),
    functions: tuple[Function, ...] = (),
    default_privileges: tuple[DefaultPrivileges, ...] = (),
    connected: ConnectedRole | None = None,
    contract: Contract | None = None,
    evidence: Evidence | None = None,
    setting: str | None = "app.tenant_id",
    current_tenant: str | None = None,
    null_means_global: tuple[QName, ...] = (),
    placeholders: tuple[str, ...] = ("temp",),
    identified: bool = True,
    version: int = 180000,
) -> Facts:
    """A world whose tables are tenant tables unless `classes` says otherwise."""
    root = Table("public", "organization", "app_owner", columns=(KEY,))
    known = classes or {}
    standings = [Standing(ROOT, TableClass.ROOT, Ownership.NONE, "root")]
    for table in tables:
        kind = known.get(table.name, TableClass.TENANT)
        column = "org_id" if kind is TableClass.TENANT else None
        path = (paths or {}).get(table.name, ())
        standings.append(Standing(table.qname, kind, Ownership.COLUMN, "test", column=column, path=path))
    catalog = Catalog(
        Server("18.0", version, "shop", connected or ConnectedRole("reader")),
        schemas=schemas,
        tables=(root, *tables),
        roles=tuple(roles),
        functions=functions,
        default_privileges=default_privileges,
    )
    tenancy = Tenancy(
        levels=(Level(("org_id",), ROOT, "id"),) if identified else (),
        standings=tuple(standings) if identified else (),
        setting=setting,
        current_tenant=current_tenant,
        app_roles=app_roles,
        null_means_global=null_means_global,
        placeholders=placeholders,
    )
    return Facts(catalog, tenancy, contract or Contract(), evidence or Evidence())


def judged(check: Check, facts: Facts) -> tuple[CheckResult, tuple[Finding, ...]]:
    """Run one check; return its result and findings."""
    outcome = run((check,), facts)
    return outcome.results[0], outcome.findings


def said(check: Check, facts: Facts) -> list[str]:
    """The messages of one check, each after its severity."""
    return [f"{f.severity}: {f.message}" for f in judged(check, facts)[1]]


def counted(check: Check, facts: Facts) -> tuple[str, int, int, int, int]:
    """Status, then how many subjects were examined, passed, failed and skipped."""
    result, _ = judged(check, facts)
    return result.status, result.examined, result.passed, result.failed, result.skipped
