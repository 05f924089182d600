"""Tracker tables of migration tools: found by their shape in every schema, read, brought to one form."""

from .choice import deciding as deciding
from .choice import fits as fits
from .choice import is_own as is_own
from .choice import ledger_for as ledger_for
from .reading import read_ledgers as read_ledgers
from .reading import read_ledgers_of as read_ledgers_of
from .reading import unread as unread
