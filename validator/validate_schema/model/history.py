"""Migrations as they are on disk, in the ledger, and as they ran: the evidence of the MIG checks."""

from typing import Literal

import msgspec

from .deploy import Deploy
from .difference import Change
from .relations import QName

LedgerState = Literal["applied", "failed", "running", "rolled_back", "baseline", "superseded"]

# What files and ledger together say of one version; docs/migrations.md explains each.
Status = Literal[
    "applied",  # in both, and the checksum, where one is recorded, agrees
    "unverifiable",  # in both; the ledger records no checksum of it
    "baseline",  # below the version at which the ledger began
    "pending",  # a file after everything that was applied
    "gap",  # a file that was not applied, though a later one was
    "missing",  # applied, without a file
    "edited",  # applied, and the file's checksum differs
    "line_endings",  # applied, and the file differs by line ends or a byte-order mark alone
    "renamed",  # applied under another name, with the same content as far as is known
    "reused",  # applied under another name and with other content
    "renumbered",  # applied under another version: the checksum is that of this file
    "failed",  # the ledger says that it failed, or that it never ended
    "rolled_back",  # taken back, and not applied again
    "replayed",  # no ledger: the file ran on the scratch server
    "on_disk",  # no ledger, and it was not run
]


class LedgerEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One version in a ledger, the effective state of all rows about it.

    `version` and `name` are written as the tool's files write them, so that they compare with
    `MigrationFile`. `checksum` is the recorded one as text, `applied_at` an ISO 8601 time in UTC or ""
    (without the Z where the ledger records no time zone), `rank` the order in which it was applied where
    that is known; entries of one moment share a rank. `unsure`: it may be applied, or not.
    """

    version: str
    name: str = ""
    state: LedgerState = "applied"
    checksum: str = ""
    applied_at: str = ""
    rank: int | None = None
    message: str = ""
    unsure: bool = False


class Ledger(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A tracker table. `table` is its name as people write it, `schema` and `relation` as they are
    stored. Not `complete`: it records the current version alone, so that nothing below it can be proven.
    `reason` is set where its rows could not be read: then nothing is known. `lock` says who left the
    tool's lock table taken: a run is going on, or it died."""

    tool: str
    table: str
    entries: tuple[LedgerEntry, ...] = ()
    complete: bool = True
    notes: tuple[str, ...] = ()
    schema: str = ""
    relation: str = ""
    reason: str = ""
    lock: str = ""


class HistoryEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One version, from files and ledger together; in the tool's order, versions without a file at the
    place where they belong.

    `file` is relative to the folder, "" without one. `checksum` is the file's in the ledger's format,
    `recorded_checksum` and `recorded_name` are the ledger's. `late`: applied after a later version.
    `verified`: the recorded checksum was compared. `unsure`: whether it was applied cannot be told. `why`
    explains the status in a sentence. `creates` says what its step of the replay changed in the catalog, in
    words; None: not replayed. `undo` is the file or section that takes it back, `loses` what data that would
    lose.
    """

    version: str
    name: str = ""
    file: str = ""
    status: Status
    checksum: str = ""
    recorded_checksum: str = ""
    recorded_name: str = ""
    applied_at: str = ""
    late: bool = False
    verified: bool = False
    unsure: bool = False
    why: str = ""
    creates: tuple[str, ...] | None = None
    undo: str = ""
    loses: tuple[str, ...] = ()


class SharedVersion(msgspec.Struct, frozen=True):
    """A version that several files claim."""

    version: str
    files: tuple[str, ...]


class Statement(msgspec.Struct, frozen=True, omit_defaults=True):
    """A statement of a migration: its file, the line on which it begins (from 1), its first words."""

    file: str
    line: int
    text: str = ""


class RepeatedDdl(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The same object created by several migrations. `object` is in words (`column "Task"."orgId"`),
    `hidden`: IF NOT EXISTS keeps the later ones from failing."""

    object: str
    statements: tuple[Statement, ...]
    hidden: bool = False


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where a migration failed: PostgreSQL's message, and its detail or hint."""

    statement: Statement
    message: str
    detail: str = ""


