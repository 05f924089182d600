"""MIG: the files of the migrations against the ledger, which says what a database went through."""

from validate_schema.pack import Facts, Flaw, Promise, Remedy, Severity, check

from ._migration import (
    Entry,
    applied,
    awaited,
    compared,
    how_to_accept,
    how_to_apply,
    how_to_resolve,
    ledger_name,
    place,
    tracked,
    what_becomes_of_a_gap,
)

_NOTE = "create table note (id integer primary key);"
_BODY = "alter table note add column body text;"
_ADDED = f"""\
    -- file migrations/0001_note.sql
    {_NOTE}
    -- file migrations/0002_body.sql
    {_BODY}
"""
_LEDGER = """\
    -- database
    create table applied_migrations (
        version text primary key, name text not null, applied_at timestamptz, checksum text
    );
"""
_DONE = f"""\
{_ADDED}{_LEDGER}    insert into applied_migrations values
        ('0001', 'note', '2026-01-01', null), ('0002', 'body', '2026-01-02', null);
"""


@check(
    "MIG002",
    "A migration on disk was not applied",
    subjects=awaited,
    severity=Severity.ERROR,
    remediable=False,
    needs="ledger",
    promise=Promise(figure="ledger"),
    why="The code that was deployed with the file expects what it creates.",
    bad=f"""
{_ADDED}{_LEDGER}    insert into applied_migrations values ('0002', 'body', '2026-01-02', null);
    """,
    good=_DONE,
)
def pending(subject: Entry, facts: Facts) -> Flaw | None:
    """A file is on disk, and the ledger does not have its version.

    Examined: files, where the database has a ledger of their tool. Fails for a file after everything that was
    applied (pending) and for one below a version that was (gap), which some tools never run. Versions below
    the baseline of a ledger count as applied. A ledger that records the current version alone
    (golang-migrate, tern) cannot show gaps.
    """
    entry = subject.entry
    if entry.status == "pending":
        message, note = f"{subject.name} is on disk and not applied", how_to_apply(facts)
    elif entry.status == "gap":
        message = f"{subject.name} was never applied, though a later migration was: a gap"
        note = what_becomes_of_a_gap(facts)
    else:
        return None
    return Flaw(
        message=message,
        expected=f"{ledger_name(facts)} lists version {entry.version}",
        observed=entry.why or "it is not in the ledger",
        remedy=Remedy(note=note),
        location=place(facts, entry.file),
    )


