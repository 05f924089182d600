"""The examples of a pack's checks as tests: the bad one is found, the good one is clean, the remedy cures.

from validate_schema.testing.examples import examples

test_examples = examples("acme_checks")
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import pytest

from ..checking.declare import PROOF, SUPPRESSIONS, Check
from ..checking.packs import builtin_checks, pack_checks
from ..checking.reference import EXAMPLE_CONFIG, EXAMPLE_ROLES, EXAMPLE_TABLE
from ..config import LoadedConfig, parse_toml
from ..migrations import MigrationFile, MigrationSet
from ..model.progress import Silence
from ..model.report import CheckResult, Report
from ..model.secret import Secret
from ..run.examine import examine
from ..run.history import replayed
from ..run.proof import Proving
from ..run.provenance import run_time
from ..run.request import Request
from ..run.source import Source
from ..scratch import open_server
from ..sql.ident import quote_ident
from ..sql.script import controls_transactions, pieces
from .assertion import describe

if TYPE_CHECKING:
    from ..catalog.connect import Connection
    from ..scratch import Server

Part = Literal["bad", "good", "cure"]
_FILE = re.compile(r"^-- (file \S+|database)\n", re.MULTILINE)
# active_sql_transaction, unsafe_new_enum_value_usage. Source: PostgreSQL documentation, "Error Codes".
_NEEDS_COMMIT = ("25001", "55P04")
_REPLAYED = ("replay", "drift", "dry run", "fixtures")


def examples(pack: str | os.PathLike[str]) -> Callable[..., None]:
    """Return a test of every example of a pack: a folder, a file or a module. Assign it to a name that
    begins with ``test_``.

    A check without examples, which only a rule in SQL can be, is left out, and so is one of fleets, whose
    examples are of many schemas or databases. Raises `PackError` for a pack that
    cannot be used.
    """
    checks = (check for check in pack_checks(os.fspath(pack)) if not check.on_fleet)
    cases = [Example(check, part) for check in checks for part in _parts(check)]

    @pytest.mark.parametrize("example", cases, ids=str)
    def test_example(example: Example, validate_schema_bench: Bench) -> None:
        __tracebackhide__ = True
        example.hold(validate_schema_bench)

    return test_example


def _parts(check: Check) -> Iterator[Part]:
    if check.bad:
        yield "bad"
    if check.good:
        yield "good"
    if check.bad and check.remediable:
        yield "cure"


class _NeedsCommitError(Exception):
    """A statement cannot be run in a transaction that is rolled back."""


@dataclass(frozen=True)
class Bench:
    """A scratch server for examples; `scratch` is how it was named.

    An example runs in a transaction that is rolled back, roles and all, where that is possible; else in a
    database of its own, and the roles that it makes are dropped.
    """

    server: "Server"
    scratch: Secret
    _open: ExitStack

    @cached_property
    def template(self) -> str:
        """The database that examples of schemas start from; the first to ask, of all processes, makes it."""
        sql = f"{EXAMPLE_TABLE};\ngrant usage on schema public to {', '.join(EXAMPLE_ROLES)};\n"
        file = MigrationFile("1", "examples", Path("examples.sql"), sql, 1)
        ran = replayed(self.server, MigrationSet("plain", Path(), (file,)))
        assert ran.failure is None, ran.error
        self.server.own_roles(ran.template, set(ran.notes.stand_in_roles))
        return ran.template

    @cached_property
    def _idle(self) -> "Connection":
        database = self._open.enter_context(self.server.database(self.template))
        return self._open.enter_context(database.connect(autocommit=True))

    @contextmanager
    def place(self, check: Check, *, committed: bool) -> "Iterator[tuple[Connection, Source]]":
        """Yield a connection for an example of the check, and the source to judge it by."""
        if not committed:
            with self._idle.transaction(force_rollback=True):
                yield self._idle, Source(connection=self._idle)
            return
        before = _roles(self._idle)
        try:
            # Examples of migrations start from nothing.
            with (
                self.server.database(None if check.on_migrations else self.template) as database,
                database.connect(autocommit=True) as connection,
            ):
                yield connection, Source(database_url=Secret(database.conninfo), scratch=self.scratch)
        finally:
            for role in _roles(self._idle) - before:
                self._idle.execute(f"drop role {quote_ident(role)}".encode())


def _roles(connection: "Connection") -> set[str]:
    return {name for (name,) in connection.execute("select rolname from pg_roles").fetchall()}


@contextmanager
def open_bench(named: str, worker: str = "") -> Iterator[Bench]:
    """Open a bench on the scratch server of that name, one for each `worker`: roles are the server's, and
    examples make them. Raises `ScratchError` where there is no server to be had."""
    scratch = Secret(named)
    with open_server(scratch, key=f"examples of checks {worker}".strip(), passing=True) as server:
        with ExitStack() as stack:
            yield Bench(server, scratch, stack)
        server.clear()


@dataclass(frozen=True)
class Example:
    """One example of one check."""

    check: Check
    part: Part

    def __str__(self) -> str:
        return f"{self.check.id}-{self.part}"

    def hold(self, bench: Bench) -> None:
        """Raise AssertionError where the example is not what its check says of it."""
        __tracebackhide__ = True
        committed = self.check.needs == PROOF or self.check.on_migrations
        try:
            self._hold(bench, committed=committed)
        except _NeedsCommitError:
            self._hold(bench, committed=True)

    def _hold(self, bench: Bench, *, committed: bool) -> None:
        __tracebackhide__ = True
        check, good = self.check, self.part == "good"
        config = (check.good_config or check.config) if good else check.config
        with (
            TemporaryDirectory(prefix="validate-schema-") as folder,
            bench.place(check, committed=committed) as (connection, source),
        ):
            run = _Run(check, connection, source, Path(folder), config)
            run.make(check.good if good else check.bad)
            if self.part == "bad":
                _require_found(check, run.report())
            elif good:
                _require_clean(check, run.report(), ("passed",))
            else:
                run.cure(run.report())
                _require_clean(check, run.report(), ("passed", "not_applicable"))


@dataclass(frozen=True)
class _Run:
    """An example in its place, and how it is judged: by the main job, with one check. Files of examples of
    migrations are in `folder`."""

    check: Check
    connection: "Connection"
    source: Source
    folder: Path
    config: str

    def make(self, example: str) -> None:
        """Run the statements of an example, or write its files and do what was done to the database."""
        self._execute(lay(self.folder, example) if self.check.on_migrations else example)

    def cure(self, report: Report) -> None:
        """Run the statements of all remedies, each once, as they are printed."""
        for statement in dict.fromkeys(sql for f in report.findings for sql in f.remedy.sql):
            self._execute(statement)

    def _execute(self, script: str) -> None:
        undone = self.source.connection is not None
        for piece in pieces(script):
            if undone and controls_transactions(piece):
                raise _NeedsCommitError
            try:
                self.connection.execute(piece.text.encode())
            except Exception as error:
                state = getattr(error, "sqlstate", None)
                if state is None:
                    raise
                if undone and state in _NEEDS_COMMIT:
                    raise _NeedsCommitError from None
                said = str(error).partition("\n")[0]
                raise AssertionError(f"{self.check.id}: {said}, in {piece.text}") from None

    def report(self) -> Report:
        """Judge what was made with the check; one of suppressions with all of ours besides."""
        check = self.check
        others = builtin_checks() if check.needs == SUPPRESSIONS else ()
        request = Request(
            source=self.source,
            config=LoadedConfig(parse_toml(self._config(), "the example"), self.folder / "x.toml", ""),
            checks=tuple({c.id: c for c in (*others, check)}.values()),
            known=(check,),
            now=run_time(os.environ),
            proving=Proving.COPY if check.needs == PROOF else Proving.NO,
        )
        return examine(request, Silence())

    def _config(self) -> str:
        if not self.check.on_migrations:
            return self.config or EXAMPLE_CONFIG
        lines = [self.config, *(["[migrations]"] if "[migrations]" not in self.config else [])]
        lines += ['path = "migrations"']
        lines += ["replay = true"] if self.check.needs in _REPLAYED else []
        lines += ['fixtures = "fixtures"'] if self.check.needs == "fixtures" else []
        return "\n".join(lines)


def lay(folder: Path, example: str) -> str:
    """Write the files of an example of migrations; return what was done to the database."""
    parts = _FILE.split(example)[1:]
    database = ""
    for head, text in zip(parts[::2], parts[1::2], strict=True):
        if head == "database":
            database = text
            continue
        path = folder / head.removeprefix("file ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return database


def _result(check: Check, report: Report) -> CheckResult:
    return next(r for r in report.checks if r.id == check.id)


def _require_found(check: Check, report: Report) -> None:
    __tracebackhide__ = True
    result = _result(check, report)
    found = [f for f in report.findings if f.check == check.id]
    said = f": {result.reason}" if result.reason else ""
    assert found, f"{check.id}: nothing is found in the bad example ({result.status}{said})"
    for finding in found:
        has = bool(finding.remedy.sql)
        assert has or not check.remediable, (
            f"{check.id}: a finding without SQL that mends it\n{describe(finding)}"
        )
        assert not has or check.remediable, f"{check.id}: SQL, though remediable=False\n{describe(finding)}"


def _require_clean(check: Check, report: Report, statuses: tuple[str, ...]) -> None:
    __tracebackhide__ = True
    result = _result(check, report)
    texts = [describe(f) for f in report.findings if f.check == check.id]
    said = [f"{check.id}: {result.status}, {result.examined} examined", result.reason, *texts]
    assert result.status in statuses, "\n".join(filter(None, said))
