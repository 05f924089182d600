"""The tenant matrix as CSV: a row per table, for a spreadsheet.

Source: RFC 4180; a cell that a spreadsheet would run as a formula is kept from it by an apostrophe
(OWASP, "CSV Injection").
"""

import csv
from io import StringIO

from ..model.report import Report, TableFacts
from ..sql.ident import visible
from .promises import has_row_security

COLUMNS = (
    "schema", "table", "class", "ownership", "tenant_column", "type", "nullable", "default", "root_fk",
    "tenant_index", "uniques", "scoped_uniques", "fks", "safe_fks", "rls", "forced", "policies", "proven",
    "estimated_rows", "findings", "why",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def render_csv(report: Report) -> str:
    """Return the matrix with a header line; what does not apply to a table is an empty cell."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for table in report.tables:
        writer.writerow([cell(value) for value in _row(table, report)])
    return out.getvalue()


def _row(table: TableFacts, report: Report) -> tuple[object, ...]:
    tied = [key for key in table.fks if key.safe is not None]
    proof = report.isolation
    rls, forced, policies = (
        (table.rls, table.forced, table.policies) if has_row_security(report) else (None, None, None)
    )
    proven = (
        table.label in (*proof.proven, *proof.tested)
        if proof.attempted and table.label in proof.tables
        else None
    )
    return (
        table.schema, table.name, table.table_class, table.ownership, table.tenant_column, table.type,
        table.nullable, table.default, table.root_fk, table.tenant_index, len(table.uniques),
        sum(u.scoped for u in table.uniques), len(tied), sum(bool(key.safe) for key in tied), rls,
        forced, policies, proven, table.estimated_rows, len(table.findings), table.why,
    )  # fmt: skip


def cell(value: object) -> str:
    """Return a value as the text of a cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = visible(str(value))
    return "'" + text if isinstance(value, str) and text.lstrip().startswith(_FORMULA) else text
