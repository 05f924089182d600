"""A fleet: many members that should hold one schema, what each holds, and what sets some apart."""

from typing import Literal

import msgspec

from .catalog import Catalog
from .crossing import MemberProof
from .difference import Change
from .finding import Finding
from .report import Suppressed

FLEET_VERSION = 1

MemberKind = Literal["schema", "database"]
# What was found of a member. Only those that are alike or differ were examined.
MemberState = Literal["alike", "differs", "unread", "absent"]


class Member(msgspec.Struct, frozen=True, order=True):
    """A schema in a database, or a database as a whole (`schema` is empty).

    `database` is what people call the database, its name or that of its row of targets, never a URL; empty
    where all members are schemas of one. `server` is its host, port and database as people read them, without
    a password.
    """

    database: str
    schema: str = ""
    server: str = ""

    @property
    def name(self) -> str:
        """The name in reports: a schema's own, behind that of its database where the fleet has several."""
        return "/".join(filter(None, (self.database, self.schema)))


class MemberLedger(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a member's ledger of migrations says.

    `head` is the last version that was applied, `applied` how many were. `failed` are versions that the
    ledger calls failed or running. `gaps` are versions that other members applied before this one's head and
    this one did not, `pending` those that others applied after it. `reason` says why nothing is known.
    """

    table: str = ""
    tool: str = ""
    head: str = ""
    applied: int = 0
    failed: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    reason: str = ""


class Reading(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was read of one member.

    `fingerprint` is that of everything that `diff` compares, with the member's own name taken out; empty
    where it could not be read, and `reason` says why. `versions` are what its ledgers hold: (tool, table,
    ((version, state), …)).
    """

    member: Member
    fingerprint: str = ""
    reason: str = ""
    versions: tuple["LedgerRows", ...] = ()


class LedgerRows(msgspec.Struct, frozen=True, omit_defaults=True):
    """A ledger as it was read: its versions in order, each with its state (see `LedgerState`)."""

    tool: str
    table: str
    versions: tuple[tuple[str, str], ...] = ()
    reason: str = ""


class Sample(msgspec.Struct, frozen=True):
    """The member of a fingerprint that was read in full. `catalog` holds it and all that stands in its
    database beside the other members, under the names that they have there."""

    member: Member
    fingerprint: str
    catalog: Catalog


class DatabaseFacts(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What is true of a database as a whole, for the checks that compare databases.

    `settings` are those of ALTER DATABASE and ALTER ROLE … IN DATABASE, as (role or "", setting).
    `extensions` are (name, version), `schemas` all that are the user's.
    """

    database: str
    server: str = ""
    version: str = ""
    version_num: int = 0
    encoding: str = ""
    collation: str = ""
    collation_version: str = ""
    actual_collation_version: str = ""
    owner: str = ""
    acl: tuple[str, ...] = ()
    extensions: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    schemas: tuple[str, ...] = ()


class Surveyed(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was learnt of one database: the task of one connection, small enough to be sent.

    `reason` is set where nothing of it could be read. `matched` are the schemas that the choice of members
    finds, those of other shards and those that are left out as well. `roles` leads from a role ("" is PUBLIC)
    to the members whose objects it owns or has a privilege on.
    """

    database: str
    server: str = ""
    facts: DatabaseFacts | None = None
    matched: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()
    roles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    reason: str = ""


class Control(msgspec.Struct, frozen=True):
    """The tenants' table that stands beside the members, and the column of it that holds their names."""

    schema: str
    table: str
    column: str


class Milestone(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A migration of the reference: what it `made`, and what differs from the reference to the state after
    it, which is `behind`."""

    label: str
    behind: tuple[Change, ...] = ()
    made: tuple[Change, ...] = ()


class Yardstick(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A reference that is no member: a snapshot, or migrations that were `replayed` on a scratch server.
    `schema` is the one of its catalog that is a member's, "" where members are databases. `id` stands for
    its fingerprint. `milestones` are its migrations in order, the last ones of many."""

    name: str
    why: str
    catalog: Catalog
    id: str = ""
    schema: str = ""
    replayed: bool = False
    milestones: tuple[Milestone, ...] = ()


class Part(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was read of a fleet, or of the `shard` (K of N) that one machine had: all that its report is made
    from. `samples` has one member of each fingerprint, `lost` the members that were fingerprinted and could
    then not be read, with the reason. `expected` are the names that there should be, None where nobody said.
    `excluded` are those left out, `reference` the member that was named to measure against. `control` is the
    tenants' table that `expected` was taken from, where nobody named a query; `unlisted` why it could not be
    looked for. `proofs` are those between members, where they were asked for.
    """

    part_version: int
    tool_version: str = ""
    generated_at: str = ""
    kind: MemberKind = "schema"
    shard: tuple[int, int] = (1, 1)
    surveyed: tuple[Surveyed, ...] = ()
    samples: tuple[Sample, ...] = ()
    lost: dict[str, str] = {}
    expected: tuple[str, ...] | None = None
    excluded: tuple["Excluded", ...] = ()
    reference: str = ""
    yardstick: Yardstick | None = None
    control: Control | None = None
    unlisted: str = ""
    proofs: tuple[MemberProof, ...] = ()
    interrupted: bool = False


class FleetScene(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a fleet-level check may look at beside the `Facts` of one member: `Facts.fleet`.

    Checks run once for each shape, on the facts of its sample: `Facts.catalog` holds the sample and the
    shared schemas of its database under their real names, and other members only where its keys lead to
    them. `member` is the sample; `others` the names of all other members in the same database (schemas), so
    that a reference, a privilege or a setting that names one of them leads out of the member. A reference to
    another member makes a shape of its own, since only the member's own name is taken out of fingerprints:
    every such member is judged.

    `roles` leads from a role to the members whose objects it owns or may use, over the whole database.
    `databases` are the facts of all databases of the fleet, one for each, and are to be judged where `first`:
    on the reference shape alone, so that they are told once. `proof` is what was tried as the roles of
    `member` on another one; None where nobody asked for it.

    A check declares itself as every other: a subject selector yields nothing (the check is not applicable)
    where ``facts.fleet is None``.
    """

    kind: MemberKind
    member: Member
    others: tuple[str, ...] = ()
    roles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    databases: tuple[DatabaseFacts, ...] = ()
    first: bool = False
    proof: MemberProof | None = None


class FleetFinding(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A finding of the checks, with the shapes that have it, in the words of the first one's sample."""

    finding: Finding
    shapes: tuple[str, ...]
    members: int

    @property
    def level(self) -> str:
        """Its severity; ``undecided`` where nothing wrong was shown, and nothing right."""
        return "undecided" if self.finding.undecided else self.finding.severity.value


class FleetAccepted(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A finding that the config accepts, with the shapes that have it."""

    finding: Suppressed
    shapes: tuple[str, ...]
    members: int

    @property
    def terms(self) -> str:
        """Why it is accepted, by whom and until when, in words."""
        found = self.finding
        until = f"until {found.expires}" if found.expires else ""
        return ", ".join(filter(None, (found.reason, found.owner, until)))


class OpenCheck(msgspec.Struct, frozen=True):
    """A check that could not look at everything, or decide it, in some shapes; ``catalog`` for what of that
    could not be read."""

    check: str
    reason: str
    shapes: tuple[str, ...]


class ShapeDiff(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Members that are alike. `id` is the beginning of the fingerprint, `fingerprints` all that `diff` tells
    no difference between. `changes` is what differs from the reference to it, own names written as
    `Reference.written`. `sample` is the member that was read in full, "" of a reference that no member is as.
    Where the reference are migrations, `since` is the first one that these members stand apart from, and
    `after` the one after which the reference was as they are, if it ever was."""

    id: str
    fingerprints: tuple[str, ...]
    members: int
    sample: str
    reference: bool = False
    changes: tuple[Change, ...] = ()
    first: tuple[str, ...] = ()
    since: str = ""
    after: str = ""


class MemberRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One member in the report. `expected`: the control table names it; None where none was asked."""

    name: str
    database: str
    state: MemberState
    shape: str = ""
    fingerprint: str = ""
    expected: bool | None = None
    ledger: MemberLedger | None = None
    reason: str = ""


class Reference(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What the members are measured against, and why that. `written` is what stands for a member's own name
    in differences."""

    name: str
    why: str
    shape: str = ""
    written: str = ""


class Excluded(msgspec.Struct, frozen=True):
    """A member that was left out on purpose."""

    name: str
    reason: str


class HeadCount(msgspec.Struct, frozen=True):
    """How many members have a version as their head ("" where a member has no ledger)."""

    head: str
    members: int


class FleetVerdict(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """`status` is pass, drift, findings or incomplete; `exit_status` 0, 1, 1 or 3, and `reasons` say why.
    INCOMPLETE wins: what was not examined is never passed."""

    status: Literal["pass", "drift", "findings", "incomplete"]
    exit_status: int
    reasons: tuple[str, ...] = ()


class FleetReport(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The report of a fleet: the model that every format shows, and its JSON.

    `members` are sorted by name, `shapes` by number of members, the largest first, the reference before all.
    `findings` are sorted worst first, those that the config accepts stand in `suppressed`; `fail_on` is the
    severity from which they fail the run. `control` is the tenants' table that was found, `shared` are tables
    that stand beside the members in the reference's database, `proofs` what was tried
    between members. `interrupted`: the run was stopped before it was through.
    """

    fleet_version: int = 0  # a default is left out of JSON, and the version must stand there
    tool_version: str = ""
    generated_at: str = ""
    kind: MemberKind = "schema"
    members: tuple[MemberRow, ...] = ()
    shapes: tuple[ShapeDiff, ...] = ()
    reference: Reference | None = None
    heads: tuple[HeadCount, ...] = ()
    findings: tuple[FleetFinding, ...] = ()
    suppressed: tuple[FleetAccepted, ...] = ()
    fail_on: str = "error"
    open_checks: tuple[OpenCheck, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    databases: tuple[DatabaseFacts, ...] = ()
    notes: tuple[str, ...] = ()
    control: Control | None = None
    shared: tuple[str, ...] = ()
    proofs: tuple[MemberProof, ...] = ()
    interrupted: bool = False
    verdict: FleetVerdict

    def of_state(self, state: MemberState) -> tuple[MemberRow, ...]:
        """Return the members in a state."""
        return tuple(m for m in self.members if m.state == state)
