"""The configuration that ``init`` writes: what was inferred, each line with its reason."""

from collections.abc import Iterable, Iterator

from ..config import TenancyConfig
from ..config.shape import NullMeansConfig
from ..model.catalog import Catalog
from ..model.tenancy import Level, Ownership, Standing, TableClass, Tenancy
from ..sql.ident import toml_text, visible
from ..sql.patterns import write_name

_HEAD = """\
# validate-schema: what this database's tenancy is, as it was found in its catalog.
# Every line may be changed; what is left out is inferred again on every run.
"""
TAIL = """\
# An accepted finding is listed here, with its reason; after `expires` it is a finding again.
# [[checks.suppress]]
# check = "UNQ001"
# object = "User.User_email_key"
# reason = "the login is global by design"
# owner = "platform team"
# expires = 2027-06-30
"""

FIRST_STEPS = """\
# validate-schema: nothing was looked at yet, since the migrations are programs. `init --force` fills in what
# the tenancy is, once `command` below runs them.

[tenancy]
"""
OWN_HEAD = frozenset(line for line in (_HEAD + FIRST_STEPS).splitlines() if line.startswith("#"))


def draft_config(catalog: Catalog, tenancy: Tenancy, declared: TenancyConfig | None = None) -> str:
    """Return a commented validate-schema.toml that says of `catalog` what `tenancy` found.

    Loading it gives the same tenancy. Tables without a class are listed as commented choices.
    `declared` is the config that the tenancy was identified with: its tables are written down again.
    """
    home = catalog.server.default_schema
    lines = [_HEAD, "[tenancy]"]
    if tenancy.identified:
        lines += _levels_inline(tenancy, home) if len(tenancy.levels) == 1 else []
        lines += _context(tenancy)
    else:
        lines += [f"# {line}" for line in explain_unidentified(tenancy, home).splitlines()]
    lines += _shared(tenancy, home, declared)
    lines += _declared(declared) if declared is not None else []
    lines += _unclassified(tenancy, home)
    if len(tenancy.levels) > 1:
        lines += _levels_as_tables(tenancy, home)
    return "\n".join(lines).rstrip("\n") + "\n"


def _levels_inline(tenancy: Tenancy, home: str) -> Iterator[str]:
    level = tenancy.levels[0]
    yield from _reason(tenancy, "root")
    if level.root is not None:
        yield f"root = {toml_text(write_name(level.root, home))}"
    if tenancy.inferred.get("column") != tenancy.inferred.get("root"):
        yield from _reason(tenancy, "column")
    yield f"column = {_columns(level)}"


def _levels_as_tables(tenancy: Tenancy, home: str) -> Iterator[str]:
    for index, level in enumerate(tenancy.levels):
        yield ""
        yield from _reason(tenancy, "root" if index == 0 else f"levels[{index}]")
        yield "[[tenancy.levels]]"
        if level.root is not None:
            yield f"root = {toml_text(write_name(level.root, home))}"
        yield f"column = {_columns(level)}"
        if level.parent is not None:
            yield f"parent = {toml_text(write_name(level.parent, home))}"


def _context(tenancy: Tenancy) -> Iterator[str]:
    yield from _reason(tenancy, "setting")
    if tenancy.setting is not None:
        yield f"setting = {toml_text(tenancy.setting)}"
    else:
        yield '# setting = "app.tenant_id"'
    if tenancy.current_tenant is not None:
        yield from _reason(tenancy, "current_tenant")
        yield f"current_tenant = {toml_text(tenancy.current_tenant)}"
    yield from _reason(tenancy, "app_roles")
    if tenancy.app_roles:
        yield f"app_roles = {_list(tenancy.app_roles)}"
    else:
        yield '# app_roles = ["app_user"]'


def _shared(tenancy: Tenancy, home: str, declared: TenancyConfig | None) -> Iterator[str]:
    """Write the tables that are global, with the reason of those that nobody had declared."""
    found = [s for s in tenancy.standings if s.table_class is TableClass.GLOBAL and not s.declared]
    for standing in found:
        yield f"# {visible(write_name(standing.table, home))}: {visible(standing.why)}"
    names = [*(declared.global_ if declared else ()), *(write_name(s.table, home) for s in found)]
    if names:
        yield f"global = {_list(names)}"


