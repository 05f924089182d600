"""What the pytest plugin gives to a project's own tests."""

from .assertion import SchemaAssertion as SchemaAssertion
from .database import MigratedDatabase as MigratedDatabase
