"""The expected validation output: one line per promise of the schema, ✓ only if examined and true."""

from ..model.catalog import POSTGRESQL
from ..model.report import CheckResult, Report
from ..model.wording import form, some
from .cards import toml
from .line import SIGNS as SIGNS
from .line import WORDS as WORDS
from .line import Line as Line
from .line import Mark as Mark
from .migration_lines import migration_lines

_OWNER = "{n} tables have a known owner"
_RATIOS = (
    ("TEN002", "{n} tenant columns are NOT NULL"),
    ("TEN003", "{n} tenant columns have the type of {key}"),
    ("TEN004", "{n} tenant tables reference {root}"),
    ("TEN006", "{n} tenant columns have no constant default"),
    ("UNQ001", "{n} uniques on tenant tables are scoped to the tenant"),
    ("FKY001", "{n} foreign keys between tenant tables carry the tenant"),
    ("TEN007", "{n} keys to {root} are validated"),
    ("FKY003", "{n} other foreign keys are validated"),
    ("IDX001", "{n} tenant tables have an index led by {column}"),
    ("IDX003", "{n} indexes are valid"),
    ("RLS001", "{n} tenant and inherited tables have row-level security"),
    ("RLS002", "{n} tables force row-level security on their owner"),
    ("RLS005", "{n} policies for reading bind the tenant"),
    ("RLS006", "{n} policies for writing bind the tenant"),
)
_DECLARED = (
    ("TBL001", "{n} declared tables exist"),
    ("COL001", "{n} declared columns exist"),
    ("COL002", "{n} declared columns have their type"),
    ("UNQ004", "{n} declared uniques exist"),
    ("IDX006", "{n} declared indexes exist"),
    ("FKY002", "{n} declared foreign keys exist as declared"),
    ("ENU002", "{n} declared enum types have their labels"),
)


def tenancy_lines(report: Report) -> str:
    """Return the lines of the config that name the tenancy, from the best candidate."""
    best = next(iter(report.tenancy.candidates), None)
    root, column = (best.root, best.column) if best else ("Organization", "orgId")
    values = [("root", root), ("column", column)]
    if has_row_security(report):
        values.append(("setting", report.tenancy.setting or "app.tenant_id"))
    return "\n".join(["[tenancy]", *(f"{key} = {toml(value)}" for key, value in values)])


def promises(report: Report) -> tuple[Line, ...]:
    """Return the lines in the order that all formats print them."""
    if without_schema(report):
        return migration_lines(report.migrations)
    results = {r.id: r for r in report.checks}
    column = report.tenancy.column or "the tenant column"
    root = report.tenancy.root or "the tenant root"
    key = f"{root}.{report.tenancy.root_key}" if report.tenancy.root_key else f"the key of {root}"
    words = {"column": column, "root": root, "key": key}
    declared = [
        _ratio(results[id], text, words)
        for id, text in _DECLARED
        if id in results and results[id].status != "not_applicable"
    ]
    owners = [_ratio(results["TBL003"], _OWNER, words)] if "TBL003" in results else []
    ratios = [_ratio(results[id], text, words) for id, text in _RATIOS if id in results]
    return (
        *_counted(report),
        *declared,
        *owners,
        _carriers(report, column),
        *ratios,
        _null_rows(report, results.get("DAT001")),
        proven(report),
        *migration_lines(report.migrations),
    )


def without_schema(report: Report) -> bool:
    """Return whether the migrations that were to make the schema failed, so that there is none."""
    return report.target.kind == "migrations" and report.migrations.replay.failure is not None


def has_row_security(report: Report) -> bool:
    """Return whether the database knows roles and row-level security at all."""
    return report.target.product == POSTGRESQL


