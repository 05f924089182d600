"""From the options of a command line to what the run is asked for."""

import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from ..checking.baseline import Baseline
from ..config import LoadedConfig, load
from ..model.errors import UsageError
from ..model.limits import use
from ..model.secret import Secret, mask
from ..report import read_report
from ..run.proof import Proving
from ..run.request import Request, named_target, request_for, split_ids, told
from ..run.source import Source
from .alarm import set_alarm
from .options import SECRET_OPTIONS, Options
from .output import require_folder
from .piped import as_file, called

STDIN = "-"
_PG_VARIABLES = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGUSER", "PGPORT")


def request_of(options: Options, config: LoadedConfig) -> Request:
    """Return what the options ask for. Raises `UsageError`."""
    options = with_stdin(options)
    proving, baseline = proving_of(options), baseline_of(options)
    request = request_for(
        source_of(options, config),
        config,
        select=split_ids(options.select),
        ignore=split_ids(options.ignore),
        packs=options.packs,
    )
    return replace(
        request,
        fail_on=options.fail_on or "error",
        rows=options.data is not False,
        proving=proving,
        replay=options.replay,
        baseline=baseline,
        command=shown_command(sys.argv[1:]),
        contracts=tuple(options.contracts),
        in_git=options.root is None,
        root=options.root,
    )


def config_of(options: Options) -> LoadedConfig:
    """Return the config that is named, or the nearest one, its limits in force. Raises `ConfigError`.

    One in the target's folder or above it is nearer than one of the working directory, above which it lies;
    that it was taken is said.
    """
    config = load(options.config_path, Path.cwd())
    if options.config_path is None and (own := _targets(options, config)) is not None:
        config = own
        if not options.quiet:
            click.echo(f"config: {shown_path(own)}", err=True)
    given = config.config.limits
    seconds = options.timeout or given.seconds
    use(replace(given, seconds=seconds, proof_seconds=min(given.proof_seconds, max(1, seconds // 2))))
    set_alarm(seconds)
    return config


def _targets(options: Options, found: LoadedConfig) -> LoadedConfig | None:
    """Return the config beside the files that are examined, where it is not the one that was `found`."""
    target = options.migrations or options.snapshot
    if target is None or not target.exists():
        return None
    own = load(None, target if target.is_dir() else target.parent)
    if own.path is None or own.path == found.path:
        return None
    nearer = found.path is None or own.path.parent.is_relative_to(found.path.parent)
    return own if nearer else None


def shown_path(config: LoadedConfig) -> Path:
    """Return where a config lies as seen from the working directory, where it lies below."""
    assert config.path is not None, "a config that was found in a file"
    return config.path.relative_to(Path.cwd()) if config.path.is_relative_to(Path.cwd()) else config.path


def settled(options: Options, config: LoadedConfig) -> Options:
    """Return the options of the bare run with what the config's `[report]` says where they say nothing.

    Raises `UsageError` for a report of the config that would lie outside of the config's folder."""
    named = config.config.report
    outside = [path for path in named.write if Path(path).is_absolute() or ".." in Path(path).parts]
    if outside:
        raise UsageError(
            f"[report] write: {outside[0]} is not below the config's folder; --report writes anywhere"
        )
    written = () if options.reports or options.formats else tuple(str(config.base / p) for p in named.write)
    return dataclasses.replace(
        options,
        fail_on=options.fail_on or named.fail_on,
        min_severity=options.min_severity or named.min_severity,
        reports=options.reports or written,
    )


def with_stdin(options: Options) -> Options:
    """Return the options with `--migrations -` as an SQL file that lasts as long as the command, and its
    folder as the root that findings are placed in."""
    if options.migrations is None or str(options.migrations) != STDIN:
        return options
    path = as_file()
    return dataclasses.replace(options, migrations=path, root=path.parent)


def source_of(options: Options, config: LoadedConfig) -> Source:
    """Return the one source that was named. Options win over DATABASE_URL, that over PG*.

    A migrations folder in the config is never taken silently: a deploy whose DATABASE_URL is
    missing would then pass without anything deployed having been looked at.
    Raises `UsageError` for none or several.
    """
    options = with_stdin(options)
    targets = {
        "--database-url": options.database_url,
        "--migrations": options.migrations,
        "--snapshot": options.snapshot,
    }
    url = options.database_url
    if not named_target(targets):
        url = environment_url()
        if url is None and not libpq_is_told():
            path = config.config.migrations.path
            hint = f" (the config names migrations: --migrations {path})" if path else _seen_here()
            raise UsageError(
                f"no target: give --database-url, --migrations or --snapshot, or set DATABASE_URL{hint}"
            )
    source = Source(
        database_url=url,
        migrations=options.migrations,
        snapshot=options.snapshot,
        tool=options.tool,
        scratch=options.scratch,
        statement_timeout_ms=options.statement_timeout,
        called=called(options.migrations),
    )
    return told(source, config)


def _seen_here() -> str:
    from ..run.first import found_migrations

    found = found_migrations(Path())
    return f" (there are migrations of {found.tool}: --migrations {found.folder})" if found else ""


def database_of(options: Options) -> Secret | None:
    """Return the database's URL: the option, then DATABASE_URL; None for PG*. Raises `UsageError`."""
    url = options.database_url if options.database_url is not None else environment_url()
    if url is None and not libpq_is_told():
        raise UsageError("no database: give --database-url, or set DATABASE_URL or PG*")
    return url


def environment_url() -> Secret | None:
    named = os.environ.get("DATABASE_URL")
    return None if named is None else Secret(named)


def libpq_is_told() -> bool:
    """Return whether the environment names a database as libpq reads it."""
    return any(os.environ.get(name) for name in _PG_VARIABLES)


def baseline_of(options: Options) -> Baseline | None:
    """Return the report to measure against; None where there is none yet and this run writes the first.

    Raises `UsageError` for options that mean nothing without a baseline, `SnapshotError` for a file that
    is no report.
    """
    path = options.baseline
    if path is None:
        if options.update_baseline or options.fail_on == "new":
            flag = "--update-baseline" if options.update_baseline else "--fail-on new"
            raise UsageError(f"{flag} needs a baseline: add --baseline FILE")
        return None
    require_folder(str(path))
    if not path.exists():
        if options.update_baseline:
            return None
        raise UsageError(f"{path}: no such baseline; write the first one with --update-baseline")
    return Baseline(read_report(path), path.name)


def proving_of(options: Options) -> Proving:
    """Return what kind of proof is asked for. Raises `UsageError` for two, and for scripts without one."""
    if options.prove and options.prove_live:
        raise UsageError("--prove works on a copy, --prove-live counts live rows: give one")
    if options.repro is not None and not (options.prove or options.prove_live):
        raise UsageError("--repro writes the leaks of a proof: add --prove")
    if options.prove is None and not options.prove_live:
        return Proving.OPEN
    return Proving.LIVE if options.prove_live else Proving.COPY if options.prove else Proving.NO


def shown_command(arguments: Sequence[str]) -> str:
    """Return the command line for the report, secrets masked: in each argument before it is quoted, since
    a password may hold quotes itself."""
    import shlex

    before = ("", *arguments)
    return shlex.join(["validate-schema", *map(_shown_argument, before, arguments)])


def _shown_argument(before: str, argument: str) -> str:
    if before in SECRET_OPTIONS:
        return str(Secret(argument))
    option, sign, value = argument.partition("=")
    return f"{option}{sign}{Secret(value)}" if sign and option in SECRET_OPTIONS else mask(argument)
