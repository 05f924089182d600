"""SQLite: its tables, keys and checks as a catalog, and a contract as it can hold there."""

from .fitting import fitted as fitted
from .opening import is_sqlite as is_sqlite
from .opening import memory_engine as memory_engine
from .opening import opened as opened
from .reader import SQLITE as SQLITE
from .reader import read_sqlite as read_sqlite
