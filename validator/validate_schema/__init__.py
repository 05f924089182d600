"""Validate multi-tenant PostgreSQL schemas and report what was examined.

    from validate_schema import validate

    report = validate(migrations="prisma/migrations")
    assert report.ok, report.gate

What this module offers is imported when it is first asked for: `import validate_schema` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalog.sqlite.opening import memory_engine as memory_engine
    from .config import Config as Config
    from .fleets.library import fleet as fleet
    from .model.errors import ConfigError as ConfigError
    from .model.errors import ConnectError as ConnectError
    from .model.errors import MigrationError as MigrationError
    from .model.errors import PackError as PackError
    from .model.errors import ReadError as ReadError
    from .model.errors import ReplayError as ReplayError
    from .model.errors import ScratchError as ScratchError
    from .model.errors import SnapshotError as SnapshotError
    from .model.errors import UsageError as UsageError
    from .model.errors import ValidateSchemaError as ValidateSchemaError
    from .model.finding import Finding as Finding
    from .model.finding import Severity as Severity
    from .model.fleet import FleetReport as FleetReport
    from .model.report import Report as Report
    from .model.version import __version__ as __version__
    from .report import read_report as read_report
    from .report import render as render
    from .run.library import diff as diff
    from .run.library import fix as fix
    from .run.library import prove as prove
    from .run.library import validate as validate
    from .run.library import write as write
    from .run.request import Request as Request


_HOMES = {
    "Config": "config",
    "ConfigError": "model.errors",
    "ConnectError": "model.errors",
    "Finding": "model.finding",
    "FleetReport": "model.fleet",
    "MigrationError": "model.errors",
    "PackError": "model.errors",
    "ReadError": "model.errors",
    "ReplayError": "model.errors",
    "Report": "model.report",
    "Request": "run.request",
    "ScratchError": "model.errors",
    "Severity": "model.finding",
    "SnapshotError": "model.errors",
    "UsageError": "model.errors",
    "ValidateSchemaError": "model.errors",
    "diff": "run.library",
    "fix": "run.library",
    "fleet": "fleets.library",
    "memory_engine": "catalog.sqlite.opening",
    "prove": "run.library",
    "read_report": "report",
    "render": "report",
    "validate": "run.library",
    "write": "run.library",
    "__version__": "model.version",
}
__all__ = [*_HOMES]  # noqa: PLE0604 - the names are the table's


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