class HiddenRows(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A statement that changed fewer rows of `table` as the `role` that migrates than the number that is
    `there` for it where row security filters nothing. With a `reason` it could not be tried both ways, and
    nothing is known of it; where none is `there`, row security filters the table, of a schema without rows.
    `start`: the version at which the rows were put in, unless by a migration."""

    statement: Statement
    role: str
    table: QName = QName("", "")
    changed: int = 0
    there: int = 0
    reason: str = ""
    start: str = ""


class Replay(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The files run on a fresh database. Not `attempted`: `reason` says why, and `wanted` that somebody
    asked for it. `applied` are the files that ran, in order; `role` is the one that migrates, where the
    config names it, and `hidden` what row security kept from its statements."""

    wanted: bool = False
    attempted: bool = False
    reason: str = ""
    applied: tuple[str, ...] = ()
    failure: Failure | None = None
    stand_ins: tuple[str, ...] = ()
    role: str = ""
    hidden: tuple[HiddenRows, ...] = ()


class Drift(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The replayed schema (before) against the live one (after). `objects` is how many were compared.
    `wanted`: it was asked for, so that not `examined` is no pass."""

    wanted: bool = False
    examined: bool = False
    reason: str = ""
    objects: int = 0
    changes: tuple[Change, ...] = ()


class DryRun(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One pending file on a copy of the target's schema. `transactional` False: it does not run in one
    transaction, so that a failure would leave a part of it."""

    file: str
    transactional: bool = True
    failure: Failure | None = None


class DryRuns(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The pending files in order; a file after one that failed was not run and is not listed.
    `wanted`: it was asked for, so that not `examined` is no pass. `hidden` is what row security would keep
    from the role that migrates."""

    wanted: bool = False
    examined: bool = False
    reason: str = ""
    runs: tuple[DryRun, ...] = ()
    hidden: tuple[HiddenRows, ...] = ()


class RowLoss(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One way up that a fixture's rows did not survive: rows put in after version `start`, the table,
    the difference in words, and the `culprit` migration (its file) that made it.

    Not `direct`: it shows only where the fixtures of all versions are put in on the way. `table` is ""
    where a migration failed on the rows.
    """

    start: str
    table: str
    difference: str
    culprit: str = ""
    direct: bool = True


class UpgradePaths(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Rows put in at each version that has a fixture, then taken to the head. `paths` are the start
    versions that were tried; `rows` is how many expected rows were looked for on all ways, `bare` are
    the versions without a fixture, `unasserted` those whose fixture says nothing of what to expect.
    `forced` are the files that force row security where the config does not say who migrates: these ways then
    run as superuser, whom it does not filter, and the role that migrates in production may see no row there.
    `hidden` is what it kept from the statements of the role that the config names.
    """

    examined: bool = False
    reason: str = "no fixtures (--fixtures)"
    paths: tuple[str, ...] = ()
    losses: tuple[RowLoss, ...] = ()
    rows: int = 0
    bare: tuple[str, ...] = ()
    unasserted: tuple[str, ...] = ()
    forced: tuple[str, ...] = ()
    hidden: tuple[HiddenRows, ...] = ()


class LastBackup(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The newest backup of the database, in the folder that the config names. `made_at` is an ISO 8601 time
    in UTC. Without a `file`, `reason` says why none is known."""

    file: str = ""
    made_at: str = ""
    reason: str = "no backup folder is configured ([migrations] backup)"


class ToolWords(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a migration tool offers, in its own words; each is "" where it has nothing to offer.

    `apply` and `revert` are commands. The others complete sentences: `late` what becomes of a file that
    comes before one that was applied, `accept` how a file that was edited is accepted, `resolve` what
    follows when a failure was mended, `rolled_back` what it does about a migration that was taken back.
    ``{name}`` stands for a migration's name.
    """

    apply: str = ""
    revert: str = ""
    late: str = ""
    accept: str = ""
    resolve: str = ""
    rolled_back: str = ""


class History(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All that is known of a project's migrations.

    Not `examined`: there are none to look at, `reason` says why. `tool` and `folder` are those of the
    files, `words` what the tool offers; `ledger` is None without one, and `ledger_reason` says why.
    `ledger_expected`: a live database was looked at, which should have one. `heads`: files that nothing
    follows, where a tool knows of one alone; `stepping_back`: files that come too late for a tool that looks
    at the newest one alone. `stray_repeats`: what a stray file creates, and a migration too. `statements`
    were parsed for DDL that repeats; `unseen` ones were not: they run SQL from a string, or the parser does
    not accept them.
    """

    examined: bool = False
    reason: str = "no migrations were given ([migrations] path, --migrations)"
    tool: str = ""
    words: ToolWords = ToolWords()
    folder: str = ""
    ledger: Ledger | None = None
    ledger_reason: str = ""
    ledger_expected: bool = False
    entries: tuple[HistoryEntry, ...] = ()
    shared: tuple[SharedVersion, ...] = ()
    stray: tuple[str, ...] = ()
    heads: tuple[tuple[str, ...], ...] = ()
    stepping_back: tuple[str, ...] = ()
    statements: int = 0
    unseen: int = 0
    repeated: tuple[RepeatedDdl, ...] = ()
    stray_repeats: tuple[RepeatedDdl, ...] = ()
    replay: Replay = Replay()
    drift: Drift = Drift()
    dry_run: DryRuns = DryRuns()
    deploy: Deploy = Deploy()
    paths: UpgradePaths = UpgradePaths()
    backup: LastBackup = LastBackup()
    notes: tuple[str, ...] = ()
