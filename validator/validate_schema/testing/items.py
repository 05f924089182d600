"""A test per check: collected beside the project's own, passed, failed or skipped like them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ..model.finding import Severity
from .assertion import describe, requested, summary

if TYPE_CHECKING:
    from .pool import Pool

_NODE = "validate-schema"


class _CheckError(Exception):
    """A check failed; the text is the failure's."""


class SchemaNode(pytest.Collector):
    """The parent of the items; it stands for no file."""

    def __init__(self, *, pool: "Pool", **given: Any) -> None:
        super().__init__(**given)
        self._pool = pool

    def collect(self) -> Iterator[pytest.Item]:
        for check in requested(self._pool.settings.config).checks:
            yield CheckItem.from_parent(self, name=check.id, pool=self._pool)


class CheckItem(pytest.Item):
    """One check on the migrated schema. All of a process's items share one report."""

    def __init__(self, *, pool: "Pool", **given: Any) -> None:
        super().__init__(**given)
        self._pool = pool
        self.add_marker(pytest.mark.xdist_group(_NODE))

    def runtest(self) -> None:
        report = self._pool.report
        check = next(c for c in report.checks if c.id == self.name)
        findings = [f for f in report.findings if f.check == check.id]
        text = "\n".join([summary(check), *map(describe, findings)])
        if check.status == "error" or any(f.severity.rank >= Severity.ERROR.rank for f in findings):
            raise _CheckError(text if findings else f"{check.id}: {check.reason}")
        if findings:
            self.add_report_section("call", "validate-schema", text)
        elif check.status != "passed":
            reason = check.reason or "nothing to examine in this schema"
            raise pytest.skip.Exception(f"{check.id}: {reason}", _use_item_location=True)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from ..model.errors import ValidateSchemaError

        if isinstance(excinfo.value, _CheckError | ValidateSchemaError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Any, int | None, str]:
        return self.path, 0, self.nodeid


def schema_items(session: pytest.Session, pool: "Pool") -> list[pytest.Item]:
    """Return an item for each check that the project's config selects."""
    requested(pool.settings.config)  # an id that is none is the run's error, not an item's
    node = SchemaNode.from_parent(session, name=_NODE, nodeid=_NODE, pool=pool)
    return list(session.genitems(node))
