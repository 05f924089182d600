"""Histories written by hand, for the checks and the report: records, not a mocked database."""

from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.facts.facts import Facts
from validate_schema.migrations import tools
from validate_schema.model.catalog import Catalog, ConnectedRole, Server
from validate_schema.model.difference import Change
from validate_schema.model.finding import Finding, ObjectRef
from validate_schema.model.history import (
    Drift,
    DryRun,
    DryRuns,
    Failure,
    History,
    HistoryEntry,
    Ledger,
    LedgerEntry,
    RepeatedDdl,
    Replay,
    RowLoss,
    SharedVersion,
    Statement,
    UpgradePaths,
)
from validate_schema.model.report import CheckResult
from validate_schema.model.tenancy import Tenancy

FOLDER = "db/migrations"
LEDGER = Ledger(tool="flyway", table="public.flyway_schema_history", entries=(LedgerEntry(version="1"),))


def entry(version: str, status: str = "applied", **more: object) -> HistoryEntry:
    """A version whose file is named after it, but for one that is missing."""
    facts: dict[str, object] = {
        "version": version,
        "name": f"m{version}",
        "file": "" if status == "missing" else f"{version}_m{version}.sql",
        "status": status,
    }
    return HistoryEntry(**(facts | more))  # type: ignore[arg-type]


def history(*entries: HistoryEntry, **more: object) -> History:
    """A history of Flyway with a ledger, unless `more` says otherwise."""
    facts: dict[str, object] = {
        "examined": True,
        "reason": "",
        "tool": "flyway",
        "folder": FOLDER,
        "ledger": LEDGER,
        "ledger_expected": True,
        "entries": entries,
    }
    facts |= more
    return History(words=tools.find(str(facts["tool"])).words, **facts)  # type: ignore[arg-type]


def facts_with(given: History, **more: object) -> Facts:
    """Facts of an empty database, with that history."""
    server = Server("18.0", 180000, "shop", ConnectedRole("reader", superuser=False, bypassrls=False))
    return Facts(Catalog(server=server), Tenancy(), history=given, **more)  # type: ignore[arg-type]


def judged(given: History, id: str, **more: object) -> tuple[CheckResult, tuple[Finding, ...]]:
    """What one check says of the history, as the engine does."""
    outcome = run([c for c in builtin_checks() if c.id == id], facts_with(given, **more))
    return outcome.results[0], outcome.findings


def eventful() -> History:
    """One of everything: every status, a failing replay, drift, repeats, dry runs, lost rows."""
    statuses = (
        "applied",
        "unverifiable",
        "baseline",
        "missing",
        "edited",
        "line_endings",
        "renamed",
        "reused",
        "renumbered",
        "failed",
        "rolled_back",
        "gap",
        "pending",
    )
    first, second = (
        Statement("1_m1.sql", 3, 'create table "T" ()'),
        Statement("2_m2.sql", 9, "create table T"),
    )
    table = ObjectRef("table", "public", "T")
    return history(
        *(
            entry(
                str(place),
                status,
                verified=status in ("applied", "edited", "line_endings"),
                recorded_checksum="aa" if status != "pending" else "",
                checksum="aa" if status == "applied" else "bb",
                recorded_name="old name",
                late=place == 2,
                applied_at="2026-01-01T00:00:00Z" if status not in ("pending", "gap") else "",
                why=f"why {status}",
                creates=("creates table T",) if place == 1 else None,
                undo="U1__m1.sql" if place == 1 else "",
                loses=("the rows of T",) if place == 1 else (),
            )
            for place, status in enumerate(statuses, 1)
        ),
        shared=(SharedVersion("1", ("1_m1.sql", "1_again.sql")),),
        stray=("hotfix.sql",),
        statements=12,
        repeated=(RepeatedDdl(object='table "T"', statements=(first, second), hidden=True),),
        stray_repeats=(RepeatedDdl(object='table "T"', statements=(first, Statement("hotfix.sql", 1))),),
        replay=Replay(
            wanted=True,
            attempted=True,
            applied=("1_m1.sql",),
            failure=Failure(statement=second, message='relation "T" already exists', detail="a detail"),
            stand_ins=("role app",),
        ),
        drift=Drift(
            wanted=True,
            examined=True,
            objects=5,
            changes=(
                Change(kind="removed", object=table, before="table T (a integer)"),
                Change(
                    kind="changed",
                    object=ObjectRef("column", "public", "U", "c"),
                    what="type",
                    before="integer",
                    after="text",
                ),
                Change(
                    kind="changed",
                    object=ObjectRef("column", "public", "U", "c"),
                    what="nullable",
                    before="no",
                    after="yes",
                ),
                Change(kind="added", object=ObjectRef("index", "public", "U", "extra"), after="(a, b)"),
            ),
        ),
        dry_run=DryRuns(
            wanted=True,
            examined=True,
            runs=(
                DryRun(file="12_m12.sql"),
                DryRun(
                    file="13_m13.sql",
                    transactional=False,
                    failure=Failure(
                        statement=Statement("13_m13.sql", 4, "alter table x"), message="no table x"
                    ),
                ),
            ),
        ),
        paths=UpgradePaths(
            examined=True,
            reason="",
            paths=("1", "2"),
            losses=(RowLoss(start="1", table="T", difference="row 1: body is gone", culprit="2_m2.sql"),),
        ),
    )