def _declared(config: TenancyConfig) -> Iterator[str]:
    for key, names in (
        ("tenant", config.tenant),
        ("inherited", config.inherited),
        ("placeholders", config.placeholders),
    ):
        if names:
            yield f"{key} = {_list(names)}"
    if config.exempt:
        yield "exempt = ["
        for entry in config.exempt:
            parts = [f"table = {toml_text(entry.table)}", f"reason = {toml_text(entry.reason)}"]
            parts += [f"expires = {entry.expires.isoformat()}"] if entry.expires else []
            parts += [f"owner = {toml_text(entry.owner)}"] if entry.owner else []
            yield f"  {{ {', '.join(parts)} }},"
        yield "]"
    if config.trusted:
        yield "trusted = ["
        for way in config.trusted:
            named = {"setting": way.setting, "claim": way.claim, "table": way.table}
            said = [f"{name} = {toml_text(text)}" for name, text in named.items() if text]
            said += [f"values = {_list(way.values)}"] if way.values else []
            yield f"  {{ {', '.join(said)}, reason = {toml_text(way.reason)} }},"
        yield "]"
    if config.null_rows:
        yield f"null_rows = [{', '.join(map(_null_row, config.null_rows))}]"


def _null_row(row: NullMeansConfig) -> str:
    other = f", null_means = {toml_text(row.null_means)}, owner = {toml_text(row.owner)}" if row.owner else ""
    return f"{{ table = {toml_text(row.table)}{other} }}"


def _unclassified(tenancy: Tenancy, home: str) -> Iterator[str]:
    """List the tables that need a decision, as choices that only have to be uncommented."""
    open_ones = [s for s in tenancy.standings if s.table_class is TableClass.UNCLASSIFIED]
    if not tenancy.identified or not open_ones:
        return
    yield ""
    yield "# These tables are nobody's yet. Decide for each: shared by all tenants (global), owned through"
    yield "# a foreign key (inherited), outside the rules (exempt), or in need of the tenant column (tenant)."
    shared = [s for s in open_ones if s.ownership in (Ownership.NONE, Ownership.MEMBERSHIP)]
    owned = [s for s in open_ones if s not in shared]
    yield from _choice("global", shared, home)
    yield from _choice("inherited", owned, home)
    yield "# exempt = ["
    yield '#   { table = "job_queue", reason = "holds no tenant data", expires = 2027-01-01 },'
    yield "# ]"


def _choice(key: str, standings: Iterable[Standing], home: str) -> Iterator[str]:
    found = list(standings)
    if found:
        yield f"# {key} = ["
        for standing in found:
            yield f"#   {toml_text(write_name(standing.table, home))},  # {visible(standing.why)}"
        yield "# ]"


def _reason(tenancy: Tenancy, key: str) -> Iterator[str]:
    if key in tenancy.inferred:
        yield f"# {visible(tenancy.inferred[key])}"


def _columns(level: Level) -> str:
    return toml_text(level.columns[0]) if len(level.columns) == 1 else _list(level.columns)


def _list(texts: Iterable[str]) -> str:
    return "[" + ", ".join(map(toml_text, texts)) + "]"


def explain_unidentified(tenancy: Tenancy, default_schema: str = "public") -> str:
    """Return several lines: what was looked for, the candidates, the config lines to write."""
    lines = [
        f"The tenant root was not identified: {tenancy.problem}.",
        "Looked for a table that several others reference by a column that reads like a tenant's key "
        "(org_id, tenant_id, accountId, …), and for policies that compare such a column with a setting.",
    ]
    if tenancy.candidates:
        lines.append("Candidates:")
    for candidate in tenancy.candidates:
        root = write_name(candidate.root, default_schema) if candidate.root else "outside this database,"
        lines.append(f"  {root} by {candidate.column}: {candidate.why}")
    lines += ["Write into validate-schema.toml:", "  [tenancy]"]
    if tenancy.candidates:
        best = tenancy.candidates[0]
        if best.root is not None:
            lines.append(f"  root = {toml_text(write_name(best.root, default_schema))}")
        lines.append(f"  column = {_list(best.columns) if best.columns else toml_text(best.column)}")
    else:
        lines.append(
            '  root = "…"    # the table whose rows are tenants; leave it out if it is not in this database'
        )
        lines.append('  column = "…"  # the column that says whose a row is')
    return "\n".join(map(visible, lines))
