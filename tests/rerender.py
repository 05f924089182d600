"""`make reports`: render the examples' reports anew. Their time is fixed, so that only the code changes them."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from validate_schema.cli.validate import example_report
from validate_schema.model.report import Report
from validate_schema.report import render, render_text

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "flakeguard"
REPORTS = ROOT / "reports"
HISTORIES = {"flakeguard": "prisma/migrations", "flakeguard-broken": "broken/prisma/migrations"}
FORMATS = {"md": "md", "brief.md": "brief", "html": "html", "json": "json"}
MOMENT = "1767225600"  # 2026-01-01T00:00:00Z, as SOURCE_DATE_EPOCH
_EXCERPT = 7  # paragraphs of the summary: verdict, target, lines, the first findings
_CI = ("GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "GITHUB_RUN_ID", "CI_JOB_URL", "BUILD_URL")


def reproducible(environ: dict[str, str]) -> dict[str, str]:
    """Return the environment without what differs between two machines that run this."""
    return {k: v for k, v in environ.items() if k not in _CI} | {"SOURCE_DATE_EPOCH": MOMENT}


def reports() -> Iterator[tuple[str, Report]]:
    """Yield each example's name and its report, as of `MOMENT`."""
    for name, folder in HISTORIES.items():
        yield name, example_report(EXAMPLE, folder)


def readme(report: Report) -> str:
    """Return README.md with the head of the example's summary as its excerpt."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    before, prompt, rest = text.partition("$ validate-schema demo\n")
    head = "\n\n".join(render_text(report).split("\n\n")[:_EXCERPT])
    return f"{before}{prompt}{head}\n\n…\n```{rest.partition('```')[2]}"


def main() -> None:
    """Write every report of every example, and the README's excerpt."""
    kept = reproducible(dict(os.environ))
    os.environ.clear()
    os.environ.update(kept)
    for name, report in reports():
        for suffix, format in FORMATS.items():
            path = REPORTS / f"{name}.{suffix}"
            path.write_text(render(report, format), encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)}\n")
        if name == "flakeguard":
            text = readme(report)
            (ROOT / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
