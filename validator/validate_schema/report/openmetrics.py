"""The figures as OpenMetrics text, for a monitoring system to scrape after a deploy.

Source: OpenMetrics 1.0, "Text Format".
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from ..model.report import Counts, Report
from ..sql.ident import visible
from .escape import moment

_Sample = tuple[Mapping[str, str], float]


def render_openmetrics(report: Report) -> str:
    """Return the metrics, each with its help; every one is a gauge of the latest run."""
    out: list[str] = []
    for name, help_text, samples in _metrics(report):
        out += [f"# TYPE {name} gauge", f"# HELP {name} {_escaped(help_text)}"]
        out += [f"{name}{labels_text(labels)} {_number(value)}" for labels, value in samples]
    return "\n".join((*out, "# EOF")) + "\n"


def _metrics(report: Report) -> Iterable[tuple[str, str, list[_Sample]]]:
    p = "validate_schema"
    database = {"database": report.target.database}
    verdicts = ("PASS", "FAIL", "INCOMPLETE")
    yield (
        f"{p}_verdict",
        "1 for the verdict of the latest run, 0 for the others.",
        [({**database, "verdict": v}, v == report.verdict) for v in verdicts],
    )
    found = Counter((f.check, f.severity.value) for f in report.findings)
    levels = ("error", "warning", "info")
    yield (
        f"{p}_findings",
        "Findings by severity.",
        [({**database, "severity": s}, sum(f.severity.value == s for f in report.findings)) for s in levels],
    )
    yield (
        f"{p}_check_findings",
        "Findings by check.",
        [({**database, "check": c, "severity": s}, n) for (c, s), n in sorted(found.items())],
    )
    statuses = Counter[str](c.status for c in report.checks)
    kinds = ("passed", "failed", "undecided", "not_applicable", "skipped", "error")
    yield f"{p}_checks", "Checks by status.", [({**database, "status": s}, statuses[s]) for s in kinds]
    yield f"{p}_suppressed", "Accepted findings.", [(database, len(report.suppressed))]
    yield f"{p}_objects", "Figures of the schema.", _objects(report.counts, database)
    if report.isolation.attempted:
        cover = report.isolation.coverage
        outcomes = ("isolated", "denied", "leaks", "blocked", "inconclusive")
        yield (
            f"{p}_isolation_cells",
            "Probes of the isolation proof by outcome.",
            [({**database, "outcome": o}, getattr(cover, o)) for o in outcomes],
        )
        yield f"{p}_proven_tables", "Tables whose isolation was proven.", [(database, cover.proven)]
        yield f"{p}_tested_tables", "Tables whose isolation rows decided.", [(database, cover.tested)]
    yield f"{p}_duration_seconds", "Duration of the run.", [(database, report.duration_ms / 1000)]
    if when := moment(report.generated_at):
        seconds = datetime.fromisoformat(f"{when}+00:00").timestamp()
        yield f"{p}_last_run_timestamp_seconds", "When it ran, in Unix time.", [(database, seconds)]


def _objects(counts: Counts, database: Mapping[str, str]) -> list[_Sample]:
    found = ((name, getattr(counts, name)) for name in sorted(Counts.__struct_fields__))
    return [({**database, "kind": name}, value) for name, value in found if value is not None]


def labels_text(labels: Mapping[str, str]) -> str:
    """Return the labels of a sample in braces."""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"
