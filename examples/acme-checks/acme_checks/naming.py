"""What tables and columns are called."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from validate_schema.pack import Facts, Flaw, ObjectRef, Remedy, Severity, check
from validate_schema.pack.model import catalog
from validate_schema.pack.subjects import user_tables

_SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


class Named(NamedTuple):
    """A table, or one of its columns. A subject names itself through `ref`."""

    table: catalog.Table
    name: str
    ref: ObjectRef


def named(facts: Facts) -> Iterator[Named]:
    """Tables and their columns."""
    for table in user_tables(facts):
        yield Named(table, table.name, ObjectRef.of_table(table.qname))
        for column in table.columns:
            yield Named(table, column.name, ObjectRef.on_table("column", table.qname, column.name))


@check(
    "ACM002",
    "A name is not in snake_case",
    subjects=named,
    severity=Severity.WARNING,
    remediable=False,
    why="It must be quoted in every statement, and somebody will forget to.",
    bad='create table "JobRun" (id int primary key, "startedAt" timestamptz);',
    good="create table job_run (id int primary key, started_at timestamptz);",
)
def naming(subject: Named, facts: Facts) -> Flaw | None:
    """A table or a column has a name with capitals, spaces or the like.

    Examined: all tables but partitions and the ledgers of migration tools, and their columns. Fails where the
    name is not of lower-case words joined by single underscores.
    """
    if _SNAKE_CASE.fullmatch(subject.name):
        return None
    return Flaw(
        message=f"{subject.ref.label(facts.default_schema)} is not in snake_case",
        expected="lower-case words, joined by _",
        observed=subject.name,
        remedy=Remedy(note="Rename it together with the code that says it; a view can keep the old name."),
    )
