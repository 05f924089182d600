"""SUP: accepted findings are still accepted, and still there."""

from collections.abc import Iterator

from validate_schema.pack import Facts, Flaw, Remedy, Severity, check
from validate_schema.pack.subjects import SuppressionUse

_ACCEPTED = """
    [tenancy]
    root = "organization"
    column = "org_id"

    [[checks.suppress]]
    check = "TBL005"
    object = "import_log"
    reason = "written once, read by nobody"
"""
_NOTICES = """
    create table notice (
        org_id uuid not null references organization (id),
        id uuid primary key,
        published boolean not null default false
    );
    alter table notice enable row level security;
    alter table notice force row level security;
    create policy readers on notice for select
        using (published or org_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
"""
_PUBLISHED = """
    [tenancy]
    root = "organization"
    column = "org_id"
    setting = "app.tenant_id"

    [[checks.suppress]]
    check = "RLS005"
    object = "notice.readers"
    reason = "published notices are for everybody"
    basis = "11904ecc664cf8c4"
"""
_LOG = "create table import_log (org_id uuid not null references organization (id), line text);"


def suppressions(facts: Facts) -> tuple[SuppressionUse, ...]:
    """The suppressions of the config."""
    return facts.suppressions


def judged_suppressions(facts: Facts) -> Iterator[SuppressionUse]:
    """Suppressions that hold, of checks that ran: the others cannot be told to be unused."""
    yield from (use for use in facts.suppressions if use.judged and not use.lapsed(facts.today))


@check(
    "SUP001",
    "A suppression is past its date",
    subjects=suppressions,
    severity=Severity.ERROR,
    needs="suppressions",
    why="Somebody accepted the risk until a day that has passed: it is open again, and nobody has decided anew.",
    bad=_LOG,
    good=_LOG,
    config=_ACCEPTED + '    expires = "2020-01-31"',
    good_config=_ACCEPTED + '    expires = "2999-12-31"',
    remediable=False,
    portable=True,
)
def expired(use: SuppressionUse, facts: Facts) -> Flaw | None:
    """A suppression is past its date, or its date cannot be read.

    Examined: every entry of ``checks.suppress``. On the day itself it still holds. Dates are written
    ``2027-06-30``; one that cannot be read holds no longer, so that a slip of the pen cannot accept
    a finding for ever. What it accepted is reported again.
    """
    if not use.lapsed(facts.today):
        return None
    if use.expires is None:
        message = f"The date {use.expires_text!r} of the suppression {_name(use)} cannot be read"
        observed, note = use.expires_text, "Write the date as 2027-06-30."
    else:
        message = f"The suppression {_name(use)} has expired"
        observed, note = (
            f"expired on {use.expires.isoformat()}",
            "Mend what it accepts, or decide anew and set a later date.",
        )
    return Flaw(
        message=message,
        expected="a date that is not past",
        observed=observed,
        remedy=Remedy(note=f"{note}{_accepted(use)}"),
    )


@check(
    "SUP002",
    "A suppression matches nothing",
    subjects=judged_suppressions,
    severity=Severity.WARNING,
    needs="suppressions",
    why="It silences the next finding of that name, which nobody has looked at.",
    bad=_LOG.replace("line text", "line text primary key"),
    good=_LOG,
    config=_ACCEPTED,
    remediable=False,
    portable=True,
)
def unused(use: SuppressionUse, _facts: Facts) -> Flaw | None:
    """A suppression accepts nothing that was found.

    Examined: entries of ``checks.suppress`` that hold, and whose check ran; what was not run cannot be
    told to be unused. Fails when no finding matched, because the defect is mended or the name is wrong.
    """
    if use.matched:
        return None
    return Flaw(
        message=f"The suppression {_name(use)} matches no finding",
        expected="a finding that it accepts",
        observed="no finding of that check and object",
        remedy=Remedy(
            note="Remove it, or correct its object: a name as the report writes it, * for any text."
        ),
    )


@check(
    "SUP003",
    "A suppression accepts what has changed since",
    subjects=judged_suppressions,
    severity=Severity.ERROR,
    needs="suppressions",
    why="Somebody accepted what the object let out then; what it lets out now, nobody has looked at.",
    bad=_NOTICES.replace("(published or", "(true or"),
    good=_NOTICES,
    config=_PUBLISHED,
    remediable=False,
    portable=True,
)
def outlived(use: SuppressionUse, _facts: Facts) -> Flaw | None:
    """A suppression names a basis, and none of the findings that it matches rests on that any more.

    Examined: entries of ``checks.suppress`` that hold, and whose check ran. The basis stands with the finding
    in the JSON report, and in the lines that a report proposes for accepting it: a digest of the object's
    definition, of the functions that it names, and of the row security, the policies and the app roles'
    privileges of its table. What was accepted is reported again.
    """
    if not use.basis or not use.matched or use.basis in use.bases:
        return None
    now = ", ".join(sorted(filter(None, use.bases))) or "none"
    return Flaw(
        message=f"What the suppression {_name(use)} accepts has changed since",
        expected=f"the basis {use.basis}",
        observed=now,
        remedy=Remedy(
            note=f"Look at the finding again: mend it, or decide anew and write its basis.{_accepted(use)}"
        ),
    )


def _accepted(use: SuppressionUse) -> str:
    owner = f" {use.owner} accepted it." if use.owner else ""
    return f"{owner} The reason given: {use.reason}"


def _name(use: SuppressionUse) -> str:
    return f"{use.check} {use.object}"
