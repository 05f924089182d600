"""The shape of validate-schema.toml. Loading lives in `file`, messages in `explain`.

The descriptions appear in the published JSON Schema, and so in editors.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..model.catalog import Action, Match
from ..model.contract import Deferral
from ..model.limits import Limits

_Text = Annotated[str, Meta(min_length=1)]
SeverityName = Literal["error", "warning", "info"]
Command = Literal["ALL", "SELECT", "INSERT", "UPDATE", "DELETE"]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the sections: an unknown key is an error."""


class LevelConfig(_Section, frozen=True, kw_only=True):
    """One level of nested tenancy (`[[tenancy.levels]]`)."""

    column: Annotated[
        _Text | tuple[_Text, ...],
        Meta(description="The column that names this level's tenant, or its spellings."),
    ]
    root: Annotated[
        str | None,
        Meta(description="The table whose rows are this level's tenants, if it is in the database."),
    ] = None
    parent: Annotated[str | None, Meta(description="The root of the level above.")] = None


class ExemptConfig(_Section, frozen=True, kw_only=True):
    """A table outside the rules, with the reason. An expired exemption no longer holds."""

    table: Annotated[_Text, Meta(description="A table, or a pattern with *.")]
    reason: Annotated[_Text, Meta(description="Why no tenant owns its rows; shown in the report.")]
    expires: Annotated[date | None, Meta(description="The last day on which the exemption holds.")] = None
    owner: Annotated[str, Meta(description="Who answers for it.")] = ""


class NullMeansConfig(_Section, frozen=True, kw_only=True):
    """`[[tenancy.null_rows]]`: tables whose NULL tenant rows are shared by design, or another column's."""

    table: Annotated[_Text, Meta(description="A table, or a pattern with *.")]
    null_means: Annotated[
        Literal["global", "owner"],
        Meta(
            description="A row whose tenant column is NULL belongs to everybody; or to whom `owner` names, "
            "where a CHECK keeps one of the two from NULL."
        ),
    ] = "global"
    owner: Annotated[str, Meta(description="The column that owns a row without a tenant: user_id.")] = ""


class TrustedConfig(_Section, frozen=True, kw_only=True):
    """`[[tenancy.trusted]]`: a way past the tenant that is accepted, and an assumption of the report."""

    setting: Annotated[str, Meta(description="The setting that opens policies: app.is_support.")] = ""
    claim: Annotated[
        str,
        Meta(description="The claim that opens policies: role, or app_metadata.role where it lies deeper."),
    ] = ""
    table: Annotated[str, Meta(description="The table whose people pass for every tenant.")] = ""
    values: Annotated[
        tuple[str, ...],
        Meta(description="The values that open policies; without them, whatever it is set to."),
    ] = ()
    reason: Annotated[_Text, Meta(description="Who sets it, and why that is safe; shown in the report.")]


class ThreatConfig(_Section, frozen=True, kw_only=True):
    """`[threat]`: who says what of a session."""

    session: Annotated[
        Literal["sql", "gateway"] | None,
        Meta(
            description="sql: whoever holds the app role's connection sets any setting. gateway: PostgREST, "
            "Supabase or Hasura sets them from a signed token. Inferred from what policies read."
        ),
    ] = None


