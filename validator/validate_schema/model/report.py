"""The report: one model, version 1. JSON is this model; every other format is a view of it."""

from typing import Literal

import msgspec

from .declared import DeclaredPack
from .deploy import Deploy
from .finding import Finding, ObjectRef, Severity
from .history import Drift, DryRuns, LastBackup, RepeatedDdl, Replay, SharedVersion, UpgradePaths

SCHEMA_VERSION = 1
DEFAULT_TITLE = "Schema Validation Report"

CheckStatus = Literal["passed", "failed", "undecided", "not_applicable", "skipped", "error"]
Verdict = Literal["PASS", "FAIL", "INCOMPLETE"]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the report's parts: keyword-only, so that order in the file is the only order."""


class Tool(_Part, frozen=True, kw_only=True):
    name: str = "validate-schema"
    version: str = ""


class RoleFacts(_Part, frozen=True, kw_only=True):
    name: str
    superuser: bool
    bypassrls: bool


class Target(_Part, frozen=True, kw_only=True):
    """What was examined. `kind` is database, migrations or snapshot. `fingerprint` is the SHA-256
    of the normalised catalog. Names in `default_schema` are written without their schema.
    `stand_ins` lists extensions that the scratch server faked."""

    kind: str
    server: str
    server_version: str
    database: str
    role: RoleFacts
    read_only: bool = True
    fingerprint: str = ""
    default_schema: str = "public"
    stand_ins: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    product: str = "PostgreSQL"


class Provenance(_Part, frozen=True, kw_only=True):
    """How the run can be repeated. `command` is the command line without secrets. `git_dirty`: what was read
    differs from the commit; None where nobody knows."""

    config_path: str = ""
    config_sha256: str = ""
    contract_sha256: str = ""
    git_commit: str = ""
    git_dirty: bool | None = None
    ci_url: str = ""
    command: str = ""


class LevelFacts(_Part, frozen=True, kw_only=True):
    root: str | None
    root_key: str | None
    columns: tuple[str, ...]
    parent: str | None = None


class CandidateFacts(_Part, frozen=True, kw_only=True):
    root: str | None
    column: str
    tables: int
    why: str
    columns: tuple[str, ...] = ()


class ContextVariableFacts(_Part, frozen=True, kw_only=True):
    """What a setting or a claim stands for. `kind` is tenant, person, switch, client or other."""

    name: str
    kind: str
    why: str


class MembershipFacts(_Part, frozen=True, kw_only=True):
    """A table that says which person belongs to which tenant, by its columns."""

    table: str
    tenant: str
    person: str
    variable: str
    why: str


class AskedFacts(_Part, frozen=True, kw_only=True):
    """Who asks, in a `line` and one by one. `session` is sql or gateway, "" where no policy reads anything of
    the session; `people` is the table that people are rows of."""

    line: str = ""
    session: Literal["", "sql", "gateway"] = ""
    session_why: str = ""
    people: str | None = None
    variables: tuple[ContextVariableFacts, ...] = ()
    memberships: tuple[MembershipFacts, ...] = ()


class AssumptionFacts(_Part, frozen=True, kw_only=True):
    """What the verdict rests on that is not examined. `about` is principals, accepted, equality, effects or
    roles, as docs/soundness.md has them."""

    about: str
    text: str


class AlikeFacts(_Part, frozen=True, kw_only=True):
    """Schemas that hold the same tables, which may be a tenant each: how many, the first of them by name, and
    a pattern as in LIKE that fits them alone ("": there is none)."""

    schemas: int
    first: tuple[str, ...] = ()
    pattern: str = ""


class TenancyFacts(_Part, frozen=True, kw_only=True):
    """Tenancy as it was understood; `inferred` maps what the config left open to the reason. `alike` is told
    where it was not understood."""

    identified: bool = False
    root: str | None = None
    root_key: str | None = None
    column: str | None = None
    setting: str | None = None
    app_roles: tuple[str, ...] = ()
    levels: tuple[LevelFacts, ...] = ()
    inferred: dict[str, str] = {}
    candidates: tuple[CandidateFacts, ...] = ()
    asked: AskedFacts = AskedFacts()
    alike: AlikeFacts | msgspec.UnsetType = msgspec.UNSET


class Counts(_Part, frozen=True, kw_only=True):
    """Every headline figure, computed from the catalog. `null_tenant_rows` is None when no rows
    were counted; `empty` tells that no tenant table holds a row. `indexes` counts all; `unique_indexes`
    and `plain_indexes` split it with `primary_keys`."""

    tables: int = 0
    tenant_tables: int = 0
    inherited_tables: int = 0
    global_tables: int = 0
    exempt_tables: int = 0
    unclassified_tables: int = 0
    columns: int = 0
    indexes: int = 0
    primary_keys: int = 0
    unique_indexes: int = 0
    plain_indexes: int = 0
    unique_constraints: int = 0
    tenant_unique_constraints: int = 0
    tenant_table_uniques: int = 0
    scoped_uniques: int = 0
    foreign_keys: int = 0
    tenant_foreign_keys: int = 0
    tenant_safe_foreign_keys: int = 0
    root_foreign_keys: int = 0
    enums: int = 0
    policies: int = 0
    rls_tables: int = 0
    forced_rls_tables: int = 0
    protected_tables: int = 0
    tenant_columns_not_null: int = 0
    null_tenant_rows: int | None = None
    empty: bool = False


