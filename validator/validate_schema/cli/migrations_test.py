"""`validate-schema migrations test`: rows put in at a version, then taken to the head."""

import sys
from pathlib import Path

import click

from ..model.secret import Secret
from . import options


@click.command("test")
@click.option(
    "--migrations",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The migrations. Default: [migrations] path.",
)
@click.option(
    "--fixtures",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Rows, <version>.sql, and what is expected of them, <version>.json. Default: [migrations] fixtures.",
)
@click.option("--tool", metavar="NAME", help="Migration tool, where the folder does not tell.")
@options.scratch
@options.config
@click.option(
    "--format",
    "format_",
    type=click.Choice(("txt", "json")),
    default="txt",
    show_default=True,
    help="Format of the outcome on standard output.",
)
@options.color
def command(
    *,
    migrations: Path | None,
    fixtures: Path | None,
    tool: str | None,
    scratch: Secret,
    config_path: Path | None,
    format_: str,
    color: bool | None,
) -> int:
    """Test migrations with rows: every upgrade path, on a scratch server.

    After each migration that has a fixture, its rows are put in; at the head they must be as expected.
    Every path is tried: from each fixture's version straight to the head, and with all fixtures.

    Ends with 0 when all rows are as expected, 1 when a migration broke some, 2 when a fixture or a
    migration cannot be used, 3 when no scratch server can be had.
    """
    from ..migrations import discover
    from ..migrations.fixtures import upgrade_paths
    from ..model.errors import UsageError
    from ..model.progress import Progress
    from ..scratch import open_server
    from .output import use_color
    from .request import config_of

    config = config_of(options.Options(config_path=config_path))
    base, named = config.base, config.config.migrations
    folder = migrations or (base / named.path if named.path else None)
    rows = fixtures or (base / named.fixtures if named.fixtures else None)
    if folder is None or rows is None:
        what = "--migrations" if folder is None else "--fixtures"
        raise UsageError(f"{what} is missing: give a folder, or name one in the config's [migrations]")
    found = discover(folder, tool or named.tool, placeholders=named.placeholders, role=named.role)
    progress = Progress()
    with (
        progress.step("starting the scratch PostgreSQL"),
        open_server(scratch, key=found.digest, progress=progress, superuser=named.superuser) as server,
    ):
        paths = upgrade_paths(server, found, rows, progress=progress)
    failed = bool(paths.losses) or any(not hidden.reason for hidden in paths.hidden)
    if format_ == "json":
        import msgspec

        verdict = {"verdict": "FAIL" if failed else "PASS", "exit_code": int(failed)}
        outcome = {**verdict, **msgspec.to_builtins(paths)}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(outcome), indent=2).decode() + "\n")
    else:
        from ..report.paths_text import render_paths

        colored = use_color(color)
        click.echo(render_paths(paths, color=colored), nl=False, color=colored)
    return int(failed)
