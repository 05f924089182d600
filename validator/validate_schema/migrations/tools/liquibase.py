"""Liquibase. Sources: liquibase, AbstractFormattedChangeLogParser.java, ChangeSet.java.

Its changesets are no files, and only Liquibase knows which of them run, in which order and with which
parameters: changelogs are refused, its ledger is read.
"""

import re

from ...catalog.ledgers import Shape
from ...model.history import LedgerEntry, ToolWords
from ..rows import Row, moment
from ..tool import LedgerTable, Lock, Sources, Tool

_FORMATTED = r"(?i)(?:\s|--[^\n]*\n|/\*(?:[^*]|\*(?!/))*\*/)*?--\s*liquibase\s*formatted"


def _refuses(text: str) -> str:
    if not re.match(_FORMATTED, text):
        return ""
    return (
        "a Liquibase changelog; give the SQL that `liquibase update-sql` writes"
        " as a file, or the URL of a database that it migrated"
    )


def _read(rows: list[Row]) -> tuple[LedgerEntry, ...]:
    """Return the changesets, by path, author and id."""
    found: dict[str, LedgerEntry] = {}
    for rank, row in enumerate(rows, 1):
        version = f"{row['filename']}::{row['id']}::{row['author']}"
        found[version] = LedgerEntry(
            version=version,
            name=row["id"] or "",
            checksum=row.get("md5sum") or "",
            applied_at=moment(row, "dateexecuted"),
            rank=rank,
            message="marked as run" if row["exectype"] == "MARK_RAN" else "",
        )
    return tuple(found.values())


TOOL = Tool(
    "liquibase",
    "Liquibase",
    rank=25,
    ledgers=(
        LedgerTable(
            Shape(
                "dateexecuted:time! id:string! author:string! filename:string! orderexecuted:int!"
                " exectype:string!",
                optional="md5sum:string description:string comments:string tag:string liquibase:string"
                " contexts:string labels:string deployment_id:string",
            ),
            _read,
            ("dateexecuted", "orderexecuted"),
            lock=Lock("databasechangeloglock", "locked", "true"),
        ),
    ),
    companions=(Shape("lockgranted:time id:int! locked:bool! lockedby:string", key="id", names="lock$"),),
    words=ToolWords(revert="liquibase rollback-count 1", accept="accept it with `liquibase clear-checksums`"),
    refuses=_refuses,
    sources=Sources(("*changelog*.xml", "*changelog*.y*ml"), "liquibase update-sql"),
)
