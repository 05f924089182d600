"""The main job: open the target, read it, judge it, report. Everything the CLI's bare run does."""

from collections.abc import Mapping
from datetime import date
from time import monotonic
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from ..catalog.engines import engine_of
from ..catalog.ledgers import ledgers
from ..checking.baseline import measured
from ..checking.engine import Outcome, judge
from ..config import Config
from ..contract.merge import settled
from ..facts.facts import Facts
from ..facts.mentions import config_names, suppression_uses
from ..model.catalog import POSTGRESQL, Catalog
from ..model.contract import Contract
from ..model.evidence import Evidence, RuleRows
from ..model.finding import Severity
from ..model.history import History
from ..model.progress import Progress
from ..model.report import Report
from ..model.wording import some
from ..policies import analyse
from ..report.build import Circumstances, build_report
from ..sources import SourceContext
from ..sources.build import build_contract
from ..tenancy import identify
from .commit import Commit, commit_of
from .locate import Whereabouts, located
from .opened import Broken, File, Live, Opened, Replayed, Snapshot
from .proof import Proving, prove_isolation, require_provable
from .provenance import provenance_of, target_of
from .request import Request
from .source import open_source
from .tested import with_tested

if TYPE_CHECKING:
    from ..migrations import MigrationSet

NO_ROWS_ELSEWHERE = "rows are counted in PostgreSQL alone"
NO_ROWS_IN_SNAPSHOT = "a snapshot holds no rows"
NOBODY_TO_ASK = "its query needs a PostgreSQL that answers"
ROWS_NOT_WANTED = "row counts are switched off"


def examine(request: Request, progress: Progress) -> Report:
    """Examine the source and return the report.

    Raises the errors of its parts: `UsageError` for bad input, `ConnectError`, `ReadError` and
    `ScratchError` when it could not be completed.
    """
    started = monotonic()
    config = request.config.config
    require_provable(request.proving, request.source)
    files = _configured(request)
    context = SourceContext(request.source.scratch, progress)
    contract = build_contract(config, request.base, context, named=request.contracts)
    with open_source(request.source, progress, broken=True) as opened:
        facts = understand(opened.catalog, config, contract, request.now.date(), progress)
        if isinstance(opened, Broken):
            facts = replace(facts, no_catalog=opened.reason)
        facts = replace(facts, history=_history(request, files, opened, progress))
        with progress.step("counting rows in tenant tables"):
            facts = replace(facts, evidence=rows(opened, facts, config, request))
        proof = prove_isolation(request.proving, opened, facts, config.prove, progress=progress)
        facts = replace(facts, isolation=proof, evidence=with_rules(facts, opened, request, progress))
        facts, outcome = _judged(with_tested(facts), opened, request, progress)
    outcome = located(outcome, _whereabouts(request))
    compared = None
    if request.baseline is not None:
        outcome, compared = measured(outcome, request.baseline)
    given = Circumstances(
        target=target_of(opened),
        provenance=provenance_of(
            request.config,
            contract,
            request.environ,
            command=request.command,
            root=request.root,
            commit=_commit(request),
        ),
        generated_at=request.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        duration_ms=_duration(started, request.environ),
        title=config.report.title or "",
        groups=config.report.groups,
        baseline=compared,
    )
    return build_report(facts, outcome, request.fail_on, given)


def _commit(request: Request) -> Commit | None:
    """Return the commit of the work tree that the run's files are in."""
    if not request.in_git:
        return None
    where = _whereabouts(request)
    read = (where.migrations, where.config, request.source.snapshot)
    return commit_of(request.base, (path for path in read if path is not None), request.environ)


def _judged(facts: Facts, opened: Opened, request: Request, progress: Progress) -> tuple[Facts, Outcome]:
    """Return what the checks say. Where reading left something open and the migrations' copy is at hand, the
    proof decides what it can, and they are asked again."""
    config = request.config.config
    checks = tuple(c for c in request.checks if not c.on_fleet) or request.checks

    def judged(facts: Facts) -> Outcome:
        with progress.step("running the checks"):
            return judge(checks, facts, severities=severities(config), list_subjects=request.list_subjects)

    outcome = judged(facts)
    at_hand = isinstance(opened, Replayed) and facts.tenancy.identified
    if not (request.proving is Proving.OPEN and at_hand and outcome.undecided):
        return facts, outcome
    proof = prove_isolation(Proving.COPY, opened, facts, config.prove, progress=progress)
    facts = with_tested(replace(facts, isolation=proof))
    return facts, judged(facts)


