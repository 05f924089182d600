"""Judge what stands in a database with one check, as the engine does."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from msgspec import structs
from msgspec.structs import replace

from tests.fix_bench import Bench, execute, read_again
from validate_schema.checking.declare import Check
from validate_schema.checking.engine import run
from validate_schema.checking.packs import builtin_checks
from validate_schema.config import parse_toml
from validate_schema.evidence.isolation import prove
from validate_schema.facts.facts import Facts
from validate_schema.facts.mentions import config_names, suppression_uses
from validate_schema.model.finding import Finding, Flaw, Remedy
from validate_schema.model.report import CheckResult
from validate_schema.policies import analyse
from validate_schema.scratch import Database
from validate_schema.sources.build import build_contract
from validate_schema.tenancy import identify

T = TypeVar("T", Flaw, Finding)
TODAY = date(2026, 7, 1)
CONFIG = """
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
"""


@dataclass(frozen=True)
class Judged:
    """What one check said about one database."""

    result: CheckResult
    findings: tuple[Finding, ...]

    @property
    def said(self) -> list[str]:
        """The messages, or why there are none: what a failing assertion should print."""
        return [f.message for f in self.findings] or [r for r in (self.result.reason,) if r]

    @property
    def cure(self) -> list[str]:
        """Every statement of the remedies, each once, in order."""
        return list(dict.fromkeys(statement for f in self.findings for statement in f.remedy.sql))


def check_of(id: str) -> Check:
    """Return the built-in check of that id."""
    return next(c for c in builtin_checks() if c.id == id)


def facts_of(
    conn: psycopg.Connection,
    toml: str = "",
    *,
    schema: str = "public",
    rows: bool = False,
    base: Path = Path(),
) -> Facts:
    """Read what stands in the database now; `rows` takes the bounded counts as well. Paths in the config
    are relative to `base`."""
    config = parse_toml(toml or CONFIG, "example")
    catalog = read_again(conn, schema)
    tenancy = identify(catalog, config.tenancy, today=TODAY, threat=config.threat)
    facts = Facts(
        catalog,
        tenancy,
        build_contract(config, base),
        analysis=analyse(catalog, tenancy),
        suppressions=suppression_uses(config),
        config_names=config_names(config),
        today=TODAY,
    )
    if not rows:
        return facts
    from validate_schema.evidence.rows import gather

    return replace(facts, evidence=gather(conn, facts, config.data))


def printed(said: T) -> T:
    """Return a flaw or finding as a reader sees it: what its steps know beyond their text is tried elsewhere."""
    mend = said.remedy
    return structs.replace(said, remedy=Remedy(mend.sql, mend.note, mend.lock))


def flaws(id: str, facts: Facts) -> list[Flaw]:
    """Return what a check says about each subject that fails, as a reader sees it, in the order of its
    subjects."""
    check = check_of(id)
    verdicts = [check(subject, facts) for subject in check.subjects(facts)]
    return [printed(verdict) for verdict in verdicts if isinstance(verdict, Flaw)]


def judge(check: Check, facts: Facts) -> Judged:
    """Run one check; suppressions are judged by what all the others found."""
    outcome = run(builtin_checks() if check.needs == "suppressions" else (check,), facts)
    result = next(r for r in outcome.results if r.id == check.id)
    return Judged(result, tuple(f for f in outcome.findings if f.check == check.id))


def findings(check: Check, conn: psycopg.Connection, toml: str = "", *, schema: str = "public") -> Judged:
    """Read the database and run one check over it."""
    facts = facts_of(conn, toml, schema=schema, rows=check.needs == "rows")
    return judge(check, proven(conn, facts) if check.needs == "proof" else facts)


class _Theirs:
    """A server that somebody else keeps: nothing was prepared there."""

    is_own = False


class Reached(Database):
    """The database of a connection, whose role may do anything there."""

    def admin(self, **options: Any) -> psycopg.Connection:
        return self.connect(**options)


def proven(conn: psycopg.Connection, facts: Facts) -> Facts:
    """Return the facts with the proof made in the connection's database, which must be committed."""
    database = Reached(conn.info.dbname, conn.info.dsn, _Theirs())  # type: ignore[arg-type]
    return replace(facts, isolation=prove(database, facts))


def look(bench: Bench, id: str, script: str, toml: str = "") -> Judged:
    """Run a script on the bench, and one check over what it made."""
    check = check_of(id)
    with bench.open(script, committed=check.needs == "proof") as conn:
        execute(conn, script)
        return findings(check, conn, toml)


def flaws_of(bench: Bench, id: str, script: str, toml: str = "") -> list[Flaw]:
    """Run a script on the bench; return a check's flaws in full."""
    with bench.open(script) as conn:
        execute(conn, script)
        return flaws(id, facts_of(conn, toml))


def survives(bench: Bench, id: str, script: str, toml: str = "") -> list[str]:
    """Run a script and then every statement of the check's remedies; return what it still says."""
    found = look(bench, id, script, toml)
    with bench.open(script, *found.cure) as conn:
        execute(conn, script)
        for statement in found.cure:
            conn.execute(statement)
        return findings(check_of(id), conn, toml).said
