"""`validate-schema diff`: two schemas, whatever holds them."""

from pathlib import Path

import click

from ..model.secret import Secret
from . import options


@click.command("diff")
@click.argument("a", metavar="A", type=options.SECRET)
@click.argument("b", metavar="B", type=options.SECRET)
@click.option("--format", type=click.Choice(("txt", "md", "json")), default="txt", show_default=True)
@click.option(
    "--output", "-o", default="-", show_default=True, metavar="FILE", help="Where to write; - is stdout."
)
@click.option(
    "--only", multiple=True, metavar="KINDS", help="Only these kinds (index, policy, owner …), by comma."
)
@click.option("--ignore", multiple=True, metavar="KINDS", help="Not these kinds.")
@click.option("--closed", is_flag=True, help="A contract declares all tables that there shall be.")
@click.option("--comments", is_flag=True, help="Compare comments too.")
@click.option("--tool", metavar="NAME", help="Migration tool, where a folder does not tell.")
@options.scratch
@options.statement_timeout
@options.color
def command(
    *,
    a: Secret,
    b: Secret,
    format: str,
    output: str,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    closed: bool,
    comments: bool,
    tool: str | None,
    scratch: Secret,
    statement_timeout: int,
    color: bool | None,
) -> int:
    """Compare the schemas A and B: what is missing, extra, different.

    \b
    Each is one of
      a database               postgresql://…            or url:…
      a snapshot               production.json           or snapshot:…
      migrations               prisma/migrations, x.sql  or migrations:…
      a declaration            schema.prisma, models:…   or contract:…

    #schema=NAME behind any but a declaration means one schema of it. Migrations are run on a scratch
    server. Nothing is written to a database.

    Ends with 0 when there is no difference, 1 when there is one, 2 for what cannot be used, 3 when a database
    could not be read (or not all of it, and the rest is the same) or migrations could not be replayed.
    """
    from ..model.progress import Progress
    from ..report import write
    from ..report.difference import render_difference
    from ..run.differ import differ, kinds_of
    from ..run.sides import open_side, recognise
    from ..sources import SourceContext
    from .inputs import STDOUT, refuse_inputs
    from .output import require_folder, use_color

    kinds, others = kinds_of(only), kinds_of(ignore)
    require_folder(output)
    progress = Progress()
    named = [recognise(entry, tool) for entry in (a, b)]
    refuse_inputs((output,), (Path(each.entry.reveal()) for each in named))
    with SourceContext(scratch, progress) as context:
        before, after = (
            open_side(n, context, progress, tool=tool, timeout_ms=statement_timeout) for n in named
        )
    found = differ(before, after, only=kinds, ignored=others, closed=closed, comments=comments)
    colored = output == STDOUT and use_color(color)
    text = render_difference(found, format, color=colored)
    if output == STDOUT:
        click.echo(text, nl=False, color=colored)
    else:
        write(text, Path(output))
    return 1 if found.changes else 0 if found.same else 3
