"""Throwaway PostgreSQL: a server, databases on it, templates to clone."""

from .janitor import ScratchEntry as ScratchEntry
from .janitor import clean_scratch as clean_scratch
from .janitor import list_scratch as list_scratch
from .layers import Layer as Layer
from .layers import layers as layers
from .opening import open_server as open_server
from .server import Database as Database
from .server import Server as Server
from .sources import Source as Source
from .sources import possible_sources as possible_sources