class TenancyConfig(_Section, frozen=True, kw_only=True):
    """`[tenancy]`. All of it is optional; what is left out is inferred."""

    root: Annotated[str | None, Meta(description="The table whose rows are tenants.")] = None
    column: Annotated[
        _Text | tuple[_Text, ...] | None,
        Meta(description="The column that says which tenant a row belongs to, or its spellings."),
    ] = None
    levels: Annotated[
        tuple[LevelConfig, ...],
        Meta(description="Levels of nested tenancy, such as workspaces in organizations."),
    ] = ()
    setting: Annotated[
        str | None,
        Meta(
            description="The setting that policies compare the tenant column with: app.tenant_id; role where"
            " each tenant is a role and they read current_user."
        ),
    ] = None
    current_tenant: Annotated[
        str | None,
        Meta(description="The function that policies call for the tenant instead: current_org_id()."),
    ] = None
    app_roles: Annotated[
        tuple[str, ...] | None, Meta(description="The roles that the application connects as.")
    ] = None
    tenant: Annotated[
        tuple[str, ...],
        Meta(description="Tables that must carry the tenant column, even if they do not yet."),
    ] = ()
    global_: Annotated[
        tuple[str, ...],
        Meta(description="Tables that all tenants share by design; patterns with * are allowed."),
    ] = msgspec.field(name="global", default=())
    inherited: Annotated[
        tuple[str, ...],
        Meta(description="Tables owned through a foreign key; normally found without being named."),
    ] = ()
    exempt: Annotated[
        tuple[ExemptConfig, ...], Meta(description="Tables outside the rules, each with its reason.")
    ] = ()
    null_rows: Annotated[
        tuple[NullMeansConfig, ...],
        Meta(description="Tables whose rows without a tenant are meant to be so."),
    ] = ()
    trusted: Annotated[
        tuple[TrustedConfig, ...],
        Meta(description="Switches, claims and tables that open policies on purpose, each with its reason."),
    ] = ()
    placeholders: Annotated[
        tuple[str, ...],
        Meta(
            description="Values of the tenant column that stand for no tenant, besides the well-known ones."
        ),
    ] = ()


class ColumnConfig(_Section, frozen=True, kw_only=True):
    """A column of the contract: only what is written is compared."""

    type: Annotated[str | None, Meta(description="The SQL type; aliases such as int4 are understood.")] = None
    nullable: Annotated[bool | None, Meta(description="Whether the column may be NULL.")] = None
    default: Annotated[
        str | int | float | bool | None,
        Meta(description="The default as an SQL expression; false declares that there is none."),
    ] = None


class ForeignKeyConfig(_Section, frozen=True, kw_only=True):
    """A foreign key of the contract."""

    columns: tuple[_Text, ...]
    references: Annotated[_Text, Meta(description="The referenced table.")]
    referenced_columns: tuple[str, ...] = ()
    on_delete: Action | None = None
    on_update: Action | None = None
    match: Match | None = None
    deferrable: Annotated[
        Deferral | None, Meta(description='"no", "initially immediate" or "initially deferred".')
    ] = None


class UniqueConfig(_Section, frozen=True, kw_only=True):
    """A unique of the contract with more to it than its columns."""

    columns: tuple[_Text, ...]
    name: str | None = None
    where: Annotated[str | None, Meta(description="The predicate of a partial one.")] = None
    nulls_distinct: bool | None = None
    include: tuple[str, ...] | None = None
    deferrable: Deferral | None = None


class PolicyConfig(_Section, frozen=True, kw_only=True):
    """A row-level security policy of the contract. Expressions are compared by meaning, not text."""

    command: Command = "ALL"
    permissive: bool = True
    roles: tuple[str, ...] = ("PUBLIC",)
    using: str | None = None
    check: str | None = None


class TriggerConfig(_Section, frozen=True, kw_only=True):
    """A trigger of the contract: beside its function, only what is written is compared."""

    function: Annotated[_Text, Meta(description="The function that it calls.")]
    timing: Literal["before", "after", "instead of"]
    events: tuple[Literal["INSERT", "UPDATE", "DELETE", "TRUNCATE"], ...]
    level: Literal["row", "statement"] = "row"
    when: Annotated[str | None, Meta(description="Its condition.")] = None
    columns: Annotated[tuple[str, ...] | None, Meta(description="The columns of UPDATE OF.")] = None
    arguments: tuple[str, ...] | None = None
    enabled: Literal["origin", "always", "replica", "disabled"] = "origin"


