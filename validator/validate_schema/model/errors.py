"""The one exception tree that users see: one line, an exit status, no traceback."""

from typing import ClassVar


class ValidateSchemaError(Exception):
    """Something the user can act on. The message is one line; `exit_status` is the process's."""

    exit_status: ClassVar[int] = 3


class UsageError(ValidateSchemaError):
    """A bad option, file or name."""

    exit_status = 2


class ConfigError(UsageError):
    """The configuration or a contract source cannot be used."""


class MigrationError(UsageError):
    """A migrations folder cannot be used, or a migration fails on a fresh database."""


class ConnectError(ValidateSchemaError):
    """The database cannot be reached, or does not answer as PostgreSQL would."""


class ReadError(ValidateSchemaError):
    """The catalog could not be read: permission, time-out, the server went away."""


class ScratchError(ValidateSchemaError):
    """No scratch PostgreSQL can be had, or it failed."""


class ReplayError(ValidateSchemaError):
    """Migrations that should have been run on a scratch server fail there."""


class SnapshotError(UsageError):
    """A snapshot or report file cannot be read."""


class PackError(UsageError):
    """A pack of checks cannot be found or imported, holds none, or two checks share an id."""


class HistoryError(ValidateSchemaError):
    """Files and database contradict each other, or a migration fails on the database."""

    exit_status = 1


class RunnerError(ValidateSchemaError):
    """Applying, backing up or restoring could not be completed; what it had begun was undone."""
