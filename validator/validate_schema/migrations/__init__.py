"""Migrations: find a folder's files, run them on a scratch database."""

from .discovery import TOOLS as TOOLS
from .discovery import discover as discover
from .records import MigrationFile as MigrationFile
from .records import MigrationSet as MigrationSet
from .records import ReplayNotes as ReplayNotes
from .runner import replay as replay
from .template import templated as templated