class FunctionConfig(_Section, frozen=True, kw_only=True):
    """A function of the contract: only what is written is compared."""

    returns: str | None = None
    language: str | None = None
    body: str | None = None
    volatility: Literal["immutable", "stable", "volatile"] | None = None
    security_definer: bool | None = None
    leakproof: bool | None = None
    strict: bool | None = None
    parallel: Literal["unsafe", "restricted", "safe"] | None = None
    settings: Annotated[tuple[str, ...] | None, Meta(description="search_path=pg_catalog, …")] = None
    owner: str | None = None


class SequenceConfig(_Section, frozen=True, kw_only=True):
    """A sequence of the contract: only what is written is compared."""

    type: str | None = None
    start: int | None = None
    increment: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    cache: int | None = None
    cycle: bool | None = None
    owner: str | None = None


class TableConfig(_Section, frozen=True, kw_only=True):
    """A table of the contract: only what is written is compared."""

    primary_key: Annotated[tuple[_Text, ...], Meta(description="The columns of the primary key.")] = ()
    unique: Annotated[
        tuple[tuple[_Text, ...] | UniqueConfig, ...],
        Meta(description="Columns that must be unique together, in this order."),
    ] = ()
    indexes: Annotated[
        tuple[tuple[_Text, ...], ...], Meta(description="Columns that an index must start with.")
    ] = ()
    foreign_keys: tuple[ForeignKeyConfig, ...] = ()
    columns: dict[str, ColumnConfig] = {}
    policies: dict[str, PolicyConfig] = {}
    grants: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="By role, exactly the privileges that it has on the table."),
    ] = {}
    checks: Annotated[dict[str, _Text], Meta(description="By name, the expressions of its CHECKs.")] = {}
    triggers: dict[str, TriggerConfig] = {}
    rules: Annotated[tuple[_Text, ...], Meta(description="The names of its rewrite rules.")] = ()
    owner: Annotated[str | None, Meta(description="The role that owns it.")] = None
    tenant: Annotated[bool | None, Meta(description="Whether the table must carry the tenant column.")] = None


class ViewConfig(_Section, frozen=True, kw_only=True):
    """A view of the contract with more to it than its columns."""

    columns: Annotated[tuple[_Text, ...], Meta(description="Columns that it has.")] = ()
    triggers: dict[str, TriggerConfig] = {}
    rules: Annotated[tuple[_Text, ...], Meta(description="The names of its rewrite rules.")] = ()


class ContractConfig(_Section, frozen=True, kw_only=True):
    """`[contract]`: the declared state, here or in the files that `from` names."""

    from_: Annotated[
        tuple[_Text, ...],
        Meta(
            description="Where the declared state is kept: schema.prisma, its folder, snapshot.json; "
            "relative to this file."
        ),
    ] = msgspec.field(name="from", default=())
    closed: Annotated[bool, Meta(description="Whether what is not declared is a finding.")] = False
    enums: Annotated[dict[str, tuple[str, ...]], Meta(description="The labels of each enum, in order.")] = {}
    tables: dict[str, TableConfig] = {}
    views: Annotated[
        dict[str, tuple[str, ...] | ViewConfig],
        Meta(description="Views that must exist, each with columns that it has."),
    ] = {}
    functions: Annotated[
        dict[str, FunctionConfig], Meta(description="Functions, by name and argument types: f(a integer).")
    ] = {}
    sequences: dict[str, SequenceConfig] = {}
    extensions: tuple[_Text, ...] = ()


