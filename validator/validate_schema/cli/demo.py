"""`validate-schema demo`: FlakeGuard's migrations in, its report out."""

from pathlib import Path

import click

from ..checking.packs import resource_dir
from ..model.secret import Secret
from . import options

MIGRATIONS = "prisma/migrations"


@click.command("demo")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("validate-schema-demo"),
    show_default=True,
    metavar="DIR",
    help="Where the reports are written.",
)
@options.scratch
@options.color
def command(output: Path, scratch: Secret, color: bool | None) -> None:
    """Validate the bundled FlakeGuard example on the embedded PostgreSQL.

    Six migrations are applied to a scratch server and the resulting schema is examined. The
    example has real findings on purpose; they do not fail the demo.
    """
    from ..model.errors import UsageError
    from .output import deliver, pair_formats
    from .validate import example_report

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot create {output}: {error.strerror}") from None
    report = example_report(resource_dir("examples") / "flakeguard", MIGRATIONS, scratch)
    paths = [str(output / f"flakeguard.{suffix}") for suffix in ("md", "html", "json")]
    deliver(report, pair_formats(paths, ()), options.Options(color=color))