@check(
    "MIG003",
    "An applied migration has no file",
    subjects=applied,
    severity=Severity.ERROR,
    remediable=False,
    needs="ledger",
    why="Nobody can say what it did to this database, and no new database will get it.",
    bad=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
{_LEDGER}    insert into applied_migrations values
        ('0001', 'note', '2026-01-01', null), ('0002', 'body', '2026-01-02', null);
    """,
    good=_DONE,
)
def missing_file(subject: Entry, facts: Facts) -> Flaw | None:
    """The ledger says that a version was applied, and there is no file of it.

    Examined: versions that the ledger says are applied. Fails where none of the files has the version, nor
    its recorded checksum under another one (that is MIG005's).
    """
    entry = subject.entry
    if entry.status != "missing":
        return None
    named = f" ({entry.recorded_name})" if entry.recorded_name not in ("", entry.version) else ""
    return Flaw(
        message=f"{subject.name}{named} is applied, and its file is gone",
        expected="a file for every version in the ledger",
        observed=entry.why or f"{ledger_name(facts)} has the version alone",
        remedy=Remedy(
            note="Restore the file from version control, or from the branch that it was deployed from."
        ),
        location=facts.history.folder,
    )


@check(
    "MIG004",
    "A migration was edited after it was applied",
    subjects=compared,
    severity=Severity.ERROR,
    remediable=False,
    needs="ledger",
    promise=Promise(figure="checksums"),
    why="This database has what the file said then, and every new one gets what it says now.",
    bad=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
{_LEDGER}    insert into applied_migrations values ('0001', 'note', '2026-01-01', repeat('0', 64));
    """,
    good=f"""
    -- file migrations/0001_note.sql
    {_NOTE}
{_LEDGER}    insert into applied_migrations values
        ('0001', 'note', '2026-01-01', encode(sha256(convert_to(e'{_NOTE}\\n', 'utf8')), 'hex'));
    """,
)
def checksum(subject: Entry, facts: Facts) -> Flaw | None:
    """A file is not what was applied under its version.

    Examined: applied versions of which the ledger records a checksum or the text (Prisma, Flyway, Liquibase,
    Supabase, Drizzle, Atlas, sqitch, refinery, sqlx, the applied set). Fails where it differs; a difference
    in line ends or a byte-order mark alone is a warning. Versions without a recorded checksum are not
    counted: the report says how many there are.
    """
    entry = subject.entry
    if entry.status == "line_endings":
        return Flaw(
            message=f"{subject.name} differs from what was applied by its line ends or byte-order mark",
            expected="the bytes that were applied",
            observed="other line ends, or a byte-order mark more or less",
            remedy=Remedy(note="Keep line ends as they are: `*.sql -text` in .gitattributes."),
            severity=Severity.WARNING,
            location=place(facts, entry.file),
        )
    if entry.status != "edited":
        return None
    return Flaw(
        message=f"{subject.name} was edited after it was applied",
        expected=f"checksum {entry.recorded_checksum}"
        if entry.recorded_checksum
        else "the text in the ledger",
        observed=f"checksum {entry.checksum}" if entry.checksum else "another text",
        evidence=f"applied at {entry.applied_at}" if entry.applied_at else "",
        remedy=Remedy(note=how_to_accept(facts)),
        location=place(facts, entry.file),
    )


@check(
    "MIG005",
    "A migration was renamed after it was applied",
    subjects=applied,
    severity=Severity.ERROR,
    remediable=False,
    needs="ledger",
    why="Tools that go by the name run it a second time, the others cannot tell it from a new one.",
    bad=f"""
{_ADDED}{_LEDGER}    insert into applied_migrations values
        ('0001', 'note', '2026-01-01', null), ('0002', 'text', '2026-01-02', null);
    """,
    good=_DONE,
)
def renamed(subject: Entry, facts: Facts) -> Flaw | None:
    """The file of an applied version has another name, or its content another version.

    Examined: versions that the ledger says are applied. Fails where the ledger recorded another name for the
    version: renamed, or reused for another migration when the content differs too; and where the recorded
    checksum is that of a file with another version (renumbered). Not every tool records names.
    """
    entry = subject.entry
    recorded = entry.recorded_name or "another name"
    said = {
        "renamed": (f"{subject.name} was applied as {recorded}", "Give the file its old name again."),
        "reused": (
            f"{subject.name} has the version under which {recorded} was applied, which was another migration",
            "Restore the file that was applied, and give this one a new version after the last one.",
        ),
        "renumbered": (
            f"{subject.name} was applied under another version",
            "Give the file its old version again.",
        ),
    }.get(entry.status)
    if said is None:
        return None
    return Flaw(
        message=said[0],
        expected="the name and version under which it was applied",
        observed=entry.why or f"the ledger has {recorded}",
        remedy=Remedy(note=said[1]),
        location=place(facts, entry.file),
    )


@check(
    "MIG006",
    "A migration failed and was not made good",
    subjects=tracked,
    severity=Severity.ERROR,
    remediable=False,
    needs="ledger",
    why="Half of it may be there, and most tools refuse to deploy anything until somebody has looked.",
    bad=f"""
    -- file migrations/000001_note.up.sql
    {_NOTE}
    -- database
    create table schema_migrations (version bigint primary key, dirty boolean not null);
    insert into schema_migrations values (1, true);
    """,
    good=f"""
    -- file migrations/000001_note.up.sql
    {_NOTE}
    -- database
    create table schema_migrations (version bigint primary key, dirty boolean not null);
    insert into schema_migrations values (1, false);
    """,
)
def failed(subject: Entry, facts: Facts) -> Flaw | None:
    """The ledger says that a migration failed, never ended, or was taken back and not applied again.

    Examined: every version in the ledger. Fails for one that is dirty or failed, and for one that was rolled
    back with its file still there. Tools without such a mark (most that run in one transaction) never fail
    here. A migration that is running right now looks like one that never ended.
    """
    entry = subject.entry
    if entry.status == "failed" and entry.version == "lock" and not entry.file:
        message = f"The lock of {ledger_name(facts)} is held: a run is going on, or it died"
    elif entry.status == "failed":
        message = f"{subject.name} failed or never ended, says the ledger"
    elif entry.status == "rolled_back":
        message = f"{subject.name} was rolled back and not applied again"
    else:
        return None
    return Flaw(
        message=message,
        expected="applied as a whole",
        observed=entry.why or f"{entry.status.replace('_', ' ')} in {ledger_name(facts)}",
        remedy=Remedy(note=how_to_resolve(facts, entry.name or entry.version)),
        location=place(facts, entry.file),
    )


@check(
    "MIG007",
    "A migration was applied after a later one",
    subjects=applied,
    severity=Severity.WARNING,
    remediable=False,
    needs="ledger",
    why="A new database runs them the other way round, and may end in another schema.",
    bad=f"""
{_ADDED}{_LEDGER}    insert into applied_migrations values
        ('0001', 'note', '2026-01-03', null), ('0002', 'body', '2026-01-02', null);
    """,
    good=_DONE,
)
def out_of_order(subject: Entry, facts: Facts) -> Flaw | None:
    """A version was applied after one that comes later in the files' order.

    Examined: versions that the ledger says are applied. Fails where the ledger's times or ranks tell of
    another order than the files. Ledgers without either cannot show it.
    """
    entry = subject.entry
    if not entry.late:
        return None
    return Flaw(
        message=f"{subject.name} was applied after a later migration",
        expected="applied in the order of the files",
        observed=f"applied at {entry.applied_at}"
        if entry.applied_at
        else "the ledger has it after a later version",
        remedy=Remedy(
            note="Nothing can be undone about it here; --replay tells whether both orders end in the same schema."
        ),
        location=place(facts, entry.file),
    )