def _whereabouts(request: Request) -> Whereabouts:
    source, config = request.source, request.config
    named = config.config.migrations.path
    return Whereabouts(
        migrations=source.migrations or (request.base / named if named else None),
        tool=source.tool,
        config=config.path,
        base=request.base,
        root=request.root,
    )


def understand(
    catalog: Catalog, config: Config, contract: Contract, today: date, progress: Progress
) -> Facts:
    """Return what a catalog says by itself: tenancy, policies as read, the contract in its terms."""
    contract, names = settled(contract, catalog.server.default_schema), config_names(config)
    if (engine := engine_of(catalog)) is not None:
        catalog, contract = engine.offers().fitted(catalog, contract)
        if "roles" in engine.lacks:
            names = tuple(name for name in names if name.kind != "role")
    with progress.step("identifying the tenancy"):
        tenancy = identify(catalog, config.tenancy, today=today, threat=config.threat)
    with progress.step("reading the policies"):
        analysis = analyse(catalog, tenancy)
    return Facts(
        catalog,
        tenancy,
        contract,
        analysis=analysis,
        suppressions=suppression_uses(config),
        config_names=names,
        today=today,
    )


def _duration(started: float, environ: Mapping[str, str]) -> int:
    return 0 if environ.get("SOURCE_DATE_EPOCH", "").isdigit() else round((monotonic() - started) * 1000)


def severities(config: Config) -> dict[str, Severity]:
    """Return the severities that the config sets, by check."""
    return {id: Severity(name) for id, name in config.checks.severity.items()}


def _configured(request: Request) -> "MigrationSet | None":
    """Return the migrations that the config names for a database or a snapshot, if anything is to judge
    them. What cannot be read is said before anything is opened."""
    named, judged = request.config.config.migrations, any(c.on_migrations for c in request.checks)
    if request.source.kind == "migrations" or not (request.replay or (named.path and judged)):
        return None
    from .history import configured

    return configured(named, request.base, replay=request.replay)


def _history(request: Request, files: "MigrationSet | None", opened: Opened, progress: Progress) -> History:
    if isinstance(opened, Replayed | Broken):
        from .history import history_of_files

        history = history_of_files(opened.migrations, request.root or request.base, opened.ran)
    elif files is not None:
        from .history import vouch

        config = request.config.config
        history = vouch(
            files,
            opened,
            config,
            request.base,
            replay=config.migrations.replay if request.replay is None else request.replay,
            scratch=request.source.scratch,
            progress=progress,
        )
    elif (
        isinstance(opened, Live) and any(c.on_migrations for c in request.checks) and ledgers(opened.catalog)
    ):
        from .history import without_files

        return without_files(opened)
    else:
        return History()
    from ..scratch.dump import last_backup

    live = opened.connection if isinstance(opened, Live) else None
    backup = last_backup(request.config.config.migrations, request.base, live)
    return msgspec.structs.replace(history, backup=backup)


def with_rules(facts: Facts, opened: Opened, request: Request, progress: Progress) -> Evidence:
    """Return the evidence with the answers of the checks that are queries, which only a connection gives.

    They come last: nothing else is to be disturbed by what a query may do to its session.
    """
    rules = {check.id: check.sql for check in request.checks if check.sql}
    if not rules:
        return facts.evidence
    match opened:
        case Live() | Replayed():
            from ..evidence.rules import ask

            with progress.step(f"asking {some(len(rules), 'query')} of checks"):
                answers = ask(opened.connection, rules, facts, request.config.config.data)
        case Broken() | File() | Snapshot():
            reason = opened.reason if isinstance(opened, Broken) else NOBODY_TO_ASK
            answers = tuple(RuleRows(id, unreadable=reason) for id in rules)
    return msgspec.structs.replace(facts.evidence, rules=answers)


def rows(opened: Opened, facts: Facts, config: Config, request: Request) -> Evidence:
    """Return the bounded row counts of the target, or why there are none."""
    match opened:
        case Broken():
            return Evidence(reason=opened.reason)
        case File():
            return Evidence(reason=NO_ROWS_ELSEWHERE)
        case Snapshot():
            ours = opened.catalog.server.product == POSTGRESQL
            return Evidence(reason=NO_ROWS_IN_SNAPSHOT if ours else NO_ROWS_ELSEWHERE)
        case Live() | Replayed():
            from ..evidence.rows import empty_keys, gather

            if not (request.rows and config.data.enabled):
                asked = request.keys and config.data.enabled
                keys = empty_keys(opened.connection, facts, config.data) if asked else ()
                return Evidence(reason=ROWS_NOT_WANTED, empty_keys=keys)

            return gather(opened.connection, facts, config.data)
