"""The first screen: verdict, four figures, findings by severity, and what was examined where."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..model.report import MigrationEntry, Report
from ..model.wording import some
from .promises import SIGNS, WORDS, Mark, has_row_security, without_schema

SEVERITIES = ("error", "warning", "info")
_VERDICTS = {
    "PASS": "Every selected, applicable check ran, and nothing stands in the way.",
    "FAIL": "Something must be mended before this schema may be trusted to keep tenants apart.",
    "INCOMPLETE": "Not everything could be examined, so nothing is promised.",
}


@dataclass(frozen=True)
class Figure:
    """A headline figure: `part` of `whole`, both None where it is unknown; `note` says what it counts."""

    label: str
    mark: Mark
    note: str
    part: int | None = None
    whole: int | None = None

    @property
    def value(self) -> str:
        return SIGNS["none"] if self.part is None else f"{self.part} of {self.whole}"

    @property
    def sign(self) -> str:
        return SIGNS[self.mark]

    @property
    def word(self) -> str:
        return WORDS[self.mark]

    @property
    def share(self) -> int:
        """Per cent, rounded down: 100 only when nothing is missing."""
        return self.part * 100 // self.whole if self.part is not None and self.whole else 0


def figures(report: Report) -> tuple[Figure, ...]:
    """Return the four figures that matter."""
    counts = report.counts
    protected = "tenant tables protected"
    return (
        _figure(report, protected, counts.protected_tables, counts.tenant_tables,
                "row security on, with a policy") if has_row_security(report)
        else Figure(protected, "none", f"{report.target.product} has no row-level security"),
        _figure(report, "uniques tenant-scoped", counts.scoped_uniques, counts.tenant_table_uniques,
                "of the uniques on tenant tables"),
        _figure(report, "foreign keys tenant-safe", counts.tenant_safe_foreign_keys,
                counts.tenant_foreign_keys, "of the keys between tenant tables"),
        _proven(report),
    )  # fmt: skip


def _figure(report: Report, label: str, part: int, whole: int, note: str) -> Figure:
    if without_schema(report):
        return Figure(label, "none", "unknown: the migrations fail")
    if not report.tenancy.identified:
        return Figure(label, "none", "unknown: the tenancy was not identified")
    if not whole:
        return Figure(label, "none", "none in this schema", part, whole)
    return Figure(label, "ok" if part == whole else "bad", note, part, whole)


def _proven(report: Report) -> Figure:
    """Say how many tables the proof covers; ✗ where a row got through or was kept from its own tenant."""
    label, proof = "tables proven isolated", report.isolation
    if not proof.attempted:
        return Figure(label, "none", proof.reason or "not proven in this run")
    if proof.live:
        return Figure(label, "none", "live rows were counted, which proves no table")
    if not proof.coverage.tables:
        return Figure(label, "none", "none in this schema", 0, 0)
    found = proof.coverage
    mark: Mark = "ok" if found.proven + found.tested == found.tables else "none"
    if found.leaks or found.blocked:
        mark = "bad"
    roles = ", ".join(r.name for r in proof.roles)
    note = f"two tenants' made-up rows on a copy, as {roles}" + (
        f"; {found.tested} tested" if found.tested else ""
    )
    return Figure(label, mark, note, found.proven + found.tested, found.tables)


def verdict_words(report: Report) -> str:
    return _VERDICTS[report.verdict]


def severities(report: Report) -> tuple[tuple[str, int], ...]:
    """Return the number of findings for each severity, worst first, counted from the findings."""
    found = [f.severity.value for f in report.findings]
    return tuple((severity, found.count(severity)) for severity in SEVERITIES)


def plate(report: Report) -> tuple[tuple[str, str], ...]:
    """Return the name plate: what was examined, as whom, when, by which version."""
    target, tool = report.target, report.tool
    database = target.database if target.database == target.kind else f"{target.database} ({target.kind})"
    return (
        ("Database", database),
        ("Server", f"{target.server} · {target.product} {target.server_version}"),
        (
            "Role",
            f"{target.role.name}{_powers(report)}" if target.role.name else f"{target.product} has none",
        ),
        ("Generated", report.generated_at or "time not recorded"),
        ("Validated by", f"{tool.name} {tool.version}".strip()),
        ("Migration head", _head(report.migrations.entries)),
    )


def _head(entries: Sequence[MigrationEntry]) -> str:
    """Return the newest migration that the schema has, and how many it has of all."""
    if not entries:
        return "not part of this run"
    waiting = ("pending", "gap", "on_disk", "failed", "rolled_back", "unsure")
    done = [e for e in entries if e.state not in waiting]
    number = f"{len(done)} of {len(entries)}" if len(done) < len(entries) else f"{len(entries)} in all"
    return f"{migration_label(done[-1])} ({number})" if done else f"none of {len(entries)}"


def migration_label(entry: MigrationEntry) -> str:
    """Return version and name of a migration, the version once."""
    if entry.name.startswith(entry.version):
        return entry.name
    if entry.version.endswith(entry.name):
        return entry.version
    return f"{entry.version} {entry.name}".strip()


def _powers(report: Report) -> str:
    role = report.target.role
    powers = [
        word for word, held in (("superuser", role.superuser), ("bypasses RLS", role.bypassrls)) if held
    ]
    return f" ({', '.join(powers)})" if powers else ""


def summary(report: Report) -> tuple[str, ...]:
    """Return the executive summary, a sentence each."""
    counts, tenancy = report.counts, report.tenancy
    sentences = [_findings_sentence(report)]
    if tenancy.identified:
        classes = [
            f"{number} {word}"
            for number, word in (
                (counts.tenant_tables, "tenant"),
                (counts.inherited_tables, "inherited"),
                (counts.global_tables, "global"),
                (counts.exempt_tables, "exempt"),
                (counts.unclassified_tables, "unclassified"),
            )
            if number
        ]
        roots = sum(t.table_class == "root" for t in report.tables)
        classes = [f"{roots} root"] * bool(roots) + classes
        sentences.append(f"{some(counts.tables, 'table')}: {', '.join(classes)}.")
    elif without_schema(report):
        sentences.append("The migrations do not run through, so there is no schema to judge.")
    else:
        sentences.append(
            "The tenant root and column were not identified: what depends on them was not examined."
        )
    examined = report.statistics
    sentences.append(
        f"{some(examined.checks, 'check')} looked at {some(examined.examined, 'object')}: "
        f"{examined.passed} passed, {examined.failed} failed, {examined.undecided} undecided, "
        f"{examined.not_applicable} not applicable, {examined.skipped + examined.errors} could not run."
    )
    return tuple(sentences)


def _findings_sentence(report: Report) -> str:
    if not report.findings:
        accepted = f" {len(report.suppressed)} accepted." if report.suppressed else ""
        return f"No findings.{accepted}"
    parts = [some(number, severity) for severity, number in severities(report) if number]
    total = len(report.findings)
    accepted = f", {len(report.suppressed)} accepted" if report.suppressed else ""
    return f"{some(total, 'finding')}: {', '.join(parts)}{accepted}."
