"""Counts of rows in words: DAT checks count up to a limit."""

from validate_schema.pack import Facts
from validate_schema.pack.model import some


def counted(number: int, noun: str, facts: Facts) -> str:
    """Return "3 rows", or "at least 100000 rows" where counting stopped at the limit."""
    least = "at least " if number >= facts.evidence.limit else ""
    return f"{least}{some(number, noun)}"
