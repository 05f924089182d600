"""Sample reports, written by hand or by rule, for the tests of the renderers."""

from collections.abc import Sequence

import msgspec

from tests.fix_isolation import hostile_isolation, isolation
from validate_schema.checking.engine import fingerprint
from validate_schema.model.difference import Change
from validate_schema.model.finding import Finding, ObjectRef, Remedy, Severity
from validate_schema.model.history import (
    Drift,
    DryRun,
    DryRuns,
    Failure,
    RepeatedDdl,
    Replay,
    RowLoss,
    Statement,
    UpgradePaths,
)
from validate_schema.model.report import (
    CandidateFacts,
    CheckResult,
    Counts,
    EnumFacts,
    LevelFacts,
    MigrationEntry,
    MigrationFacts,
    PolicyFacts,
    Provenance,
    Report,
    RoleFacts,
    Statistics,
    Suppressed,
    TableFacts,
    TableKeyFacts,
    TableUniqueFacts,
    Target,
    TenancyFacts,
    Tool,
)

TARGET = Target(
    kind="database",
    server="db.example.org:5432",
    server_version="18.6",
    database="shop",
    role=RoleFacts(name="reader", superuser=False, bypassrls=True),
    fingerprint="7f" * 32,
    stand_ins=("pgcrypto",),
)
TENANCY = TenancyFacts(
    identified=True,
    root="Organization",
    root_key="id",
    column="orgId",
    setting="app.tenant_id",
    app_roles=("app_user",),
    levels=(LevelFacts(root="Organization", root_key="id", columns=("orgId",)),),
    inferred={"root": "most foreign keys named orgId lead to it"},
)
HOSTILE = (
    'a"b',
    "pipe|pipe",
    "back`tick``s",
    "<script>alert(1)</script>",
    "]]> --> ${x} {{ y }}",
    "line\nbreak\r\ttab",
    "\x1b[31mred\x07",
    "\u202egnitirw\u2066",
    "end",
    "🐘 élan",
    "a\\|b",
    "*bold* _it_ ~x~ #1 @all &amp; [l](javascript:alert(1))",
    "'; drop table x; --",
    "x" * 63,
    " lead and trail ",
    "subgraph",
)


def key(name: str, columns: Sequence[str], to: str, safe: bool | None) -> TableKeyFacts:
    return TableKeyFacts(
        name=name,
        columns=tuple(columns),
        references=to,
        referenced_columns=("id",),
        on_delete="cascade",
        safe=safe,
    )


def table(name: str, table_class: str = "tenant", **more: object) -> TableFacts:
    """A table of the public schema; a tenant table is sound unless `more` says otherwise."""
    facts: dict[str, object] = {
        "schema": "public",
        "name": name,
        "label": name,
        "table_class": table_class,
        "ownership": "own column" if table_class == "tenant" else "none",
        "why": f"because it is {table_class}",
        "columns": 4,
    }
    if table_class == "tenant":
        facts |= {
            "tenant_column": "orgId",
            "type": "uuid",
            "nullable": False,
            "root_fk": True,
            "tenant_index": True,
            "rls": True,
            "forced": True,
            "policies": 1,
            "fks": (key(f"{name}_orgId_fkey", ("orgId",), "Organization", None),),
        }
    return TableFacts(**(facts | more))  # type: ignore[arg-type]


def finding(
    check: str,
    ref: ObjectRef,
    message: str,
    *,
    severity: Severity = Severity.ERROR,
    expected: str = "the promise",
    observed: str = "the breach",
    remedy: Remedy | None = None,
    evidence: str = "",
    location: str | None = None,
) -> Finding:
    return Finding(
        fingerprint=fingerprint(check, ref),
        check=check,
        severity=severity,
        object=ref,
        message=message,
        expected=expected,
        observed=observed,
        evidence=evidence,
        remedy=remedy if remedy is not None else Remedy(note="decide"),
        location=location,
    )


