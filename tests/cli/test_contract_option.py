"""`--contract` names sources on the command line; findings say where each expectation was written."""

import json

import pytest

from tests.fix_cli import Terminal
from validate_schema.scratch import Database

SCHEMA = """model credit_note {
  id  String @id @db.Uuid
  tag String
}
"""

TWO_SIGNS = (
    "the user, password or database in the URL holds a character that must be percent-encoded (@ is %40, / is %2F, "
    ": is %3A)"
)


def test_a_finding_names_the_line_that_declares_what_is_missing(terminal: Terminal, shop: Database) -> None:
    terminal.write("prisma/schema.prisma", SCHEMA)
    ran = terminal.run(
        "--database-url",
        shop.conninfo,
        "--contract",
        "prisma/schema.prisma",
        "--select",
        "TBL001",
        "--report",
        "r.json",
    )
    report = json.loads((terminal.folder / "r.json").read_text())

    (finding,) = report["findings"]
    assert finding["message"] == "Table credit_note does not exist"
    assert finding["expected"] == "a table of that name (declared in prisma/schema.prisma:1)"
    assert finding["location"] == "prisma/schema.prisma:1"
    assert ran.status == 1


def test_the_contracts_digest_changes_with_its_sources(terminal: Terminal, shop: Database) -> None:
    digests = []
    for text in (SCHEMA, SCHEMA.replace("tag", "mark")):
        terminal.write("schema.prisma", text)
        terminal.run("--database-url", shop.conninfo, "--contract", "schema.prisma", "--report", "r.json")
        digests.append(json.loads((terminal.folder / "r.json").read_text())["provenance"]["contract_sha256"])

    assert digests[0] != digests[1]


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("schema.prisma", 'contract source "schema.prisma": there is no such file or folder in .'),
        ("broken.prisma", 'broken.prisma:1: expected "{" after model T, found the end of the file'),
        ("postgresql://a@me:secret@host/db", TWO_SIGNS),
    ],
)
def test_a_source_that_cannot_be_read_is_a_usage_error(
    terminal: Terminal, entry: str, complaint: str
) -> None:
    terminal.write("broken.prisma", "model T")
    ran = terminal.run("--database-url", "postgresql://localhost:1/nothing", "--contract", entry)

    assert (ran.status, ran.complaint.partition(": ")[2]) == (2, complaint)