def _counted(report: Report) -> list[Line]:
    counts = report.counts
    tables = f"{some(counts.tables, 'table')} {form(counts.tables, 'exists', 'exist')}"
    indexes = (
        f"{some(counts.indexes, 'index')} {form(counts.indexes, 'exists', 'exist')}: "
        f"{some(counts.primary_keys, 'primary key')}, "
        f"{counts.unique_indexes} other unique, {counts.plain_indexes} plain"
    )
    return [
        _count(counts.tables, tables, "no tables"),
        _count(counts.indexes, indexes, "no indexes"),
        _count(counts.foreign_keys, f"{some(counts.foreign_keys, 'foreign key')} defined", "no foreign keys"),
        _count(counts.enums, f"{some(counts.enums, 'enum type')} defined", "no enum types"),
    ]


def _carriers(report: Report, column: str) -> Line:
    """Say how many tenant tables carry their tenant column, counted in the catalog."""
    tenant = [t for t in report.tables if t.table_class == "tenant"]
    if not report.tenancy.identified:
        return Line("none", f"tenant tables have {column}", "the tenancy was not identified")
    if not tenant:
        return Line("none", f"0 of 0 tenant tables have {column}", "there are none to examine")
    carrying = sum(t.type is not None for t in tenant)
    text = f"{carrying} of {len(tenant)} tenant tables have {column}"
    return Line("ok" if carrying == len(tenant) else "bad", text, check="TEN001")


def _count(number: int, text: str, none: str) -> Line:
    return Line("ok", text) if number else Line("none", none, "nothing to count")


def _ratio(result: CheckResult, text: str, words: dict[str, str]) -> Line:
    shown = text.format(n="{n}", **{k: v.replace("{", "{{").replace("}", "}}") for k, v in words.items()})
    if result.status == "not_applicable" and result.reason:
        return Line("none", shown.format(n="").strip(), result.reason, result.id)
    if result.status == "not_applicable":
        return Line("none", shown.format(n="0 of 0"), "there are none to examine", result.id)
    if result.status in ("skipped", "error") and not (result.passed or result.failed):
        return Line("none", shown.format(n="").strip(), result.reason or "could not be examined", result.id)
    line = shown.format(n=f"{result.passed} of {result.examined}")
    notes = [f"{result.suppressed} accepted"] if result.suppressed else []
    if result.skipped:
        notes.append(f"{result.skipped} could not be examined: {result.reason}")
    mark: Mark = "bad" if result.failed else "none" if result.skipped or result.reason else "ok"
    return Line(mark, line, "; ".join(notes), result.id)


def _null_rows(report: Report, result: CheckResult | None) -> Line:
    named = report.tenancy.column or "tenant"
    rows = report.counts.null_tenant_rows
    if rows is None or not report.counts.tenant_tables:
        why = (result.reason if result else "") or "rows were not counted in this run"
        return Line("none", f"rows with a NULL {named}", why, "DAT001" if result else "")
    text = f"{some(rows, 'row')} with a NULL {named}"
    return Line("bad" if rows else "ok", text, check="DAT001" if result else "")


def proven(report: Report) -> Line:
    """Say what rows of two tenants showed: ✓ only when every probe of every table held."""
    proof, found = report.isolation, report.isolation.coverage
    if not proof.attempted:
        return Line("none", "isolation proven with rows", proof.reason or "not proven in this run")
    roles = ", ".join(r.name for r in proof.roles) or "no role"
    if not found.tables:
        return Line("none", "0 of 0 tables proven isolated", "there are none to examine")
    doubts = [some(found.leaks, "leak")] if found.leaks else []
    doubts += [f"{found.inconclusive} inconclusive"] if found.inconclusive else []
    if proof.live:
        text = f"no row of another tenant among the live rows of {some(found.tables, 'table')} (as {roles})"
        held = found.cells > 0 and not doubts
    else:
        text = f"{found.proven} of {found.tables} tables with tenants' rows proven isolated (as {roles})"
        held = found.proven == found.tables and not doubts
    return Line("ok" if held else "bad" if found.leaks else "none", text, ", ".join(doubts))
