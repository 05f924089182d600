"""Statements of remedies, as a transaction takes them or as a live table wants them."""

import re

_CONCURRENTLY = re.compile(r"^(CREATE (?:UNIQUE )?INDEX|DROP INDEX|REINDEX (?:INDEX|TABLE)) CONCURRENTLY\b")
_WORD = re.compile(r" CONCURRENTLY\b")
_BATCHES = "DO $backfill$ "
_COMMIT = " COMMIT;"


def is_concurrent(statement: str) -> bool:
    """Return whether the statement refuses to run inside a transaction block.

    Source: PostgreSQL documentation, CREATE INDEX, DROP INDEX, REINDEX ("Notes").
    """
    return bool(_CONCURRENTLY.match(statement))


def in_transaction(statement: str) -> str:
    """Return the statement in the form that a transaction block takes: without CONCURRENTLY, and without
    the COMMIT after each batch of a backfill."""
    if statement.startswith(_BATCHES):
        return "".join(statement.rsplit(_COMMIT, 1))
    return _WORD.sub("", statement, count=1) if is_concurrent(statement) else statement