def result(id: str, title: str, examined: int, failed: int = 0, **more: object) -> CheckResult:
    """A check that passed, failed or had nothing to examine, by its figures."""
    facts: dict[str, object] = {
        "id": id,
        "name": title.lower().replace(" ", "-"),
        "title": title,
        "family": id[:3],
        "severity": Severity.ERROR,
        "status": "failed" if failed else "passed" if examined else "not_applicable",
        "examined": examined,
        "passed": examined - failed,
        "failed": failed,
        "findings": failed,
        "why": f"Why {title} matters.",
    }
    return CheckResult(**(facts | more))  # type: ignore[arg-type]


def report(
    tables: Sequence[TableFacts] = (),
    findings: Sequence[Finding] = (),
    checks: Sequence[CheckResult] = (),
    **more: object,
) -> Report:
    """A report whose counts, statistics and verdict follow from its parts."""
    classes = [t.table_class for t in tables]
    tenant = [t for t in tables if t.table_class == "tenant"]
    keys = [k for t in tables for k in t.fks]
    between = [k for k in keys if k.safe is not None]
    status = [c.status for c in checks]
    facts: dict[str, object] = {
        "tool": Tool(version="0.1.0"),
        "verdict": "FAIL" if findings else "PASS",
        "exit_code": 1 if findings else 0,
        "gate": f"{len(findings)} findings at or above error" if findings else "nothing at or above error",
        "generated_at": "2026-01-15T10:30:00Z",
        "duration_ms": 120,
        "target": TARGET,
        "provenance": Provenance(command="validate-schema --report report.md", config_sha256="ab" * 32),
        "tenancy": TENANCY,
        "counts": Counts(
            tables=len(tables),
            tenant_tables=len(tenant),
            **{f"{c}_tables": classes.count(c) for c in ("inherited", "global", "exempt", "unclassified")},
            columns=sum(t.columns for t in tables),
            indexes=2 * len(tables),
            primary_keys=len(tables),
            plain_indexes=len(tables),
            tenant_table_uniques=sum(len(t.uniques) for t in tenant),
            scoped_uniques=sum(u.scoped for t in tenant for u in t.uniques),
            foreign_keys=len(keys),
            tenant_foreign_keys=len(between),
            tenant_safe_foreign_keys=sum(k.safe is True for k in between),
            protected_tables=sum(t.rls and t.policies > 0 for t in tenant),
        ),
        "tables": tuple(tables),
        "checks": tuple(checks),
        "findings": tuple(findings),
        "statistics": Statistics(
            checks=len(checks),
            passed=status.count("passed"),
            failed=status.count("failed"),
            undecided=status.count("undecided"),
            not_applicable=status.count("not_applicable"),
            skipped=status.count("skipped"),
            errors=status.count("error"),
            examined=sum(c.examined for c in checks),
            findings={s: sum(f.severity == s for f in findings) for s in ("error", "warning", "info")},
        ),
    }
    return Report(**(facts | more))  # type: ignore[arg-type]


def on_table(name: str) -> ObjectRef:
    return ObjectRef("table", "public", name)


def enable(name: str) -> Remedy:
    quoted = '"' + name.replace('"', '""') + '"'
    return Remedy(
        sql=(f'ALTER TABLE "public".{quoted} ENABLE ROW LEVEL SECURITY;',),
        note="Add a policy first.",
        lock="ACCESS EXCLUSIVE, for a moment.",
    )


def empty() -> Report:
    """A database without tables: nothing applies."""
    return report(checks=[result("RLS001", "Row security off", 0)], verdict="PASS")