class TableUniqueFacts(_Part, frozen=True, kw_only=True):
    name: str
    columns: tuple[str, ...]
    scoped: bool


class TableKeyFacts(_Part, frozen=True, kw_only=True):
    """A foreign key for the matrix and the map. `safe` is None where the question does not arise."""

    name: str
    columns: tuple[str, ...]
    references: str
    referenced_columns: tuple[str, ...]
    on_delete: str
    safe: bool | None = None


class TableFacts(_Part, frozen=True, kw_only=True):
    """One row of the tenant matrix. `label` is the name as people write it. `why` is the reason for
    the class. `path` names the tables on the way to the owner; of more than 50 the first and the last, with
    … between. `root_fk`, `rls` … are None where they do not apply to the class."""

    schema: str
    name: str
    label: str
    table_class: str = msgspec.field(name="class")
    ownership: str
    why: str
    group: str = ""
    path: tuple[str, ...] = ()
    tenant_column: str | None = None
    type: str | None = None
    nullable: bool | None = None
    default: str | None = None
    root_fk: bool | None = None
    uniques: tuple[TableUniqueFacts, ...] = ()
    fks: tuple[TableKeyFacts, ...] = ()
    tenant_index: bool | None = None
    rls: bool = False
    forced: bool = False
    policies: int = 0
    columns: int = 0
    estimated_rows: int | None = None
    findings: tuple[str, ...] = ()


class EnumFacts(_Part, frozen=True, kw_only=True):
    name: str
    labels: tuple[str, ...]
    used_by: tuple[str, ...] = ()


class PolicyFacts(_Part, frozen=True, kw_only=True):
    table: str
    name: str
    command: str
    roles: tuple[str, ...]
    permissive: bool
    using: str | None
    check: str | None


class SubjectFacts(_Part, frozen=True, kw_only=True):
    """One examined object of a check and how it fared (JUnit wants a case for each)."""

    object: ObjectRef
    status: Literal["passed", "failed", "undecided", "skipped"]
    reason: str = ""


class CheckResult(_Part, frozen=True, kw_only=True):
    """One check's outcome. `examined` = `passed` + `failed` + `undecided` + `skipped` subjects;
    `suppressed` of the failed and undecided ones were accepted. `reason` explains what is neither passed
    nor failed."""

    id: str
    name: str
    title: str
    family: str
    severity: Severity
    status: CheckStatus
    examined: int
    passed: int = 0
    failed: int = 0
    undecided: int = 0
    skipped: int = 0
    suppressed: int = 0
    findings: int = 0
    why: str = ""
    reason: str = ""

    @property
    def looked_at_all(self) -> bool:
        """Whether the check looked at everything that it selects."""
        return self.status not in ("skipped", "error") and not self.skipped


class Suppressed(Finding, frozen=True, kw_only=True):
    """A finding that the config accepts. `days_left` is None without an expiry."""

    reason: str
    owner: str = ""
    expires: str = ""
    days_left: int | None = None


class MigrationEntry(_Part, frozen=True, kw_only=True):
    """One migration. `state` is a status of docs/migrations.md, `why` explains it. `creates` says what it
    did, computed from the catalogs before and after. `verified`: its recorded checksum was compared.
    `undo` is the file that takes it back, `loses` the data that this would lose."""

    version: str
    name: str
    file: str = ""
    state: str
    why: str = ""
    checksum: str = ""
    applied_at: str = ""
    late: bool = False
    verified: bool = False
    creates: tuple[str, ...] = ()
    undo: str = ""
    loses: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


class MigrationFacts(_Part, frozen=True, kw_only=True):
    """The migrations: files against the ledger, and what was done with them. `note` says why there are none,
    or what could not be taken from the files; `ledger` is the table's name, and `ledger_reason` why there
    is none; `ledger_expected` of a live database, which should have one. `unseen` statements were not looked
    at for DDL that repeats, beside the `statements` that were."""

    tool: str = ""
    path: str = ""
    ledger: str = ""
    ledger_reason: str = ""
    ledger_expected: bool = False
    entries: tuple[MigrationEntry, ...] = ()
    note: str = ""
    shared: tuple[SharedVersion, ...] = ()
    stray: tuple[str, ...] = ()
    statements: int = 0
    unseen: int = 0
    repeated: tuple[RepeatedDdl, ...] = ()
    replay: Replay = Replay()
    drift: Drift = Drift()
    dry_run: DryRuns = DryRuns()
    deploy: Deploy = Deploy()
    paths: UpgradePaths = UpgradePaths()
    backup: LastBackup = LastBackup()


class ProofRole(_Part, frozen=True, kw_only=True):
    """A role that was probed, and how it was chosen; `made_up`: it exists on the copy alone."""

    name: str
    how: str
    made_up: bool = False


