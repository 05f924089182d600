"""MIG: the files of the migrations, whatever a database went through."""

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check
from validate_schema.pack.model import first_of

from ._migration import File, files, place, sql_files

_NOTE = "create table note (id integer primary key);"
_BODY = "alter table note add column body text;"
_ADDED = f"""\
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0002_body.sql
    {_BODY}
"""


@check(
    "MIG001",
    "Two migrations share a version",
    subjects=files,
    severity=Severity.ERROR,
    remediable=False,
    needs="files",
    promise=Promise(figure="sequence"),
    why="Most tools run one of the two and count both as done, so databases differ for good.",
    bad=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0001_body.sql
    create table body (id integer primary key);
    """,
    good=_ADDED,
)
def duplicate_version(subject: File, facts: Facts) -> Flaw | None:
    """A file has the version of another.

    Examined: the files that the tool takes for migrations, those included that it passes over. Fails for each
    file after the first of a version, compared as the tool compares (001 and 1 are one version to some).
    """
    if not subject.twin:
        return None
    return Flaw(
        message=f"{subject.name} has the version of {subject.twin}",
        expected="a version of its own",
        observed=f"both are version {subject.version}",
        remedy=Remedy(
            note="Give the one that no database has applied yet a new version, after the last one."
        ),
        location=place(facts, subject.name),
    )


@check(
    "MIG008",
    "An SQL file among the migrations never runs",
    subjects=sql_files,
    severity=Severity.WARNING,
    remediable=False,
    needs="files",
    why="It runs by hand or not at all, so that databases differ in what no ledger knows of.",
    bad=f"""
{_ADDED}    -- file migrations/hotfix.sql
    alter table note add column author text;
    """,
    good=_ADDED,
)
def stray_file(subject: File, facts: Facts) -> Flaw | None:
    """An SQL file lies in the folder under a name that the tool does not take for a migration.

    Examined: SQL files under the folder, but for undo scripts, seeds and structure dumps. Fails for one that
    the tool never runs; that is an error where it creates what a migration creates too.
    """
    if not subject.stray:
        return None
    again = [r for r in facts.history.stray_repeats if any(s.file == subject.name for s in r.statements)]
    shown = first_of([r.object for r in again], 3)
    tool = facts.history.tool
    which = "outside their sequence" if tool in ("", "plain") else f"and {tool} never runs it"
    return Flaw(
        message=f"{subject.name} lies among the migrations, {which}",
        expected="every SQL file is a migration by its name, or lies elsewhere",
        observed=f"it creates again what a migration creates: {shown}"
        if again
        else "a name outside the sequence",
        remedy=Remedy(
            note="Make it a migration with a version of its own if databases need it; otherwise move it away."
        ),
        severity=Severity.ERROR if again else None,
        location=place(facts, subject.name),
    )
