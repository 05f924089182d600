"""Say what to do when the tenancy could not be identified."""

from ..model.tenancy import Tenancy
from ..sql.patterns import write_name


def explain_unidentified(tenancy: Tenancy, default_schema: str = "public") -> str:
    """Return several lines: what was looked for, the candidates, the config lines to write."""
    lines = [
        f"The tenant root was not identified: {tenancy.problem}.",
        "Looked for a table that several others reference by a column that reads like a tenant's key "
        "(org_id, tenant_id, accountId, …), and for policies that compare such a column with a setting.",
    ]
    if tenancy.candidates:
        lines.append("Candidates:")
    for candidate in tenancy.candidates:
        lines.append(f"  {write_name(candidate.root, default_schema)} by {candidate.column}: {candidate.why}")
    lines += ["Write into validate-schema.toml:", "  [tenancy]"]
    if tenancy.candidates:
        best = tenancy.candidates[0]
        lines.append(f"  root = {toml_text(write_name(best.root, default_schema))}")
        lines.append(f"  column = {toml_text(best.column)}")
    else:
        lines.append(
            '  root = "…"    # the table whose rows are tenants; leave it out if it is not in this database'
        )
        lines.append('  column = "…"  # the column that says whose a row is')
    return "\n".join(map(one_line, lines))


def one_line(text: str) -> str:
    """Return `text` without line breaks and control characters, which names may hold."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def toml_text(text: str) -> str:
    """Return `text` as a TOML basic string."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in plain) + '"'
