"""The first config of a project: what its database shows, and what stands in its folder."""

import os
import shlex
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..catalog.ledgers import ledgers
from ..config import LoadedConfig
from ..config.file import parse_toml
from ..config.sections import head, kept, sections
from ..facts.platforms import SUPABASE, platform_of
from ..migrations import MigrationSet, discover, tools
from ..migrations.discovery.proposal import proposal
from ..model.catalog import Catalog
from ..model.errors import MigrationError
from ..model.progress import Progress
from ..model.tenancy import Tenancy
from ..model.wording import some
from ..scratch.owner import OWNER
from ..sources.seen import seen
from ..sql.ident import toml_text, visible
from ..tenancy import identify
from ..tenancy.draft import FIRST_STEPS, OWN_HEAD, TAIL, draft_config
from .provenance import run_time
from .source import Source, open_source


def found_migrations(folder: Path, tool: str | None = None) -> MigrationSet | None:
    """Return the migrations of a project's folder or one below it, None where there are none or several."""
    with suppress(MigrationError):
        return discover(folder, tool, programs=True)
    return None


def first_config(
    source: Source | None, config: LoadedConfig, output: Path, old: str | None, progress: Progress
) -> str:
    """Return the config that is written to `output`: the tenancy of the database that `source` leads to, and
    what stands in its folder. None for programs that nothing says how to run: then only the latter.

    `old` is what `output` holds: the comment at its head and its sections stay as they are written, but for
    the tenancy, which is inferred again with what it declares. Raises the errors of `open_source`, and
    `ConfigError` for an old text that cannot be read.
    """
    declared = config.config.tenancy
    if old is not None:
        declared = parse_toml(old, str(output)).tenancy
    catalog, migrator = None, []
    if source is None:
        drafted = FIRST_STEPS
    else:
        with open_source(source, progress) as opened:
            catalog = opened.catalog
            tenancy = identify(catalog, declared, today=run_time({}).date())
            drafted = draft_config(catalog, tenancy, declared)
            if opened.kind != "migrations":  # there all belongs to whoever replayed them
                migrator = list(_migrator(catalog, tenancy))
    base = output.resolve().parent
    folder = source.migrations if source else None
    known = {s.name for s in sections(old)} if old is not None else set()
    stays = kept(old, str(output), without=("tenancy",)) if old is not None else ""
    new = [text for name, text in _sections(base, folder, catalog, config, migrator) if name not in known]
    stays = stays.replace(TAIL.strip("\n"), "").rstrip("\n")
    tail = "" if "checks" in known else TAIL.rstrip("\n")
    above = head(old, "tenancy", without=OWN_HEAD) if old is not None else ""
    return "\n\n".join(filter(None, (above, drafted.rstrip("\n"), *new, stays, tail))) + "\n"


def _sections(
    base: Path, folder: Path | None, catalog: Catalog | None, config: LoadedConfig, migrator: list[str]
) -> Iterator[tuple[str, str]]:
    found = found_migrations(folder or base, config.config.migrations.tool)
    if found is not None:
        role = [] if found.program else migrator  # a command logs in by itself
        yield "migrations", "\n".join(["[migrations]", *_migrations(base, found), *role])
    entry = seen(base)
    if entry is not None and not (
        found is not None and len(found.files) == 1 and found.files[0].path.resolve() == base / entry
    ):
        yield "contract", f"[contract]\nfrom = [{toml_text(entry)}]"
    platform = platform_of(catalog) if catalog else None
    if platform is SUPABASE:
        yield (
            "prove",
            f"# {platform.name} says who asks.\n[prove]\npreset = {toml_text(platform.name.lower())}",
        )


def _migrations(base: Path, found: MigrationSet) -> Iterator[str]:
    yield f"path = {toml_text(_relative(found.folder, base))}"
    if not found.program:
        return
    run = proposal(found.folder, tools.find(found.tool))
    if run is not None:
        place = _relative(run.home, base) if run.home else "."
        command = run.command if place == "." else f"cd {shlex.quote(place)} && {run.command}"
        yield f"command = {toml_text(command)}  # it migrates the database that DATABASE_URL names"


def _migrator(catalog: Catalog, tenancy: Tenancy) -> Iterator[str]:
    """Say who migrates, where owners show it: whoever makes a table owns it, and the ledger is a table too.

    A role that row security does not bind is left out: as such a one files run anyway.
    """
    tables = [t for t in catalog.tables if t.extension is None]
    owners = Counter(t.owner for t in tables)
    bound = {r.name: r for r in catalog.roles if not r.superuser and not r.bypassrls and r.name != OWNER}
    alone = len(owners) == 1
    found = [name for name in owners if name in bound and (alone or name not in tenancy.app_roles)]
    kept = ledgers(catalog)
    if len(found) != 1 or any(t.owner != found[0] for t in tables if t.qname in kept):
        return
    role = bound[found[0]]
    share = (
        f"all {some(len(tables), 'table')}"
        if alone
        else f"{owners[role.name]} of {some(len(tables), 'table')}"
    )
    who = f"# {visible(role.name)} owns {share}"
    mark = "" if alone and role.login else "# "
    doubt = "; name whoever migrates" if not alone else ", but does not log in; name whoever migrates"
    yield f"{who}{doubt if mark else ' and is bound by row security, as migrations then are'}"
    yield f"{mark}role = {toml_text(role.name)}"


def _relative(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path.resolve(), base)).as_posix()
