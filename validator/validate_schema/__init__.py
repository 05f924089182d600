"""Validate multi-tenant PostgreSQL schemas and report what was examined.

    from validate_schema import validate

    report = validate(migrations="prisma/migrations")
    assert report.ok, report.gate

What this module offers is imported when it is first asked for: `import validate_schema` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import Config as Config
    from .errors import ConfigError as ConfigError
    from .errors import ConnectError as ConnectError
    from .errors import MigrationError as MigrationError
    from .errors import ReadError as ReadError
    from .errors import ScratchError as ScratchError
    from .errors import SnapshotError as SnapshotError
    from .errors import UsageError as UsageError
    from .errors import ValidateSchemaError as ValidateSchemaError
    from .library import validate as validate
    from .library import write as write
    from .model.finding import Finding as Finding
    from .model.finding import Severity as Severity
    from .model.report import Report as Report
    from .report import read_report as read_report
    from .report import render as render

__version__ = "0.1.0"

_HOMES = {
    "Config": "config",
    "ConfigError": "errors",
    "ConnectError": "errors",
    "Finding": "model.finding",
    "MigrationError": "errors",
    "ReadError": "errors",
    "Report": "model.report",
    "ScratchError": "errors",
    "Severity": "model.finding",
    "SnapshotError": "errors",
    "UsageError": "errors",
    "ValidateSchemaError": "errors",
    "read_report": "report",
    "render": "report",
    "validate": "library",
    "write": "library",
}
__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - the names are the table's


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
