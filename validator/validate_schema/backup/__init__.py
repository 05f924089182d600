"""Backups of a database by pg_dump: the newest are kept, and one is restored whole or not at all."""

from .dump import back_up as back_up
from .dump import newest as newest
from .restore import restore as restore