def small() -> Report:
    """Every class of table, every status of check, every severity."""
    tables = [
        table("Organization", "root", tenant_column="id"),
        table(
            "Project", uniques=(TableUniqueFacts(name="Project_slug_key", columns=("slug",), scoped=False),)
        ),
        table(
            "Task",
            nullable=True,
            default="'temp'",
            rls=False,
            policies=0,
            fks=(
                key("Task_orgId_fkey", ("orgId",), "Organization", None),
                key("Task_projectId_fkey", ("projectId",), "Project", False),
                key("Task_parent_fkey", ("orgId", "parentId"), "Task", True),
            ),
        ),
        table("Comment", "inherited", path=("Task",), fks=(key("c", ("taskId",), "Task", None),)),
        table("Country", "global"),
        table("Queue", "exempt"),
        table("Stray", "unclassified"),
    ]
    checks = [
        result("RLS001", "Row security off", 3, 1),
        result("TEN002", "Tenant column may be NULL", 2, 1),
        result("UNQ001", "Unique not scoped to the tenant", 1, 1, suppressed=1, findings=0, status="passed"),
        result("IDX003", "Invalid index", 14),
        result("ENU003", "Unused enum type", 1, 1, severity=Severity.INFO),
        result("FKY001", "Reference may cross tenants", 2, 1),
        result("MIG001", "Two files of one version", 0),
        result(
            "DAT001",
            "Rows without a tenant",
            2,
            passed=0,
            skipped=2,
            status="skipped",
            reason="permission denied: GRANT SELECT",
        ),
        result("TBL005", "No primary key", 0, status="error", reason="internal error in TBL005: KeyError"),
        result(
            "RLS006",
            "Policy lets rows of other tenants be written",
            3,
            passed=2,
            undecided=1,
            status="undecided",
            reason="not decided by the text: the function may()",
        ),
    ]
    unscoped = ObjectRef("constraint", "public", "Project", "Project_slug_key")
    return report(
        tables,
        [
            finding("RLS001", on_table("Task"), "Row security is off on Task", remedy=enable("Task")),
            finding("TEN002", ObjectRef("column", "public", "Task", "orgId"), "Task.orgId is nullable"),
            finding(
                "FKY001",
                ObjectRef("constraint", "public", "Task", "Task_projectId_fkey"),
                "Task_projectId_fkey leads to Project without the tenant",
                severity=Severity.WARNING,
            ),
            finding(
                "ENU003",
                ObjectRef("enum", "public", name="Mood"),
                "no column uses Mood",
                severity=Severity.INFO,
            ),
        ],
        checks,
        enums=(EnumFacts(name="Mood", labels=("GOOD", "BAD")),),
        policies=(
            PolicyFacts(
                table="Project",
                name="isolation",
                command="ALL",
                roles=("app_user",),
                permissive=True,
                using="\"orgId\" = current_setting('app.tenant_id')::uuid",
                check=None,
            ),
        ),
        suppressed=(
            Suppressed(
                fingerprint=fingerprint("UNQ001", unscoped),
                check="UNQ001",
                severity=Severity.ERROR,
                object=unscoped,
                message="Project_slug_key lacks orgId",
                expected="orgId among its columns",
                observed="slug",
                reason="slugs are public",
                owner="platform",
                expires="2026-03-01",
                days_left=45,
            ),
        ),
        migrations=MigrationFacts(
            tool="prisma",
            path="prisma/migrations",
            entries=(
                MigrationEntry(
                    version="1",
                    name="1_init",
                    file="1_init/migration.sql",
                    state="replayed",
                    creates=("7 tables",),
                ),
                MigrationEntry(version="2", name="2_tasks", file="2_tasks/migration.sql", state="replayed"),
            ),
        ),
    )


def unidentified() -> Report:
    """No root was found; two tables might be it."""
    return report(
        [table("a", "unclassified"), table("b", "unclassified")],
        checks=[
            result(
                "RLS001",
                "Row security off",
                0,
                status="skipped",
                reason="the tenant root and tenant column were not identified",
            ),
        ],
        verdict="INCOMPLETE",
        exit_code=3,
        gate="1 check could not run: RLS001",
        tenancy=TenancyFacts(
            candidates=(
                CandidateFacts(root="org", column="org_id", tables=5, why="5 tables reference it by org_id"),
                CandidateFacts(root="account", column="account_id", tables=4, why="4 tables reference it"),
            )
        ),
    )


