"""The manual pages of the checks, made from their declarations: the only source of docs/checks.md."""

from collections.abc import Sequence
from itertools import groupby

from .declare import Check

# What the examples start from.
EXAMPLE_TABLE = (
    "create table organization (id uuid primary key default gen_random_uuid(), name text not null)"
)
EXAMPLE_ROLES = ("app_user", "app_owner")
EXAMPLE_CONFIG = """\
[tenancy]
root = "organization"
column = "org_id"
setting = "app.tenant_id"
app_roles = ["app_user"]
"""
_INTRODUCTION = f"""\
# The checks

Made by `validate-schema explain --all`; a test keeps it in step with the code.

Every check examines *subjects* (tables, uniques, foreign keys …) and says how many. Over no subjects
it is *not applicable*, never passed; where its evidence could not be read it is *skipped* and the run
is INCOMPLETE. Ids never change meaning. `--select` and `--ignore` take ids or prefixes (`RLS`).

The examples start from a table `organization (id uuid primary key, name text)`, roles `app_user` and
`app_owner`, and this config unless they show another:

```toml
{EXAMPLE_CONFIG}```
"""


def check_page(check: Check, level: int = 1) -> str:
    """Return one check's page as Markdown, headed at `level`."""
    origin = f" · from {check.pack}" if check.pack else ""
    parts = [
        f"{'#' * level} {check.id} {check.name}",
        f"**{check.title}** · default severity: {check.severity.value}{origin}",
        check.why,
        check.doc,
    ]
    if check.config:
        parts.append(f"Config of the examples:\n\n```toml\n{check.config}\n```")
    if check.bad:
        parts.append(f"Fails:\n\n```sql\n{check.bad}\n```")
    if check.good:
        parts.append(f"Passes:\n\n```sql\n{check.good}\n```")
    if check.good_config:
        parts.append(f"With this config:\n\n```toml\n{check.good_config}\n```")
    if check.remediable:
        parts.append("The finding carries SQL that mends it.")
    elif not check.sql:
        parts.append("How to mend it is a decision: the finding says which.")
    return "\n\n".join(parts) + "\n"


def checks_reference(checks: Sequence[Check]) -> str:
    """Return all pages, by family, with a table of contents."""
    ordered = sorted(checks, key=lambda c: (c.family.manual, c.family.id, c.id))
    rows = [f"| [{c.id}](#{anchor(c)}) | {c.name} | {c.severity.value} | {c.title} |" for c in ordered]
    contents = ["| id | name | severity | fails on |", "|---|---|---|---|", *rows, ""]
    parts = [_INTRODUCTION, "\n".join(contents)]
    for family, members in groupby(ordered, key=lambda c: c.family):
        parts.append(f"## {family.id} {family.title}\n")
        parts += [check_page(check, level=3) for check in members]
    return "\n".join(parts)


def anchor(check: Check) -> str:
    """Return GitHub's anchor of the check's heading."""
    return f"{check.id} {check.name}".lower().replace(" ", "-")
