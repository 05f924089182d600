"""`validate-schema doctor`: what can be connected to, read and started here."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..model.errors import ValidateSchemaError
from ..model.secret import Secret
from ..model.wording import listed, some
from . import options

if TYPE_CHECKING:
    from ..catalog.engines import Engine

_READABLE = """
select count(*) filter (where has_table_privilege(c.oid, 'SELECT')), count(*)
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
"""
_MARKS = {True: ("✓", "green"), False: ("✗", "red"), None: ("–", "yellow")}


@click.command("doctor")
@click.option(
    "--database-url",
    type=options.SECRET,
    metavar="URL",
    help="Database to try. Default: DATABASE_URL, then PG*.",
)
@options.config
def command(database_url: Secret | None, config_path: Path | None) -> int:
    """Say what can be connected to, what can be read there, and which scratch servers are possible.

    Exits 3 when a database was named and cannot be examined.
    """
    usable = True
    for title, lines in (
        ("config", _config(config_path)),
        ("database", _database(database_url)),
        ("scratch", _scratch()),
        ("confinement of scratch servers", _confinement()),
    ):
        click.echo(click.style(title, bold=True))
        for good, text in lines:
            mark, colour = _MARKS[good]
            click.echo(f"  {click.style(mark, fg=colour)} {text}")
            usable = usable and not (good is False and title in ("config", "database"))
    return 0 if usable else 3


def _config(path: Path | None) -> Iterator[tuple[bool | None, str]]:
    from ..checking.packs import checks_at_hand
    from ..config import load

    try:
        loaded = load(path, Path.cwd())
    except ValidateSchemaError as error:
        yield False, str(error)
        return
    if loaded.path is None:
        yield None, "no validate-schema.toml: everything is inferred (`validate-schema init` writes one)"
    else:
        yield True, f"{loaded.path}"
    try:
        packs = [pack for check in checks_at_hand(loaded) if (pack := check.pack)]
    except ValidateSchemaError as error:
        yield False, str(error)
        return
    for name in sorted(set(packs)):
        yield True, f"{some(packs.count(name), 'check')} of {name}"


def _database(url: Secret | None) -> Iterator[tuple[bool | None, str]]:
    from ..config import Config, LoadedConfig
    from .request import source_of

    try:
        source = source_of(options.Options(database_url=url), LoadedConfig(Config(), None, ""))
    except ValidateSchemaError:
        yield None, "none named: give --database-url or set DATABASE_URL or PG*"
        return
    if (engine := source.foreign) is not None:
        assert source.database_url is not None
        yield from _foreign(engine, source.database_url)
        return
    from ..catalog.asking import catalog_rows
    from ..catalog.connect import connect, parse_url
    from ..catalog.reader import read_catalog

    try:
        destination = parse_url(source.database_url)
        with connect(source.database_url) as connection:
            yield True, f"connected to {destination.shown}"
            catalog = read_catalog(connection, default_schema=destination.default_schema)
            readable = catalog_rows(connection, _READABLE)[0]
    except ValidateSchemaError as error:
        yield False, str(error)
        return
    role = catalog.server.role
    yield True, f"PostgreSQL {catalog.server.version}, database {catalog.server.database}, role {role.name}"
    yield True, f"catalog read: {some(len(catalog.tables), 'table')}, {some(len(catalog.roles), 'role')}"
    for gap in catalog.unreadable:
        yield False, f"{gap.what}: {gap.reason}"
    if role.superuser or role.bypassrls:
        yield None, f"role {role.name} bypasses row-level security: fine for reading, not for an app role"
    words = f"rows readable in {readable[0]} of {readable[1]} tables (for the data checks)"
    yield (True if readable[0] == readable[1] else None), words


def _foreign(engine: "Engine", url: Secret) -> Iterator[tuple[bool | None, str]]:
    try:
        catalog, _ = engine.offers().read(url)
    except ValidateSchemaError as error:
        yield False, str(error)
        return
    yield True, f"{engine.product} {catalog.server.version}: {some(len(catalog.tables), 'table')}"
    yield None, f"{listed(engine.lacks)} do not exist there: checks on them are not applicable"


def _scratch() -> Iterator[tuple[bool | None, str]]:
    from ..scratch import possible_sources

    for source in possible_sources():
        where = f" ({source.where})" if source.where else ""
        if source.available:
            yield True, f"{source.name}: PostgreSQL {source.version}{where}"
        else:
            yield None, f"{source.name}: {source.why_not}"


def _confinement() -> Iterator[tuple[bool | None, str]]:
    from ..scratch import layers

    for layer in layers():
        yield (True if layer.holds else None), layer.text