class MigrationsConfig(_Section, frozen=True, kw_only=True):
    """`[migrations]`"""

    path: Annotated[str | None, Meta(description="The folder that holds the migrations.")] = None
    tool: Annotated[
        str | None, Meta(description="The tool that they are written for; normally detected.")
    ] = None
    replay: Annotated[bool, Meta(description="Replay them on a scratch database and compare.")] = False
    command: Annotated[
        str | None,
        Meta(description="Where migrations are programs: the command that migrates DATABASE_URL."),
    ] = None
    superuser: Annotated[
        bool, Meta(description="Let a superuser of the scratch server run them, where they need one.")
    ] = False
    role: Annotated[
        str | None,
        Meta(description="The role that runs them in production, as which they are replayed and tried."),
    ] = None
    ledger: Annotated[
        str | None, Meta(description="The ledger's table, where there are several: schema.name.")
    ] = None
    fixtures: Annotated[
        str | None,
        Meta(description="The folder of fixtures (<version>.sql) that every upgrade path is tested with."),
    ] = None
    backup: Annotated[
        str | None,
        Meta(
            description="The folder of backups: the report says which is the newest, "
            "and `migrations backup` and `migrations apply` make one there."
        ),
    ] = None
    placeholders: Annotated[
        dict[str, str],
        Meta(description="Values for placeholders that the tool fills in from settings, ${name}: Flyway's."),
    ] = {}


class HazardsConfig(_Section, frozen=True, kw_only=True):
    """`[hazards]`: what pending migrations do to live tables."""

    rows: Annotated[
        int,
        Meta(
            description="A table of fewer rows is small: what blocks it for a moment is told as info.", ge=0
        ),
    ] = 100_000


class ReportConfig(_Section, frozen=True, kw_only=True):
    """`[report]`"""

    title: Annotated[str | None, Meta(description="The report's title.")] = None
    groups: Annotated[
        dict[str, tuple[str, ...]],
        Meta(description="Headings, each with the tables that the report lists there."),
    ] = {}
    fail_on: Annotated[
        Literal["error", "warning", "info", "never", "new"] | None,
        Meta(description="Lowest severity that fails the bare run, where --fail-on does not say."),
    ] = None
    min_severity: Annotated[
        SeverityName | None,
        Meta(description="Lesser findings are hidden on the terminal, where --min-severity does not say."),
    ] = None
    write: Annotated[
        tuple[_Text, ...],
        Meta(
            description="Reports that the bare run writes without --report: files below this one's folder, "
            "the end of the name chooses the format."
        ),
    ] = ()


class SuppressConfig(_Section, frozen=True, kw_only=True):
    """An accepted finding. `expires` is checked by SUP001, so a date that cannot be read is a
    finding, not a crash."""

    check: Annotated[_Text, Meta(description="The check's id: UNQ001.")]
    object: Annotated[_Text, Meta(description="The object's name as in the finding, or a pattern with *.")]
    reason: Annotated[_Text, Meta(description="Why it is accepted; shown in the report.")]
    owner: Annotated[str, Meta(description="Who accepted it.")] = ""
    expires: Annotated[str | None, Meta(description="The last day on which it is accepted: 2027-06-30.")] = (
        None
    )
    basis: Annotated[
        str,
        Meta(
            pattern="^([0-9a-f]{16})?$",
            description="What it rests on, from the finding: it is accepted as long as that is the same.",
        ),
    ] = ""


class SqlCheckConfig(_Section, frozen=True, kw_only=True):
    """A check without Python (`[[checks.sql]]`): every row that its query returns is a finding."""

    id: Annotated[_Text, Meta(description="Its id: capital letters and three digits, ACM001.")]
    title: Annotated[_Text, Meta(description="What it fails on, under 60 characters.")]
    severity: Annotated[SeverityName, Meta(description="Its severity.")]
    sql: Annotated[
        _Text,
        Meta(
            description="One query. Columns object (a table), name and kind tell what is wrong, "
            "message how; expected, observed and note are shown as well."
        ),
    ]
    why: Annotated[_Text, Meta(description="The harm, in one sentence.")]
    bad: Annotated[str, Meta(description="SQL of a schema in which it finds something.")] = ""
    good: Annotated[str, Meta(description="SQL of a schema in which it finds nothing.")] = ""


