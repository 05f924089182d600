"""Isolation as a report holds it, written by hand for the tests of the renderers."""

from collections.abc import Sequence

from validate_schema.model.report import (
    Disagreement,
    IsolationFacts,
    ProofCell,
    ProofCoverage,
    ProofRole,
    StaticFacts,
)

LEAK = (
    "BEGIN;",
    'SET LOCAL SESSION AUTHORIZATION "app_user";',
    "SELECT set_config('app.tenant_id', 'a', true);",
    'SELECT * FROM "public"."Task";',
    "ROLLBACK;",
)


def cell(table: str, probe: str, outcome: str = "isolated", **more: object) -> ProofCell:
    """A cell of app_user on a table of the public schema."""
    facts: dict[str, object] = {
        "role": "app_user",
        "schema": "public",
        "name": table,
        "label": table,
        "probe": probe,
        "outcome": outcome,
        "why": f"{probe} of {table} is {outcome}",
        "statements": LEAK,
    }
    return ProofCell(**(facts | more))  # type: ignore[arg-type]


def reading(table: str, command: str, reach: str = "safe", **more: object) -> StaticFacts:
    """What the policies of a table say to app_user."""
    facts: dict[str, object] = {
        "table": table,
        "role": "app_user",
        "command": command,
        "reach": reach,
        "reason": f"{command} of {table} reads as {reach}",
    }
    return StaticFacts(**(facts | more))  # type: ignore[arg-type]


def isolation() -> IsolationFacts:
    """Project is proven, Task leaks to readers though its policies look safe, Comment is in doubt."""
    verbs = ("read", "insert", "update", "delete", "re-home", "no context", "own rows")
    cells = [
        *(cell("Comment", verb, "inconclusive" if verb == "insert" else "denied") for verb in verbs),
        *(cell("Project", verb) for verb in verbs),
        cell("Project", "references", detail="Project_ownerId_fkey"),
        *(cell("Task", verb, "leak" if verb == "read" else "isolated") for verb in verbs),
        cell("Task", "references", "leak", detail="Task_projectId_fkey"),
        cell("Task", "references", detail="Task_parent_fkey"),
        cell("open_tasks", "surface", "leak", kind="view"),
        cell("tasks_of", "surface", kind="function", detail="uuid"),
    ]
    outcomes = [c.outcome for c in cells]
    return IsolationFacts(
        attempted=True,
        roles=(ProofRole(name="app_user", how="named in the config"),),
        tables=("Comment", "Project", "Task"),
        proven=("Project",),
        coverage=ProofCoverage(
            tables=3,
            proven=1,
            cells=len(cells),
            isolated=outcomes.count("isolated"),
            denied=outcomes.count("denied"),
            leaks=outcomes.count("leak"),
            inconclusive=outcomes.count("inconclusive"),
        ),
        cells=tuple(cells),
        static=tuple(
            reading(table, command, "unverified" if table == "Comment" and command == "INSERT" else "safe")
            for table in ("Comment", "Project", "Task")
            for command in ("DELETE", "INSERT", "SELECT", "UPDATE")
        ),
        disagreements=(
            Disagreement(
                table="Task",
                role="app_user",
                probe="read",
                static="safe",
                proven="leak",
                why="believe the row",
            ),
        ),
        relaxed=("CHECK positive of Task",),
        notes=("pgcrypto stood in",),
    )


def hostile_isolation(names: Sequence[str]) -> IsolationFacts:
    """Every name and text that a database can supply, in every outcome."""
    outcomes = ("leak", "inconclusive", "isolated", "denied")
    reaches = ("safe", "closed", "unsafe", "unverified")
    cells = tuple(
        cell(n, probe, outcomes[i % 4], role=r, detail=n, kind=kind, why=n, observed=n, statements=(n, n))
        for i, n in enumerate(names)
        for r in names[:2]
        for probe, kind in (("read", "table"), ("references", "table"), ("surface", "view"))
    )
    return IsolationFacts(
        attempted=True,
        reason=names[0],
        roles=tuple(ProofRole(name=n, how=n, made_up=True) for n in names[:2]),
        tables=tuple(names),
        coverage=ProofCoverage(tables=len(names), cells=len(cells)),
        cells=cells,
        static=tuple(
            reading(n, "SELECT", reaches[i % 4], role=names[0], reason=n, policy=n, branch=n)
            for i, n in enumerate(names)
        ),
        disagreements=tuple(
            Disagreement(table=n, role=n, probe="read", static="safe", proven="leak", why=n) for n in names
        ),
        relaxed=tuple(names),
        notes=tuple(names),
    )
