"""Reading a database's catalog into records, and keeping the records in a file."""

from .reader import read_catalog as read_catalog
