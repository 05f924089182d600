"""Backups of a database by pg_dump: the newest are kept, and one is restored whole or not at all."""

from .dump import back_up as back_up
from .dump import made_at as made_at
from .dump import newest as newest
from .restore import restore as restore
