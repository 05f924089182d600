"""Assert that a database's schema is as it should be; what is not is told as in a report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from ..config import LoadedConfig, TableConfig
from ..model.errors import UsageError
from ..model.finding import Finding, Severity
from ..model.report import CheckResult, Report
from ..sql.ident import visible
from .database import MigratedDatabase

if TYPE_CHECKING:
    from ..run.request import Request
    from .pool import Pool

_DEFAULT_SCHEMA = "public"

Tables = Iterable[str] | Mapping[str, Mapping[str, Any]]


class SchemaAssertion:
    """The fixture `assert_schema`. `default` gives the database of the test."""

    def __init__(self, pool: "Pool", default: Callable[[], MigratedDatabase]) -> None:
        self._pool, self._default = pool, default

    def __call__(
        self,
        database: MigratedDatabase | None = None,
        *,
        select: Sequence[str] = (),
        ignore: Sequence[str] = (),
        tables: Tables = (),
        fail_on: str = "error",
        rows: bool = False,
    ) -> Report:
        """Assert that the schema of `database` (the test's `migrated_db`) passes; return the report.

        `select` and `ignore` are ids of checks or their beginnings; without them the config's checks are
        meant, or, with `tables`, those on what is declared. `tables` must exist: their names, or names
        with what `[contract.tables.NAME]` of the config may hold. `fail_on` is the least severity that
        fails, "error", "warning" or "info". `rows`: count rows too. Raises `AssertionError` with the
        findings, and where nothing was examined or a check could not be.
        """
        __tracebackhide__ = True
        report = examined(
            database or self._default(),
            _declaring(self._pool.settings.config, tables),
            select=tuple(select) or (_on_contract(self._pool.settings.config) if tables else ()),
            ignore=ignore,
            rows=rows,
        )
        _judge(report, fail_on)
        return report


def _declaring(config: LoadedConfig, tables: Tables) -> LoadedConfig:
    """Return the config with `tables` as the contract, if there are any."""
    named = dict(tables) if isinstance(tables, Mapping) else {name: {} for name in tables}
    if not named:
        return config
    try:
        declared = msgspec.convert(named, dict[str, TableConfig])
    except msgspec.ValidationError as error:
        raise UsageError(f"assert_schema: tables: {error}") from None
    contract = msgspec.structs.replace(
        config.config.contract, from_=(), closed=False, enums={}, views={}, tables=declared
    )
    return config._replace(config=msgspec.structs.replace(config.config, contract=contract))


def _on_contract(config: LoadedConfig) -> tuple[str, ...]:
    """Return the checks that compare with what was declared."""
    from ..checking.packs import checks_at_hand

    return tuple(c.id for c in checks_at_hand(config) if c.needs == "contract")


def _judge(report: Report, fail_on: str) -> None:
    __tracebackhide__ = True
    limit = Severity(fail_on).rank
    failing = [f for f in report.findings if f.severity.rank >= limit]
    unlooked = [c for c in report.checks if c.status in ("skipped", "error")]
    texts = [describe(finding) for finding in failing]
    texts += [describe(f) for f in report.findings if f.undecided and f not in failing]
    texts += [f"{c.id} could not be examined: {c.reason}" for c in unlooked]
    if not texts and not any(check.examined for check in report.checks):
        texts.append("nothing was examined: no selected check has anything to look at in this schema")
    if texts:
        raise AssertionError("the schema is not as it should be\n\n" + "\n\n".join(texts))


def describe(finding: Finding) -> str:
    """Return a finding as text of a few lines."""
    label = visible(finding.object.label(_DEFAULT_SCHEMA))
    lines = [f"{finding.severity} {finding.check} {label}: {finding.message}"]
    said = (("expected", finding.expected), ("observed", finding.observed), ("evidence", finding.evidence))
    lines += [f"    {name}: {text}" for name, text in said if text]
    lines += [f"    resolve: {visible(sql)}" for sql in finding.remedy.sql]
    if finding.remedy.note and not finding.remedy.sql:
        lines.append(f"    resolve: {finding.remedy.note}")
    return "\n".join(lines)


def summary(check: CheckResult) -> str:
    """Return one line on a check: its title and its count."""
    return f"{check.id} {check.title}: {check.failed} of {check.examined} failed"


def requested(config: LoadedConfig, url: str = "", **chosen: Sequence[str]) -> "Request":
    """Return what the command line would ask for of the database at `url`; `chosen` are `select` and
    `ignore`. Raises `UsageError` for an id that is no check's."""
    from ..model.secret import Secret
    from ..run.request import request_for
    from ..run.source import Source

    return request_for(Source(database_url=Secret(url)), config, **chosen)


def examined(
    database: MigratedDatabase, config: LoadedConfig, *, rows: bool = False, **chosen: Sequence[str]
) -> Report:
    """Examine a database as the command line does, with the `chosen` checks."""
    from ..model.progress import Progress
    from ..run.examine import examine

    return examine(replace(requested(config, database.url, **chosen), rows=rows), Progress())