class ChecksConfig(_Section, frozen=True, kw_only=True):
    """`[checks]`"""

    select: Annotated[
        tuple[str, ...], Meta(description="Ids or families to run: RLS, UNQ001. Empty: all.")
    ] = ()
    ignore: Annotated[tuple[str, ...], Meta(description="Ids or families not to run.")] = ()
    severity: Annotated[
        dict[str, SeverityName], Meta(description="Another severity for a check, by id.")
    ] = {}
    suppress: tuple[SuppressConfig, ...] = ()
    packs: Annotated[
        tuple[_Text, ...],
        Meta(description="Packs of checks besides ours: folders, relative to this file, or modules."),
    ] = ()
    sql: Annotated[tuple[SqlCheckConfig, ...], Meta(description="Checks without Python.")] = ()


class DataConfig(_Section, frozen=True, kw_only=True):
    """`[data]`: bounds of the row counts. `statement_timeout_ms` in milliseconds."""

    enabled: Annotated[bool, Meta(description="Whether rows are counted at all.")] = True
    limit: Annotated[int, Meta(description="Counting a table stops at this many rows.", ge=1)] = 100_000
    statement_timeout_ms: Annotated[
        int, Meta(description="No count takes longer than this, in milliseconds.", ge=1)
    ] = 5_000


class ProveConfig(_Section, frozen=True, kw_only=True):
    """`[prove]`: how a session of the application says which tenant it works for, where that is not
    one setting (`tenancy.setting`)."""

    context: Annotated[
        tuple[_Text, ...],
        Meta(
            description="SQL that sets the tenant context; :tenant and :person (or :user) are the quoted"
            " values, :role is the role that asks."
        ),
    ] = ()
    user: Annotated[str | None, Meta(description="The value that stands for :person or :user.")] = None
    preset: Annotated[
        Literal["supabase", "postgrest", "hasura"] | None,
        Meta(description="The gateway whose sessions are made; inferred from what policies read."),
    ] = None


class ExcludeConfig(_Section, frozen=True, kw_only=True):
    """A member that the fleet's report leaves out, with the reason."""

    name: Annotated[_Text, Meta(description="A member, or a pattern as in LIKE.")]
    reason: Annotated[_Text, Meta(description="Why it is left out; shown in the report.")]


class FleetConfig(_Section, frozen=True, kw_only=True):
    """`[fleet]`: many schemas or databases that should be alike (`validate-schema fleet`)."""

    schemas: Annotated[
        str | None,
        Meta(description="Members are these schemas: a pattern as in LIKE, or a regex /^t[0-9]+$/."),
    ] = None
    query: Annotated[
        str | None, Meta(description="A query of the names of the schemas that are members, one a row.")
    ] = None
    databases: Annotated[
        str | None, Meta(description="Databases of the server, a pattern as in LIKE or a regex.")
    ] = None
    targets: Annotated[
        str | None, Meta(description="A CSV file of databases, rows of name,url; relative to this file.")
    ] = None
    expected: Annotated[
        str | None, Meta(description="A query of the names of all members that there should be.")
    ] = None
    reference: Annotated[
        str | None,
        Meta(
            description="What members are measured against: a member, snapshot:FILE or migrations:DIR"
            " (relative to this file; #schema=NAME behind it names one schema of several)."
        ),
    ] = None
    exclude: Annotated[tuple[ExcludeConfig, ...], Meta(description="Members that are left out.")] = ()
    parallel: Annotated[int, Meta(description="How many databases are read at a time.", ge=1)] = 4
    scheduler: Annotated[
        str | None, Meta(description="The Dask cluster whose workers read the databases: tcp://host:8786.")
    ] = None


class Config(_Section, frozen=True, kw_only=True):
    """The configuration of validate-schema. Every key is optional; what is left out is inferred."""

    tenancy: TenancyConfig = TenancyConfig()
    threat: ThreatConfig = ThreatConfig()
    contract: ContractConfig = ContractConfig()
    migrations: MigrationsConfig = MigrationsConfig()
    hazards: HazardsConfig = HazardsConfig()
    report: ReportConfig = ReportConfig()
    checks: ChecksConfig = ChecksConfig()
    data: DataConfig = DataConfig()
    prove: ProveConfig = ProveConfig()
    fleet: FleetConfig = FleetConfig()
    limits: Limits = Limits()
