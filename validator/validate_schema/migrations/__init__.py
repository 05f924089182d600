"""Migrations: find a folder's files, run them on a scratch database."""

from .discovery.search import TOOLS as TOOLS
from .discovery.search import discover as discover
from .records import MigrationFile as MigrationFile
from .records import MigrationSet as MigrationSet
from .records import ReplayNotes as ReplayNotes
from .run.replay import replay as replay
from .run.template import templated as templated
