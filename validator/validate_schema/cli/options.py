"""Options that several commands share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..model.formats import FORMATS
from ..model.secret import Secret

if TYPE_CHECKING:
    _ParamType = click.ParamType[Secret]
else:  # generic in later releases alone
    _ParamType = click.ParamType

_Command = TypeVar("_Command", bound=Callable[..., Any])

LEVELS = ("error", "warning", "info")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a command line said, by the names of its options; what a command lacks is as by default."""

    database_url: Secret | None = None
    migrations: Path | None = None
    tool: str | None = None
    ledger: str | None = None
    snapshot: Path | None = None
    scratch: Secret = Secret("embedded")
    statement_timeout: int = 30_000
    timeout: int | None = None
    config_path: Path | None = None
    contracts: Sequence[Secret] = ()
    packs: Sequence[str] = ()
    select: Sequence[str] = ()
    ignore: Sequence[str] = ()
    data: bool | None = None
    prove: bool | None = None
    prove_live: bool = False
    replay: bool | None = None
    repro: Path | None = None
    baseline: Path | None = None
    update_baseline: bool = False
    reports: Sequence[str] = ()
    formats: Sequence[str] = ()
    color: bool | None = None
    github: bool | None = None
    fail_on: str | None = None
    min_severity: str | None = None
    quiet: bool = False
    verbose: bool = False
    root: Path | None = None


class SecretType(_ParamType):
    """A value that may hold a password: from here on nothing prints it as it is."""

    name = "text"

    def convert(
        self, value: object, _parameter: click.Parameter | None, _context: click.Context | None
    ) -> Secret:
        return value if isinstance(value, Secret) else Secret(str(value))


SECRET = SecretType()
SECRET_OPTIONS = frozenset({"--database-url", "--scratch", "--contract"})


def _path(**checks: bool) -> click.Path:
    return click.Path(path_type=Path, **checks)


def together(*decorators: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    """Return several options as one decorator."""

    def decorate(command: _Command) -> _Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


config = click.option(
    "--config",
    "config_path",
    type=_path(),
    metavar="FILE",
    help="validate-schema.toml; otherwise searched upwards.",
)

scratch = click.option(
    "--scratch",
    type=SECRET,
    default="embedded",
    show_default=True,
    metavar="SOURCE",
    help="Scratch server: embedded, system, a bin directory, or a URL.",
)
statement_timeout = click.option(
    "--statement-timeout",
    type=click.IntRange(min=1),
    default=30_000,
    show_default=True,
    metavar="MS",
    help="Time-out of each catalog query.",
)
timeout = click.option(
    "--timeout",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="Time-out of the whole run (default: 7200, or as the config says).",
)
color = click.option(
    "--color/--no-color",
    default=None,
    help="Colour (default: on a terminal that is not dumb; NO_COLOR and FORCE_COLOR decide).",
)

target = together(
    click.option(
        "--database-url",
        type=SECRET,
        metavar="URL",
        help="Database to examine. Default: DATABASE_URL, then PG*.",
    ),
    click.option(
        "--migrations",
        type=_path(),
        metavar="DIR",
        help="Apply these migrations to a scratch server: a folder, an SQL file, or - for standard input.",
    ),
    click.option("--tool", metavar="NAME", help="Migration tool, where the folder does not tell."),
    click.option("--snapshot", type=_path(), metavar="FILE", help="Examine a saved catalog."),
    scratch,
    statement_timeout,
    timeout,
    config,
)

pack = click.option(
    "--pack",
    "packs",
    multiple=True,
    metavar="DIR|MODULE",
    help="Checks besides ours and those of the config: a folder, a file or a module. Repeatable.",
)

selection_ids = together(
    pack,
    click.option(
        "--select", multiple=True, metavar="IDS", help="Only these checks: ids or prefixes, by comma."
    ),
    click.option("--ignore", multiple=True, metavar="IDS", help="Not these checks."),
)

selection = together(
    selection_ids,
    click.option("--data/--no-data", default=None, help="Count rows in tenant tables (default: on)."),
)

contracts = click.option(
    "--contract",
    "contracts",
    multiple=True,
    type=SECRET,
    metavar="SOURCE",
    help="Declared state to compare with: Prisma, SQL, models:module:Base, django:settings, a snapshot,"
    " a URL. Repeatable.",
)

proof = together(
    click.option(
        "--prove/--no-prove",
        default=None,
        help="Prove isolation with two tenants' rows on a copy of the schema (default: with --migrations,"
        " where reading left something open).",
    ),
    click.option(
        "--prove-live", is_flag=True, help="Count other tenants' rows in the live database, read only."
    ),
)

replay = click.option(
    "--replay/--no-replay",
    default=None,
    help="Replay the config's migrations on a scratch server: drift, dry run (default: as the config says).",
)

repro = click.option(
    "--repro", type=_path(file_okay=False), metavar="DIR", help="Write a psql script for each leak to DIR."
)

output_files = together(
    click.option(
        "--report",
        "-o",
        "reports",
        multiple=True,
        metavar="PATH",
        help="Write a report; - is stdout, Markdown unless --format says otherwise. Repeatable.",
    ),
    click.option(
        "--format",
        "formats",
        multiple=True,
        type=click.Choice(list(FORMATS)),
        help="Format of the --report at the same place, or of standard output.",
    ),
    color,
)

baseline = together(
    click.option(
        "--baseline",
        type=_path(),
        metavar="FILE",
        help="An earlier JSON report: says what is new, what is gone.",
    ),
    click.option("--update-baseline", is_flag=True, help="Write this run's report to the --baseline file."),
)

github = click.option(
    "--github/--no-github",
    default=None,
    help="Annotations and step summary (default: when GitHub Actions runs this).",
)

quiet = click.option(
    "--quiet", "-q", is_flag=True, help="Only the verdict line on standard output, and no progress."
)

output = together(
    output_files,
    github,
    click.option(
        "--fail-on",
        type=click.Choice((*LEVELS, "never", "new")),
        help="Lowest severity that fails the run (default: as the config says, else error); new: warnings and"
        " errors that the baseline lacks.",
    ),
    click.option(
        "--min-severity",
        type=click.Choice(LEVELS),
        help="Hide lesser findings on the terminal (default: as the config says, else info); never changes"
        " the verdict.",
    ),
    quiet,
    click.option("--verbose", "-v", is_flag=True, help="Name every object of a finding on the terminal."),
)
