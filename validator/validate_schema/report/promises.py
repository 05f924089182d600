"""The validation output: one line per promise of the schema, ✓ only if examined and true."""

import shlex
from collections.abc import Callable, Iterator
from functools import partial

from msgspec import UNSET

from ..model.catalog import POSTGRESQL
from ..model.declared import Promise
from ..model.report import CheckResult, Report
from ..model.wording import form, some
from ..sql.ident import toml_text, visible
from .declared import Declared, declared
from .line import SIGNS as SIGNS
from .line import WORDS as WORDS
from .line import Line as Line
from .line import Mark as Mark
from .migration_lines import migration_lines


def fleet_lines(report: Report) -> tuple[str, str] | None:
    """Return what is said of schemas that are alike, and the command that examines them; None where there are
    none, or the tenancy is known."""
    alike = report.tenancy.alike
    if alike is UNSET:
        return None
    named = ", ".join(visible(name) for name in alike.first)
    said = (
        f"{some(alike.schemas, 'schema')} hold the same tables ({named}, …): where each is a tenant, they are"
        " a fleet, and this run judged none of them as one"
    )
    members = ["--schemas", alike.pattern]
    if not alike.pattern:
        members = ["--schemas-query", "select … -- the names of the tenants' schemas"]
    return said, shlex.join(["validate-schema", "fleet", *map(visible, members)])


def tenancy_lines(report: Report) -> str:
    """Return the lines of the config that name the tenancy, from the best candidate."""
    best = next(iter(report.tenancy.candidates), None)
    root, column = (best.root, best.column) if best else ("Organization", "orgId")
    spelled = best.columns if best else ()
    values = [f"root = {toml_text(root)}"] if root is not None else []
    values.append(
        f"column = {'[' + ', '.join(map(toml_text, spelled)) + ']' if spelled else toml_text(column)}"
    )
    if has_row_security(report):
        values.append(f"setting = {toml_text(report.tenancy.setting or 'app.tenant_id')}")
    return "\n".join(["[tenancy]", *values])


def promises(report: Report) -> tuple[Line, ...]:
    """Return the lines in the order that all formats print them."""
    known = declared(report)
    if without_schema(report):
        return migration_lines(report.migrations, known.figures)
    return (
        *_counted(report),
        *_promised(report, known),
        proven(report),
        *migration_lines(report.migrations, known.figures),
    )


def _promised(report: Report, known: Declared) -> Iterator[Line]:
    """Yield the line of each check that promises something: one of the report's own figures, or how many
    of the objects that it examined are as they should be."""
    results = {r.id: r for r in report.checks}
    column = report.tenancy.column or "the tenant column"
    root = report.tenancy.root or "the tenant root"
    key = f"{root}.{report.tenancy.root_key}" if report.tenancy.root_key else f"the key of {root}"
    for check in known.promised:
        promise, result = check.promise, results.get(check.id)
        if promise.figure in _FIGURES:
            yield _FIGURES[promise.figure](report, check.id, result)
        elif promise.words and result and not (promise.if_any and result.status == "not_applicable"):
            yield _ratio(result, promise, partial(promise.line, column=column, root=root, key=key))


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


def _carriers(report: Report, check: str, _result: CheckResult | None) -> Line:
    """Say how many tenant tables carry their tenant column, counted in the catalog."""
    column = report.tenancy.column or "the tenant column"
    tenant = [t for t in report.tables if t.table_class == "tenant"]
    if not report.tenancy.identified:
        return Line("none", f"tenant tables have {column}", "the tenancy was not identified")
    if not tenant:
        return Line("none", f"0 of 0 tenant tables have {column}", "there are none to examine")
    carrying = sum(t.type is not None for t in tenant)
    text = f"{carrying} of {len(tenant)} tenant tables have {column}"
    return Line("ok" if carrying == len(tenant) else "bad", text, check=check)


def _count(number: int, text: str, none: str) -> Line:
    return Line("ok", text) if number else Line("none", none, "nothing to count")


def _ratio(result: CheckResult, promise: Promise, line: Callable[..., str]) -> Line:
    if result.status == "not_applicable" and result.reason:
        return Line("none", line("").strip(" :"), result.reason, result.id)
    if result.status == "not_applicable":
        return Line("none", line("0 of 0", parts="none"), "there are none to examine", result.id)
    if result.status in ("skipped", "error") and not (result.passed or result.failed):
        return Line("none", line("").strip(" :"), result.reason or "could not be examined", result.id)
    parts = (f"{result.passed} bind", f"{result.failed} open", f"{result.undecided} undecided")
    notes = list(parts[1:]) if result.failed and result.undecided else [parts[2]] if result.undecided else []
    notes = [] if promise.parted else notes
    notes += [f"{result.suppressed} accepted"] if result.suppressed else []
    if result.skipped:
        notes.append(f"{result.skipped} could not be examined: {result.reason}")
    doubtful = result.undecided or result.skipped or result.reason
    mark: Mark = "bad" if result.failed else "none" if doubtful else "ok"
    text = line(f"{result.passed} of {result.examined}", parts=", ".join(parts))
    return Line(mark, text, "; ".join(notes), result.id)


def _null_rows(report: Report, check: str, result: CheckResult | None) -> Line:
    named = report.tenancy.column or "tenant"
    rows = report.counts.null_tenant_rows
    if rows is None or not report.counts.tenant_tables:
        why = (result.reason if result else "") or "rows were not counted in this run"
        return Line("none", f"rows with a NULL {named}", why, check if result else "")
    if report.counts.empty:
        return Line("none", f"rows with a NULL {named}", "no rows to examine", check if result else "")
    text = f"{some(rows, 'row')} with a NULL {named}"
    return Line("bad" if rows else "ok", text, check=check if result else "")


_FIGURES: dict[str, Callable[[Report, str, CheckResult | None], Line]] = {
    "tenant column": _carriers,
    "null rows": _null_rows,
}


def proven(report: Report) -> Line:
    """Say what rows of two tenants showed: ✓ only when every probe of every table held."""
    proof, found = report.isolation, report.isolation.coverage
    if not proof.attempted:
        return Line("none", "isolation proven with rows", proof.reason or "not proven in this run")
    roles = ", ".join(r.name for r in proof.roles) or "no role"
    if not found.tables:
        return Line("none", "0 of 0 tables proven isolated", "there are none to examine")
    doubts = [some(found.leaks, "leak")] if found.leaks else []
    doubts += [f"{found.blocked} blocked"] if found.blocked else []
    doubts += [f"{found.inconclusive} inconclusive"] if found.inconclusive else []
    if proof.live:
        text = f"no row of another tenant among the live rows of {some(found.tables, 'table')} (as {roles})"
        held = found.cells > 0 and not doubts
    else:
        also = f", {found.tested} tested" if found.tested else ""
        text = (
            f"{found.proven} of {found.tables} tables with tenants' rows proven isolated{also} (as {roles},"
            " with made-up rows on a copy)"
        )
        held = found.proven + found.tested == found.tables and not doubts
    return Line("ok" if held else "bad" if found.leaks or found.blocked else "none", text, ", ".join(doubts))
