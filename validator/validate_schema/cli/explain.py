"""`validate-schema explain`: one check's manual page, or all of them as Markdown."""

from collections.abc import Sequence
from pathlib import Path

import click

from ..checking.declare import Check
from ..checking.engine import require_known, select_checks
from ..checking.packs import checks_at_hand
from ..checking.reference import check_page, checks_reference
from ..config import load
from ..model.errors import UsageError
from . import options


@click.command("explain")
@click.argument("ids", nargs=-1, metavar="ID...")
@click.option("--all", "everything", is_flag=True, help="Every check, as one Markdown page.")
@options.pack
@options.config
def command(ids: tuple[str, ...], everything: bool, packs: Sequence[str], config_path: Path | None) -> None:
    """Explain checks by id (UNQ001), family (UNQ) or name (tenant-scoped)."""
    checks = checks_at_hand(load(config_path, Path.cwd()), packs)
    if everything:
        click.echo(checks_reference(checks), nl=False)
        return
    if not ids:
        raise UsageError("name a check, or use --all; `validate-schema checks` lists them")
    pages = [check_page(check) for id in ids for check in _named(checks, id)]
    click.echo("\n".join(pages), nl=False)


def _named(checks: tuple[Check, ...], word: str) -> tuple[Check, ...]:
    by_name = tuple(c for c in checks if c.name == word.lower())
    if by_name:
        return by_name
    require_known(checks, word.upper())
    return select_checks(checks, (word.upper(),), ())
