"""The error of a migration that failed, with its place for those who need more than a line."""

from ...errors import MigrationError
from ...model.history import Failure


class FailedMigration(MigrationError):  # noqa: N818 - named for what happened, as its siblings are
    """A migration failed on the scratch server; `failure` says in which statement and why."""

    def __init__(self, message: str, failure: Failure) -> None:
        super().__init__(message)
        self.failure = failure