class ProofCell(_Part, frozen=True, kw_only=True):
    """One probe of one table (for a surface: of a view or function) as one role.

    `outcome` is isolated, denied, leak, blocked (own rows) or inconclusive. `statements` are what the role
    did. For a leak, `setup` are the places in `IsolationFacts.setup` of the statements that make the rows
    first: both together reproduce it wherever the schema is.
    """

    role: str
    schema: str
    name: str
    label: str
    kind: str = "table"
    probe: str
    detail: str = ""
    outcome: str
    why: str
    observed: str = ""
    statements: tuple[str, ...] = ()
    setup: tuple[int, ...] = ()


class StaticFacts(_Part, frozen=True, kw_only=True):
    """What the policies say of one table × role × command, by the half that decides it: `reach` is
    safe, closed (no policy lets the role in), unsafe or unverified."""

    table: str
    role: str
    command: str
    reach: str
    reason: str
    flow: str = ""
    policy: str = ""
    branch: str = ""


class Disagreement(_Part, frozen=True, kw_only=True):
    """Where policies as read and rows as tried say different things: one of them is wrong."""

    table: str
    role: str
    probe: str
    static: str
    proven: str
    why: str


class ProofCoverage(_Part, frozen=True, kw_only=True):
    """The proof in figures. A table is `proven` when its policies read as safe and every probe of it, as
    every role, was isolated or denied; `tested` when rows decided what reading had left open. `cells` =
    `isolated` + `denied` + `leaks` + `blocked` + `inconclusive`."""

    tables: int = 0
    proven: int = 0
    tested: int = 0
    cells: int = 0
    isolated: int = 0
    denied: int = 0
    leaks: int = 0
    blocked: int = 0
    inconclusive: int = 0


class IsolationFacts(_Part, frozen=True, kw_only=True):
    """Both lines of evidence: the proof with rows, and the policies as read (`static`).

    Not `attempted`: `reason` says why. `live`: other tenants' rows were only counted, among real ones.
    `proven` are the labels of the proven tables, `tested` of those that hang on a function which could not be
    read and which rows decided. `setup` holds each statement that makes rows once; the
    cells that need it name its place.
    """

    attempted: bool = False
    reason: str = ""
    live: bool = False
    roles: tuple[ProofRole, ...] = ()
    tables: tuple[str, ...] = ()
    proven: tuple[str, ...] = ()
    tested: tuple[str, ...] = ()
    coverage: ProofCoverage = ProofCoverage()
    cells: tuple[ProofCell, ...] = ()
    static: tuple[StaticFacts, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    relaxed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()

    def script(self, cell: ProofCell) -> tuple[str, ...]:
        """Return all statements of a cell: those that make the rows, and what the role did."""
        return (*(self.setup[place] for place in cell.setup), *cell.statements)


class BaselineFacts(_Part, frozen=True, kw_only=True):
    """The earlier report that this run was compared with: its `file` name and time.

    `new` findings are not in it, `existing` ones are, and `changed` ones with another basis. Of those that
    are no longer found, `resolved` were looked for, `accepted` are suppressed by now, and `unjudged` belong
    to checks that did not run, or not on everything: nobody knows.
    """

    file: str
    generated_at: str = ""
    new: int = 0
    changed: int = 0
    existing: int = 0
    resolved: tuple[Finding, ...] = ()
    accepted: tuple[Finding, ...] = ()
    unjudged: tuple[Finding, ...] = ()


class Statistics(_Part, frozen=True, kw_only=True):
    checks: int = 0
    passed: int = 0
    failed: int = 0
    undecided: int = 0
    not_applicable: int = 0
    skipped: int = 0
    errors: int = 0
    examined: int = 0
    findings: dict[str, int] = {}
    suppressed: int = 0


class Report(_Part, frozen=True, kw_only=True):
    """Version 1 of the contract that other tools rely on. Lists are sorted; see docs/report.md.

    `subjects` holds what each check examined, by id; it is filled only for a report that lists it (JUnit).
    `packs` are those besides ours that its checks are of; without any there is no such key.
    """

    schema_version: int = SCHEMA_VERSION
    title: str = DEFAULT_TITLE
    tool: Tool = Tool()
    verdict: Verdict
    exit_code: int
    gate: str = ""
    fail_on: str = "error"
    generated_at: str = ""
    duration_ms: int = 0
    target: Target
    provenance: Provenance = Provenance()
    tenancy: TenancyFacts = TenancyFacts()
    assumptions: tuple[AssumptionFacts, ...] = ()
    counts: Counts = Counts()
    tables: tuple[TableFacts, ...] = ()
    enums: tuple[EnumFacts, ...] = ()
    policies: tuple[PolicyFacts, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    findings: tuple[Finding, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    migrations: MigrationFacts = MigrationFacts()
    isolation: IsolationFacts = IsolationFacts()
    baseline: BaselineFacts | None = None
    subjects: dict[str, tuple[SubjectFacts, ...]] = {}
    statistics: Statistics = Statistics()
    packs: tuple[DeclaredPack, ...] | msgspec.UnsetType = msgspec.UNSET

    @property
    def ok(self) -> bool:
        """Whether the run passed. False too where something could not be examined (`verdict` tells)."""
        return self.verdict == "PASS"
