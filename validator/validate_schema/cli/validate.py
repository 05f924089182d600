"""The bare run: examine the target, write the reports, print the summary."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from ..catalog.connect import mask
from ..checking.baseline import Baseline
from ..config import MigrationsConfig, load
from ..model.errors import UsageError
from ..model.progress import Progress
from ..model.report import Report
from ..model.wording import some
from ..report import format_of, read_report, render, render_text, write
from ..run.examine import examine
from ..run.library import named_target, request_for, split_ids
from ..run.proof import Proving
from ..run.source import Source
from .github import announce, detected
from .repro import require_repro_folder, write_scripts

STDOUT = "-"
_PG_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGUSER", "PGPORT")


def validate(
    *,
    database_url: str | None,
    migrations: Path | None,
    tool: str | None,
    snapshot: Path | None,
    scratch: str,
    statement_timeout: int,
    config_path: Path | None,
    contracts: Sequence[str],
    select: Sequence[str],
    ignore: Sequence[str],
    data: bool | None,
    prove: bool,
    prove_live: bool,
    replay: bool | None,
    repro: Path | None,
    baseline: Path | None,
    update_baseline: bool,
    reports: Sequence[str],
    formats: Sequence[str],
    fail_on: str,
    min_severity: str,
    quiet: bool,
    color: bool | None,
    github: bool | None,
) -> int:
    """Run the main job; return the exit status."""
    destinations = pair_formats(reports, formats)
    for destination, _ in destinations:
        require_folder(destination)
    proving = choose_proving(prove=prove, live=prove_live, repro=repro)
    measure = choose_baseline(baseline, update=update_baseline, fail_on=fail_on)
    config = load(config_path, Path.cwd())
    source = choose_source(
        config.config.migrations,
        database_url=database_url,
        migrations=migrations,
        snapshot=snapshot,
        tool=tool,
        scratch=scratch,
        statement_timeout=statement_timeout,
    )
    request = replace(
        request_for(source, config, select=split_ids(select), ignore=split_ids(ignore)),
        fail_on=fail_on,
        rows=data is not False,
        proving=proving,
        replay=replay,
        baseline=measure,
        list_subjects=any(format == "junit" for _, format in destinations),
        command=shown_command(sys.argv[1:]),
        contracts=tuple(contracts),
    )
    report = examine(request, Progress())
    deliver(report, destinations, min_severity=min_severity, quiet=quiet, color=color)
    if baseline is not None and update_baseline:
        write(render(report, "json"), baseline)
    if detected(github):
        announce(report, stdout_taken=any(destination == STDOUT for destination, _ in destinations))
    if repro is not None:
        say_scripts(report, repro)
    return report.exit_code


def choose_baseline(path: Path | None, *, update: bool, fail_on: str) -> Baseline | None:
    """Return the report to measure against; None where there is none yet and this run writes the first.

    Raises `UsageError` for options that mean nothing without a baseline, `SnapshotError` for a file that
    is no report.
    """
    if path is None:
        if update or fail_on == "new":
            flag = "--update-baseline" if update else "--fail-on new"
            raise UsageError(f"{flag} needs a baseline: add --baseline FILE")
        return None
    require_folder(str(path))
    if not path.exists():
        if update:
            return None
        raise UsageError(f"{path}: no such baseline; write the first one with --update-baseline")
    return Baseline(read_report(path), path.name)


def choose_proving(*, prove: bool, live: bool, repro: Path | None) -> Proving:
    """Return what kind of proof the options ask for; make the folder for its scripts.

    Raises `UsageError` for two kinds, for scripts without a proof, and for a folder that cannot be.
    """
    if prove and live:
        raise UsageError("--prove works on a copy, --prove-live counts live rows: give one")
    if repro is not None and not (prove or live):
        raise UsageError("--repro writes the leaks of a proof: add --prove")
    if repro is not None:
        require_repro_folder(repro)
    return Proving.LIVE if live else Proving.COPY if prove else Proving.NO


def say_scripts(report: Report, folder: Path) -> None:
    """Write the scripts of the leaks and say on standard error what was written."""
    written = write_scripts(report, folder)
    click.echo(f"{some(len(written), 'script')} of leaks in {folder}", err=True)


def choose_source(
    configured: MigrationsConfig,
    *,
    database_url: str | None = None,
    migrations: Path | None = None,
    snapshot: Path | None = None,
    tool: str | None = None,
    scratch: str = "embedded",
    statement_timeout: int = 30_000,
) -> Source:
    """Return the one source that was named. Options win over DATABASE_URL, that over PG*.

    A migrations folder in the config is never taken silently: a deploy whose DATABASE_URL is
    missing would then pass without anything deployed having been looked at.
    Raises `UsageError` for none or several.
    """
    options = {"--database-url": database_url, "--migrations": migrations, "--snapshot": snapshot}
    named = named_target(options)
    if not named:
        database_url = os.environ.get("DATABASE_URL")
    if not named and database_url is None and not any(os.environ.get(name) for name in _PG_VARIABLES):
        hint = f" (the config names migrations: --migrations {configured.path})" if configured.path else ""
        raise UsageError(
            f"no target: give --database-url, --migrations or --snapshot, or set DATABASE_URL{hint}"
        )
    return Source(
        database_url=database_url,
        migrations=migrations,
        snapshot=snapshot,
        tool=tool or configured.tool,
        command=configured.command,
        scratch=scratch,
        statement_timeout_ms=statement_timeout,
    )


def pair_formats(reports: Sequence[str], formats: Sequence[str]) -> list[tuple[str, str]]:
    """Return (destination, format) pairs: the n-th --format belongs to the n-th --report; without
    one the suffix decides. Formats beyond the reports go to standard output.

    Raises `UsageError` when a format cannot be told or standard output is named twice.
    """
    pairs = []
    for position, destination in enumerate(reports):
        given = formats[position] if position < len(formats) else None
        pairs.append((destination, given or format_of(destination)))
    pairs += [(STDOUT, extra) for extra in formats[len(reports) :]]
    if sum(destination == STDOUT for destination, _ in pairs) > 1:
        raise UsageError("standard output can hold one report: give the others a path")
    return pairs


def require_folder(destination: str) -> None:
    """Raise `UsageError` when a report could not be written there, before any work is done."""
    folder = Path(destination).parent
    if destination != STDOUT and not os.access(folder, os.W_OK | os.X_OK):
        why = "is not writable" if folder.is_dir() else "is not a folder"
        raise UsageError(f"cannot write {destination}: {folder} {why}")


def deliver(
    report: Report,
    destinations: Sequence[tuple[str, str]],
    *,
    min_severity: str = "info",
    quiet: bool = False,
    color: bool | None = None,
    summary: str | None = None,
) -> None:
    """Write every report, then the summary (the report's own unless another is given) on standard output,
    unless a report goes there."""
    rendered = {format: render(report, format) for _, format in destinations}
    for destination, format in destinations:
        if destination != STDOUT:
            write(rendered[format], Path(destination))
    to_stdout = [format for destination, format in destinations if destination == STDOUT]
    if to_stdout:
        click.echo(rendered[to_stdout[0]], nl=False)
        return
    colored = use_color(color)
    text = summary or render_text(report, color=colored, min_severity=min_severity, quiet=quiet)
    click.echo(text, nl=False, color=colored)
    for destination, _ in destinations:
        if not quiet:
            click.echo(f"report: {destination}")


def use_color(wanted: bool | None) -> bool:
    """Return whether to colour: as asked, else on a terminal without NO_COLOR (no-color.org)."""
    if wanted is not None:
        return wanted
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def shown_command(arguments: Sequence[str]) -> str:
    """Return the command line for the report, secrets masked."""
    import shlex

    return mask(shlex.join(["validate-schema", *arguments]))


def example_report(example: Path, migrations: str, scratch: str = "embedded") -> Report:
    """Examine a bundled example, proof included: its config, and the folder of migrations below it."""
    config = load(example / "validate-schema.toml", example)
    request = replace(
        request_for(Source(migrations=example / migrations, scratch=scratch), config),
        proving=Proving.COPY,
        command="validate-schema demo",
        root=example,
    )
    return examine(request, Progress())