def hostile() -> Report:
    """Every text that a database or a file can supply, at its worst."""
    tables = [
        table(
            name,
            ("tenant", "tenant", "inherited", "global", "unclassified")[n % 5],
            group=name,
            why=name,
            tenant_column=name,
            type=name,
            default=name,
            uniques=(TableUniqueFacts(name=name, columns=(name, name), scoped=False),),
            fks=(key(name, (name,), HOSTILE[n - 1], False),),
        )
        for n, name in enumerate(HOSTILE)
    ]
    findings = [
        finding(
            "RLS001", ObjectRef("table", name, name, name), name,
            expected=name, observed=name, evidence=name,
            remedy=Remedy(enable(name).sql, note=name, lock=name), location=f"{name}:7",
        )
        for name in HOSTILE
    ]  # fmt: skip
    nasty = HOSTILE[3]
    return report(
        tables,
        findings,
        [result("RLS001", nasty, 16, 16, why=nasty), result("XSS001", HOSTILE[1], 1, 0, status="skipped", reason=HOSTILE[5])],
        title=nasty,
        gate=HOSTILE[1],
        target=Target(
            kind="database",
            server=nasty,
            server_version="18",
            database=HOSTILE[5],
            role=RoleFacts(name=HOSTILE[6], superuser=True, bypassrls=True),
            stand_ins=HOSTILE,
            unreadable=HOSTILE,
        ),
        provenance=Provenance(command="\n".join(HOSTILE), ci_url="javascript:alert(1)", config_path=HOSTILE[3]),
        tenancy=TenancyFacts(
            identified=True,
            root=HOSTILE[0],
            root_key=HOSTILE[1],
            column=HOSTILE[2],
            setting=HOSTILE[3],
            app_roles=HOSTILE,
            levels=tuple(LevelFacts(root=n, root_key=n, columns=(n, n), parent=n) for n in HOSTILE),
            inferred=dict.fromkeys(HOSTILE, "\n".join(HOSTILE)),
        ),
        enums=tuple(EnumFacts(name=n, labels=(n, n), used_by=(n,)) for n in HOSTILE),
        policies=tuple(
            PolicyFacts(table=n, name=n, command="ALL", roles=(n,), permissive=True, using=n, check=n) for n in HOSTILE
        ),
        suppressed=tuple(
            Suppressed(
                fingerprint=fingerprint("S", on_table(n)), check=n, severity=Severity.ERROR, object=on_table(n),
                message=n, expected=n, observed=n, reason=n, owner=n, expires=n,
            )
            for n in HOSTILE
        ),
        migrations=MigrationFacts(
            tool="prisma",
            path=nasty,
            ledger=nasty,
            note=nasty,
            entries=tuple(
                MigrationEntry(version=n, name=n, file=n, state=n, creates=(n, n), why=n, undo=n, loses=(n,))
                for n in HOSTILE
            ),
            stray=HOSTILE,
            repeated=tuple(RepeatedDdl(object=n, statements=(Statement(n, 1), Statement(n, 2))) for n in HOSTILE),
            replay=Replay(
                attempted=True, failure=Failure(statement=Statement(nasty, 1, nasty), message=nasty, detail=nasty)
            ),
            drift=Drift(
                examined=True,
                objects=len(HOSTILE),
                changes=tuple(
                    Change(kind="changed", object=ObjectRef("table", n, n, n), what=n, before=n, after=n)
                    for n in HOSTILE
                ),
            ),
            dry_run=DryRuns(examined=True, runs=tuple(DryRun(file=n) for n in HOSTILE)),
            paths=UpgradePaths(
                examined=True, paths=HOSTILE, losses=(RowLoss(start=nasty, table=nasty, difference=nasty, culprit=nasty),)
            ),
        ),
        isolation=hostile_isolation(HOSTILE),
    )  # fmt: skip


def large(number: int = 500) -> Report:
    """A schema of `number` tables with one defect each, most of them tied to one another."""
    names = [f"module_{n // 20:02}_table_{n:04}" for n in range(1, number)]
    tables = [table("Organization", "root")]
    for n, name in enumerate(names):
        keys = [key(f"{name}_org_fkey", ("orgId",), "Organization", None)]
        if n % 3:
            keys.append(key(f"{name}_parent_fkey", ("parentId",), names[n // 2], n % 4 == 0))
        tables.append(table(name, rls=n % 2 == 0, fks=tuple(keys)))
    findings = [
        finding("RLS001", on_table(name), f"Row security is off on {name}", remedy=enable(name))
        for n, name in enumerate(names)
        if n % 2
    ]
    return report(tables, findings, [result("RLS001", "Row security off", len(names), len(findings))])


def tried() -> Report:
    """The small sample after a proof."""
    return msgspec.structs.replace(small(), isolation=isolation())


SAMPLES = {
    "tried": tried,
    "empty": empty,
    "small": small,
    "unidentified": unidentified,
    "hostile": hostile,
    "large": lambda: large(120),
}
