"""`validate-schema fleet`: many members that should hold one schema."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import options

if TYPE_CHECKING:
    from ..config import LoadedConfig
    from ..fleet.request import FleetRequest, Target


@click.command("fleet")
@click.option(
    "--database-url",
    type=options.SECRET,
    metavar="URL",
    help="The database of the members, or that lists them. Default: DATABASE_URL, then PG*.",
)
@click.option(
    "--schemas", metavar="PATTERN", help="Members are these schemas: LIKE 'tenant_%', or a regex /^t\\d+$/."
)
@click.option("--schemas-query", metavar="SQL", help="Members are the schemas whose names this query gives.")
@click.option("--databases", metavar="PATTERN", help="Databases of the server, LIKE or /regex/.")
@click.option("--targets", metavar="FILE", help="Databases: CSV rows of name,url; - is standard input.")
@click.option("--targets-query", metavar="SQL", help="Databases: rows of name and url from --database-url.")
@click.option("--expected", metavar="SQL", help="The names of the members that there should be.")
@click.option(
    "--exclude", "excluded", multiple=True, metavar="NAME=REASON", help="Leave these members out. Repeatable."
)
@click.option(
    "--reference", metavar="NAME", help="The member to measure against (default: the most common shape)."
)
@click.option(
    "--parallel", type=click.IntRange(min=1), metavar="N", help="Databases read at a time (default: 4)."
)
@options.statement_timeout
@options.timeout
@options.config
@click.option(
    "--report", "reports", multiple=True, metavar="PATH", help="Write a report; - is stdout. Repeatable."
)
@click.option(
    "--format", "formats", multiple=True, metavar="FORMAT", help="Format of the --report at the same place."
)
@click.option("--quiet", "-q", is_flag=True, help="Only the verdict line on standard output.")
def command(**given: Any) -> int:
    """Tell which members of a fleet are not like the others, and what differs.

    \b
    validate-schema fleet --database-url URL --schemas 'tenant_%'
    validate-schema fleet --database-url URL --databases 'app_%' --report fleet.json
    validate-schema fleet --targets fleet.csv

    A member is a schema in a database, or a database. Members that are alike are one shape; one of each shape
    is read in full and compared with the reference. Nothing is written.

    Ends with 0 when all members are alike, 1 when one differs or is absent, 2 for what cannot be used, 3 when
    one could not be examined.
    """
    from ..fleet.job import examine_fleet
    from ..model.progress import Progress
    from ..report import write
    from ..report.fleet import FLEET_FORMATS, fleet_format_of, render_fleet, verdict_line
    from .inputs import STDOUT, refuse_inputs
    from .output import require_folder
    from .request import config_of

    formats = given["formats"]
    pairs = [
        (path, formats[n] if n < len(formats) else fleet_format_of(path))
        for n, path in enumerate(given["reports"])
    ] + [(STDOUT, format) for format in formats[len(given["reports"]) :]]
    for _, format in pairs:
        if format not in FLEET_FORMATS:
            raise click.UsageError(f"--format {format}: known are {', '.join(FLEET_FORMATS)}")
    for path, _ in pairs:
        require_folder(path)
    told = options.Options(
        database_url=given["database_url"],
        config_path=given["config_path"],
        statement_timeout=given["statement_timeout"],
        timeout=given["timeout"],
    )
    config = config_of(told)
    targets = given["targets"]
    refuse_inputs((path for path, _ in pairs), [Path(targets)] if targets and targets != STDOUT else [])
    report = examine_fleet(request_of(given, told, config), Progress())
    for path, format in pairs:
        text = render_fleet(report, format)
        if path == STDOUT:
            click.echo(text, nl=False)
        else:
            write(text, Path(path))
    if all(path != STDOUT for path, _ in pairs):
        click.echo(verdict_line(report) if given["quiet"] else render_fleet(report, "txt").rstrip("\n"))
    return report.verdict.exit_status


def request_of(given: dict[str, Any], told: options.Options, config: "LoadedConfig") -> "FleetRequest":
    """Return what the options ask for, the config's [fleet] where they do not say. Raises `UsageError`."""
    from ..fleet.conclude import excluded_of
    from ..fleet.request import FleetRequest
    from ..run.request import request_for
    from ..run.source import Source
    from .request import database_of, shown_command

    named = config.config.fleet
    targets = _targets(given["targets"] or (named.targets and str(config.base / named.targets)))
    source = Source(
        database_url=None if targets else database_of(told), statement_timeout_ms=told.statement_timeout
    )
    excluded = [*((e.name, e.reason) for e in named.exclude)]
    excluded += [(name, reason) for name, _, reason in (text.partition("=") for text in given["excluded"])]
    chosen = any(given[key] for key in ("databases", "targets", "targets_query"))
    run = request_for(source, config)
    import msgspec

    return FleetRequest(
        run=msgspec.structs.replace(run, command=shown_command(sys.argv[1:])),
        schemas=given["schemas"] or ("" if given["schemas_query"] else named.schemas or ""),
        schemas_query=given["schemas_query"] or ("" if given["schemas"] else named.query or ""),
        databases=given["databases"] or ("" if chosen else named.databases or ""),
        targets=targets,
        targets_query=given["targets_query"] or "",
        expected=given["expected"] or named.expected or "",
        reference=given["reference"] or named.reference or "",
        excluded=excluded_of(excluded),
        parallel=given["parallel"] or named.parallel,
    )


def _targets(path: str | None) -> "tuple[Target, ...]":
    from ..fleet.request import read_targets
    from ..model.errors import UsageError

    if not path:
        return ()
    if path == "-":
        return read_targets(sys.stdin, "standard input")
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return read_targets(file, path)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{path}: cannot read: {reason}") from None
