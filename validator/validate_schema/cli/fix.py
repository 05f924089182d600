"""`validate-schema fix`: a corrective migration, tried before it is written."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from ..model.errors import UsageError
from ..model.wording import form, some
from . import options
from .headings import Headed

if TYPE_CHECKING:
    from ..run.fix import Correction

STDOUT = "-"


@click.command("fix", cls=Headed)
@options.target
@options.contracts
@options.selection_ids
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="One SQL file; - prints it."
)
@click.option(
    "--into",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The migrations folder to add to. Default: --migrations, else the config's.",
)
@click.option(
    "--name",
    default="mend_schema_findings",
    show_default=True,
    metavar="NAME",
    help="What the migration is called.",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="An earlier JSON report: mend only what is new since.",
)
@click.option(
    "--severity",
    type=click.Choice(options.LEVELS),
    default="info",
    show_default=True,
    help="Mend only what is at least as grave, and what that brings with it.",
)
@click.option("--prove", is_flag=True, help="Also prove isolation with rows, before and after.")
@click.option("--force", is_flag=True, help="Write it even if the trial found something wrong.")
def command(
    *, output: Path | None, into: Path | None, name: str, severity: str, force: bool, **given: Any
) -> int:
    """Write the migration that mends what is found, after trying it on a copy of the schema.

    \b
    validate-schema fix --migrations prisma/migrations            # a migration like the others
    validate-schema fix --database-url postgresql://… -o mend.sql # one file, statement by statement

    The findings are mended on a throwaway copy, family by family; the migration that results is run on
    a fresh copy and the schema is judged again. What needs a decision stands in it as a comment.

    Ends with 0 when it was written or nothing was to be mended, 1 when the trial found something wrong or
    a leak stays where nothing was to be mended, 3 when nothing was found to mend and checks could not run.
    """
    from ..checking.baseline import Baseline
    from ..model.finding import Severity
    from ..model.progress import Progress
    from ..report import read_report
    from ..run.fix import corrected
    from .request import config_of, request_of

    told = options.Options(**given)
    request = request_of(options.Options(**given | {"baseline": None}), config_of(told))
    if told.baseline is not None:
        request = replace(request, baseline=Baseline(read_report(told.baseline), told.baseline.name))
    found = corrected(request, output, into, name=name, progress=Progress(), least=Severity(severity))
    return _finish(found, force=force)


def _finish(correction: "Correction", *, force: bool) -> int:
    """Write the files, or say why not; return the exit status."""
    from ..run.fix import left_over, proof_sentences, sentences

    plan = correction.plan
    _say(correction.notes)
    if not plan.mended:
        _say((*left_over(plan), *proof_sentences(correction.verified)))
        click.echo(f"nothing to mend; {_rest(correction)}", err=True)
        return _untouched(correction)
    _say(sentences(plan, correction.verified))
    written = correction.verified.good or force
    _say(left_over(plan, decisions=not written))
    if not written:
        click.echo("nothing was written: see above (--force writes it anyway)", err=True)
        return 1
    _write(correction)
    click.echo(_rest(correction), err=True)
    if correction.then:
        click.echo(f"now {correction.then}", err=True)
    return 0 if correction.verified.good else 1


def _untouched(correction: "Correction") -> int:
    """Return the exit status where nothing is mended: what could not be looked at is not in order."""
    plan, proofs = correction.plan, correction.verified.proofs
    if plan.refused or correction.verified.leaks:
        return 1
    unproven = proofs is not None and not proofs[1].attempted
    return 3 if plan.blind or unproven else 0


def _say(lines: Iterable[str]) -> None:
    from ..sql.ident import visible

    for line in lines:
        click.echo(visible(line), err=True)


def _rest(correction: "Correction") -> str:
    plan = correction.plan
    count = len(plan.decisions)
    words = f"{some(count, 'finding')} {form(count, 'needs', 'need')} a decision"
    return words + (f", {len(plan.refused)} could not be mended" if plan.refused else "")


def _write(correction: "Correction") -> None:
    from ..report import write

    new = (path for path in correction.files if str(path) != STDOUT and path not in correction.amended)
    taken = [path for path in new if path.exists()]
    if taken:
        raise UsageError(f"{taken[0]}: exists already; choose another name")
    for path, text in correction.files.items():
        if str(path) == STDOUT:
            click.echo(text, nl=False)
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{path.parent}: cannot write: {error.strerror or error}") from None
        write(text, path)
        click.echo(f"written: {path}", err=True)
