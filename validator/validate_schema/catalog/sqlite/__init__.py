"""SQLite: its tables, keys and checks as a catalog, and a contract as it can hold there."""

from .fitting import fitted as fitted
from .reader import read as read
