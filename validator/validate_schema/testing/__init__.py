"""What the pytest plugin gives to a project's own tests: migrated databases, assertions on their schema.

Imported when it is asked for: pytest loads the plugin in every project that has validate-schema installed.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .assertion import SchemaAssertion as SchemaAssertion
    from .database import MigratedDatabase as MigratedDatabase

__all__ = ["MigratedDatabase", "SchemaAssertion"]


def __getattr__(name: str) -> Any:
    if name == "SchemaAssertion":
        from .assertion import SchemaAssertion

        return SchemaAssertion
    if name == "MigratedDatabase":
        from .database import MigratedDatabase

        return MigratedDatabase
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
